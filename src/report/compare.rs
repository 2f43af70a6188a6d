//! What `sim compare` shows: compare.json, compare.csv, the table, the charts and the page.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, json};

use super::chart::{Axis, BarChart, Chart, Colour, Group, LineChart, Panel, Point, Scatter, Series, Unit};
use super::files::write_atomically;
use super::format;
use super::html::Page;
use super::table::text_table;
use crate::error::InputError;
use crate::outcome::{Difference, SliceRow};
use crate::planner::compare::Compared;
use crate::price::BillUsd;
use crate::scenario::Scenario;

/// Systems side by side.
#[derive(Debug, Clone, Copy)]
pub struct CompareReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What each system did; the first is the one that the others are compared with.
    pub systems: &'a [Compared],
}

/// One part of a bill.
type Component = fn(&BillUsd) -> f64;

/// A row of compare.csv.
#[derive(Debug, Clone, Serialize)]
pub struct CompareRow<'a> {
    system: &'a str,
    setting: &'a str,
    requests: u64,
    cost_usd: f64,
    cost_usd_per_million: f64,
    /// The cost over that of the first system.
    relative_cost: f64,
    functions_usd: f64,
    instances_usd: f64,
    mean_s: f64,
    p50_s: f64,
    p95_s: f64,
    p99_s: f64,
    slo_violations: u64,
    slo_violation_share: f64,
    mean_batch: f64,
    cold_starts: u64,
    peak_instances: f64,
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
        let first = self.systems[0].simulation.simulated.cost_usd;
        let row = |system: &'_ Compared| {
            let s = &system.simulation.simulated;
            let instances_usd = s.cost_components_usd.instances;
            (s.cost_usd / first, instances_usd, peak(system, |row| row.instances))
        };
        self.systems
            .iter()
            .map(|system| {
                let (relative_cost, instances_usd, peak_instances) = row(system);
                let s = &system.simulation.simulated;
                CompareRow {
                    system: &system.name,
                    setting: &system.setting,
                    requests: system.simulation.requests,
                    cost_usd: s.cost_usd,
                    cost_usd_per_million: s.cost_usd_per_million,
                    relative_cost,
                    functions_usd: s.cost_usd - instances_usd,
                    instances_usd,
                    mean_s: s.latency_s.mean,
                    p50_s: s.latency_s.p50,
                    p95_s: s.latency_s.p95,
                    p99_s: s.latency_s.p99,
                    slo_violations: s.slo_violations,
                    slo_violation_share: s.slo_violation_share,
                    mean_batch: s.mean_batch,
                    cold_starts: s.cold_starts,
                    peak_instances,
                }
            })
            .collect()
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
                text(paired.slo_violation_share, format::percent),
            ])
        };
        self.systems.iter().filter_map(row).collect()
    }

    fn setting_rows(&self) -> Vec<Vec<String>> {
        self.systems.iter().map(|system| vec![system.name.clone(), system.setting.clone()]).collect()
    }

    fn headline(&self) -> String {
        let model = &self.scenario.profile.model;
        let slo = match self.scenario.slo.latency {
            Some(latency) => format!(", {} within {latency}", self.scenario.slo.name()),
            None => String::new(),
        };
        format!("{model}{slo}, prices of {}", self.scenario.platform.book.name)
    }

    fn note(&self) -> String {
        format!(
            "All systems saw the same arrivals (seed {}). The share over the SLO of a system with instances depends \
             on the stated assumptions of its instance profile.",
            self.scenario.seed
        )
    }

    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.systems[0].simulation.requests);
        let mut text = format!("{}: {requests} requests\n{}\n\n", self.scenario.name, self.headline());
        text.push_str(&text_table(&["system", "runs with"], &self.setting_rows()));
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if self.systems.len() > 1 {
            text.push_str(&format!("\nDifference from {}, 95 % interval (paired)\n", self.systems[0].name));
            text.push_str(&text_table(&DIFFERENCE_HEADERS, &self.difference_rows()));
        }
        text.push_str(&format!("\n{}\n", self.note()));
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
        page = page.note(&self.note());
        for (_, chart, caption) in &charts {
            page = page.chart(chart.as_ref(), caption);
        }
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn charts(&self) -> Vec<(&'static str, Box<dyn Chart>, &'static str)> {
        let mut charts: Vec<(&'static str, Box<dyn Chart>, &'static str)> = vec![
            ("cost", Box::new(self.cost()), "What the run cost, by component."),
            ("latency-ccdf", Box::new(self.ccdf()), "Share of requests that took longer than a time."),
            ("p95-over-time", Box::new(self.p95()), "The load, and the latency of each system."),
            (
                "cost-violations",
                Box::new(self.trade_off()),
                "Cheap and in time is at the lower left; the line is the share that the SLO allows.",
            ),
        ];
        if self.systems.iter().any(|system| peak(system, |row| row.instances) > 0.0) {
            charts.push((
                "capacity",
                Box::new(self.capacity()),
                "What the ready instances could serve, and what came.",
            ));
        }
        charts
    }

    fn cost(&self) -> BarChart {
        let components: [(&str, Component); 5] = [
            ("serving", |bill| bill.compute),
            ("requests", |bill| bill.requests),
            ("initialisation", |bill| bill.initialisation),
            ("provisioned", |bill| bill.provisioned),
            ("instances", |bill| bill.instances),
        ];
        let names = self.systems.iter().map(|system| system.name.clone()).collect();
        let axis = Axis::new("cost", Unit::Usd);
        let mut chart = BarChart::new("Cost", "system", names, axis, format::money)
            .subtitle(self.headline())
            .stacked()
            .lying();
        for (name, part) in components {
            let bill = |system: &Compared| part(&system.simulation.simulated.cost_components_usd);
            let values: Vec<f64> = self.systems.iter().map(bill).collect();
            if values.iter().any(|usd| *usd > 0.0) {
                chart = chart.series(name, values);
            }
        }
        chart
    }

    fn ccdf(&self) -> LineChart {
        let mut panel = Panel::new(Axis::new("share of requests over it", Unit::Share).log());
        for system in self.systems {
            let cdf = &system.simulation.cdf;
            // Each value holds from its point on; the last, 0, has no place on a log axis.
            let over = cdf.iter().map(|(x, share)| (*x, 1.0 - share)).filter(|(_, over)| *over > 0.0);
            panel = panel.series(Series::new(&system.name, over.collect()).steps());
        }
        panel = panel.mark_y(1.0 - self.scenario.slo.percentile, self.scenario.slo.name());
        let chart =
            LineChart::new("Latency", Axis::new("latency", Unit::Seconds).log()).subtitle(self.headline());
        match self.scenario.slo.latency {
            Some(slo) => chart.mark_x(slo.as_secs_f64(), format!("SLO {slo}")),
            None => chart,
        }
        .panel(panel)
    }

    fn p95(&self) -> LineChart {
        let rate = over_time(&self.systems[0], |row| Some(row.rate_per_s));
        let mut latency = Panel::new(Axis::new("p95 latency", Unit::Seconds).log());
        for system in self.systems {
            latency = latency.series(Series::new(&system.name, over_time(system, |row| row.p95_s)));
        }
        if let Some(slo) = self.scenario.slo.latency {
            latency = latency.mark_y(slo.as_secs_f64(), format!("SLO {slo}"));
        }
        LineChart::new("p95 latency over time", Axis::new("time", Unit::Elapsed).tight())
            .panel(latency)
            .panel(
                Panel::new(Axis::new("requests", Unit::Number("1/s".into())).from_zero())
                    .series(Series::new("load", rate).filled().colour(Colour::Muted)),
            )
    }

    fn capacity(&self) -> LineChart {
        let rate = over_time(&self.systems[0], |row| Some(row.rate_per_s));
        let rate_axis = Axis::new("requests", Unit::Number("1/s".into())).from_zero();
        let mut capacity =
            Panel::new(rate_axis).series(Series::new("load", rate).filled().colour(Colour::Muted));
        let mut instances = Panel::new(Axis::new("instances", Unit::Number(String::new())).from_zero());
        for (index, system) in self.systems.iter().enumerate() {
            if peak(system, |row| row.instances) == 0.0 {
                continue;
            }
            let colour = Colour::Category(index);
            let points = |value: fn(&SliceRow) -> f64| over_time(system, move |row| Some(value(row)));
            let served = Series::new(&system.name, points(|row| row.capacity_per_s));
            capacity = capacity.series(served.colour(colour));
            let ready = Series::new(&system.name, points(|row| row.instances));
            instances = instances.series(ready.colour(colour));
        }
        LineChart::new("Capacity and load", Axis::new("time", Unit::Elapsed).tight())
            .subtitle("capacity: every worker busy on full batches")
            .panel(capacity)
            .panel(instances)
    }

    fn trade_off(&self) -> Scatter {
        let x = Axis::new("share over the SLO", Unit::Share).from_zero();
        let y = Axis::new("cost per million requests", Unit::Usd).from_zero();
        let mut chart = Scatter::new("Cost and lateness", x, y).subtitle(self.headline());
        for system in self.systems {
            let s = &system.simulation.simulated;
            let point = Point::new(s.slo_violation_share, s.cost_usd_per_million, &system.name);
            chart = chart.group(Group::new(&system.name, vec![point]));
        }
        let allowed = 1.0 - self.scenario.slo.percentile;
        chart.mark_x(allowed, format!("allowed: {}", format::percent(allowed)))
    }
}

fn peak(system: &Compared, value: fn(&SliceRow) -> f64) -> f64 {
    system.simulation.slices.iter().map(value).fold(0.0, f64::max)
}

fn over_time(system: &Compared, value: impl Fn(&SliceRow) -> Option<f64>) -> Vec<(f64, f64)> {
    system.simulation.slices.iter().filter_map(|row| value(row).map(|v| (row.start_s, v))).collect()
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
const DIFFERENCE_HEADERS: [&str; 4] = ["system", "cost per million", "mean latency", "share over the SLO"];
