//! What `sim observe` shows: measured beside simulated and predicted, as summary.json, table, charts and page.

mod page;

use serde::Serialize;
use serde_json::Value;

use super::format;
use super::json::{self, pretty};
use crate::gateway::observe::Exchange;
use crate::gateway::observe::measured::{Measured, MeasuredLatency};
use crate::outcome::{Latency, Predicted, RelativeError, Simulated, Simulation};
use crate::planner::predict::Prediction;
use crate::scenario::{Scenario, Setting};

/// A server measured, beside the models of it.
#[derive(Debug, Clone, Copy)]
pub struct ObserveReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// Whom.
    pub target: &'a str,
    /// Every request.
    pub exchanges: &'a [Exchange],
    /// The same in figures.
    pub measured: &'a Measured,
    /// The same arrivals simulated.
    pub simulation: &'a Simulation,
    /// What the analytic model says; absent for an adaptive policy.
    pub prediction: Option<&'a Prediction>,
}

#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    target: &'a str,
    #[serde(flatten, serialize_with = "json::setting")]
    setting: Setting,
    requests: u64,
    slo_percentile: f64,
    notes: Vec<String>,
    settings: &'a Value,
    measured: &'a Measured,
    simulated: &'a Simulated,
    predicted: Option<&'a Predicted>,
    error: Option<RelativeError>,
    /// Of the models from what was measured: model / measured - 1.
    difference: Differences,
}

#[derive(Serialize)]
struct Differences {
    simulated: Option<Difference>,
    simulated_less_overhead: Option<Difference>,
    predicted: Option<Difference>,
    predicted_less_overhead: Option<Difference>,
}

#[derive(Serialize)]
struct Difference {
    mean: f64,
    p50: f64,
    p95: f64,
    p99: f64,
    mean_batch: Option<f64>,
}

impl Difference {
    fn of(
        model: &Latency,
        batch: f64,
        latency: Option<&MeasuredLatency>,
        measured: &Measured,
    ) -> Option<Self> {
        let latency = latency?;
        let difference = |model: f64, measured: f64| model / measured - 1.0;
        Some(Difference {
            mean: difference(model.mean, latency.mean),
            p50: difference(model.p50, latency.p50),
            p95: difference(model.p95, latency.p95),
            p99: difference(model.p99, latency.p99),
            mean_batch: measured.mean_batch.map(|measured| difference(batch, measured)),
        })
    }
}

impl ObserveReport<'_> {
    /// The text of summary.json.
    pub fn json(&self) -> String {
        let scenario = self.scenario;
        let predicted = self.prediction.map(|p| &p.predicted);
        let summary = Summary {
            scenario: &scenario.name,
            seed: scenario.seed,
            target: self.target,
            setting: scenario.setting(),
            requests: self.measured.requests,
            slo_percentile: scenario.slo.percentile,
            notes: self.notes(),
            settings: &scenario.written,
            measured: self.measured,
            simulated: &self.simulation.simulated,
            predicted,
            error: predicted.map(|p| RelativeError::of(p, &self.simulation.simulated)),
            difference: self.differences(),
        };
        pretty(&summary)
    }

    fn differences(&self) -> Differences {
        let (measured, simulated) = (self.measured, &self.simulation.simulated);
        let (whole, inner) = (measured.latency_s.as_ref(), measured.latency_less_overhead_s.as_ref());
        let of_simulated =
            |latency| Difference::of(&simulated.latency_s, simulated.mean_batch, latency, measured);
        let of_predicted = |latency| {
            let predicted = &self.prediction?.predicted;
            Difference::of(&predicted.latency_s, predicted.mean_batch, latency, measured)
        };
        Differences {
            simulated: of_simulated(whole),
            simulated_less_overhead: of_simulated(inner),
            predicted: of_predicted(whole),
            predicted_less_overhead: of_predicted(inner),
        }
    }

    fn notes(&self) -> Vec<String> {
        let measured = self.measured;
        let mut notes = vec!["Latency counts from the intended time of sending.".to_owned()];
        if let Some(late) = &measured.late_sending_s {
            notes.push(format!(
                "Sending was late by {} in the median, {} at p99, {} at most.",
                format::duration(late.p50),
                format::duration(late.p99),
                format::duration(late.max)
            ));
        }
        match &measured.overhead_s {
            Some(overhead) => notes.push(format!(
                "Overhead (client, connections, protocol) is what the gateway does not see: {} in the median, {} at p95.",
                format::duration(overhead.p50),
                format::duration(overhead.p95)
            )),
            None => notes.push("The target tells nothing of its batches, as sim serve does in headers.".to_owned()),
        }
        if let Some(busy) = measured.machine_busy_share {
            let warning =
                if busy > 0.5 { ": more than half, so queueing for it is measured too" } else { "" };
            notes.push(format!("This machine was {} busy{warning}.", format::percent(busy)));
        }
        if measured.failed > 0 {
            let by_status: Vec<String> = measured
                .by_status
                .iter()
                .filter(|(status, _)| !(200..300).contains(*status))
                .map(|(status, count)| match status {
                    0 => format!("{} without an answer", format::count(*count)),
                    _ => format!("{} with status {status}", format::count(*count)),
                })
                .collect();
            notes.push(format!("Failed requests are in no latency: {}.", by_status.join(", ")));
        }
        notes
    }
}
