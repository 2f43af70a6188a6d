//! What `sim plan` shows: plan.json, and with the feature `charts` the table, the charts and the page.

pub mod calibration;
#[cfg(feature = "charts")]
mod charts;
#[cfg(feature = "charts")]
mod explorer;
mod json;
mod notes;
#[cfg(feature = "charts")]
mod page;
#[cfg(feature = "charts")]
mod words;

use self::calibration::{Calibration, ErrorBar};
use crate::planner::plan::Plan;
use crate::planner::search::Candidate;
use crate::scenario::{Scenario, Setting};

/// A plan with what it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct PlanReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What was found.
    pub plan: &'a Plan,
    /// What a backtest says of the model's error.
    pub calibration: Option<&'a Calibration>,
    /// How long it took \[s\].
    pub elapsed_s: f64,
}

impl PlanReport<'_> {
    /// The cost of the configuration that the answer is about [$ per million]: simulated, else predicted.
    fn cost(&self) -> f64 {
        self.plan.evaluated().usd_per_million()
    }

    /// The error bar of the configuration that the answer is about.
    fn error_bar(&self) -> Option<ErrorBar> {
        let percentile = self.scenario.slo.percentile;
        Some(self.calibration?.bar(percentile, self.plan.evaluated().percentile_s(), self.cost()))
    }

    /// The same in a sentence.
    #[cfg(feature = "charts")]
    fn error_bar_in_words(&self) -> Option<String> {
        let bar = self.error_bar()?;
        let [low, high] = bar.latency_s;
        let [least, most] = bar.cost_usd_per_million;
        let beyond = match self.scenario.slo.latency {
            Some(slo) if high > slo.as_secs_f64() => " At its upper end the SLO is missed.",
            _ => "",
        };
        let doubt = if bar.within_tolerance { "" } else { ", which was beyond what is tolerated" };
        Some(format!(
            "By {}{doubt}: {} of {} to {}, {} to {} a million requests.{beyond}",
            bar.source,
            self.scenario.slo.name(),
            super::format::duration(low),
            super::format::duration(high),
            super::format::money(least),
            super::format::money(most)
        ))
    }

    fn more(&self, candidate: &Candidate) -> f64 {
        candidate.cost * 1e6 - self.cost()
    }
}

/// `2432 MB, batches of up to 8 within 100ms`.
pub fn named(setting: Setting) -> String {
    let Setting { memory, batch, timeout, .. } = setting;
    let provisioned = provisioned(setting);
    match batch {
        1 => format!("{memory}{provisioned}, unbatched"),
        _ => format!("{memory}{provisioned}, batches of up to {batch} within {timeout}"),
    }
}

fn provisioned(setting: Setting) -> String {
    match setting.provisioned {
        0 => String::new(),
        count => format!(", {count} provisioned"),
    }
}
