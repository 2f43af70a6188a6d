//! What `sim plan` shows: plan.json, the table, the charts and the page.

mod charts;
mod json;

use std::path::Path;

use super::chart::Chart;
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::planner::constraint::Scope;
use crate::planner::plan::{Alternative, Answer, Check, Mend, Plan, Point};
use crate::planner::verify::Verdict;
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};

/// A plan with what it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct PlanReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What was found.
    pub plan: &'a Plan,
    /// How long it took \[s\].
    pub elapsed_s: f64,
}

impl PlanReport<'_> {
    /// The predicted cost of the configuration that the answer is about [$ per million].
    fn cost(&self) -> f64 {
        self.plan.evaluated().prediction.predicted.cost_usd_per_million
    }

    fn more(&self, point: &Point) -> f64 {
        point.cost * 1e6 - self.cost()
    }

    /// `p95 at most 5 s and at most $0.50 per million requests`.
    fn asked(&self) -> String {
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

    /// What a reader must know to trust the figures.
    fn notes(&self) -> Vec<String> {
        let (plan, constraint) = (self.plan, &self.plan.request.constraint);
        let mut notes = Vec::new();
        match (plan.request.check, constraint.latency.is_some()) {
            (Check::Predicted, _) => notes.push("Predicted only: nothing was simulated.".to_owned()),
            (Check::Simulated, true) => notes.push(format!(
                "Verified means: the upper end of the simulated 95 % interval of the share of requests over \
                 the SLO is at most {}{}.",
                format::percent(1.0 - constraint.share),
                match constraint.scope {
                    Scope::Mix => "",
                    Scope::EveryPart => ", and so is the share itself in every simulated hour",
                }
            )),
            (Check::Simulated, false) => notes.push(
                "Verified means: the upper end of the simulated 95 % interval of the cost is within the budget."
                    .to_owned(),
            ),
        }
        if plan.simulated > 1 && matches!(plan.answer, Answer::Recommended(_)) {
            notes.push(format!(
                "{} better candidates by prediction did not pass: each time, as much as the simulation missed \
                 was added to what is asked of the prediction.",
                plan.simulated - 1
            ));
        }
        match &self.scenario.platform.environments {
            Environments::Pool(_) => notes.push(
                "The prediction leaves out cold starts, throttling and waiting for capacity; the simulation has them."
                    .to_owned(),
            ),
            Environments::AlwaysWarm => {
                notes.push("Environments are always warm (cold_starts = false).".to_owned());
            }
        }
        if self.scenario.sweep.is_none() {
            notes
                .push("Without [sweep], the grid is made from the profile, the book and the SLO.".to_owned());
        }
        notes.extend(self.scenario.workload.notes());
        notes
    }

    fn headline(&self) -> String {
        let (setting, verb) = (
            self.plan.evaluated().setting,
            match &self.plan.answer {
                Answer::Recommended(_) => "Recommended",
                Answer::Infeasible(..) => "No configuration does it. Nearest",
            },
        );
        format!("{verb}: {}", named(setting))
    }

    /// Figure, predicted, simulated, interval.
    fn rows(&self) -> Vec<Vec<String>> {
        let evaluated = self.plan.evaluated();
        let (p, duration) = (&evaluated.prediction.predicted, format::duration);
        let s = evaluated.simulation.as_ref().map(|(simulation, _)| &simulation.simulated);
        let ci = s.and_then(|s| s.latency_ci95_s);
        let range = |interval: Option<[f64; 2]>, show: &dyn Fn(f64) -> String| {
            interval.map_or(String::new(), |[low, high]| format!("{} – {}", show(low), show(high)))
        };
        let row = |name: &str, p: f64, s: Option<f64>, ci, show: &dyn Fn(f64) -> String| {
            vec![name.to_owned(), show(p), s.map_or(String::new(), show), range(ci, show)]
        };
        let mut rows = vec![
            row("p50 latency", p.latency_s.p50, s.map(|s| s.latency_s.p50), ci.map(|c| c.p50), &duration),
            row("p95 latency", p.latency_s.p95, s.map(|s| s.latency_s.p95), ci.map(|c| c.p95), &duration),
            row("p99 latency", p.latency_s.p99, s.map(|s| s.latency_s.p99), ci.map(|c| c.p99), &duration),
        ];
        if let (Some(slo), Some(share)) = (self.scenario.slo.latency, p.slo_violation_share) {
            let simulated = s.map(|s| s.slo_violation_share);
            let interval = s.and_then(|s| s.slo_violation_share_ci95);
            rows.push(row(&format!("over {slo}"), share, simulated, interval, &format::percent));
        }
        let cost = s.map(|s| s.cost_usd_per_million);
        let interval = s.and_then(|s| s.cost_usd_per_million_ci95);
        rows.push(row("cost per million requests", p.cost_usd_per_million, cost, interval, &format::money));
        let batch = s.map(|s| s.mean_batch);
        rows.push(row("mean batch", p.mean_batch, batch, s.and_then(|s| s.mean_batch_ci95), &format::number));
        if let Some(s) = s.filter(|s| s.cold_starts > 0) {
            rows.push(vec!["cold starts".to_owned(), String::new(), format::count(s.cold_starts)]);
        }
        rows
    }

    fn alternative_rows(&self) -> Vec<Vec<String>> {
        let row = |a: &Alternative| {
            let (s, more) = (a.point.setting, self.more(&a.point));
            let sign = if more > 0.0 { "+" } else { "" };
            vec![
                s.memory.to_string(),
                s.batch.to_string(),
                if s.batch == 1 { "–".to_owned() } else { s.timeout.to_string() },
                format::duration(a.point.percentile_s),
                format::money(a.point.cost * 1e6),
                format!("{sign}{}", format::money(more)),
                format!("{sign}{}", format::percent(more / self.cost())),
                if a.point.meets { "yes" } else { "no" }.to_owned(),
                a.reason.to_owned(),
            ]
        };
        self.plan.alternatives.iter().map(row).collect()
    }

    fn alternative_headers(&self) -> [String; 9] {
        let percentile = self.scenario.slo.name();
        ["memory", "batch", "timeout", &percentile, "cost/million", "more", "more, %", "meets", "why"]
            .map(str::to_owned)
    }

    /// What would make an infeasible plan feasible, a sentence each.
    fn mends(&self) -> Vec<String> {
        let Answer::Infeasible(_, mends) = &self.plan.answer else { return Vec::new() };
        let sentence = |mend: &Mend| match mend {
            Mend::Latency(seconds, setting) => format!(
                "A latency target of {} would be kept by {}.",
                format::duration(above(*seconds)),
                named(*setting)
            ),
            Mend::Budget(cost, setting) => format!(
                "A budget of {} per million requests would do, with {}.",
                format::money(above(*cost * 1e6)),
                named(*setting)
            ),
        };
        mends.iter().map(sentence).collect()
    }

    fn verdict(&self) -> Option<String> {
        let evaluated = self.plan.evaluated();
        let (_, verdict) = evaluated.simulation.as_ref()?;
        Some(match verdict.meets() {
            true => "Verified by simulation.".to_owned(),
            false => format!("The simulation does not confirm it: {}.", shortfall(verdict)),
        })
    }

    /// The text for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n{}\n", self.scenario.name, self.asked(), self.headline());
        for line in self.mends().into_iter().chain(self.verdict()) {
            text.push_str(&format!("{line}\n"));
        }
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if !self.plan.alternatives.is_empty() {
            text.push_str("\nAlternatives, as predicted\n");
            text.push_str(&text_table(&self.alternative_headers(), &self.alternative_rows()));
        }
        text.push('\n');
        for note in self.notes() {
            text.push_str(&format!("{note}\n"));
        }
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let charts: [(&str, Box<dyn Chart>, &str); 2] = [
            ("cost-latency", Box::new(self.front_chart()), "Each dot is a configuration, as predicted."),
            ("latency-cdf", Box::new(self.latency_chart()), "Share of requests answered within a time."),
        ];
        for (name, chart, _) in &charts {
            write_atomically(&folder.join("charts").join(format!("{name}.svg")), chart.svg())?;
        }
        let mut page = Page::new(format!("{}: plan", self.scenario.name))
            .subtitle(format!("{}; {}", self.asked(), self.headline()))
            .cards(&self.cards());
        for line in self.mends().into_iter().chain(self.verdict()) {
            page = page.paragraph(&line);
        }
        page = page.table("Predicted and simulated", &HEADERS, &self.rows());
        if !self.plan.alternatives.is_empty() {
            let (headers, rows) = (self.alternative_headers(), self.alternative_rows());
            page = page.table("Alternatives, as predicted", &headers, &rows);
        }
        for (_, chart, caption) in &charts {
            page = page.chart(chart.as_ref(), caption);
        }
        for note in self.notes() {
            page = page.note(&note);
        }
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn cards(&self) -> Vec<Card> {
        let evaluated = self.plan.evaluated();
        let setting = evaluated.setting;
        let percentile = Card::new(
            format!("Predicted {}", self.scenario.slo.name()),
            format::duration(evaluated.percentile_s),
        );
        let percentile = match &self.plan.answer {
            Answer::Recommended(_) => percentile.good(),
            Answer::Infeasible(..) => percentile.bad(),
        };
        let timeout = if setting.batch == 1 { "–".to_owned() } else { setting.timeout.to_string() };
        vec![
            Card::new("Memory", setting.memory.to_string()),
            Card::new("Largest batch", setting.batch.to_string()),
            Card::new("Timeout", timeout),
            percentile,
            Card::new("Cost per million requests", format::money(self.cost())),
        ]
    }
}

const HEADERS: [&str; 4] = ["", "predicted", "simulated", "95 % interval"];

/// `2432 MB, batches of up to 8 within 100ms`.
pub fn named(setting: Setting) -> String {
    let Setting { memory, batch, timeout } = setting;
    match batch {
        1 => format!("{memory}, unbatched"),
        _ => format!("{memory}, batches of up to {batch} within {timeout}"),
    }
}

/// The least figure of three significant digits that is not below `value`.
fn above(value: f64) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let unit = 10_f64.powi(value.log10().floor() as i32 - 2);
    (value / unit - 1e-9).ceil() * unit
}

fn shortfall(verdict: &Verdict) -> String {
    let mut missed = Vec::new();
    if verdict.late > verdict.allowed {
        let (late, allowed) = (format::percent(verdict.late), format::percent(verdict.allowed));
        missed.push(format!("up to {late} of the requests are over the SLO, {allowed} may be"));
    }
    if verdict.cost > verdict.budget {
        missed.push(format!("a million requests cost up to {}", format::money(verdict.cost * 1e6)));
    }
    missed.join("; ")
}
