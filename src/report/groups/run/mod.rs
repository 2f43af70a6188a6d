//! What `sim run` shows of several buffers, each for some of the classes: summary.json, and with the feature `charts` the
//! tables and the page.

#[cfg(feature = "charts")]
mod page;

use serde_json::{Value as Json, json};

use crate::outcome::ClassFigures;
use crate::planner::class_compare::{ComparedClasses, ComparedGroup, Costs};
use crate::report::format;
use crate::report::notes::{always_warm, cautions};
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::scenario::platform::Environments;

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
