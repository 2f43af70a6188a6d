//! plan.json of classes.

use serde::Serialize;

use super::GroupReport;
use crate::outcome::{Predicted, Simulated};
use crate::planner::groups::{Partitions, Planned};
use crate::report::json::pretty;
use crate::report::run::classes::WithClasses;

#[derive(Serialize)]
struct PlanJson<'a> {
    scenario: &'a str,
    seed: u64,
    model: &'static str,
    feasible: bool,
    groups: Vec<GroupJson<'a>>,
    cost_usd_per_million: Ways,
    alone: Vec<GroupJson<'a>>,
    all_in_one: Option<GroupJson<'a>>,
    /// `all` or `contiguous`.
    partitions: &'static str,
    groups_evaluated: usize,
    evaluated: usize,
    /// `simulated` where no law covers the scenario.
    ranked_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulations: Option<usize>,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_s: Option<f64>,
}

#[derive(Serialize)]
struct Ways {
    alone: Option<f64>,
    all_in_one: Option<f64>,
    best: Option<f64>,
}

#[derive(Serialize)]
struct GroupJson<'a> {
    classes: Vec<&'a str>,
    memory_mb: u32,
    batch: u32,
    longest_wait_s: Vec<f64>,
    predicted: WithClasses<'a, Predicted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<WithClasses<'a, Simulated>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
}

impl<'a> GroupReport<'a> {
    /// The text of plan.json.
    pub fn json(&self) -> String {
        self.written(None)
    }

    /// The same with the time that planning took \[s\], which is not the same every time.
    pub fn json_with_time(&self, elapsed_s: f64) -> String {
        self.written(Some(elapsed_s))
    }

    fn written(&self, elapsed_s: Option<f64>) -> String {
        let plan = self.plan;
        let json = PlanJson {
            scenario: &self.scenario.name,
            seed: self.scenario.seed,
            model: "exact",
            feasible: plan.best.is_some(),
            groups: plan.best.iter().flatten().map(|planned| self.group_json(planned)).collect(),
            cost_usd_per_million: Ways {
                alone: plan.alone_usd_per_million(),
                all_in_one: plan.together_usd_per_million(),
                best: plan.best_usd_per_million(),
            },
            alone: plan.alone.iter().flatten().map(|planned| self.group_json(planned)).collect(),
            all_in_one: plan.together.as_ref().map(|planned| self.group_json(planned)),
            partitions: match plan.partitions {
                Partitions::All => "all",
                Partitions::Contiguous => "contiguous",
            },
            groups_evaluated: plan.groups,
            evaluated: plan.evaluated,
            ranked_by: if plan.trials.is_some() { "simulated" } else { "predicted" },
            simulations: plan.trials,
            notes: self.notes(),
            elapsed_s,
        };
        pretty(&json)
    }

    fn group_json(&self, planned: &'a Planned) -> GroupJson<'a> {
        let choice = &planned.choice;
        let classes = self.classes;
        GroupJson {
            classes: choice.members.iter().map(|member| classes.list[*member].name.as_str()).collect(),
            memory_mb: planned.memory_mb(),
            batch: choice.batch,
            longest_wait_s: choice.longest_wait.iter().map(|wait| wait.as_secs_f64()).collect(),
            predicted: WithClasses::new(
                &planned.prediction.prediction.predicted,
                Some(&planned.prediction.classes),
            ),
            simulated: planned.simulation.as_ref().map(|simulation| {
                WithClasses::new(&simulation.simulation.simulated, Some(&simulation.classes))
            }),
            verified: planned.verified(self.classes),
        }
    }
}
