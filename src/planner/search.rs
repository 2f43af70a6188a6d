//! The exhaustive search of a grid with an analytic model.
//!
//! The batches of one timeout are computed once for all batch sizes and serve every memory size; whether a
//! latency is kept takes one evaluation of the distribution, no quantile. Timeouts are spread over the threads;
//! the result does not depend on how many there are.

use rayon::prelude::*;

use super::best::best;
use super::constraint::{Constraint, Objective};
use super::laws::{BatchLaws, ModelLatency, batch_cost, variation};
use super::predict::Part;
use super::trial::Trial;
use crate::analytic::exact::Variation;
use crate::error::InputError;
use crate::price::Tariff;
use crate::profile::{OutOfRange, Profile, ServiceTimes};
use crate::scenario::grid::Grid;
use crate::scenario::{Scenario, Setting};
use crate::units::{MemoryMb, Span};

/// The law of larger batches takes long.
pub(super) const DEAR: u32 = 64;

/// The configurations among which to choose, with what they take and cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Memory sizes with their service times.
    pub functions: Vec<Function>,
    /// Largest batches, ascending.
    pub batch: Vec<u32>,
    /// Timeouts, ascending.
    pub timeout: Vec<Span>,
}

/// A memory size with its service times and prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The memory size.
    pub memory: MemoryMb,
    /// The mean service time of a batch of n at `n - 1` \[s\].
    pub service: Vec<f64>,
    /// How they vary.
    pub variation: Variation,
    /// The expected price of a batch of n at `n - 1` [$].
    pub cost: Vec<f64>,
}

/// A configuration, evaluated: by the model, or by a trial on the scenario's own arrivals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The configuration.
    pub setting: Setting,
    /// The cost of a request [$].
    pub cost: f64,
    /// The share of requests over the latency target, of the worst part where every part counts; 0 without a
    /// target.
    pub late: f64,
    /// The percentile of the latency that the objective names \[s\], where it was looked at.
    pub percentile_s: Option<f64>,
    /// What is to be least: the cost [$], or the percentile of the latency \[s\] (infinite beyond the budget).
    pub score: f64,
    /// Are all constraints met?
    pub meets: bool,
    /// What happened in the trial, where there was one.
    pub trial: Option<Trial>,
}

/// What a search of the grid found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SearchOutcome {
    /// The best configuration that meets the constraints.
    Meets(Choice),
    /// None does; this is the one nearest to it.
    Nearest(Choice),
}

/// A configuration with what decided for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The configuration.
    pub setting: Setting,
    /// The expected cost of a request [$].
    pub cost: f64,
    /// The least latency target that it keeps \[s\].
    pub latency: f64,
}

impl SearchOutcome {
    /// The configuration to use.
    pub fn choice(&self) -> Choice {
        match self {
            SearchOutcome::Meets(choice) | SearchOutcome::Nearest(choice) => *choice,
        }
    }
}

impl Space {
    /// A grid's configurations at a tariff.
    ///
    /// # Errors
    /// The profile does not cover the grid.
    pub fn new(grid: &Grid, profile: &Profile, tariff: &Tariff) -> Result<Space, OutOfRange> {
        Space::priced(grid, profile, |times, n, mean| batch_cost(tariff, times)(n, mean))
    }

    /// A grid's configurations at a tariff whose time is not rounded up, as the SC20 paper has it.
    ///
    /// # Errors
    /// The profile does not cover the grid.
    pub fn unrounded(grid: &Grid, profile: &Profile, tariff: &Tariff) -> Result<Space, OutOfRange> {
        let price = |times: &ServiceTimes, _: u32, mean: f64| {
            tariff.marginal_usd(mean * 1e3 * f64::from(times.memory.0), 1.0)
        };
        Space::priced(grid, profile, price)
    }

    /// A grid's configurations where a batch of n with a mean service time \[s\] costs `price(times, n, mean)` [$].
    ///
    /// # Errors
    /// The profile does not cover the grid.
    pub fn priced(
        grid: &Grid,
        profile: &Profile,
        price: impl Fn(&ServiceTimes, u32, f64) -> f64,
    ) -> Result<Space, OutOfRange> {
        let largest = grid.batch.iter().copied().max().unwrap_or(1);
        let function = |memory: &MemoryMb| {
            let times = profile.at(*memory, largest)?;
            let service: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
            let cost = (1..).zip(&service).map(|(n, mean)| price(&times, n, *mean)).collect();
            Ok(Function { memory: *memory, service, variation: variation(&times), cost })
        };
        let functions = grid.memory.iter().map(function).collect::<Result<_, _>>()?;
        Ok(Space { functions, batch: grid.batch.clone(), timeout: grid.timeout.clone() })
    }

