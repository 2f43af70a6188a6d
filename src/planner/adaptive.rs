//! The planner of the adaptive policy: fits what it is shown and searches the grid with the exact law.

use super::constraint::{Constraint, Scope};
use super::predict::Part;
use super::search::{Choice, Decision as Found, Space, search};
use crate::arrivals::map::Map;
use crate::engine::record::Observer;
use crate::engine::simulate::simulate_with;
use crate::error::InputError;
use crate::fitting::{Counts, Observed, fit_window};
use crate::numeric::matrix::Matrix;
use crate::numeric::streams::Streams;
use crate::outcome::{Model, Simulation};
use crate::policy::adaptive::{Adaptive, Decision, Outlook, Planner, Proposal, Proposals, Settings, Target};
use crate::policy::batch::Batch;
use crate::policy::forecast::Forecast;
use crate::profile::Profile;
use crate::scenario::Scenario;
use crate::units::Span;

/// The lowest and the highest rate count for the latency, not for the cost.
const EDGE: f64 = 1e-9;

/// Simulates a scenario with the adaptive policy; also the plans of the first replication.
///
/// Errors: no `[sweep]` to choose from or nothing asked for in `[slo]`; the profile does not cover the grid; as
/// [`crate::engine::simulate::simulate`].
pub fn simulate<O: Observer + Send>(
    scenario: &Scenario,
    settings: Settings,
    observer: &mut O,
) -> Result<(Simulation, Vec<Decision>), InputError> {
    let missing = |what: &str, help: &str| Err(InputError::new(&scenario.name, what).help(help));
    let Some(grid) = &scenario.sweep else {
        return missing("an adaptive policy needs configurations to choose from", "give [sweep]");
    };
    let Some(constraint) = Constraint::new(&scenario.slo, Model::Exact, Scope::EveryPart) else {
        return missing("an adaptive policy needs an objective", "give [slo] with `latency`");
    };
    let space = Space::new(grid, &scenario.profile, &scenario.platform.tariff)
        .map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    let setting = scenario.setting();
    let largest = scenario.largest_batch(setting);
    let times = scenario
        .profile
        .at(setting.memory, largest)
        .map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    let allowed = 1.0 - constraint.share;
    let target = scenario.slo.latency.filter(|_| allowed > 0.0).map(|latency| Target { latency, allowed });
    let policy = |streams: Streams| {
        let future = match settings.forecast {
            Forecast::Oracle => {
                Counts::read(&mut *scenario.workload.open(streams)?, Span::from_secs(1))?.counts
            }
            Forecast::Last | Forecast::Yesterday | Forecast::Smoothing => Vec::new(),
        };
        let planner = planner(space.clone(), constraint, scenario.profile.clone(), largest);
        let start = Batch { batch: setting.batch, timeout: setting.timeout };
        Ok(Adaptive::new(settings, times.clone(), start, target, future, planner))
    };
    let (simulation, policy) = simulate_with(scenario, observer, policy)?;
    Ok((simulation, policy.decisions().to_vec()))
}

/// A planner over a space of configurations, none of which may be outside of `profile`. The service times that it
/// hands out reach to `largest`, as a batch may have begun under an earlier plan.
pub fn planner(space: Space, constraint: Constraint, profile: Profile, largest: u32) -> Planner {
    Box::new(move |outlook| {
        let process = process(outlook);
        let share = 1.0 - (1.0 - constraint.share) / outlook.caution;
        let constraint = Constraint { share, ..constraint };
        let proposal = |(Choice { setting, cost, latency }, meets)| {
            let times = profile.at(setting.memory, largest).expect("the space lies in the profile");
            let score = if constraint.latency.is_some() && meets { cost } else { latency };
            let buffer = Batch { batch: setting.batch, timeout: setting.timeout };
            Proposal { times, buffer, score, meets }
        };
        let mut here = space.clone();
        here.functions.retain(|function| function.memory == outlook.memory);
        let best = proposal(plan(&process, outlook, &space, &constraint));
        let stay = match (here.is_empty(), best.times.memory == outlook.memory) {
            (true, _) => None,
            (false, true) => Some(best.clone()),
            (false, false) => Some(proposal(plan(&process, outlook, &here, &constraint))),
        };
        Proposals { best, stay }
    })
}

/// The best configuration that holds from the lowest to the highest rate, and true; where none does, the best for
/// the forecast rate, and false.
fn plan(process: &Map, outlook: &Outlook<'_>, space: &Space, constraint: &Constraint) -> (Choice, bool) {
    let part = |requests, rate: f64| Part { requests, process: at_rate(process, rate) };
    let expected = part(1.0, outlook.rate);
    let found =
        |parts: &[Part]| search(parts, space, constraint).expect("the exact law covers every process");
    let edges = [outlook.lowest, outlook.highest].into_iter().filter(|rate| *rate != outlook.rate);
    let robust: Vec<Part> =
        std::iter::once(expected.clone()).chain(edges.map(|rate| part(EDGE, rate))).collect();
    match found(&robust) {
        Found::Meets(choice) => (choice, true),
        Found::Nearest(choice) if robust.len() == 1 => (choice, false),
        Found::Nearest(_) => (found(&[expected]).choice(), false),
    }
}

/// The course of the window at the rate that is forecast; Poisson where there is too little to fit.
fn process(outlook: &Outlook<'_>) -> Map {
    let counts = Counts { bin: Span::from_secs(1), counts: outlook.counts.to_vec() };
    match fit_window(&Observed::Counts(counts)) {
        Ok(fit) => at_rate(&fit.best().map, outlook.rate),
        Err(_) => Map::poisson(outlook.rate),
    }
}

/// Another rate with the same sojourns in each phase: `D1' = f D1`, `D0' = D0 + D1 - D1'`. It is an MMPP if `map` is.
fn at_rate(map: &Map, rate: f64) -> Map {
    let factor = rate / map.rate();
    let n = map.order();
    let d1 = map.d1().scaled(factor);
    let d0 = Matrix::from_fn(n, |i, j| map.d0()[(i, j)] + map.d1()[(i, j)] - d1[(i, j)]);
    Map::new(d0, d1).unwrap_or_else(|_| map.scaled(factor))
}
