//! Charts of a backtest.

use super::page::label;
use crate::backtest::Backtest;
use crate::backtest::attribute::PARTS;
use crate::backtest::call::Log;
use crate::backtest::idle::seen;
use crate::backtest::predict::{Figures, Played};
use crate::backtest::stats::sorted;
use crate::report::chart::{Axis, BarChart, Colour, Group, LineChart, Panel, Point, Scatter, Series, Unit};
use crate::report::format;

/// Points of a distribution, at most some hundred.
fn cdf(calls: &[Played]) -> Vec<(f64, f64)> {
    const POINTS: usize = 600;
    let all = sorted(calls.iter().flat_map(|call| call.latencies().collect::<Vec<_>>()).collect());
    let step = all.len().div_ceil(POINTS).max(1);
    let last = all.len().saturating_sub(1);
    let point = |i: usize| (all[i], (i + 1) as f64 / all.len() as f64);
    (0..all.len()).filter(|i| i % step == 0 || *i == last).map(point).collect()
}

/// Latencies, observed and predicted.
pub(super) fn cdf_chart(found: &Backtest) -> LineChart {
    let panel = Panel::new(Axis::new("share of requests", Unit::Share).from_zero())
        .series(Series::new("observed", cdf(&found.calls)).steps())
        .series(Series::new("predicted", cdf(&found.played)).steps().dashed());
    LineChart::new("Latency", Axis::new("latency", Unit::Seconds)).panel(panel)
}

/// p95, bill and cold starts by hour; `None` for one hour, of which the table says as much.
pub(super) fn hour_chart(found: &Backtest) -> Option<LineChart> {
    if found.hours.len() < 2 {
        return None;
    }
    let line = |of: fn(&Figures) -> f64| -> [Vec<(f64, f64)>; 2] {
        let at = |hour: u64| hour as f64 * 3600.0;
        [
            found.hours.iter().map(|(hour, seen, _)| (at(*hour), of(seen))).collect(),
            found.hours.iter().map(|(hour, _, model)| (at(*hour), of(model))).collect(),
        ]
    };
    let panel = |axis: Axis, [seen, model]: [Vec<(f64, f64)>; 2]| {
        Panel::new(axis.from_zero())
            .series(Series::new("observed", seen).colour(Colour::Category(0)))
            .series(Series::new("predicted", model).colour(Colour::Category(1)).dashed())
    };
    let chart = LineChart::new("By hour", Axis::new("time", Unit::Elapsed).tight())
        .panel(panel(Axis::new("p95 latency", Unit::Seconds), line(|f| f.latency_s.p95)))
        .panel(panel(Axis::new("bill", Unit::Usd), line(|f| f.cost_usd)));
    Some(match found.learnt.knows_cold {
        true => chart.panel(panel(Axis::new("cold starts", Unit::Count), line(|f| f.cold_starts))),
        false => chart,
    })
}

/// Cold starts on a time line: hit, missed, false alarm.
pub(super) fn cold_chart(found: &Backtest) -> Scatter {
    let same = found.calls.len() == found.played.len();
    let mut groups: [Vec<Point>; 3] = Default::default();
    let mut add = |group: usize, call: &Played, what: &str| {
        let latency = format::duration(call.latencies().next().unwrap_or(0.0));
        let title = format!("{what} at {}\nlatency {latency}", format::duration(call.sent));
        groups[group].push(Point::new(call.sent, call.latencies().next().unwrap_or(0.0), title));
    };
    if same {
        for (truth, model) in found.calls.iter().zip(&found.played) {
            match (truth.cold, model.cold) {
                (true, true) => add(0, truth, "cold, and predicted so"),
                (true, false) => add(1, truth, "cold, predicted warm"),
                (false, true) => add(2, model, "warm, predicted cold"),
                (false, false) => {}
            }
        }
    } else {
        found.calls.iter().filter(|call| call.cold).for_each(|call| add(1, call, "cold"));
        found.played.iter().filter(|call| call.cold).for_each(|call| add(2, call, "predicted cold"));
    }
    let chart = Scatter::new(
        "Cold starts",
        Axis::new("time", Unit::Elapsed).tight(),
        Axis::new("latency", Unit::Seconds),
    );
    let named = ["hit", "missed", "false alarm"].into_iter().zip(groups).enumerate();
    let drawn = named.filter(|(_, (_, points))| !points.is_empty());
    drawn.fold(chart, |chart, (number, (name, points))| {
        chart.group(Group::new(name, points).colour(Colour::Category(number)))
    })
}

/// The share of idle environments that were there, by how long they had been idle.
pub(super) fn survival_chart(log: &Log) -> Option<LineChart> {
    let mut sights: Vec<(f64, bool)> =
        seen(&log.calls).sights.iter().map(|sight| (sight.idle, sight.is_there)).collect();
    sights.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The best falling curve through yes and no: neighbours that rise are pooled.
    let mut pools: Vec<(f64, f64, f64)> = Vec::new();
    for (idle, is_there) in sights {
        pools.push((idle, f64::from(u8::from(is_there)), 1.0));
        while let [.., (_, a, n), (_, b, m)] = pools[..] {
            if a > b {
                break;
            }
            let idle = pools[pools.len() - 2].0;
            pools.truncate(pools.len() - 2);
            pools.push((idle, (a * n + b * m) / (n + m), n + m));
        }
    }
    let points: Vec<(f64, f64)> = pools.iter().map(|(idle, share, _)| (*idle, *share)).collect();
    (points.len() > 1).then(|| {
        LineChart::new("Idle environments that are still there", Axis::new("idle for", Unit::Seconds)).panel(
            Panel::new(Axis::new("share there", Unit::Share).from_zero())
                .series(Series::new("", points).steps()),
        )
    })
}

/// What each part adds to the difference of a figure.
pub(super) fn waterfall(name: &str, title: &str, parts: &[[f64; 7]; 5], at: usize) -> BarChart {
    let mut values: Vec<f64> = parts.iter().map(|part| part[at]).collect();
    values.push(values.iter().sum());
    let categories = PARTS.iter().map(|part| (*part).to_owned()).chain(["their sum".to_owned()]).collect();
    let axis = Axis::new("predicted less observed", Unit::Share);
    BarChart::new(
        format!("What makes {} differ", the(label(title))),
        "part of the model",
        categories,
        axis,
        format::change,
    )
    .subtitle(format!("relative to what was observed of {}, in the mean of the replays", the(label(name))))
    .series("", values)
    .waterfall()
}

/// A figure's name in a sentence.
fn the(name: &str) -> String {
    if name == "bill" { "the bill".to_owned() } else { name.to_owned() }
}
