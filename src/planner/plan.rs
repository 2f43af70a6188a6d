//! The plan: the best configuration within the constraints, confirmed by simulation.

use rayon::prelude::*;

use super::constraint::{Constraint, Objective};
use super::predict::{BatchLaws, Part, Prediction, predict, scenario_parts};
use super::refine::{Lines, Margin, candidate};
use super::search::{self, Candidate, Decision, Space};
use super::verify::Verdict;
use crate::engine::simulate::simulate_at;
use crate::error::InputError;
use crate::outcome::{Model, Simulation};
use crate::scenario::platform::check_memory;
use crate::scenario::{Scenario, Setting};
use crate::sweep::grid::Grid;
use crate::units::{MemoryMb, Span};

/// So many memory sizes and batches have their timeouts refined.
const REFINED: usize = 6;
/// So many candidates are simulated at most before the fastest one.
const MOST_SIMULATED: usize = 16;
/// So many next-best configurations are listed.
const NEXT_BEST: usize = 5;
/// So many points a chart shows about.
const SHOWN: usize = 1500;
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

/// The answer, and what else was found on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What was asked.
    pub request: Request,
    /// The answer.
    pub answer: Answer,
    /// Other configurations, for comparison.
    pub alternatives: Vec<Alternative>,
    /// Configurations predicted.
    pub evaluated: usize,
    /// Configurations simulated.
    pub simulated: usize,
    /// Some of what was predicted.
    pub points: Vec<Point>,
}

/// The answer of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The configuration to use.
    Recommended(Evaluated),
    /// There is none; this is the nearest, and what would make it one.
    Infeasible(Evaluated, Vec<Mend>),
}

/// A configuration, predicted and perhaps simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The configuration.
    pub setting: Setting,
    /// The percentile of the latency that the objective names \[s\], as predicted.
    pub percentile_s: f64,
    /// What the asked model says.
    pub prediction: Prediction,
    /// What the published model says, where it can.
    pub published: Option<Prediction>,
    /// What the simulation says.
    pub simulation: Option<(Simulation, Verdict)>,
}

/// What would make a plan possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mend {
    /// A latency target of at least this \[s\], with this configuration.
    Latency(f64, Setting),
    /// A budget of at least this per request [$], with this configuration.
    Budget(f64, Setting),
}

/// Another configuration beside the recommended one.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// Why it is shown.
    pub reason: &'static str,
    /// What is predicted of it.
    pub point: Point,
}

/// What is predicted of a configuration, in short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The configuration.
    pub setting: Setting,
    /// The expected cost of a request [$].
    pub cost: f64,
    /// The percentile of the latency that the objective names \[s\].
    pub percentile_s: f64,
    /// Are the constraints met?
    pub meets: bool,
}

/// Everything that a plan works with.
struct Planner<'a> {
    scenario: &'a Scenario,
    request: Request,
    parts: Vec<Part>,
    space: Space,
}

/// Plans a scenario: searches its grid, refines the timeouts, simulates what looks best.
///
/// Errors: the grid is outside the profile or the book; a trace, which has no process; the model does not cover
/// the processes; no request came.
pub fn plan(scenario: &Scenario, request: Request) -> Result<Plan, InputError> {
    let planner = Planner::new(scenario, request)?;
    let mut lines = Lines::new(&search::evaluate(&planner.parts, &planner.space, &request.constraint)?);
    let (answer, margin, simulated) = planner.answer(&mut lines)?;
    let alternatives = match &answer {
        Answer::Recommended(best) => planner.alternatives(&lines, best.setting, margin)?,
        Answer::Infeasible(..) => Vec::new(),
    };
    let points = planner.points(&lines)?;
    Ok(Plan { request, answer, alternatives, evaluated: lines.len(), simulated, points })
}

