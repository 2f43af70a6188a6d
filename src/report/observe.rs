//! What `sim observe` shows: measured beside simulated and predicted.

use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

use super::chart::{Axis, BarChart, Chart, LineChart, Panel, Series, Unit};
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::gateway::observe::Exchange;
use crate::gateway::observe::measured::{Measured, MeasuredLatency};
use crate::outcome::{Latency, Predicted, RelativeError, Simulated, Simulation};
use crate::planner::predict::Prediction;
use crate::scenario::Scenario;
use crate::units::Span;

/// A server measured, beside the models of it.
#[derive(Debug, Clone, Copy)]
pub struct ObserveReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// Whom.
    pub target: &'a str,
    /// Every request.
    pub exchanges: &'a [Exchange],
    /// The same in figures.
    pub measured: &'a Measured,
    /// The same arrivals simulated.
    pub simulation: &'a Simulation,
    /// What the analytic model says; absent for an adaptive policy.
    pub prediction: Option<&'a Prediction>,
}

#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    target: &'a str,
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    requests: u64,
    slo_percentile: f64,
    notes: Vec<String>,
    settings: &'a Json,
    measured: &'a Measured,
    simulated: &'a Simulated,
    predicted: Option<&'a Predicted>,
    error: Option<RelativeError>,
    /// Of the models from what was measured: model / measured - 1.
    difference: Differences,
}

#[derive(Serialize)]
struct Differences {
    simulated: Option<Difference>,
    simulated_less_overhead: Option<Difference>,
    predicted: Option<Difference>,
    predicted_less_overhead: Option<Difference>,
}

#[derive(Serialize)]
struct Difference {
    mean: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    mean_batch: Option<f64>,
}

impl Difference {
    fn of(
        model: &Latency,
        batch: f64,
        latency: Option<&MeasuredLatency>,
        measured: &Measured,
    ) -> Option<Self> {
        let latency = latency?;
        let difference = |model: f64, measured: f64| model / measured - 1.0;
        Some(Difference {
            mean: difference(model.mean, latency.mean),
            p50: difference(model.p50, latency.p50),
            p95: difference(model.p95, latency.p95),
            p99: difference(model.p99, latency.p99),
            mean_batch: measured.mean_batch.map(|measured| difference(batch, measured)),
        })
    }
}

const HEADERS: [&str; 6] =
    ["", "measured", "less overhead", "simulated", "predicted", "simulated / measured"];

