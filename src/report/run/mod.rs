//! What `sim run` shows: summary.json, the table, the charts and the page.

mod charts;
pub(super) mod classes;
pub mod intervals;

use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

pub use self::classes::ClassTables;
use self::classes::WithClasses;
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::notes::{self, always_warm, cautions, misfit};
use super::omitted::omitted;
use super::table::text_table;
use crate::arrivals::trace::{Reading, Stamps};
use crate::error::InputError;
use crate::outcome::{
    HourRow, KeepAlivePoint, KeepAliveSource, Predicted, RelativeError, Simulated, Simulation,
};
use crate::planner::predict::Prediction;
use crate::policy::adaptive::{Decision, Reason};
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
use crate::scenario::workload::Source;
use crate::text::line;
use crate::units::Span;

/// A simulated scenario beside its prediction.
#[derive(Debug, Clone, Copy)]
pub struct RunReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What was simulated.
    pub simulation: &'a Simulation,
    /// What the analytic model says; absent for an adaptive policy.
    pub prediction: Option<&'a Prediction>,
    /// The plans of an adaptive policy.
    pub decisions: &'a [Decision],
    /// Cold starts by keep-alive; empty where there are none to count.
    pub keep_alive: &'a [KeepAlivePoint],
    /// The classes that share the buffer, where there are several.
    pub classes: Option<ClassTables<'a>>,
}

/// A row of decisions.csv.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DecisionRow {
    time_s: f64,
    reason: &'static str,
    measured_rate: f64,
    forecast_rate: f64,
    margin: f64,
    caution: f64,
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    meets_slo: bool,
    held_memory: bool,
}

#[derive(Serialize)]
struct Plans {
    plans: usize,
    early: usize,
    memory_changes: usize,
}

#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    requests: u64,
    batches: u64,
    replications: u32,
    warmup_s: f64,
    notes: Vec<String>,
    /// What became of the time stamps of a trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    stamps: Option<Stamps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Reading>,
    /// What users did, where requests follow from answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_loop: Option<ClosedLoop>,
    settings: &'a Json,
    simulated: WithClasses<'a, Simulated>,
    predicted: Option<WithClasses<'a, Predicted>>,
    error: Option<RelativeError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours_over_slo: Option<HoursOver>,
    /// By the counts of the run; absent where nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    meets_slo: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo_percentile: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive: Option<Plans>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    keep_alive_curve: &'a [KeepAlivePoint],
}

/// Users and what they sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct ClosedLoop {
    users: u32,
    think_s: f64,
    requests_per_s: f64,
}

impl ClosedLoop {
    fn words(self) -> String {
        let (users, rate) = (self.users, format::number(self.requests_per_s));
        format!("The {users} users had {rate} requests a second answered.")
    }
}

/// Hours in which too many requests were over the SLO.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct HoursOver {
    hours: usize,
    over: usize,
    share: f64,
}

