//! Configurations tried on the scenario's own arrivals: what each cost, and whether it met what is asked.
//!
//! Where no law covers a scenario (a trace, cold starts, provisioned environments, limits, a month's tiers), these
//! figures rank. All trials see the same arrivals and the same luck, so that differences are those of the
//! configurations.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rayon::prelude::*;

use super::constraint::{Constraint, Objective};
use super::replayed::Replayed;
use super::search::Candidate;
use crate::engine::grid::{self, Counted, Pair, Wanted};
use crate::engine::simulate::nothing_served;
use crate::engine::summary::within_target;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::policy::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::scenario::{Scenario, Setting};
use crate::units::{MemoryMb, Span};

/// Histograms of one pass stay below this.
const PASS_BYTES: usize = 32 << 20;
/// More (B, T) a pass would save little: their batching outweighs the drawing of arrivals.
const PASS_PAIRS: usize = 24;

/// What happened in a trial, in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Requests served.
    pub served: u64,
    /// The share of the requests that failed.
    pub failed: f64,
    /// Cold starts by invocations.
    pub cold_starts: f64,
    /// Tries that were refused.
    pub throttled: u64,
    /// Median latency \[s\].
    pub p50_s: f64,
    /// The least latency target that would be kept \[s\]; infinite where too many requests fail.
    pub needed_s: f64,
}

/// The trials of one scenario. None is made twice.
#[derive(Debug)]
pub struct Trials<'a> {
    scenario: &'a Scenario,
    constraint: Constraint,
    arrivals: &'a Replayed<'a>,
    known: BTreeMap<Setting, Candidate>,
}

impl<'a> Trials<'a> {
    /// No trial yet.
    pub fn new(scenario: &'a Scenario, constraint: Constraint, arrivals: &'a Replayed<'a>) -> Trials<'a> {
        Trials { scenario, constraint, arrivals, known: BTreeMap::new() }
    }

    /// What is replayed.
    pub fn arrivals(&self) -> &'a Replayed<'a> {
        self.arrivals
    }

    /// The number of trials so far.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Was this configuration tried?
    pub fn holds(&self, setting: &Setting) -> bool {
        self.known.contains_key(setting)
    }

    /// True before the first trial.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Tries configurations; in their order.
    ///
    /// # Errors
    /// The profile does not cover one; the arrivals cannot be read; no request came.
    pub fn of(&mut self, settings: &[Setting]) -> Result<Vec<Candidate>, InputError> {
        let new: Vec<Setting> =
            settings.iter().filter(|setting| !self.known.contains_key(setting)).copied().collect();
        let (scenario, constraint) = (self.scenario, &self.constraint);
        let judge = |setting, counted: &Counted| judged(scenario, constraint, setting, counted);
        self.known.extend(try_all(scenario, self.arrivals, &new, judge)?);
        Ok(settings.iter().map(|setting| self.known[setting]).collect())
    }
}

/// Replays the arrivals with each configuration; those of one (B, T) share the work, and passes run in parallel. What was
/// counted of each is judged at once, since the histograms of millions would take gigabytes.
///
/// # Errors
/// The profile does not cover one; the arrivals cannot be read; those of `judge`.
pub fn try_all<T: Send>(
    scenario: &Scenario,
    arrivals: &Replayed<'_>,
    settings: &[Setting],
    judge: impl Fn(Setting, &Counted) -> Result<T, InputError> + Sync,
) -> Result<Vec<(Setting, T)>, InputError> {
    let mut groups: BTreeMap<(Span, u32), Vec<Setting>> = BTreeMap::new();
    for setting in settings {
        groups.entry((setting.timeout, setting.batch)).or_default().push(*setting);
    }
    let mut services: BTreeMap<MemoryMb, ServiceTimes> = BTreeMap::new();
    let mut largest = settings.to_vec();
    largest.sort_by_key(|setting| std::cmp::Reverse(setting.batch));
    for setting in largest {
        if let Entry::Vacant(new) = services.entry(setting.memory) {
            new.insert(scenario.covered(setting)?);
        }
    }
    let groups: Vec<((Span, u32), Vec<Setting>)> = groups.into_iter().collect();
    let pass = |group: &[((Span, u32), Vec<Setting>)]| {
        let wanted = |s: &Setting| Wanted {
            provisioned: s.provisioned,
            ..Wanted::new(scenario, &services[&s.memory])
        };
        let pair = |((timeout, batch), settings): &((Span, u32), Vec<Setting>)| Pair {
            buffer: BatchPolicy { batch: *batch, timeout: *timeout },
            wanted: settings.iter().map(wanted).collect(),
        };
        let pairs: Vec<Pair<'_>> = group.iter().map(pair).collect();
        let streams = Streams::new(scenario.seed).part(0);
        let counted = grid::evaluate_without_peaks(scenario, streams, &mut *arrivals.open()?, &pairs)?;
        let settings = group.iter().flat_map(|(_, settings)| settings.iter().copied());
        let judged = |(setting, counted)| Ok((setting, judge(setting, &counted)?));
        settings.zip(counted.into_iter().flatten()).map(judged).collect::<Result<Vec<_>, InputError>>()
    };
    let passes = passes(scenario, &groups);
    let found = passes.into_par_iter().with_max_len(1).map(pass).collect::<Result<Vec<_>, InputError>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Cuts groups into passes: enough of them for all threads, none with more histograms than caches like.
fn passes<'g, T>(scenario: &Scenario, groups: &'g [((Span, u32), T)]) -> Vec<&'g [((Span, u32), T)]> {
    let longest = groups.len().div_ceil(4 * rayon::current_num_threads()).min(PASS_PAIRS);
    let (mut passes, mut first, mut used) = (Vec::new(), 0, 0);
    for (i, ((timeout, batch), _)) in groups.iter().enumerate() {
        let more = grid::bytes(scenario, BatchPolicy { batch: *batch, timeout: *timeout });
        if i > first && (i - first == longest || used + more > PASS_BYTES) {
            passes.push(&groups[first..i]);
            (first, used) = (i, 0);
        }
        used += more;
    }
    passes.extend((first < groups.len()).then(|| &groups[first..]));
    passes
}

