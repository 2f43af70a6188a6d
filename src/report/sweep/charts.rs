//! The charts of a sweep: the front, the heat maps, prediction against simulation.

use std::collections::BTreeSet;

use super::{SweepReport, cost, latency, name, stride};
use crate::report::chart::{Axis, Cell, Chart, Group, HeatMap, Point, Scatter, Unit};
use crate::report::format;
use crate::scenario::Setting;
use crate::sweep::row::{Figures, Row};
use crate::units::MemoryMb;

/// More points than this do not make a scatter plot clearer.
const MOST_POINTS: usize = 3000;
/// More rows or columns than this are too narrow to read.
const MOST_CELLS: usize = 64;

impl<'a> SweepReport<'a> {
    pub(super) fn charts(&self) -> Vec<(&'static str, Box<dyn Chart>, &'static str)> {
        let mut charts: Vec<(_, Box<dyn Chart>, _)> = vec![
            (
                "front",
                Box::new(self.front_chart()),
                "Every configuration; the line joins those that nothing beats.",
            ),
            ("memory-batch", Box::new(self.memory_batch()), "Cost at the timeout that suits each pair best."),
            (
                "batch-timeout",
                Box::new(self.batch_timeout()),
                "Cost at the memory size of the ringed configuration.",
            ),
        ];
        if self.rows.iter().any(|row| row.predicted.is_some() && row.simulated.is_some()) {
            let caption = "Points on the line agree.";
            let latency =
                self.agreement(&format!("{} latency", self.percentile()), Unit::Seconds, |f| f.latency_s);
            charts.push(("predicted-latency", Box::new(self.with_intervals(latency)), caption));
            let cost = self.agreement("Cost per million requests", Unit::Usd, |f| f.usd_per_million);
            charts.push(("predicted-cost", Box::new(cost), caption));
        }
        charts
    }

    fn front_chart(&self) -> Scatter {
        let point = |row: &Row| {
            let Figures { latency_s, usd_per_million } = row.figures();
            let title = format!(
                "{}: {}, {}",
                name(row.setting),
                format::duration(latency_s),
                format::money(usd_per_million)
            );
            Point::new(latency_s, usd_per_million, title)
        };
        let at = |row: &Row| (row.figures().latency_s, row.figures().usd_per_million);
        let shown = thinned(self.rows, at);
        let of = |kept: &dyn Fn(&Row) -> bool| {
            shown.iter().filter(|row| kept(row)).map(|row| point(row)).collect()
        };
        let x = Axis::new(format!("{} latency", self.percentile()), Unit::Seconds).log();
        let mut chart =
            Scatter::new("Cost against latency", x, Axis::new("cost per million requests", Unit::Usd).log())
                .subtitle(self.headline());
        let groups: Vec<(&str, Vec<Point>)> = match self.meeting() {
            None => vec![("configurations", of(&|_| true))],
            Some(_) => vec![
                ("meets SLO", of(&|row| row.meets_slo == Some(true))),
                ("misses it", of(&|row| row.meets_slo != Some(true))),
            ],
        };
        for (label, points) in groups.into_iter().filter(|(_, points)| !points.is_empty()) {
            chart = chart.group(Group::new(label, points));
        }
        if let Some(slo) = self.about.slo_latency_s {
            chart = chart.mark_x(slo, format!("SLO {}", format::duration(slo)));
        }
        if shown.len() < self.rows.len() {
            let (shown, all) = (format::count(shown.len() as u64), format::count(self.rows.len() as u64));
            chart = chart.note(format!(
                "{shown} of {all} points drawn, the rest lie beside them; the front is complete"
            ));
        }
        chart.front("Pareto front", self.front.iter().map(|row| at(row)).collect())
    }

