//! What `sim trace info` shows: trace.json, and with the feature `charts` its tables.

#[cfg(feature = "charts")]
mod page;

use serde::Serialize;

use super::json::pretty;
use crate::arrivals::trace::Reading;
use crate::fitting::TraceStats;

/// A measured trace.
#[derive(Debug, Clone, Copy)]
pub struct TraceReport<'a> {
    /// The trace's name.
    pub name: &'a str,
    /// What was measured.
    pub stats: &'a TraceStats,
    /// How the file was read.
    pub reading: &'a Reading,
}

/// What trace.json holds.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    stats: &'a TraceStats,
    reading: &'a Reading,
}

impl TraceReport<'_> {
    /// The figures as JSON.
    pub fn json(&self) -> String {
        pretty(&Whole { stats: self.stats, reading: self.reading })
    }
}
