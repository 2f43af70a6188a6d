//! How a policy, a platform and prices become a run: the one place where a system starts.
//!
//! A system is functions with a policy, or rented instances with or without functions beside. A scenario's own,
//! `[platform]` with `[policy]`, is a system like those of `[[system]]`: `sim run` runs it, and `sim compare` runs it
//! first. A new system is a variant of `scenario::system::SystemKind` and an arm in [`run`].

mod choice;
pub mod compare;
mod functions;
mod rented;

use crate::engine::observer::Observer;
use crate::engine::simulate::simulate_fleet;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::Simulation;
use crate::policy::adaptive::Decision;
use crate::scenario::Scenario;
use crate::scenario::system::SystemKind;

/// What became of a system.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it ran with, in words.
    pub setting: String,
    /// What happened.
    pub simulation: Simulation,
    /// The plans of an adaptive policy, of the first replication.
    pub decisions: Vec<Decision>,
}

/// Runs a system on a scenario's workload; the observer is shown the batches of the first replication. Instances have
/// one replication.
///
/// # Errors
/// A setting that the profile does not cover; a trace that cannot be read; no request came; what the system's
/// own policy needs and the scenario lacks, such as `[sweep]` or an SLO.
pub fn run<O: Observer + Send>(
    scenario: &Scenario,
    system: &SystemKind,
    observer: &mut O,
) -> Result<Run, InputError> {
    let streams = Streams::new(scenario.seed).part(0);
    let (setting, fleet) = match system {
        SystemKind::Lambda(spec) => return functions::run(scenario, spec, observer),
        SystemKind::Endpoint(spec) => rented::endpoint(scenario, spec, streams)?,
        SystemKind::Mark(spec) => rented::mark(scenario, spec, streams)?,
        SystemKind::Hybrid(spec) => rented::hybrid(scenario, spec, streams)?,
    };
    let simulation = simulate_fleet(scenario, fleet, observer)?;
    Ok(Run { setting, simulation, decisions: Vec::new() })
}
