//! A share of a sweep, and the fingerprint by which shares of one sweep know each other.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::run::Mode;
use super::sum::Sum;
use crate::error::InputError;
use crate::outcome::Model;
use crate::scenario::Scenario;
use crate::scenario::workload::Source;

/// The `index`-th of `count` shares, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// 1 to `count`.
    pub index: u32,
    /// How many shares there are.
    pub count: u32,
}

/// The most shares: an indexed job of Kubernetes has no more.
pub const MOST_SHARDS: u32 = 100_000;

impl Shard {
    /// The whole.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// Its stretch of `items` things: the shares cover all, and differ by at most one in length.
    pub fn range(self, items: usize) -> Range<usize> {
        let cut = |index: u32| (items as u128 * u128::from(index) / u128::from(self.count)) as usize;
        cut(self.index - 1)..cut(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parsed = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parsed {
            Some((_, count)) if count > MOST_SHARDS => {
                Err(format!("{count} shards are more than {MOST_SHARDS}: give each more of the rows"))
            }
            Some((index, count)) if 1 <= index && index <= count => Ok(Shard { index, count }),
            Some((index, count)) => {
                Err(format!("shard {index} of {count}: expected 1/{count} to {count}/{count}"))
            }
            None => Err("expected I/N, such as 2/8 for the second of eight shards".to_owned()),
        }
    }
}

/// A number that changes with anything a sweep's figures depend on: the scenario, its profile, price book and schedule
/// as they were understood, its grid, the seed, the model, the build of the program, and the bytes of the trace, by
/// their `contents`. Comments do not count, nor does the folder of a trace.
pub fn fingerprint(scenario: &Scenario, model: Model, mode: Mode, contents: &str) -> String {
    let mut scenario = scenario.clone();
    if let Source::Trace(trace) = &mut scenario.workload.source {
        for path in &mut trace.spec.paths {
            *path = path.file_name().map(Into::into).unwrap_or_default();
        }
        trace.findings = Default::default();
    }
    // Its fields count as they were understood.
    scenario.written = Default::default();
    // What only `sim run` looks at.
    scenario.output = Default::default();
    scenario.replications = 1;
    let version = env!("SIM_VERSION");
    let sum = Sum::of(&format!("{version} {model:?} {mode:?} {contents} {scenario:?}"));
    format!("{:032x}", sum.value())
}

/// The check sum of the trace that a scenario replays; empty where it replays none.
///
/// # Errors
/// It cannot be read again and again, as a sweep does.
pub fn contents(scenario: &Scenario) -> Result<String, InputError> {
    let Source::Trace(trace) = &scenario.workload.source else { return Ok(String::new()) };
    contents_of(&scenario.name, &trace.spec.files()?)
}

/// The check sum of files that are read again and again.
///
/// # Errors
/// One of them cannot be.
pub fn contents_of(scenario: &str, files: &[PathBuf]) -> Result<String, InputError> {
    let mut sum = Sum::new();
    for path in files {
        add(scenario, path, &mut sum)?;
    }
    Ok(format!("{:032x}", sum.value()))
}

/// Adds the bytes of a trace's file.
fn add(scenario: &str, path: &Path, sum: &mut Sum) -> Result<(), InputError> {
    let failed = |e: std::io::Error| InputError::io(path, &e);
    if path == Path::new("-") {
        let message = "the trace is read many times, which standard input cannot";
        return Err(InputError::new(scenario, message).help("save the trace to a file"));
    }
    let data = std::fs::metadata(path).map_err(failed)?;
    if data.is_dir() {
        return Err(InputError::new(path.display().to_string(), "is a folder").help("name a trace file"));
    }
    if !data.is_file() {
        let message = "the trace is read many times, which a pipe or a device cannot";
        return Err(InputError::new(path.display().to_string(), message).help("save the trace to a file"));
    }
    std::io::copy(&mut File::open(path).map_err(failed)?, sum).map(|_| ()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_everything_once() {
        for (items, count) in [(980, 7), (3, 5), (0, 2), (1, 1)] {
            let ranges = (1..=count).map(|index| Shard { index, count }.range(items));
            assert_eq!(ranges.flatten().collect::<Vec<_>>(), (0..items).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_no_shard_is_refused() {
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for bad in ["0/4", "5/4", "3", "a/b", "1/0", "1/100001", "1/400000000", "1/5000000000"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
