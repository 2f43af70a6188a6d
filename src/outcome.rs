//! The one result that the engine and the analytic models both return, with the names of the JSON files.

use serde::Serialize;

use crate::arrivals::rhythm::Rhythm;
use crate::numeric::histogram::Histogram;
use crate::price::BillUsd;
use crate::units::Span;

/// A latency distribution in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The percentile that the SLO names.
    pub slo: f64,
    /// The largest, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// 95 % confidence intervals, `[low, high]`; absent where the run is too short for one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct LatencyIntervals {
    /// Of the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f64; 2]>,
    /// Of the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<[f64; 2]>,
    /// Of the 90th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<[f64; 2]>,
    /// Of the 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<[f64; 2]>,
    /// Of the 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<[f64; 2]>,
}

impl LatencyIntervals {
    /// The interval of the quantile `q`, if it is one of these.
    pub fn percentile(&self, q: f64) -> Option<[f64; 2]> {
        let all = [(0.5, self.p50), (0.9, self.p90), (0.95, self.p95), (0.99, self.p99)];
        all.into_iter().find(|(at, _)| *at == q).and_then(|(_, interval)| interval)
    }
}

/// How the intervals were made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// In words.
    pub method: &'static str,
    /// From so many slices of the run, or replications.
    pub pieces: usize,
    /// What has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// Figures for which a run is too short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Withheld {
    /// By the names of their fields.
    pub figures: Vec<&'static str>,
    /// What would do, where the run says anything of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<Needed>,
}

/// How long a run must be for an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Needed {
    /// Independent pieces, such as bursts, that this run is evidence of.
    pub pieces: f64,
    /// The length of one \[s\].
    pub piece_s: f64,
    /// A run of this length \[s\] would do.
    pub run_s: f64,
    /// The requests that come in it.
    pub requests: u64,
}

/// What a simulation found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulated {
    /// Latency of the requests that were served.
    pub latency_s: Latency,
    /// Absent where the run is too short for an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ci95_s: Option<LatencyIntervals>,
    /// The whole bill.
    pub cost_usd: f64,
    /// The bill by million requests.
    pub cost_usd_per_million: f64,
    /// The bill of 730 hours like those of the run, at its own mean rate.
    pub cost_usd_per_month: f64,
    /// Absent where the run is too short for an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd_per_million_ci95: Option<[f64; 2]>,
    /// The bill by component.
    pub cost_components_usd: BillUsd,
    /// Requests per batch.
    pub mean_batch: f64,
    /// Absent where the run is too short for an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_batch_ci95: Option<[f64; 2]>,
    /// Share of batches of 1, 2, ... requests.
    pub batch_size: Vec<f64>,
    /// Batches that left full.
    pub full_batches: u64,
    /// Batches that left at their timeout.
    pub timeout_batches: u64,
    /// The longest wait of a batch's first request.
    pub longest_wait_s: f64,
    /// Invocations of new environments.
    pub cold_starts: u64,
    /// The same as a share of all invocations.
    pub cold_start_share: f64,
    /// Refused tries.
    pub throttled: u64,
    /// Requests that failed because every try was refused.
    pub rejected: u64,
    /// The most environments busy at once.
    pub peak_concurrency: u64,
    /// Mean number of environments busy.
    pub mean_concurrency: f64,
    /// Environments that were there, where they come and go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<EnvironmentsSeen>,
    /// Instances that the provider took back.
    pub interruptions: u64,
    /// Requests over the SLO; those that failed count too.
    pub slo_violations: u64,
    /// The same as a share of all requests.
    pub slo_violation_share: f64,
    /// Absent where the run is too short for an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_violation_share_ci95: Option<[f64; 2]>,
    /// How the intervals were made, and for what there is none.
    pub intervals: Intervals,
}

/// How many environments there were: those that serve, initialise or are idle, and provisioned ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EnvironmentsSeen {
    /// In the mean over the run.
    pub mean: f64,
    /// The most at once.
    pub peak: u64,
}

/// Which analytic model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Model {
    /// The exact law.
    #[default]
    Exact,
    /// The approximation published with the SC20 paper.
    Published,
}

impl Model {
    /// The models by their names on the command line.
    pub const NAMES: [(&str, Model); 2] = [("exact", Model::Exact), ("published", Model::Published)];

    /// The model's name.
    pub fn name(self) -> &'static str {
        match self {
            Model::Exact => "exact",
            Model::Published => "published",
        }
    }
}

/// What an analytic model says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// `exact` or `published`.
    pub model: &'static str,
    /// Latency; no maximum.
    pub latency_s: Latency,
    /// Expected cost by million requests.
    pub cost_usd_per_million: f64,
    /// Requests per batch.
    pub mean_batch: f64,
    /// Share of batches of 1, 2, ... requests.
    pub batch_size: Vec<f64>,
    /// Share of requests over the SLO, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_violation_share: Option<f64>,
}

/// How far the prediction is from the simulation: predicted / simulated - 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RelativeError {
    /// Of the mean latency.
    pub mean: f64,
    /// Of the 50th percentile.
    pub p50: f64,
    /// Of the 95th percentile.
    pub p95: f64,
    /// Of the 99th percentile.
    pub p99: f64,
    /// Of the cost per request.
    pub cost: f64,
    /// Of the mean batch.
    pub mean_batch: f64,
}

