//! How many batches run at once, where all of a size take the same time.

use std::collections::VecDeque;

use crate::units::{Span, Time};

/// A batch that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// When it started.
    pub at: Time,
    /// Its requests.
    pub size: usize,
}

/// Follows the most batches that run at once.
///
/// Batches of one size finish in the order of their starts, so a queue for each size takes the place of a heap.
/// While fewer run than the peak, the next few starts cannot make a new one: finishes are looked at only when
/// they could matter.
#[derive(Debug)]
pub struct Running {
    service: Vec<Span>,
    /// When the batches of each size finish.
    finishes: Vec<VecDeque<Time>>,
    /// No batch finishes earlier.
    soonest: Time,
    /// Batches in the queues: an upper bound of those that run.
    queued: u64,
    peak: u64,
    /// So many batches can start before the peak may be passed.
    credit: u64,
}

impl Running {
    /// None runs; a batch of n takes `service[n - 1]`.
    pub fn new(service: Vec<Span>) -> Running {
        let finishes = vec![VecDeque::new(); service.len()];
        Running { service, finishes, soonest: Time::NEVER, queued: 0, peak: 0, credit: 0 }
    }

    /// Only `running` run. They come in the order of their starts.
    pub fn reset(&mut self, running: &[Started]) {
        self.finishes.iter_mut().for_each(VecDeque::clear);
        (self.soonest, self.queued, self.peak, self.credit) = (Time::NEVER, 0, 0, 0);
        running.iter().for_each(|batch| self.push(*batch));
    }

    /// A batch starts. Starts come in the order of time.
    #[inline(always)]
    pub fn start(&mut self, batch: Started) {
        if self.credit > 0 {
            self.credit -= 1;
            self.push(batch);
        } else {
            self.look(batch.at);
            self.push(batch);
            self.peak = self.peak.max(self.queued);
            self.credit = self.peak - self.queued;
        }
    }

    /// The most that ran at once just after a start since the last call.
    pub fn take_peak(&mut self) -> u64 {
        self.credit = 0;
        std::mem::take(&mut self.peak)
    }

    #[inline(always)]
    fn push(&mut self, batch: Started) {
        let finish = batch.at + self.service[batch.size - 1];
        self.soonest = self.soonest.min(finish);
        self.queued += 1;
        self.finishes[batch.size - 1].push_back(finish);
    }

    /// Takes out the batches that have finished by `now`.
    fn look(&mut self, now: Time) {
        if now < self.soonest {
            return;
        }
        self.soonest = Time::NEVER;
        for queue in &mut self.finishes {
            while queue.front().is_some_and(|finish| *finish <= now) {
                queue.pop_front();
                self.queued -= 1;
            }
            self.soonest = queue.front().map_or(self.soonest, |finish| self.soonest.min(*finish));
        }
    }
}
