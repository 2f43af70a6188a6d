//! What runs, by when it finishes.

use super::lambda::idle::Environment;
use crate::numeric::lanes::{Due, Lanes};
use crate::units::Time;

/// Invocations that run.
///
/// Those that run for the same length finish in the order in which they start. So where service times are fixed, each length,
/// that of a batch size with or without initialisation, has a lane.
#[derive(Debug, Clone, Default)]
pub struct Running {
    busy: u64,
    /// When each finishes, and which: in the order of time, then of numbers.
    finishes: Lanes<(Time, Environment)>,
}

impl Due for (Time, Environment) {
    const NEVER: Self = (Time::NEVER, Environment { number: u32::MAX, born: Time::NEVER });

    #[inline]
    fn due(&self) -> u64 {
        self.0.0
    }
}

impl Running {
    /// How many run.
    #[inline]
    pub fn busy(&self) -> u64 {
        self.busy
    }

    /// Takes out the next that has finished by `now`, with when it did; of several the one with the least number.
    #[inline]
    pub fn next_finished(&mut self, now: Time) -> Option<(Time, Environment)> {
        if self.finishes.head().0 > now || self.busy == 0 {
            return None;
        }
        self.busy -= 1;
        Some(self.finishes.take())
    }

    /// Adds an environment that is busy from `now` to `until`. Calls come in the order of time.
    #[inline]
    pub fn start(&mut self, now: Time, until: Time, environment: Environment) {
        self.busy += 1;
        self.finishes.push(until.since(now).0, (until, environment));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::Span;

    proptest! {
        /// Few lengths, many, and so many that queues are given up: what finishes is what a sorted list has.
        #[test]
        fn finishes_come_as_from_a_sorted_list(
            lengths in 1_u64..400,
            starts in prop::collection::vec((0_u64..3, any::<u64>(), 0_u32..5), 0..600),
        ) {
            let mut running = Running::default();
            let mut listed: Vec<(Time, Environment)> = Vec::new();
            let mut now = Time::ZERO;
            for (gap, length, number) in starts {
                let environment = Environment { number, born: Time::ZERO };
                now += Span(gap);
                loop {
                    let next = listed.iter().copied().min().filter(|(finish, _)| *finish <= now);
                    prop_assert_eq!(running.next_finished(now), next);
                    let Some(next) = next else { break };
                    listed.remove(listed.iter().position(|other| *other == next).unwrap());
                }
                let until = now + Span(length % lengths);
                running.start(now, until, environment);
                listed.push((until, environment));
                prop_assert_eq!(running.busy(), listed.len() as u64);
            }
            listed.sort_unstable();
            let rest: Vec<(Time, Environment)> = std::iter::from_fn(|| running.next_finished(Time::NEVER)).collect();
            prop_assert_eq!(rest, listed);
        }
    }
}