    /// The configuration that the heat maps go by: the best, else the fastest.
    fn reference(&self) -> Option<&'a Row> {
        self.best.or(self.front.first().copied())
    }

    fn memory_batch(&self) -> HeatMap {
        let (memories, batches) = (self.axis(|s| s.memory), self.axis(|s| s.batch));
        let mut cells = vec![vec![Cell::Missing; batches.len()]; memories.len()];
        for pair in self
            .rows
            .chunk_by(|a, b| (a.setting.memory, a.setting.batch) == (b.setting.memory, b.setting.batch))
        {
            let place = (
                memories.binary_search(&pair[0].setting.memory),
                batches.binary_search(&pair[0].setting.batch),
            );
            if let (Ok(row), Ok(column)) = place {
                cells[row][column] = best_of(pair);
            }
        }
        let rows = memories.iter().map(MemoryMb::to_string).zip(cells).collect();
        let chart = self
            .heat_map("Cost by memory and batch")
            .columns("largest batch", batches.iter().map(u32::to_string).collect())
            .rows("memory", rows);
        self.ringed(chart, |s| {
            Some((memories.binary_search(&s.memory).ok()?, batches.binary_search(&s.batch).ok()?))
        })
    }

    fn batch_timeout(&self) -> HeatMap {
        let (batches, timeouts) = (self.axis(|s| s.batch), self.axis(|s| s.timeout));
        let memory = self.reference().map(|row| row.setting.memory);
        let mut cells = vec![vec![Cell::Missing; timeouts.len()]; batches.len()];
        for row in self.rows.iter().filter(|row| Some(row.setting.memory) == memory) {
            let Setting { batch, timeout, .. } = row.setting;
            if let (Ok(r), Ok(c)) = (batches.binary_search(&batch), timeouts.binary_search(&timeout)) {
                cells[r][c] = best_of(std::slice::from_ref(row));
            }
        }
        let rows = batches.iter().map(u32::to_string).zip(cells).collect();
        let title = format!("Cost by batch and timeout at {}", memory.unwrap_or_default());
        let chart = self
            .heat_map(&title)
            .columns("timeout", timeouts.iter().map(|t| t.to_string()).collect())
            .rows("largest batch", rows);
        self.ringed(chart, |s| {
            Some((batches.binary_search(&s.batch).ok()?, timeouts.binary_search(&s.timeout).ok()?))
        })
    }

    fn heat_map(&self, title: &str) -> HeatMap {
        let value = Axis::new("cost per million requests", Unit::Usd).log();
        HeatMap::new(title, value, format::money)
            .subtitle(match self.about.objective.as_str() {
                "" => self.about.headline.clone(),
                objective => format!("{}; SLO: {objective}", self.about.headline),
            })
            .infeasible("misses the SLO")
    }

    fn ringed(&self, chart: HeatMap, place: impl Fn(Setting) -> Option<(usize, usize)>) -> HeatMap {
        match self.reference().and_then(|row| place(row.setting).map(|at| (at, row.setting))) {
            Some(((row, column), setting)) => {
                let kind = if self.best.is_some() { self.best_kind() } else { "fastest" };
                chart.best(row, column, format!("the {kind}")).note(format!("The {kind}: {}", name(setting)))
            }
            None => chart,
        }
    }

    /// The values of one setting, at most so many that a heat map can be read.
    fn axis<T: Ord + Copy>(&self, of: impl Fn(&Setting) -> T) -> Vec<T> {
        let all: BTreeSet<T> = self.rows.iter().map(|row| of(&row.setting)).collect();
        let all: Vec<T> = all.into_iter().collect();
        stride(all.len(), MOST_CELLS).into_iter().map(|i| all[i]).collect()
    }

    fn with_intervals(&self, chart: Scatter) -> Scatter {
        let with = |row: &Row| Some((row.predicted?, row.simulated?, row.interval_s?));
        let bars: Vec<_> = self.rows.iter().filter_map(with).collect();
        let within = bars.iter().filter(|(p, _, [low, high])| (*low..=*high).contains(&p.latency_s)).count();
        let points: Vec<Point> = self
            .rows
            .iter()
            .filter_map(|row| with(row).map(|found| (row, found)))
            .map(|(row, (p, s, [low, high]))| {
                let title = format!(
                    "{}: {} to {} simulated, {} predicted",
                    name(row.setting),
                    format::duration(low),
                    format::duration(high),
                    format::duration(p.latency_s)
                );
                Point::new(s.latency_s, p.latency_s, title).interval_x(low, high)
            })
            .collect();
        match points.len() {
            0 => chart,
            all => chart.group(Group::new("with its 95 % interval", points)).note(format!(
                "The prediction is within the simulation's 95 % interval for {within} of {all}"
            )),
        }
    }

    fn agreement(&self, what: &str, unit: Unit, of: impl Fn(Figures) -> f64) -> Scatter {
        let both = |row: &Row| {
            let figures = row.simulated.zip(row.predicted);
            figures.map_or((f64::NAN, f64::NAN), |(s, p)| (of(s), of(p)))
        };
        let points = thinned(self.rows, both).into_iter().map(|row| {
            let (x, y) = both(row);
            Point::new(x, y, format!("{}: {:+.2} %", name(row.setting), (y / x - 1.0) * 100.0))
        });
        let errors = self.rows.iter().map(both).map(|(x, y)| (y / x - 1.0).abs()).filter(|e| e.is_finite());
        let worst = format::percent(errors.fold(0.0, f64::max));
        let axis = |by: &str| Axis::new(by, unit.clone()).log();
        Scatter::new(format!("{what}: predicted against simulated"), axis("simulated"), axis("predicted"))
            .subtitle(format!("{} model; largest difference {worst}", self.about.model))
            .group(Group::new("one setting", points.collect()))
            .equality("equal")
    }
}

/// The least cost of those that meet the SLO, else that of the fastest.
fn best_of(rows: &[Row]) -> Cell {
    let cheapest =
        rows.iter().filter(|row| row.meets_slo != Some(false)).map(|row| cost(&row)).min_by(f64::total_cmp);
    let fastest = rows.iter().min_by(|a, b| latency(a).total_cmp(&latency(b)));
    match (cheapest, fastest) {
        (Some(usd), _) => Cell::Value(usd),
        (None, Some(row)) => Cell::Infeasible(cost(&row)),
        (None, None) => Cell::Missing,
    }
}

/// Rows that lie apart on logarithmic axes: one a cell of the finest lattice that leaves few enough.
fn thinned(rows: &[Row], at: impl Fn(&Row) -> (f64, f64)) -> Vec<&Row> {
    let logs: Vec<(f64, f64)> = rows.iter().map(at).map(|(x, y)| (x.ln(), y.ln())).collect();
    let range = |values: Vec<f64>| {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        (low, (high - low).max(f64::MIN_POSITIVE))
    };
    let (x0, width) = range(logs.iter().map(|l| l.0).collect());
    let (y0, height) = range(logs.iter().map(|l| l.1).collect());
    let mut shown: Vec<&Row> = rows.iter().collect();
    let mut cells = 512.0;
    while shown.len() > MOST_POINTS {
        let mut taken = BTreeSet::new();
        let cell =
            |(x, y): &(f64, f64)| (((x - x0) / width * cells) as u64, ((y - y0) / height * cells) as u64);
        let apart = rows.iter().zip(&logs).filter(|(_, log)| taken.insert(cell(log)));
        shown = apart.map(|(row, _)| row).collect();
        cells /= 1.5;
    }
    shown
}
