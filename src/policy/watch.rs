//! The traffic as the adaptive policy has seen it: counts by second.

use std::collections::VecDeque;

use crate::units::{Span, Time};

/// Nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;
/// What is recent [s]: a change of the rate shows in it.
pub(super) const RECENT_S: usize = 300;

/// Counts by second of the last stretch of time.
pub(super) struct Watch {
    keep: usize,
    counts: VecDeque<u32>,
    current: u32,
    /// The end of the second that is being counted [ns].
    end: u64,
}

impl Watch {
    pub fn new(keep: Span) -> Watch {
        Watch { keep: seconds(keep).max(RECENT_S), counts: VecDeque::new(), current: 0, end: SECOND }
    }

    #[inline]
    pub fn count(&mut self, now: Time) {
        if now.0 >= self.end {
            self.advance(now);
        }
        self.current += 1;
    }

    /// Closes the seconds that are over at `now`.
    pub fn advance(&mut self, now: Time) {
        while now.0 >= self.end {
            if self.counts.len() == self.keep {
                self.counts.pop_front();
            }
            self.counts.push_back(std::mem::take(&mut self.current));
            self.end += SECOND;
        }
    }

    /// The last `n` seconds that are over, or as many as there were.
    pub fn last(&self, n: usize) -> Vec<u32> {
        self.counts.iter().skip(self.counts.len().saturating_sub(n)).copied().collect()
    }
}

/// The whole seconds in a span, at least one.
pub(super) fn seconds(span: Span) -> usize {
    (span.0 / SECOND).max(1) as usize
}

/// The mean count.
pub(super) fn mean(counts: &[u32]) -> f64 {
    let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    sum as f64 / counts.len().max(1) as f64
}
