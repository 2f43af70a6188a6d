//! Named random streams of one seed.
//!
//! Each purpose (arrivals, service, retries, ...) draws from a stream of its own, so that a change of
//! policy leaves the arrivals as they were: common random numbers.

use rand::Rng;
use rand::SeedableRng;
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// The generator of every stream.
pub type Stream = Xoshiro256PlusPlus;

/// The source of all streams of one replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The streams of the `index`-th replication or part; independent of the others.
    pub fn part(self, index: u64) -> Streams {
        Streams { seed: mix(self.seed ^ mix(index ^ 0x9E37_79B9_7F4A_7C15)) }
    }

    /// The stream for one purpose.
    pub fn stream(self, purpose: &str) -> Stream {
        // FNV-1a of the name; SplitMix64 then spreads seed and name over the whole state.
        let name = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Stream::seed_from_u64(mix(self.seed) ^ mix(name))
    }
}

fn mix(value: u64) -> u64 {
    SplitMix64::seed_from_u64(value).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_name_part_and_seed_and_repeat() {
        let first = |s: Streams, name: &str| s.stream(name).next_u64();
        let base = Streams::new(7);
        assert_eq!(first(base, "arrivals"), first(Streams::new(7), "arrivals"));
        let all = [
            first(base, "arrivals"),
            first(base, "service"),
            first(base.part(0), "arrivals"),
            first(base.part(1), "arrivals"),
            first(Streams::new(8), "arrivals"),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
