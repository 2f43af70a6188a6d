//! The paper's loop: watch the last window, plan, set memory, batch and timeout for the coming period.
//!
//! What to choose at a rate is asked of a planner, which knows the model, the platform and its prices; the policy
//! knows when to ask, what to expect of the coming period, and whether a change is worth a new function.

use std::collections::VecDeque;

use super::batch::BatchPolicy;
use super::forecast::{Forecast, Smoothing};
use super::lateness::Lateness;
use super::watch::{RECENT_S, SECOND, Watch, mean, seconds};
use super::{Buffer, Dispatch, Policy};
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span, Time};

/// How the policy works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// What is looked at: the last `window`.
    pub window: Span,
    /// Time between plans.
    pub period: Span,
    /// Where the coming period's rate comes from.
    pub forecast: Forecast,
    /// How far from the forecast the plan must still hold.
    pub margin: Margin,
    /// The memory size is changed if that saves more than this share.
    pub hysteresis: f64,
    /// Plan early if the rate of the last five minutes is beyond this factor of the planned one.
    pub early: Option<f64>,
}

/// A latency objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// A request that takes longer is late.
    pub latency: Span,
    /// The share of requests that may be late, above zero.
    pub allowed: f64,
}

/// How far the rate may be off the forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// By this share: 0.2 is 1/1.2 to 1.2 times.
    Fixed(f64),
    /// By as much as nine of ten of the last 168 forecasts were; by 0.1 before there are six.
    Learnt,
}

/// What is expected of the coming period.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    /// Arrivals by second that show the course of the traffic: of the last window, or of the period to come.
    pub counts: &'a [u32],
    /// The rate that is forecast [1/s], above zero.
    pub rate: f64,
    /// The plan must also hold at this rate [1/s], at most the forecast one.
    pub lowest: f64,
    /// And at this one [1/s], at least the forecast one.
    pub highest: f64,
    /// The share of late requests that the plan may expect is the allowed one divided by this.
    pub caution: f64,
    /// The memory size now.
    pub memory: MemoryMb,
}

/// A configuration that a planner proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The memory size with its service times.
    pub times: ServiceTimes,
    /// Batch and timeout.
    pub buffer: BatchPolicy,
    /// What is to be least, such as the cost.
    pub score: f64,
    /// Are all constraints met throughout the margin?
    pub meets: bool,
}

/// The best of all configurations, and the best with the memory size as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposals {
    /// Of all.
    pub best: Proposal,
    /// With the present memory size; none if the planner does not consider it.
    pub stay: Option<Proposal>,
}

/// Finds what to do at an outlook.
pub type Planner = Box<dyn FnMut(&Outlook<'_>) -> Proposals + Send>;

/// Why a plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A period was over.
    Period,
    /// The rate had left the planned one.
    RateChanged,
}

/// One plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// When.
    pub time: Time,
    /// Why.
    pub reason: Reason,
    /// The rate of the last window [1/s].
    pub measured: f64,
    /// The rate that was planned for [1/s].
    pub forecast: f64,
    /// The margin about it.
    pub margin: f64,
    /// What the allowed share of late requests was divided by.
    pub caution: f64,
    /// The memory size from now on.
    pub memory: MemoryMb,
    /// Batch and timeout from now on.
    pub buffer: BatchPolicy,
    /// Does the model say that all constraints are met throughout the margin?
    pub meets: bool,
    /// The memory size would have been another but for the hysteresis.
    pub held: bool,
}

/// The adaptive policy.
pub struct Adaptive {
    settings: Settings,
    planner: Planner,
    buffer: BatchPolicy,
    /// What holds for the open batch: a plan takes effect with the next one.
    open: BatchPolicy,
    memory: MemoryMb,
    watch: Watch,
    lateness: Option<Lateness>,
    /// Cautions that would have done in the last periods.
    cautions: VecDeque<f64>,
    caution: f64,
    /// Arrivals by second of the whole run, for the oracle only.
    future: Vec<u32>,
    /// Rates of the periods that are over.
    past: Vec<f64>,
    smoothing: Smoothing,
    /// |ln(rate / forecast)| of the last periods.
    errors: VecDeque<f64>,
    /// The forecast for the running period, and the rate that was planned for last.
    forecast: Option<f64>,
    planned: Option<f64>,
    next_period: Time,
    next_review: Time,
    last_plan: Time,
    decisions: Vec<Decision>,
}

