//! Sums over batches.

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
