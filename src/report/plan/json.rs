//! plan.json.

use serde::Serialize;

use super::PlanReport;
use crate::outcome::{Predicted, RelativeError, Simulated};
use crate::planner::constraint::Scope;
use crate::planner::plan::{Alternative, Answer, Evaluated, Mend};
use crate::scenario::Setting;

#[derive(Serialize)]
struct PlanJson<'a> {
    scenario: &'a str,
    seed: u64,
    model: &'static str,
    feasible: bool,
    recommended: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    feasible_with: Vec<MendJson>,
    alternatives: Vec<AlternativeJson>,
    slo: SloJson,
    evaluated: usize,
    simulated: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_s: Option<f64>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct SettingJson {
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
}

#[derive(Serialize)]
struct Choice<'a> {
    #[serde(flatten)]
    setting: SettingJson,
    predicted_percentile_s: f64,
    predicted: &'a Predicted,
    simulated: Option<&'a Simulated>,
    error: Option<RelativeError>,
    verified: Option<bool>,
}

#[derive(Serialize)]
struct AlternativeJson {
    reason: &'static str,
    #[serde(flatten)]
    setting: SettingJson,
    predicted_percentile_s: f64,
    predicted_cost_usd_per_million: f64,
    more_usd_per_million: f64,
    more_percent: f64,
    meets_slo: bool,
}

#[derive(Serialize)]
struct SloJson {
    percentile: f64,
    latency_s: Option<f64>,
    budget_usd_per_million: Option<f64>,
    max_violations: Option<f64>,
    every_hour: bool,
}

#[derive(Serialize)]
struct MendJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_per_million: Option<f64>,
    #[serde(flatten)]
    setting: SettingJson,
}

impl From<Setting> for SettingJson {
    fn from(s: Setting) -> SettingJson {
        SettingJson { memory_mb: s.memory.0, batch: s.batch, timeout_s: s.timeout.as_secs_f64() }
    }
}

impl<'a> From<&'a Evaluated> for Choice<'a> {
    fn from(evaluated: &'a Evaluated) -> Choice<'a> {
        let predicted = &evaluated.prediction.predicted;
        let simulation = evaluated.simulation.as_ref();
        let simulated = simulation.map(|(simulation, _)| &simulation.simulated);
        Choice {
            setting: evaluated.setting.into(),
            predicted_percentile_s: evaluated.percentile_s,
            predicted,
            simulated,
            error: simulated.map(|simulated| RelativeError::of(predicted, simulated)),
            verified: simulation.map(|(_, verdict)| verdict.meets()),
        }
    }
}

impl PlanReport<'_> {
    /// The text of plan.json, which is the same however long it took.
    pub fn file(&self) -> String {
        self.text_of_json(None)
    }

    /// What `--json` prints: plan.json and how long it took.
    pub fn json(&self) -> String {
        self.text_of_json(Some(self.elapsed_s))
    }

    fn text_of_json(&self, elapsed_s: Option<f64>) -> String {
        let (scenario, plan) = (self.scenario, self.plan);
        let (recommended, nearest_miss, mends) = match &plan.answer {
            Answer::Recommended(evaluated) => (Some(evaluated.into()), None, &[][..]),
            Answer::Infeasible(nearest, mends) => (None, Some(nearest.into()), mends.as_slice()),
        };
        let slo = SloJson {
            percentile: scenario.slo.percentile * 100.0,
            latency_s: plan.request.constraint.latency,
            budget_usd_per_million: scenario.slo.budget_usd_per_million,
            max_violations: scenario.slo.max_violations,
            every_hour: plan.request.constraint.scope == Scope::EveryPart,
        };
        let json = PlanJson {
            scenario: &scenario.name,
            seed: scenario.seed,
            model: plan.request.constraint.model.name(),
            feasible: recommended.is_some(),
            recommended,
            nearest_miss,
            feasible_with: mends.iter().map(mend_json).collect(),
            alternatives: plan.alternatives.iter().map(|a| self.alternative_json(a)).collect(),
            slo,
            evaluated: plan.evaluated,
            simulated: plan.simulated,
            elapsed_s,
            notes: self.notes(),
        };
        let mut text = serde_json::to_string_pretty(&json).expect("plain data");
        text.push('\n');
        text
    }

    fn alternative_json(&self, alternative: &Alternative) -> AlternativeJson {
        let point = &alternative.point;
        let more = self.more(point);
        AlternativeJson {
            reason: alternative.reason,
            setting: point.setting.into(),
            predicted_percentile_s: point.percentile_s,
            predicted_cost_usd_per_million: point.cost * 1e6,
            more_usd_per_million: more,
            more_percent: more / self.cost() * 100.0,
            meets_slo: point.meets,
        }
    }
}

fn mend_json(mend: &Mend) -> MendJson {
    match mend {
        Mend::Latency(seconds, setting) => {
            MendJson { latency_s: Some(*seconds), budget_usd_per_million: None, setting: (*setting).into() }
        }
        Mend::Budget(cost, setting) => MendJson {
            latency_s: None,
            budget_usd_per_million: Some(*cost * 1e6),
            setting: (*setting).into(),
        },
    }
}