    /// The different configurations, timeout by timeout, at every number of provisioned environments.
    pub fn settings(&self, provisioned: &[u32]) -> Vec<Setting> {
        let mut settings = Vec::new();
        for (index, timeout) in self.timeout.iter().enumerate() {
            for batch in self.batches_at(index) {
                for function in &self.functions {
                    let setting = Setting::new(function.memory, *batch, *timeout);
                    settings.extend(
                        provisioned
                            .iter()
                            .map(|provisioned| Setting { provisioned: *provisioned, ..setting }),
                    );
                }
            }
        }
        settings
    }

    /// The batches worth asking for at the timeout of this index: without waiting for others every timeout is
    /// the same, so that a batch of 1 is tried at the first only.
    pub(super) fn batches_at(&self, index: usize) -> &[u32] {
        let skip = self.batch.partition_point(|batch| *batch == 1 && index > 0);
        &self.batch[skip..]
    }

    /// The number of different configurations.
    pub fn len(&self) -> usize {
        (0..self.timeout.len()).map(|i| self.batches_at(i).len()).sum::<usize>() * self.functions.len()
    }

    /// True without a configuration.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Function {
    /// The largest batch that the platform lets run to its end.
    pub fn largest(&self, scenario: &Scenario) -> u32 {
        let largest = self.service.len() as u32;
        let times = scenario.covered(Setting::new(self.memory, largest, Span::ZERO));
        times.map_or(largest, |times| scenario.largest_within_limit(&times))
    }

    /// The law at this memory size.
    pub fn law<'a>(&'a self, batches: &'a BatchLaws) -> ModelLatency<'a> {
        batches.latency(&self.service, &self.variation)
    }

    /// The expected cost of a request [$].
    pub fn per_request(&self, law: &ModelLatency<'_>, constraint: &Constraint) -> f64 {
        law.per_request(constraint.percentile, |n, _| self.cost[n as usize - 1])
    }

    /// This memory size with given batches and what it costs: it is not known to meet anything.
    pub(super) fn priced(
        &self,
        batches: &BatchLaws,
        (batch, timeout): (u32, Span),
        constraint: &Constraint,
    ) -> Candidate {
        let cost = self.per_request(&self.law(batches), constraint);
        let setting = Setting::new(self.memory, batch, timeout);
        Candidate { setting, cost, late: 1.0, percentile_s: None, score: cost, meets: false, trial: None }
    }

    /// This memory size with given batches, as far as the cheapest is looked for: of the share over the latency target it is only
    /// known whether it is too large.
    pub(super) fn judged(
        &self,
        batches: &BatchLaws,
        setting: (u32, Span),
        constraint: &Constraint,
    ) -> Candidate {
        let priced = self.priced(batches, setting, constraint);
        match constraint.affords(priced.cost) && constraint.kept(&self.law(batches)) {
            true => Candidate { late: 1.0 - constraint.share, meets: true, ..priced },
            false => priced,
        }
    }

    /// This memory size with given batches, judged.
    pub fn candidate(
        &self,
        batches: &BatchLaws,
        (batch, timeout): (u32, Span),
        constraint: &Constraint,
    ) -> Candidate {
        let law = self.law(batches);
        let cost = self.per_request(&law, constraint);
        let affords = constraint.affords(cost);
        let score = match constraint.objective() {
            Objective::Cost => cost,
            Objective::Latency if affords => constraint.needed(&law),
            Objective::Latency => f64::INFINITY,
        };
        let late = constraint.latency.map_or(0.0, |latency| 1.0 - constraint.share_within(&law, latency));
        let setting = Setting::new(self.memory, batch, timeout);
        let meets = affords && constraint.kept(&law);
        Candidate { setting, cost, late, percentile_s: None, score, meets, trial: None }
    }

    /// As [`Function::candidate`], with its percentile.
    pub fn shown(&self, batches: &BatchLaws, setting: (u32, Span), constraint: &Constraint) -> Candidate {
        self.with_percentile(batches, self.candidate(batches, setting, constraint), constraint)
    }

    /// A candidate of this memory size with its percentile.
    fn with_percentile(
        &self,
        batches: &BatchLaws,
        candidate: Candidate,
        constraint: &Constraint,
    ) -> Candidate {
        let percentile_s = Some(constraint.percentile_s(&self.law(batches)));
        Candidate { percentile_s, ..candidate }
    }
}

/// The better comes first; of equals the one with the earlier timeout, the smaller memory, the smaller batch.
pub fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    let key = |c: &Candidate| (c.setting.timeout, c.setting.memory, c.setting.batch);
    a.score.total_cmp(&b.score).then(a.cost.total_cmp(&b.cost)).then_with(|| key(a).cmp(&key(b)))
}

