//! The exact law of a buffer that dispatches at B requests or T after the first, fed by a MAP.
//!
//! The derivation, the numerical method, its error and its cost are in `docs/exact-law.md`. The work is
//! split by what it depends on, so that a search repeats none of it:
//!
//! 1. [`Levels`], of arrivals and timeout: how many requests arrive within each time, by phase.
//! 2. [`BatchLaw`], of a batch size too: the law of the batch size and of the waits.
//! 3. [`LatencyLaw`], of service times too: CDF, quantiles, mean and expected cost; also of a mixture of hours.
//!
//! Where several classes of requests share the buffer, each with its own longest wait, [`SharedSizes`] are the batch
//! sizes and [`SharedLaw`] the waits of each class, in the form of a [`BatchLaw`]; [`SharedLimits`] tells how many of each wait
//! too long, without the whole law, and [`SizedLaw`] is for requests of different sizes.
//!
//! The CDF is accurate to about 1e-8.

mod batches;
mod filling;
mod latency;
mod levels;
mod march;
mod nodes;
mod over;
mod shared;
mod sized;
mod stages;
mod variation;
mod verdict;

pub use batches::BatchLaw;
pub use latency::LatencyLaw;
pub use levels::Levels;
pub use over::SharedLimits;
pub use shared::SharedLaw;
pub use sized::{SizedBatches, SizedLaw};
pub use stages::SharedSizes;
pub use variation::{Law, Variation};