impl ObserveReport<'_> {
    /// The text of summary.json.
    pub fn json(&self) -> String {
        let (scenario, setting) = (self.scenario, self.scenario.setting());
        let predicted = self.prediction.map(|p| &p.predicted);
        let summary = Summary {
            scenario: &scenario.name,
            seed: scenario.seed,
            target: self.target,
            memory_mb: setting.memory.0,
            batch: setting.batch,
            timeout_s: setting.timeout.as_secs_f64(),
            requests: self.measured.requests,
            slo_percentile: scenario.slo.percentile,
            notes: self.notes(),
            settings: &scenario.written,
            measured: self.measured,
            simulated: &self.simulation.simulated,
            predicted,
            error: predicted.map(|p| RelativeError::of(p, &self.simulation.simulated)),
            difference: self.differences(),
        };
        let mut text = serde_json::to_string_pretty(&summary).expect("plain data");
        text.push('\n');
        text
    }

    fn differences(&self) -> Differences {
        let (measured, simulated) = (self.measured, &self.simulation.simulated);
        let (whole, inner) = (measured.latency_s.as_ref(), measured.latency_less_overhead_s.as_ref());
        let of_simulated =
            |latency| Difference::of(&simulated.latency_s, simulated.mean_batch, latency, measured);
        let of_predicted = |latency| {
            let predicted = &self.prediction?.predicted;
            Difference::of(&predicted.latency_s, predicted.mean_batch, latency, measured)
        };
        Differences {
            simulated: of_simulated(whole),
            simulated_less_overhead: of_simulated(inner),
            predicted: of_predicted(whole),
            predicted_less_overhead: of_predicted(inner),
        }
    }

    fn notes(&self) -> Vec<String> {
        let measured = self.measured;
        let mut notes = vec!["Latency counts from the intended time of sending.".to_owned()];
        if let Some(late) = &measured.late_sending_s {
            notes.push(format!(
                "Sending was late by {} in the median, {} at p99, {} at most.",
                format::duration(late.p50),
                format::duration(late.p99),
                format::duration(late.max)
            ));
        }
        match &measured.overhead_s {
            Some(overhead) => notes.push(format!(
                "Overhead (client, connections, protocol) is what the gateway does not see: {} in the median, {} at p95.",
                format::duration(overhead.p50),
                format::duration(overhead.p95)
            )),
            None => notes.push("The target tells nothing of its batches, as sim serve does in headers.".to_owned()),
        }
        if let Some(busy) = measured.machine_busy_share {
            let warning =
                if busy > 0.5 { ": more than half, so queueing for it is measured too" } else { "" };
            notes.push(format!("This machine was {} busy{warning}.", format::percent(busy)));
        }
        if measured.failed > 0 {
            let by_status: Vec<String> = measured
                .by_status
                .iter()
                .filter(|(status, _)| !(200..300).contains(*status))
                .map(|(status, count)| match status {
                    0 => format!("{} without an answer", format::count(*count)),
                    _ => format!("{} with status {status}", format::count(*count)),
                })
                .collect();
            notes.push(format!("Failed requests are in no latency: {}.", by_status.join(", ")));
        }
        notes
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let (simulated, predicted) = (&self.simulation.simulated, self.prediction.map(|p| &p.predicted));
        let (whole, inner) = (&self.measured.latency_s, &self.measured.latency_less_overhead_s);
        type Pick<T> = fn(&T) -> f64;
        let figures: [(&str, Pick<MeasuredLatency>, Pick<Latency>); 5] = [
            ("mean latency", |l| l.mean, |l| l.mean),
            ("p50", |l| l.p50, |l| l.p50),
            ("p90", |l| l.p90, |l| l.p90),
            ("p95", |l| l.p95, |l| l.p95),
            ("p99", |l| l.p99, |l| l.p99),
        ];
        let row = |(name, measured, model): (&str, Pick<MeasuredLatency>, Pick<Latency>)| {
            let figures = [
                whole.as_ref().map(measured),
                inner.as_ref().map(measured),
                Some(model(&simulated.latency_s)),
                predicted.map(|p| model(&p.latency_s)),
            ];
            cells(name, figures, format::duration)
        };
        let mut rows: Vec<Vec<String>> = figures.into_iter().map(row).collect();
        let batch = self.measured.mean_batch;
        let figures = [batch, None, Some(simulated.mean_batch), predicted.map(|p| p.mean_batch)];
        rows.push(cells("mean batch", figures, format::number));
        if let Some(slo) = self.scenario.slo.latency {
            let (over, predicted) =
                (self.measured.slo_violation_share, predicted.and_then(|p| p.slo_violation_share));
            let figures = [over, None, Some(simulated.slo_violation_share), predicted];
            rows.push(cells(&format!("over {slo}"), figures, format::percent));
        }
        rows
    }

    fn headline(&self) -> String {
        let Measured { answered, failed, .. } = self.measured;
        format!("{} answered, {} failed; {}", format::count(*answered), format::count(*failed), self.target)
    }

    /// The table for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.measured.requests);
        let mut text = format!("{}: {requests} requests sent\n{}\n\n", self.scenario.name, self.headline());
        text.push_str(&text_table(&HEADERS, &self.rows()));
        text.push('\n');
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let latency = self.latency_chart();
        let sizes = self.measured.batch_size.as_ref().map(|measured| self.size_chart(measured));
        let mut page = Page::new(format!("{}: measured, simulated, predicted", self.scenario.name))
            .subtitle(self.headline())
            .cards(&self.cards())
            .table("Measured beside simulated and predicted", &HEADERS, &self.rows());
        for note in self.notes() {
            page = page.note(&note);
        }
        page = page.chart(&latency, "Share of requests answered within a time.");
        write_atomically(&folder.join("charts/latency-cdf.svg"), latency.svg())?;
        if let Some(sizes) = sizes {
            page = page.chart(&sizes, "How many requests the batches held.");
            write_atomically(&folder.join("charts/batch-size.svg"), sizes.svg())?;
        }
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn cards(&self) -> Vec<Card> {
        let simulated = &self.simulation.simulated;
        let p95 = self.measured.latency_s.map_or("none".to_owned(), |l| format::duration(l.p95));
        let batch = self.measured.mean_batch.map_or("unknown".to_owned(), format::number);
        vec![
            Card::new("p95 latency, measured", p95)
                .note(format!("simulated {}", format::duration(simulated.latency_s.p95))),
            Card::new("Mean batch, measured", batch)
                .note(format!("simulated {}", format::number(simulated.mean_batch))),
            Card::new("Failed", format::count(self.measured.failed)),
        ]
    }

    fn latency_chart(&self) -> LineChart {
        let measured = cdf(self.exchanges.iter().filter(|e| e.is_answered()).map(Exchange::latency));
        let noted = self.exchanges.iter().filter(|e| e.is_answered()).filter_map(|e| e.batch);
        let inner = cdf(noted.map(|note| note.waited + note.upstream));
        let mut panel = Panel::new(Axis::new("share of requests", Unit::Share).from_zero())
            .series(Series::new("measured", measured).steps());
        if !inner.is_empty() {
            panel = panel.series(Series::new("measured less overhead", inner).steps());
        }
        panel = panel.series(Series::new("simulated", self.simulation.cdf.clone()).steps());
        if let Some(prediction) = self.prediction {
            panel = panel.series(Series::new("predicted", prediction.cdf.clone()).dashed());
        }
        let chart = LineChart::new("Latency", Axis::new("latency", Unit::Seconds)).subtitle(self.headline());
        match self.scenario.slo.latency {
            Some(slo) => chart.mark_x(slo.as_secs_f64(), format!("SLO {slo}")),
            None => chart,
        }
        .panel(panel)
    }

    fn size_chart(&self, measured: &[f64]) -> BarChart {
        let simulated = &self.simulation.simulated.batch_size;
        let predicted = self.prediction.map(|p| &p.predicted.batch_size);
        let sizes = measured.len().max(simulated.len()).max(predicted.map_or(0, Vec::len));
        let padded = |shares: &[f64]| (0..sizes).map(|n| shares.get(n).copied().unwrap_or(0.0)).collect();
        let categories = (1..=sizes).map(|n| n.to_string()).collect();
        let share = Axis::new("share of batches", Unit::Share);
        let chart = BarChart::new("Batch sizes", "requests in the batch", categories, share, format::percent)
            .series("measured", padded(measured))
            .series("simulated", padded(simulated));
        match predicted {
            Some(predicted) => chart.series("predicted", padded(predicted)),
            None => chart,
        }
    }
}