const DAY: Span = Span::from_secs(86_400);
/// How often the rate is checked for a change.
const CHECK: Span = Span::from_secs(60);
/// Errors of forecasts that are remembered: a week of hours.
const ERRORS: usize = 168;
const FEWEST_ERRORS: usize = 6;
const FIRST_MARGIN: f64 = 0.1;
/// The caution before there is anything to learn it from, and the bounds of what is learnt.
const FIRST_CAUTION: f64 = 3.0;
const FEWEST_CAUTIONS: usize = 24;
const CAUTIONS: (f64, f64) = (2.0, 5.0);

impl Adaptive {
    /// Starts with a function and a buffer; the first plan is made after one period. `target` is what requests are
    /// late by; without one nothing is learnt of it. `future` are the arrivals by second of the whole run, which
    /// only the oracle looks at.
    pub fn new(
        settings: Settings,
        times: ServiceTimes,
        buffer: BatchPolicy,
        target: Option<Target>,
        future: Vec<u32>,
        planner: Planner,
    ) -> Adaptive {
        let periods = (DAY.0 / settings.period.0).max(1) as usize;
        let next_period = Time::ZERO + settings.period;
        let mut adaptive = Adaptive {
            watch: Watch::new(settings.window.max(settings.period)),
            settings,
            planner,
            buffer,
            open: buffer,
            memory: times.memory,
            lateness: target.map(|target| Lateness::new(target, times)),
            cautions: VecDeque::new(),
            caution: FIRST_CAUTION,
            future,
            past: Vec::new(),
            smoothing: Smoothing::new(periods),
            errors: VecDeque::new(),
            forecast: None,
            planned: None,
            next_period,
            next_review: next_period,
            last_plan: Time::ZERO,
            decisions: Vec::new(),
        };
        adaptive.next_review = adaptive.following(Time::ZERO);
        adaptive
    }

