//! Counts a whole replay, without hours and slices.

use super::counted::{Counted, Latencies};
use crate::engine::record::{Batch, Observer};
use crate::engine::recorder::{Requests, Rules, Tally};
use crate::numeric::histogram::Histogram;
use crate::units::Time;

/// The observer that keeps totals.
#[derive(Debug)]
pub struct Totals {
    rules: Rules,
    tally: Tally,
    latency: Histogram,
    sizes: Vec<u64>,
    last_finish: Time,
}

impl Totals {
    /// Has seen nothing.
    pub fn new(rules: Rules) -> Totals {
        let (tally, latency) = (Tally::default(), Histogram::default());
        Totals { rules, tally, latency, sizes: Vec::new(), last_finish: Time::ZERO }
    }

    /// Goes on from what was counted before.
    pub fn after(rules: Rules, counted: Counted) -> Totals {
        let latency = counted.histogram();
        let Counted { tally, sizes, last_finish, .. } = counted;
        Totals { rules, tally, latency, sizes, last_finish }
    }

    /// What was counted.
    pub fn into_counted(self) -> Counted {
        let Totals { tally, latency, sizes, last_finish, .. } = self;
        Counted { tally, sizes, last_finish, latencies: Latencies::Own(latency) }
    }
}

impl Observer for Totals {
    #[inline]
    fn started(&mut self, batch: &Batch, arrivals: &[Time]) {
        if batch.started < self.rules.warmup {
            return;
        }
        let requests = Requests::of(batch, arrivals, self.rules.slo, |latency| self.latency.add(latency));
        if self.sizes.len() < arrivals.len() {
            self.sizes.resize(arrivals.len(), 0);
        }
        self.sizes[arrivals.len() - 1] += 1;
        self.last_finish = self.last_finish.max(batch.finish());
        self.tally.enter(batch, self.rules, requests);
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        if now >= self.rules.warmup {
            self.tally.reject(attempts, arrivals.len() as u64);
        }
    }
}
