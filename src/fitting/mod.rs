//! What kind of process a trace is: its statistics, its fits and how good they are.
//!
//! The methods, their formulas and their sources are in docs/fitting.md.

mod exact_stats;
mod scales;
mod trace_stats;

pub use exact_stats::MapStats;
pub use scales::{SCALES_S, Scale};
pub use trace_stats::{Basis, GapStats, Hour, LAGS, Meter, TraceStats, measure, measure_counts};

use crate::units::Span;

/// A trace of counts: the arrivals in each of the consecutive bins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The length of a bin.
    pub bin: Span,
    /// The arrivals by bin.
    pub counts: Vec<u32>,
}

impl Counts {
    /// The length of all bins.
    pub fn duration(&self) -> Span {
        Span(self.bin.0 * self.counts.len() as u64)
    }
}
