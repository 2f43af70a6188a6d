//! The charts of a plan.

use super::{PlanReport, named};
use crate::planner::plan::Answer;
use crate::planner::search::Candidate;
use crate::report::chart::{Axis, Colour, Group, LineChart, Point as Dot, Scatter, Series, Unit};
use crate::report::html::Figure;
use crate::report::{curves, format};
use crate::scenario::Setting;

/// So many points a chart shows about.
const DOTS: usize = 1500;

impl PlanReport<'_> {
    pub(super) fn figures(&self) -> [Figure; 2] {
        let dots = match self.plan.points.iter().any(|point| point.trial.is_some()) {
            true => "Each dot is a configuration, as simulated on the scenario's own arrivals.",
            false => "Each dot is a configuration, as predicted; the recommended one as simulated.",
        };
        [
            Figure::new("cost-latency", self.front_chart(), dots),
            Figure::new("latency-cdf", self.latency_chart(), "Share of requests answered within a time."),
        ]
    }

    fn front_chart(&self) -> Scatter {
        let percentile = self.scenario.slo.name();
        let told = |setting: Setting, latency: f64, usd: f64| {
            let (latency, usd) = (format::duration(latency), format::money(usd));
            format!("{}\n{percentile}: {latency}\ncost per million: {usd}", named(setting))
        };
        let dot = |(setting, latency, usd): (Setting, f64, f64)| {
            Dot::new(latency, usd, told(setting, latency, usd))
        };
        let of = |meets: bool| {
            let points = self.dots().filter(move |p| p.meets == meets);
            points.filter_map(place).map(dot).collect()
        };
        let best = self.plan.evaluated();
        let name = match &self.plan.answer {
            Answer::Recommended(_) => "recommended",
            Answer::Infeasible(..) => "nearest miss",
        };
        let front = self.front();
        let chosen = dot((best.setting(), best.percentile_s(), self.cost()));
        let latency = Axis::new(format!("{} latency", self.scenario.slo.name()), Unit::Seconds);
        let evaluated = format::count(self.plan.evaluated as u64);
        let mut chart = Scatter::new(
            "Cost against latency",
            latency.log(),
            Axis::new("cost per million requests", Unit::Usd).log(),
        )
        .subtitle(format!("{evaluated} configurations; {}", self.found()))
        .group(Group::new("misses what is asked", of(false)).colour(Colour::MISSES))
        .group(Group::new("meets it", of(true)).colour(Colour::MEETS))
        .front("Pareto front", front)
        .chosen(name, chosen);
        if let Some(latency) = self.scenario.slo.latency {
            chart = chart.mark_x(latency.as_secs_f64(), format!("SLO {latency}"));
        }
        let shown = self.dots().count();
        if shown < self.plan.evaluated {
            let shown = format::count(shown as u64);
            chart = chart.note(match self.plan.ranking {
                ranking if ranking.is_by_trials_alone() => {
                    format!("Shown are {shown} that were simulated; the others cannot be better, or are like these.")
                }
                _ => format!("An even choice of {shown} configurations is shown."),
            });
        }
        chart
    }

    /// An even choice of the points.
    fn dots(&self) -> impl Iterator<Item = &Candidate> {
        self.plan.points.iter().step_by(self.plan.points.len().div_ceil(DOTS).max(1))
    }

    /// The points that no other point beats in both cost and latency, with the answer among them.
    fn front(&self) -> Vec<(f64, f64)> {
        let points = self.plan.points.iter().filter_map(place);
        let mut points: Vec<(f64, f64)> = points.map(|(_, latency, usd)| (latency, usd)).collect();
        points.push((self.plan.evaluated().percentile_s(), self.cost()));
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut least = f64::INFINITY;
        points.retain(|(_, cost)| {
            let better = *cost < least;
            least = least.min(*cost);
            better
        });
        points
    }

    fn latency_chart(&self) -> LineChart {
        let evaluated = self.plan.evaluated();
        let simulated = evaluated
            .simulation
            .as_ref()
            .map(|(simulation, _)| Series::new("simulated", rising(&simulation.cdf)).steps());
        let predicted = evaluated.prediction.as_ref().map(|prediction| {
            let label = format!("predicted ({})", prediction.predicted.model);
            Series::new(label, rising(&prediction.cdf)).dashed()
        });
        curves::latency(simulated.into_iter().chain(predicted), &self.scenario.slo).subtitle(self.found())
    }
}

/// A distribution from where it can be told from zero, so that its rise fills the picture.
fn rising(cdf: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let zeros = cdf.iter().take_while(|(_, share)| *share < 0.001).count();
    cdf[zeros.saturating_sub(1)..].to_vec()
}

/// Where a configuration stands in the chart: its latency and its cost.
fn place(point: &Candidate) -> Option<(Setting, f64, f64)> {
    Some((point.setting, point.percentile_s?, point.cost * 1e6))
}
