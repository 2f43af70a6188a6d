//! The tables, the chart and the page of ways to put classes into buffers.

use super::{ClassCompareReport, ClassCompareRow};
use crate::error::InputError;
use crate::planner::class_compare::{ComparedClasses, Costs};
use crate::report::chart::{Axis, BarChart, Unit};
use crate::report::html::{self, Figure, Page, Target};
use crate::report::table::text_table;
use crate::report::{format, published};
use crate::scenario::published::Metric;

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
                text_table(&published::HEADERS, &self.published_rows())
            ));
        }
        text.push_str(&format!("\n{}\n", Self::NOTE));
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let figures = [Figure::new("cost", self.chart(), "What a million requests cost.")];
        let mut page = Page::new(format!("{}: systems compared", self.scenario.name))
            .of("compare")
            .subtitle(self.headline())
            .table("Cost of a million requests", &HEADERS, &self.rows())
            .table("What they run with", &GROUP_HEADERS, &self.group_rows());
        if !self.scenario.published.is_empty() {
            page = page.table("Published and ours", &published::HEADERS, &self.published_rows());
        }
        html::write(to.into(), &figures, &page.note(Self::NOTE).figures(&figures))
    }

    fn headline(&self) -> String {
        format!(
            "{} classes on {}, cost of a million requests",
            self.classes.list.len(),
            self.scenario.profile.model
        )
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
        published::rows(self.scenario, figure)
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
}
