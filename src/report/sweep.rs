//! What `sim sweep` shows: the front, the table, the charts and the page.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::chart::{Axis, Cell, Chart, Group, HeatMap, Point, Scatter, Unit};
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::scenario::Setting;
use crate::sweep::front::on_front;
use crate::sweep::row::{Figures, Row};
use crate::sweep::table::About;
use crate::units::MemoryMb;

/// More points than this do not make a scatter plot clearer.
const MOST_POINTS: usize = 3000;
/// More rows or columns than this are too narrow to read.
const MOST_CELLS: usize = 64;
/// More rows than this are too many for a terminal.
const MOST_LINES: usize = 24;

/// A sweep to be shown.
#[derive(Debug)]
pub struct SweepReport<'a> {
    about: &'a About,
    rows: &'a [Row],
    /// By latency, ascending.
    front: Vec<&'a Row>,
    best: Option<&'a Row>,
}

#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    model: &'a str,
    percentile: f64,
    objective: &'a str,
    configurations: usize,
    meet_slo: Option<usize>,
    notes: Vec<String>,
    best: Option<RowJson>,
    front: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    predicted_p95_s: Option<f64>,
    predicted_cost_usd_per_million: Option<f64>,
    simulated_p95_s: Option<f64>,
    simulated_cost_usd_per_million: Option<f64>,
    meets_slo: Option<bool>,
}

impl From<&Row> for RowJson {
    fn from(row: &Row) -> RowJson {
        RowJson {
            memory_mb: row.setting.memory.0,
            batch: row.setting.batch,
            timeout_s: row.setting.timeout.as_secs_f64(),
            predicted_p95_s: row.predicted.map(|f| f.latency_s),
            predicted_cost_usd_per_million: row.predicted.map(|f| f.usd_per_million),
            simulated_p95_s: row.simulated.map(|f| f.latency_s),
            simulated_cost_usd_per_million: row.simulated.map(|f| f.usd_per_million),
            meets_slo: row.meets_slo,
        }
    }
}

fn latency(row: &&Row) -> f64 {
    row.figures().latency_s
}

fn cost(row: &&Row) -> f64 {
    row.figures().usd_per_million
}

