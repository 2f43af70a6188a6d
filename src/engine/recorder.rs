//! Counts what happened: in all, by hour, and in up to 128 equal slices of time.
//!
//! The slices serve the confidence intervals and the charts over time. Their width doubles as the replay
//! goes on, so memory does not grow with the trace. A batch counts in the slice and hour in which it
//! starts.

use super::fleet::rental::Rental;
use super::record::{Batch, Cause, Observer};
use crate::numeric::histogram::{Histogram, Recording};
use crate::platform::Capacity;
use crate::platform::lambda::billing::BillingRule;
use crate::units::{Span, Time};

/// At most this many slices; at least half as many once the replay is long enough.
const SLICES: u64 = 128;
const FIRST_WIDTH: Span = Span(1 << 20);
const HOUR: Span = Span::from_secs(3600);

/// Sums over batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Requests served.
    pub requests: u64,
    /// Batches served.
    pub batches: u64,
    /// Sum of latencies [ns].
    pub latency: u128,
    /// The largest latency [ns].
    pub max_latency: u64,
    /// Requests over the SLO; those that failed count too.
    pub violations: u64,
    /// Batches that left full.
    pub full: u64,
    /// Batches that left at their timeout.
    pub timeouts: u64,
    /// Invocations of new environments.
    pub cold_starts: u64,
    /// Refused tries.
    pub throttled: u64,
    /// Requests that failed because every try was refused.
    pub rejected: u64,
    /// Time that environments were busy with the batches [ns].
    pub busy: u128,
    /// Billed memory-time [MB ms].
    pub mb_ms: u128,
    /// The part of it that is initialisation.
    pub init_mb_ms: u128,
    /// The part of it that provisioned concurrency served.
    pub provisioned_mb_ms: u128,
    /// Batches that rented instances served; the others are invocations.
    pub on_instances: u64,
    /// The most environments busy at once.
    pub peak_concurrency: u64,
    /// The longest wait of a batch's first request [ns].
    pub longest_wait: u64,
}

impl Tally {
    /// Invocations of functions.
    pub fn invocations(&self) -> u64 {
        self.batches - self.on_instances
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Tally) {
        self.requests += other.requests;
        self.batches += other.batches;
        self.latency += other.latency;
        self.max_latency = self.max_latency.max(other.max_latency);
        self.violations += other.violations;
        self.full += other.full;
        self.timeouts += other.timeouts;
        self.cold_starts += other.cold_starts;
        self.throttled += other.throttled;
        self.rejected += other.rejected;
        self.busy += other.busy;
        self.mb_ms += other.mb_ms;
        self.init_mb_ms += other.init_mb_ms;
        self.provisioned_mb_ms += other.provisioned_mb_ms;
        self.on_instances += other.on_instances;
        self.peak_concurrency = self.peak_concurrency.max(other.peak_concurrency);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
    }
}

/// What happened in some stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The stretch's number: it begins at `number x width`.
    pub number: u64,
    /// Sums.
    pub tally: Tally,
    /// Latencies [ns].
    pub latency: Histogram,
}

impl Slice {
    fn merge(&mut self, tally: &Tally, latency: &Histogram) {
        self.tally.add(tally);
        self.latency.merge(latency);
    }
}

/// Percentiles and sums of one hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// 0-based hour since the start.
    pub number: u64,
    /// Sums.
    pub tally: Tally,
    /// 50th, 95th and 99th percentile of the latency [ns].
    pub percentiles: [f64; 3],
}

/// The observer that counts.
#[derive(Debug)]
pub struct Recorder {
    billing: BillingRule,
    slo: Span,
    warmup: Time,
    current: Recording,
    tally: Tally,
    current_end: Time,
    hour: Slice,
    hours: Vec<Hour>,
    slices: Vec<Slice>,
    width: Span,
    sizes: Vec<u64>,
    last_finish: Time,
}

/// Everything a replay left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The whole replay after the warm-up.
    pub total: Slice,
    /// Its hours, those without a batch left out.
    pub hours: Vec<Hour>,
    /// Its equal slices of time, those without a batch left out.
    pub slices: Vec<Slice>,
    /// The width of a slice.
    pub width: Span,
    /// Batches of 1, 2, ... requests.
    pub sizes: Vec<u64>,
    /// When the last request was answered.
    pub last_finish: Time,
    /// The instances that were rented; none on functions.
    pub rentals: Vec<Rental>,
}

impl Recorder {
    /// Counts requests over `slo` and leaves out the batches that start before `warmup`.
    pub fn new(billing: BillingRule, slo: Span, warmup: Time) -> Self {
        Self {
            billing,
            slo,
            warmup,
            current: Recording::default(),
            tally: Tally::default(),
            current_end: Time::ZERO,
            hour: Slice::default(),
            hours: Vec::new(),
            slices: Vec::new(),
            width: FIRST_WIDTH,
            sizes: Vec::new(),
            last_finish: Time::ZERO,
        }
    }

    /// Closes the books.
    pub fn into_record(mut self) -> Record {
        self.close_current();
        self.close_hour();
        let mut total = Slice::default();
        for slice in &self.slices {
            total.merge(&slice.tally, &slice.latency);
        }
        let Recorder { hours, slices, width, sizes, last_finish, .. } = self;
        Record { total, hours, slices, width, sizes, last_finish, rentals: Vec::new() }
    }

