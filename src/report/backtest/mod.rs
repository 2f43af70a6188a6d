//! What `sim backtest` shows: a table, backtest.json, and a page for a sceptic.

#[cfg(feature = "charts")]
mod charts;
mod json;
#[cfg(feature = "charts")]
mod page;

use super::format;
use crate::backtest::Backtest;
use crate::backtest::call::Log;
use crate::backtest::predict::NAMES;
use crate::backtest::verdict::{Tolerance, in_words};

/// A log and what was predicted of it.
#[derive(Debug, Clone, Copy)]
pub struct BacktestReport<'a> {
    /// The log.
    pub log: &'a Log,
    /// The result.
    pub found: &'a Backtest,
    /// What is tolerated.
    pub tolerance: &'a Tolerance,
    /// The part of the time that was learnt from.
    pub split: f64,
    /// How often the rest was predicted.
    pub seeds: u32,
}

impl BacktestReport<'_> {
    /// The text of backtest.json.
    pub fn json(&self) -> String {
        json::text(self)
    }

    /// A figure's place among those that are shown.
    fn shown(&self) -> impl Iterator<Item = usize> + '_ {
        (0..NAMES.len()).filter(|at| NAMES[*at] != "cold_starts" || self.found.learnt.knows_cold)
    }

    /// Sentences below the tables.
    pub fn notes(&self) -> Vec<String> {
        let found = self.found;
        let mut notes: Vec<String> =
            found.verdict.causes.iter().map(|cause| format!("Cause: {cause}.")).collect();
        if let Some([hits, missed, false_alarms]) = found.hits {
            notes.push(format!(
                "Cold starts, request by request: {} hit, {} missed, {} false alarms.",
                format::number(hits),
                format::number(missed),
                format::number(false_alarms)
            ));
        }
        if let Some(change) = found.verdict.change {
            notes.push(format!("Drift: service times {}.", in_words(change)));
        }
        notes.extend(found.verdict.stays_changed.iter().map(|change| format!("Drift: {change}.")));
        let of_log = found.learnt.notes.iter().chain(&self.log.notes);
        notes.extend(of_log.map(|note| format!("Note: {note}.")));
        for (reason, count) in &self.log.skipped {
            notes.push(format!("Left out: {} {reason}.", format::count(*count as u64)));
        }
        notes.push(format!(
            "What lies within the noise of what was observed (block bootstrap, 95 %) is tolerated, too. Predicted {} times with other luck: sums are means, percentiles the middle ones.",
            self.seeds
        ));
        notes
    }
}
