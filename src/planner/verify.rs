//! Whether a simulation confirms what was planned.
//!
//! The rule: the upper end of the 95 % interval of the share of requests over the latency target is at most the
//! share that may be over it. For a percentile that says: the upper end of its interval is within the target.
//! Failed requests count as over it. The upper end of the cost's interval is at most the budget. Where every
//! hour counts, each simulated hour's share itself is at most what is allowed as well. A run that is too short
//! for intervals is judged by its figures.

use super::constraint::{Constraint, Scope};
use super::refine::Margin;
use super::search::Candidate;
use crate::outcome::Simulation;

/// What a simulation says about the constraints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The upper end of the share of requests over the latency target; 0 without a target.
    pub late: f64,
    /// The share that may be.
    pub allowed: f64,
    /// The upper end of the cost of a request [$].
    pub cost: f64,
    /// The most that it may be; infinite without a budget.
    pub budget: f64,
}

impl Verdict {
    /// Judges a simulation whose violations were counted at the constraint's latency target.
    pub fn of(constraint: &Constraint, simulation: &Simulation) -> Verdict {
        let figures = &simulation.simulated;
        let upper = |interval: Option<[f64; 2]>, figure: f64| interval.map_or(figure, |[_, high]| high);
        let whole = upper(figures.slo_violation_share_ci95, figures.slo_violation_share);
        let hours = simulation.hours.iter().map(|hour| {
            let asked = hour.requests.max(hour.slo_violations).max(1);
            hour.slo_violations as f64 / asked as f64
        });
        let late = match (constraint.latency, constraint.scope) {
            (None, _) => 0.0,
            (Some(_), Scope::Mix) => whole,
            (Some(_), Scope::EveryPart) => hours.fold(whole, f64::max),
        };
        Verdict {
            late,
            allowed: 1.0 - constraint.share,
            cost: upper(figures.cost_usd_per_million_ci95, figures.cost_usd_per_million) / 1e6,
            budget: constraint.budget,
        }
    }

    /// Is everything kept?
    pub fn meets(&self) -> bool {
        self.late <= self.allowed + 1e-12 && self.cost <= self.budget
    }

    /// The margin that would have kept `candidate` out: what the simulation missed is added to what is asked
    /// of the prediction.
    pub fn margin(&self, candidate: &Candidate, before: Margin) -> Margin {
        let share = candidate.share + (self.late - self.allowed);
        let budget = candidate.cost * self.budget / self.cost;
        Margin {
            share: if self.late > self.allowed { share.max(before.share) } else { before.share },
            budget: if self.cost > self.budget { budget.min(before.budget) } else { before.budget },
        }
    }
}
