//! Runs the systems of a scenario on the same arrivals.

use rayon::prelude::*;

use super::{Run, run};
use crate::engine::paired::paired;
use crate::engine::simulate::Unwatched;
use crate::error::InputError;
use crate::outcome::{Paired, Simulation};
use crate::scenario::Scenario;
use crate::scenario::system::{FunctionSpec, MemoryChoice, SystemKind, SystemSpec};
use crate::systems::choice::chosen;

/// One system's result.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// What it ran with, in words.
    pub setting: String,
    /// What happened.
    pub simulation: Simulation,
    /// It minus the first system; absent for the first.
    pub difference: Option<Paired>,
}

/// Simulates every system, in parallel, on the same arrivals. The first is what the others are compared with: the
/// scenario's own, unless the first of `[[system]]` is just that under another name.
///
/// # Errors
/// There is no `[[system]]`; as [`run`].
pub fn compare(scenario: &Scenario) -> Result<Vec<Compared>, InputError> {
    if scenario.systems.is_empty() {
        return Err(InputError::new(&scenario.name, "has no [[system]] to compare")
            .help("add [[system]] entries with name, kind and their settings"));
    }
    // One replication each: all see the arrivals of the first.
    let scenario = &Scenario { replications: 1, ..scenario.clone() };
    let simulated = |system: &SystemSpec| {
        let Run { setting, simulation, .. } = run(scenario, &system.kind, &mut Unwatched)?;
        Ok(Compared { name: system.name.clone(), setting, simulation, difference: None })
    };
    let own = Some(scenario.system()).filter(|own| !is_first(scenario, own));
    let systems: Vec<&SystemSpec> = own.iter().chain(&scenario.systems).collect();
    let mut results = systems.into_par_iter().map(simulated).collect::<Result<Vec<_>, InputError>>()?;
    let (first, others) = results.split_first_mut().expect("at least one system");
    for other in others {
        other.difference = Some(paired(&other.simulation, &first.simulation));
    }
    Ok(results)
}

/// Is the first of `[[system]]` the scenario's own?
fn is_first(scenario: &Scenario, own: &SystemSpec) -> bool {
    let alike = |a: &FunctionSpec, b: &FunctionSpec| {
        let memory = chosen(scenario, b.memory).map(MemoryChoice::Fixed);
        memory.is_ok_and(|memory| *a == FunctionSpec { memory, ..b.clone() })
    };
    match (&own.kind, scenario.systems.first().map(|first| &first.kind)) {
        (SystemKind::Lambda(own), Some(SystemKind::Lambda(first))) => alike(own, first),
        _ => false,
    }
}
