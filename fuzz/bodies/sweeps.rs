//! What an earlier sweep or run left: journals that are gone on with, shards that are merged, results that are compared.
//!
//! Check sums would keep a fuzzer from ever reaching what is behind them, so the first byte may ask that rows get right ones.

use std::collections::BTreeSet;
use std::io::Write as _;

use batchsim::report::diff::diff;
use batchsim::report::index;
use batchsim::scenario::Setting;
use batchsim::sweep::journal::Journal;
use batchsim::sweep::merge::Merge;
use batchsim::sweep::row::{Figures, Row};
use batchsim::sweep::sum::Sum;
use batchsim::sweep::table::{self, About, Part};
use batchsim::units::{MemoryMb, Span};

use crate::scratch;

/// The sweep that the journals among the inputs belong to.
pub fn part() -> Part {
    Part {
        fingerprint: "00".into(),
        shard: 1,
        of: 2,
        rows: 3,
        about: About {
            scenario: "s".into(),
            seed: 1,
            headline: "h".into(),
            model: "exact".into(),
            percentile: 95.0,
            slo_latency_s: Some(0.5),
            budget_usd_per_million: None,
            objective: String::new(),
            cold_starts: false,
            fitted: false,
            reading: Vec::new(),
        },
    }
}

/// A row that is there in the inputs for some batch sizes.
pub fn row(batch: u32, latency_s: f64) -> Row {
    Row {
        setting: Setting::new(MemoryMb(1024), batch, Span::from_millis(50)),
        predicted: Some(Figures { latency_s, usd_per_million: 1.5 }),
        simulated: Some(Figures { latency_s: 1.01 * latency_s, usd_per_million: 1.6 }),
        interval_s: Some([0.9 * latency_s, 1.1 * latency_s]),
        meets_slo: Some(batch > 1),
        counts: None,
    }
}

/// `content` as it is, or its lines as rows of `part` with right check sums.
fn rows_of(kind: u8, part: &Part, content: &[u8]) -> Vec<u8> {
    match kind & 3 {
        0 => content.to_owned(),
        1 => [table::head(part).as_bytes(), content].concat(),
        _ => {
            let text = String::from_utf8_lossy(content);
            let lines: String = text.lines().map(|line| part.signed(line) + "\n").collect();
            (table::head(part) + &lines).into_bytes()
        }
    }
}

/// What is refused stays as it was; only rows of the grid are taken, each once; a journal can be gone on with.
pub fn journal(data: &[u8]) {
    let [kind, content @ ..] = data else { return };
    let content = rows_of(*kind, &part(), content);
    let wanted: BTreeSet<Setting> = (1..=8).map(|batch| row(batch, 1.0).setting).collect();
    let path = scratch::file("sweep.partial.csv", &content);
    let Ok(journal) = Journal::resume(&path, &part(), |setting| wanted.contains(setting)) else {
        assert_eq!(std::fs::read(&path).expect("the journal"), content, "what was refused was changed");
        return;
    };
    let before = journal.rows();
    let settings: BTreeSet<Setting> = before.iter().map(|row| row.setting).collect();
    assert!(settings.len() == before.len() && settings.is_subset(&wanted), "{before:?}");
    let lines = content.iter().filter(|byte| **byte == b'\n').count();
    assert!(
        before.is_empty() || lines == 2 + before.len() + journal.dropped(),
        "a line is not accounted for"
    );
    let new = (1..=8).map(|batch| row(batch, 0.25)).find(|row| !settings.contains(&row.setting));
    let Some(new) = new else { return };
    journal.add(&[new]).expect("a row is kept");
    let again = Journal::resume(&path, &part(), |setting| wanted.contains(setting))
        .expect("the journal is still one")
        .rows();
    assert_eq!(again, [before, vec![new]].concat());
}

/// Shards are merged whole or not at all, and what is merged is written as it was.
pub fn merge(data: &[u8]) {
    let [kind, content @ ..] = data else { return };
    // Two shards, cut where the input says.
    let cut = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
    let (first, second) = (&content[..cut], content.get(cut + 1..).unwrap_or_default());
    let mut merge = Merge::default();
    for (shard, content) in [(1, first), (2, second)] {
        let lines = content.iter().filter(|byte| **byte == b'\n').count();
        let part = Part { shard, rows: lines, ..part() };
        let mut text = rows_of(kind >> (shard - 1), &part, content);
        if kind & 128 == 0 {
            let mut sum = Sum::new();
            sum.add(&text);
            let _ = writeln!(text, "# end: {lines} rows, {:032x}", sum.value());
        }
        if merge.add("part.csv", &text[..]).is_err() {
            return;
        }
    }
    let Ok((part, rows)) = merge.finish() else { return };
    for figures in rows.iter().flat_map(|row| [row.predicted, row.simulated]).flatten() {
        assert!(figures.latency_s.is_finite() && figures.usd_per_million.is_finite(), "{figures:?}");
    }
    let part = Part { rows: rows.len(), ..part };
    let written = table::whole(&part, &rows);
    let again = table::read("part.csv", written.as_bytes()).expect("what was written is read");
    assert_eq!(again, (part.clone(), rows.clone()));
    let (all, front) = table::csv(&rows, part.about.percentile);
    assert_eq!(all.lines().count(), 1 + rows.len());
    assert!(rows.is_empty() || front.lines().count() > 1, "a front without a row");
    assert_eq!(
        table::read_whole("sweep.csv", all.as_bytes()).expect("what was written is read").len(),
        rows.len()
    );
}

/// Two results, or what stands in their place, give a difference or an error; so does the page of all results.
pub fn compare(data: &[u8]) {
    let [kind, content @ ..] = data else { return };
    let cut = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
    let (first, second) = (&content[..cut], content.get(cut + 1..).unwrap_or(content));
    let name = ["summary.json", "sweep.csv", "plan.json", "compare.json", "fit.json", "max-rate.json"]
        [usize::from(*kind) % 6];
    let a = scratch::file(&format!("a-{name}"), first);
    let b = scratch::file(&format!("b-{name}"), second);
    if let Ok(found) = diff(&a, &b) {
        serde_json::from_str::<serde_json::Value>(&found.json()).expect("JSON");
        assert!(found.text().ends_with('\n'));
    }
    let all = scratch::file(&format!("results/{name}"), first);
    let root = all.parent().expect("a folder");
    index::write(root).expect("a page");
    let page = std::fs::read_to_string(root.join("index.html")).expect("the page");
    assert!(page.ends_with("</html>\n"));
    std::fs::remove_file(all).expect("the result");
}
