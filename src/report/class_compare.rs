//! What `sim compare` shows of ways to put classes into buffers: compare.json, compare.csv, the tables, the chart, the page.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, json};

use super::chart::{Axis, BarChart, Chart, Unit};
use super::compare::{PUBLISHED_HEADERS, words};
use super::files::write_atomically;
use super::format;
use super::html::Page;
use super::table::text_table;
use crate::error::InputError;
use crate::outcome::ClassFigures;
use crate::planner::class_compare::{ComparedClasses, ComparedGroup, Costs};
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::scenario::published::{Metric, Published};

/// Systems of classes side by side.
#[derive(Debug, Clone, Copy)]
pub struct ClassCompareReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// Its classes.
    pub classes: &'a Classes,
    /// What each system does; the first is the one that the others are compared with.
    pub systems: &'a [ComparedClasses],
}

/// A row of compare.csv.
#[derive(Debug, Clone, Serialize)]
pub struct ClassCompareRow<'a> {
    system: &'a str,
    groups: usize,
    formula_usd_per_million: f64,
    predicted_cost_usd_per_million: f64,
    simulated_cost_usd_per_million: f64,
    /// The formula's cost over that of the first system.
    relative_formula_cost: f64,
    /// The exact cost over that of the first system.
    relative_cost: f64,
    /// The exact cost over the formula's, less 1.
    cost_over_formula: f64,
    /// The largest share, over the classes, of requests over the objective.
    predicted_violation_share: f64,
    simulated_violation_share: f64,
}

const HEADERS: [&str; 9] = [
    "system",
    "by formula",
    "exact",
    "simulated",
    "relative, formula",
    "relative, exact",
    "exact over formula",
    "worst over SLO",
    "simulated",
];
const GROUP_HEADERS: [&str; 6] =
    ["system", "classes", "function", "largest batch", "mean batch", "wait at most"];

