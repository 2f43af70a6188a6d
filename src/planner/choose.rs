//! Settings that a compared system chooses for itself, by prediction.

use statrs::distribution::{ContinuousCDF, Normal};

use super::predict::{BatchLaws, LatencyLaw, Part, batch_cost, parts};
use crate::arrivals::schedule::{Process, Segment};
use crate::error::InputError;
use crate::outcome::Model;
use crate::profile::ServiceTimes;
use crate::scenario::platform::check_memory;
use crate::scenario::workload::Source;
use crate::scenario::{Scenario, Setting};
use crate::sweep::grid::Grid;
use crate::units::{MemoryMb, Span, Time};
use rayon::prelude::*;

/// The memory sizes that both the book and the profile offer.
fn offered(scenario: &Scenario) -> Vec<MemoryMb> {
    let (from, to, step) = scenario.platform.book.limits.memory_mb;
    let covered = |memory: &MemoryMb| scenario.profile.at(*memory, 1).is_ok();
    let sizes: Vec<_> = (from..=to).step_by(step as usize).map(MemoryMb).filter(covered).collect();
    // The scenario's own size is offered by both, or it would not have been read.
    debug_assert!(check_memory(scenario.platform.memory, &scenario.platform.book).is_ok());
    sizes
}

/// The largest memory size on offer.
pub fn largest_memory(scenario: &Scenario) -> MemoryMb {
    offered(scenario).last().copied().unwrap_or(scenario.platform.memory)
}

/// The cheapest memory size at which requests without batching meet the SLO; the largest if none does.
///
/// Errors: there is no latency in the SLO.
pub fn cheapest_memory(scenario: &Scenario) -> Result<MemoryMb, InputError> {
    let Some(slo) = scenario.slo.latency else {
        return Err(InputError::new(&scenario.name, "`cheapest-within-slo` needs [slo] latency"));
    };
    let mut best: Option<(f64, MemoryMb)> = None;
    for memory in offered(scenario) {
        let times = scenario.covered(Setting::new(memory, 1, Span::ZERO))?;
        if scenario.largest_within_limit(&times) < 1 {
            continue;
        }
        let service = times.of(1).as_secs_f64();
        let cost = batch_cost(&scenario.platform.tariff, &times)(1, service);
        // Without batching the latency is the service time: lognormal of mean 1 about the profile's.
        let square = times.cv.powi(2).ln_1p();
        let factor = (-square / 2.0 + square.sqrt() * normal_quantile(scenario.slo.percentile)).exp();
        let within = service * factor <= slo.as_secs_f64();
        if within && best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, memory));
        }
    }
    Ok(best.map_or_else(|| largest_memory(scenario), |(_, memory)| memory))
}

fn normal_quantile(q: f64) -> f64 {
    Normal::standard().inverse_cdf(q)
}

/// The setting of `[sweep]` (with other largest batches, if given) that is best for each part of a schedule, with the
/// time from which it holds; one for the whole of a stationary workload. Best is the cheapest within the latency SLO,
/// else the fastest within the budget, else the fastest of all. The plan knows each part's process: it has the forecast of an oracle.
///
/// Errors: no `[sweep]`, or a trace, which has no process; the model does not take the process.
pub fn planned(
    scenario: &Scenario,
    model: Model,
    batch: Option<&[u32]>,
) -> Result<Vec<(Time, Setting)>, InputError> {
    let fail = |message: &str, help: &str| InputError::new(&scenario.name, message).help(help);
    let Some(grid) = &scenario.sweep else {
        return Err(fail("a planned policy needs [sweep]", "add the grid to choose from"));
    };
    scenario.check_grid()?;
    let grid = &Grid { batch: batch.map_or_else(|| grid.batch.clone(), <[u32]>::to_vec), ..grid.clone() };
    let segments: Vec<(Time, Part)> = match (&scenario.workload.source, parts(&scenario.workload)) {
        (_, None) => {
            let help = "run `sim fit TRACE --window 1h` and set [workload] to `kind = \"schedule\"` with its fit.toml as `file`";
            return Err(fail(
                "a planned policy needs processes of phases, not a trace or other renewals",
                help,
            ));
        }
        (Source::Schedule(schedule), Some(_)) => {
            let mut from = Time::ZERO;
            let segment = |segment: &Segment| {
                let start = from;
                from += segment.duration;
                match &segment.process {
                    Process::Map(map) => Some((start, Part::known(1.0, map.clone()))),
                    // Nothing comes, so what was chosen before stays.
                    Process::Silent | Process::Renewal(_) => None,
                }
            };
            schedule.segments.iter().filter_map(segment).collect()
        }
        (_, Some(parts)) => parts.into_iter().map(|part| (Time::ZERO, part)).collect(),
    };
    let plan = |(from, part): &(Time, Part)| Ok((*from, best(scenario, grid, part, model)?));
    segments.par_iter().map(plan).collect()
}

fn best(scenario: &Scenario, grid: &Grid, part: &Part, model: Model) -> Result<Setting, InputError> {
    let largest = grid.batch.iter().copied().max().unwrap_or(1);
    let services =
        grid.memory.iter().map(|memory| scenario.covered(Setting::new(*memory, largest, Span::ZERO)));
    let services = services.collect::<Result<Vec<_>, _>>()?;
    let seconds: Vec<Vec<f64>> =
        services.iter().map(|times| times.mean.iter().map(|span| span.as_secs_f64()).collect()).collect();
    let mut best: Option<([f64; 2], Setting)> = None;
    for timeout in &grid.timeout {
        let laws = BatchLaws::of(std::slice::from_ref(part), model, &grid.batch, *timeout)?;
        for (law, batch) in laws.iter().zip(&grid.batch) {
            let runs = |times: &ServiceTimes| *batch <= scenario.largest_within_limit(times);
            for (times, service) in services.iter().zip(&seconds).filter(|(times, _)| runs(times)) {
                let law = law.latency(&service[..*batch as usize], times.cv);
                let cost =
                    law.per_request(scenario.slo.percentile, batch_cost(&scenario.platform.tariff, times));
                let score = score(scenario, &law, cost, best.map(|(score, _)| score));
                if best.is_none_or(|(least, _)| score < least) {
                    best = Some((score, Setting::new(times.memory, *batch, *timeout)));
                }
            }
        }
    }
    best.map(|(_, setting)| setting).ok_or_else(|| {
        let message = "every configuration of [sweep] would run longer than the platform lets it";
        InputError::new(&scenario.name, message).help("add more memory or smaller batches")
    })
}

/// What to minimise, in order: 0 where the constraint holds, else 1; then the objective.
fn score(scenario: &Scenario, law: &LatencyLaw<'_>, cost: f64, best: Option<[f64; 2]>) -> [f64; 2] {
    let q = scenario.slo.percentile;
    match (scenario.slo.latency, scenario.slo.budget_usd_per_million) {
        (Some(slo), _) => {
            let slo = slo.as_secs_f64();
            // A dearer point cannot win once one is within the SLO.
            if best.is_some_and(|[over, least]| over == 0.0 && cost >= least) {
                return [2.0, cost];
            }
            match law.cdf(slo) >= q {
                true => [0.0, cost],
                // Nor can one that is over it, however little.
                false if best.is_some_and(|[over, _]| over == 0.0) => [2.0, cost],
                false => [1.0, law.quantile(q)],
            }
        }
        (None, Some(budget)) if cost * 1e6 > budget => [1.0, cost],
        (None, _) => [0.0, law.quantile(q)],
    }
}
