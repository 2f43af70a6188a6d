//! The charts of a fit.

use statrs::distribution::{DiscreteCDF, Poisson};

use super::FitReport;
use crate::fitting::{Candidate, Counts, Observed, Piece, state_probability};
use crate::report::chart::{Axis, LineChart, Panel, Series, Unit};
use crate::report::format;
use crate::report::html::Figure;
use crate::units::{Span, Time};

/// Points of a chart's line.
const POINTS: usize = 400;

impl FitReport<'_> {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let mut figures = vec![
            Figure::new("idc", self.idc_chart(), "Variance over mean of the counts, by the length of a bin."),
            Figure::new("rate", self.rate_chart(), "Arrivals over the trace."),
        ];
        figures.push(match self.observed {
            Observed::Arrivals(times) => {
                let caption = "Share of gaps between arrivals up to a length.";
                Figure::new("gaps", self.gap_chart(times), caption)
            }
            Observed::Counts(counts) => {
                let caption = "Share of bins with at most so many arrivals.";
                Figure::new("counts", self.count_chart(counts), caption)
            }
        });
        if self.fit.best().family.has_states() {
            let caption = "Which state the chosen process was in, as far as the counts tell.";
            figures.push(Figure::new("states", self.state_chart(), caption));
        }
        figures
    }

    fn idc_chart(&self) -> LineChart {
        let scales = &self.fit.trace.scales;
        let measured = scales.iter().map(|scale| (scale.scale.as_secs_f64(), scale.idc)).collect();
        let mut panel = Panel::new(Axis::new("index of dispersion", Unit::Number(String::new())).log())
            .series(Series::new("trace", measured));
        let ends = scales.first().zip(scales.last());
        if let Some((first, last)) = ends {
            let (low, high) = (first.scale.as_secs_f64(), last.scale.as_secs_f64());
            for (number, candidate) in self.fit.candidates.iter().enumerate() {
                let points = log_points(low, high, 60).map(|t| (t, candidate.stats.idc(t))).collect();
                panel = panel.series(fitted(candidate, number, points));
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
            for (number, candidate) in self.fit.candidates.iter().enumerate() {
                let points = log_points(low, high, 120).map(|t| (t, 1.0 - candidate.stats.gap_tail(t)));
                panel = panel.series(fitted(candidate, number, points.collect()));
            }
        }
        LineChart::new("Gaps between arrivals", Axis::new("gap", Unit::Seconds).log()).panel(panel)
    }

    /// The law of the counts as EM takes it: the state is constant within a bin.
    fn count_chart(&self, counts: &Counts) -> LineChart {
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
        for (number, candidate) in self.fit.candidates.iter().enumerate() {
            let law = candidate.map.phase_law();
            let rates = candidate.map.d1().row_sums();
            let share = |n: u32| {
                let state = |(p, rate): (&f64, &f64)| p * poisson_cdf(rate * seconds, n);
                law.iter().zip(&rates).map(state).sum::<f64>()
            };
            let points = grid.iter().map(|n| (f64::from(*n), share(*n))).collect();
            panel = panel.series(fitted(candidate, number, points));
        }
        let title = format!("arrivals in a bin of {}", counts.bin);
        LineChart::new("Counts", Axis::new(title, Unit::Count).from_zero()).panel(panel)
    }

    fn state_chart(&self) -> LineChart {
        let best = self.fit.best();
        let states = state_probability(&best.map, self.observed, POINTS);
        let rates = best.map.d1().row_sums();
        let mut panel = Panel::new(Axis::new("probability", Unit::Share).from_zero());
        for (k, rate) in rates.iter().enumerate() {
            let points = states.iter().map(|(at, law)| (at.as_secs_f64(), law[k])).collect();
            panel = panel.series(Series::new(format!("{}/s", format::number(*rate)), points).pattern(k));
        }
        LineChart::new("State over time", Axis::new("time", Unit::Elapsed).tight())
            .subtitle(format!("{}, states by their rates", best.family.name()))
            .panel(panel)
    }
}

/// A process's line; the trace's is solid.
fn fitted(candidate: &Candidate, number: usize, points: Vec<(f64, f64)>) -> Series {
    Series::new(candidate.family.name(), points).pattern(number + 1)
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
