//! What kind of process a trace is: its statistics, its fits and how good they are.
//!
//! The methods, their formulas and their sources are in docs/fitting.md.

mod closed_form;
mod count_em;
mod exact_stats;
mod gap_em;
mod gap_likelihood;
mod observed;
mod scales;
mod trace_stats;

pub use exact_stats::MapStats;
pub use observed::{Counts, MOST_ARRIVALS, Observed};
pub use scales::{SCALES_S, Scale};
pub use trace_stats::{Basis, GapStats, Hour, LAGS, Meter, TraceStats, measure, measure_counts};
