//! The approximation that the SC20 paper's solver uses, as published: to reproduce its results, and to show
//! what it misses.
//!
//! Source: "BATCH: Machine Learning Inference Serving on Serverless Platforms with Adaptive Batching",
//! SC 2020, section IV, with the constants of its artifact. Against the exact law it errs in three places:
//! the wait is taken as uniform on [0, T]; the opening phase and the fill time are those of an MMPP even where
//! D1 is not diagonal; the cost is that of a batch at the size's percentile, not the expected cost.

use crate::analytic::counting::Counting;
use crate::arrivals::map::Map;
use crate::units::Span;

/// The approximate law of the batch size, for one arrival process, batch size and timeout.
#[derive(Debug, Clone)]
pub struct BatchLaw {
    /// `share[n - 1]`: the share of batches of n.
    share: Vec<f64>,
    mean: f64,
    timeout: f64,
    /// The longest wait in a full batch [s]: the mean time to fill it, at most the timeout.
    fill: f64,
}

/// The published formulas divide by the rate at which a phase is left, and one never is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "the published model needs every phase to be left at times, phase {phase} never is; the exact model does not"
)]
pub struct Unsupported {
    /// 0-based.
    phase: usize,
}

impl BatchLaw {
    /// The law for batches of up to `batch`. Panics if `batch` is 0.
    pub fn new(map: &Map, batch: u32, timeout: Span) -> Result<BatchLaw, Unsupported> {
        assert!(batch > 0, "a batch holds at least one request");
        let seconds = timeout.as_secs_f64();
        let start = opening_phase(map, batch, seconds)?;
        let below = batch as usize - 1;
        let mut share = vec![0.0; below];
        if below > 0 {
            let (counting, _) = Counting::at(map.into(), seconds, below, 1e-18);
            let rows = counting.cells().chunks_exact(below * map.order());
            for (weight, row) in start.iter().zip(rows) {
                for cells in row.chunks_exact(below) {
                    share.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += weight * cell);
                }
            }
        }
        share.push((1.0 - share.iter().sum::<f64>()).max(0.0));
        let mean = share.iter().zip(1..).map(|(p, n)| p * f64::from(n)).sum();
        let fill = (f64::from(batch - 1) / fill_rate(map)).min(seconds);
        Ok(BatchLaw { share, mean, timeout: seconds, fill })
    }

    /// The share of batches of n, at `n - 1`.
    pub fn batch_size(&self) -> &[f64] {
        &self.share
    }

    /// The mean batch size.
    pub fn mean_batch(&self) -> f64 {
        self.mean
    }

    /// The batch size that the share q of batches stays within.
    pub fn batch_quantile(&self, q: f64) -> u32 {
        let mut sum = 0.0;
        let within = |share: &f64| {
            sum += share;
            sum > q
        };
        self.share.iter().position(within).map_or(self.share.len() as u32, |at| at as u32 + 1)
    }

    /// The share of requests in batches of n: `rho_n = n p_n / E[N]`.
    fn requests(&self, n: usize) -> f64 {
        n as f64 * self.share[n - 1] / self.mean
    }

    /// The longest wait in a batch of n [s].
    fn longest(&self, n: usize) -> f64 {
        if n == self.share.len() { self.fill } else { self.timeout }
    }
}

/// The rate of arrivals that stay in a phase, `l_m = D1[m][m]`.
fn arrive(map: &Map, m: usize) -> f64 {
    map.d1()[(m, m)]
}

/// The rate at which an MMPP's phase is left, `w_m = -(D0[m][m] + D1[m][m])`.
fn leave(map: &Map, m: usize) -> f64 {
    -(map.d0()[(m, m)] + map.d1()[(m, m)])
}

