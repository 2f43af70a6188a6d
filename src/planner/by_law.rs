//! What the law says of configurations, for a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::chooser::{Chooser, Ranking};
use super::constraint::{Constraint, Objective};
use super::laws::BatchLaws;
use super::plan::{Check, Points};
use super::refine::{Key, Lines, Tightening, key};
use super::search::{Candidate, DEAR, Function, order};
use crate::error::InputError;
use crate::scenario::Setting;
use crate::units::Span;

/// What is asked of the law at a memory size.
pub(super) type Judge = fn(&Function, &BatchLaws, (u32, Span), &Constraint) -> Candidate;

impl Chooser<'_> {
    /// Those configurations that meet the constraints by the law.
    pub(super) fn kept_by_law(&self, settings: &[Setting]) -> Result<BTreeSet<Setting>, InputError> {
        let found = self.predicted(settings, Function::candidate)?;
        Ok(found.iter().filter(|candidate| candidate.meets).map(|candidate| candidate.setting).collect())
    }

    /// Predicts configurations, each as `judge` does: those of one batch and timeout share their law, and the large batches
    /// of one timeout what takes longest.
    pub(super) fn predicted(&self, settings: &[Setting], judge: Judge) -> Result<Vec<Candidate>, InputError> {
        use rayon::prelude::*;
        let constraint = &self.request.constraint;
        let mut groups: BTreeMap<_, Vec<Setting>> = BTreeMap::new();
        for setting in settings {
            let alone = (setting.batch <= DEAR).then_some(setting.batch);
            groups.entry((setting.timeout, alone)).or_default().push(*setting);
        }
        let group = |((timeout, _), settings): (&(Span, _), &Vec<Setting>)| {
            let batches: BTreeSet<u32> = settings.iter().map(|setting| setting.batch).collect();
            let batches: Vec<u32> = batches.into_iter().collect();
            let laws = BatchLaws::of(&self.laws, constraint.model, &batches, *timeout)?;
            let one = |setting: &Setting| {
                let function = self.function(*setting)?;
                let law = &laws[batches.partition_point(|batch| *batch < setting.batch)];
                let candidate = judge(&function, law, (setting.batch, *timeout), constraint);
                Ok((*setting, Candidate { setting: *setting, ..candidate }))
            };
            settings.iter().map(one).collect::<Result<Vec<_>, InputError>>()
        };
        let found = groups.par_iter().map(group).collect::<Result<Vec<_>, InputError>>()?;
        let found: BTreeMap<Setting, Candidate> = found.into_iter().flatten().collect();
        Ok(settings.iter().map(|setting| found[setting]).collect())
    }

    /// Does a plan ask of a configuration only what it costs and whether it meets what is asked? Where nothing is simulated,
    /// nothing that meets it is refused, so that nobody asks by how much others do.
    pub(super) fn is_verdict_enough(&self) -> bool {
        let request = &self.request;
        self.ranking == Ranking::Predicted
            && (request.check, request.points) == (Check::Predicted, Points::Left)
            && request.constraint.objective() == Objective::Cost
    }

    /// Evaluates configurations as far as a plan asks.
    ///
    /// # Errors
    /// As [`Chooser::evaluate`].
    pub(super) fn judged(&mut self, settings: &[Setting]) -> Result<Vec<Candidate>, InputError> {
        match self.is_verdict_enough() {
            true => self.predicted(settings, Function::judged),
            false => self.evaluate(settings),
        }
    }

    /// Evaluates timeouts of lines, as far as one may be better than the best of its line. A cost asks for no waits and takes a
    /// small part of what a latency does, so the cheapest comes first, and what is dearer than one that meets what is asked is
    /// not judged.
    ///
    /// # Errors
    /// As [`Chooser::evaluate`].
    pub(super) fn cheaper(
        &mut self,
        lines: &Lines,
        tightening: &Tightening,
        settings: &[Setting],
    ) -> Result<Vec<Candidate>, InputError> {
        if !self.is_verdict_enough() {
            return self.evaluate(settings);
        }
        let mut found = self.predicted(settings, Function::priced)?;
        let mut open: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        for (at, candidate) in found.iter().enumerate() {
            let best = lines.best_beside(&candidate.setting, tightening);
            if best.is_none_or(|best| order(candidate, best).is_lt()) {
                open.entry(key(candidate)).or_default().push(at);
            }
        }
        // The best comes last.
        open.values_mut().for_each(|line| line.sort_by(|a, b| order(&found[*b], &found[*a])));
        loop {
            let next: Vec<usize> = open.values_mut().filter_map(Vec::pop).collect();
            if next.is_empty() {
                return Ok(found);
            }
            let asked: Vec<Setting> = next.iter().map(|at| found[*at].setting).collect();
            for (at, new) in next.into_iter().zip(self.predicted(&asked, Function::judged)?) {
                // Tables of other sizes round otherwise: costs that were compared are kept.
                let Candidate { cost, score, .. } = found[at];
                found[at] = Candidate { cost, score, ..new };
                if new.meets {
                    open.remove(&key(&new));
                }
            }
        }
    }

    /// The memory size of a configuration, with prices; it need not be the grid's.
    fn function(&self, setting: Setting) -> Result<Function, InputError> {
        let held = self.space.functions.iter().find(|f| f.memory == setting.memory);
        match held.filter(|f| f.cost.len() >= setting.batch as usize) {
            Some(function) => Ok(function.clone()),
            None => Ok(super::plan::space_of(self.scenario, setting)?.functions.remove(0)),
        }
    }
}
