//! What finishes after the batches seen so far, by windows of time.
//!
//! A stretch of batches looks only at the windows that begin before it ends. So a hundred thousand busy environments are not looked
//! at again with every few thousand batches.

use std::collections::BTreeMap;

use super::pool::Run;
use crate::units::Time;

/// Windows are no narrower [ns].
const NARROWEST: u64 = 1 << 20;

/// Finishes in windows of time, which may overlap.
#[derive(Debug, Default)]
pub struct Later {
    /// By where they begin: what is in one finishes then or later.
    windows: BTreeMap<u64, Vec<Run>>,
    /// The one that was used last, and where it begins and ends.
    recent: Vec<Run>,
    from: u64,
    until: u64,
    width: u64,
}

impl Later {
    /// From now on windows are about as wide as a stretch of batches.
    pub fn suit(&mut self, left: &[Time]) {
        let span = left.first().zip(left.last()).map_or(0, |(first, last)| last.0 - first.0);
        self.width = span.max(NARROWEST).checked_next_power_of_two().unwrap_or(1 << 63);
    }

    /// Adds what finishes later.
    #[inline]
    pub fn push(&mut self, run: Run) {
        if !(self.from..self.until).contains(&run.finish.0) {
            self.turn(run.finish.0);
        }
        self.recent.push(run);
    }

    /// Turns to the window that holds a time.
    #[cold]
    fn turn(&mut self, time: u64) {
        self.put_back();
        self.from = time / self.width * self.width;
        self.until = self.from.saturating_add(self.width);
        self.recent = self.windows.remove(&self.from).unwrap_or_default();
    }

    fn put_back(&mut self) {
        if !self.recent.is_empty() {
            self.windows.entry(self.from).or_default().append(&mut self.recent);
        }
        self.until = self.from;
    }

    /// Takes out the windows that begin by a time.
    pub fn take(&mut self, by: Time, taken: &mut Vec<Run>) {
        self.put_back();
        while let Some(window) = self.windows.first_entry().filter(|window| *window.key() <= by.0) {
            taken.append(&mut window.remove());
        }
    }

    /// All of them.
    pub fn into_runs(mut self) -> Vec<Run> {
        self.put_back();
        self.windows.into_values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::platform::Capacity;

    proptest! {
        /// Every finish is taken once, no later than the stretch in which it falls.
        #[test]
        fn nothing_is_lost_and_nothing_comes_late(
            stretches in prop::collection::vec(
                (0_u64..1 << 34, prop::collection::vec(0_u64..1 << 36, 0..9)), 1..30),
        ) {
            let (mut later, mut now, mut waiting) = (Later::default(), 0, Vec::new());
            for (span, services) in stretches {
                let end = now + span;
                let mut taken = Vec::new();
                later.take(Time(end), &mut taken);
                for run in &taken {
                    let at = waiting.iter().position(|finish| *finish == run.finish.0);
                    waiting.remove(at.expect("it waits, and was not taken before"));
                }
                prop_assert!(waiting.iter().all(|finish| *finish > end));
                later.suit(&[Time(now), Time(end)]);
                let again = taken.iter().map(|run| run.finish.0).filter(|finish| *finish > end);
                for finish in again.chain(services.into_iter().map(|service| end + 1 + service)) {
                    waiting.push(finish);
                    later.push(Run { finish: Time(finish), capacity: Capacity::OnDemand });
                }
                now = end;
            }
            let mut rest: Vec<u64> = later.into_runs().iter().map(|run| run.finish.0).collect();
            rest.sort_unstable();
            waiting.sort_unstable();
            prop_assert_eq!(rest, waiting);
        }
    }
}
