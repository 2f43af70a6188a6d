//! What comes from other programs: logs and tables of measurements. The first byte chooses the reader.

use std::path::PathBuf;

use batchsim::profile::Profile;
use batchsim::profile::file::text;
use batchsim::profile::import::lambda_logs::BatchSize;
use batchsim::profile::import::{Observations, lambda_logs, power_tuning, raw_csv, triton};

use crate::scratch;

/// No panic; a profile that is made can be read.
pub fn check(data: &[u8]) {
    let [reader, content @ ..] = data else { return };
    let file = |name| scratch::file(name, content);
    match reader & 7 {
        0 => calls(file("fixed.log"), &BatchSize::Fixed(4)),
        1 | 2 => calls(file("own.log"), &BatchSize::Field("batch".into())),
        3 => observations(power_tuning::read(&file("tuning.json"), 4).ok()),
        7 => observations(triton::read(&file("perf.csv"), Some(4), Some(1024)).ok()),
        _ => observations(raw_csv::read(&file("raw.csv")).ok()),
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
