//! The tables and the page of a run of groups.

use std::path::Path;

use super::{GroupsRunReport, predicted_classes, simulated_classes};
use crate::error::InputError;
use crate::planner::class_compare::ComparedGroup;
use crate::report::format;
use crate::report::html::{self, Page};
use crate::report::table::text_table;
use crate::text::line;

const HEADERS: [&str; 10] =
    ["class", "", "share", "waits at most", "mean", "p50", "p95", "p99", "over its SLO", "pays per million"];
const GROUPS: [&str; 6] = ["classes", "function", "largest batch", "mean batch", "predicted", "per million"];

impl GroupsRunReport<'_> {
    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let (name, headline) = (line(&self.scenario.name), self.headline());
        let groups = text_table(&GROUPS, &self.group_rows());
        let classes = text_table(&HEADERS, &self.rows());
        format!("{name}\n{headline}\n\n{groups}\n{classes}\n{}\n", self.notes().join("\n"))
    }

    /// Writes the page.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_page(&self, folder: &Path) -> Result<(), InputError> {
        let page = Page::new(format!("{}: groups", self.scenario.name))
            .of("run")
            .subtitle(self.headline())
            .table("Buffers", &GROUPS, &self.group_rows())
            .table("Classes", &HEADERS, &self.rows());
        html::write(folder.into(), &[], &page.notes(self.notes()))
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let (simulated, predicted) = (self.of_classes(simulated_classes), self.of_classes(predicted_classes));
        for (simulated, predicted) in simulated.iter().zip(&predicted) {
            for (what, own) in [("simulated", simulated), ("predicted", predicted)] {
                let latency = &own.latency_s;
                let times = [latency.mean, latency.p50, latency.p95, latency.p99].map(format::duration);
                let name = if what == "simulated" { own.name.clone() } else { String::new() };
                let mut row = vec![name, what.to_owned(), format::percent(own.share)];
                row.push(format::duration(own.longest_wait_s));
                row.extend(times);
                row.push(own.slo_violation_share.map_or(String::new(), format::percent));
                row.push(format::money(own.cost_usd_per_million));
                rows.push(row);
            }
        }
        rows
    }

    fn group_rows(&self) -> Vec<Vec<String>> {
        let row = |group: &ComparedGroup| {
            let (law, run) = (&group.prediction.prediction.predicted, &group.simulation.simulation.simulated);
            vec![
                self.names(group).join(", "),
                group.listed.size.to_string(),
                group.listed.batch.to_string(),
                format::number(run.mean_batch),
                format::number(law.mean_batch),
                format::money(run.cost_usd_per_million),
            ]
        };
        self.found.groups.iter().map(row).collect()
    }

    fn headline(&self) -> String {
        let (classes, groups) = (self.classes.list.len(), self.found.groups.len());
        let (model, book) = (line(&self.scenario.profile.model), line(&self.scenario.platform.book.name));
        format!("{model}, {classes} classes in {groups} buffers, prices of {book}")
    }
}
