//! What `sim plan --max-rate` shows: max-rate.json and a few lines.

use serde::Serialize;

use super::format;
use super::json::pretty;
use super::notes::always_warm;
use super::plan::named;
use crate::outcome::Simulated;
use crate::planner::max_rate::{End, MaxRate};
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;

/// The largest arrival rate with what was asked.
#[derive(Debug, Clone, Copy)]
pub struct MaxRateReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What was found.
    pub found: &'a MaxRate,
}

#[derive(Serialize)]
struct Json<'a> {
    scenario: &'a str,
    max_scale: Option<f64>,
    limited_by_slo: bool,
    rate_per_s: Option<f64>,
    feasible_scales: &'a [(f64, f64)],
    simulated: Option<&'a Simulated>,
    simulations: usize,
}

impl MaxRateReport<'_> {
    /// The text of max-rate.json.
    pub fn json(&self) -> String {
        let found = self.found;
        let json = Json {
            scenario: &self.scenario.name,
            max_scale: found.scale,
            limited_by_slo: found.end == End::Slo,
            rate_per_s: self.rate(),
            feasible_scales: &found.ranges,
            simulated: found.simulation.as_ref().map(|(simulation, _)| &simulation.simulated),
            simulations: found.simulated,
        };
        pretty(&json)
    }

    /// The mean rate of the simulation at the scale [1/s].
    fn rate(&self) -> Option<f64> {
        self.found.scale?;
        let (simulation, _) = self.found.simulation.as_ref()?;
        Some(simulation.requests as f64 / simulation.duration_s)
    }

    /// The text for a terminal.
    pub fn text(&self) -> String {
        let found = self.found;
        let mut text = format!("{}: {}\n", self.scenario.name, named(self.scenario.setting()));
        text.push_str(&match (found.scale, found.end) {
            (None, _) => "No arrival rate was found that it carries within the SLO.\n".to_owned(),
            (Some(scale), End::Slo) => {
                format!("Carries up to {} times the arrival rate within the SLO.\n", format::number(scale))
            }
            (Some(scale), End::Search) => format!(
                "Carries {} times the arrival rate and more: larger rates were not simulated.\n",
                format::number(scale)
            ),
        });
        if let (Some(rate), Some((simulation, _))) = (self.rate(), &found.simulation) {
            let s = &simulation.simulated;
            text.push_str(&format!(
                "There: {} requests/s, {} {}, {} over the SLO, {} per million requests, {} environments at once.\n",
                format::number(rate),
                self.scenario.slo.name(),
                format::duration(s.latency_s.slo),
                format::percent(s.slo_violation_share),
                format::money(s.cost_usd_per_million),
                format::count(s.peak_concurrency)
            ));
        }
        if found.ranges.len() > 1 || found.ranges.first().is_some_and(|range| range.0 > 1.0 / 1024.0) {
            let range =
                |(low, high): &(f64, f64)| format!("{} to {}", format::number(*low), format::number(*high));
            let ranges: Vec<String> = found.ranges.iter().map(range).collect();
            text.push_str(&format!(
                "By prediction the SLO is kept at these scales: {}. A lower rate fills batches more slowly.\n",
                ranges.join(", ")
            ));
        }
        if let Environments::AlwaysWarm = self.scenario.platform.environments {
            text.push_str(&format!("{}\n", always_warm(&self.scenario.profile)));
        }
        text
    }
}
