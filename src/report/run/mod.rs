//! What `sim run` shows: summary.json, decisions.csv, and with the feature `charts` the table, the charts and the page.

#[cfg(feature = "charts")]
mod charts;
pub(super) mod classes;
pub mod intervals;
mod json;
#[cfg(feature = "charts")]
mod page;

use serde::Serialize;

pub use self::classes::ClassTables;
use super::format;
use super::notes::{always_warm, cautions, misfit};
use super::omitted::omitted;
use crate::outcome::{HourRow, KeepAlivePoint, Simulation};
use crate::planner::predict::{Prediction, is_covered};
use crate::policy::adaptive::{Decision, Reason};
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
use crate::scenario::workload::Source;
use crate::units::Span;

/// A simulated scenario beside its prediction.
#[derive(Debug, Clone, Copy)]
pub struct RunReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// What was simulated.
    pub simulation: &'a Simulation,
    /// What the analytic model says; absent for an adaptive policy.
    pub prediction: Option<&'a Prediction>,
    /// The plans of an adaptive policy.
    pub decisions: &'a [Decision],
    /// Cold starts by keep-alive; empty where there are none to count.
    pub keep_alive: &'a [KeepAlivePoint],
    /// The classes that share the buffer, where there are several.
    pub classes: Option<ClassTables<'a>>,
}

/// A row of decisions.csv.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DecisionRow {
    time_s: f64,
    reason: &'static str,
    measured_rate: f64,
    forecast_rate: f64,
    margin: f64,
    caution: f64,
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    meets_slo: bool,
    held_memory: bool,
}

#[derive(Serialize)]
struct Plans {
    plans: usize,
    early: usize,
    memory_changes: usize,
}

/// Users and what they sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct ClosedLoop {
    users: u32,
    think_s: f64,
    requests_per_s: f64,
}

impl ClosedLoop {
    fn words(self) -> String {
        let (users, rate) = (self.users, format::number(self.requests_per_s));
        format!("The {users} users had {rate} requests a second answered.")
    }
}

/// Hours in which too many requests were over the SLO.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct HoursOver {
    hours: usize,
    over: usize,
    share: f64,
}

impl RunReport<'_> {
    fn hours_over(&self) -> Option<HoursOver> {
        self.scenario.slo.latency?;
        let hours = self.simulation.hours.len();
        let slo = &self.scenario.slo;
        let late = |hour: &&HourRow| {
            let asked = (hour.requests + hour.failed).max(1);
            !slo.is_kept(hour.slo_violations as f64 / asked as f64)
        };
        let over = self.simulation.hours.iter().filter(late).count();
        (hours > 1).then(|| HoursOver { hours, over, share: over as f64 / hours as f64 })
    }

    fn meets_slo(&self) -> Option<bool> {
        let s = &self.simulation.simulated;
        self.scenario.slo.verdict(s.slo_violation_share, s.cost_usd_per_million)
    }

    fn plans(&self) -> Option<Plans> {
        self.scenario.policy.adaptive()?;
        let start = self.scenario.setting().memory;
        let sizes = std::iter::once(start).chain(self.decisions.iter().map(|d| d.memory));
        let sizes: Vec<_> = sizes.collect();
        Some(Plans {
            plans: self.decisions.len(),
            early: self.decisions.iter().filter(|d| d.reason == Reason::RateChanged).count(),
            memory_changes: sizes.windows(2).filter(|w| w[0] != w[1]).count(),
        })
    }

    /// The rows of decisions.csv.
    pub fn decision_rows(&self) -> impl Iterator<Item = DecisionRow> {
        self.decisions.iter().map(|d| DecisionRow {
            time_s: d.time.as_secs_f64(),
            reason: match d.reason {
                Reason::Period => "period",
                Reason::RateChanged => "rate changed",
            },
            measured_rate: d.measured,
            forecast_rate: d.forecast,
            margin: d.margin,
            caution: d.caution,
            memory_mb: d.memory.0,
            batch: d.buffer.batch,
            timeout_s: d.buffer.timeout.as_secs_f64(),
            meets_slo: d.meets,
            held_memory: d.held,
        })
    }

    /// What a reader must know to trust the figures.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.scenario.workload.notes();
        match &self.scenario.platform.environments {
            Environments::Pool(_) => {}
            Environments::AlwaysWarm => notes.push(always_warm(&self.scenario.profile)),
        }
        if let Some(prediction) = self.prediction {
            notes.extend(omitted(self.scenario, &self.simulation.simulated));
            notes.extend(misfit(prediction));
        }
        notes.extend(cautions(self.scenario));
        match (&self.scenario.workload.source, self.prediction) {
            (Source::Closed(_), _) => notes.extend(self.closed().map(|closed| closed.words())),
            (_, None) if self.scenario.policy.adaptive().is_none() => {
                let cause = match is_covered(&self.scenario.workload) {
                    true => {
                        "Not predicted: no process can be fitted to a trace whose arrivals are too few, or all at one \
                         instant."
                    }
                    false => {
                        "Not predicted: the law covers Poisson processes, MMPPs and MAPs; gaps of other distributions \
                         are simulated."
                    }
                };
                notes.push(cause.to_owned());
            }
            (_, None) => notes.push(
                "An adaptive policy has no one configuration to predict; its plans are in decisions.csv."
                    .to_owned(),
            ),
            (Source::Trace(_) | Source::Memory(_), Some(_)) => notes.push(
                "Predicted from hourly fits of the trace (Poisson or MMPP(2)), not from the trace itself."
                    .to_owned(),
            ),
            (Source::Process(_) | Source::Renewal(_) | Source::Schedule(_), Some(_)) => {}
        }
        notes.push(match self.scenario.warmup {
            Span::ZERO => "Every request is counted: there is no warm-up.".to_owned(),
            warmup => format!("The first {warmup} are simulated but not counted (warm-up)."),
        });
        notes.extend(intervals::notes(self.simulation));
        notes
    }

    /// What users did, where requests follow from answers.
    fn closed(&self) -> Option<ClosedLoop> {
        let closed = self.scenario.workload.closed()?;
        let (requests, seconds) = (self.simulation.requests as f64, self.simulation.duration_s);
        Some(ClosedLoop {
            users: closed.users,
            think_s: closed.think.as_secs_f64(),
            requests_per_s: if seconds > 0.0 { requests / seconds } else { 0.0 },
        })
    }
}