impl ClassCompareReport<'_> {
    /// The rows of compare.csv.
    pub fn csv_rows(&self) -> Vec<ClassCompareRow<'_>> {
        let first = self.systems[0].costs();
        let row = |system: &'_ ComparedClasses| {
            let Costs { formula, exact, simulated } = system.costs();
            let worst = |of: fn(&ComparedGroup) -> &[ClassFigures]| {
                let shares = system.groups.iter().flat_map(of).filter_map(|class| class.slo_violation_share);
                shares.fold(0.0, f64::max)
            };
            (
                formula,
                exact,
                simulated,
                worst(|group| &group.prediction.classes),
                worst(|group| &group.simulation.classes),
            )
        };
        let named = |system| {
            let (formula, exact, simulated, predicted_violation_share, simulated_violation_share) =
                row(system);
            ClassCompareRow {
                system: &system.name,
                groups: system.groups.len(),
                formula_usd_per_million: formula,
                predicted_cost_usd_per_million: exact,
                simulated_cost_usd_per_million: simulated,
                relative_formula_cost: formula / first.formula,
                relative_cost: exact / first.exact,
                cost_over_formula: exact / formula - 1.0,
                predicted_violation_share,
                simulated_violation_share,
            }
        };
        self.systems.iter().map(named).collect()
    }

    /// The text of compare.json: by system name.
    pub fn json(&self) -> String {
        let mut all = Map::new();
        for (row, system) in self.csv_rows().iter().zip(self.systems) {
            let group = |group: &ComparedGroup| {
                json!({
                    "classes": self.names(group),
                    "function": group.listed.size.to_string(),
                    "batch": group.listed.batch,
                    "longest_wait_s": group.listed.longest_wait,
                    "predicted": { "mean_batch": group.prediction.prediction.predicted.mean_batch, "classes": group.prediction.classes },
                    "simulated": { "mean_batch": group.simulation.simulation.simulated.mean_batch, "classes": group.simulation.classes },
                })
            };
            let groups: Vec<_> = system.groups.iter().map(group).collect();
            all.insert(system.name.clone(), json!({ "costs": row, "groups": groups }));
        }
        let mut text = serde_json::to_string_pretty(&all).expect("plain data");
        text.push('\n');
        text
    }

    fn names(&self, group: &ComparedGroup) -> Vec<&str> {
        group.listed.members.iter().map(|member| self.classes.list[*member].name.as_str()).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |row: &ClassCompareRow<'_>| {
            vec![
                row.system.to_owned(),
                format::money(row.formula_usd_per_million),
                format::money(row.predicted_cost_usd_per_million),
                format::money(row.simulated_cost_usd_per_million),
                format::number(row.relative_formula_cost),
                format::number(row.relative_cost),
                format::percent(row.cost_over_formula),
                format::percent(row.predicted_violation_share),
                format::percent(row.simulated_violation_share),
            ]
        };
        self.csv_rows().iter().map(row).collect()
    }

    fn group_rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for system in self.systems {
            for (at, group) in system.groups.iter().enumerate() {
                let waits = group.listed.longest_wait.iter().map(|wait| format::duration(wait.as_secs_f64()));
                rows.push(vec![
                    if at == 0 { system.name.clone() } else { String::new() },
                    self.names(group).join(", "),
                    group.listed.size.to_string(),
                    group.listed.batch.to_string(),
                    format::number(group.prediction.prediction.predicted.mean_batch),
                    waits.collect::<Vec<_>>().join(", "),
                ]);
            }
        }
        rows
    }

    /// Published figures and ours: what, system, published, ours, difference, why.
    fn published_rows(&self) -> Vec<Vec<String>> {
        let rows = self.csv_rows();
        let figure = |name: &str, metric: Metric| {
            let row = rows.iter().find(|row| row.system == name)?;
            match metric {
                Metric::RelativeCost => Some(row.relative_cost),
                Metric::RelativeFormulaCost => Some(row.relative_formula_cost),
                Metric::CostOverFormula => Some(row.cost_over_formula),
                Metric::CostPerMillion => Some(row.predicted_cost_usd_per_million),
                Metric::ViolationShare => Some(row.predicted_violation_share),
                Metric::P95 | Metric::WindowLeast | Metric::WindowMost => None,
            }
        };
        let row = |published: &Published| {
            let Published { figure: place, system, metric, value, over, why } = published;
            let (shown, title) = words(*metric);
            let whole = over.as_ref().map_or(Some(1.0), |over| figure(over, *metric));
            let ours = figure(system, *metric).zip(whole).map(|(ours, whole)| ours / whole);
            let (ours, difference) = match ours {
                Some(ours) => (shown(ours), format::percent(ours / value - 1.0)),
                None => (String::new(), String::new()),
            };
            vec![
                place.clone(),
                system.clone(),
                title.to_owned(),
                shown(*value),
                ours,
                difference,
                why.clone(),
            ]
        };
        self.scenario.published.iter().map(row).collect()
    }

    fn headline(&self) -> String {
        format!(
            "{} classes on {}, cost of a million requests",
            self.classes.list.len(),
            self.scenario.profile.model
        )
    }

    const NOTE: &'static str = "By formula every batch is full; exact is the expected cost by the law of the buffer. All systems saw the \
        same arrivals.";

    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n\n", self.scenario.name, self.headline());
        text.push_str(&text_table(&GROUP_HEADERS, &self.group_rows()));
        text.push_str(&format!("\n{}", text_table(&HEADERS, &self.rows())));
        if !self.scenario.published.is_empty() {
            text.push_str(&format!(
                "\nPublished and ours\n{}",
                text_table(&PUBLISHED_HEADERS, &self.published_rows())
            ));
        }
        text.push_str(&format!("\n{}\n", Self::NOTE));
        text
    }

    fn chart(&self) -> BarChart {
        let names = self.systems.iter().map(|system| system.name.clone()).collect();
        let costs: Vec<Costs> = self.systems.iter().map(ComparedClasses::costs).collect();
        let series = |of: fn(&Costs) -> f64| costs.iter().map(of).collect();
        BarChart::new(
            "Cost of a million requests",
            "system",
            names,
            Axis::new("cost", Unit::Usd),
            format::money,
        )
        .subtitle(self.headline())
        .lying()
        .series("by formula, as if batches were full", series(|costs| costs.formula))
        .series("exact", series(|costs| costs.exact))
        .series("simulated", series(|costs| costs.simulated))
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let chart = self.chart();
        write_atomically(&folder.join("charts").join("cost.svg"), chart.svg())?;
        let mut page = Page::new(format!("{}: systems compared", self.scenario.name))
            .subtitle(self.headline())
            .table("Cost of a million requests", &HEADERS, &self.rows())
            .table("What they run with", &GROUP_HEADERS, &self.group_rows());
        if !self.scenario.published.is_empty() {
            page = page.table("Published and ours", &PUBLISHED_HEADERS, &self.published_rows());
        }
        page = page.note(Self::NOTE).chart(&chart, "What a million requests cost.");
        write_atomically(&folder.join("index.html"), page.render())
    }
}
