//! What `sim compare` shows: compare.json, compare.csv, and with the feature `charts` the tables, the charts and the page.

#[cfg(feature = "charts")]
mod charts;
#[cfg(feature = "charts")]
mod page;

use serde::{Serialize, Serializer};
use serde_json::{Map, json};

use super::json::pretty;
use crate::numeric::histogram::Histogram;
use crate::outcome::SliceRow;
use crate::scenario::Scenario;
use crate::systems::compare::Compared;
use crate::text::csv;

/// Systems side by side.
#[derive(Debug, Clone, Copy)]
pub struct CompareReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What each system did; the first is the one that the others are compared with.
    pub systems: &'a [Compared],
}

/// A row of compare.csv.
#[derive(Debug, Clone, Serialize)]
pub struct CompareRow<'a> {
    #[serde(serialize_with = "neutral")]
    system: &'a str,
    #[serde(serialize_with = "neutral")]
    setting: &'a str,
    requests: u64,
    cost_usd: f64,
    cost_usd_per_million: f64,
    /// The cost over that of the first system.
    relative_cost: f64,
    functions_usd: f64,
    /// Instances on demand.
    instances_usd: f64,
    spot_usd: f64,
    mean_s: f64,
    p50_s: f64,
    p95_s: f64,
    p99_s: f64,
    slo_violations: u64,
    slo_violation_share: f64,
    mean_batch: f64,
    cold_starts: u64,
    peak_instances: f64,
    /// Instances that the provider took back.
    interruptions: u64,
    /// The least and the largest of the SLO's percentile in slices of the run, over the SLO; empty without one.
    window_least: Option<f64>,
    window_most: Option<f64>,
    cost_usd_per_month: f64,
    /// The SLO's own percentile.
    slo_s: f64,
}

impl CompareReport<'_> {
    /// The text of compare.json: by system name.
    pub fn json(&self) -> String {
        let mut all = Map::new();
        for (row, system) in self.csv_rows().iter().zip(self.systems) {
            let s = &system.simulation.simulated;
            let block = json!({
                "setting": system.setting,
                "requests": system.simulation.requests,
                "cost_usd": s.cost_usd,
                "relative_cost": row.relative_cost,
                "slo_violations": s.slo_violations,
                "meets_slo": self.scenario.slo.verdict(s.slo_violation_share, s.cost_usd_per_million),
                "simulated": s,
                "minus_first": system.difference,
            });
            all.insert(system.name.clone(), block);
        }
        pretty(&all)
    }

    /// The rows of compare.csv.
    pub fn csv_rows(&self) -> Vec<CompareRow<'_>> {
        self.systems.iter().map(|system| self.csv_row(system)).collect()
    }

    fn csv_row<'a>(&self, system: &'a Compared) -> CompareRow<'a> {
        let s = &system.simulation.simulated;
        let bill = &s.cost_components_usd;
        let windows = self.windows(system);
        CompareRow {
            system: &system.name,
            setting: &system.setting,
            requests: system.simulation.requests,
            cost_usd: s.cost_usd,
            cost_usd_per_million: s.cost_usd_per_million,
            relative_cost: s.cost_usd / self.systems[0].simulation.simulated.cost_usd,
            functions_usd: s.cost_usd - bill.instances - bill.spot,
            instances_usd: bill.instances,
            spot_usd: bill.spot,
            mean_s: s.latency_s.mean,
            p50_s: s.latency_s.p50,
            p95_s: s.latency_s.p95,
            p99_s: s.latency_s.p99,
            slo_violations: s.slo_violations,
            slo_violation_share: s.slo_violation_share,
            mean_batch: s.mean_batch,
            cold_starts: s.cold_starts,
            peak_instances: peak(system, |row| row.instances),
            interruptions: s.interruptions,
            window_least: windows.map(|(least, _)| least),
            window_most: windows.map(|(_, most)| most),
            cost_usd_per_month: s.cost_usd_per_month,
            slo_s: s.latency_s.slo,
        }
    }

    /// The least and the largest of the SLO's percentile in slices of the run, over the SLO.
    fn windows(&self, system: &Compared) -> Option<(f64, f64)> {
        let slo = self.scenario.slo.latency?.as_secs_f64();
        let quantile = |latencies: &Histogram| latencies.quantile(self.scenario.slo.percentile);
        let shares = system.simulation.slice_latencies.iter().filter_map(quantile).map(|ns| ns / 1e9 / slo);
        let ends = shares.fold((f64::INFINITY, 0.0_f64), |(least, most), x| (least.min(x), most.max(x)));
        Some(ends)
    }
}

/// Names are anybody's: none begins a formula.
fn neutral<S: Serializer>(name: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&csv(name))
}

fn peak(system: &Compared, value: fn(&SliceRow) -> f64) -> f64 {
    system.simulation.slices.iter().map(value).fold(0.0, f64::max)
}
