//! What `sim compare` shows: compare.json, compare.csv, the table, the charts and the page.

mod charts;

use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::{Map, json};

use super::files::write_atomically;
use super::format;
use super::html::Page;
use super::notes::always_warm;
use super::table::text_table;
use crate::error::InputError;
use crate::numeric::histogram::Histogram;
use crate::outcome::{Difference, SliceRow};
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
use crate::scenario::published::{Metric, Published};
use crate::systems::compare::Compared;
use crate::text::{csv, line, markdown};

/// Title, headers, rows.
type TitledTable = (&'static str, &'static [&'static str], Vec<Vec<String>>);

/// Systems side by side.
#[derive(Debug, Clone, Copy)]
pub struct CompareReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What each system did; the first is the one that the others are compared with.
    pub systems: &'a [Compared],
}

/// A row of compare.csv.
#[derive(Debug, Clone, Serialize)]
pub struct CompareRow<'a> {
    #[serde(serialize_with = "neutral")]
    system: &'a str,
    #[serde(serialize_with = "neutral")]
    setting: &'a str,
    requests: u64,
    cost_usd: f64,
    cost_usd_per_million: f64,
    /// The cost over that of the first system.
    relative_cost: f64,
    functions_usd: f64,
    /// Instances on demand.
    instances_usd: f64,
    spot_usd: f64,
    mean_s: f64,
    p50_s: f64,
    p95_s: f64,
    p99_s: f64,
    slo_violations: u64,
    slo_violation_share: f64,
    mean_batch: f64,
    cold_starts: u64,
    peak_instances: f64,
    /// Instances that the provider took back.
    interruptions: u64,
    /// The least and the largest of the SLO's percentile in slices of the run, over the SLO; empty without one.
    window_least: Option<f64>,
    window_most: Option<f64>,
}

