//! Which figures rank a plan's configurations.

use super::plan::{Check, Request};
use super::predict::Part;
use super::replayed::Replayed;
use super::search::{DEAR, Space};
use crate::outcome::Model;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
use crate::units::Span;

/// Requests in all that the trials of a grid may see where the law could rank as well.
const CHEAP: f64 = 2e8;
/// What a trial takes a request \[ns\], and the law a timeout, for batches that reach n requests and m phases, over n m^3: measured.
const TRIAL_NS: f64 = 4.0;
/// See [`TRIAL_NS`].
const LAW_NS: f64 = 7_000.0;
/// What a trial takes however few requests it sees \[ns\], mostly for its histograms: measured.
const TRIAL_START_NS: f64 = 500_000.0;

/// Which figures ranked the configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranking {
    /// The model's.
    Predicted,
    /// Those of trials on the scenario's own arrivals: the law does not cover the scenario.
    Simulated,
    /// Those of trials: the law would take longer.
    SimulatedSooner,
    /// Those of trials; what the exact law says misses was left out.
    SimulatedWithinLaw,
}

impl Ranking {
    /// Do trials rank alone, without the law?
    pub fn is_by_trials_alone(self) -> bool {
        matches!(self, Ranking::Simulated | Ranking::SimulatedSooner)
    }
}

/// The exact law's where it covers the scenario and the run is long; those of trials elsewhere.
pub(super) fn ranking(
    scenario: &Scenario,
    request: &Request,
    replayed: &Replayed<'_>,
    space: &Space,
) -> Ranking {
    let pairs = space.len() as f64 / space.functions.len() as f64;
    // Random service times are tried at each memory size by itself.
    let passes = if scenario.profile.is_random() { 6.0 * space.len() as f64 } else { pairs };
    match (request.check, request.constraint.model) {
        (Check::Predicted, _) | (_, Model::Published) => Ranking::Predicted,
        (Check::Simulated, Model::Exact) if !is_exact(scenario) => Ranking::Simulated,
        (Check::Simulated, Model::Exact) if passes * replayed.requests() <= CHEAP => {
            // Where the law takes longer than the trials, they are alone.
            let trials_ns = passes * replayed.requests() * TRIAL_NS + space.len() as f64 * TRIAL_START_NS;
            match law_ns(scenario, space) > trials_ns {
                true => Ranking::SimulatedSooner,
                false => Ranking::SimulatedWithinLaw,
            }
        }
        (Check::Simulated, Model::Exact) => Ranking::Predicted,
    }
}

/// About how long the law of a space takes \[ns\]. That of batches up to [`DEAR`] is never the longer way.
fn law_ns(scenario: &Scenario, space: &Space) -> f64 {
    let largest = space.batch.last().copied().unwrap_or(1);
    if largest <= DEAR {
        return 0.0;
    }
    let parts = super::predict::parts(&scenario.workload).unwrap_or_default();
    let part = |part: &Part| {
        let process = &part.process;
        let fastest = process.d1().row_sums().into_iter().fold(0.0, f64::max);
        let reached = |timeout: &Span| {
            let mean = fastest * timeout.as_secs_f64();
            f64::from(largest).min(10.0 + mean + 6.0 * mean.sqrt())
        };
        (process.order() as f64).powi(3) * space.timeout.iter().map(reached).sum::<f64>()
    };
    parts.iter().map(part).sum::<f64>() * LAW_NS
}

/// Does the exact law cover the scenario: known processes, environments always warm, the price of a request the same
/// whatever their number, service times fixed or lognormal?
pub fn is_exact(scenario: &Scenario) -> bool {
    super::predict::parts(&scenario.workload).is_some()
        && matches!(scenario.platform.environments, Environments::AlwaysWarm)
        && scenario.platform.tariff.is_flat()
        && scenario.profile.service_quantiles.is_none()
}