/// A row: measured, less overhead, simulated, predicted, and how the third differs from what was measured.
fn cells(name: &str, figures: [Option<f64>; 4], show: impl Fn(f64) -> String) -> Vec<String> {
    let [measured, inner, simulated, _] = figures;
    let against = inner.or(measured).filter(|measured| *measured != 0.0);
    let difference = against.zip(simulated).map(|(measured, simulated)| simulated / measured - 1.0);
    let mut row = vec![name.to_owned()];
    row.extend(figures.into_iter().map(|figure| figure.map_or(String::new(), &show)));
    row.push(difference.map_or(String::new(), |d| format!("{:+.2} %", d * 100.0)));
    row
}

/// At most some hundred points of a distribution: (seconds, share of requests up to it).
fn cdf(spans: impl Iterator<Item = Span>) -> Vec<(f64, f64)> {
    const POINTS: usize = 600;
    let mut spans: Vec<Span> = spans.collect();
    spans.sort_unstable();
    let step = spans.len().div_ceil(POINTS).max(1);
    let last = spans.len().saturating_sub(1);
    let point = |i: usize| (spans[i].as_secs_f64(), (i + 1) as f64 / spans.len() as f64);
    (0..spans.len()).filter(|i| i % step == 0 || *i == last).map(point).collect()
}