/// `alpha_m ~ (l_m / w_m) / min(B, floor(l_m T + 1))`.
fn opening_phase(map: &Map, batch: u32, timeout: f64) -> Result<Vec<f64>, Unsupported> {
    let order = map.order();
    if order == 1 {
        return Ok(vec![1.0]);
    }
    if let Some(phase) = (0..order).find(|m| leave(map, *m) <= 0.0) {
        return Err(Unsupported { phase });
    }
    let batches = |m: usize| {
        let size = (arrive(map, m) * timeout + 1.0).floor().min(f64::from(batch));
        arrive(map, m) / leave(map, m) / size
    };
    let total: f64 = (0..order).map(batches).sum();
    // Where no arrival stays in its phase the formula says nothing; any phase is as good.
    let share = |m| if total > 0.0 { batches(m) / total } else { 1.0 / order as f64 };
    Ok((0..order).map(share).collect())
}

/// The rate that fills a batch [1/s]: `(l_1 w_2 + l_2 w_1) / (w_1 + w_2)` for two phases. For more the artifact
/// takes the timeout as the fill time: a rate of 0.
fn fill_rate(map: &Map) -> f64 {
    match map.order() {
        1 => arrive(map, 0),
        2 => {
            let (w1, w2) = (leave(map, 0), leave(map, 1));
            (arrive(map, 0) * w2 + arrive(map, 1) * w1) / (w1 + w2)
        }
        _ => 0.0,
    }
}

/// The approximate law of a request's latency at one memory size.
#[derive(Debug, Clone)]
pub struct LatencyLaw<'a> {
    batches: &'a BatchLaw,
    service: &'a [f64],
}

/// The latencies among which a percentile is sought [s].
const RANGE: f64 = 30.0;
/// How finely it is sought [s].
const RESOLUTION: f64 = 0.01;

impl<'a> LatencyLaw<'a> {
    /// The latency where a batch of n takes `service[n - 1]` \[s\], rising in n.
    ///
    /// Panics if there are fewer service times than the batch may hold.
    pub fn new(batches: &'a BatchLaw, service: &'a [f64]) -> LatencyLaw<'a> {
        LatencyLaw { batches, service: &service[..batches.share.len()] }
    }

    /// The share of requests with a latency of at most `x` \[s\]: with n the largest batch that is served by x,
    /// all requests of smaller batches, and those of n in proportion to the wait that is left.
    pub fn cdf(&self, x: f64) -> f64 {
        let Some(n) = self.served(x) else { return 0.0 };
        let smaller: f64 = (1..n).map(|k| self.batches.requests(k)).sum();
        let (wait, longest) = (x - self.service[n - 1], self.batches.longest(n));
        let within = if wait < longest { wait / longest } else { 1.0 };
        smaller + self.batches.requests(n) * within
    }

    /// The share of requests with a latency above `slo` \[s\].
    pub fn share_over(&self, slo: f64) -> f64 {
        1.0 - self.cdf(slo)
    }

    /// The latency that the share q stays within \[s\]: by bisection of [0, 30] s down to 0.01 s.
    pub fn quantile(&self, q: f64) -> f64 {
        let (mut low, mut high) = (0.0, RANGE);
        while high - low > RESOLUTION {
            let middle = (low + high) / 2.0;
            if self.cdf(middle) < q { low = middle } else { high = middle }
        }
        (low + high) / 2.0
    }

    /// The mean latency \[s\] that the uniform waits imply; the paper gives none.
    pub fn mean(&self) -> f64 {
        let of = |n: usize| self.batches.requests(n) * (self.service[n - 1] + self.batches.longest(n) / 2.0);
        (1..=self.service.len()).map(of).sum()
    }

    /// The cost of a request: its share in the cost of a batch of [`BatchLaw::batch_quantile`]`(q)`;
    /// `batch_cost(n, service time [s])` is the cost of a batch of n.
    pub fn per_request(&self, q: f64, batch_cost: impl Fn(u32, f64) -> f64) -> f64 {
        let n = self.batches.batch_quantile(q);
        batch_cost(n, self.service[n as usize - 1]) / f64::from(n)
    }

    /// The largest batch size with a service time of at most `x`.
    fn served(&self, x: f64) -> Option<usize> {
        self.service.iter().rposition(|service| *service <= x).map(|at| at + 1)
    }
}
