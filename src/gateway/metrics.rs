//! What the gateway counts, in the text format of Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::batcher::Cause;
use super::hold::Load;
use crate::units::Span;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCause {
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

/// All counts of one gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<ByStatus, Counter>,
    batches: Family<ByCause, Counter>,
    decisions: Family<ByReason, Counter>,
    sizes: Histogram,
    waits: Histogram,
    upstream: Histogram,
    late: Histogram,
    open_requests: Gauge,
    batches_under_way: Gauge,
    batch: Gauge,
    timeout_us: Gauge,
    log_dropped: Gauge,
    /// Connections that are open.
    pub connections: Gauge,
    /// Calls that were tried again.
    pub retries: Counter,
    /// Batches whose requests were tried one by one because the function blamed the input.
    pub isolated: Counter,
}

/// Seconds from 0.1 ms to 105 s, doubling.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.0, 21))
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("batchsim"),
            requests: Family::default(),
            batches: Family::default(),
            decisions: Family::default(),
            sizes: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            waits: durations(),
            upstream: durations(),
            late: Histogram::new(exponential_buckets(1e-6, 2.0, 20)),
            open_requests: Gauge::default(),
            batches_under_way: Gauge::default(),
            batch: Gauge::default(),
            timeout_us: Gauge::default(),
            log_dropped: Gauge::default(),
            connections: Gauge::default(),
            retries: Counter::default(),
            isolated: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "requests",
            "Requests by status of their answer; 499: the client had left",
            self.requests.clone(),
        );
        r.register("batches", "Batches by why they left", self.batches.clone());
        r.register("decisions", "Plans of the adaptive policy by their reason", self.decisions.clone());
        r.register("batch_size", "Requests in a batch", self.sizes.clone());
        r.register("wait_seconds", "How long a request waited in the buffer", self.waits.clone());
        r.register(
            "upstream_seconds",
            "How long a batch's call took, retries included",
            self.upstream.clone(),
        );
        r.register("timer_late_seconds", "How long after its deadline a batch left", self.late.clone());
        r.register("open_requests", "Requests in the open batch", self.open_requests.clone());
        r.register("batches_under_way", "Batches that are not yet answered", self.batches_under_way.clone());
        r.register("setting_batch", "The largest batch now", self.batch.clone());
        r.register(
            "setting_timeout_microseconds",
            "The longest wait of a batch's first request now",
            self.timeout_us.clone(),
        );
        r.register("log_rows_dropped", "Rows that could not be written", self.log_dropped.clone());
        r.register("connections", "Open connections", self.connections.clone());
        r.register("upstream_retries", "Calls that were tried again", self.retries.clone());
        r.register(
            "batches_isolated",
            "Batches whose requests were tried one by one because the upstream blamed the input",
            self.isolated.clone(),
        );
    }

    /// A request of a batch was answered.
    pub fn answered(&self, status: u16, waited: Span) {
        self.refused(status);
        self.waits.observe(waited.as_secs_f64());
    }

    /// A request ended without a batch.
    pub fn refused(&self, status: u16) {
        self.requests.get_or_create(&ByStatus { status: status.into() }).inc();
    }

    /// A batch was answered.
    pub fn batch(&self, cause: Cause, size: usize, upstream: Span, late: Span) {
        self.batches.get_or_create(&ByCause { cause: cause.name() }).inc();
        self.sizes.observe(size as f64);
        self.upstream.observe(upstream.as_secs_f64());
        if cause == Cause::Timeout {
            self.late.observe(late.as_secs_f64());
        }
    }

    /// A plan was made.
    pub fn decision(&self, reason: &'static str) {
        self.decisions.get_or_create(&ByReason { reason }).inc();
    }

    /// Requests so far, by status.
    pub fn by_status(&self, statuses: std::ops::Range<u32>) -> u64 {
        let known = |status: u32| self.requests.get(&ByStatus { status }).map_or(0, |count| count.get());
        statuses.map(known).sum()
    }

    /// Batches so far.
    pub fn batches(&self) -> u64 {
        let known = |cause: Cause| self.batches.get(&ByCause { cause: cause.name() });
        Cause::ALL.into_iter().map(|cause| known(cause).map_or(0, |count| count.get())).sum()
    }

    /// The text of /metrics.
    pub fn text(&self, load: Load, log_dropped: u64) -> String {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.open_requests.set(load.open as i64);
        self.batches_under_way.set(load.batches as i64);
        self.batch.set(load.buffer.batch.into());
        self.timeout_us.set(gauge(load.buffer.timeout.0 / 1000));
        self.log_dropped.set(gauge(log_dropped));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string");
        text
    }
}
