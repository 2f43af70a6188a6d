//! What `sim fit` shows: fit.json, the process as TOML, the comparison table, the charts and the page.

use std::path::Path;

use serde_json::{Value, json};
use statrs::distribution::{DiscreteCDF, Poisson};

use super::chart::{Axis, Chart, LineChart, Panel, Series, Unit};
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::fitting::{
    Basis, COMPARED_S, Candidate, Fit, Observed, Piece, ScaleFit, schedule_toml, state_probability,
};
use crate::units::{Span, Time};

/// Points of a chart's line.
const POINTS: usize = 400;

/// A fitted trace.
#[derive(Debug, Clone, Copy)]
pub struct FitReport<'a> {
    /// The trace's name.
    pub name: &'a str,
    /// The trace's file as it was given.
    pub file: &'a str,
    /// Its fit as a whole.
    pub fit: &'a Fit,
    /// What was fitted.
    pub observed: &'a Observed,
    /// Its fit by windows, where asked for.
    pub pieces: Option<&'a [Piece]>,
}

impl FitReport<'_> {
    /// The text of fit.json.
    pub fn json(&self) -> String {
        let mut value = self.fit.to_json();
        if let (Value::Object(all), Some(pieces)) = (&mut value, self.pieces) {
            let mut start = 0.0;
            let windows = pieces.iter().map(|piece| {
                let row = window_json(piece, start);
                start += piece.duration.as_secs_f64();
                row
            });
            all.insert("windows".into(), windows.collect());
        }
        let mut text = serde_json::to_string_pretty(&value).expect("plain data");
        text.push('\n');
        text
    }

    /// A schedule file for a scenario: the windows, or the whole trace as one segment.
    pub fn toml(&self) -> String {
        let mut text = format!("source = {}\n\n", toml::Value::String(format!("sim fit of {}", self.name)));
        match self.pieces {
            Some(pieces) => text + &schedule_toml(pieces),
            None => {
                for line in std::iter::once(&self.fit.reason).chain(&self.fit.best().warning()) {
                    text.push_str(&format!("# {line}\n"));
                }
                let duration = self.fit.trace.duration;
                text + &schedule_toml(&[Piece { duration, fit: Ok(self.fit.clone()) }])
            }
        }
    }

    fn headline(&self) -> String {
        let trace = &self.fit.trace;
        let basis = match trace.basis {
            Basis::Gaps => "by inter-arrival times".to_owned(),
            Basis::Counts { bin } => format!("by counts of {bin}"),
        };
        let (arrivals, duration) = (format::count(trace.arrivals), trace.duration.as_secs_f64());
        format!(
            "{arrivals} arrivals in {}, {}/s, {basis}",
            format::duration(duration),
            format::number(trace.rate)
        )
    }

    /// The trace first, then every process that was fitted.
    fn rows(&self) -> Vec<Vec<String>> {
        let trace = &self.fit.trace;
        let figure = |value: Option<f64>| value.map_or_else(String::new, format::number);
        let mut measured =
            vec!["trace".to_owned(), format::number(trace.rate), figure(trace.scv()), figure(trace.lag1())];
        measured.extend(COMPARED_S.iter().map(|scale| figure(trace.idc(*scale))));
        let mut rows = vec![measured];
        for (i, candidate) in self.fit.candidates.iter().enumerate() {
            rows.push(candidate_row(candidate, i == self.fit.best));
        }
        rows
    }

    fn warnings(&self) -> Vec<String> {
        let mut notes = vec![self.fit.reason.clone()];
        match self.fit.best().warning() {
            Some(warning) => notes.push(format!(
                "Warning: {warning}. A process of few states holds few time scales; fit by windows \
                (--window 1h) or replay the trace itself where these scales matter."
            )),
            None => notes.push(self.fit.checked()),
        }
        notes
    }

    /// The table for a terminal.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}: {}\n\n{}\n", self.name, self.headline(), { text_table(&HEADERS, &self.rows()) });
        for note in self.warnings() {
            text.push_str(&format!("{note}\n"));
        }
        if let Some(pieces) = self.pieces {
            text.push_str(&format!("\n{}\n", text_table(&WINDOW_HEADERS, &window_rows(pieces))));
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
        let mut page = Page::new(format!("{}: measured and fitted", self.name))
            .subtitle(self.headline())
            .cards(&self.cards())
            .table("Measured beside fitted", &HEADERS, &self.rows());
        for note in self.warnings() {
            page = page.note(&note);
        }
        for (_, chart, caption) in &charts {
            page = page.chart(chart, caption);
        }
        if let Some(pieces) = self.pieces {
            page = page.heading("Windows").table("By window", &WINDOW_HEADERS, &window_rows(pieces));
        }
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn cards(&self) -> Vec<Card> {
        let trace = &self.fit.trace;
        let best = self.fit.best();
        let worst = best.worst();
        let off = Card::new("IDC off by", format!("{}x", format::number(worst))).note("at its worst scale");
        let idc = trace.scales.iter().rev().find(|scale| scale.scale <= Span::from_secs(60));
        let mut cards = vec![
            Card::new("Process", best.family.name()).note(format!("by {}", best.means.name())),
            Card::new("Rate", format!("{}/s", format::number(trace.rate))),
        ];
        if let Some(scv) = trace.scv() {
            cards.push(Card::new("SCV of the gaps", format::number(scv)).note("1 for Poisson"));
        }
        if let Some(idc) = idc {
            cards.push(
                Card::new(format!("IDC at {}", idc.scale), format::number(idc.idc)).note("1 for Poisson"),
            );
        }
        cards.push(if best.off().next().is_none() { off.good() } else { off.bad() });
        cards
    }

    fn charts(&self) -> Vec<(&'static str, LineChart, &'static str)> {
        let mut charts = vec![
            ("idc", self.idc_chart(), "Variance over mean of the counts, by the length of a bin."),
            ("rate", self.rate_chart(), "Arrivals over the trace."),
        ];
        charts.push(match self.observed {
            Observed::Arrivals(times) => {
                ("gaps", self.gap_chart(times), "Share of gaps between arrivals up to a length.")
            }
            Observed::Counts(_) => {
                ("counts", self.count_chart(), "Share of bins with at most so many arrivals.")
            }
        });
        if self.fit.best().family.has_states() {
            let caption = "Which state the chosen process was in, as far as the counts tell.";
            charts.push(("states", self.state_chart(), caption));
        }
        charts
    }

    fn idc_chart(&self) -> LineChart {
        let scales = &self.fit.trace.scales;
        let measured = scales.iter().map(|scale| (scale.scale.as_secs_f64(), scale.idc)).collect();
        let mut panel = Panel::new(Axis::new("index of dispersion", Unit::Number(String::new())).log())
            .series(Series::new("trace", measured));
        let ends = scales.first().zip(scales.last());
        if let Some((first, last)) = ends {
            let (low, high) = (first.scale.as_secs_f64(), last.scale.as_secs_f64());
            for candidate in &self.fit.candidates {
                let points = log_points(low, high, 60).map(|t| (t, candidate.stats.idc(t))).collect();
                panel = panel.series(Series::new(candidate.family.name(), points).dashed());
            }
        }
        LineChart::new("Dispersion over time scales", Axis::new("length of a bin", Unit::Seconds).log())
            .subtitle(self.headline())
            .panel(panel)
    }

    fn rate_chart(&self) -> LineChart {
        let rate = Series::new("trace", rates(self.observed)).filled();
        let mut panel =
            Panel::new(Axis::new("requests", Unit::Number("1/s".into())).from_zero()).series(rate);
        if let Some(pieces) = self.pieces {
            panel = panel.series(Series::new("fitted by window", fitted_rates(pieces)).steps().dashed());
        }
        LineChart::new("Rate over time", Axis::new("time", Unit::Elapsed).tight()).panel(panel)
    }

    fn gap_chart(&self, times: &[Time]) -> LineChart {
        let mut gaps: Vec<f64> = times.windows(2).map(|w| w[1].since(w[0]).as_secs_f64()).collect();
        gaps.sort_by(f64::total_cmp);
        let step = gaps.len().div_ceil(POINTS).max(1);
        let share = |i: usize| (i + 1) as f64 / gaps.len() as f64;
        let shown = (0..gaps.len()).filter(|i| (i + 1) % step == 0 || i + 1 == gaps.len());
        let measured: Vec<(f64, f64)> =
            shown.map(|i| (gaps[i], share(i))).filter(|(gap, _)| *gap > 0.0).collect();
        let mut panel = Panel::new(Axis::new("share of gaps", Unit::Share).from_zero());
        if let (Some((low, _)), Some((high, _))) = (measured.first(), measured.last()) {
            let (low, high) = (*low, *high);
            panel = panel.series(Series::new("trace", measured.clone()).steps());
            for candidate in &self.fit.candidates {
                let points = log_points(low, high, 120).map(|t| (t, 1.0 - candidate.stats.gap_tail(t)));
                panel = panel.series(Series::new(candidate.family.name(), points.collect()).dashed());
            }
        }
        LineChart::new("Gaps between arrivals", Axis::new("gap", Unit::Seconds).log()).panel(panel)
    }

    /// The law of the counts as EM takes it: the state is constant within a bin.
    fn count_chart(&self) -> LineChart {
        let Observed::Counts(counts) = self.observed else { unreachable!("asked for counts only") };
        let mut sorted = counts.counts.clone();
        sorted.sort_unstable();
        let most = sorted.last().copied().unwrap_or(0);
        let step = (most as usize).div_ceil(POINTS).max(1);
        let grid: Vec<u32> = (0..=most).step_by(step).collect();
        let below = |n: u32| sorted.partition_point(|count| *count <= n) as f64 / sorted.len() as f64;
        let measured = grid.iter().map(|n| (f64::from(*n), below(*n))).collect();
        let mut panel = Panel::new(Axis::new("share of bins", Unit::Share).from_zero())
            .series(Series::new("trace", measured).steps());
        let seconds = counts.bin.as_secs_f64();
        for candidate in &self.fit.candidates {
            let law = candidate.map.phase_law();
            let rates = candidate.map.d1().row_sums();
            let share = |n: u32| {
                let state = |(p, rate): (&f64, &f64)| p * poisson_cdf(rate * seconds, n);
                law.iter().zip(&rates).map(state).sum::<f64>()
            };
            let points = grid.iter().map(|n| (f64::from(*n), share(*n))).collect();
            panel = panel.series(Series::new(candidate.family.name(), points).dashed());
        }
        let title = format!("arrivals in a bin of {}", counts.bin);
        LineChart::new("Counts", Axis::new(title, Unit::Number(String::new())).from_zero()).panel(panel)
    }

    fn state_chart(&self) -> LineChart {
        let best = self.fit.best();
        let states = state_probability(&best.map, self.observed, POINTS);
        let rates = best.map.d1().row_sums();
        let mut panel = Panel::new(Axis::new("probability", Unit::Share).from_zero());
        for (k, rate) in rates.iter().enumerate() {
            let points = states.iter().map(|(at, law)| (at.as_secs_f64(), law[k])).collect();
            panel = panel.series(Series::new(format!("{}/s", format::number(*rate)), points));
        }
        LineChart::new("State over time", Axis::new("time", Unit::Elapsed).tight())
            .subtitle(format!("{}, states by their rates", best.family.name()))
            .panel(panel)
    }
}

