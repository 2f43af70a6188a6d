//! What `sim run` shows of several buffers, each for some of the classes: summary.json, the tables, the page.

use serde_json::{Value as Json, json};

use crate::outcome::ClassFigures;
use crate::planner::class_compare::{ComparedClasses, ComparedGroup, Costs};
use crate::report::format;
use crate::report::html::Page;
use crate::report::notes::{always_warm, cautions};
use crate::report::table::text_table;
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::scenario::platform::Environments;
use crate::text::line;

/// A run of groups.
#[derive(Debug, Clone, Copy)]
pub struct GroupsRunReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// Its classes.
    pub classes: &'a Classes,
    /// What came of the groups.
    pub found: &'a ComparedClasses,
}

const HEADERS: [&str; 10] =
    ["class", "", "share", "waits at most", "mean", "p50", "p95", "p99", "over its SLO", "pays per million"];
const GROUPS: [&str; 6] = ["classes", "function", "largest batch", "mean batch", "predicted", "per million"];

impl GroupsRunReport<'_> {
    /// The text of summary.json.
    pub fn json(&self) -> String {
        let Costs { exact, simulated, .. } = self.found.costs();
        let group = |group: &ComparedGroup| {
            let (law, run) = (&group.prediction, &group.simulation);
            json!({
                "classes": self.names(group),
                "function": group.listed.size.to_string(),
                "batch": group.listed.batch,
                "longest_wait_s": group.listed.longest_wait,
                "simulated": with_classes(json!(run.simulation.simulated), &run.classes),
                "predicted": with_classes(json!(law.prediction.predicted), &law.classes),
            })
        };
        let groups: Vec<Json> = self.found.groups.iter().map(group).collect();
        let requests: u64 = self.found.groups.iter().map(|group| group.simulation.simulation.requests).sum();
        let batches: u64 = self.found.groups.iter().map(|group| group.simulation.simulation.batches).sum();
        let all = json!({
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "requests": requests,
            "batches": batches,
            "notes": self.notes(),
            "settings": self.scenario.written,
            "simulated": { "cost_usd_per_million": simulated, "classes": self.of_classes(simulated_classes) },
            "predicted": { "cost_usd_per_million": exact, "classes": self.of_classes(predicted_classes) },
            "groups": groups,
        });
        let mut text = serde_json::to_string_pretty(&all).expect("plain data");
        text.push('\n');
        text
    }

    /// The figures of the classes in the order of the file, each with its share of all requests.
    fn of_classes(&self, of: fn(&ComparedGroup) -> &[ClassFigures]) -> Vec<ClassFigures> {
        let total: f64 = self.found.groups.iter().map(|group| group.rate).sum();
        let mut figures: Vec<(usize, ClassFigures)> = Vec::new();
        for group in &self.found.groups {
            for (member, own) in group.listed.members.iter().zip(of(group)) {
                figures
                    .push((*member, ClassFigures { share: own.share * group.rate / total, ..own.clone() }));
            }
        }
        figures.sort_by_key(|(member, _)| *member);
        figures.into_iter().map(|(_, figures)| figures).collect()
    }

    fn names(&self, group: &ComparedGroup) -> Vec<&str> {
        group.listed.members.iter().map(|member| self.classes.list[*member].name.as_str()).collect()
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

    fn notes(&self) -> Vec<String> {
        let Costs { exact, simulated, .. } = self.found.costs();
        let (simulated, exact) = (format::money(simulated), format::money(exact));
        let mut notes = vec![format!("A million requests cost {simulated} in all; predicted {exact}.")];
        notes.extend(self.scenario.workload.notes());
        match &self.scenario.platform.environments {
            Environments::AlwaysWarm => notes.push(always_warm(&self.scenario.profile)),
            Environments::Pool(_) => {
                notes.push(
                    "Predictions leave out cold starts, throttling and waiting for capacity.".to_owned(),
                );
            }
        }
        notes.extend(cautions(self.scenario));
        notes
    }

    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let (name, headline) = (line(&self.scenario.name), self.headline());
        let groups = text_table(&GROUPS, &self.group_rows());
        let classes = text_table(&HEADERS, &self.rows());
        format!("{name}\n{headline}\n\n{groups}\n{classes}\n{}\n", self.notes().join("\n"))
    }

    /// The page.
    pub fn page(&self) -> String {
        let page = Page::new(format!("{}: groups", self.scenario.name))
            .subtitle(self.headline())
            .table("Buffers", &GROUPS, &self.group_rows())
            .table("Classes", &HEADERS, &self.rows());
        self.notes().into_iter().fold(page, |page, note| page.note(&note)).render()
    }
}

fn simulated_classes(group: &ComparedGroup) -> &[ClassFigures] {
    &group.simulation.classes
}

fn predicted_classes(group: &ComparedGroup) -> &[ClassFigures] {
    &group.prediction.classes
}

fn with_classes(mut all: Json, classes: &[ClassFigures]) -> Json {
    all["classes"] = json!(classes);
    all
}
