//! Charts that more than one report shows.

use super::chart::{Axis, BarChart, LineChart, Panel, Series, Unit};
use super::format;
use crate::outcome::SliceRow;
use crate::scenario::slo::Slo;

/// Distributions of the latency, with the SLO.
pub(super) fn latency(series: impl IntoIterator<Item = Series>, slo: &Slo) -> LineChart {
    let share = Panel::new(Axis::new("share of requests", Unit::Share).from_zero());
    let panel = series.into_iter().fold(share, Panel::series);
    with_slo(LineChart::new("Latency", Axis::new("latency", Unit::Seconds)), slo).panel(panel)
}

/// A chart over latencies, with the SLO.
pub(super) fn with_slo(chart: LineChart, slo: &Slo) -> LineChart {
    match slo.latency {
        Some(latency) => chart.mark_x(latency.as_secs_f64(), format!("SLO {latency}")),
        None => chart,
    }
}

/// Shares of batches of 1, 2, ... requests, by name.
pub(super) fn batch_sizes(all: &[(&str, &[f64])]) -> BarChart {
    let sizes = all.iter().map(|(_, shares)| shares.len()).max().unwrap_or(0);
    let padded = |shares: &[f64]| (0..sizes).map(|n| shares.get(n).copied().unwrap_or(0.0)).collect();
    let categories = (1..=sizes).map(|n| n.to_string()).collect();
    let share = Axis::new("share of batches", Unit::Share);
    let chart = BarChart::new("Batch sizes", "requests in the batch", categories, share, format::percent);
    all.iter().fold(chart, |chart, (name, shares)| chart.series(*name, padded(shares)))
}

/// A value of each slice of a run, at its start.
pub(super) fn over_time(slices: &[SliceRow], value: impl Fn(&SliceRow) -> Option<f64>) -> Vec<(f64, f64)> {
    slices.iter().filter_map(|row| value(row).map(|v| (row.start_s, v))).collect()
}
