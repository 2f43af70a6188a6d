//! What a plan says in sentences.

use super::{PlanReport, named};
use crate::planner::constraint::Scope;
use crate::planner::edge::{Beyond, Edge, End};
use crate::planner::infeasible::Remedy;
use crate::planner::plan::Answer;
use crate::planner::verify::{Evidence, Verdict};
use crate::report::{format, notes};

impl PlanReport<'_> {
    /// `p95 at most 5 s and at most $0.50 per million requests`.
    pub(super) fn asked(&self) -> String {
        let slo = &self.scenario.slo;
        let mut asked = Vec::new();
        if let Some(latency) = slo.latency {
            asked.push(format!("{} at most {latency}", slo.name()));
        }
        if let Some(share) = slo.max_violations {
            asked.push(format!("at most {} of the requests over it", format::percent(share)));
        }
        if let Some(budget) = slo.budget_usd_per_million {
            asked.push(format!("at most {} per million requests", format::money(budget)));
        }
        let scope = match self.plan.request.constraint.scope {
            Scope::Mix => "",
            Scope::EveryPart => " in every hour",
        };
        format!("{}{scope}", asked.join(", "))
    }

    /// What was found, in few words.
    pub(super) fn found(&self) -> String {
        let verb = match &self.plan.answer {
            Answer::Recommended(_) => "recommended",
            Answer::Infeasible(..) => "nearest",
        };
        format!("{verb}: {}", named(self.plan.evaluated().setting()))
    }

    pub(super) fn headline(&self) -> String {
        let evaluated = self.plan.evaluated();
        let verb = match &self.plan.answer {
            Answer::Recommended(_) => "Recommended",
            Answer::Infeasible(..) => "No configuration does it. Nearest",
        };
        let month = evaluated.simulation.as_ref().map_or(String::new(), |(simulation, _)| {
            format!(", {} a month", format::money(simulation.simulated.cost_usd_per_month))
        });
        format!(
            "{verb}: {}: {} {}, {} a million requests{month}",
            named(evaluated.setting()),
            self.scenario.slo.name(),
            format::duration(evaluated.percentile_s()),
            format::money(self.cost())
        )
    }

    /// What follows the headline: the verdict, why and what would do, the saving, the edges of the grid.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if let Answer::Infeasible(_, causes, remedies) = &self.plan.answer {
            sentences.extend(causes.iter().map(|cause| self.cause(*cause)));
            sentences.extend(remedies.iter().map(remedy));
        }
        sentences.extend(self.verdict());
        sentences.extend(self.saving());
        sentences.extend(self.plan.edges.iter().map(|edge| self.edge(edge)));
        sentences
    }

    fn verdict(&self) -> Option<String> {
        let (_, verdict) = self.plan.evaluated().simulation.as_ref()?;
        Some(match (&self.plan.answer, verdict.meets()) {
            (Answer::Recommended(_), true) => format!("Verified by simulation: {}.", self.shown(verdict)),
            (Answer::Infeasible(..), true) => format!(
                "This run keeps it, {}, but the exact law says that a long one does not.",
                self.shown(verdict)
            ),
            (_, false) => format!("The simulation does not confirm it: {}.", shortfall(verdict)),
        })
    }

    fn shown(&self, verdict: &Verdict) -> String {
        let mut shown = Vec::new();
        if let Some(latency) = self.scenario.slo.latency {
            shown.push(notes::late(verdict.late, latency, verdict.allowed));
        }
        if verdict.budget.is_finite() {
            shown.push(format!(
                "{} of {}",
                format::money(verdict.cost * 1e6),
                format::money(verdict.budget * 1e6)
            ));
        }
        shown.join("; ")
    }

    /// What batching saves a month, and what it costs in latency.
    fn saving(&self) -> Option<String> {
        let Answer::Recommended(best) = &self.plan.answer else { return None };
        if best.setting().batch == 1 {
            return Some("Nothing is batched: no batch costs less within what is asked.".to_owned());
        }
        let other = self.plan.unbatched()?;
        let (simulation, _) = best.simulation.as_ref()?;
        let (month, p50) = (simulation.simulated.cost_usd_per_month, simulation.simulated.latency_s.p50);
        let without = other.cost * 1e6 / self.cost() * month;
        let latency = p50 - other.trial?.p50_s;
        let misses = if other.meets { "" } else { ", which misses what is asked" };
        Some(format!(
            "Without batching: {} a month{misses}. Batching {} {} a month ({}) and {} {} of p50.",
            format::money(without),
            if without >= month { "saves" } else { "costs" },
            format::money((without - month).abs()),
            format::percent((1.0 - month / without).abs()),
            if latency >= 0.0 { "costs" } else { "saves" },
            format::duration(latency.abs())
        ))
    }

    fn edge(&self, edge: &Edge) -> String {
        let end = match edge.end {
            End::Low => "lower",
            End::High => "upper",
        };
        let place = format!("It stands at the {end} end of the grid's {}", edge.axis.name());
        match &edge.beyond {
            Beyond::Better(better) => format!(
                "{place}, and beyond it is better: {} for {} a million. Extend [sweep].",
                named(better.setting),
                format::money(better.cost * 1e6)
            ),
            Beyond::Worse => format!("{place}; a step beyond is not better."),
            Beyond::Nothing => format!("{place}; the platform or the profile ends there, too."),
        }
    }
}

fn remedy(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Latency(seconds, setting) => {
            format!(
                "A latency target of {} would be kept by {}.",
                format::duration(*seconds),
                named(*setting)
            )
        }
        Remedy::Budget(usd, setting) => {
            format!(
                "A budget of {} per million requests would do, with {}.",
                format::money(*usd),
                named(*setting)
            )
        }
    }
}

fn shortfall(verdict: &Verdict) -> String {
    let mut missed = Vec::new();
    let upper = |value: f64, high: Option<f64>, show: fn(f64) -> String| match high {
        Some(high) if verdict.evidence == Evidence::UpperEnds && high > value => {
            format!("{} (up to {})", show(value), show(high))
        }
        _ => show(value),
    };
    if !verdict.is_kept() {
        let late = upper(verdict.late, verdict.late_upper, format::percent);
        missed.push(format!(
            "{late} of the requests are over the SLO, {} may be",
            format::percent(verdict.allowed)
        ));
    }
    if !verdict.affords() {
        let usd = |cost: f64| format::money(cost * 1e6);
        missed.push(format!("a million requests cost {}", upper(verdict.cost, verdict.cost_upper, usd)));
    }
    missed.join("; ")
}