impl CompareReport<'_> {
    /// The text of compare.json: by system name.
    pub fn json(&self) -> String {
        let mut all = Map::new();
        for (row, system) in self.csv_rows().iter().zip(self.systems) {
            let s = &system.simulation.simulated;
            let block = json!({
                "setting": system.setting,
                "requests": system.simulation.requests,
                "cost_usd": s.cost_usd,
                "relative_cost": row.relative_cost,
                "slo_violations": s.slo_violations,
                "meets_slo": self.scenario.slo.verdict(s.slo_violation_share, s.cost_usd_per_million),
                "simulated": s,
                "minus_first": system.difference,
            });
            all.insert(system.name.clone(), block);
        }
        let mut text = serde_json::to_string_pretty(&all).expect("plain data");
        text.push('\n');
        text
    }

    /// The rows of compare.csv.
    pub fn csv_rows(&self) -> Vec<CompareRow<'_>> {
        self.systems.iter().map(|system| self.csv_row(system)).collect()
    }

    fn csv_row<'a>(&self, system: &'a Compared) -> CompareRow<'a> {
        let s = &system.simulation.simulated;
        let bill = &s.cost_components_usd;
        let windows = self.windows(system);
        CompareRow {
            system: &system.name,
            setting: &system.setting,
            requests: system.simulation.requests,
            cost_usd: s.cost_usd,
            cost_usd_per_million: s.cost_usd_per_million,
            relative_cost: s.cost_usd / self.systems[0].simulation.simulated.cost_usd,
            functions_usd: s.cost_usd - bill.instances - bill.spot,
            instances_usd: bill.instances,
            spot_usd: bill.spot,
            mean_s: s.latency_s.mean,
            p50_s: s.latency_s.p50,
            p95_s: s.latency_s.p95,
            p99_s: s.latency_s.p99,
            slo_violations: s.slo_violations,
            slo_violation_share: s.slo_violation_share,
            mean_batch: s.mean_batch,
            cold_starts: s.cold_starts,
            peak_instances: peak(system, |row| row.instances),
            interruptions: s.interruptions,
            window_least: windows.map(|(least, _)| least),
            window_most: windows.map(|(_, most)| most),
        }
    }

    /// The least and the largest of the SLO's percentile in slices of the run, over the SLO.
    fn windows(&self, system: &Compared) -> Option<(f64, f64)> {
        let slo = self.scenario.slo.latency?.as_secs_f64();
        let quantile = |latencies: &Histogram| latencies.quantile(self.scenario.slo.percentile);
        let shares = system.simulation.slice_latencies.iter().filter_map(quantile).map(|ns| ns / 1e9 / slo);
        let ends = shares.fold((f64::INFINITY, 0.0_f64), |(least, most), x| (least.min(x), most.max(x)));
        Some(ends)
    }

    fn bill_rows(&self) -> Vec<Vec<String>> {
        let row = |row: &CompareRow<'_>| {
            let interruptions = format::count(row.interruptions);
            let parts = [row.functions_usd, row.instances_usd, row.spot_usd].map(format::money);
            [vec![row.system.to_owned()], parts.to_vec(), vec![interruptions]].concat()
        };
        self.csv_rows().iter().map(row).collect()
    }

    /// Published figures and ours: what, system, published, ours, difference, why.
    fn published_rows(&self) -> Vec<Vec<String>> {
        let rows = self.csv_rows();
        let figure = |name: &str, metric: Metric| {
            let row = rows.iter().find(|row| row.system == name)?;
            match metric {
                Metric::RelativeCost => Some(row.relative_cost),
                Metric::CostPerMillion => Some(row.cost_usd_per_million),
                Metric::ViolationShare => Some(row.slo_violation_share),
                Metric::P95 => Some(row.p95_s),
                Metric::WindowLeast => row.window_least,
                Metric::WindowMost => row.window_most,
                // Figures of classes, which these systems do not know.
                Metric::RelativeFormulaCost | Metric::CostOverFormula => None,
            }
        };
        let row = |published: &Published| {
            let Published { figure: place, system, metric, value, over, why } = published;
            let (shown, title) = words(*metric);
            let whole = over.as_ref().map_or(Some(1.0), |over| figure(over, *metric));
            let ours = figure(system, *metric).zip(whole).map(|(ours, whole)| ours / whole);
            let shown = if over.is_some() { format::number } else { shown };
            let (what, system) = match over {
                Some(over) => (title, format!("{system} / {over}")),
                None => (title, system.clone()),
            };
            let (ours, difference) = match ours {
                Some(ours) => (shown(ours), format::percent(ours / value - 1.0)),
                None => (String::new(), String::new()),
            };
            vec![place.clone(), system, what.to_owned(), shown(*value), ours, difference, why.clone()]
        };
        self.scenario.published.iter().map(row).collect()
    }

    /// The published figures beside ours as rows of a Markdown table; empty if the scenario has none.
    pub fn published_markdown(&self) -> String {
        let row = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| markdown(cell)).collect();
            format!("| {} | {} |\n", self.scenario.name, cells.join(" | "))
        };
        self.published_rows().iter().map(row).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |row: &CompareRow<'_>| {
            vec![
                row.system.to_owned(),
                format::money(row.cost_usd),
                format::money(row.cost_usd_per_million),
                format::number(row.relative_cost),
                format::duration(row.p50_s),
                format::duration(row.p95_s),
                format::duration(row.p99_s),
                format::percent(row.slo_violation_share),
                format::number(row.mean_batch),
                format::count(row.cold_starts),
                format::number(row.peak_instances),
            ]
        };
        self.csv_rows().iter().map(row).collect()
    }

    fn difference_rows(&self) -> Vec<Vec<String>> {
        let text = |difference: Difference, figure: fn(f64) -> String| match difference.ci95 {
            Some([low, high]) => {
                format!("{} [{}, {}]", figure(difference.value), figure(low), figure(high))
            }
            None => figure(difference.value),
        };
        let row = |system: &Compared| {
            let paired = system.difference?;
            Some(vec![
                system.name.clone(),
                text(paired.cost_usd_per_million, format::money),
                text(paired.mean_latency_s, format::duration),
                text(paired.p95_latency_s, format::duration),
                text(paired.slo_violation_share, format::percent),
            ])
        };
        self.systems.iter().filter_map(row).collect()
    }

    fn setting_rows(&self) -> Vec<Vec<String>> {
        self.systems.iter().map(|system| vec![system.name.clone(), system.setting.clone()]).collect()
    }

    fn headline(&self) -> String {
        let model = line(&self.scenario.profile.model);
        let slo = match self.scenario.slo.latency {
            Some(latency) => format!(", {} within {latency}", self.scenario.slo.name()),
            None => String::new(),
        };
        format!("{model}{slo}, prices of {}", line(&self.scenario.platform.book.name))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "All systems saw the same arrivals (seed {}). The share over the SLO of a system with instances depends \
             on the stated assumptions of its instance profile.",
            self.scenario.seed
        )];
        // A system that starts cold says so beside its setting.
        if let Environments::AlwaysWarm = self.scenario.platform.environments {
            notes.push(always_warm(&self.scenario.profile));
        }
        if self.scenario.replications > 1 {
            notes.push("Each system was simulated once: `replications` is for `sim run`.".to_owned());
        }
        notes
    }

    /// The bill where instances are rented, and published figures where there are any.
    fn more_tables(&self) -> Vec<TitledTable> {
        let mut tables: Vec<TitledTable> = Vec::new();
        if self.rents() {
            tables.push(("The bill", &BILL_HEADERS, self.bill_rows()));
        }
        if !self.scenario.published.is_empty() {
            tables.push(("Published and ours", &PUBLISHED_HEADERS, self.published_rows()));
        }
        tables
    }

    fn rents(&self) -> bool {
        self.systems.iter().any(|system| peak(system, |row| row.instances) > 0.0)
    }

    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.systems[0].simulation.requests);
        let mut text = format!("{}: {requests} requests\n{}\n\n", self.scenario.name, self.headline());
        text.push_str(&text_table(&["system", "runs with"], &self.setting_rows()));
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if self.systems.len() > 1 {
            text.push_str(&format!(
                "\nDifference from {}, 95 % interval (paired)\n",
                line(&self.systems[0].name)
            ));
            text.push_str(&text_table(&DIFFERENCE_HEADERS, &self.difference_rows()));
        }
        for (title, headers, rows) in self.more_tables() {
            text.push_str(&format!("\n{title}\n{}", text_table(headers, &rows)));
        }
        text.push_str(&format!("\n{}\n", self.notes().join("\n")));
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// Errors: a file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let charts = self.charts();
        for (name, chart, _) in &charts {
            write_atomically(&folder.join("charts").join(format!("{name}.svg")), chart.svg())?;
        }
        let mut page = Page::new(format!("{}: systems compared", self.scenario.name))
            .subtitle(self.headline())
            .table("Systems", &HEADERS, &self.rows())
            .table("What they run with", &["system", "runs with"], &self.setting_rows());
        if self.systems.len() > 1 {
            let caption = format!("Difference from {}, 95 % interval (paired)", self.systems[0].name);
            page = page.table(&caption, &DIFFERENCE_HEADERS, &self.difference_rows());
        }
        for (title, headers, rows) in self.more_tables() {
            page = page.table(title, headers, &rows);
        }
        for note in self.notes() {
            page = page.note(&note);
        }
        for (_, chart, caption) in &charts {
            page = page.chart(chart.as_ref(), caption);
        }
        write_atomically(&folder.join("index.html"), page.render())
    }
}