impl<'a> Planner<'a> {
    fn new(scenario: &'a Scenario, request: Request) -> Result<Planner<'a>, InputError> {
        let parts = scenario_parts(scenario)?;
        let grid = grid(scenario)?;
        let refused = |e: crate::profile::OutOfRange| {
            InputError::new(&scenario.name, format!("[sweep]: {e}")).help("keep [sweep] within the profile")
        };
        let space = Space::new(&grid, &scenario.profile, &scenario.platform.tariff).map_err(refused)?;
        Ok(Planner { scenario, request, parts, space })
    }

    /// The best candidate that the simulation confirms; the margin that this took, and the simulations.
    fn answer(&self, lines: &mut Lines) -> Result<(Answer, Margin, usize), InputError> {
        let constraint = &self.request.constraint;
        let mut margin = Margin::NONE;
        let mut simulated = 0;
        while simulated < MOST_SIMULATED {
            if self.request.timeouts == Timeouts::Refined {
                lines.refine(&self.parts, &self.space, constraint, (margin, REFINED))?;
            }
            let Some(best) = lines.ranked(margin).into_iter().next() else { break };
            let Some((simulation, verdict)) = self.simulate(best.setting)? else {
                return Ok((Answer::Recommended(self.evaluated(best.setting, None)?), margin, simulated));
            };
            simulated += 1;
            if verdict.meets() {
                let evaluated = self.evaluated(best.setting, Some((simulation, verdict)))?;
                return Ok((Answer::Recommended(evaluated), margin, simulated));
            }
            margin = verdict.margin(&best, margin);
        }
        let nearest = search::nearest(&self.parts, &self.space, constraint)?;
        let simulation = self.simulate(nearest.setting)?;
        let confirmed = simulation.as_ref().is_some_and(|(_, verdict)| verdict.meets());
        let last = candidate(&self.parts, &self.space, constraint, nearest.setting)?;
        simulated += usize::from(simulation.is_some());
        let evaluated = self.evaluated(nearest.setting, simulation)?;
        let answer = match confirmed && last.meets {
            true => Answer::Recommended(evaluated),
            false => Answer::Infeasible(evaluated, self.mends()?),
        };
        Ok((answer, margin, simulated))
    }

    fn simulate(&self, setting: Setting) -> Result<Option<(Simulation, Verdict)>, InputError> {
        if self.request.check == Check::Predicted {
            return Ok(None);
        }
        let simulation = simulate_at(self.scenario, setting)?;
        let verdict = Verdict::of(&self.request.constraint, &simulation);
        Ok(Some((simulation, verdict)))
    }

    fn evaluated(
        &self,
        setting: Setting,
        simulation: Option<(Simulation, Verdict)>,
    ) -> Result<Evaluated, InputError> {
        let model = self.request.constraint.model;
        let known = "the planner knows the workload's processes";
        let prediction = predict(self.scenario, setting, model)?.expect(known);
        let published = match model {
            Model::Published => None,
            Model::Exact => predict(self.scenario, setting, Model::Published).ok().flatten(),
        };
        let percentile_s = self.point(setting)?.percentile_s;
        Ok(Evaluated { setting, percentile_s, prediction, published, simulation })
    }

    /// The targets at which there would be a plan.
    fn mends(&self) -> Result<Vec<Mend>, InputError> {
        let constraint = &self.request.constraint;
        let mut mends = Vec::new();
        if constraint.latency.is_some()
            && let Some(fastest) = search::fastest(&self.parts, &self.space, constraint)?
        {
            mends.push(Mend::Latency(fastest.latency, fastest.setting));
        }
        if constraint.budget.is_finite()
            && let Some(cheapest) = search::cheapest(&self.parts, &self.space, constraint)?
        {
            mends.push(Mend::Budget(cheapest.cost, cheapest.setting));
        }
        Ok(mends)
    }

    fn alternatives(
        &self,
        lines: &Lines,
        best: Setting,
        margin: Margin,
    ) -> Result<Vec<Alternative>, InputError> {
        let others = lines
            .ranked(margin)
            .into_iter()
            .filter(|c| (c.setting.memory, c.setting.batch) != (best.memory, best.batch));
        let mut named: Vec<(&'static str, Setting)> =
            others.take(NEXT_BEST).map(|c| ("next best", c.setting)).collect();
        let unbatched = Space { batch: vec![1], timeout: vec![Span::ZERO], ..self.space.clone() };
        if best.batch > 1
            && let Decision::Meets(choice) =
                search::search(&self.parts, &unbatched, &self.request.constraint)?
        {
            named.push(("without batching", choice.setting));
        }
        let own = self.scenario.setting();
        if own != best {
            named.push(("as the scenario is", own));
        }
        let alternative = |(reason, setting)| Ok(Alternative { reason, point: self.point(setting)? });
        named.into_iter().map(alternative).collect()
    }

    /// Any configuration that the profile covers.
    fn point(&self, setting: Setting) -> Result<Point, InputError> {
        let Setting { memory, batch, timeout } = setting;
        let grid = Grid { memory: vec![memory], batch: vec![batch], timeout: vec![timeout] };
        let outside = |e: crate::profile::OutOfRange| InputError::new(&self.scenario.name, e.to_string());
        let tariff = &self.scenario.platform.tariff;
        let space = Space::new(&grid, &self.scenario.profile, tariff).map_err(outside)?;
        let constraint = &self.request.constraint;
        let laws = BatchLaws::of(&self.parts, constraint.model, &space.batch, timeout)?;
        let function = &space.functions[0];
        let judged = function.candidate(&laws[0], batch, timeout, constraint);
        let percentile_s = constraint.percentile_s(&function.law(&laws[0]));
        Ok(Point { setting, cost: judged.cost, percentile_s, meets: judged.meets })
    }

    /// What a chart shows: an even choice of the candidates, and every best timeout.
    fn points(&self, lines: &Lines) -> Result<Vec<Point>, InputError> {
        let step = lines.len().div_ceil(SHOWN).max(1);
        let mut shown: Vec<Candidate> = lines.candidates().step_by(step).copied().collect();
        shown.extend(lines.ranked(Margin::NONE).into_iter().take(SHOWN / 4));
        shown.sort_by_key(|c| c.setting);
        shown.dedup_by_key(|c| c.setting);
        shown.par_iter().map(|candidate| self.point(candidate.setting)).collect()
    }
}

/// The scenario's own configuration, judged.
///
/// Errors: as [`plan`].
pub fn own_candidate(scenario: &Scenario, constraint: &Constraint) -> Result<Candidate, InputError> {
    let Setting { memory, batch, timeout } = scenario.setting();
    let grid = Grid { memory: vec![memory], batch: vec![batch], timeout: vec![timeout] };
    let space = Space::new(&grid, &scenario.profile, &scenario.platform.tariff)
        .map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    candidate(&scenario_parts(scenario)?, &space, constraint, scenario.setting())
}

/// The grid of \[sweep\]; without one, the memory sizes of the profile that the book offers, every batch of the
/// profile, and timeouts of 1, 2, 5, 10, ... ms up to the latency target.
///
/// Errors: a memory size of \[sweep\] is not offered, or none of the profile's is.
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
    let batch = (profile.batch[0]..=profile.batch[profile.batch.len() - 1]).collect();
    let longest = scenario.slo.latency.unwrap_or(LONGEST_TIMEOUT);
    let mut timeout: Vec<Span> = (0..)
        .flat_map(|power| [1, 2, 5].map(|digit| Span(digit * 10_u64.pow(power) * 1_000_000)))
        .take_while(|timeout| *timeout <= longest)
        .collect();
    if timeout.is_empty() {
        timeout.push(longest);
    }
    Ok(Grid { memory, batch, timeout })
}

impl Plan {
    /// What was to be least.
    pub fn objective(&self) -> Objective {
        self.request.constraint.objective()
    }

    /// The configuration that the answer is about.
    pub fn evaluated(&self) -> &Evaluated {
        match &self.answer {
            Answer::Recommended(evaluated) | Answer::Infeasible(evaluated, _) => evaluated,
        }
    }
}
