//! What `sim plan` shows: plan.json, and with the feature `charts` the table, the charts and the page.

#[cfg(feature = "charts")]
mod charts;
mod json;
mod notes;
#[cfg(feature = "charts")]
mod page;
#[cfg(feature = "charts")]
mod words;

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
    /// How long it took \[s\].
    pub elapsed_s: f64,
}

impl PlanReport<'_> {
    /// The cost of the configuration that the answer is about [$ per million]: simulated, else predicted.
    fn cost(&self) -> f64 {
        self.plan.evaluated().usd_per_million()
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