    /// Opens the stretch that holds `now`: it ends with its slice or its hour.
    #[cold]
    fn open(&mut self, now: Time) {
        self.close_current();
        let hour = now.0 / HOUR.0;
        if hour != self.hour.number {
            self.close_hour();
            self.hour = Slice { number: hour, ..Slice::default() };
        }
        while now.0 / self.width.0 >= SLICES {
            self.width.0 *= 2;
            let old = std::mem::take(&mut self.slices);
            for slice in old {
                self.add_slice(slice.number / 2, &slice.tally, &slice.latency);
            }
        }
        let number = now.0 / self.width.0;
        self.add_slice(number, &Tally::default(), &Histogram::default());
        self.current_end = Time(((number + 1) * self.width.0).min((hour + 1) * HOUR.0));
    }

    fn add_slice(&mut self, number: u64, tally: &Tally, latency: &Histogram) {
        if self.slices.last().is_none_or(|last| last.number != number) {
            self.slices.push(Slice { number, ..Slice::default() });
        }
        if let Some(last) = self.slices.last_mut() {
            last.merge(tally, latency);
        }
    }

    fn close_current(&mut self) {
        let latency = self.current.drain();
        let tally = std::mem::take(&mut self.tally);
        self.hour.merge(&tally, &latency);
        if let Some(slice) = self.slices.last_mut() {
            slice.merge(&tally, &latency);
        }
    }

    fn close_hour(&mut self) {
        let Slice { number, tally, latency } = std::mem::take(&mut self.hour);
        if tally.batches + tally.rejected > 0 {
            let percentiles = [0.5, 0.95, 0.99].map(|q| latency.quantile(q).unwrap_or(0.0));
            self.hours.push(Hour { number, tally, percentiles });
        }
    }

    #[inline]
    fn bill(&mut self, batch: &Batch) {
        if batch.capacity == Capacity::Instance {
            self.tally.on_instances += 1;
            return;
        }
        let billed = self.billing.bill(batch.memory, batch.init, batch.service);
        self.tally.mb_ms += u128::from(billed.total);
        self.tally.init_mb_ms += u128::from(billed.init);
        if batch.capacity == Capacity::Provisioned {
            self.tally.provisioned_mb_ms += u128::from(billed.total);
        }
    }
}

impl Observer for Recorder {
    #[inline]
    fn started(&mut self, batch: &Batch, arrivals: &[Time]) {
        if batch.started < self.warmup {
            return;
        }
        if batch.started >= self.current_end {
            self.open(batch.started);
        }
        let finish = batch.finish();
        let (mut sum, mut violations) = (0, 0);
        for arrival in arrivals {
            let latency = finish.0 - arrival.0;
            self.current.count(latency);
            sum += latency;
            violations += u64::from(latency > self.slo.0);
        }
        let most = finish.0 - arrivals[0].0;
        self.current.touch(finish.0 - arrivals[arrivals.len() - 1].0, most);
        if self.sizes.len() < arrivals.len() {
            self.sizes.resize(arrivals.len(), 0);
        }
        self.sizes[arrivals.len() - 1] += 1;
        self.last_finish = self.last_finish.max(finish);
        self.bill(batch);
        let tally = &mut self.tally;
        tally.requests += arrivals.len() as u64;
        tally.batches += 1;
        tally.latency += u128::from(sum);
        tally.max_latency = tally.max_latency.max(most);
        tally.violations += violations;
        match batch.cause {
            Cause::Full => tally.full += 1,
            Cause::Timeout => tally.timeouts += 1,
        }
        tally.cold_starts += u64::from(batch.init > Span::ZERO);
        tally.throttled += u64::from(batch.attempts - 1);
        tally.busy += u128::from((batch.init + batch.service).0);
        tally.peak_concurrency = tally.peak_concurrency.max(batch.concurrency);
        tally.longest_wait = tally.longest_wait.max(batch.left.0 - arrivals[0].0);
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        if now < self.warmup {
            return;
        }
        if now >= self.current_end {
            self.open(now);
        }
        self.tally.rejected += arrivals.len() as u64;
        self.tally.violations += arrivals.len() as u64;
        self.tally.throttled += u64::from(attempts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::lambda::billing::InitBilling;
    use crate::units::MemoryMb;

    fn batch(started: u64) -> Batch {
        Batch {
            left: Time(started),
            cause: Cause::Timeout,
            started: Time(started),
            init: Span::ZERO,
            capacity: Capacity::OnDemand,
            service: Span(1000),
            memory: MemoryMb(1),
            concurrency: 1,
            attempts: 1,
        }
    }

    #[test]
    fn slices_stay_few_and_lose_nothing_over_any_length() {
        let rule = BillingRule { granule: Span::from_millis(1), init: InitBilling::Free };
        let mut recorder = Recorder::new(rule, Span(1500), Time(10));
        let mut last = 0;
        // Ever longer gaps, from nanoseconds to years.
        for i in 0..3000_u64 {
            last += 1 << (i / 60);
            recorder.started(&batch(last), &[Time(last - last.min(1000))]);
        }
        let record = recorder.into_record();
        assert!(record.slices.len() as u64 <= SLICES);
        assert!(record.slices.windows(2).all(|w| w[0].number < w[1].number));
        assert!(record.slices.last().unwrap().number < SLICES);
        let skipped = 9; // started before the warm-up at 10 ns
        assert_eq!(record.total.tally.requests, 3000 - skipped);
        assert_eq!(record.total.latency.total(), 3000 - skipped);
        assert_eq!(record.hours.iter().map(|h| h.tally.requests).sum::<u64>(), 3000 - skipped);
        assert_eq!(record.sizes, [3000 - skipped]);
    }
}
