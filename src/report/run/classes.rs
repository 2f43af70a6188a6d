//! The classes that share a buffer, simulated beside predicted.

use serde::Serialize;

use crate::outcome::ClassFigures;
use crate::report::format;
use crate::scenario::Scenario;

/// The classes of a run, in the order of the file.
#[derive(Debug, Clone, Copy)]
pub struct ClassTables<'a> {
    /// What was simulated.
    pub simulated: &'a [ClassFigures],
    /// What the exact law says.
    pub predicted: &'a [ClassFigures],
}

/// Figures with those of their classes, where there are several.
#[derive(Debug, Serialize)]
pub(in crate::report) struct WithClasses<'a, T> {
    #[serde(flatten)]
    all: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<&'a [ClassFigures]>,
}

impl<'a, T> WithClasses<'a, T> {
    pub(in crate::report) fn new(all: &'a T, classes: Option<&'a [ClassFigures]>) -> WithClasses<'a, T> {
        WithClasses { all, classes }
    }
}

pub(super) const HEADERS: [&str; 11] = [
    "class",
    "",
    "share",
    "waits at most",
    "mean",
    "p50",
    "p95",
    "p99",
    "objective",
    "over it",
    "pays per million",
];

impl ClassTables<'_> {
    /// Two rows a class: simulated, predicted.
    pub(super) fn rows(&self, scenario: &Scenario) -> Vec<Vec<String>> {
        let classes = scenario.classes.iter().flat_map(|classes| &classes.list);
        let mut rows = Vec::new();
        for ((class, simulated), predicted) in classes.zip(self.simulated).zip(self.predicted) {
            let objective =
                class.slo.map_or(String::new(), |slo| format!("{} within {}", slo.name(), slo.latency));
            let name = [class.name.clone(), String::new()];
            for ((name, what), figures) in
                name.into_iter().zip(["simulated", "predicted"]).zip([simulated, predicted])
            {
                let latency = &figures.latency_s;
                let times = [latency.mean, latency.p50, latency.p95, latency.p99].map(format::duration);
                let mut row = vec![name, what.to_owned(), format::percent(figures.share)];
                row.push(class.longest_wait.to_string());
                row.extend(times);
                row.push(objective.clone());
                row.push(figures.slo_violation_share.map_or(String::new(), format::percent));
                row.push(format::money(figures.cost_usd_per_million));
                rows.push(row);
            }
        }
        rows
    }
}
