//! A share of a sweep, and the fingerprint by which shares of one sweep know each other.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::run::Mode;
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
            Some((index, count)) if 1 <= index && index <= count => Ok(Shard { index, count }),
            Some((index, count)) => {
                Err(format!("shard {index} of {count}: expected 1/{count} to {count}/{count}"))
            }
            None => Err("expected I/N, such as 2/8 for the second of eight shards".to_owned()),
        }
    }
}

/// A number that changes with anything a sweep's figures depend on: the scenario, its grid, the seed, the model,
/// the version of the program. The folder of a trace does not count, but its name and `trace_bytes` do.
pub fn fingerprint(scenario: &Scenario, model: Model, mode: Mode, trace_bytes: u64) -> String {
    let mut scenario = scenario.clone();
    if let Source::Trace(trace) = &mut scenario.workload.source {
        for path in &mut trace.spec.paths {
            *path = path.file_name().map(Into::into).unwrap_or_default();
        }
    }
    // Its fields count as they were understood.
    scenario.written = Default::default();
    // What only `sim run` looks at.
    scenario.output = Default::default();
    scenario.replications = 1;
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("{version} {model:?} {mode:?} {trace_bytes} {scenario:?}");
    // FNV-1a, 128 bits.
    let hash = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("{hash:032x}")
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
        for bad in ["0/4", "5/4", "3", "a/b", "1/0"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
