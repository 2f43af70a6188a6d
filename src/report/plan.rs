//! What `sim plan` shows: plan.json, the table, the charts and the page.

use std::path::Path;

use serde::Serialize;

use super::chart::{Axis, Chart, Group, LineChart, Panel, Point as Dot, Scatter, Series, Unit};
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::outcome::{Predicted, RelativeError, Simulated};
use crate::planner::constraint::Scope;
use crate::planner::plan::{Alternative, Answer, Check, Evaluated, Mend, Plan, Point};
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

#[derive(Serialize)]
struct PlanJson<'a> {
    scenario: &'a str,
    seed: u64,
    model: &'static str,
    feasible: bool,
    recommended: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    feasible_with: Vec<MendJson>,
    alternatives: Vec<AlternativeJson>,
    slo: SloJson,
    evaluated: usize,
    simulated: usize,
    elapsed_s: f64,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct SettingJson {
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
}

#[derive(Serialize)]
struct Choice<'a> {
    #[serde(flatten)]
    setting: SettingJson,
    predicted_percentile_s: f64,
    predicted: &'a Predicted,
    simulated: Option<&'a Simulated>,
    error: Option<RelativeError>,
    verified: Option<bool>,
}

#[derive(Serialize)]
struct AlternativeJson {
    reason: &'static str,
    #[serde(flatten)]
    setting: SettingJson,
    predicted_percentile_s: f64,
    predicted_cost_usd_per_million: f64,
    more_usd_per_million: f64,
    more_percent: f64,
    meets_slo: bool,
}

#[derive(Serialize)]
struct SloJson {
    percentile: f64,
    latency_s: Option<f64>,
    budget_usd_per_million: Option<f64>,
    max_violations: Option<f64>,
    every_hour: bool,
}

#[derive(Serialize)]
struct MendJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_per_million: Option<f64>,
    #[serde(flatten)]
    setting: SettingJson,
}

impl From<Setting> for SettingJson {
    fn from(s: Setting) -> SettingJson {
        SettingJson { memory_mb: s.memory.0, batch: s.batch, timeout_s: s.timeout.as_secs_f64() }
    }
}

impl<'a> From<&'a Evaluated> for Choice<'a> {
    fn from(evaluated: &'a Evaluated) -> Choice<'a> {
        let predicted = &evaluated.prediction.predicted;
        let simulation = evaluated.simulation.as_ref();
        let simulated = simulation.map(|(simulation, _)| &simulation.simulated);
        Choice {
            setting: evaluated.setting.into(),
            predicted_percentile_s: evaluated.percentile_s,
            predicted,
            simulated,
            error: simulated.map(|simulated| RelativeError::of(predicted, simulated)),
            verified: simulation.map(|(_, verdict)| verdict.meets()),
        }
    }
}

