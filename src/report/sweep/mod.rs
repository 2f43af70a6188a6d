//! What `sim sweep` shows: the front, the table, the charts and the page.

mod charts;

use std::path::Path;

use serde::Serialize;

use crate::error::InputError;
use crate::report::files::write_atomically;
use crate::report::format;
use crate::report::html::{Card, Page};
use crate::report::table::text_table;
use crate::scenario::Setting;
use crate::sweep::front::on_front;
use crate::sweep::row::{Figures, Row};
use crate::sweep::table::About;

/// More rows than this are too many for a terminal.
const MOST_LINES: usize = 24;
/// More rows than this are too many for a page.
const MOST_ROWS: usize = 100;

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
        let basis = if self.simulated() { "simulated" } else { "predicted" };
        let mut notes = vec![format!("The front and the SLO go by the {basis} figures.")];
        if self.about.cold_starts && self.rows.iter().any(|row| row.predicted.is_some()) {
            notes.push("Predictions leave out cold starts, throttling and waiting for capacity.".to_owned());
        }
        if !self.about.cold_starts {
            notes.push("Environments are always warm (cold_starts = false).".to_owned());
        }
        if self.about.fitted {
            notes.push("The trace is predicted by a process fitted to each of its hours.".to_owned());
        }
        notes.extend(self.about.reading.iter().cloned());
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
        let shown = stride(self.front.len(), MOST_ROWS);
        let front: Vec<_> = shown.iter().map(|i| cells(self.front[*i])).collect();
        let mut caption = "Nothing is both faster and cheaper; costs are per million requests".to_owned();
        if shown.len() < self.front.len() {
            let (some, all) = (shown.len(), format::count(self.front.len() as u64));
            caption.push_str(&format!("; {some} of {all} rows, evenly chosen"));
        }
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
            .table(&caption, &self.headers(), &front)
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
    let Setting { memory, batch, timeout, .. } = row.setting;
    let setting = [memory.to_string(), batch.to_string(), timeout.to_string()];
    let figures = [predicted_s, predicted_usd, simulated_s, simulated_usd, meets.to_owned()];
    setting.into_iter().chain(figures).collect()
}

/// At most `most` of `0..len`, evenly spread, both ends kept.
fn stride(len: usize, most: usize) -> Vec<usize> {
    match len <= most {
        true => (0..len).collect(),
        false => (0..most).map(|i| i * (len - 1) / (most - 1)).collect(),
    }
}
