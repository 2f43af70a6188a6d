//! Configurations tried on the scenario's own arrivals: what each cost, and whether it met what is asked.
//!
//! Where no law covers a scenario (a trace, cold starts, provisioned environments, limits, a month's tiers), these
//! figures rank. All trials see the same arrivals and the same luck, so that differences are those of the
//! configurations.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::constraint::{Constraint, Objective};
use super::replayed::Replayed;
use super::search::Candidate;
use crate::error::InputError;
use crate::outcome::Simulation;
use crate::scenario::{Scenario, Setting};

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
    /// Errors: the profile does not cover one; the arrivals cannot be read; no request came.
    pub fn of(&mut self, settings: &[Setting]) -> Result<Vec<Candidate>, InputError> {
        let new: Vec<Setting> =
            settings.iter().filter(|setting| !self.known.contains_key(setting)).copied().collect();
        let tried = |setting: &Setting| {
            let simulation = self.arrivals.simulate(self.scenario, *setting)?;
            Ok(judged(*setting, &simulation, &self.constraint))
        };
        let found = new.par_iter().map(tried).collect::<Result<Vec<_>, InputError>>()?;
        self.known.extend(found.into_iter().map(|candidate| (candidate.setting, candidate)));
        Ok(settings.iter().map(|setting| self.known[setting]).collect())
    }
}

/// A simulated configuration as a candidate.
pub fn judged(setting: Setting, simulation: &Simulation, constraint: &Constraint) -> Candidate {
    let s = &simulation.simulated;
    let cost = s.cost_usd_per_million / 1e6;
    let asked = (simulation.requests + s.rejected) as f64;
    let affords = constraint.affords(cost);
    let late = constraint.latency.map_or(0.0, |_| s.slo_violation_share);
    let score = match constraint.objective() {
        Objective::Cost => cost,
        Objective::Latency if affords => s.latency_s.slo,
        Objective::Latency => f64::INFINITY,
    };
    let trial = Trial {
        served: simulation.requests,
        failed: s.rejected as f64 / asked,
        cold_starts: s.cold_starts as f64 / simulation.batches as f64,
        throttled: s.throttled,
        p50_s: s.latency_s.p50,
        needed_s: s.latency_s.slo,
    };
    Candidate {
        setting,
        cost,
        late,
        percentile_s: Some(s.latency_s.slo),
        score,
        meets: affords && constraint.is_kept(late),
        trial: Some(trial),
    }
}
