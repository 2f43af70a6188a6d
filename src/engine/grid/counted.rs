//! What one configuration gave.

use std::sync::Arc;

use super::moved::Moved;
use super::waits::{SizeWaits, Waits};
use crate::engine::recorder::{Record, Recorder, Tally};
use crate::numeric::histogram::Histogram;
use crate::platform::lambda::EnvironmentLives;
use crate::price::Usage;
use crate::units::{MemoryMb, Span, Time};

/// The totals of one configuration: those that its [`crate::engine::recorder::Record`] has.
///
/// Where service times are fixed, the configurations of one (B, T) share their counts of waits, which live as long as
/// one of them does: who keeps many, keeps figures.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Sums.
    pub tally: Tally,
    /// Batches of 1, 2, ... requests.
    pub sizes: Vec<u64>,
    /// When the last request was answered.
    pub last_finish: Time,
    pub(super) latencies: Latencies,
    /// All that the engine records, where that was asked for.
    pub record: Option<Box<Record>>,
}

/// Where latencies were counted.
#[derive(Debug, Clone)]
pub(super) enum Latencies {
    /// By themselves.
    Own(Histogram),
    /// As waits.
    Shifted(Shifted),
}

/// Waits and how long a batch takes after them.
#[derive(Debug, Clone)]
pub(super) struct Shifted {
    pub waits: Arc<Waits>,
    /// Service time by size.
    pub service: Vec<Span>,
    /// Initialisation.
    pub init: Span,
    /// Those who waited for an initialisation, too.
    pub cold: Moved,
}

impl Counted {
    /// The same with what the engine's recorder has, if there is one, and the environments that were there until the end.
    pub(super) fn with(
        self,
        recorder: Option<Box<Recorder>>,
        environments: impl FnOnce(Time) -> Option<EnvironmentLives>,
    ) -> Counted {
        let record = recorder.map(|recorder| {
            let record = recorder.into_record();
            Box::new(Record { environments: environments(record.last_finish), ..record })
        });
        Counted { record, ..self }
    }

    /// The latency \[s\] that the share `q` of the requests does not exceed: within 0.05 % of the exact one, and never
    /// above the longest; `None` if none was served.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        match &self.latencies {
            Latencies::Own(histogram) => histogram.quantile(q).map(|nanos| nanos / 1e9),
            Latencies::Shifted(_) if self.tally.requests == 0 => None,
            Latencies::Shifted(shifted) => {
                let rank = (q * self.tally.requests as f64).max(1.0);
                Some(shifted.ranked(rank, self.tally.max_latency) as f64 / 1e9)
            }
        }
    }

    /// The latencies \[ns\] by themselves; each within a bucket of the exact one.
    pub fn histogram(&self) -> Histogram {
        match &self.latencies {
            Latencies::Own(histogram) => histogram.clone(),
            Latencies::Shifted(shifted) => shifted.histogram(self.tally.max_latency),
        }
    }

    /// What the replay used, for its bill, at a memory size with so many provisioned environments: from the end of the warm-up to the last answer.
    pub fn usage(&self, function: (MemoryMb, u32), warmup: Span) -> Usage {
        self.tally.usage(function, Span(self.last_finish.0.saturating_sub(warmup.0)))
    }

    /// The share of the requests that took longer than the SLO or failed: exact; zero if there was none.
    pub fn violation_share(&self) -> f64 {
        let asked = self.tally.requests + self.tally.rejected;
        if asked == 0 { 0.0 } else { self.tally.violations as f64 / asked as f64 }
    }
}

impl Shifted {
    /// The least latency \[ns\] that `rank` requests do not exceed; at most `longest`, which none exceeds.
    fn ranked(&self, rank: f64, longest: u64) -> u64 {
        let (mut low, mut high) = (0, longest);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.up_to(middle) >= rank { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// The requests with a latency of at most `latency` \[ns\].
    fn up_to(&self, latency: u64) -> f64 {
        let waits = &*self.waits;
        let of_size = |(i, size): (usize, &SizeWaits)| {
            let Some(wait) = latency.checked_sub(self.service[i].0) else { return 0.0 };
            let warm = |bucket| {
                let ((below, within), (cold_below, cold)) = (size.at(bucket), self.cold.at(i, bucket));
                (below - cold_below, within - cold)
            };
            let cold = |wait| waits.up_to(wait, |bucket| self.cold.at(i, bucket));
            waits.up_to(wait, warm) + wait.checked_sub(self.init.0).map_or(0.0, cold)
        };
        waits.sizes().map(of_size).sum()
    }

    fn histogram(&self, longest: u64) -> Histogram {
        let mut histogram = Histogram::default();
        for (i, size) in self.waits.sizes() {
            for bucket in 0..size.buckets() {
                let ((_, all), (_, cold)) = (size.at(bucket), self.cold.at(i, bucket));
                let warm = self.waits.middle(bucket) + self.service[i].0;
                for (latency, count) in [(warm, all - cold), (warm + self.init.0, cold)] {
                    if count > 0 {
                        histogram.add_many(latency.min(longest), count);
                    }
                }
            }
        }
        histogram
    }
}
