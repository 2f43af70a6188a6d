//! Which classes should share a buffer, and how each buffer is set: by the exact law, confirmed by simulation.

mod choice;
mod judge;
mod partition;
mod place;
mod race;

use rayon::prelude::*;

pub use self::choice::{Function, GroupChoice, Planner, SizeTimes, platform_function};
pub use self::partition::{MOST_SUBSETS, Partitions};
use self::partition::{best_contiguous, best_of_all};
use super::shared::{ClassPrediction, MarkedPart, predict_parts};
use crate::engine::classes::simulate::{ClassSimulation, simulate_group};
use crate::engine::simulate::Unwatched;
use crate::engine::summary::MONTH_S;
use crate::error::InputError;
use crate::outcome::ClassFigures;
use crate::profile::device::Size;
use crate::scenario::Scenario;
use crate::scenario::class::{Class, Classes, Group};
use crate::units::MemoryMb;

/// The groups to run, and what they were chosen from.
#[derive(Debug, Clone)]
pub struct GroupPlan {
    /// The best partition; none if some class cannot keep its objective in any.
    pub best: Option<Vec<Planned>>,
    /// Every class in a buffer of its own; none where it cannot keep its objective.
    pub alone: Vec<Option<Planned>>,
    /// All classes in one buffer, if they can keep their objectives there.
    pub together: Option<Planned>,
    /// Among which partitions the best is the best.
    pub partitions: Partitions,
    /// Groups from which the partition was chosen.
    pub groups: usize,
    /// Those whose best configuration had to be looked for; bounds told enough of the others.
    pub searched: usize,
    /// Configurations predicted.
    pub evaluated: usize,
    /// Simulations whose figures decided, where no law covers the scenario.
    pub trials: Option<usize>,
    /// Requests a second of all classes.
    pub rate: f64,
}

/// A group of the plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What was chosen.
    pub choice: GroupChoice,
    /// What the law says of it.
    pub prediction: ClassPrediction,
    /// What the simulation says of it.
    pub simulation: Option<ClassSimulation>,
}

/// Is a plan confirmed by simulation?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not at all.
    Predicted,
    /// Each group of it.
    Simulated,
}

impl GroupChoice {
    /// The group to run at a memory size.
    pub fn group(&self, memory: MemoryMb) -> Group {
        Group {
            members: self.members.clone(),
            memory,
            batch: self.batch,
            longest_wait: self.longest_wait.clone(),
        }
    }
}

impl GroupPlan {
    /// The cost of a million requests [$] where every class is alone; none if one cannot keep its objective.
    pub fn alone_usd_per_million(&self) -> Option<f64> {
        let costs = self.alone.iter().map(|alone| alone.as_ref().map(|alone| alone.choice.usd_per_s));
        Some(costs.sum::<Option<f64>>()? / self.rate * 1e6)
    }

    /// The same with all in one buffer.
    pub fn together_usd_per_million(&self) -> Option<f64> {
        self.together.as_ref().map(|together| together.choice.usd_per_s / self.rate * 1e6)
    }

    /// The same of the best partition.
    pub fn best_usd_per_million(&self) -> Option<f64> {
        let cost = |best: &Vec<Planned>| best.iter().map(|planned| planned.choice.usd_per_s).sum::<f64>();
        self.best.as_ref().map(|best| cost(best) / self.rate * 1e6)
    }

    /// A month's bill \[$\] at that cost of a million requests \[$\] and the rate of all classes.
    pub fn usd_per_month(&self, usd_per_million: f64) -> f64 {
        usd_per_million * 1e-6 * self.rate * MONTH_S
    }
}

impl Planned {
    /// Its memory size.
    pub fn memory_mb(&self) -> u32 {
        match self.choice.size {
            Size::Memory(memory) => memory.0,
            Size::Processors(_) | Size::Gpu(_) => 0,
        }
    }

    /// What each member pays of a second [$].
    pub fn paid_usd_per_s(&self) -> Vec<f64> {
        let part = |class: &ClassFigures| class.share * class.cost_usd_per_million;
        let parts: Vec<f64> = self.prediction.classes.iter().map(part).collect();
        let total: f64 = parts.iter().sum();
        parts.iter().map(|part| part / total * self.choice.usd_per_s).collect()
    }

    /// Does each class keep its objective in the simulation, or is it over by no more than its interval says of chance?
    pub fn verified(&self, classes: &Classes) -> Option<bool> {
        let keeps = |(figures, member): (&ClassFigures, &usize)| {
            let slo = classes.list[*member].slo?;
            let least = figures.slo_violation_share_ci95.map_or(figures.slo_violation_share?, |[low, _]| low);
            Some(slo.is_kept(least))
        };
        let simulation = self.simulation.as_ref()?;
        Some(simulation.classes.iter().zip(&self.choice.members).all(|pair| keeps(pair).unwrap_or(true)))
    }
}