/// What was counted of a configuration, as a candidate.
///
/// # Errors
/// No request was served.
fn judged(
    scenario: &Scenario,
    constraint: &Constraint,
    setting: Setting,
    counted: &Counted,
) -> Result<Candidate, InputError> {
    let (tally, slo) = (&counted.tally, &scenario.slo);
    let Some(found) = counted.quantile(slo.percentile) else { return Err(nothing_served(scenario)) };
    let percentile_s = within_target(found, tally, slo);
    let usage = counted.usage((setting.memory, setting.provisioned), scenario.warmup);
    let cost = scenario.platform.tariff.bill(&usage).total().as_f64() / tally.requests as f64;
    let late = constraint.latency.map_or(0.0, |_| counted.violation_share());
    let affords = constraint.affords(cost);
    let score = match constraint.objective() {
        Objective::Cost => cost,
        Objective::Latency if affords => percentile_s,
        Objective::Latency => f64::INFINITY,
    };
    let asked = (tally.requests + tally.rejected) as f64;
    let needed = constraint.share * asked / tally.requests as f64;
    let trial = Trial {
        served: tally.requests,
        failed: tally.rejected as f64 / asked,
        cold_starts: tally.cold_starts as f64 / tally.invocations().max(1) as f64,
        throttled: tally.throttled,
        p50_s: counted.quantile(0.5).unwrap_or(0.0),
        needed_s: if needed <= 1.0 { counted.quantile(needed).unwrap_or(0.0) } else { f64::INFINITY },
    };
    let (percentile_s, meets) = (Some(percentile_s), affords && constraint.is_kept(late));
    Ok(Candidate { setting, cost, late, percentile_s, score, meets, trial: Some(trial) })
}
