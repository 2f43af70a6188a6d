//! What `sim plan` shows: plan.json, the table, the charts and the page.

pub mod calibration;
mod charts;
mod json;
mod words;

use std::path::Path;

use self::calibration::{Calibration, ErrorBar};
use super::chart::Chart;
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::planner::plan::{Alternative, Answer, Plan};
use crate::planner::search::Candidate;
use crate::scenario::{Scenario, Setting};

/// A plan with what it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct PlanReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What was found.
    pub plan: &'a Plan,
    /// What a backtest says of the model's error.
    pub calibration: Option<&'a Calibration>,
    /// How long it took \[s\].
    pub elapsed_s: f64,
}

const HEADERS: [&str; 4] = ["", "simulated", "95 % interval", "predicted"];

impl PlanReport<'_> {
    /// The cost of the configuration that the answer is about [$ per million]: simulated, else predicted.
    fn cost(&self) -> f64 {
        self.plan.evaluated().usd_per_million()
    }

    /// The error bar of the configuration that the answer is about.
    fn error_bar(&self) -> Option<ErrorBar> {
        let percentile = self.scenario.slo.percentile;
        Some(self.calibration?.bar(percentile, self.plan.evaluated().percentile_s(), self.cost()))
    }

    /// The same in a sentence.
    fn error_bar_in_words(&self) -> Option<String> {
        let bar = self.error_bar()?;
        let [low, high] = bar.latency_s;
        let [least, most] = bar.cost_usd_per_million;
        let beyond = match self.scenario.slo.latency {
            Some(slo) if high > slo.as_secs_f64() => " At its upper end the SLO is missed.",
            _ => "",
        };
        let doubt = if bar.within_tolerance { "" } else { ", which was beyond what is tolerated" };
        Some(format!(
            "By {}{doubt}: {} of {} to {}, {} to {} a million requests.{beyond}",
            bar.source,
            self.scenario.slo.name(),
            format::duration(low),
            format::duration(high),
            format::money(least),
            format::money(most)
        ))
    }

    fn more(&self, candidate: &Candidate) -> f64 {
        candidate.cost * 1e6 - self.cost()
    }

    /// Is anything that is shown of the alternatives simulated?
    fn basis(&self) -> &'static str {
        match self.plan.alternatives.iter().any(|a| a.candidate.trial.is_some()) {
            true => "as simulated",
            false => "as predicted",
        }
    }

    /// Figure, simulated, interval, predicted.
    fn rows(&self) -> Vec<Vec<String>> {
        let evaluated = self.plan.evaluated();
        let duration = format::duration;
        let p = evaluated.prediction.as_ref().map(|prediction| &prediction.predicted);
        let s = evaluated.simulation.as_ref().map(|(simulation, _)| &simulation.simulated);
        let ci = s.and_then(|s| s.latency_ci95_s);
        let shown = |value: Option<f64>, show: &dyn Fn(f64) -> String| value.map_or(String::new(), show);
        let range = |interval: Option<[f64; 2]>, show: &dyn Fn(f64) -> String| {
            interval.map_or(String::new(), |[low, high]| format!("{} – {}", show(low), show(high)))
        };
        let row = |name: &str, s: Option<f64>, ci, p: Option<f64>, show: &dyn Fn(f64) -> String| {
            vec![name.to_owned(), shown(s, show), range(ci, show), shown(p, show)]
        };
        let (s_latency, p_latency) = (s.map(|s| s.latency_s), p.map(|p| p.latency_s));
        let mut rows = vec![
            row(
                "p50 latency",
                s_latency.map(|l| l.p50),
                ci.and_then(|c| c.p50),
                p_latency.map(|l| l.p50),
                &duration,
            ),
            row(
                "p95 latency",
                s_latency.map(|l| l.p95),
                ci.and_then(|c| c.p95),
                p_latency.map(|l| l.p95),
                &duration,
            ),
            row(
                "p99 latency",
                s_latency.map(|l| l.p99),
                ci.and_then(|c| c.p99),
                p_latency.map(|l| l.p99),
                &duration,
            ),
        ];
        let slo = &self.scenario.slo;
        if ![0.5, 0.95, 0.99].contains(&slo.percentile) {
            let name = format!("{} latency", slo.name());
            let interval = ci.and_then(|c| c.percentile(slo.percentile));
            rows.push(row(&name, s_latency.map(|l| l.slo), interval, p_latency.map(|l| l.slo), &duration));
        }
        if let Some(target) = slo.latency {
            let (simulated, interval) =
                (s.map(|s| s.slo_violation_share), s.and_then(|s| s.slo_violation_share_ci95));
            let predicted = p.and_then(|p| p.slo_violation_share);
            rows.push(row(&format!("over {target}"), simulated, interval, predicted, &format::percent));
        }
        let (cost, interval) =
            (s.map(|s| s.cost_usd_per_million), s.and_then(|s| s.cost_usd_per_million_ci95));
        let predicted = p.map(|p| p.cost_usd_per_million);
        rows.push(row("cost per million requests", cost, interval, predicted, &format::money));
        rows.push(row("cost per month", s.map(|s| s.cost_usd_per_month), None, None, &format::money));
        let (batch, interval) = (s.map(|s| s.mean_batch), s.and_then(|s| s.mean_batch_ci95));
        rows.push(row("mean batch", batch, interval, p.map(|p| p.mean_batch), &format::number));
        if let Some(s) = s.filter(|s| s.cold_starts > 0) {
            let share = format::percent(s.cold_start_share);
            rows.push(vec!["cold starts".to_owned(), format!("{} ({share})", format::count(s.cold_starts))]);
        }
        rows
    }

    fn alternative_rows(&self) -> Vec<Vec<String>> {
        let row = |a: &Alternative| {
            let (s, more) = (a.candidate.setting, self.more(&a.candidate));
            let sign = if more > 0.0 { "+" } else { "" };
            let p50 = a.candidate.trial.map_or(String::new(), |trial| format::duration(trial.p50_s));
            vec![
                format!("{}{}", s.memory, provisioned(s)),
                s.batch.to_string(),
                if s.batch == 1 { "–".to_owned() } else { s.timeout.to_string() },
                p50,
                a.candidate.percentile_s.map_or(String::new(), format::duration),
                format::money(a.candidate.cost * 1e6),
                format!("{sign}{}", format::money(more)),
                format!("{sign}{}", format::percent(more / self.cost())),
                if a.candidate.meets { "yes" } else { "no" }.to_owned(),
                a.reason.words().to_owned(),
            ]
        };
        self.plan.alternatives.iter().map(row).collect()
    }

    fn alternative_headers(&self) -> [String; 10] {
        let percentile = self.scenario.slo.name();
        ["memory", "batch", "timeout", "p50", &percentile, "cost/million", "more", "more, %", "meets", "why"]
            .map(str::to_owned)
    }

    /// The text for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n{}\n", self.scenario.name, self.asked(), self.headline());
        for line in self.sentences().into_iter().chain(self.error_bar_in_words()) {
            text.push_str(&format!("{line}\n"));
        }
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if !self.plan.alternatives.is_empty() {
            text.push_str(&format!("\nAlternatives, {}\n", self.basis()));
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
        let dots = match self.plan.points.iter().any(|point| point.trial.is_some()) {
            true => "Each dot is a configuration, as simulated on the scenario's own arrivals.",
            false => "Each dot is a configuration, as predicted; the recommended one as simulated.",
        };
        let charts: [(&str, Box<dyn Chart>, &str); 2] = [
            ("cost-latency", Box::new(self.front_chart()), dots),
            ("latency-cdf", Box::new(self.latency_chart()), "Share of requests answered within a time."),
        ];
        for (name, chart, _) in &charts {
            write_atomically(&folder.join("charts").join(format!("{name}.svg")), chart.svg())?;
        }
        let mut page = Page::new(format!("{}: plan", self.scenario.name))
            .subtitle(format!("{}; {}", self.asked(), self.headline()))
            .cards(&self.cards());
        for line in self.sentences().into_iter().chain(self.error_bar_in_words()) {
            page = page.paragraph(&line);
        }
        page = page.table("Simulated and predicted", &HEADERS, &self.rows());
        if !self.plan.alternatives.is_empty() {
            let (headers, rows) = (self.alternative_headers(), self.alternative_rows());
            page = page.table(&format!("Alternatives, {}", self.basis()), &headers, &rows);
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
        let setting = evaluated.setting();
        let percentile = Card::new(self.scenario.slo.name(), format::duration(evaluated.percentile_s()));
        let percentile = match &self.plan.answer {
            Answer::Recommended(_) => percentile.good(),
            Answer::Infeasible(..) => percentile.bad(),
        };
        let timeout = if setting.batch == 1 { "–".to_owned() } else { setting.timeout.to_string() };
        let mut cards = vec![
            Card::new("Memory", setting.memory.to_string()),
            Card::new("Largest batch", setting.batch.to_string()),
            Card::new("Timeout", timeout),
            percentile,
            Card::new("Cost per million requests", format::money(self.cost())),
        ];
        if setting.provisioned > 0 {
            cards.push(Card::new("Provisioned", setting.provisioned.to_string()));
        }
        if let Some((simulation, _)) = &evaluated.simulation {
            cards.push(Card::new("Cost per month", format::money(simulation.simulated.cost_usd_per_month)));
        }
        cards
    }
}

/// `2432 MB, batches of up to 8 within 100ms`.
pub fn named(setting: Setting) -> String {
    let Setting { memory, batch, timeout, .. } = setting;
    let provisioned = provisioned(setting);
    match batch {
        1 => format!("{memory}{provisioned}, unbatched"),
        _ => format!("{memory}{provisioned}, batches of up to {batch} within {timeout}"),
    }
}

fn provisioned(setting: Setting) -> String {
    match setting.provisioned {
        0 => String::new(),
        count => format!(", {count} provisioned"),
    }
}
