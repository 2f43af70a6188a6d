//! batchsim: a discrete-event simulator and capacity planner for machine-learning inference on
//! serverless functions with adaptive batching.
//!
//! ```text
//!  scenario ──┬─► arrivals ─► policy ─► platform ─► recorder ─► outcome     (engine: simulated)
//!             │                                                   │
//!             └─► process, B, T, service times ─► analytic ─► outcome     (planner: predicted)
//!                                                                 │
//!                  sweep, plan, compare ◄─────────────────────────┴──► report ─► JSON, CSV, SVG, HTML
//! ```
//!
//! Invariants, held by `tests/house_rules.rs`:
//! 1. `engine` and `analytic` never import each other; both end in an [`outcome`], and tests compare them.
//! 2. `policy` knows no prices, `platform` knows no batching; the engine connects them.
//! 3. Files are touched only by readers, writers and the command line; the wall clock only by `profiler`, `gateway` and `cli`.
//! 4. A run is a pure function of scenario and seed: the same bytes at any number of threads.
//! 5. `report` never simulates.
//! 6. Every price and limit is data with date and source (profiles/books).
//! 7. Billing counts integers and multiplies by the price once, at the end.

pub mod analytic;
pub mod arrivals;
pub mod backtest;
pub mod cli;
pub mod document;
pub mod engine;
pub mod error;
pub mod fitting;
#[cfg(feature = "serve")]
pub mod gateway;
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
pub mod text;
pub mod units;
