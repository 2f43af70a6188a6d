//! plan.json.

use serde::Serialize;

use super::PlanReport;
use super::calibration::ErrorBar;
use crate::outcome::{Predicted, RelativeError, Simulated};
use crate::planner::chooser::Ranking;
use crate::planner::constraint::Scope;
use crate::planner::infeasible::Remedy;
use crate::planner::plan::{Alternative, Answer, Evaluated};
use crate::report::json::pretty;
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
    feasible_with: Vec<RemedyJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    alternatives: Vec<AlternativeJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saving: Option<Saving>,
    /// Axes at whose end the recommendation stands.
    edge: Vec<&'static str>,
    slo: SloJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<ErrorBar>,
    ranked_by: &'static str,
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
    #[serde(skip_serializing_if = "is_zero")]
    provisioned: u32,
}

/// None are, where nobody asks.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[derive(Serialize)]
struct Choice<'a> {
    #[serde(flatten)]
    setting: SettingJson,
    predicted_percentile_s: Option<f64>,
    predicted: Option<&'a Predicted>,
    simulated: Option<&'a Simulated>,
    error: Option<RelativeError>,
    verified: Option<bool>,
}

#[derive(Serialize)]
struct AlternativeJson {
    reason: &'static str,
    #[serde(flatten)]
    setting: SettingJson,
    #[serde(flatten)]
    figures: Figures,
    more_usd_per_million: f64,
    more_percent: f64,
    meets_slo: bool,
}

/// As simulated or, where nothing was, as predicted.
#[derive(Serialize)]
#[serde(untagged)]
enum Figures {
    Simulated {
        simulated_p50_s: f64,
        simulated_percentile_s: Option<f64>,
        simulated_cost_usd_per_million: f64,
        simulated_violation_share: f64,
        simulated_cold_start_share: f64,
    },
    Predicted {
        predicted_percentile_s: Option<f64>,
        predicted_cost_usd_per_million: f64,
    },
}

/// Against the best that does not batch.
#[derive(Serialize)]
struct Saving {
    usd_per_month: f64,
    percent: f64,
    /// What batching adds to the median \[s\].
    p50_s: f64,
    /// What it adds to the SLO's percentile \[s\].
    slo_s: f64,
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
struct RemedyJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_usd_per_million: Option<f64>,
    #[serde(flatten)]
    setting: SettingJson,
}

impl From<Setting> for SettingJson {
    fn from(s: Setting) -> SettingJson {
        let (memory_mb, timeout_s) = (s.memory.0, s.timeout.as_secs_f64());
        SettingJson { memory_mb, batch: s.batch, timeout_s, provisioned: s.provisioned }
    }
}

impl<'a> From<&'a Evaluated> for Choice<'a> {
    fn from(evaluated: &'a Evaluated) -> Choice<'a> {
        let predicted = evaluated.prediction.as_ref().map(|prediction| &prediction.predicted);
        let simulation = evaluated.simulation.as_ref();
        let simulated = simulation.map(|(simulation, _)| &simulation.simulated);
        Choice {
            setting: evaluated.setting().into(),
            predicted_percentile_s: predicted.map(|predicted| predicted.latency_s.slo),
            predicted,
            simulated,
            error: predicted
                .zip(simulated)
                .map(|(predicted, simulated)| RelativeError::of(predicted, simulated)),
            verified: simulation.map(|(_, verdict)| verdict.meets()),
        }
    }
}

impl PlanReport<'_> {
    /// The text of plan.json: a function of the scenario and the program alone.
    pub fn file(&self) -> String {
        self.text_with(None)
    }

    /// The text of plan.json, and how long it took.
    pub fn json(&self) -> String {
        self.text_with(Some(self.elapsed_s))
    }

    fn text_with(&self, elapsed_s: Option<f64>) -> String {
        let (scenario, plan) = (self.scenario, self.plan);
        let (recommended, nearest_miss, causes, remedies) = match &plan.answer {
            Answer::Recommended(evaluated) => (Some(evaluated.into()), None, &[][..], &[][..]),
            Answer::Infeasible(nearest, causes, remedies) => {
                (None, Some(nearest.into()), causes.as_slice(), remedies.as_slice())
            }
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
            feasible_with: remedies.iter().map(remedy_json).collect(),
            causes: causes.iter().map(|cause| self.cause(*cause)).collect(),
            alternatives: plan.alternatives.iter().map(|a| self.alternative_json(a)).collect(),
            saving: self.saving_json(),
            edge: plan.edges.iter().map(|edge| edge.axis.name()).collect(),
            slo,
            calibration: self.error_bar(),
            ranked_by: match plan.ranking {
                Ranking::Predicted => "predicted",
                Ranking::Simulated | Ranking::SimulatedSooner | Ranking::SimulatedWithinLaw => "simulated",
            },
            evaluated: plan.evaluated,
            simulated: plan.simulated,
            elapsed_s,
            notes: self.notes(),
        };
        pretty(&json)
    }

    fn alternative_json(&self, alternative: &Alternative) -> AlternativeJson {
        let candidate = &alternative.candidate;
        let more = self.more(candidate);
        let figures = match candidate.trial {
            Some(trial) => Figures::Simulated {
                simulated_p50_s: trial.p50_s,
                simulated_percentile_s: candidate.percentile_s,
                simulated_cost_usd_per_million: candidate.cost * 1e6,
                simulated_violation_share: candidate.late,
                simulated_cold_start_share: trial.cold_starts,
            },
            None => Figures::Predicted {
                predicted_percentile_s: candidate.percentile_s,
                predicted_cost_usd_per_million: candidate.cost * 1e6,
            },
        };
        AlternativeJson {
            reason: alternative.reason.words(),
            setting: candidate.setting.into(),
            figures,
            more_usd_per_million: more,
            more_percent: more / self.cost() * 100.0,
            meets_slo: candidate.meets,
        }
    }

    fn saving_json(&self) -> Option<Saving> {
        let Answer::Recommended(best) = &self.plan.answer else { return None };
        let (other, (simulation, _)) = (self.plan.unbatched()?, best.simulation.as_ref()?);
        let simulated = &simulation.simulated;
        let without = other.cost * 1e6 / self.cost() * simulated.cost_usd_per_month;
        Some(Saving {
            usd_per_month: without - simulated.cost_usd_per_month,
            percent: (1.0 - simulated.cost_usd_per_month / without) * 100.0,
            p50_s: simulated.latency_s.p50 - other.trial?.p50_s,
            slo_s: simulated.latency_s.slo - other.percentile_s?,
        })
    }
}

fn remedy_json(remedy: &Remedy) -> RemedyJson {
    match remedy {
        Remedy::Latency(seconds, setting) => {
            RemedyJson { latency_s: Some(*seconds), budget_usd_per_million: None, setting: (*setting).into() }
        }
        Remedy::Budget(usd, setting) => {
            RemedyJson { latency_s: None, budget_usd_per_million: Some(*usd), setting: (*setting).into() }
        }
    }
}
