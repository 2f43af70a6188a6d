//! Every TOML document up to its validated value. The first byte chooses the kind; in a scenario, what follows
//! a zero byte is an override (`--set`).

use batchsim::arrivals::map::Map;
use batchsim::arrivals::schedule::{Process, Schedule};
use batchsim::error::InputError;
use batchsim::outcome::Model;
use batchsim::price::Book;
use batchsim::profile::Profile;
use batchsim::profile::file::{Measurement, text};
use batchsim::profile::instance::InstanceProfile;
use batchsim::scenario::Scenario;
use batchsim::scenario::workload::Source;
use batchsim::sweep::run::Mode;
use batchsim::sweep::shard::fingerprint;

use crate::scratch;

/// No panic; what is accepted can be used.
pub fn check(data: &[u8]) {
    let [kind, content @ ..] = data else { return };
    match kind & 7 {
        0..=3 => scenario(content),
        4 => refused(Schedule::read(&scratch::file("schedule.toml", content)).map(|schedule| {
            schedule.segments.iter().for_each(|segment| drawable(&segment.process));
        })),
        5 => refused(Profile::read(&scratch::file("profile.toml", content)).map(|p| profile(&p))),
        6 => refused(Book::read(&scratch::file("book.toml", content)).map(drop)),
        _ => refused(InstanceProfile::read(&scratch::file("instance.toml", content)).map(|instance| {
            let all = instance.at(instance.largest_batch());
            assert!(all.is_ok() || instance.at(1).is_err());
        })),
    }
}

fn refused(result: Result<(), InputError>) {
    if let Err(error) = result {
        assert!(!error.message.is_empty() && !error.file.is_empty(), "{error}");
    }
}

fn drawable(process: &Process) {
    match process {
        Process::Map(map) => usable(map),
        Process::Renewal(renewal) => assert!(renewal.rate() > 0.0),
        Process::Silent => (),
    }
}

fn scenario(content: &[u8]) {
    let mut parts = content.split(|byte| *byte == 0);
    let path = scratch::file("scenario.toml", parts.next().unwrap_or_default());
    let overrides: Vec<String> = parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    refused(Scenario::read(&path, &overrides).map(|scenario| {
        assert!(scenario.service(scenario.setting()).is_ok());
        profile(&scenario.profile);
        match &scenario.workload.source {
            Source::Process(map) => usable(map),
            Source::Schedule(schedule) => schedule.segments.iter().for_each(|s| drawable(&s.process)),
            Source::Renewal(_) | Source::Trace(_) | Source::Memory(_) | Source::Closed(_) => (),
        }
        if let Some(grid) = &scenario.sweep {
            assert!(grid.len() <= 10_000_000, "{} configurations", grid.len());
        }
        assert_eq!(fingerprint(&scenario, Model::default(), Mode::Predict, "").len(), 32);
    }));
}

fn usable(map: &Map) {
    let law = map.phase_law();
    assert!((law.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{map:?}: {law:?}");
    let rate = map.rate();
    assert!(rate > 0.0 && rate.is_finite(), "{map:?}: {rate}");
    assert!(map.embedded().cells().iter().all(|p| p.is_finite()), "{map:?}");
}

/// It covers what it says, and reads back from what is written.
fn profile(profile: &Profile) {
    let largest = *profile.batch.last().expect("a profile has a batch size");
    for memory in &profile.memory_mb {
        let at = profile.at(batchsim::units::MemoryMb(*memory), largest);
        assert!(profile.batch[0] > 1 || at.is_ok());
    }
    let written = text(profile, &Measurement::default());
    let again = Profile::read(&scratch::file("written.toml", written.as_bytes()));
    let again = again.unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!((&again.memory_mb, &again.batch), (&profile.memory_mb, &profile.batch));
}
