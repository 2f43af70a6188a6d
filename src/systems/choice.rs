//! Settings that a compared system chooses for itself, by prediction.

use crate::analytic::exact::Variation;
use crate::arrivals::schedule::{Process, Segment};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::Model;
use crate::planner::laws::{BatchLaws, ModelLatency, batch_cost, variation};
use crate::planner::predict::{Part, hours, knows_the_overhead, parts};
use crate::profile::ServiceTimes;
use crate::scenario::grid::Grid;
use crate::scenario::platform::check_memory;
use crate::scenario::system::MemoryChoice;
use crate::scenario::workload::Source;
use crate::scenario::{Scenario, Setting};
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

/// The memory size that a system names or leaves to a rule.
///
/// # Errors
/// The rule needs an SLO.
pub(super) fn chosen(scenario: &Scenario, memory: MemoryChoice) -> Result<MemoryMb, InputError> {
    match memory {
        MemoryChoice::Fixed(memory) => Ok(memory),
        MemoryChoice::Largest => Ok(largest_memory(scenario)),
        MemoryChoice::CheapestWithinSlo => cheapest_memory(scenario),
    }
}

/// The largest memory size on offer.
fn largest_memory(scenario: &Scenario) -> MemoryMb {
    offered(scenario).last().copied().unwrap_or(scenario.platform.memory)
}

/// The cheapest memory size at which requests without batching meet the SLO; the largest if none does.
///
/// # Errors
/// There is no latency in the SLO.
fn cheapest_memory(scenario: &Scenario) -> Result<MemoryMb, InputError> {
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
        // Without batching the latency is the service time, and what comes beside.
        let latency = variation(&times).quantile(1, service, scenario.slo.percentile);
        let within = latency <= slo.as_secs_f64();
        if within && best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, memory));
        }
    }
    Ok(best.map_or_else(|| largest_memory(scenario), |(_, memory)| memory))
}

/// The setting of `[sweep]` (with other largest batches, if given) that is best for each part of a workload, with the
/// time from which it holds: for each segment of a schedule of processes, for each hour of anything else that is not
/// stationary. Best is the cheapest within the latency SLO, else the fastest within the budget, else the fastest of all.
/// The plan knows each part's process, or what is fitted to its hour: it has the forecast of an oracle.
///
/// # Errors
/// No `[sweep]`; a trace that cannot be read or says too little; the model does not take the process.
pub(super) fn planned(
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
    if let Source::Closed(_) = scenario.workload.source {
        let help = "give it `policy = { kind = \"batch\", .. }`; `sim plan` chooses by simulation";
        return Err(fail("a planned policy needs arrivals that do not depend on the answers", help));
    }
    let segments = segments(scenario)?;
    // What is best for a part follows from its process.
    let mut different: Vec<&Part> = Vec::new();
    let mut numbers = Vec::new();
    for (_, part) in &segments {
        let known = different.iter().position(|other| other.process == part.process);
        numbers.push(known.unwrap_or(different.len()));
        different.extend(known.is_none().then_some(part));
    }
    let plan = |part: &&Part| best(scenario, grid, part, model);
    let plans = different.par_iter().map(plan).collect::<Result<Vec<_>, InputError>>()?;
    let steps = segments.iter().zip(numbers).map(|((from, _), number)| (*from, plans[number]));
    let mut steps: Vec<(Time, Setting)> = steps.collect();
    match steps.first_mut() {
        // Before anything comes, nothing else has been chosen.
        Some((from, _)) => *from = Time::ZERO,
        None => {
            return Err(fail(
                "has no arrivals to plan for",
                "look at the workload's from, until and duration",
            ));
        }
    }
    Ok(steps)
}

/// The parts of a workload by their beginnings. Where nothing comes there is none: what was chosen before stays.
fn segments(scenario: &Scenario) -> Result<Vec<(Time, Part)>, InputError> {
    let mut from = Time::ZERO;
    match (&scenario.workload.source, parts(&scenario.workload)) {
        (Source::Schedule(schedule), Some(_)) => {
            let segment = |segment: &Segment| {
                let start = from;
                from += segment.duration;
                match &segment.process {
                    Process::Map(map) => Some((start, Part::known(1.0, map.clone()))),
                    Process::Silent | Process::Renewal(_) => None,
                }
            };
            Ok(schedule.segments.iter().filter_map(segment).collect())
        }
        (_, Some(parts)) => Ok(parts.into_iter().map(|part| (Time::ZERO, part)).collect()),
        (_, None) => {
            let mut arrivals = scenario.workload.open(Streams::new(scenario.seed).part(0))?;
            let hour = |(duration, part): (Span, Option<Part>)| {
                let start = from;
                from += duration;
                part.map(|part| (start, part))
            };
            Ok(hours(&mut *arrivals)?.into_iter().filter_map(hour).collect())
        }
    }
}

fn best(scenario: &Scenario, grid: &Grid, part: &Part, model: Model) -> Result<Setting, InputError> {
    knows_the_overhead(scenario, model)?;
    let largest = grid.batch.iter().copied().max().unwrap_or(1);
    let services =
        grid.memory.iter().map(|memory| scenario.covered(Setting::new(*memory, largest, Span::ZERO)));
    let services = services.collect::<Result<Vec<_>, _>>()?;
    let seconds: Vec<Vec<f64>> =
        services.iter().map(|times| times.mean.iter().map(|span| span.as_secs_f64()).collect()).collect();
    let variations: Vec<Variation> = services.iter().map(variation).collect();
    let mut best: Option<([f64; 2], Setting)> = None;
    for timeout in &grid.timeout {
        let laws = BatchLaws::of(std::slice::from_ref(part), model, &grid.batch, *timeout)?;
        for (law, batch) in laws.iter().zip(&grid.batch) {
            let runs = |times: &ServiceTimes| *batch <= scenario.largest_within_limit(times);
            let all = services.iter().zip(&seconds).zip(&variations);
            for ((times, service), variation) in all.filter(|((times, _), _)| runs(times)) {
                let law = law.latency(&service[..*batch as usize], variation);
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
fn score(scenario: &Scenario, law: &ModelLatency<'_>, cost: f64, best: Option<[f64; 2]>) -> [f64; 2] {
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
