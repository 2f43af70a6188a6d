//! batchsim: a discrete-event simulator and capacity planner for machine-learning inference on
//! serverless functions with adaptive batching.

pub mod analytic;
pub mod arrivals;
pub mod cli;
pub mod document;
pub mod engine;
pub mod error;
pub mod fitting;
pub mod numeric;
pub mod outcome;
pub mod planner;
pub mod platform;
pub mod policy;
pub mod price;
pub mod profile;
#[cfg(feature = "profiler")]
pub mod profiler;
pub mod report;
pub mod scenario;
pub mod sweep;
pub mod units;
