//! Which batches are counted, and in which stretch of time.

use super::cut::Batches;
use crate::engine::recorder::Stretches;
use crate::units::Time;

/// Cuts batches, which come in the order of time, into stretches.
#[derive(Debug)]
pub struct Frame {
    warmup: Time,
    /// A stretch has no more requests, but for those of one block.
    most: u64,
    stretches: Stretches,
    /// When the open stretch began to be counted, and where it ends.
    pub at: Time,
    end: Time,
    requests: u64,
}

impl Frame {
    /// Nothing before `warmup` is counted.
    pub fn new(warmup: Time, most: u64) -> Frame {
        let (at, end) = (Time::ZERO, Time::ZERO);
        Frame { warmup, most, stretches: Stretches::default(), at, end, requests: 0 }
    }

    /// The batches that leave before the end of the warm-up, and the others.
    pub fn warm<'a, A: Copy>(&self, batches: Batches<'a, A>) -> (Batches<'a, A>, Batches<'a, A>) {
        let skipped = batches.left.partition_point(|left| *left < self.warmup);
        batches.split_at(skipped)
    }

    /// Whether a batch that leaves then belongs to another stretch than the open one.
    pub fn is_over(&self, left: Time) -> bool {
        left >= self.end || self.requests >= self.most
    }

    /// Opens the stretch of a batch that leaves then.
    pub fn open(&mut self, left: Time) {
        (self.at, self.end) = (left, self.stretches.end(left));
    }

    /// Takes out the batches that leave in the open stretch.
    pub fn take<'a, A: Copy>(&mut self, rest: &mut Batches<'a, A>) -> Batches<'a, A> {
        let within = rest.left.partition_point(|left| *left < self.end);
        let (now, later) = rest.split_at(within);
        self.requests += (later.first - now.first) as u64;
        *rest = later;
        now
    }

    /// No stretch is open.
    pub fn close(&mut self) {
        (self.end, self.requests) = (Time::ZERO, 0);
    }
}
