//! Counts what happened: in all, by hour, and in up to 128 equal slices of time.
//!
//! The slices serve the confidence intervals and the charts over time. Their width doubles as the replay
//! goes on, so memory does not grow with the trace. A batch counts in the slice and hour in which it
//! starts.

mod bills;
mod tally;
mod time_series;

pub use self::bills::Bills;
pub use self::tally::{Requests, Tally};
pub use self::time_series::{Hour, Hours, Record, Slice, Slices, Stretch, Stretches, TimeSeries};

use super::observer::{Observer, StartedBatch};
use crate::numeric::histogram::Recording;
use crate::price::billing::BillingRule;
use crate::units::{Span, Time};

/// A stretch may have so many requests: its histogram counts in 32 bits.
pub const MOST_REQUESTS: u64 = 1 << 31;

/// The observer that counts.
#[derive(Debug)]
pub struct Recorder {
    rules: Rules,
    series: TimeSeries,
    stretches: Stretches,
    current: Recording,
    tally: Tally,
    current_at: Time,
    current_end: Time,
    sizes: Vec<u64>,
    bills: Bills,
    last_finish: Time,
}

/// What is counted, and how.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The bill of an invocation.
    pub billing: BillingRule,
    /// Requests that take longer are counted.
    pub slo: Span,
    /// Batches that start before this are left out.
    pub warmup: Time,
    /// A stretch with so many requests is closed, and another begins; at most [`MOST_REQUESTS`].
    pub stretch: u64,
}

impl Recorder {
    /// A recorder that has seen nothing.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            series: TimeSeries::default(),
            stretches: Stretches::default(),
            current: Recording::default(),
            tally: Tally::default(),
            current_at: Time::ZERO,
            current_end: Time::ZERO,
            sizes: Vec::new(),
            bills: Bills::default(),
            last_finish: Time::ZERO,
        }
    }

    /// Closes the series.
    pub fn into_record(mut self) -> Record {
        self.close_current();
        self.series.close()
    }

    /// What starts before this belongs to the open stretch.
    #[inline]
    pub(in crate::engine) fn open_until(&self) -> Time {
        if self.tally.requests >= self.rules.stretch { Time::ZERO } else { self.current_end }
    }

    /// So many batches of one request start that are like this one, which is the last of them, at different times of the open
    /// stretch. They are few beside what a stretch may have.
    pub(in crate::engine) fn started_alike(&mut self, batch: &StartedBatch, arrival: Time, count: u32) {
        let mut counts = self.current.counts();
        let requests =
            Requests::of(batch, &[arrival], self.rules.slo, |latency| counts.count_many(latency, count));
        self.current.touch(requests.longest, requests.longest);
        self.sizes.resize(self.sizes.len().max(1), 0);
        self.sizes[0] += u64::from(count);
        self.last_finish = self.last_finish.max(batch.finish());
        let billed = self.bills.of(1, batch, self.rules.billing);
        let mut one = Tally::default();
        one.enter(batch, billed, requests);
        self.tally.add(&one.times(u64::from(count)));
    }

    /// Opens the stretch that holds `now`.
    #[cold]
    fn open(&mut self, now: Time) {
        self.close_current();
        self.current_at = now;
        self.current_end = self.stretches.end(now);
    }

    fn close_current(&mut self) {
        if self.current_end == Time::ZERO {
            return;
        }
        let room = self.series.room();
        self.series.add(Stretch {
            at: self.current_at,
            tally: std::mem::take(&mut self.tally),
            latency: self.current.drain_into(room),
            sizes: std::mem::take(&mut self.sizes),
            last_finish: self.last_finish,
        });
    }
}

impl Observer for Recorder {
    #[inline]
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        if batch.started < self.rules.warmup {
            return;
        }
        if batch.started >= self.current_end || self.tally.requests >= self.rules.stretch {
            self.open(batch.started);
        }
        let mut counts = self.current.counts();
        let requests = Requests::of(batch, arrivals, self.rules.slo, |latency| counts.count(latency));
        let finish = batch.finish();
        self.current.touch(batch.answered().0 - arrivals[arrivals.len() - 1].0, requests.longest);
        if self.sizes.len() < arrivals.len() {
            self.sizes.resize(arrivals.len(), 0);
        }
        self.sizes[arrivals.len() - 1] += 1;
        self.last_finish = self.last_finish.max(finish);
        let billed = self.bills.of(arrivals.len(), batch, self.rules.billing);
        self.tally.enter(batch, billed, requests);
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        if now < self.rules.warmup {
            return;
        }
        if now >= self.current_end {
            self.open(now);
        }
        self.tally.reject(attempts, arrivals.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::observer::Cause;
    use crate::platform::Capacity;
    use crate::price::billing::InitBilling;
    use crate::units::MemoryMb;

    fn batch(started: u64) -> StartedBatch {
        StartedBatch {
            left: Time(started),
            cause: Cause::Timeout,
            started: Time(started),
            cold: false,
            init: Span::ZERO,
            capacity: Capacity::OnDemand,
            service: Span(1000),
            overhead: Span::ZERO,
            environment: None,
            memory: MemoryMb(1),
            concurrency: 1,
            attempts: 1,
        }
    }

    #[test]
    fn slices_stay_few_and_lose_nothing_over_any_length() {
        let billing = BillingRule { granule: Span::from_millis(1), init: InitBilling::Free };
        let mut recorder = Recorder::new(Rules { billing, slo: Span(1500), warmup: Time(10), stretch: 100 });
        let mut last = 0;
        // Ever longer gaps, from nanoseconds to years.
        for i in 0..3000_u64 {
            last += 1 << (i / 60);
            recorder.started(&batch(last), &[Time(last - last.min(1000))]);
        }
        let record = recorder.into_record();
        assert!(record.slices.len() as u64 <= 128);
        assert!(record.slices.windows(2).all(|w| w[0].number < w[1].number));
        assert!(record.slices.last().unwrap().number < 128);
        let skipped = 9; // started before the warm-up at 10 ns
        assert_eq!(record.total.tally.requests, 3000 - skipped);
        assert_eq!(record.total.latency.total(), 3000 - skipped);
        assert_eq!(record.hours.iter().map(|h| h.tally.requests).sum::<u64>(), 3000 - skipped);
        assert_eq!(record.sizes, [3000 - skipped]);
    }
}