impl RelativeError {
    /// Compares the two.
    pub fn of(predicted: &Predicted, simulated: &Simulated) -> RelativeError {
        let error = |predicted: f64, simulated: f64| predicted / simulated - 1.0;
        let (a, b) = (&predicted.latency_s, &simulated.latency_s);
        RelativeError {
            mean: error(a.mean, b.mean),
            p50: error(a.p50, b.p50),
            p95: error(a.p95, b.p95),
            p99: error(a.p99, b.p99),
            cost: error(predicted.cost_usd_per_million, simulated.cost_usd_per_million),
            mean_batch: error(predicted.mean_batch, simulated.mean_batch),
        }
    }
}

/// A difference, first minus second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The difference of the two figures.
    pub value: f64,
    /// Its 95 % confidence interval; absent where the run is too short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci95: Option<[f64; 2]>,
}

/// The differences of two systems, first minus second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Of the cost of a million requests [$].
    pub cost_usd_per_million: Difference,
    /// Of the mean latency \[s\].
    pub mean_latency_s: Difference,
    /// Of the 95th percentile of the latency \[s\].
    pub p95_latency_s: Difference,
    /// Of the share of requests over the SLO.
    pub slo_violation_share: Difference,
}

/// One hour of a simulation: a row of hours.csv.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HourRow {
    /// 1-based hour.
    pub hour: u64,
    /// Requests served.
    pub requests: u64,
    /// Requests served per second.
    pub rate_per_s: f64,
    /// Median latency.
    pub p50_s: f64,
    /// 95th percentile.
    pub p95_s: f64,
    /// 99th percentile.
    pub p99_s: f64,
    /// Bill of the hour, provisioned concurrency left out.
    pub cost_usd: f64,
    /// Requests per batch.
    pub mean_batch: f64,
    /// Requests over the SLO.
    pub slo_violations: u64,
    /// Invocations of new environments.
    pub cold_starts: u64,
    /// The most environments busy at once.
    pub peak_concurrency: u64,
    /// Requests that failed; over the SLO, too.
    pub failed: u64,
}

/// One of some hundred equal slices of time, for the charts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceRow {
    /// The slice's start.
    pub start_s: f64,
    /// Requests served per second.
    pub rate_per_s: f64,
    /// 95th percentile of the latency; absent where nothing was served.
    pub p95_s: Option<f64>,
    /// Mean number of environments busy with batches that started here.
    pub mean_concurrency: f64,
    /// The most environments busy at once.
    pub peak_concurrency: u64,
    /// Invocations of new environments.
    pub cold_starts: u64,
    /// Requests served.
    pub requests: u64,
    /// Requests that failed.
    pub rejected: u64,
    /// Sum of their latencies.
    pub latency_sum_s: f64,
    /// Requests over the SLO.
    pub slo_violations: u64,
    /// What was billed: invocations that started here, and instances while they ran.
    pub cost_usd: f64,
    /// Mean number of ready instances.
    pub instances: f64,
    /// What they could serve: requests per second with every worker busy on full batches.
    pub capacity_per_s: f64,
}

/// A simulation with the detail that charts and tables need.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Requests served, over all replications.
    pub requests: u64,
    /// Batches served, over all replications.
    pub batches: u64,
    /// Independent replications.
    pub replications: u32,
    /// What was counted took so long, over all replications \[s\].
    pub duration_s: f64,
    /// The figures.
    pub simulated: Simulated,
    /// What is known of how the arrivals vary.
    pub rhythm: Rhythm,
    /// What is counted starts here.
    pub warmup: Span,
    /// The first replication by hour.
    pub hours: Vec<HourRow>,
    /// The first replication over time.
    pub slices: Vec<SliceRow>,
    /// The latencies \[ns\] of each of `slices`.
    pub slice_latencies: Vec<Histogram>,
    /// The latency's distribution: (seconds, share of requests up to it).
    pub cdf: Vec<(f64, f64)>,
}

/// The cold starts that a keep-alive would give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KeepAlivePoint {
    /// How long idle environments stay warm.
    pub keep_alive_s: f64,
    /// Batches that start in a new environment.
    pub cold_starts: u64,
    /// Where the figure comes from.
    pub source: KeepAliveSource,
}

/// Where a point of cold starts against keep-alive comes from: both are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeepAliveSource {
    /// All keep-alives at once, from the path of how many environments are busy.
    Crossing,
    /// A simulation with this keep-alive.
    Simulated,
}

/// The figures of one of several classes, simulated or predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFigures {
    /// Its name.
    pub name: String,
    /// Its share of all requests.
    pub share: f64,
    /// The longest wait of its requests in the buffer.
    pub longest_wait_s: f64,
    /// Latency of its requests.
    pub latency_s: Latency,
    /// Absent where nothing was simulated, or too little for an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ci95_s: Option<LatencyIntervals>,
    /// The share of its requests over its objective, where it has one; those that failed count too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_violation_share: Option<f64>,
    /// Absent as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_violation_share_ci95: Option<[f64; 2]>,
    /// What a million of its requests pay: the members of a batch share its price equally.
    pub cost_usd_per_million: f64,
    /// What a request is padded by in the mean, to the size of the largest in its batch; absent where they have no sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<f64>,
}
