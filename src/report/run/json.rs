//! summary.json.

use serde::Serialize;
use serde_json::Value;

use super::classes::WithClasses;
use super::{ClosedLoop, HoursOver, Plans, RunReport};
use crate::arrivals::trace::{Reading, Stamps};
use crate::outcome::{KeepAlivePoint, Predicted, RelativeError, Simulated};
use crate::report::json::{self, pretty};
use crate::scenario::Setting;

#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    #[serde(flatten, serialize_with = "json::setting")]
    setting: Setting,
    requests: u64,
    batches: u64,
    replications: u32,
    warmup_s: f64,
    notes: Vec<String>,
    /// What became of the time stamps of a trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    stamps: Option<Stamps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Reading>,
    /// What users did, where requests follow from answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_loop: Option<ClosedLoop>,
    settings: &'a Value,
    simulated: WithClasses<'a, Simulated>,
    predicted: Option<WithClasses<'a, Predicted>>,
    error: Option<RelativeError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours_over_slo: Option<HoursOver>,
    /// By the counts of the run; absent where nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    meets_slo: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo_percentile: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive: Option<Plans>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    keep_alive_curve: &'a [KeepAlivePoint],
}

impl RunReport<'_> {
    /// The text of summary.json.
    pub fn json(&self) -> String {
        let (scenario, simulation) = (self.scenario, self.simulation);
        let predicted = self.prediction.map(|p| &p.predicted);
        let summary = Summary {
            scenario: &scenario.name,
            seed: scenario.seed,
            setting: scenario.setting(),
            requests: simulation.requests,
            batches: simulation.batches,
            replications: simulation.replications,
            warmup_s: scenario.warmup.as_secs_f64(),
            notes: self.notes(),
            stamps: scenario.workload.reading().and_then(|reading| reading.stamps),
            trace: scenario.workload.reading(),
            closed_loop: self.closed(),
            settings: &scenario.written,
            simulated: WithClasses::new(&simulation.simulated, self.classes.map(|classes| classes.simulated)),
            predicted: predicted.map(|p| WithClasses::new(p, self.classes.map(|classes| classes.predicted))),
            error: predicted.map(|p| RelativeError::of(p, &simulation.simulated)),
            hours_over_slo: self.hours_over(),
            meets_slo: self.meets_slo(),
            slo_percentile: self.meets_slo().map(|_| (scenario.slo.percentile * 1e8).round() / 1e6),
            adaptive: self.plans(),
            keep_alive_curve: self.keep_alive,
        };
        pretty(&summary)
    }
}
