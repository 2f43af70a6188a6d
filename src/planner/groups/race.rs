//! Groups where no law covers the scenario: their likeliest configurations are simulated, and what happened decides.
//!
//! The law chooses what is tried: for each group the cheapest configurations by its costs, and where a class misses its
//! objective in the simulation (an initialisation took its time, a trace has bursts that no fit has), the same with
//! shorter waits. Every group is tried while that is affordable; else those that the law puts into its best partition, all
//! alone and all in one.

use rayon::prelude::*;

use super::partition::{Partitions, best_contiguous, best_of_all};
use super::{Chosen, GroupChoice, Planned, Planner, simulated};
use crate::error::InputError;
use crate::planner::chooser::{evidence, is_exact};
use crate::planner::verify::Evidence;
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::units::Span;

/// Requests in all that the trials may see.
const AFFORDABLE: f64 = 1.5e8;
/// So many configurations of a group are tried at most.
const MOST: usize = 6;
/// Where an objective is missed, the waits are shortened to these shares.
const SHORTER: [f64; 4] = [1.0, 0.7, 0.4, 0.1];

/// What the trials found.
#[derive(Debug)]
pub(super) struct Raced {
    /// Groups with what was the cheapest that kept every objective.
    pub found: Vec<(Vec<usize>, Option<Planned>)>,
    /// The best partition of them.
    pub best: Option<Vec<Planned>>,
    /// Simulations made.
    pub trials: usize,
}

impl Raced {
    pub fn find(&self, wanted: &[usize]) -> Option<Planned> {
        self.found.iter().find(|(members, _)| members == wanted)?.1.clone()
    }
}

/// Does the law tell all, so that nothing need be tried?
pub(super) fn is_needless(scenario: &Scenario) -> bool {
    is_exact(scenario)
}

/// Tries the groups.
///
/// # Errors
/// The profile does not cover one; a trace cannot be read; no request came.
pub(super) fn race(
    planner: &Planner,
    scenario: &Scenario,
    classes: &Classes,
    chosen: &Chosen,
) -> Result<Raced, InputError> {
    let count = classes.list.len();
    let all: Vec<usize> = (0..count).collect();
    let mut trials = 0;
    let Some(first) = chosen.best.as_ref().and_then(|best| best.first()) else {
        return Ok(Raced { found: Vec::new(), best: None, trials });
    };
    let rate = planner.rate_of(&first.members);
    let first = simulated(planner, scenario, classes, first.clone())?;
    let requests = first.simulation.as_ref().map_or(0, |found| found.simulation.requests);
    let whole = requests as f64 * planner.rate() / rate.max(f64::MIN_POSITIVE);
    let affordable = AFFORDABLE / whole.max(1.0);
    let every = chosen.members.len() as f64 <= affordable;
    let named = |members: &[usize]| {
        members.len() == 1
            || members == all
            || chosen.best.iter().flatten().any(|choice| choice.members == members)
    };
    let groups: Vec<&Vec<usize>> = chosen.members.iter().filter(|members| every || named(members)).collect();
    let most = ((affordable / groups.len() as f64) as usize).clamp(1, MOST);
    let tried: Vec<(Option<Planned>, usize)> = groups
        .par_iter()
        .map(|members| best_of_group(planner, scenario, classes, members, most))
        .collect::<Result<_, InputError>>()?;
    trials += 1 + tried.iter().map(|(_, trials)| trials).sum::<usize>();
    let found: Vec<(Vec<usize>, Option<Planned>)> =
        groups.into_iter().cloned().zip(tried.into_iter().map(|(planned, _)| planned)).collect();
    let mut raced = Raced { found, best: None, trials };
    raced.best = if every {
        best_partition(&raced, chosen.partitions, count)
    } else {
        best_named(&raced, chosen, &all)
    };
    Ok(raced)
}

/// The cheapest of a group's configurations that keeps every objective in the simulation; and how many were tried.
fn best_of_group(
    planner: &Planner,
    scenario: &Scenario,
    classes: &Classes,
    members: &[usize],
    most: usize,
) -> Result<(Option<Planned>, usize), InputError> {
    let mut choices = planner.near(members, most);
    if let Some(first) = choices.first().cloned() {
        choices.push(planner.raised(first));
    }
    let (mut best, mut trials) = (None::<Planned>, 0);
    for choice in choices {
        for share in SHORTER {
            let shorter = |wait: &Span| Span((wait.0 as f64 * share) as u64);
            let longest_wait = choice.longest_wait.iter().map(shorter).collect();
            let tried =
                simulated(planner, scenario, classes, GroupChoice { longest_wait, ..choice.clone() })?;
            trials += 1;
            if keeps(scenario, classes, &tried) {
                if best.as_ref().is_none_or(|best| tried.choice.usd_per_s < best.choice.usd_per_s) {
                    best = Some(tried);
                }
                break;
            }
            if choice.longest_wait.iter().all(|wait| *wait == Span::ZERO) {
                break;
            }
        }
    }
    Ok((best, trials))
}

/// Does every class keep its objective: on a trace by its counts, else by the upper ends of its intervals?
fn keeps(scenario: &Scenario, classes: &Classes, tried: &Planned) -> bool {
    let counts = matches!(evidence(scenario), Evidence::Counts);
    let Some(simulation) = &tried.simulation else { return false };
    simulation.classes.iter().zip(&tried.choice.members).all(|(figures, member)| {
        let Some(slo) = classes.list[*member].slo else { return true };
        let share = figures.slo_violation_share.unwrap_or(0.0);
        let upper = figures.slo_violation_share_ci95.filter(|_| !counts).map_or(share, |[_, upper]| upper);
        slo.is_kept(upper.max(share))
    })
}

fn best_partition(raced: &Raced, partitions: Partitions, count: usize) -> Option<Vec<Planned>> {
    let cost = |at: usize| raced.found[at].1.as_ref().map_or(f64::INFINITY, |found| found.choice.usd_per_s);
    let places = match partitions {
        Partitions::All => best_of_all(count, |set| cost(set - 1))?.into_iter().map(|set| set - 1).collect(),
        Partitions::Contiguous => best_contiguous(count, cost)?,
    };
    Some(places.into_iter().filter_map(|at| raced.found[at].1.clone()).collect())
}

/// The best of three: the law's partition, all alone, all in one.
fn best_named(raced: &Raced, chosen: &Chosen, all: &[usize]) -> Option<Vec<Planned>> {
    let law: Vec<Vec<usize>> = chosen.best.iter().flatten().map(|choice| choice.members.clone()).collect();
    let alone = all.iter().map(|class| vec![*class]).collect();
    let ways = [law, alone, vec![all.to_vec()]];
    let found = ways.iter().filter_map(|groups| {
        groups.iter().map(|members| raced.find(members)).collect::<Option<Vec<Planned>>>()
    });
    let cost = |way: &Vec<Planned>| way.iter().map(|planned| planned.choice.usd_per_s).sum::<f64>();
    found.min_by(|a, b| cost(a).total_cmp(&cost(b)))
}
