//! What a plan lists beside what it recommends.

use super::chooser::Chooser;
use super::plan::{Alternative, Reason};
use super::refine::{Lines, Tightening};
use super::search::{Candidate, order};
use crate::error::InputError;
use crate::scenario::Setting;

/// So many next-best configurations are listed.
const NEXT_BEST: usize = 5;
/// So many points a page carries at most.
const KEPT: usize = 30_000;

impl Chooser<'_> {
    /// The next best, and the configurations that a reader compares with.
    ///
    /// # Errors
    /// As those of evaluating a configuration.
    pub(super) fn alternatives(
        &mut self,
        lines: &Lines,
        best: &Candidate,
        tightening: &Tightening,
    ) -> Result<Vec<Alternative>, InputError> {
        let key = |s: Setting| (s.memory, s.batch, s.provisioned);
        let others = lines.ranked(tightening).into_iter().filter(|c| key(c.setting) != key(best.setting));
        let mut named: Vec<(Reason, Setting)> =
            others.take(NEXT_BEST).map(|c| (Reason::NextBest, c.setting)).collect();
        if best.setting.batch > 1
            && let Some(setting) = self.unbatched()?
        {
            named.push((Reason::WithoutBatching, setting));
        }
        let own = self.scenario.setting();
        if own != best.setting && self.scenario.runs_within_limit(own).is_ok() {
            named.push((Reason::AsTheScenarioIs, own));
        }
        let settings: Vec<Setting> = named.iter().map(|(_, setting)| *setting).collect();
        let found = self.shown(&settings)?;
        let alternative = |((reason, _), candidate)| Alternative { reason, candidate };
        let mut all: Vec<Alternative> = named.into_iter().zip(found).map(alternative).collect();
        // Ranked by prediction, shown as simulated: what comes next must still do.
        all.retain(|a| a.reason != Reason::NextBest || a.candidate.meets);
        Ok(all)
    }

    /// The best configuration that does not batch: the cheapest that meets what is asked, else the nearest.
    fn unbatched(&mut self) -> Result<Option<Setting>, InputError> {
        if self.scenario.profile.batch[0] > 1 {
            return Ok(None);
        }
        let alone = |setting: &Setting| Setting { batch: 1, timeout: self.grid.timeout[0], ..*setting };
        let mut settings: Vec<Setting> =
            self.space.settings(&self.grid.provisioned).iter().map(alone).collect();
        settings.retain(|setting| self.scenario.runs_within_limit(*setting).is_ok());
        settings.sort();
        settings.dedup();
        let found = self.evaluate(&settings)?;
        let nearest = || found.iter().min_by(|a, b| a.late.total_cmp(&b.late).then_with(|| order(a, b)));
        let best = found.iter().filter(|c| c.meets).min_by(|a, b| order(a, b)).or_else(nearest);
        Ok(best.map(|candidate| candidate.setting))
    }
}

/// What a page shows: the candidates whose percentile is known, or an even choice of them.
pub(super) fn points(lines: &Lines) -> Vec<Candidate> {
    let known: Vec<&Candidate> = lines.candidates().filter(|c| c.percentile_s.is_some()).collect();
    let step = known.len().div_ceil(KEPT).max(1);
    known.into_iter().step_by(step).copied().collect()
}
