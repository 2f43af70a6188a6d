//! What comes from other programs or an earlier run: logs and tables of measurements, parts of a sweep.
//! The first byte chooses the reader.

use std::path::PathBuf;

use batchsim::profile::Profile;
use batchsim::profile::file::text;
use batchsim::profile::import::lambda_logs::BatchSize;
use batchsim::profile::import::{Observations, lambda_logs, power_tuning, raw_csv, triton};
use batchsim::scenario::Setting;
use batchsim::sweep::journal::Journal;
use batchsim::sweep::row::{Figures, Row};
use batchsim::sweep::table::{self, About, Part};
use batchsim::units::{MemoryMb, Span};

use crate::scratch;

/// No panic; a profile that is made can be read; rows come back as they were; a journal can be gone on with.
pub fn check(data: &[u8]) {
    let [reader, content @ ..] = data else { return };
    let file = |name| scratch::file(name, content);
    match reader & 7 {
        0 => calls(file("fixed.log"), &BatchSize::Fixed(4)),
        1 | 2 => calls(file("own.log"), &BatchSize::Field("batch".into())),
        3 => observations(power_tuning::read(&file("tuning.json"), 4).ok()),
        4 => observations(raw_csv::read(&file("raw.csv")).ok()),
        5 => rows(&String::from_utf8_lossy(content)),
        7 => observations(triton::read(&file("perf.csv"), Some(4), Some(1024)).ok()),
        _ => journal(content),
    }
}

/// Every call is used or skipped with its reason, and no file is passed over without a word.
fn calls(file: PathBuf, batch: &BatchSize) {
    let Ok(calls) = lambda_logs::read(&[file], batch) else { return };
    let found = calls.observations(Some(512));
    let skipped: usize = found.skipped.values().sum();
    let before: usize = calls.skipped.values().sum();
    assert_eq!(found.found.len() + skipped, calls.calls.len() + before, "a call was lost");
    assert!(found.found.len() + skipped + found.others.len() > 0, "nothing was said");
    let (starts, missing) = calls.starts();
    assert_eq!(starts.len() + missing, calls.calls.len());
    observations(Some(found));
}

fn observations(found: Option<Observations>) {
    let Some(found) = found else { return };
    let Ok((profile, measurement)) = found.profile("m", "file") else { return };
    let written = text(&profile, &measurement);
    let again = Profile::read(&scratch::file("imported.toml", written.as_bytes()));
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!((&again.memory_mb, &again.batch), (&profile.memory_mb, &profile.batch));
}

fn rows(content: &str) {
    let Ok((part, rows)) = table::read("part.csv", content) else { return };
    for figures in rows.iter().flat_map(|row| [row.predicted, row.simulated]).flatten() {
        assert!(figures.latency_s.is_finite() && figures.usd_per_million.is_finite(), "{figures:?}");
    }
    let written = table::head(&part) + &table::lines(&rows);
    let (part_again, rows_again) = table::read("part.csv", &written).expect("what was written is read");
    assert_eq!((part_again, rows_again), (part.clone(), rows.clone()));
    let (all, front) = table::csv(&rows, part.about.percentile);
    assert_eq!(all.lines().count(), 1 + rows.len());
    assert!(rows.is_empty() || front.lines().count() > 1, "a front without a row");
}

/// The sweep that the journals among the inputs belong to.
pub fn part() -> Part {
    Part {
        fingerprint: "00".into(),
        shard: 1,
        of: 1,
        rows: 8,
        about: About {
            scenario: "s".into(),
            seed: 1,
            headline: "h".into(),
            model: "exact".into(),
            percentile: 95.0,
            slo_latency_s: Some(0.5),
            objective: String::new(),
            cold_starts: false,
            fitted: false,
            reading: Vec::new(),
        },
    }
}

fn journal(content: &[u8]) {
    let path = scratch::file("sweep.partial.csv", content);
    let Ok(journal) = Journal::resume(&path, &part()) else {
        assert_eq!(std::fs::read(&path).expect("the journal"), content, "what was refused was changed");
        return;
    };
    let figures = Figures { latency_s: 0.25, usd_per_million: 2.5 };
    let setting = Setting::new(MemoryMb(1024), 4, Span::from_millis(5));
    let row = Row {
        setting,
        predicted: None,
        simulated: Some(figures),
        interval_s: Some([1.0, 2.0]),
        meets_slo: Some(true),
    };
    let before = journal.rows();
    journal.add(&[row]).expect("a row is kept");
    let again = Journal::resume(&path, &part()).expect("the journal is still one").rows();
    assert_eq!(again, [before, vec![row]].concat());
}
