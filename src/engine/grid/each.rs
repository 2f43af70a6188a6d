//! A configuration whose requests are counted one by one: with random service times every batch has a factor of its own.

use super::kept::Kept;
use super::pool::{Ledger, Start};
use super::starts::Starts;
use crate::engine::observer::{Cause, Observer, StartedBatch};
use crate::engine::service::{Luck, served};
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span};

/// A configuration's book.
pub struct EachBook<'a> {
    /// The mean service times.
    pub times: &'a ServiceTimes,
    /// The largest batch.
    pub largest: u32,
    /// With random service times or an overhead, one a batch.
    pub luck: &'a [Luck],
    /// Who counts.
    pub kept: &'a mut Kept,
}

impl Ledger for EachBook<'_> {
    #[inline(always)]
    fn service(&self, starts: &Starts<'_>, batch: usize) -> Span {
        drawn(self.times, starts.sizes[batch], self.luck.get(batch)).0
    }

    #[inline(always)]
    fn started(&mut self, starts: &Starts<'_>, batch: usize, start: Start) {
        let overhead = self.luck.get(batch).map_or(Span::ZERO, |luck| luck.overhead);
        let shown =
            StartedBatch { overhead, ..shown(starts, batch, start, (self.largest, self.times.memory)) };
        self.kept.started(&shown, starts.arrivals(batch));
    }
}

/// The service time of a batch of `n`, and its overhead.
#[inline(always)]
pub fn drawn(times: &ServiceTimes, n: u32, luck: Option<&Luck>) -> (Span, Span) {
    luck.map_or_else(|| (times.of(n), Span::ZERO), |luck| (served(times, n, luck.service), luck.overhead))
}

/// A batch as the engine shows it, without an overhead.
pub fn shown(
    starts: &Starts<'_>,
    batch: usize,
    start: Start,
    (largest, memory): (u32, MemoryMb),
) -> StartedBatch {
    let left = starts.batches.left[batch];
    StartedBatch {
        left,
        cause: cause(starts.sizes[batch], largest),
        started: left,
        cold: start.cold,
        init: start.init,
        capacity: start.capacity,
        service: start.service,
        overhead: Span::ZERO,
        environment: None,
        memory,
        concurrency: start.busy,
        attempts: 1,
    }
}

/// Why a batch left.
pub fn cause(size: u32, largest: u32) -> Cause {
    if size == largest { Cause::Full } else { Cause::Timeout }
}
