//! A configuration whose requests are counted one by one: with random service times every batch has a factor of its own.

use super::kept::Kept;
use super::pool::{Book, Start};
use super::starts::Starts;
use crate::engine::record::{Batch, Cause, Observer};
use crate::engine::service::served;
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span};

/// A configuration's book.
pub struct EachBook<'a> {
    /// The mean service times.
    pub times: &'a ServiceTimes,
    /// The largest batch.
    pub largest: u32,
    /// With random service times, one a batch.
    pub factors: &'a [f64],
    /// Who counts.
    pub kept: &'a mut Kept,
}

impl Book for EachBook<'_> {
    #[inline(always)]
    fn service(&self, starts: &Starts<'_>, batch: usize) -> Span {
        let size = starts.sizes[batch];
        self.factors.get(batch).map_or_else(|| self.times.of(size), |luck| served(self.times, size, *luck))
    }

    #[inline(always)]
    fn started(&mut self, starts: &Starts<'_>, batch: usize, start: Start) {
        let shown = shown(starts, batch, start, (self.largest, self.times.memory));
        self.kept.started(&shown, starts.arrivals(batch));
    }
}

/// A batch as the engine shows it.
pub fn shown(starts: &Starts<'_>, batch: usize, start: Start, (largest, memory): (u32, MemoryMb)) -> Batch {
    let left = starts.batches.left[batch];
    Batch {
        left,
        cause: cause(starts.sizes[batch], largest),
        started: left,
        cold: start.cold,
        init: start.init,
        capacity: start.capacity,
        service: start.service,
        memory,
        concurrency: start.busy,
        attempts: 1,
    }
}

/// Why a batch left.
pub fn cause(size: u32, largest: u32) -> Cause {
    if size == largest { Cause::Full } else { Cause::Timeout }
}