impl PlanReport<'_> {
    /// The text of plan.json.
    pub fn json(&self) -> String {
        let (scenario, plan) = (self.scenario, self.plan);
        let (recommended, nearest_miss, mends) = match &plan.answer {
            Answer::Recommended(evaluated) => (Some(evaluated.into()), None, &[][..]),
            Answer::Infeasible(nearest, mends) => (None, Some(nearest.into()), mends.as_slice()),
        };
        let slo = SloJson {
            percentile: scenario.slo.percentile * 100.0,
            latency_s: plan.request.constraint.latency,
            budget_usd_per_million: scenario.slo.budget_usd_per_million,
            max_violations: scenario.slo.max_violations,
            every_hour: plan.request.constraint.scope == Scope::EveryPart,
        };
        let json = PlanJson {
            scenario: &scenario.name,
            seed: scenario.seed,
            model: plan.request.constraint.model.name(),
            feasible: recommended.is_some(),
            recommended,
            nearest_miss,
            feasible_with: mends.iter().map(mend_json).collect(),
            alternatives: plan.alternatives.iter().map(|a| self.alternative_json(a)).collect(),
            slo,
            evaluated: plan.evaluated,
            simulated: plan.simulated,
            elapsed_s: self.elapsed_s,
            notes: self.notes(),
        };
        let mut text = serde_json::to_string_pretty(&json).expect("plain data");
        text.push('\n');
        text
    }

    fn alternative_json(&self, alternative: &Alternative) -> AlternativeJson {
        let point = &alternative.point;
        let more = self.more(point);
        AlternativeJson {
            reason: alternative.reason,
            setting: point.setting.into(),
            predicted_percentile_s: point.percentile_s,
            predicted_cost_usd_per_million: point.cost * 1e6,
            more_usd_per_million: more,
            more_percent: more / self.cost() * 100.0,
            meets_slo: point.meets,
        }
    }

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
        ["memory", "batch", "timeout", &percentile, "cost/million", "more", "more, %", "meets", ""]
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

    fn front_chart(&self) -> Scatter {
        let dot = |p: &Point| Dot::new(p.percentile_s, p.cost * 1e6, named(p.setting));
        let of = |meets: bool| self.plan.points.iter().filter(move |p| p.meets == meets).map(dot).collect();
        let best = self.plan.evaluated();
        let name = match &self.plan.answer {
            Answer::Recommended(_) => "recommended",
            Answer::Infeasible(..) => "nearest miss",
        };
        let front = self.front();
        // A cross-hair from the axes: the dot alone drowns among its neighbours.
        let chosen = Dot::new(best.percentile_s, self.cost(), named(best.setting))
            .interval_x(front[0].0, best.percentile_s)
            .interval_y(front[front.len() - 1].1, self.cost());
        let latency = Axis::new(format!("{} latency", self.scenario.slo.name()), Unit::Seconds);
        let mut chart = Scatter::new(
            "Cost against latency",
            latency.log(),
            Axis::new("cost per million requests", Unit::Usd).log(),
        )
        .subtitle(format!("{} configurations predicted; {}", self.plan.evaluated, self.headline()))
        .group(Group::new("misses what is asked", of(false)))
        .group(Group::new("meets it", of(true)))
        .front("Pareto front", front)
        .group(Group::new(name, vec![chosen]));
        if let Some(latency) = self.scenario.slo.latency {
            chart = chart.mark_x(latency.as_secs_f64(), format!("SLO {latency}"));
        }
        if self.plan.points.len() < self.plan.evaluated {
            let shown = format::count(self.plan.points.len() as u64);
            chart = chart.note(format!("An even choice of {shown} configurations is shown."));
        }
        chart
    }

    /// The points that no other point beats in both cost and latency, with the answer among them.
    fn front(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> =
            self.plan.points.iter().map(|p| (p.percentile_s, p.cost * 1e6)).collect();
        points.push((self.plan.evaluated().percentile_s, self.cost()));
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
        let mut panel = Panel::new(Axis::new("share of requests", Unit::Share).from_zero());
        if let Some((simulation, _)) = &evaluated.simulation {
            panel = panel.series(Series::new("simulated", rising(&simulation.cdf)).steps());
        }
        for prediction in [Some(&evaluated.prediction), evaluated.published.as_ref()].into_iter().flatten() {
            let label = format!("predicted ({})", prediction.predicted.model);
            panel = panel.series(Series::new(label, rising(&prediction.cdf)).dashed());
        }
        let chart = LineChart::new("Latency", Axis::new("latency", Unit::Seconds)).subtitle(self.headline());
        match self.scenario.slo.latency {
            Some(slo) => chart.mark_x(slo.as_secs_f64(), format!("SLO {slo}")),
            None => chart,
        }
        .panel(panel)
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

/// A distribution without the zeros before it begins.
fn rising(cdf: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let zeros = cdf.iter().take_while(|(_, share)| *share <= 0.0).count();
    cdf[zeros.saturating_sub(1)..].to_vec()
}

/// The least figure of three significant digits that is not below `value`.
fn above(value: f64) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let unit = 10_f64.powi(value.log10().floor() as i32 - 2);
    (value / unit - 1e-9).ceil() * unit
}

fn mend_json(mend: &Mend) -> MendJson {
    match mend {
        Mend::Latency(seconds, setting) => {
            MendJson { latency_s: Some(*seconds), budget_usd_per_million: None, setting: (*setting).into() }
        }
        Mend::Budget(cost, setting) => MendJson {
            latency_s: None,
            budget_usd_per_million: Some(*cost * 1e6),
            setting: (*setting).into(),
        },
    }
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
