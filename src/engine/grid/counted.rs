//! What one configuration gave.

use crate::engine::recorder::Tally;
use crate::numeric::histogram::Histogram;
use crate::price::Usage;
use crate::units::{MemoryMb, Span, Time};

/// The totals of one configuration: those that its [`crate::engine::recorder::Record`] has.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Sums.
    pub tally: Tally,
    /// Batches of 1, 2, ... requests.
    pub sizes: Vec<u64>,
    /// When the last request was answered.
    pub last_finish: Time,
    pub(super) latencies: Latencies,
}

/// Where latencies were counted.
#[derive(Debug, Clone)]
pub(super) enum Latencies {
    /// By themselves.
    Counted(Histogram),
}

impl Counted {
    /// The latency \[s\] that the share `q` of the requests does not exceed: within a bucket's width, 0.05 %, of the
    /// exact one, and never above the longest; `None` if none was served.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        match &self.latencies {
            Latencies::Counted(histogram) => histogram.quantile(q).map(|nanos| nanos / 1e9),
        }
    }

    /// The latencies \[ns\] by themselves.
    pub fn histogram(&self) -> Histogram {
        match &self.latencies {
            Latencies::Counted(histogram) => histogram.clone(),
        }
    }

    /// What the replay used, for its bill: from the end of the warm-up to the last answer.
    pub fn usage(&self, memory: MemoryMb, warmup: Span) -> Usage {
        self.tally.usage(memory, Span(self.last_finish.0.saturating_sub(warmup.0)))
    }

    /// The share of the requests that took longer than the SLO or failed: exact; zero if there was none.
    pub fn violation_share(&self) -> f64 {
        let asked = self.tally.requests + self.tally.rejected;
        if asked == 0 { 0.0 } else { self.tally.violations as f64 / asked as f64 }
    }
}
