//! The planner of the adaptive policy: fits what it is shown and searches the grid with the exact law.

use super::best::best_and_at;
use super::constraint::{Constraint, Scope};
use super::predict::Part;
use super::search::{Candidate, Choice, Space, choice, nearest, search};
use crate::arrivals::map::Map;
use crate::error::InputError;
use crate::fitting::{Counts, Observed, fit_window};
use crate::numeric::matrix::Matrix;
use crate::outcome::Model;
use crate::policy::adaptive::{Adaptive, Outlook, Planner, Proposal, Proposals, Settings, Target};
use crate::policy::batch::BatchPolicy;
use crate::profile::Profile;
use crate::scenario::Scenario;
use crate::units::Span;

/// What might come counts for the latency, not for the cost.
const EDGE: f64 = 1e-9;

/// The adaptive policy of a scenario, at its beginning. `future` are the arrivals by second, which only the oracle
/// looks at.
///
/// # Errors
/// No `[sweep]` to choose from or nothing asked for in `[slo]`; the profile does not cover the grid.
pub fn policy(scenario: &Scenario, settings: Settings, future: Vec<u32>) -> Result<Adaptive, InputError> {
    let missing = |what: &str, help: &str| Err(InputError::new(&scenario.name, what).help(help));
    let Some(grid) = &scenario.sweep else {
        return missing("an adaptive policy needs configurations to choose from", "give [sweep]");
    };
    let Some(constraint) = Constraint::new(&scenario.slo, Model::Exact, Scope::EveryPart) else {
        return missing("an adaptive policy needs an objective", "give [slo] with `latency`");
    };
    let space = Space::new(grid, &scenario.profile, &scenario.platform.tariff)
        .map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    scenario.check_grid()?;
    let setting = scenario.setting();
    let largest = scenario.largest_batch(setting);
    let times = scenario
        .profile
        .at(setting.memory, largest)
        .map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    let allowed = 1.0 - constraint.share;
    let target = scenario.slo.latency.filter(|_| allowed > 0.0).map(|latency| Target { latency, allowed });
    let planner = planner(space, constraint, scenario.profile.clone(), largest);
    let start = BatchPolicy { batch: setting.batch, timeout: setting.timeout };
    Ok(Adaptive::new(settings, times, start, target, future, planner))
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
            let buffer = BatchPolicy { batch: setting.batch, timeout: setting.timeout };
            Proposal { times, buffer, score, meets }
        };
        let (best, here) = plans(&process, outlook, &space, &constraint);
        let best = proposal(best);
        let stay = match best.times.memory == outlook.memory {
            true => Some(best.clone()),
            false => here.map(proposal),
        };
        Proposals { best, stay }
    })
}

/// The best configuration that holds from the lowest to the highest rate, and true; where none does, the best for
/// the forecast rate, and false. Then the same for the memory size that runs, if the space has it.
///
/// Where the forecast is no certainty, neither is the course of the window: a burst or a gap in it need not come
/// again. So the plan must also hold for Poisson arrivals at the forecast rate.
fn plans(
    process: &Map,
    outlook: &Outlook<'_>,
    space: &Space,
    constraint: &Constraint,
) -> (Plan, Option<Plan>) {
    const COVERED: &str = "the exact law covers every process";
    let part = |requests, rate: f64| Part::known(requests, at_rate(process, rate));
    let expected = part(1.0, outlook.rate);
    let edges = [outlook.lowest, outlook.highest].into_iter().filter(|rate| *rate != outlook.rate);
    let mut robust: Vec<Part> =
        std::iter::once(expected.clone()).chain(edges.map(|rate| part(EDGE, rate))).collect();
    if robust.len() > 1 {
        robust.push(Part::known(EDGE, Map::poisson(outlook.rate)));
    }
    let [best, stay] = best_and_at(&robust, space, constraint, outlook.memory).expect(COVERED);
    let or_nearest = |found: Option<Candidate>, space: &Space| match found {
        Some(best) => (choice(&robust, space, constraint, best.setting).expect(COVERED), true),
        None if robust.len() == 1 => (nearest(&robust, space, constraint).expect(COVERED), false),
        None => (search(std::slice::from_ref(&expected), space, constraint).expect(COVERED).choice(), false),
    };
    let best = or_nearest(best, space);
    let mut here = space.clone();
    here.functions.retain(|function| function.memory == outlook.memory);
    let stays = best.0.setting.memory != outlook.memory && !here.functions.is_empty();
    (best, stays.then(|| or_nearest(stay, &here)))
}

/// A configuration, and whether it meets the constraints.
type Plan = (Choice, bool);

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::units::MemoryMb;

    /// A batch of two costs half as much a request; its opener is late if the other comes after 30 ms.
    const SCENARIO: &str = r#"
        [workload]
        kind = "poisson"
        rate = 46
        requests = 1
        [profile]
        memory_mb = [1024]
        batch = [1, 2]
        service_s = [[0.1, 0.1]]
        [platform]
        kind = "lambda"
        book = "aws-2026"
        memory_mb = 1024
        [policy]
        kind = "batch"
        batch = 1
        timeout = "50ms"
        [slo]
        percentile = 95
        latency = "130ms"
        [sweep]
        memory_mb = [1024]
        batch = [1, 2]
        timeout = ["50ms"]
    "#;

    fn batch_after(counts: &[u32], lowest: f64, rate: f64) -> u32 {
        let document = Document::parse("s.toml", SCENARIO).unwrap();
        let scenario = Scenario::from_document(&document, "s").unwrap();
        let constraint = Constraint::new(&scenario.slo, Model::Exact, Scope::EveryPart).unwrap();
        let grid = scenario.sweep.as_ref().unwrap();
        let space = Space::new(grid, &scenario.profile, &scenario.platform.tariff).unwrap();
        let memory = MemoryMb(1024);
        let outlook = Outlook { counts, rate, lowest, highest: rate, caution: 1.0, memory };
        planner(space, constraint, scenario.profile, 2)(&outlook).best.buffer.batch
    }

    #[test]
    fn a_gap_in_the_window_need_not_come_again() {
        // Half of the hour was recorded, at 48 a second, so that 46 in the mean would be 92 while there are any:
        // exp(-0.03 x 92) of the openers, half of the requests, would be late. At a steady 46 it is a quarter.
        let counts: Vec<u32> = (0..3600).map(|i| if i < 1800 { 35 + i * 7919 % 27 } else { 0 }).collect();
        assert_eq!(batch_after(&counts, 46.0, 46.0), 2);
        assert_eq!(batch_after(&counts, 42.0, 46.0), 1);
        assert_eq!(batch_after(&counts, 84.0, 92.0), 2);
    }
}
