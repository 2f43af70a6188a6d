//! How a plan is found: every configuration is evaluated, the best is simulated in full, and what the simulation
//! refutes is not said.
//!
//! Two figures can rank. The exact law ranks where it covers the scenario and the run is long, so that the two agree.
//! Elsewhere trials on the scenario's own arrivals rank ([`super::trial`]); where the law covers the scenario too, it
//! must agree that a configuration meets what is asked, so that the luck of a short run recommends nothing.

use std::collections::BTreeMap;

use super::alternatives::points;
use super::bound;
use super::constraint::Scope;
use super::edge;
use super::infeasible;
use super::plan::{Answer, Check, Evaluated, Plan, Points, Request, Timeouts, grid};
use super::predict::{Part, predict_parts};
use super::ranking::ranking;
pub use super::ranking::{Ranking, is_exact};
use super::refine::{Lines, Tightening};
use super::replayed::Replayed;
use super::search::{self, Candidate, DEAR, Function, Space, order};
use super::trial::Trials;
use super::verify::{Evidence, Verdict};
use crate::error::InputError;
use crate::outcome::{Model, Simulation};
use crate::scenario::grid::Grid;
use crate::scenario::workload::Source;
use crate::scenario::{Scenario, Setting};
use crate::units::{MemoryMb, Span};

/// So many lines have their timeouts refined.
const REFINED: usize = 6;
/// Where trials see more requests than this, fewer lines are refined.
const MANY: f64 = 1e6;
/// See [`MANY`].
const REFINED_OF_MANY: usize = 2;
/// Where the law of the best batches takes long, one line is refined, down to this share of its timeout.
const FINEST_OF_DEAR: f64 = 0.02;
/// So many lines have the batches beside them tried, where nobody gave a grid.
const REFINED_IN_BATCHES: usize = 2;
/// The law's percentiles are looked at for about so many configurations of a grid: each takes as long as many verdicts.
const LOOKED_AT: usize = 1500;
/// Requests in all that confirmations may see: the more, the shorter the run.
const CONFIRMED: f64 = 4e8;
/// At least so many configurations are simulated in full before the search ends without one.
const LEAST_CONFIRMED: usize = 32;
/// A configuration that is better by less than this need not be simulated.
const WORTH: f64 = 0.002;

/// Everything that a plan works with.
pub struct Chooser<'a> {
    /// What is planned.
    pub scenario: &'a Scenario,
    /// What was asked.
    pub request: Request,
    /// The configurations to choose from.
    pub space: Space,
    /// The grid that they come from.
    pub grid: Grid,
    /// Which figures rank.
    pub ranking: Ranking,
    replayed: &'a Replayed<'a>,
    trials: Trials<'a>,
    pub(super) laws: Vec<Part>,
    confirmed: BTreeMap<Setting, (Simulation, Verdict)>,
    too_long: usize,
    /// Configurations of the grid that were tried, predicted, or bounded by others.
    considered: usize,
    /// Those of them that need no trial, as long as what was tried is confirmed.
    spared: Vec<Setting>,
}

