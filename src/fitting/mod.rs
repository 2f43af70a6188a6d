//! What kind of process a trace is: its statistics, its fits and how good they are.
//!
//! The methods, their formulas and their sources are in docs/fitting.md.

mod bins;
mod candidate;
mod closed_form;
mod count_em;
mod exact_stats;
mod fit;
mod gap_em;
mod gap_likelihood;
mod hours;
mod observed;
mod output;
mod piecewise;
mod renewal;
mod sample;
mod scales;
mod state;
mod trace_stats;

pub use candidate::{COMPARED_S, Candidate, Family, Means, OFF, ScaleFit};
pub use exact_stats::MapStats;
pub use fit::{Fit, FitError, Method, fit, fit_window};
pub use hours::Hour;
pub use observed::{Counts, MOST_ARRIVALS, Observed};
pub use output::schedule_toml;
pub use piecewise::{Piece, piecewise};
pub use scales::{SCALES_S, Scale};
pub use state::state_probability;
pub use trace_stats::{Basis, GapStats, LAGS, Meter, TraceStats, measure, measure_counts};
