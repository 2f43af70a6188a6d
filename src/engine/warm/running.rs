//! How many batches run at once, where their finishes are known when they start.

use crate::units::{Span, Time};

/// A batch that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// When it started.
    pub at: Time,
    /// When it finishes.
    pub finish: Time,
}

/// Follows the most batches that run at once.
///
/// More than p run just after the start of batch k only if batch k - p or an earlier one still runs, and none runs
/// longer than `longest`: so a start within `longest` of the one p before is looked at, the others are not. Nor
/// are the next m starts after one at which p - m ran.
#[derive(Debug)]
pub struct BusyCount {
    longest: Span,
    /// In the order of their starts.
    at: Vec<Time>,
    finish: Vec<Time>,
    /// Those before have finished.
    oldest: usize,
    /// Those before have been seen.
    seen: usize,
    peak: usize,
    /// No start before can make a new peak.
    next_look: usize,
}

impl BusyCount {
    /// None runs; none will run longer than `longest`.
    pub fn new(longest: Span) -> BusyCount {
        let (at, finish) = (Vec::new(), Vec::new());
        BusyCount { longest, at, finish, oldest: 0, seen: 0, peak: 0, next_look: 0 }
    }

    /// Only `running` run, which came before.
    pub fn reset(&mut self, running: &[Started]) {
        self.at.clear();
        self.finish.clear();
        (self.oldest, self.peak) = (0, 0);
        self.at.extend(running.iter().map(|batch| batch.at));
        self.finish.extend(running.iter().map(|batch| batch.finish));
        self.pass();
    }

    /// Batches start at these times, in order. The caller adds to what is handed out, when they start, how long
    /// they take.
    pub fn start(&mut self, at: &[Time]) -> &mut [Time] {
        let before = self.at.len();
        self.at.extend_from_slice(at);
        self.finish.extend_from_slice(at);
        &mut self.finish[before..]
    }

    /// Leaves the batches that started since the last call out of the peak.
    pub fn pass(&mut self) {
        (self.seen, self.next_look) = (self.at.len(), self.at.len());
        self.forget();
    }

    /// Looks at the batches that started since the last call.
    pub fn see(&mut self) {
        let mut next = self.seen.max(self.next_look);
        while let Some(batch) = self.candidate(next) {
            self.look(batch, self.at[batch]);
            next = self.next_look;
        }
        self.seen = self.at.len();
        self.forget();
    }

    /// The first batch from `from` on that can make a new peak.
    fn candidate(&self, from: usize) -> Option<usize> {
        if self.peak == 0 {
            return (from < self.at.len()).then_some(from);
        }
        let from = from.max(self.peak);
        let (later, earlier) = (self.at.get(from..)?, &self.at[from - self.peak..]);
        let is_close = |(now, before): (&Time, &Time)| now.0 - before.0 < self.longest.0;
        later.iter().zip(earlier).position(is_close).map(|index| from + index)
    }

    /// The most that ran at once just after a start, of those seen since the last call.
    pub fn take_peak(&mut self) -> u64 {
        self.next_look = self.seen;
        std::mem::take(&mut self.peak) as u64
    }

    /// Counts those that run just after a start.
    fn look(&mut self, batch: usize, now: Time) {
        while self.oldest < batch && self.at[self.oldest] + self.longest <= now {
            self.oldest += 1;
        }
        let earlier = self.finish[self.oldest..batch].iter().filter(|finish| **finish > now).count();
        self.peak = self.peak.max(earlier + 1);
        self.next_look = batch + 1 + (self.peak - earlier - 1);
    }

    /// Drops what has finished, at most once a doubling.
    fn forget(&mut self) {
        let Some(now) = self.at.last().copied() else { return };
        self.oldest += self.at[self.oldest..self.seen].partition_point(|at| *at + self.longest <= now);
        if 2 * self.oldest > self.at.len() {
            self.at.drain(..self.oldest);
            self.finish.drain(..self.oldest);
            self.seen -= self.oldest;
            self.next_look = self.next_look.saturating_sub(self.oldest);
            self.oldest = 0;
        }
    }
}