const HEADERS: [&str; 10] =
    ["process", "rate [1/s]", "SCV", "lag 1", "IDC 0.1 s", "1 s", "10 s", "60 s", "BIC", "found by"];
const WINDOW_HEADERS: [&str; 6] = ["window", "length", "arrivals", "rate [1/s]", "process", "warning"];

fn candidate_row(candidate: &Candidate, chosen: bool) -> Vec<String> {
    let stats = &candidate.stats;
    let name = candidate.family.name();
    let mut row = vec![
        if chosen { format!("{name} (chosen)") } else { name },
        format::number(stats.rate()),
        format::number(stats.scv()),
        format::number(stats.autocorrelation(1)),
    ];
    for seconds in COMPARED_S {
        let compared = |scale: &&ScaleFit| Span::from_secs_f64(seconds) == Some(scale.scale);
        let mark = match candidate.scales.iter().find(compared) {
            Some(scale) if scale.is_off() => " !",
            Some(_) | None => "",
        };
        row.push(format!("{}{mark}", format::number(stats.idc(seconds))));
    }
    row.push(format!("{:.0}", candidate.bic));
    row.push(candidate.means.name().to_owned());
    row
}

fn window_rows(pieces: &[Piece]) -> Vec<Vec<String>> {
    let row = |(i, piece): (usize, &Piece)| {
        let mut row = vec![(i + 1).to_string(), format::duration(piece.duration.as_secs_f64())];
        match &piece.fit {
            Ok(fit) => {
                let best = fit.best();
                row.push(format::count(fit.trace.arrivals));
                row.push(format::number(fit.trace.rate));
                row.push(best.family.name());
                row.push(best.warning().unwrap_or_default());
            }
            Err(error) => row.extend([String::new(), String::new(), String::new(), error.to_string()]),
        }
        row
    };
    pieces.iter().enumerate().map(row).collect()
}

