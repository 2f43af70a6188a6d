//! What is asked of a configuration, and what is then to be least.

use super::laws::ModelLatency;
use crate::outcome::Model;
use crate::scenario::slo::Slo;
use crate::units::Span;

/// Whose latency must keep the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All requests together.
    #[default]
    Mix,
    /// The requests of every part (hour, segment) of the workload.
    EveryPart,
}

/// What is least in the best configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The cost, where a latency is asked for.
    Cost,
    /// The percentile of the latency, where only a budget is given.
    Latency,
}

/// The constraints on a configuration.
///
/// The exact model takes them as "at most"; the published one as "below", with its own percentile, as the SC20
/// paper does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constraint {
    /// Which model predicts.
    pub model: Model,
    /// The percentile that the latency is judged by, as a share.
    pub percentile: f64,
    /// The latency to keep \[s\].
    pub latency: Option<f64>,
    /// The share of requests that must keep it: the percentile's, or more if fewer violations are allowed.
    pub share: f64,
    /// The most that a request may cost [$]; infinite without a budget.
    pub budget: f64,
    /// Whose latency.
    pub scope: Scope,
}

/// The published bisection knows a percentile to 0.01 s, and the paper's choices follow from comparing it so: all 24
/// hours of Fig. 15, of which the unrounded figure misses two.
fn to_resolution(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// What a share may lack for rounding.
const ROUNDING: f64 = 1e-12;

impl Constraint {
    /// The constraints of an objective; `None` if it asks for neither a latency nor a budget.
    pub fn new(slo: &Slo, model: Model, scope: Scope) -> Option<Constraint> {
        if slo.latency.is_none() && slo.budget_usd_per_million.is_none() {
            return None;
        }
        Some(Constraint {
            model,
            percentile: slo.percentile,
            latency: slo.latency.map(Span::as_secs_f64),
            share: 1.0 - slo.allowed(),
            budget: slo.budget_usd_per_million.map_or(f64::INFINITY, |usd| usd / 1e6),
            scope,
        })
    }

    /// What is to be least.
    pub fn objective(&self) -> Objective {
        if self.latency.is_some() { Objective::Cost } else { Objective::Latency }
    }

    /// Is a request's cost [$] within the budget?
    pub fn affords(&self, cost: f64) -> bool {
        match self.model {
            Model::Exact => cost <= self.budget * (1.0 + ROUNDING),
            Model::Published => cost < self.budget,
        }
    }

    /// Is the latency kept where the share `late` of the requests is over it? True without one.
    pub fn is_kept(&self, late: f64) -> bool {
        self.latency.is_none() || late <= 1.0 - self.share + ROUNDING
    }

    /// Is the latency kept? True without one.
    pub fn kept(&self, law: &ModelLatency<'_>) -> bool {
        self.latency.is_none_or(|latency| self.keeps(law, latency))
    }

    /// Does the share of requests that is asked for stay within `latency` \[s\]?
    pub fn keeps(&self, law: &ModelLatency<'_>, latency: f64) -> bool {
        match self.model {
            Model::Exact => {
                let keeps = |law: &ModelLatency<'_>| law.keeps(latency, self.share - ROUNDING);
                match self.scope {
                    Scope::Mix => keeps(law),
                    // The first part that does not ends it, so that the waits of the others are not worked out.
                    Scope::EveryPart => law.parts().iter().all(keeps),
                }
            }
            Model::Published => to_resolution(self.needed(law)) < latency,
        }
    }

    /// The share of requests within `latency` \[s\]; of the worst part where every part counts.
    pub fn share_within(&self, law: &ModelLatency<'_>, latency: f64) -> f64 {
        match self.scope {
            Scope::Mix => law.cdf(latency),
            Scope::EveryPart => law.parts().iter().map(|part| part.cdf(latency)).fold(1.0, f64::min),
        }
    }

    /// The least latency target \[s\] that would be kept: of the worst part where every part counts.
    pub fn needed(&self, law: &ModelLatency<'_>) -> f64 {
        self.quantile(law, self.share)
    }

    /// The percentile \[s\] that the latency is judged by: of the worst part where every part counts.
    pub fn percentile_s(&self, law: &ModelLatency<'_>) -> f64 {
        self.quantile(law, self.percentile)
    }

    fn quantile(&self, law: &ModelLatency<'_>, q: f64) -> f64 {
        match self.scope {
            Scope::Mix => law.quantile(q),
            Scope::EveryPart => law.parts().iter().map(|part| part.quantile(q)).fold(0.0, f64::max),
        }
    }
}