impl<'a> Chooser<'a> {
    /// Prepares a plan.
    ///
    /// # Errors
    /// The grid is outside the profile or the book; the trace cannot be read.
    pub fn new(
        scenario: &'a Scenario,
        request: Request,
        replayed: &'a Replayed<'a>,
    ) -> Result<Chooser<'a>, InputError> {
        let grid = grid(scenario)?;
        let refused = |e: crate::profile::OutOfRange| {
            InputError::new(&scenario.name, format!("[sweep]: {e}")).help("keep [sweep] within the profile")
        };
        let space = match request.constraint.model {
            Model::Exact => Space::new(&grid, &scenario.profile, &scenario.platform.tariff),
            Model::Published => Space::unrounded(&grid, &scenario.profile, &scenario.platform.tariff),
        };
        let space = space.map_err(refused)?;
        let ranking = ranking(scenario, &request, replayed, &space);
        let trials = Trials::new(scenario, request.constraint, replayed);
        let laws = match ranking {
            Ranking::Simulated | Ranking::SimulatedSooner => Vec::new(),
            Ranking::Predicted | Ranking::SimulatedWithinLaw => replayed.parts()?.to_vec(),
        };
        Ok(Chooser {
            scenario,
            request,
            space,
            grid,
            ranking,
            replayed,
            trials,
            laws,
            confirmed: BTreeMap::new(),
            too_long: 0,
            considered: 0,
            spared: Vec::new(),
        })
    }

    /// Finds the plan.
    ///
    /// # Errors
    /// The arrivals cannot be read; no request came.
    pub fn plan(mut self) -> Result<Plan, InputError> {
        let mut lines = Lines::new(&self.whole_grid()?);
        let mut on_grid = lines.len();
        if lines.is_empty() {
            let longest = self.scenario.platform.book.limits.longest_run;
            let message = format!("every configuration of the grid may run for longer than {longest}");
            let help = "the platform ends such a call: take more memory, or smaller batches";
            return Err(InputError::new(&self.scenario.name, message).help(help));
        }
        let (mut best, mut tightening) = self.best(&mut lines)?;
        // Bounds spare what is dearer than what was tried, but a full simulation has refused some of that.
        let mut spared = std::mem::take(&mut self.spared);
        spared.retain(|setting| !self.trials.holds(setting));
        if !tightening.refused.is_empty() && !spared.is_empty() {
            lines.add(&self.evaluate(&spared)?);
            on_grid += spared.len();
            (best, tightening) = self.best(&mut lines)?;
        }
        let (answer, alternatives, edges) = match best {
            Some(best) => {
                let alternatives = self.alternatives(&lines, &best, &tightening)?;
                let edges = edge::edges(&mut self, &best)?;
                (Answer::Recommended(self.evaluated(best)?), alternatives, edges)
            }
            None => {
                let (nearest, causes, remedies) = infeasible::explain(&mut self, &lines)?;
                (Answer::Infeasible(self.evaluated(nearest)?, causes, remedies), Vec::new(), Vec::new())
            }
        };
        Ok(Plan {
            request: self.request,
            ranking: self.ranking,
            answer,
            alternatives,
            edges,
            evaluated: self.considered + lines.len() - on_grid,
            simulated: self.simulated(),
            too_long: self.too_long,
            points: points(&lines),
        })
    }

    fn simulated(&self) -> usize {
        let only_confirmed = self.confirmed.keys().filter(|setting| !self.trials.holds(setting)).count();
        self.trials.len() + only_confirmed
    }

    /// Evaluates every configuration of the grid that the platform lets run to its end.
    fn whole_grid(&mut self) -> Result<Vec<Candidate>, InputError> {
        let constraint = self.request.constraint;
        let scenario = self.scenario;
        let limits: BTreeMap<MemoryMb, u32> =
            self.space.functions.iter().map(|f| (f.memory, f.largest(scenario))).collect();
        let ends = |setting: &Setting| setting.batch <= limits[&setting.memory];
        self.too_long = self.space.settings(&[0]).iter().filter(|setting| !ends(setting)).count();
        match self.ranking {
            Ranking::Predicted => {
                let looked_at = if self.request.points == Points::Shown { LOOKED_AT } else { 0 };
                let mut all = match self.is_verdict_enough() {
                    true => search::judged(&self.laws, &self.space, &constraint)?,
                    false => search::evaluate(&self.laws, &self.space, &constraint, looked_at)?,
                };
                all.retain(|candidate| ends(&candidate.setting));
                self.considered = all.len();
                Ok(all)
            }
            Ranking::Simulated | Ranking::SimulatedSooner | Ranking::SimulatedWithinLaw => {
                let mut settings = self.space.settings(&self.grid.provisioned);
                settings.retain(ends);
                self.considered = settings.len();
                if !self.ranking.is_by_trials_alone() || !bound::helps(scenario) {
                    return self.evaluate(&settings);
                }
                let tried = bound::trials(scenario, &constraint, &mut self.trials, &settings)?;
                self.spared = settings;
                Ok(tried)
            }
        }
    }

    /// Evaluates configurations by the figures that rank.
    ///
    /// # Errors
    /// The profile does not cover one; the arrivals cannot be read.
    pub fn evaluate(&mut self, settings: &[Setting]) -> Result<Vec<Candidate>, InputError> {
        match self.ranking {
            Ranking::Predicted => match self.request.points {
                Points::Shown => self.predicted(settings, Function::shown),
                Points::Left => self.predicted(settings, Function::candidate),
            },
            Ranking::Simulated | Ranking::SimulatedSooner => self.trials.of(settings),
            Ranking::SimulatedWithinLaw => {
                let mut tried = self.trials.of(settings)?;
                // What a trial refuses the law is not asked about.
                let open: Vec<Setting> = tried.iter().filter(|c| c.meets).map(|c| c.setting).collect();
                let kept = self.kept_by_law(&open)?;
                tried.iter_mut().for_each(|tried| tried.meets &= kept.contains(&tried.setting));
                Ok(tried)
            }
        }
    }

    /// Tries configurations on the scenario's arrivals, whatever ranks; predicts them where nothing is simulated.
    ///
    /// # Errors
    /// As [`Chooser::evaluate`].
    pub fn shown(&mut self, settings: &[Setting]) -> Result<Vec<Candidate>, InputError> {
        match (self.request.check, self.ranking) {
            (Check::Predicted, _) => self.predicted(settings, Function::shown),
            (Check::Simulated, Ranking::Predicted) => self.trials.of(settings),
            (Check::Simulated, _) => self.evaluate(settings),
        }
    }

    /// The best configuration that a full simulation confirms, and what the search learnt to ask for.
    fn best(&mut self, lines: &mut Lines) -> Result<(Option<Candidate>, Tightening), InputError> {
        let mut tightening = Tightening::default();
        let mut best: Option<Candidate> = None;
        while best.is_none() {
            self.refine(lines, &tightening)?;
            let Some(next) = lines.ranked(&tightening).into_iter().next() else { break };
            if self.is_confirmed(&next)? {
                best = Some(next);
            } else {
                self.learn(&next, &mut tightening);
            }
        }
        // What was passed over on the way may still be better.
        let mut left = self.patience();
        loop {
            let limit = best.as_ref().map_or(f64::INFINITY, |best| best.score * (1.0 - WORTH));
            let open = lines.candidates().filter(|c| tightening.is_open(c) && c.score < limit);
            let Some(next) = open.min_by(|a, b| order(a, b)).copied().filter(|_| left > 0) else { break };
            left -= 1;
            match self.is_confirmed(&next)? {
                true => best = Some(next),
                false => {
                    tightening.refused.insert(next.setting);
                }
            }
        }
        Ok((best, tightening))
    }

    fn refine(&mut self, lines: &mut Lines, tightening: &Tightening) -> Result<(), InputError> {
        match self.request.timeouts {
            Timeouts::Grid => Ok(()),
            Timeouts::Refined => {
                self.refine_batches(lines, tightening)?;
                let (count, finest) = match self.ranking {
                    ranking if ranking.is_by_trials_alone() && self.replayed.requests() > MANY => {
                        (REFINED_OF_MANY, 0.0)
                    }
                    ranking if ranking.is_by_trials_alone() => (REFINED, 0.0),
                    _ if self.is_dear(lines, tightening) => (1, FINEST_OF_DEAR),
                    _ => (REFINED, 0.0),
                };
                let beside = lines.beside(tightening, count, &self.grid.timeout);
                let found = self.cheaper(lines, tightening, &beside)?;
                lines.add(&found);
                lines.refine(tightening, (count, finest), |lines, settings| {
                    self.cheaper(lines, tightening, settings)
                })
            }
        }
    }

    /// Would each step of refining by the law take long? Where a grid was given, what is asked for is done.
    fn is_dear(&self, lines: &Lines, tightening: &Tightening) -> bool {
        let best = lines.ranked(tightening).into_iter().next();
        self.scenario.sweep.is_none() && best.is_some_and(|best| best.setting.batch > DEAR)
    }

    /// Where nobody gave a grid, it has gaps between large batches: those beside the best are halved until none is left.
    fn refine_batches(&mut self, lines: &mut Lines, tightening: &Tightening) -> Result<(), InputError> {
        if self.scenario.sweep.is_some() {
            return Ok(());
        }
        loop {
            let wanted = lines.between_batches(tightening, REFINED_IN_BATCHES);
            if wanted.is_empty() {
                return Ok(());
            }
            lines.add(&self.judged(&wanted)?);
        }
    }

    /// A refused candidate is not asked again; nor are those that miss by as much or more, until the end.
    fn learn(&self, refused: &Candidate, tightening: &mut Tightening) {
        tightening.refused.insert(refused.setting);
        let Some((_, verdict)) = self.confirmed.get(&refused.setting) else { return };
        if verdict.excess() > 0.0 {
            tightening.late = tightening.late.min((refused.late - verdict.excess()).max(0.0));
        }
        if !verdict.affords() {
            let upper = verdict.cost_upper.unwrap_or(verdict.cost).max(verdict.cost);
            tightening.budget = tightening.budget.min(refused.cost * verdict.budget / upper);
        }
    }

    /// How many more configurations may be simulated in full.
    fn patience(&self) -> usize {
        LEAST_CONFIRMED.max((CONFIRMED / self.replayed.requests().max(1.0)) as usize)
    }

    fn is_confirmed(&mut self, candidate: &Candidate) -> Result<bool, InputError> {
        match self.request.check {
            Check::Predicted => Ok(true),
            Check::Simulated => Ok(self.confirm(candidate.setting)?.meets()),
        }
    }

    /// Simulates a configuration in full, once.
    ///
    /// # Errors
    /// The profile does not cover it; the arrivals cannot be read.
    pub fn confirm(&mut self, setting: Setting) -> Result<Verdict, InputError> {
        if let Some((_, verdict)) = self.confirmed.get(&setting) {
            return Ok(*verdict);
        }
        let simulation = self.replayed.simulate(self.scenario, setting)?;
        let verdict = Verdict::of(&self.request.constraint, &simulation, self.evidence());
        self.confirmed.insert(setting, (simulation, verdict));
        Ok(verdict)
    }

    /// The processes that the law knows; none where only the simulation ranks.
    pub fn parts(&self) -> Vec<Part> {
        self.laws.clone()
    }

    /// The longest run that the platform allows, and how many configurations were left out for it.
    pub fn too_long(&self) -> Option<(Span, usize)> {
        (self.too_long > 0).then_some((self.scenario.platform.book.limits.longest_run, self.too_long))
    }

    /// How much a simulation must show.
    pub fn evidence(&self) -> Evidence {
        evidence(self.scenario)
    }

    /// Simulates another scenario on the same arrivals.
    ///
    /// # Errors
    /// As [`Chooser::confirm`].
    pub fn simulate_as(&self, scenario: &Scenario, setting: Setting) -> Result<Simulation, InputError> {
        self.replayed.simulate(scenario, setting)
    }

    fn evaluated(&mut self, mut candidate: Candidate) -> Result<Evaluated, InputError> {
        let setting = candidate.setting;
        // What the worst part has the prediction of all of them does not say.
        let is_of_all = self.request.constraint.scope == Scope::Mix;
        if candidate.percentile_s.is_none() && self.request.check == Check::Predicted && !is_of_all {
            let shown = self.shown(&[setting])?;
            candidate.percentile_s = shown.first().and_then(|shown| shown.percentile_s);
        }
        let model = self.request.constraint.model;
        // A trace may say too little to fit, or a process be outside the model: then nothing is predicted.
        let prediction = match self.request.check {
            Check::Predicted => Some(predict_parts(self.scenario, self.replayed.parts()?, setting, model)?),
            Check::Simulated => {
                self.confirm(setting)?;
                let parts = self.replayed.parts().ok();
                parts.and_then(|parts| predict_parts(self.scenario, parts, setting, model).ok())
            }
        };
        let simulation = self.confirmed.get(&setting).cloned();
        Ok(Evaluated { candidate, prediction, simulation })
    }
}

/// How much a simulation of a scenario must show.
pub fn evidence(scenario: &Scenario) -> Evidence {
    match scenario.workload.source {
        Source::Trace(_) | Source::Memory(_) => Evidence::Counts,
        Source::Process(_) | Source::Renewal(_) | Source::Schedule(_) | Source::Closed(_) => {
            Evidence::UpperEnds
        }
    }
}