fn window_json(piece: &Piece, start: f64) -> Value {
    let duration = piece.duration.as_secs_f64();
    match &piece.fit {
        Ok(fit) => {
            let best = fit.best();
            json!({
                "start_s": start,
                "duration_s": duration,
                "arrivals": fit.trace.arrivals,
                "rate": fit.trace.rate,
                "process": best.family.name(),
                "d0": best.map.d0().rows(),
                "d1": best.map.d1().rows(),
                "warning": best.warning(),
            })
        }
        Err(error) => json!({ "start_s": start, "duration_s": duration, "warning": error.to_string() }),
    }
}

fn poisson_cdf(mean: f64, n: u32) -> f64 {
    // A state without arrivals is no Poisson law.
    Poisson::new(mean).map_or(1.0, |law| law.cdf(u64::from(n)))
}

fn log_points(low: f64, high: f64, steps: u32) -> impl Iterator<Item = f64> {
    (0..=steps).map(move |i| low * (high / low).powf(f64::from(i) / f64::from(steps)))
}

/// The rate [1/s] over stretches of the trace, at their middle [s].
fn rates(observed: &Observed) -> Vec<(f64, f64)> {
    match observed {
        Observed::Counts(counts) => {
            let bins = counts.counts.len().div_ceil(POINTS).max(1);
            let width = counts.bin.as_secs_f64() * bins as f64;
            let rate = |(i, part): (usize, &[u32])| {
                let sum: u64 = part.iter().map(|count| u64::from(*count)).sum();
                let length = counts.bin.as_secs_f64() * part.len() as f64;
                (i as f64 * width + length / 2.0, sum as f64 / length)
            };
            counts.counts.chunks(bins).enumerate().map(rate).collect()
        }
        Observed::Arrivals(times) => {
            let (Some(first), Some(last)) = (times.first(), times.last()) else { return Vec::new() };
            let width = Span((last.since(*first).0 / POINTS as u64).max(1));
            let mut counts = vec![0_u32; POINTS];
            times.iter().for_each(|t| counts[((t.since(*first).0 / width.0) as usize).min(POINTS - 1)] += 1);
            let seconds = width.as_secs_f64();
            let rate = |(i, n): (usize, &u32)| ((i as f64 + 0.5) * seconds, f64::from(*n) / seconds);
            counts.iter().enumerate().map(rate).collect()
        }
    }
}

fn fitted_rates(pieces: &[Piece]) -> Vec<(f64, f64)> {
    let mut start = 0.0;
    let mut points = Vec::new();
    for piece in pieces {
        let rate = piece.fit.as_ref().map_or(0.0, |fit| fit.best().stats.rate());
        points.push((start, rate));
        start += piece.duration.as_secs_f64();
        points.push((start, rate));
    }
    points
}
