//! What `sim compare` shows of ways to put classes into buffers: compare.json, compare.csv, and with the feature `charts` the
//! tables, the chart and the page.

#[cfg(feature = "charts")]
mod page;

use serde::Serialize;
use serde_json::{Map, json};

use super::json::pretty;
use crate::outcome::ClassFigures;
use crate::planner::class_compare::{ComparedClasses, ComparedGroup, Costs};
use crate::scenario::Scenario;
use crate::scenario::class::Classes;

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
        pretty(&all)
    }

    fn names(&self, group: &ComparedGroup) -> Vec<&str> {
        group.listed.members.iter().map(|member| self.classes.list[*member].name.as_str()).collect()
    }
}