/// Plans the groups of a scenario's classes: of all partitions the best up to 12 classes, else the best of those that keep
/// neighbours by their objectives together.
///
/// # Errors
/// A class without an objective; a scenario without memory sizes and batches to choose from; the profile does not cover
/// them; a trace that cannot be read.
pub fn plan_groups(scenario: &Scenario, classes: &Classes, check: Check) -> Result<GroupPlan, InputError> {
    let planner = Planner::new(scenario, classes)?;
    let count = classes.list.len();
    let chosen = choose(&planner, classes);
    let all: Vec<usize> = (0..count).collect();
    // The groups that are shown, each once.
    let mut shown: Vec<GroupChoice> = all.iter().filter_map(|class| chosen.find(&[*class])).collect();
    shown.extend(chosen.find(&all).into_iter().chain(chosen.best.iter().flatten().cloned()));
    shown.sort_by(|a, b| a.members.cmp(&b.members));
    shown.dedup_by(|a, b| a.members == b.members);
    let raised: Vec<GroupChoice> = shown.into_par_iter().map(|choice| planner.raised(choice)).collect();
    let finished = |choice: GroupChoice, check| {
        let parts = planner.arrivals().of(&choice.members);
        let raised = raised.iter().find(|raised| raised.members == choice.members);
        planned(scenario, classes, raised.cloned().unwrap_or(choice), &parts, check)
    };
    let predicted = |choice| finished(choice, Check::Predicted);
    let alone = (0..count).into_par_iter().map(|class| chosen.find(&[class]).map(predicted).transpose());
    let alone = alone.collect::<Result<_, _>>()?;
    let together = chosen.find(&all).map(predicted).transpose()?;
    let best = chosen.best.as_ref().map(|best| {
        let choices = best.par_iter().map(|choice| finished(choice.clone(), check));
        choices.collect::<Result<Vec<_>, _>>()
    });
    let mut plan = GroupPlan {
        best: best.transpose()?,
        alone,
        together,
        partitions: chosen.partitions,
        groups: chosen.members.len(),
        searched: chosen.found.len(),
        evaluated: chosen.evaluated,
        trials: None,
        rate: planner.rate(),
    };
    if check == Check::Simulated && !race::is_needless(scenario) {
        let raced = race::race(&planner, scenario, classes, &chosen)?;
        plan.trials = Some(raced.trials);
        // Where nothing keeps the objectives in the simulation, what the law says stays, unconfirmed.
        if let Some(best) = &raced.best {
            plan.best = Some(best.clone());
            plan.alone = (0..count).map(|class| raced.find(&[class])).collect();
            plan.together = raced.find(&(0..count).collect::<Vec<_>>());
        }
    }
    Ok(plan)
}

/// The best configurations of groups, and the best partition into these.
#[derive(Debug)]
pub(super) struct Chosen {
    /// All groups that there may be.
    members: Vec<Vec<usize>>,
    /// Those whose best configuration was looked for: the bound of any other is too high for the best partition.
    found: Vec<(Vec<usize>, Option<GroupChoice>)>,
    pub(super) best: Option<Vec<GroupChoice>>,
    partitions: Partitions,
    evaluated: usize,
}

impl Chosen {
    fn find(&self, wanted: &[usize]) -> Option<GroupChoice> {
        self.found.iter().find(|(members, _)| members == wanted)?.1.clone()
    }
}

/// Looks for the best partition, and for the best configurations of the groups that may be in it.
///
/// Every group has a cost that it cannot be below, which takes no law of waits. A partition is looked for with these; the
/// costs of its groups are found, and again, until the best one has none that is not known.
pub(super) fn choose(planner: &Planner, classes: &Classes) -> Chosen {
    let count = classes.list.len();
    let latency = |class: &Class| class.slo.map(|slo| slo.latency);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|class| latency(&classes.list[*class]));
    let partitions = if count <= MOST_SUBSETS { Partitions::All } else { Partitions::Contiguous };
    let members: Vec<Vec<usize>> = match partitions {
        Partitions::All => (1..1_usize << count).map(|set| of_set(set, count)).collect(),
        Partitions::Contiguous => (0..count)
            .flat_map(|from| (from + 1..=count).map(move |to| (from, to)))
            .map(|(from, to)| sorted(&order[from..to]))
            .collect(),
    };
    let bounds: Vec<(f64, usize)> = members.par_iter().map(|members| planner.bound(members)).collect();
    let evaluated = bounds.iter().map(|(_, places)| places).sum();
    let mut search = Search {
        least: bounds.into_iter().map(|(bound, _)| bound).collect(),
        found: vec![None; members.len()],
        partitions,
        count,
    };
    // Each alone and all in one are shown whatever is best.
    let shown = (0..members.len()).filter(|at| members[*at].len() == 1 || members[*at].len() == count);
    search.look(planner, &members, shown.map(|at| (at, f64::INFINITY)).collect());
    let best = loop {
        let (known, possible) = (search.best_known(), search.best_possible());
        let Some((possible, usd_per_s)) = possible else { break None };
        let to_beat = known.as_ref().map_or(f64::INFINITY, |(_, usd_per_s)| *usd_per_s);
        let unknown = possible.iter().filter(|at| search.found[**at].is_none());
        let wanted: Vec<(usize, f64)> = unknown
            .map(|at| (*at, search.least[*at] + (to_beat - usd_per_s) + to_beat.min(f64::MAX) * ROUNDING))
            .collect();
        // No partition can be below the best that is known, as bounds are never above costs.
        if usd_per_s >= to_beat || wanted.is_empty() {
            break known.map(|(places, _)| places);
        }
        search.look(planner, &members, wanted);
    };
    let best =
        best.map(|places| places.into_iter().filter_map(|at| search.found[at].clone().flatten()).collect());
    let known = members.iter().cloned().zip(search.found);
    let found = known.filter_map(|(members, found)| Some((members, found?))).collect();
    Chosen { members, found, best, partitions, evaluated }
}