/// Names are anybody's: none begins a formula.
fn neutral<S: Serializer>(name: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&csv(name))
}

/// How a metric is shown, and what it is called.
pub(super) fn words(metric: Metric) -> (fn(f64) -> String, &'static str) {
    match metric {
        Metric::RelativeCost => (format::number, "cost, relative to the first system"),
        Metric::CostPerMillion => (format::money, "cost per million requests"),
        Metric::ViolationShare => (format::percent, "requests over the SLO"),
        Metric::P95 => (format::duration, "p95 latency"),
        Metric::WindowLeast => (format::number, "windowed percentile / SLO, least"),
        Metric::WindowMost => (format::number, "windowed percentile / SLO, most"),
        Metric::RelativeFormulaCost => (format::number, "cost by formula, relative to the first system"),
        Metric::CostOverFormula => (format::percent, "exact cost over the formula's"),
    }
}

fn peak(system: &Compared, value: fn(&SliceRow) -> f64) -> f64 {
    system.simulation.slices.iter().map(value).fold(0.0, f64::max)
}

const HEADERS: [&str; 11] = [
    "system",
    "cost",
    "per million",
    "relative",
    "p50",
    "p95",
    "p99",
    "over SLO",
    "mean batch",
    "cold starts",
    "peak instances",
];
const BILL_HEADERS: [&str; 5] = ["system", "functions", "on demand", "spot", "interruptions"];
pub(super) const PUBLISHED_HEADERS: [&str; 7] =
    ["figure", "system", "what", "published", "ours", "difference", "why they differ"];
const DIFFERENCE_HEADERS: [&str; 5] =
    ["system", "cost per million", "mean latency", "p95 latency", "share over the SLO"];
