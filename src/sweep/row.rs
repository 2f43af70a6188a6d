//! What a sweep says of one configuration.

use crate::scenario::Setting;

/// One configuration with its figures: at least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The configuration.
    pub setting: Setting,
    /// By the analytic model; absent for a trace.
    pub predicted: Option<Figures>,
    /// By simulation; absent with `--predict-only`.
    pub simulated: Option<Figures>,
    /// The 95 % interval of the simulated latency \[s\], where one was made.
    pub interval_s: Option<[f64; 2]>,
    /// Does it meet the objective? Absent where nothing is asked.
    pub meets_slo: Option<bool>,
    /// What else the simulation counted.
    pub counts: Option<Counts>,
}

/// What else a simulation counted of a configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// Median latency \[s\].
    pub p50_s: f64,
    /// 99th percentile of the latency \[s\].
    pub p99_s: f64,
    /// The share of the requests over the latency target, failed ones included; 0 without a target.
    pub late: f64,
    /// Requests per batch.
    pub mean_batch: f64,
    /// Cold starts by invocations.
    pub cold_starts: f64,
    /// Cost of 730 hours at the run's own rate [$].
    pub usd_per_month: f64,
}

/// The two figures that configurations are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// The objective's percentile of the latency \[s\]: the 95th unless the scenario names another.
    pub latency_s: f64,
    /// Cost of a million requests [$].
    pub usd_per_million: f64,
}

impl Row {
    /// The figures to decide by: the simulated where there are some, else the predicted.
    pub fn figures(&self) -> Figures {
        self.simulated.or(self.predicted).expect("a row has figures")
    }
}
