//! The plan: the best configuration within the constraints, as it was simulated.

use super::chooser::{Chooser, Ranking};
use super::constraint::{Constraint, Objective};
use super::edge::Edge;
use super::infeasible::{Cause, Remedy};
use super::predict::{Prediction, scenario_parts};
use super::replayed::Replayed;
use super::search::{Candidate, Space};
use super::verify::Verdict;
use crate::error::InputError;
use crate::outcome::Simulation;
use crate::scenario::grid::Grid;
use crate::scenario::platform::check_memory;
use crate::scenario::{Scenario, Setting};
use crate::units::{MemoryMb, Span};

/// The timeouts of a grid that nobody gave go up to this where there is no latency target.
const LONGEST_TIMEOUT: Span = Span::from_secs(10);

/// How to plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// What is asked.
    pub constraint: Constraint,
    /// Which timeouts may be chosen.
    pub timeouts: Timeouts,
    /// How the plan is confirmed.
    pub check: Check,
    /// Is what was looked at on the way shown?
    pub points: Points,
}

/// Which timeouts may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeouts {
    /// Those of the grid.
    Grid,
    /// Also those between its points.
    Refined,
}

/// How a plan is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Not at all.
    Predicted,
    /// By simulation.
    Simulated,
}

/// Is what was looked at on the way to the answer shown? The law takes longer for percentiles than for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Points {
    /// Yes, in charts: some of what was evaluated has its percentile.
    Shown,
    /// No: percentiles that nothing asks for are not worked out.
    Left,
}

/// The answer, and what else was found on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What was asked.
    pub request: Request,
    /// Which figures ranked.
    pub ranking: Ranking,
    /// The answer.
    pub answer: Answer,
    /// Other configurations, for comparison.
    pub alternatives: Vec<Alternative>,
    /// The axes of the grid at whose ends the recommendation stands.
    pub edges: Vec<Edge>,
    /// Configurations evaluated: predicted, tried, or both.
    pub evaluated: usize,
    /// Configurations simulated.
    pub simulated: usize,
    /// Configurations of the grid that were left out, as a call would run for longer than the platform lets it.
    pub too_long: usize,
    /// Some of what was evaluated, with percentiles; where [`Points::Left`] asks for none, what has them all the same.
    pub points: Vec<Candidate>,
}

/// The answer of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The configuration to use.
    Recommended(Evaluated),
    /// There is none; this is the nearest, why it misses, and what would make it one.
    Infeasible(Evaluated, Vec<Cause>, Vec<Remedy>),
}

/// A configuration with everything that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// What it was ranked by.
    pub candidate: Candidate,
    /// What the asked model says, where it covers the workload.
    pub prediction: Option<Prediction>,
    /// What the simulation says.
    pub simulation: Option<(Simulation, Verdict)>,
}

impl Evaluated {
    /// The configuration.
    pub fn setting(&self) -> Setting {
        self.candidate.setting
    }

    /// The cost of a million requests [$]: simulated, else predicted.
    pub fn usd_per_million(&self) -> f64 {
        let simulated =
            self.simulation.as_ref().map(|(simulation, _)| simulation.simulated.cost_usd_per_million);
        simulated.unwrap_or(self.candidate.cost * 1e6)
    }

    /// The percentile that the objective names \[s\]: simulated, else predicted.
    pub fn percentile_s(&self) -> f64 {
        let simulated = self.simulation.as_ref().map(|(simulation, _)| simulation.simulated.latency_s.slo);
        let predicted = || self.prediction.as_ref().map(|p| p.predicted.latency_s.slo);
        simulated.or(self.candidate.percentile_s).or_else(predicted).unwrap_or(f64::NAN)
    }
}

/// Another configuration beside the recommended one.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Why it is shown.
    pub reason: Reason,
    /// What is known of it.
    pub candidate: Candidate,
}

/// Why an alternative is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It comes next.
    NextBest,
    /// The best that does not batch.
    WithoutBatching,
    /// The scenario's own configuration.
    AsTheScenarioIs,
}

impl Reason {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Reason::NextBest => "next best",
            Reason::WithoutBatching => "without batching",
            Reason::AsTheScenarioIs => "as the scenario is",
        }
    }
}

/// Plans a scenario: evaluates its grid, refines the timeouts, simulates what looks best.
///
/// # Errors
/// The grid is outside the profile or the book; an adaptive policy; the trace cannot be read; no request came.
pub fn plan(scenario: &Scenario, request: Request) -> Result<Plan, InputError> {
    one_configuration(scenario)?;
    super::predict::knows_the_overhead(scenario, request.constraint.model)?;
    let replayed = Replayed::new(scenario)?;
    Chooser::new(scenario, request, &replayed)?.plan()
}