/// What a sum of costs may lack for rounding.
const ROUNDING: f64 = 1e-12;

/// What is known of the groups, by their places.
struct Search {
    /// A cost [$/s] that a group cannot be below: its own, where that is known.
    least: Vec<f64>,
    /// Groups whose best configuration is known, if they have one.
    found: Vec<Option<Option<GroupChoice>>>,
    partitions: Partitions,
    count: usize,
}

impl Search {
    /// Looks for the best configurations of some groups, each if it costs no more than so much [$/s].
    fn look(&mut self, planner: &Planner, members: &[Vec<usize>], wanted: Vec<(usize, f64)>) {
        let new: Vec<Option<GroupChoice>> =
            wanted.par_iter().map(|(at, most)| planner.best_within(&members[*at], *most)).collect();
        for ((at, most), choice) in wanted.into_iter().zip(new) {
            // A group that costs more than that is in no better partition, whatever its cost.
            self.least[at] = choice.as_ref().map_or(most, |choice| choice.usd_per_s);
            if choice.is_some() || most.is_infinite() {
                self.found[at] = Some(choice);
            }
        }
    }

    /// The cheapest partition into groups whose costs are known.
    fn best_known(&self) -> Option<(Vec<usize>, f64)> {
        let cost = |at: usize| self.found[at].as_ref().map_or(f64::INFINITY, |_| self.least[at]);
        self.best(cost)
    }

    /// The cheapest partition that there may be.
    fn best_possible(&self) -> Option<(Vec<usize>, f64)> {
        self.best(|at| self.least[at])
    }

    fn best(&self, cost: impl Fn(usize) -> f64) -> Option<(Vec<usize>, f64)> {
        let places = best_places(self.partitions, self.count, &cost)?;
        let usd_per_s = places.iter().map(|at| cost(*at)).sum();
        Some((places, usd_per_s))
    }
}

/// The places of the groups of the cheapest partition; `None` if every one costs infinitely much.
fn best_places(partitions: Partitions, count: usize, cost: impl Fn(usize) -> f64) -> Option<Vec<usize>> {
    match partitions {
        Partitions::All => {
            best_of_all(count, |set| cost(set - 1)).map(|sets| sets.iter().map(|set| set - 1).collect())
        }
        Partitions::Contiguous => best_contiguous(count, cost),
    }
}

fn planned(
    scenario: &Scenario,
    classes: &Classes,
    choice: GroupChoice,
    parts: &[MarkedPart],
    check: Check,
) -> Result<Planned, InputError> {
    let Size::Memory(memory) = choice.size else { unreachable!("planned among memory sizes") };
    let group = choice.group(memory);
    let prediction = predict_parts(scenario, classes, &group, parts)?;
    let simulation = match check {
        Check::Predicted => None,
        Check::Simulated => Some(simulate_group(scenario, classes, &group, &mut Unwatched)?),
    };
    Ok(Planned { choice, prediction, simulation })
}

/// A configuration as it is simulated: its cost is what happened.
fn simulated(
    planner: &Planner,
    scenario: &Scenario,
    classes: &Classes,
    choice: GroupChoice,
) -> Result<Planned, InputError> {
    let parts = planner.arrivals().of(&choice.members);
    let rate = planner.rate_of(&choice.members);
    let mut found = planned(scenario, classes, choice, &parts, Check::Simulated)?;
    if let Some(simulation) = &found.simulation {
        found.choice.usd_per_s = simulation.simulation.simulated.cost_usd_per_million / 1e6 * rate;
    }
    Ok(found)
}

fn of_set(set: usize, count: usize) -> Vec<usize> {
    (0..count).filter(|class| set >> class & 1 == 1).collect()
}

fn sorted(classes: &[usize]) -> Vec<usize> {
    let mut classes = classes.to_vec();
    classes.sort_unstable();
    classes
}
