//! A configuration with random service times: every batch has a factor of its own, so all requests are counted.

use super::pool::{Book, Start};
use super::starts::Starts;
use super::totals::Totals;
use crate::engine::record::{Batch, Cause, Observer};
use crate::engine::service::scaled;
use crate::profile::ServiceTimes;
use crate::units::Span;

/// A configuration's book.
pub struct DrawnBook<'a> {
    /// The mean service times.
    pub times: &'a ServiceTimes,
    /// The largest batch.
    pub largest: u32,
    /// One a batch.
    pub factors: &'a [f64],
    /// What is counted.
    pub totals: &'a mut Totals,
}

impl Book for DrawnBook<'_> {
    #[inline(always)]
    fn service(&self, starts: &Starts<'_>, batch: usize) -> Span {
        scaled(self.times.of(starts.sizes[batch]), self.factors[batch])
    }

    #[inline(always)]
    fn started(&mut self, starts: &Starts<'_>, batch: usize, start: Start) {
        let left = starts.batches.left[batch];
        let batch_started = Batch {
            left,
            cause: cause(starts.sizes[batch], self.largest),
            started: left,
            cold: start.cold,
            init: start.init,
            capacity: start.capacity,
            service: start.service,
            memory: self.times.memory,
            concurrency: start.busy,
            attempts: 1,
        };
        self.totals.started(&batch_started, starts.arrivals(batch));
    }
}

/// Why a batch left.
pub fn cause(size: u32, largest: u32) -> Cause {
    if size == largest { Cause::Full } else { Cause::Timeout }
}
