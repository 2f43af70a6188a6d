//! The charts of a sweep: the front, the heat maps, prediction against simulation.

use std::collections::BTreeSet;

use super::page::{name, stride};
use super::{SweepReport, cost, latency};
use crate::report::chart::{Axis, Cell, Colour, Group, HeatMap, Point, Scatter, Unit};
use crate::report::format;
use crate::report::html::Figure;
use crate::scenario::Setting;
use crate::sweep::front::on_front;
use crate::sweep::row::{Figures, Row};
use crate::units::MemoryMb;

/// More points than this do not make a scatter plot clearer.
const MOST_POINTS: usize = 3000;
/// More rows or columns than this are too narrow to read.
const MOST_CELLS: usize = 64;

impl<'a> SweepReport<'a> {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let front = "Every configuration; the line joins those that nothing beats.";
        let pairs = "Cost at the timeout that suits each pair best.";
        let timeouts = "Cost at the memory size of the ringed configuration.";
        let mut figures = vec![
            Figure::new("front", self.front_chart(), front),
            Figure::new("memory-batch", self.memory_batch(), pairs),
            Figure::new("batch-timeout", self.batch_timeout(), timeouts),
        ];
        if self.rows.iter().any(|row| row.predicted.is_some() && row.simulated.is_some()) {
            let caption = "Points on the line agree.";
            // Points with an interval are drawn with it, the others without.
            let (what, of) = (format!("{} latency", self.percentile()), |f: Figures| f.latency_s);
            let latency = self.agreement(&what, Unit::Seconds, of, |row| row.interval_s.is_none());
            figures.push(Figure::new("predicted-latency", self.with_intervals(latency), caption));
            let (what, of) = ("Cost per million requests", |f: Figures| f.usd_per_million);
            let cost = self.agreement(what, Unit::Usd, of, |_| true);
            figures.push(Figure::new("predicted-cost", cost, caption));
        }
        figures
    }

    fn front_chart(&self) -> Scatter {
        let at = |row: &Row| (row.figures().latency_s, row.figures().usd_per_million);
        let point = |row: &Row| Point::new(at(row).0, at(row).1, self.told(row));
        // Where points lie in one place, those of the front are drawn.
        let is_on_front = on_front(self.rows);
        let (mut ordered, others): (Vec<_>, Vec<_>) =
            self.rows.iter().zip(is_on_front).partition(|(_, is_on_front)| *is_on_front);
        ordered.extend(others);
        let shown = thinned(ordered.into_iter().map(|(row, _)| row).collect(), at);
        let of = |kept: &dyn Fn(&Row) -> bool| {
            shown.iter().filter(|row| kept(row)).map(|row| point(row)).collect()
        };
        let x = Axis::new(format!("{} latency", self.percentile()), Unit::Seconds).log();
        let mut chart =
            Scatter::new("Cost against latency", x, Axis::new("cost per million requests", Unit::Usd).log())
                .subtitle(self.headline());
        let groups = match self.meeting() {
            None => vec![Group::new("configurations", of(&|_| true))],
            Some(_) => vec![
                Group::new("misses the SLO", of(&|row| row.meets_slo != Some(true))).colour(Colour::MISSES),
                Group::new("meets it", of(&|row| row.meets_slo == Some(true))).colour(Colour::MEETS),
            ],
        };
        for group in groups.into_iter().filter(|group| !group.is_empty()) {
            chart = chart.group(group);
        }
        if let Some(best) = self.best {
            let label = format!("the {}", self.best_kind());
            chart = chart.chosen(label, point(best));
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

    /// What the pointer is told of a configuration.
    fn told(&self, row: &Row) -> String {
        let percentile = self.percentile();
        let (latency, cost) = match (row.simulated, row.predicted) {
            (Some(s), Some(p)) => (
                format!("{} (predicted {})", format::duration(s.latency_s), format::duration(p.latency_s)),
                format!(
                    "{} (predicted {})",
                    format::money(s.usd_per_million),
                    format::money(p.usd_per_million)
                ),
            ),
            _ => (format::duration(latency(&row)), format::money(cost(&row))),
        };
        let missed = if row.meets_slo == Some(false) { "\nmisses the SLO" } else { "" };
        format!("{}\n{percentile}: {latency}\ncost per million: {cost}{missed}", name(row.setting))
    }

    /// The configuration that the heat maps go by: the best, else the fastest.
    fn reference(&self) -> Option<&'a Row> {
        self.best.or(self.front.first().copied())
    }

    fn memory_batch(&self) -> HeatMap {
        let (memories, batches) = (self.axis(|s| s.memory), self.axis(|s| s.batch));
        let mut cells = vec![vec![Cell::Missing; batches.len()]; memories.len()];
        let mut told = vec![vec!["no value".to_owned(); batches.len()]; memories.len()];
        for pair in self
            .rows
            .chunk_by(|a, b| (a.setting.memory, a.setting.batch) == (b.setting.memory, b.setting.batch))
        {
            let place = (
                memories.binary_search(&pair[0].setting.memory),
                batches.binary_search(&pair[0].setting.batch),
            );
            if let ((Ok(row), Ok(column)), Some((cell, best))) = (place, best_of(pair)) {
                cells[row][column] = cell;
                told[row][column] = self.told(best);
            }
        }
        let rows = memories.iter().map(MemoryMb::to_string).zip(cells).collect();
        let chart = self
            .heat_map("Cost by memory and batch")
            .columns("largest batch", batches.iter().map(u32::to_string).collect())
            .rows("memory", rows)
            .told(told);
        self.ringed(chart, |s| {
            Some((memories.binary_search(&s.memory).ok()?, batches.binary_search(&s.batch).ok()?))
        })
    }

    fn batch_timeout(&self) -> HeatMap {
        let (batches, timeouts) = (self.axis(|s| s.batch), self.axis(|s| s.timeout));
        let memory = self.reference().map(|row| row.setting.memory);
        let mut cells = vec![vec![Cell::Missing; timeouts.len()]; batches.len()];
        let mut told = vec![vec!["no value".to_owned(); timeouts.len()]; batches.len()];
        for row in self.rows.iter().filter(|row| Some(row.setting.memory) == memory) {
            let Setting { batch, timeout, .. } = row.setting;
            let place = (batches.binary_search(&batch), timeouts.binary_search(&timeout));
            if let ((Ok(r), Ok(c)), Some((cell, _))) = (place, best_of(std::slice::from_ref(row))) {
                cells[r][c] = cell;
                told[r][c] = self.told(row);
            }
        }
        let rows = batches.iter().map(u32::to_string).zip(cells).collect();
        let title = format!("Cost by batch and timeout at {}", memory.unwrap_or_default());
        let chart = self
            .heat_map(&title)
            .columns("timeout", timeouts.iter().map(|t| t.to_string()).collect())
            .rows("largest batch", rows)
            .told(told);
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
                let (low_text, high_text) = (format::duration(low), format::duration(high));
                let told = format!("{}\n95 % interval: {low_text} – {high_text}", self.told(row));
                Point::new(s.latency_s, p.latency_s, told).interval_x(low, high)
            })
            .collect();
        match points.len() {
            0 => chart,
            all => chart.group(Group::new("with its 95 % interval", points)).note(format!(
                "The prediction is within the simulation's 95 % interval for {within} of {all}"
            )),
        }
    }

    /// Predicted against simulated figures: the differences of all rows, the points of those to be `drawn`.
    fn agreement(
        &self,
        what: &str,
        unit: Unit,
        of: impl Fn(Figures) -> f64,
        drawn: impl Fn(&Row) -> bool,
    ) -> Scatter {
        let both = |row: &Row| {
            let figures = row.simulated.zip(row.predicted);
            figures.map_or((f64::NAN, f64::NAN), |(s, p)| (of(s), of(p)))
        };
        let chosen = thinned(self.rows.iter().filter(|row| drawn(row)).collect(), both);
        let points: Vec<Point> =
            chosen.into_iter().map(|row| Point::new(both(row).0, both(row).1, self.told(row))).collect();
        let errors = self.rows.iter().map(both).map(|(x, y)| (y / x - 1.0).abs()).filter(|e| e.is_finite());
        let worst = format::percent(errors.fold(0.0, f64::max));
        let axis = |by: &str| Axis::new(by, unit.clone()).log();
        let title = format!("{what}: predicted against simulated");
        let chart = Scatter::new(title, axis("simulated"), axis("predicted"))
            .subtitle(format!("{} model; largest difference {worst}", self.about.model))
            .equality("equal");
        if points.is_empty() { chart } else { chart.group(Group::new("one configuration", points)) }
    }
}