/// A plan is about one configuration.
///
/// # Errors
/// The policy is adaptive.
pub fn one_configuration(scenario: &Scenario) -> Result<(), InputError> {
    if scenario.policy.is_fixed() {
        return Ok(());
    }
    let help = "`sim run` simulates it; to plan one configuration, add --set policy.kind=batch";
    Err(InputError::new(&scenario.name, "an adaptive policy plans anew by itself").help(help))
}

/// The scenario's own configuration, predicted.
///
/// # Errors
/// As [`plan`]; a trace that says too little to fit.
pub fn own_candidate(scenario: &Scenario, constraint: &Constraint) -> Result<Candidate, InputError> {
    let setting = scenario.setting();
    let space = space_of(scenario, setting)?;
    let laws = super::laws::BatchLaws::of(
        &scenario_parts(scenario)?,
        constraint.model,
        &[setting.batch],
        setting.timeout,
    )?;
    Ok(space.functions[0].candidate(&laws[0], (setting.batch, setting.timeout), constraint))
}

/// The space that holds one configuration.
///
/// # Errors
/// The profile does not cover it.
pub fn space_of(scenario: &Scenario, setting: Setting) -> Result<Space, InputError> {
    let Setting { memory, batch, timeout, provisioned } = setting;
    let (memory, batch) = (vec![memory], vec![batch]);
    let grid = Grid { memory, batch, timeout: vec![timeout], provisioned: vec![provisioned] };
    Space::new(&grid, &scenario.profile, &scenario.platform.tariff)
        .map_err(|e| InputError::new(&scenario.name, e.to_string()))
}

/// The grid of \[sweep\]; without one, the memory sizes of the profile that the book offers, batches of the profile, every one
/// up to 16 and then in steps of an eighth, and timeouts of 1, 2, 5, 10, ... ms up to the latency target.
///
/// # Errors
/// A memory size of \[sweep\] is not offered, or none of the profile's is.
pub fn grid(scenario: &Scenario) -> Result<Grid, InputError> {
    let book = &scenario.platform.book;
    if let Some(grid) = &scenario.sweep {
        for memory in &grid.memory {
            check_memory(*memory, book).map_err(|message| {
                InputError::new(&scenario.name, format!("[sweep] memory_mb: {message}"))
            })?;
        }
        return Ok(grid.clone());
    }
    let profile = &scenario.profile;
    let sizes = profile.memory_mb.iter().map(|mb| MemoryMb(*mb));
    let memory: Vec<MemoryMb> = sizes.filter(|memory| check_memory(*memory, book).is_ok()).collect();
    if memory.is_empty() {
        let message = format!("{} offers none of the profile's memory sizes", book.name);
        return Err(InputError::new(&scenario.name, message).help("give [sweep] with sizes that it offers"));
    }
    let batch = batches(&profile.batch);
    let longest = scenario.slo.latency.unwrap_or(LONGEST_TIMEOUT);
    let mut timeout: Vec<Span> = (0..)
        .flat_map(|power| [1, 2, 5].map(|digit| Span(digit * 10_u64.pow(power) * 1_000_000)))
        .take_while(|timeout| *timeout <= longest)
        .collect();
    if timeout.is_empty() {
        timeout.push(longest);
    }
    Ok(Grid { memory, batch, timeout, provisioned: vec![scenario.platform.environments.provisioned()] })
}

/// The batches of a grid that nobody gave: the law of a batch of n takes n^2 steps, so that all of them would take n^3. What
/// was measured is among them unless it is more than that.
fn batches(measured: &[u32]) -> Vec<u32> {
    let (least, largest) = (measured[0], measured[measured.len() - 1]);
    let steps = std::iter::successors(Some(least), |batch| Some(batch + (batch / 8).max(1)));
    let mut batches: Vec<u32> = steps.take_while(|batch| *batch < largest).chain([largest]).collect();
    if measured.len() <= batches.len() {
        batches.extend_from_slice(measured);
    }
    batches.sort_unstable();
    batches.dedup();
    batches
}

impl Plan {
    /// What was to be least.
    pub fn objective(&self) -> Objective {
        self.request.constraint.objective()
    }

    /// The configuration that the answer is about.
    pub fn evaluated(&self) -> &Evaluated {
        match &self.answer {
            Answer::Recommended(evaluated) | Answer::Infeasible(evaluated, ..) => evaluated,
        }
    }

    /// The best configuration that does not batch, if the recommended one does.
    pub fn unbatched(&self) -> Option<&Candidate> {
        let found = self.alternatives.iter().find(|a| a.reason == Reason::WithoutBatching);
        found.map(|alternative| &alternative.candidate)
    }
}
