//! What the page of a plan lets one play with: the configurations that were looked at on the way to the answer.

use super::PlanReport;
use crate::planner::plan::Answer;
use crate::planner::search::Candidate;
use crate::report::explorer::{Entry, Question};

impl PlanReport<'_> {
    pub(super) fn entries(&self) -> Vec<Entry> {
        let answer = &self.plan.evaluated().candidate;
        let mut candidates: Vec<&Candidate> =
            self.plan.points.iter().filter(|point| point.setting != answer.setting).collect();
        candidates.extend(Some(answer).filter(|answer| answer.percentile_s.is_some()));
        // As on a grid, so that neighbours are alike.
        candidates.sort_by_key(|candidate| candidate.setting);
        let figures = |c: &Candidate| (c.percentile_s.unwrap_or(f64::NAN), c.cost);
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|a, b| {
            let ((x, cost), (other, more)) = (figures(candidates[*a]), figures(candidates[*b]));
            x.total_cmp(&other).then(cost.total_cmp(&more))
        });
        let mut on_front = vec![false; candidates.len()];
        let mut least = f64::INFINITY;
        for row in order {
            let cost = candidates[row].cost;
            on_front[row] = cost < least;
            least = least.min(cost);
        }
        candidates.iter().zip(on_front).map(|(candidate, on_front)| self.entry(candidate, on_front)).collect()
    }

    fn entry(&self, candidate: &Candidate, on_front: bool) -> Entry {
        let figures = [candidate.percentile_s.unwrap_or(f64::NAN), candidate.cost * 1e6];
        let (predicted, simulated) = match candidate.trial {
            Some(_) => ([f64::NAN; 2], figures),
            None => (figures, [f64::NAN; 2]),
        };
        // All serve the same requests, so that months are to one another as millions are.
        let evaluated =
            self.plan.evaluated().simulation.as_ref().map(|(simulation, _)| &simulation.simulated);
        let months = evaluated.map_or(f64::NAN, |s| s.cost_usd_per_month / s.cost_usd_per_million);
        Entry {
            setting: candidate.setting,
            predicted,
            simulated,
            p50_s: candidate.trial.map_or(f64::NAN, |trial| trial.p50_s),
            p99_s: f64::NAN,
            late: candidate.late,
            mean_batch: f64::NAN,
            cold_starts: candidate.trial.map_or(f64::NAN, |trial| trial.cold_starts),
            usd_per_month: figures[1] * months,
            meets: Some(candidate.meets),
            on_front,
        }
    }

    pub(super) fn question(&self, entries: &[Entry]) -> Question {
        let slo = &self.scenario.slo;
        let best = match &self.plan.answer {
            Answer::Recommended(best) => entries.iter().position(|entry| entry.setting == best.setting()),
            Answer::Infeasible(..) => None,
        };
        Question {
            percentile: slo.name(),
            slo_s: slo.latency.map(|latency| latency.as_secs_f64()),
            budget_usd_per_million: slo.budget_usd_per_million,
            of: self.plan.evaluated.max(entries.len()),
            best,
            file: "",
            columns: Vec::new(),
        }
    }
}
