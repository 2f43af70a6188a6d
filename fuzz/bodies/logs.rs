//! What comes from other programs: logs and tables of measurements. The first byte chooses the reader.

use batchsim::profile::Profile;
use batchsim::profile::file::text;
use batchsim::profile::import::lambda_logs::BatchSize;
use batchsim::profile::import::{Observations, lambda_logs, power_tuning, raw_csv};

use crate::scratch;

/// No panic; a profile that is made can be read.
pub fn check(data: &[u8]) {
    let [reader, content @ ..] = data else { return };
    let file = |name| scratch::file(name, content);
    match reader & 7 {
        0 => observations(lambda_logs::read(&file("fixed.log"), &BatchSize::Fixed(4)).ok()),
        1 | 2 => observations(lambda_logs::read(&file("own.log"), &BatchSize::Field("batch".into())).ok()),
        3 => observations(power_tuning::read(&file("tuning.json"), 4).ok()),
        _ => observations(raw_csv::read(&file("raw.csv")).ok()),
    }
}

fn observations(found: Option<Observations>) {
    let Some(found) = found else { return };
    let Ok((profile, measurement)) = found.profile("m", "file") else { return };
    let written = text(&profile, &measurement);
    let again = Profile::read(&scratch::file("imported.toml", written.as_bytes()));
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!((&again.memory_mb, &again.batch), (&profile.memory_mb, &profile.batch));
}
