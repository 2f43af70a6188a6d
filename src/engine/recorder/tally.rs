//! Sums over batches.

use crate::engine::observer::{Cause, StartedBatch};
use crate::platform::Capacity;
use crate::price::Usage;
use crate::price::billing::BilledMbMs;
use crate::units::{MemoryMb, Span, Time};

/// Sums over batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Requests served.
    pub requests: u64,
    /// Batches served.
    pub batches: u64,
    /// Sum of latencies \[ns\].
    pub latency: u128,
    /// The largest latency \[ns\].
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
    /// Time that environments were busy with the batches \[ns\].
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
    /// The longest wait of a batch's first request \[ns\].
    pub longest_wait: u64,
}

/// The requests of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Requests {
    /// How many.
    pub count: u64,
    /// The sum of their latencies \[ns\].
    pub latency: u64,
    /// So many are over the SLO.
    pub violations: u64,
    /// The latency of the first \[ns\].
    pub longest: u64,
    /// Its wait in the buffer \[ns\].
    pub wait: u64,
}

impl Requests {
    /// Of a batch with these arrivals; `count` is shown each latency.
    #[inline(always)]
    pub fn of(batch: &StartedBatch, arrivals: &[Time], slo: Span, mut count: impl FnMut(u64)) -> Requests {
        let answered = batch.answered();
        let (mut latency, mut violations) = (0, 0);
        for arrival in arrivals {
            let each = answered.0 - arrival.0;
            count(each);
            latency += each;
            violations += u64::from(each > slo.0);
        }
        let (longest, wait) = (answered.0 - arrivals[0].0, batch.left.0 - arrivals[0].0);
        Requests { count: arrivals.len() as u64, latency, violations, longest, wait }
    }
}

impl Tally {
    /// Invocations of functions.
    pub fn invocations(&self) -> u64 {
        self.batches - self.on_instances
    }

    /// What it used, for its bill, over `duration`, at a memory size with so many provisioned environments.
    pub fn usage(&self, (memory, provisioned): (MemoryMb, u32), duration: Span) -> Usage {
        Usage {
            invocations: self.invocations(),
            mb_ms: self.mb_ms,
            init_mb_ms: self.init_mb_ms,
            provisioned_mb_ms: self.provisioned_mb_ms,
            memory,
            provisioned,
            duration,
        }
    }

    /// Counts a batch that starts; on a rented instance it is not billed, whatever `billed` says.
    #[inline]
    pub fn enter(&mut self, batch: &StartedBatch, billed: BilledMbMs, requests: Requests) {
        self.requests += requests.count;
        self.batches += 1;
        self.latency += u128::from(requests.latency);
        self.max_latency = self.max_latency.max(requests.longest);
        self.violations += requests.violations;
        match batch.cause {
            Cause::Full => self.full += 1,
            Cause::Timeout => self.timeouts += 1,
        }
        if batch.cold {
            self.cold_starts += 1;
        }
        self.throttled += u64::from(batch.attempts - 1);
        self.busy += u128::from((batch.init + batch.service).0);
        self.peak_concurrency = self.peak_concurrency.max(batch.concurrency);
        self.longest_wait = self.longest_wait.max(requests.wait);
        self.bill(batch, billed);
    }

    #[inline]
    fn bill(&mut self, batch: &StartedBatch, billed: BilledMbMs) {
        if batch.capacity == Capacity::Instance {
            self.on_instances += 1;
            return;
        }
        self.mb_ms += u128::from(billed.total);
        if billed.init > 0 {
            self.init_mb_ms += u128::from(billed.init);
        }
        if batch.capacity == Capacity::Provisioned {
            self.provisioned_mb_ms += u128::from(billed.total);
        }
    }

    /// What is of the requests, and how many batches they were in.
    pub(in crate::engine) fn of_requests(&self) -> Tally {
        let Tally { requests, batches, latency, max_latency, violations, rejected, .. } = *self;
        Tally { requests, batches, latency, max_latency, violations, rejected, ..Tally::default() }
    }

    /// Counts requests whose last try was refused.
    pub fn reject(&mut self, attempts: u32, requests: u64) {
        self.rejected += requests;
        self.violations += requests;
        self.throttled += u64::from(attempts);
    }

    /// The sums so many times; maxima stay.
    pub(in crate::engine) fn times(&self, count: u64) -> Tally {
        let wide = u128::from(count);
        Tally {
            requests: self.requests * count,
            batches: self.batches * count,
            latency: self.latency * wide,
            max_latency: self.max_latency,
            violations: self.violations * count,
            full: self.full * count,
            timeouts: self.timeouts * count,
            cold_starts: self.cold_starts * count,
            throttled: self.throttled * count,
            rejected: self.rejected * count,
            busy: self.busy * wide,
            mb_ms: self.mb_ms * wide,
            init_mb_ms: self.init_mb_ms * wide,
            provisioned_mb_ms: self.provisioned_mb_ms * wide,
            on_instances: self.on_instances * count,
            peak_concurrency: self.peak_concurrency,
            longest_wait: self.longest_wait,
        }
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
