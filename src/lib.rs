//! batchsim: a discrete-event simulator and capacity planner for machine-learning inference on
//! serverless functions with adaptive batching.

pub mod arrivals;
pub mod cli;
pub mod document;
pub mod error;
pub mod numeric;
pub mod profile;
#[cfg(feature = "profiler")]
pub mod profiler;
pub mod units;
