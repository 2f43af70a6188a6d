//! The table, the charts and the page of a measured server.

use super::ObserveReport;
use crate::error::InputError;
use crate::gateway::observe::Exchange;
use crate::gateway::observe::measured::{Measured, MeasuredLatency};
use crate::outcome::Latency;
use crate::report::chart::{BarChart, LineChart, Series};
use crate::report::html::{self, Card, Figure, Page, Target};
use crate::report::table::text_table;
use crate::report::{curves, format};
use crate::units::Span;

const HEADERS: [&str; 6] =
    ["", "measured", "less overhead", "simulated", "predicted", "simulated / measured"];

impl ObserveReport<'_> {
    /// The table for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.measured.requests);
        let mut text = format!(
            "{}: {requests} requests sent\n{}\n{}\n\n",
            self.scenario.name,
            self.headline(),
            self.answer()
        );
        text.push_str(&text_table(&HEADERS, &self.rows()));
        text.push('\n');
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let latency = "Share of requests answered within a time.";
        let mut figures = vec![Figure::new("latency-cdf", self.latency_chart(), latency)];
        if let Some(measured) = &self.measured.batch_size {
            let sizes = "How many requests the batches held.";
            figures.push(Figure::new("batch-size", self.size_chart(measured), sizes));
        }
        let page = Page::new(format!("{}: measured, simulated, predicted", self.scenario.name))
            .of("observe")
            .subtitle(self.headline())
            .answer(&self.answer())
            .cards(&self.cards())
            .table("Measured beside simulated and predicted", &HEADERS, &self.rows())
            .notes(self.notes())
            .figures(&figures);
        html::write(to.into(), &figures, &page)
    }

    fn headline(&self) -> String {
        let Measured { answered, failed, .. } = self.measured;
        format!("{} answered, {} failed; {}", format::count(*answered), format::count(*failed), self.target)
    }

    /// Is the SLO kept by what was measured, and how near the simulation came to it.
    fn answer(&self) -> String {
        let (measured, simulated) = (self.measured, &self.simulation.simulated);
        let Some(latency) = &measured.latency_s else {
            return "Nothing was answered, so nothing was measured.".to_owned();
        };
        let slo = &self.scenario.slo;
        let mut text = String::new();
        if let (Some(limit), Some(over)) = (slo.latency, measured.slo_violation_share) {
            let word = if slo.is_kept(over) { "met" } else { "missed" };
            let failed = if measured.failed > 0 { ", failed ones included" } else { "" };
            text = format!(
                "SLO {word}, as measured: {} over {limit}{failed}, {} may be. ",
                format::percent(over),
                format::percent(slo.allowed())
            );
        }
        let (against, less) = match &measured.latency_less_overhead_s {
            Some(inner) => (inner.p95, " of what is left without the overhead"),
            None => (latency.p95, ""),
        };
        text.push_str(&format!(
            "Measured p95 {}; simulated p95 {}{less}",
            format::duration(latency.p95),
            format::change(simulated.latency_s.p95 / against - 1.0)
        ));
        if let Some(batch) = measured.mean_batch {
            let change = format::change(simulated.mean_batch / batch - 1.0);
            text.push_str(&format!(", mean batch {change}"));
        }
        text + "."
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
            let mut row = cells(&format!("over {slo}"), figures, format::percent);
            // Of shares, the difference is what tells.
            row[5] = over.map_or(String::new(), |over| format::points(simulated.slo_violation_share - over));
            rows.push(row);
        }
        rows
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
        let mut series = vec![Series::new("measured", measured).steps()];
        if !inner.is_empty() {
            series.push(Series::new("measured less overhead", inner).steps());
        }
        series.push(Series::new("simulated", self.simulation.cdf.clone()).steps());
        series.extend(self.prediction.map(|p| Series::new("predicted", p.cdf.clone()).dashed()));
        curves::latency(series, &self.scenario.slo).subtitle(self.headline())
    }

    fn size_chart(&self, measured: &[f64]) -> BarChart {
        let simulated = self.simulation.simulated.batch_size.as_slice();
        let mut sizes = vec![("measured", measured), ("simulated", simulated)];
        sizes.extend(self.prediction.map(|p| ("predicted", p.predicted.batch_size.as_slice())));
        curves::batch_sizes(&sizes)
    }
}

/// A row: measured, less overhead, simulated, predicted, and how the third differs from what was measured.
fn cells(name: &str, figures: [Option<f64>; 4], show: impl Fn(f64) -> String) -> Vec<String> {
    let [measured, inner, simulated, _] = figures;
    let against = inner.or(measured).filter(|measured| *measured != 0.0);
    let difference = against.zip(simulated).map(|(measured, simulated)| simulated / measured - 1.0);
    let mut row = vec![name.to_owned()];
    row.extend(figures.into_iter().map(|figure| figure.map_or(String::new(), &show)));
    row.push(difference.map_or(String::new(), format::change));
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