    /// The plans so far.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn following(&self, now: Time) -> Time {
        match (self.settings.early, self.settings.forecast) {
            (Some(_), Forecast::Last | Forecast::Yesterday | Forecast::Smoothing) => {
                // What is compared with the planned rate must all have come since that was planned.
                let fresh = self.last_plan + Span::from_secs(RECENT_S as u64);
                self.next_period.min(fresh.max(now + CHECK))
            }
            _ => self.next_period,
        }
    }

    /// No rate is taken as lower than one arrival a window.
    fn floor(&self, rate: f64) -> f64 {
        rate.max(1.0 / self.settings.window.as_secs_f64())
    }

    /// Takes in the rate of a period that is over.
    fn learn(&mut self, rate: f64) {
        let rate = self.floor(rate);
        if let Some(forecast) = self.forecast {
            self.errors.push_back((rate / forecast).ln().abs());
            if self.errors.len() > ERRORS {
                self.errors.pop_front();
            }
        }
        self.past.push(rate);
        self.smoothing.observe(rate);
        self.learn_caution();
    }

    /// Late requests were `late` times as many as allowed: with a caution `late` times as large there would have
    /// been about as many as allowed.
    fn learn_caution(&mut self) {
        let Some(late) = self.lateness.as_mut().and_then(Lateness::take) else { return };
        if self.decisions.is_empty() || self.settings.margin != Margin::Learnt {
            return;
        }
        let (least, most) = CAUTIONS;
        self.cautions.push_back((late * self.caution).clamp(least, most));
        if self.cautions.len() > ERRORS {
            self.cautions.pop_front();
        }
        if self.cautions.len() >= FEWEST_CAUTIONS {
            self.caution = quantile(&self.cautions, 0.98);
        }
    }

    fn margin(&self) -> f64 {
        match self.settings.margin {
            Margin::Fixed(share) => share,
            Margin::Learnt if self.errors.len() < FEWEST_ERRORS => FIRST_MARGIN,
            Margin::Learnt => quantile(&self.errors, 0.9).exp() - 1.0,
        }
    }

    fn plan_period(&mut self) -> Option<ServiceTimes> {
        let now = self.next_period;
        let recent = self.watch.last(seconds(self.settings.period));
        self.learn(mean(&recent));
        self.next_period = now + self.settings.period;
        let counts = match self.settings.forecast {
            Forecast::Oracle => {
                let from = ((now.0 / SECOND) as usize).min(self.future.len());
                let until = (from + seconds(self.settings.period)).min(self.future.len());
                self.future[from..until].to_vec()
            }
            _ => self.watch.last(seconds(self.settings.window)),
        };
        let last = self.watch.last(seconds(self.settings.window));
        let rate = match self.settings.forecast {
            Forecast::Last => mean(&last),
            Forecast::Oracle => mean(&counts),
            Forecast::Smoothing => self.smoothing.forecast().unwrap_or_else(|| mean(&last)),
            Forecast::Yesterday => {
                let day = (DAY.0 / self.settings.period.0).max(1) as usize;
                self.past.len().checked_sub(day).map_or_else(|| mean(&last), |i| self.past[i])
            }
        };
        let rate = self.floor(rate);
        self.forecast = Some(rate);
        let margin = if self.settings.forecast == Forecast::Oracle { 0.0 } else { self.margin() };
        self.plan(now, Reason::Period, &counts, rate, margin)
    }

    fn plan_early(&mut self, now: Time) -> Option<ServiceTimes> {
        let (factor, planned) = (self.settings.early?, self.planned?);
        let rate = self.floor(mean(&self.watch.last(RECENT_S)));
        if (1.0 / factor..=factor).contains(&(rate / planned)) {
            return None;
        }
        let counts = self.watch.last(seconds(self.settings.window));
        let margin = self.margin();
        self.plan(now, Reason::RateChanged, &counts, rate, margin)
    }

    fn plan(
        &mut self,
        time: Time,
        reason: Reason,
        counts: &[u32],
        rate: f64,
        margin: f64,
    ) -> Option<ServiceTimes> {
        let caution = match self.settings.margin {
            Margin::Fixed(_) => 1.0,
            Margin::Learnt => self.caution,
        };
        let (mut lowest, mut highest) = (rate / (1.0 + margin), rate * (1.0 + margin));
        if margin > 0.0 {
            // The period begins with the rate as it is, wherever it goes from there.
            let recent = self.floor(mean(&self.watch.last(RECENT_S)));
            (lowest, highest) = (lowest.min(recent), highest.max(recent));
        }
        let outlook = Outlook { counts, rate, lowest, highest, caution, memory: self.memory };
        let Proposals { best, stay } = (self.planner)(&outlook);
        let worth = |stay: &Proposal| {
            let saves = best.score < stay.score * (1.0 - self.settings.hysteresis);
            (best.meets && !stay.meets) || (best.meets == stay.meets && saves)
        };
        let (chosen, held) = match stay {
            Some(stay) if best.times.memory != self.memory && !worth(&stay) => (stay, true),
            _ => (best, false),
        };
        let measured = mean(&self.watch.last(seconds(self.settings.window)));
        self.planned = Some(rate);
        self.buffer = chosen.buffer;
        let changed = chosen.times.memory != self.memory;
        self.memory = chosen.times.memory;
        self.last_plan = time;
        if let Some(lateness) = &mut self.lateness {
            lateness.times = chosen.times.clone();
        }
        self.decisions.push(Decision {
            time,
            reason,
            measured,
            forecast: rate,
            margin,
            caution,
            memory: self.memory,
            buffer: self.buffer,
            meets: chosen.meets,
            held,
        });
        changed.then_some(chosen.times)
    }
}

impl Policy for Adaptive {
    #[inline]
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        self.watch.count(buffer.now);
        if buffer.waiting == 1 {
            self.open = self.buffer;
        }
        if let Some(lateness) = &mut self.lateness {
            lateness.joined(buffer.now);
        }
        self.open.joined(buffer)
    }

    #[inline]
    fn left(&mut self, now: Time) {
        if let Some(lateness) = &mut self.lateness {
            lateness.left(now);
        }
    }

    fn next_review(&self) -> Time {
        self.next_review
    }

    fn review(&mut self, now: Time) -> Option<ServiceTimes> {
        self.watch.advance(now);
        let times = if now >= self.next_period { self.plan_period() } else { self.plan_early(now) };
        self.next_review = self.following(now);
        times
    }
}

/// The smallest value that a share `q` of the values do not exceed.
fn quantile(values: &VecDeque<f64>, q: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    sorted[((q * sorted.len() as f64).ceil() as usize).max(1) - 1]
}
