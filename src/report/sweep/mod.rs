//! What `sim sweep` shows: the front as JSON, and with the feature `charts` the table, the charts and the page.

#[cfg(feature = "charts")]
mod charts;
#[cfg(feature = "charts")]
mod page;

use serde::Serialize;

use super::format;
use super::json::{self, pretty};
use crate::outcome::Model;
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};
use crate::sweep::front::on_front;
use crate::sweep::row::Row;
use crate::sweep::table::About;
use crate::text::line;

/// A sweep to be shown.
#[derive(Debug)]
pub struct SweepReport<'a> {
    about: &'a About,
    rows: &'a [Row],
    /// By latency, ascending.
    front: Vec<&'a Row>,
    best: Option<&'a Row>,
}

#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    seed: u64,
    model: &'a str,
    percentile: f64,
    objective: &'a str,
    configurations: usize,
    meet_slo: Option<usize>,
    notes: Vec<String>,
    best: Option<RowJson>,
    front: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    #[serde(flatten, serialize_with = "json::setting")]
    setting: Setting,
    predicted_p95_s: Option<f64>,
    predicted_cost_usd_per_million: Option<f64>,
    simulated_p95_s: Option<f64>,
    simulated_cost_usd_per_million: Option<f64>,
    meets_slo: Option<bool>,
}

impl From<&Row> for RowJson {
    fn from(row: &Row) -> RowJson {
        RowJson {
            setting: row.setting,
            predicted_p95_s: row.predicted.map(|f| f.latency_s),
            predicted_cost_usd_per_million: row.predicted.map(|f| f.usd_per_million),
            simulated_p95_s: row.simulated.map(|f| f.latency_s),
            simulated_cost_usd_per_million: row.simulated.map(|f| f.usd_per_million),
            meets_slo: row.meets_slo,
        }
    }
}

fn latency(row: &&Row) -> f64 {
    row.figures().latency_s
}

fn cost(row: &&Row) -> f64 {
    row.figures().usd_per_million
}

impl<'a> SweepReport<'a> {
    /// A report of all rows of a sweep, in the order of the grid.
    pub fn new(about: &'a About, rows: &'a [Row]) -> SweepReport<'a> {
        let on = on_front(rows);
        let mut front: Vec<&Row> = rows.iter().zip(on).filter(|(_, on)| *on).map(|(row, _)| row).collect();
        front.sort_by(|a, b| latency(a).total_cmp(&latency(b)));
        let meeting = rows.iter().filter(|row| row.meets_slo == Some(true));
        // The cheapest in time, or the fastest within the budget.
        let best = match about.slo_latency_s {
            Some(_) => {
                meeting.min_by(|a, b| cost(a).total_cmp(&cost(b)).then(latency(a).total_cmp(&latency(b))))
            }
            None => {
                meeting.min_by(|a, b| latency(a).total_cmp(&latency(b)).then(cost(a).total_cmp(&cost(b))))
            }
        };
        SweepReport { about, rows, front, best }
    }

    /// The JSON for standard output.
    pub fn json(&self) -> String {
        let About { scenario, seed, model, percentile, objective, .. } = self.about;
        let summary = Summary {
            scenario,
            seed: *seed,
            model,
            percentile: *percentile,
            objective,
            configurations: self.rows.len(),
            meet_slo: self.meeting(),
            notes: self.notes(),
            best: self.best.map(RowJson::from),
            front: self.front.iter().map(|row| RowJson::from(*row)).collect(),
        };
        pretty(&summary)
    }

    fn meeting(&self) -> Option<usize> {
        let asked = self.rows.iter().any(|row| row.meets_slo.is_some());
        asked.then(|| self.rows.iter().filter(|row| row.meets_slo == Some(true)).count())
    }

    fn simulated(&self) -> bool {
        self.rows.iter().any(|row| row.simulated.is_some())
    }

    fn notes(&self) -> Vec<String> {
        let basis = if self.simulated() { "simulated" } else { "predicted" };
        let mut notes = vec![format!("The front and the SLO go by the {basis} figures.")];
        if self.about.cold_starts && self.rows.iter().any(|row| row.predicted.is_some()) {
            notes.push("Predictions leave out cold starts, throttling and waiting for capacity.".to_owned());
        }
        if !self.about.cold_starts {
            notes.push("Environments are always warm (cold_starts = false).".to_owned());
        }
        if self.about.fitted {
            notes.push("The trace is predicted by a process fitted to each of its hours.".to_owned());
        }
        notes.extend(self.about.reading.iter().cloned());
        notes
    }
}

/// What a sweep of a scenario is about.
pub fn about(scenario: &Scenario, model: Model) -> About {
    let slo = &scenario.slo;
    let latency = slo.latency.map(|latency| match slo.max_violations {
        Some(share) => format!("at most {} over {latency}", format::percent(share)),
        None => format!("{} within {latency}", slo.name()),
    });
    let budget = slo.budget_usd_per_million.map(|usd| format!("at most {} a million", format::money(usd)));
    About {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        headline: format!(
            "{}, prices of {}",
            line(&scenario.profile.model),
            line(&scenario.platform.book.name)
        ),
        model: model.name().to_owned(),
        percentile: (slo.percentile * 1e8).round() / 1e6,
        slo_latency_s: slo.latency.map(|latency| latency.as_secs_f64()),
        objective: latency.into_iter().chain(budget).collect::<Vec<_>>().join(", "),
        cold_starts: matches!(scenario.platform.environments, Environments::Pool(_)),
        fitted: scenario.workload.source.is_recorded(),
        reading: Vec::new(),
    }
}