/// Judges every configuration of the space, timeout by timeout; an even choice of about `shown` of them with their
/// percentiles.
///
/// # Errors
/// The model does not cover the processes.
pub fn evaluate(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
    shown: usize,
) -> Result<Vec<Candidate>, InputError> {
    let share = shown as f64 / space.len().max(1) as f64;
    let is_shown = |place: usize| ((place + 1) as f64 * share) as usize > (place as f64 * share) as usize;
    let judged = every_timeout(parts, space, constraint, |batches, place, setting| {
        let judge = |(i, function): (usize, &Function)| {
            let candidate = function.candidate(batches, setting, constraint);
            // A percentile beyond the target asks for waits in large batches that nothing else asks for.
            let is_cheap = setting.0 <= DEAR || candidate.meets;
            match is_cheap && is_shown(place * space.functions.len() + i) {
                true => function.with_percentile(batches, candidate, constraint),
                false => candidate,
            }
        };
        space.functions.iter().enumerate().map(judge).collect::<Vec<_>>()
    })?;
    Ok(judged.into_iter().flatten().flatten().collect())
}

/// Judges every configuration of the space as [`Function::judged`] does.
///
/// # Errors
/// The model does not cover the processes.
pub(super) fn judged(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
) -> Result<Vec<Candidate>, InputError> {
    let judged = every_timeout(parts, space, constraint, |batches, _, setting| {
        let judge = |function: &Function| function.judged(batches, setting, constraint);
        space.functions.iter().map(judge).collect::<Vec<_>>()
    })?;
    Ok(judged.into_iter().flatten().flatten().collect())
}

/// The best configuration of the space for one process or a mixture of several: what an adaptive policy asks
/// for again and again.
///
/// # Errors
/// The model does not cover the processes. Panics if the space is empty.
pub fn search(parts: &[Part], space: &Space, constraint: &Constraint) -> Result<SearchOutcome, InputError> {
    match best(parts, space, constraint)? {
        Some(best) => choice(parts, space, constraint, best.setting).map(SearchOutcome::Meets),
        None => nearest(parts, space, constraint).map(SearchOutcome::Nearest),
    }
}

/// The configuration that is nearest to the constraints: the fastest within the budget, else the cheapest.
///
/// # Errors
/// As [`search`].
pub fn nearest(parts: &[Part], space: &Space, constraint: &Constraint) -> Result<Choice, InputError> {
    if let Some(fastest) = fastest(parts, space, constraint)? {
        return Ok(fastest);
    }
    let anything = Constraint { latency: None, ..*constraint };
    Ok(cheapest(parts, space, &anything)?.expect("the space is not empty"))
}

/// The configuration that keeps the lowest latency target within the budget; `None` if the budget pays for none.
///
/// # Errors
/// As [`search`].
pub fn fastest(parts: &[Part], space: &Space, constraint: &Constraint) -> Result<Option<Choice>, InputError> {
    let best = best(parts, space, &Constraint { latency: None, ..*constraint })?;
    best.map(|best| choice(parts, space, constraint, best.setting)).transpose()
}

/// The cheapest configuration that keeps the latency, whatever it costs; `None` if none does.
///
/// # Errors
/// As [`search`].
pub fn cheapest(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
) -> Result<Option<Choice>, InputError> {
    let latency = constraint.latency.or(Some(f64::INFINITY));
    let best = best(parts, space, &Constraint { latency, budget: f64::INFINITY, ..*constraint })?;
    best.map(|best| choice(parts, space, constraint, best.setting)).transpose()
}

/// What is known of one configuration of the space.
///
/// # Errors
/// The model does not cover the processes. Panics if the space has no such memory size.
pub fn choice(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
    setting: Setting,
) -> Result<Choice, InputError> {
    let function = space.functions.iter().find(|f| f.memory == setting.memory).expect("of the space");
    let laws = BatchLaws::of(parts, constraint.model, &[setting.batch], setting.timeout)?;
    let law = function.law(&laws[0]);
    let (cost, latency) = (function.per_request(&law, constraint), constraint.needed(&law));
    Ok(Choice { setting, cost, latency })
}

/// Applies `each` to the batches of every timeout and batch size, in that order, with their number; the timeouts in
/// parallel. A law is dropped once it has been looked at, so that memory does not grow with their number.
fn every_timeout<T: Send>(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
    each: impl Fn(&BatchLaws, usize, (u32, Span)) -> T + Sync,
) -> Result<Vec<Vec<T>>, InputError> {
    let at = |(index, timeout): (usize, &Span)| {
        let batches = space.batches_at(index);
        let before: usize = (0..index).map(|i| space.batches_at(i).len()).sum();
        let laws = BatchLaws::of(parts, constraint.model, batches, *timeout)?;
        let one =
            |(i, (laws, batch)): (usize, (BatchLaws, &u32))| each(&laws, before + i, (*batch, *timeout));
        Ok(laws.into_iter().zip(batches).enumerate().map(one).collect())
    };
    space.timeout.par_iter().enumerate().map(at).collect()
}
