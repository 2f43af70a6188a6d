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
//! # As a library
//! Everything that the program `sim` does is here to be called. With `default-features = false` there are the
//! simulation, the law, the fits, the planner and the JSON of their results; the feature `charts` adds charts, pages and
//! tables, `cli` the command line, `zstd` compressed traces, `parquet`, `profiler` and `serve` what their names say.
//!
//! A scenario is read from text or a file, and a system of it is run:
//!
//! ```
//! use batchsim::document::Document;
//! use batchsim::engine::simulate::Unwatched;
//! use batchsim::outcome::Model;
//! use batchsim::planner::predict::predict;
//! use batchsim::scenario::Scenario;
//! use batchsim::systems;
//!
//! let text = r#"
//! workload = { kind = "poisson", rate = 50, requests = 100_000 }
//! profile = { memory_mb = [1024], batch = [1, 8], service_s = [[0.2, 0.9]] }
//! platform = { kind = "lambda", book = "aws-2026", memory_mb = 1024 }
//! policy = { kind = "batch", batch = 4, timeout = "50ms" }
//! "#;
//! let scenario = Scenario::from_document(&Document::parse("example", text)?, "example")?;
//! let run = systems::run(&scenario, &scenario.system().kind, &mut Unwatched)?;
//! let simulated = run.simulation.simulated.latency_s.p95; // seconds
//! let prediction = predict(&scenario, scenario.setting(), Model::Exact)?.expect("a Poisson process is covered");
//! assert!((prediction.predicted.latency_s.p95 / simulated - 1.0).abs() < 0.01);
//! # Ok::<(), batchsim::error::InputError>(())
//! ```
//!
//! The law needs no scenario:
//!
//! ```
//! use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels};
//! use batchsim::arrivals::map::Map;
//! use batchsim::units::Span;
//!
//! let levels = Levels::new(&Map::poisson(50.0), 4, Span::from_millis(50));
//! let batches = BatchLaw::new(&levels, 4);
//! let service = [0.2, 0.3, 0.4, 0.5]; // seconds, of a batch of 1, 2, 3 and 4
//! let latency = LatencyLaw::new(&batches, &service, 0.0);
//! // A batch is full if three more requests come within the 50 ms: 1 - e^-2.5 (1 + 2.5 + 2.5^2 / 2).
//! let full = 1.0 - (-2.5_f64).exp() * (1.0 + 2.5 + 3.125);
//! assert!((batches.full() - full).abs() < 1e-9);
//! assert!(latency.quantile(0.95) <= 0.55);
//! ```
//!
//! `examples/` has more: arrivals in memory, a plan, a policy of one's own.
//!
//! # Where is what
//! | room | holds |
//! |---|---|
//! | [`units`], [`numeric`], [`text`], [`bounded`], [`document`] | integer time and money; random streams, histograms; safe names; files of a bounded size; TOML that knows its places |
//! | [`arrivals`], [`fitting`], [`profile`], [`price`] | where requests come from; processes fitted to them; service times; prices and limits |
//! | [`policy`], [`platform`] | when a batch leaves; where it runs |
//! | [`scenario`], [`outcome`] | what is asked, read from TOML; what is answered |
//! | [`engine`], [`analytic`] | the answer by simulation; by the exact law and the published model |
//! | [`planner`], [`systems`], [`sweep`], [`fleet_plan`] | choices; whole systems and their comparison; grids; every function of an account |
//! | [`report`] | JSON, CSV, tables, charts and pages |
//!
//! # Invariants, held by `tests/house_rules.rs`
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
pub mod bounded;
#[cfg(feature = "cli")]
pub mod cli;
pub mod document;
pub mod engine;
pub mod error;
pub mod fitting;
pub mod fleet_plan;
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
pub mod systems;
pub mod text;
pub mod units;
