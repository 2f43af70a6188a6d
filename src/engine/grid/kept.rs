//! Counts requests one by one: a whole replay's totals and, where that is asked for, all that the engine records.

use super::Keep;
use super::counted::{Counted, Latencies};
use crate::engine::observer::{Observer, StartedBatch};
use crate::engine::recorder::{Bills, Recorder, Requests, Rules, Tally};
use crate::numeric::histogram::Histogram;
use crate::platform::lambda::EnvironmentLives;
use crate::units::Time;

/// The observer of one configuration.
#[derive(Debug)]
pub struct Kept {
    totals: Totals,
    recorder: Option<Box<Recorder>>,
}

/// The engine's recorder, where it is asked for.
pub fn recorder(rules: Rules, keep: Keep) -> Option<Box<Recorder>> {
    match keep {
        Keep::Totals => None,
        Keep::Record => Some(Box::new(Recorder::new(rules))),
    }
}

impl Kept {
    /// Has seen nothing.
    pub fn new(rules: Rules, keep: Keep) -> Kept {
        Kept { totals: Totals::new(rules), recorder: recorder(rules, keep) }
    }

    /// Goes on from totals and what was recorded.
    pub fn after(rules: Rules, counted: Counted, recorder: Option<Box<Recorder>>) -> Kept {
        Kept { totals: Totals::after(rules, counted), recorder }
    }

    /// What was counted, and the environments that were there until the end.
    pub fn into_counted(self, environments: impl FnOnce(Time) -> Option<EnvironmentLives>) -> Counted {
        self.totals.into_counted().with(self.recorder, environments)
    }
}

impl Observer for Kept {
    #[inline]
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        self.totals.started(batch, arrivals);
        if let Some(recorder) = &mut self.recorder {
            recorder.started(batch, arrivals);
        }
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        self.totals.rejected(now, attempts, arrivals);
        if let Some(recorder) = &mut self.recorder {
            recorder.rejected(now, attempts, arrivals);
        }
    }
}

/// The observer that keeps totals.
#[derive(Debug)]
struct Totals {
    rules: Rules,
    tally: Tally,
    latency: Histogram,
    sizes: Vec<u64>,
    bills: Bills,
    last_finish: Time,
}

impl Totals {
    /// Has seen nothing.
    fn new(rules: Rules) -> Totals {
        let (tally, latency) = (Tally::default(), Histogram::default());
        Totals { rules, tally, latency, sizes: Vec::new(), bills: Bills::default(), last_finish: Time::ZERO }
    }

    /// Goes on from what was counted before.
    fn after(rules: Rules, counted: Counted) -> Totals {
        let latency = counted.histogram();
        let Counted { tally, sizes, last_finish, .. } = counted;
        Totals { rules, tally, latency, sizes, bills: Bills::default(), last_finish }
    }

    /// What was counted.
    fn into_counted(self) -> Counted {
        let Totals { tally, latency, sizes, last_finish, .. } = self;
        Counted { tally, sizes, last_finish, latencies: Latencies::Own(latency), record: None }
    }
}

impl Observer for Totals {
    #[inline]
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        if batch.started < self.rules.warmup {
            return;
        }
        let requests = Requests::of(batch, arrivals, self.rules.slo, |latency| self.latency.add(latency));
        if self.sizes.len() < arrivals.len() {
            self.sizes.resize(arrivals.len(), 0);
        }
        self.sizes[arrivals.len() - 1] += 1;
        self.last_finish = self.last_finish.max(batch.finish());
        let billed = self.bills.of(arrivals.len(), batch, self.rules.billing);
        self.tally.enter(batch, billed, requests);
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        if now >= self.rules.warmup {
            self.tally.reject(attempts, arrivals.len() as u64);
        }
    }
}
