//! Whether a simulation confirms a configuration.
//!
//! The counts of the run decide: the share of requests over the latency target, failed requests included, and the
//! cost. Where the run is one of many that a process might have made, a plan asks more: the upper ends of their 95 %
//! intervals must keep what is asked as well. Where every hour counts, so does each simulated hour's share.

use super::constraint::{Constraint, Scope};
use crate::outcome::Simulation;

/// How much a simulation must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// What this run counted: a trace is what it is.
    Counts,
    /// The upper ends of the intervals as well, where there are some: the run is one of many that might have been.
    UpperEnds,
}

/// What a simulation says about the constraints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// How much was asked of it.
    pub evidence: Evidence,
    /// The share of requests over the latency target, of the worst hour where every hour counts; 0 without a target.
    pub late: f64,
    /// The upper end of its interval; of the whole run.
    pub late_upper: Option<f64>,
    /// The share that may be.
    pub allowed: f64,
    /// The cost of a request [$].
    pub cost: f64,
    /// The upper end of its interval.
    pub cost_upper: Option<f64>,
    /// The most that it may be; infinite without a budget.
    pub budget: f64,
    kept: bool,
    affords: bool,
}

impl Verdict {
    /// Judges a simulation whose violations were counted at the constraint's latency target.
    pub fn of(constraint: &Constraint, simulation: &Simulation, evidence: Evidence) -> Verdict {
        let figures = &simulation.simulated;
        let hours = simulation.hours.iter().map(|hour| {
            let asked = (hour.requests + hour.failed).max(1);
            hour.slo_violations as f64 / asked as f64
        });
        let late = match (constraint.latency, constraint.scope) {
            (None, _) => 0.0,
            (Some(_), Scope::Mix) => figures.slo_violation_share,
            (Some(_), Scope::EveryPart) => hours.fold(figures.slo_violation_share, f64::max),
        };
        let high = |interval: Option<[f64; 2]>| interval.map(|[_, high]| high);
        // Where no request of the run is late, its counts are all that can be asked: the interval of a share of 0 only
        // says how many requests there were.
        let late_upper = constraint.latency.and_then(|_| high(figures.slo_violation_share_ci95));
        let late_upper = late_upper.filter(|_| figures.slo_violations > 0);
        let cost = figures.cost_usd_per_million / 1e6;
        let cost_upper = high(figures.cost_usd_per_million_ci95).map(|usd| usd / 1e6);
        let (latest, dearest) = match evidence {
            Evidence::Counts => (late, cost),
            Evidence::UpperEnds => (late.max(late_upper.unwrap_or(0.0)), cost.max(cost_upper.unwrap_or(0.0))),
        };
        Verdict {
            evidence,
            late,
            late_upper,
            allowed: 1.0 - constraint.share,
            cost,
            cost_upper,
            budget: constraint.budget,
            kept: constraint.is_kept(latest),
            affords: constraint.affords(dearest),
        }
    }

    /// Is everything kept?
    pub fn meets(&self) -> bool {
        self.kept && self.affords
    }

    /// Is the latency target kept?
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Is the cost within the budget?
    pub fn affords(&self) -> bool {
        self.affords
    }

    /// By how much the share over the target exceeds what is allowed, by the evidence asked for; 0 if it does not.
    pub fn excess(&self) -> f64 {
        let late = match self.evidence {
            Evidence::Counts => self.late,
            Evidence::UpperEnds => self.late.max(self.late_upper.unwrap_or(0.0)),
        };
        if self.kept { 0.0 } else { late - self.allowed }
    }
}