impl RunReport<'_> {
    /// The text of summary.json.
    pub fn json(&self) -> String {
        let (scenario, simulation) = (self.scenario, self.simulation);
        let setting = scenario.setting();
        let predicted = self.prediction.map(|p| &p.predicted);
        let summary = Summary {
            scenario: &scenario.name,
            seed: scenario.seed,
            memory_mb: setting.memory.0,
            batch: setting.batch,
            timeout_s: setting.timeout.as_secs_f64(),
            requests: simulation.requests,
            batches: simulation.batches,
            replications: simulation.replications,
            warmup_s: scenario.warmup.as_secs_f64(),
            notes: self.notes(),
            stamps: scenario.workload.reading().and_then(|reading| reading.stamps),
            trace: scenario.workload.reading(),
            closed_loop: self.closed(),
            settings: &scenario.written,
            simulated: WithClasses::new(&simulation.simulated, self.classes.map(|classes| classes.simulated)),
            predicted: predicted.map(|p| WithClasses::new(p, self.classes.map(|classes| classes.predicted))),
            error: predicted.map(|p| RelativeError::of(p, &simulation.simulated)),
            hours_over_slo: self.hours_over(),
            meets_slo: self.meets_slo(),
            slo_percentile: self.meets_slo().map(|_| (scenario.slo.percentile * 1e8).round() / 1e6),
            adaptive: self.plans(),
            keep_alive_curve: self.keep_alive,
        };
        let mut text = serde_json::to_string_pretty(&summary).expect("plain data");
        text.push('\n');
        text
    }

    fn hours_over(&self) -> Option<HoursOver> {
        self.scenario.slo.latency?;
        let hours = self.simulation.hours.len();
        let slo = &self.scenario.slo;
        let late = |hour: &&HourRow| {
            let asked = (hour.requests + hour.failed).max(1);
            !slo.is_kept(hour.slo_violations as f64 / asked as f64)
        };
        let over = self.simulation.hours.iter().filter(late).count();
        (hours > 1).then(|| HoursOver { hours, over, share: over as f64 / hours as f64 })
    }

    fn verdict(&self) -> Option<String> {
        notes::verdict(&self.scenario.slo, &self.simulation.simulated)
    }

    fn meets_slo(&self) -> Option<bool> {
        let s = &self.simulation.simulated;
        self.scenario.slo.verdict(s.slo_violation_share, s.cost_usd_per_million)
    }

    fn plans(&self) -> Option<Plans> {
        self.scenario.policy.adaptive?;
        let start = self.scenario.setting().memory;
        let sizes = std::iter::once(start).chain(self.decisions.iter().map(|d| d.memory));
        let sizes: Vec<_> = sizes.collect();
        Some(Plans {
            plans: self.decisions.len(),
            early: self.decisions.iter().filter(|d| d.reason == Reason::RateChanged).count(),
            memory_changes: sizes.windows(2).filter(|w| w[0] != w[1]).count(),
        })
    }

    /// The rows of decisions.csv.
    pub fn decision_rows(&self) -> impl Iterator<Item = DecisionRow> {
        self.decisions.iter().map(|d| DecisionRow {
            time_s: d.time.as_secs_f64(),
            reason: match d.reason {
                Reason::Period => "period",
                Reason::RateChanged => "rate changed",
            },
            measured_rate: d.measured,
            forecast_rate: d.forecast,
            margin: d.margin,
            caution: d.caution,
            memory_mb: d.memory.0,
            batch: d.buffer.batch,
            timeout_s: d.buffer.timeout.as_secs_f64(),
            meets_slo: d.meets,
            held_memory: d.held,
        })
    }

    /// What a reader must know to trust the figures.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.scenario.workload.notes();
        match &self.scenario.platform.environments {
            Environments::Pool(_) => {}
            Environments::AlwaysWarm => notes.push(always_warm(&self.scenario.profile)),
        }
        if let Some(prediction) = self.prediction {
            notes.extend(omitted(self.scenario, &self.simulation.simulated));
            notes.extend(misfit(prediction));
        }
        notes.extend(cautions(self.scenario));
        match (&self.scenario.workload.source, self.prediction) {
            (Source::Closed(_), _) => notes.extend(self.closed().map(|closed| closed.words())),
            (_, None) if self.scenario.policy.adaptive.is_none() => notes.push(
                "Not predicted: no process can be fitted to a trace whose arrivals are too few, or all at one instant."
                    .to_owned(),
            ),
            (_, None) => notes.push(
                "An adaptive policy has no one configuration to predict; its plans are in decisions.csv."
                    .to_owned(),
            ),
            (Source::Trace(_), Some(_)) => notes.push(
                "Predicted from hourly fits of the trace (Poisson or MMPP(2)), not from the trace itself."
                    .to_owned(),
            ),
            (Source::Process(_) | Source::Renewal(_) | Source::Schedule(_), Some(_)) => {}
        }
        notes.push(match self.scenario.warmup {
            Span::ZERO => "Every request is counted: there is no warm-up.".to_owned(),
            warmup => format!("The first {warmup} are simulated but not counted (warm-up)."),
        });
        notes.extend(intervals::notes(self.simulation));
        notes
    }

    /// What users did, where requests follow from answers.
    fn closed(&self) -> Option<ClosedLoop> {
        let closed = self.scenario.workload.closed()?;
        let (requests, seconds) = (self.simulation.requests as f64, self.simulation.duration_s);
        Some(ClosedLoop {
            users: closed.users,
            think_s: closed.think.as_secs_f64(),
            requests_per_s: if seconds > 0.0 { requests / seconds } else { 0.0 },
        })
    }

    fn headline(&self) -> String {
        let setting = self.scenario.setting();
        let (memory, batch, timeout) = (setting.memory, setting.batch, setting.timeout);
        let model = line(&self.scenario.profile.model);
        let book = line(&self.scenario.platform.book.name);
        if !self.scenario.decisions.is_empty() {
            return format!("{model}, planned as decided before, prices of {book}");
        }
        if let Some(settings) = self.scenario.policy.adaptive {
            return format!("{model}, planned anew every {}, prices of {book}", settings.period);
        }
        if let Some(classes) = &self.scenario.classes {
            let classes = classes.list.len();
            return format!(
                "{model} at {memory}, {classes} classes in batches of up to {batch}, prices of {book}"
            );
        }
        match batch {
            1 => format!("{model} at {memory}, unbatched, prices of {book}"),
            _ => format!("{model} at {memory}, batches of up to {batch} within {timeout}, prices of {book}"),
        }
    }

    /// As [`RunReport::rows`], of the latency.
    fn latency_rows(&self) -> Vec<Vec<String>> {
        let s = &self.simulation.simulated;
        let predicted = self.prediction.map(|p| &p.predicted);
        let (interval, duration) = (s.latency_ci95_s, format::duration);
        let latency = [
            (
                "mean latency",
                s.latency_s.mean,
                interval.and_then(|i| i.mean),
                predicted.map(|p| p.latency_s.mean),
            ),
            (
                "p50 latency",
                s.latency_s.p50,
                interval.and_then(|i| i.p50),
                predicted.map(|p| p.latency_s.p50),
            ),
            (
                "p90 latency",
                s.latency_s.p90,
                interval.and_then(|i| i.p90),
                predicted.map(|p| p.latency_s.p90),
            ),
            (
                "p95 latency",
                s.latency_s.p95,
                interval.and_then(|i| i.p95),
                predicted.map(|p| p.latency_s.p95),
            ),
            (
                "p99 latency",
                s.latency_s.p99,
                interval.and_then(|i| i.p99),
                predicted.map(|p| p.latency_s.p99),
            ),
        ];
        let mut rows: Vec<Vec<String>> =
            latency.into_iter().map(|(name, s, ci, p)| compared(name, s, ci, p, duration)).collect();
        let slo = &self.scenario.slo;
        if ![0.5, 0.9, 0.95, 0.99].contains(&slo.percentile) {
            let name = format!("{} latency", slo.name());
            rows.push(compared(&name, s.latency_s.slo, None, predicted.map(|p| p.latency_s.slo), duration));
        }
        rows
    }

    /// Figure, simulated, its interval, predicted, difference.
    fn rows(&self) -> Vec<Vec<String>> {
        let s = &self.simulation.simulated;
        let predicted = self.prediction.map(|p| &p.predicted);
        let duration = format::duration;
        let mut rows = self.latency_rows();
        let cost = predicted.map(|p| p.cost_usd_per_million);
        let cost_name = "cost per million requests";
        rows.push(compared(
            cost_name,
            s.cost_usd_per_million,
            s.cost_usd_per_million_ci95,
            cost,
            format::money,
        ));
        let batch = predicted.map(|p| p.mean_batch);
        rows.push(compared("mean batch", s.mean_batch, s.mean_batch_ci95, batch, format::number));
        if let Some(slo) = self.scenario.slo.latency {
            let over = predicted.and_then(|p| p.slo_violation_share);
            let interval = s.slo_violation_share_ci95;
            rows.push(compared(
                &format!("over {slo}"),
                s.slo_violation_share,
                interval,
                over,
                format::percent,
            ));
        }
        let plain = |name: &str, value: String| vec![name.to_owned(), value];
        if let Some(HoursOver { hours, over, .. }) = self.hours_over() {
            rows.push(plain("hours over the SLO / all", format!("{over} / {hours}")));
        }
        if let Some(Plans { plans, early, memory_changes }) = self.plans() {
            rows.push(plain("plans / early / new memory", format!("{plans} / {early} / {memory_changes}")));
        }
        rows.push(plain("longest latency", duration(s.latency_s.max.unwrap_or(0.0))));
        rows.push(plain("batches full / timed out", {
            format!("{} / {}", format::count(s.full_batches), format::count(s.timeout_batches))
        }));
        rows.push(plain("cold starts", format::count(s.cold_starts)));
        if s.throttled + s.rejected > 0 {
            rows.push(plain("throttled tries", format::count(s.throttled)));
            rows.push(plain("failed requests", format::count(s.rejected)));
        }
        rows.push(plain("mean / peak concurrency", {
            format!("{} / {}", format::number(s.mean_concurrency), format::count(s.peak_concurrency))
        }));
        rows.push(plain("cost of the run", format::money(s.cost_usd)));
        rows.push(plain("cost per month", format::money(s.cost_usd_per_month)));
        rows
    }

    /// The table for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.simulation.requests);
        let mut text = format!("{}: {requests} requests\n{}\n\n", self.scenario.name, self.headline());
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if let Some(classes) = self.classes {
            text.push_str(&format!(
                "\nBy class\n{}",
                text_table(&classes::HEADERS, &classes.rows(self.scenario))
            ));
        }
        text.push('\n');
        for note in self.verdict().into_iter().chain(self.notes()) {
            text.push_str(&format!("{note}\n"));
        }
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let charts = self.charts();
        for (name, chart, _) in &charts {
            write_atomically(&folder.join("charts").join(format!("{name}.svg")), chart.svg())?;
        }
        let requests = format::count(self.simulation.requests);
        let mut page = Page::new(format!("{}: simulated and predicted", self.scenario.name))
            .subtitle(format!("{requests} requests; {}", self.headline()))
            .cards(&self.cards())
            .table("Simulated beside predicted", &HEADERS, &self.rows());
        if let Some(classes) = self.classes {
            page = page.table("By class", &classes::HEADERS, &classes.rows(self.scenario));
        }
        for note in self.notes() {
            page = page.note(&note);
        }
        for (_, chart, caption) in &charts {
            page = page.chart(chart.as_ref(), caption);
        }
        if self.simulation.hours.len() > 1 {
            page = page.heading("Hours").table("By hour", &HOUR_HEADERS, &self.hour_rows());
        }
        if !self.keep_alive.is_empty() {
            let table = "Cold starts against keep-alive";
            page = page.heading("Keep-alive").table(table, &KEEP_ALIVE_HEADERS, &self.keep_alive_rows());
        }
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn keep_alive_rows(&self) -> Vec<Vec<String>> {
        let batches = self.simulation.batches as f64 / f64::from(self.simulation.replications);
        let row = |point: &KeepAlivePoint| {
            vec![
                format::duration(point.keep_alive_s),
                format::count(point.cold_starts),
                format::percent(point.cold_starts as f64 / batches),
                match point.source {
                    KeepAliveSource::Crossing => "from the path of the run".to_owned(),
                    KeepAliveSource::Simulated => "simulated".to_owned(),
                },
            ]
        };
        self.keep_alive.iter().map(row).collect()
    }

    fn cards(&self) -> Vec<Card> {
        let s = &self.simulation.simulated;
        let p95 = Card::new("p95 latency", format::duration(s.latency_s.p95));
        let p95 = match self.prediction {
            Some(p) => p95.note(format!("predicted {}", format::duration(p.predicted.latency_s.p95))),
            None => p95,
        };
        let cost = Card::new("Cost per million requests", format::money(s.cost_usd_per_million));
        let batch = Card::new("Mean batch", format::number(s.mean_batch));
        let cold = Card::new("Cold starts", format::count(s.cold_starts));
        let mut cards = vec![p95, cost, batch, cold];
        if let Some(slo) = self.scenario.slo.latency {
            let over = Card::new(format!("Over {slo}"), format::percent(s.slo_violation_share));
            let met = s.slo_violation_share <= 1.0 - self.scenario.slo.percentile;
            cards.push(if met { over.good() } else { over.bad() });
        }
        cards
    }

    fn hour_rows(&self) -> Vec<Vec<String>> {
        let row = |hour: &HourRow| {
            vec![
                hour.hour.to_string(),
                format::number(hour.rate_per_s),
                format::duration(hour.p50_s),
                format::duration(hour.p95_s),
                format::duration(hour.p99_s),
                format::money(hour.cost_usd),
                format::number(hour.mean_batch),
                format::count(hour.slo_violations),
                format::count(hour.cold_starts),
            ]
        };
        self.simulation.hours.iter().map(row).collect()
    }
}

const HEADERS: [&str; 5] = ["", "simulated", "95 % interval", "predicted", "difference"];
const KEEP_ALIVE_HEADERS: [&str; 4] = ["keep-alive", "cold starts", "of invocations", "how it was found"];
const HOUR_HEADERS: [&str; 9] =
    ["hour", "rate [1/s]", "p50", "p95", "p99", "cost", "mean batch", "over the SLO", "cold starts"];

fn compared(
    name: &str,
    simulated: f64,
    interval: Option<[f64; 2]>,
    predicted: Option<f64>,
    show: impl Fn(f64) -> String,
) -> Vec<String> {
    let interval = interval.map_or(String::new(), |[low, high]| format!("{} – {}", show(low), show(high)));
    let difference = predicted.filter(|_| simulated != 0.0).map(|p| p / simulated - 1.0);
    vec![
        name.to_owned(),
        show(simulated),
        interval,
        predicted.map_or(String::new(), &show),
        difference.map_or(String::new(), |d| format!("{:+.2} %", d * 100.0)),
    ]
}