impl<'a> SweepReport<'a> {
    /// A report of all rows of a sweep, in the order of the grid.
    pub fn new(about: &'a About, rows: &'a [Row]) -> SweepReport<'a> {
        let on = on_front(rows);
        let mut front: Vec<&Row> = rows.iter().zip(on).filter(|(_, on)| *on).map(|(row, _)| row).collect();
        front.sort_by(|a, b| latency(a).total_cmp(&latency(b)));
        let meeting = rows.iter().filter(|row| row.meets_slo == Some(true));
        // The cheapest in time, or the fastest within the budget.
        let best = match about.slo_latency_s {
            Some(_) => {
                meeting.min_by(|a, b| cost(a).total_cmp(&cost(b)).then(latency(a).total_cmp(&latency(b))))
            }
            None => {
                meeting.min_by(|a, b| latency(a).total_cmp(&latency(b)).then(cost(a).total_cmp(&cost(b))))
            }
        };
        SweepReport { about, rows, front, best }
    }

    /// The JSON for standard output.
    pub fn json(&self) -> String {
        let About { scenario, seed, model, percentile, objective, .. } = self.about;
        let summary = Summary {
            scenario,
            seed: *seed,
            model,
            percentile: *percentile,
            objective,
            configurations: self.rows.len(),
            meet_slo: self.meeting(),
            notes: self.notes(),
            best: self.best.map(RowJson::from),
            front: self.front.iter().map(|row| RowJson::from(*row)).collect(),
        };
        serde_json::to_string_pretty(&summary).expect("plain data") + "\n"
    }

    fn meeting(&self) -> Option<usize> {
        let asked = self.rows.iter().any(|row| row.meets_slo.is_some());
        asked.then(|| self.rows.iter().filter(|row| row.meets_slo == Some(true)).count())
    }

    /// `p95`, `p99.9`.
    fn percentile(&self) -> String {
        format!("p{}", self.about.percentile)
    }

    fn simulated(&self) -> bool {
        self.rows.iter().any(|row| row.simulated.is_some())
    }

    fn notes(&self) -> Vec<String> {
        let predicted = self.rows.iter().any(|row| row.predicted.is_some());
        let basis = if self.simulated() { "simulated" } else { "predicted" };
        let mut notes = vec![format!("The front and the SLO go by the {basis} figures.")];
        if self.about.cold_starts && predicted {
            notes.push("Predictions leave out cold starts, throttling and waiting for capacity.".to_owned());
        }
        if !self.about.cold_starts {
            notes.push("Environments are always warm (cold_starts = false).".to_owned());
        }
        if !predicted {
            notes.push("A trace has no prediction until a process is fitted to it (sim fit).".to_owned());
        }
        notes
    }

    fn headline(&self) -> String {
        let count = format::count(self.rows.len() as u64);
        format!("{count} configurations of {}", self.about.headline)
    }

    /// The table for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.about.scenario, self.headline());
        match (self.meeting(), self.best) {
            (None, _) => {}
            (Some(_), None) => text.push_str(&format!("None meets the SLO: {}\n", self.about.objective)),
            (Some(count), Some(best)) => {
                let (count, name) = (format::count(count as u64), name(best.setting));
                let (latency, cost) = (format::duration(latency(&best)), format::money(cost(&best)));
                let kind = self.best_kind();
                text.push_str(&format!(
                    "{count} meet the SLO ({}); the {kind} of them: ",
                    self.about.objective
                ));
                text.push_str(&format!("{name} with {latency} for {cost} a million\n"));
            }
        }
        let shown = stride(self.front.len(), MOST_LINES);
        text.push_str(&format!("\nThe front, {} of {} configurations:\n", shown.len(), self.front.len()));
        let rows: Vec<_> = shown.iter().map(|i| cells(self.front[*i])).collect();
        text.push_str(&text_table(&self.headers(), &rows));
        text.push('\n');
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    fn best_kind(&self) -> &'static str {
        if self.about.slo_latency_s.is_some() { "cheapest" } else { "fastest" }
    }

    fn headers(&self) -> [String; 8] {
        let p = self.percentile();
        [
            "memory".to_owned(),
            "batch".to_owned(),
            "timeout".to_owned(),
            format!("predicted {p}"),
            "predicted cost".to_owned(),
            format!("simulated {p}"),
            "simulated cost".to_owned(),
            "meets the SLO".to_owned(),
        ]
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// Errors: a file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let charts = self.charts();
        for (name, chart, _) in &charts {
            write_atomically(&folder.join("charts").join(format!("{name}.svg")), chart.svg())?;
        }
        let front: Vec<_> = self.front.iter().map(|row| cells(row)).collect();
        let mut page = Page::new(format!("{}: sweep", self.about.scenario))
            .subtitle(self.headline())
            .cards(&self.cards());
        for note in self.notes() {
            page = page.note(&note);
        }
        for (_, chart, caption) in &charts {
            page = page.chart(chart.as_ref(), caption);
        }
        page = page
            .heading("The front")
            .table(
                "Nothing is both faster and cheaper; costs are per million requests",
                &self.headers(),
                &front,
            )
            .link("sweep.csv", "All configurations: sweep.csv")
            .link("pareto.csv", "The front: pareto.csv");
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn cards(&self) -> Vec<Card> {
        let mut cards = vec![Card::new("Configurations", format::count(self.rows.len() as u64))];
        if let Some(count) = self.meeting() {
            let card = Card::new("Meet the SLO", format::count(count as u64)).note(&self.about.objective);
            cards.push(if count > 0 { card.good() } else { card.bad() });
        }
        if let Some(best) = self.best {
            let label = format!("The {} that meets it", self.best_kind());
            let (latency, cost) = (format::duration(latency(&best)), format::money(cost(&best)));
            cards.push(Card::new(label, name(best.setting)).note(format!("{latency}, {cost} a million")));
        }
        cards.push(Card::new("On the front", format::count(self.front.len() as u64)));
        cards
    }

    fn charts(&self) -> Vec<(&'static str, Box<dyn Chart>, &'static str)> {
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
            charts.push(("predicted-latency", Box::new(latency), caption));
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
                ("meets the SLO", of(&|row| row.meets_slo == Some(true))),
                ("does not", of(&|row| row.meets_slo != Some(true))),
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
            .subtitle(&self.about.headline)
            .infeasible(format!("misses the SLO ({})", self.about.objective))
    }

    fn ringed(&self, chart: HeatMap, place: impl Fn(Setting) -> Option<(usize, usize)>) -> HeatMap {
        match self.reference().and_then(|row| place(row.setting).map(|at| (at, row.setting))) {
            Some(((row, column), setting)) => {
                let kind = if self.best.is_some() { self.best_kind() } else { "fastest" };
                chart.best(row, column, format!("the {kind}: {}", name(setting)))
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
            .group(Group::new("configurations", points.collect()))
            .equality("equal")
    }
}

fn name(setting: Setting) -> String {
    format!("{}, batch {}, {}", setting.memory, setting.batch, setting.timeout)
}

fn cells(row: &Row) -> Vec<String> {
    let pair = |figures: Option<Figures>| match figures {
        Some(f) => [format::duration(f.latency_s), format::money(f.usd_per_million)],
        None => [String::new(), String::new()],
    };
    let [predicted_s, predicted_usd] = pair(row.predicted);
    let [simulated_s, simulated_usd] = pair(row.simulated);
    let meets = match row.meets_slo {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let Setting { memory, batch, timeout } = row.setting;
    let setting = [memory.to_string(), batch.to_string(), timeout.to_string()];
    let figures = [predicted_s, predicted_usd, simulated_s, simulated_usd, meets.to_owned()];
    setting.into_iter().chain(figures).collect()
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

/// At most `most` of `0..len`, evenly spread, both ends kept.
fn stride(len: usize, most: usize) -> Vec<usize> {
    match len <= most {
        true => (0..len).collect(),
        false => (0..most).map(|i| i * (len - 1) / (most - 1)).collect(),
    }
}

/// Rows that lie apart on logarithmic axes: one a cell of the finest lattice that leaves few enough.
fn thinned(rows: &[Row], at: impl Fn(&Row) -> (f64, f64)) -> Vec<&Row> {
    let logs: Vec<(f64, f64)> = rows.iter().map(|row| at(row)).map(|(x, y)| (x.ln(), y.ln())).collect();
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