/// The cheapest of those that meet the SLO, else the fastest, with its cost; `None` without rows.
fn best_of(rows: &[Row]) -> Option<(Cell, &Row)> {
    let meeting = rows.iter().filter(|row| row.meets_slo != Some(false));
    if let Some(row) = meeting.min_by(|a, b| cost(a).total_cmp(&cost(b))) {
        return Some((Cell::Value(cost(&row)), row));
    }
    let row = rows.iter().min_by(|a, b| latency(a).total_cmp(&latency(b)))?;
    Some((Cell::Infeasible(cost(&row)), row))
}

/// Rows that lie apart on logarithmic axes: the first in each cell of the finest lattice that leaves few enough.
fn thinned(rows: Vec<&Row>, at: impl Fn(&Row) -> (f64, f64)) -> Vec<&Row> {
    let logs: Vec<(f64, f64)> = rows.iter().map(|row| at(row)).map(|(x, y)| (x.ln(), y.ln())).collect();
    let range = |values: Vec<f64>| {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let (low, high) =
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
        (low, (high - low).max(f64::MIN_POSITIVE))
    };
    let (x0, width) = range(logs.iter().map(|l| l.0).collect());
    let (y0, height) = range(logs.iter().map(|l| l.1).collect());
    let mut shown = rows.clone();
    let mut cells = 512.0;
    while shown.len() > MOST_POINTS {
        let mut taken = BTreeSet::new();
        let cell =
            |(x, y): &(f64, f64)| (((x - x0) / width * cells) as u64, ((y - y0) / height * cells) as u64);
        let apart = rows.iter().zip(&logs).filter(|(_, log)| taken.insert(cell(log)));
        shown = apart.map(|(row, _)| *row).collect();
        cells /= 1.5;
    }
    shown
}
