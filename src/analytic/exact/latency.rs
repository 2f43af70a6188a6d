//! The third layer: latency = wait + service time, and what a request costs.

use statrs::distribution::{ContinuousCDF, Normal};

use super::batches::BatchLaw;
use super::variation::{Pieces, Variation};
use crate::numeric::bracket;
use crate::numeric::gauss::GAUSS;

/// The law of a request's latency: of one buffer, or of a mixture such as the hours of a day.
///
/// Times compare to the nanosecond: a latency equals an SLO if it is within half of one.
#[derive(Debug, Clone)]
pub struct LatencyLaw<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone)]
struct Part<'a> {
    /// The share of all requests.
    weight: f64,
    batches: &'a BatchLaw,
    service: &'a [f64],
    /// Standard deviation of the logarithm of a service time; 0 for a fixed time.
    spread: f64,
    /// What comes to every time \[s\].
    shift: f64,
    /// In place of both.
    pieces: Option<&'a Pieces>,
    /// What comes to the mean service time of a batch of n in the mean \[s\], at `n - 1`.
    beside: Vec<f64>,
}

/// Half a nanosecond [s].
const SLACK: f64 = 0.5e-9;
/// What a share may lack for rounding.
const ROUNDING: f64 = 1e-12;
/// Service times farther out than this are left out [standard deviations].
const FARTHEST: f64 = 6.5;

impl<'a> LatencyLaw<'a> {
    /// The latency where a batch of n takes `service[n - 1]` \[s\] in the mean, with a coefficient of variation
    /// `cv`: always that time if 0, else lognormal and independent of everything.
    ///
    /// Panics if there are fewer service times than the batch may hold, or a time or cv is negative.
    pub fn new(batches: &'a BatchLaw, service: &'a [f64], cv: f64) -> LatencyLaw<'a> {
        let service = &service[..batches.batch() as usize];
        assert!(cv >= 0.0 && service.iter().all(|s| *s >= 0.0), "service times and cv must not be negative");
        let (spread, beside) = ((1.0 + cv * cv).ln().sqrt(), vec![0.0; service.len()]);
        let part = Part { weight: 1.0, batches, service, spread, shift: 0.0, pieces: None, beside };
        LatencyLaw { parts: vec![part] }
    }

    /// The latency where a batch of n takes `service[n - 1]` \[s\] in the mean, and varies as told.
    ///
    /// Panics as [`LatencyLaw::new`], or if the variation covers fewer batch sizes.
    pub fn varied(batches: &'a BatchLaw, service: &'a [f64], variation: &'a Variation) -> LatencyLaw<'a> {
        let fixed = LatencyLaw::new(batches, service, 0.0);
        let part = |part: Part<'a>| Part {
            spread: variation.spread(),
            shift: variation.shift(),
            pieces: variation.pieces(),
            beside: (1..).zip(part.service).map(|(n, mean)| variation.beside(n, *mean)).collect(),
            ..part
        };
        LatencyLaw { parts: fixed.parts.into_iter().map(part).collect() }
    }

    /// The latency of a request drawn from several laws, each with its expected number of requests.
    ///
    /// Panics unless the numbers are nonnegative with a positive sum.
    pub fn mixture(parts: Vec<(f64, LatencyLaw<'a>)>) -> LatencyLaw<'a> {
        let total: f64 = parts.iter().map(|(requests, _)| requests).sum();
        assert!(total > 0.0 && parts.iter().all(|(requests, _)| *requests >= 0.0), "no requests to mix");
        let weighted = parts.into_iter().flat_map(|(requests, law)| {
            let share = requests / total;
            law.parts.into_iter().map(move |part| Part { weight: part.weight * share, ..part })
        });
        LatencyLaw { parts: weighted.collect() }
    }

    /// The laws that are mixed, each on its own.
    pub fn parts(&self) -> impl Iterator<Item = LatencyLaw<'a>> + '_ {
        self.parts.iter().map(|part| LatencyLaw { parts: vec![Part { weight: 1.0, ..part.clone() }] })
    }

    /// The share of requests with a latency of at most `x` \[s\].
    pub fn cdf(&self, x: f64) -> f64 {
        self.parts.iter().map(|part| part.weight * part.cdf(x, SLACK)).sum::<f64>().min(1.0)
    }

    /// The share of requests with a latency above `slo` \[s\].
    pub fn share_over(&self, slo: f64) -> f64 {
        1.0 - self.cdf(slo)
    }

    /// The least latency x \[s\] with `cdf(x) >= q`: exact at jumps, else to 1e-10 s. Panics unless q is in [0, 1].
    pub fn quantile(&self, q: f64) -> f64 {
        assert!((0.0..=1.0).contains(&q), "a quantile's share is in [0, 1], is {q}");
        let q = q - ROUNDING;
        let breaks = self.breaks();
        let first = breaks.partition_point(|x| self.cdf(*x) < q);
        let Some(high) = breaks.get(first) else { return breaks[breaks.len() - 1] };
        let below = |x: f64| self.parts.iter().map(|part| part.weight * part.cdf(x, -SLACK)).sum::<f64>();
        if first == 0 || below(*high) < q {
            return *high;
        }
        let low = breaks[first - 1];
        bracket::crossing(|x| below(x) - q, low, *high, 1e-10)
    }

    /// The mean latency \[s\].
    pub fn mean(&self) -> f64 {
        self.parts.iter().map(|part| part.weight * part.mean()).sum()
    }

    /// The mean batch size: requests over batches.
    pub fn mean_batch(&self) -> f64 {
        1.0 / self.parts.iter().map(|part| part.weight / part.batches.mean_batch()).sum::<f64>()
    }

    /// The share of batches with n requests, at `n - 1`.
    pub fn batch_size(&self) -> Vec<f64> {
        let largest = self.parts.iter().map(|part| part.service.len()).max().unwrap_or(0);
        let mut shares = vec![0.0; largest];
        for part in &self.parts {
            let batches = part.weight / part.batches.mean_batch() * self.mean_batch();
            for (sum, share) in shares.iter_mut().zip(part.batches.batch_size()) {
                *sum += batches * share;
            }
        }
        shares
    }

    /// The share of batches that leave full.
    pub fn full(&self) -> f64 {
        let full = |part: &Part<'_>| part.weight / part.batches.mean_batch() * part.batches.full();
        self.parts.iter().map(full).sum::<f64>() * self.mean_batch()
    }

    /// The expected share of a request in what its batch costs: `batch_cost(n, mean service time [s])` is the
    /// cost of a batch of n. With a cv, a cost that is not linear in the time is the caller's to average.
    pub fn per_request(&self, batch_cost: impl Fn(u32, f64) -> f64) -> f64 {
        let of = |part: &Part<'a>| {
            let costs = part.batches.charged().iter().zip(part.service).zip(1..);
            let batch: f64 = costs.map(|((share, service), n)| share * batch_cost(n, *service)).sum();
            part.weight * batch / part.batches.mean_batch()
        };
        self.parts.iter().map(of).sum()
    }

    /// Where the CDF may jump or bend, ascending; it is continuous between them and constant outside.
    fn breaks(&self) -> Vec<f64> {
        let mut breaks = Vec::new();
        for part in &self.parts {
            let horizon = part.batches.horizon();
            for (n, service) in part.service.iter().enumerate() {
                if part.weight * part.batches.requests(n + 1) > 0.0 {
                    part.add_breaks(n, *service, horizon, &mut breaks);
                }
            }
        }
        breaks.sort_unstable_by(f64::total_cmp);
        breaks.dedup();
        breaks
    }
}

impl Part<'_> {
    /// P(R <= x + slack): with a slack of minus half a nanosecond, the limit from below at a jump.
    fn cdf(&self, x: f64, slack: f64) -> f64 {
        let services = self.service.iter().zip(1..);
        if let Some(pieces) = self.pieces {
            let sum: f64 = (1..=self.service.len()).map(|n| self.pieces(pieces, n, x, slack)).sum();
            return sum / self.batches.mean_batch();
        }
        let x = x - self.shift;
        let sum: f64 = match self.spread == 0.0 {
            true => services.map(|(service, n)| self.fixed(n, x - service, slack)).sum(),
            false => services.map(|(service, n)| self.spread(n, x, *service)).sum(),
        };
        sum / self.batches.mean_batch()
    }

    /// Requests per batch that are in a batch of n and wait at most `wait`.
    fn fixed(&self, n: usize, wait: f64, slack: f64) -> f64 {
        let horizon = self.batches.horizon();
        if wait + slack < 0.0 {
            0.0
        } else if wait + slack >= horizon {
            self.batches.requests(n)
        } else {
            self.batches.within(n, wait.clamp(0.0, horizon))
        }
    }

    /// The same, averaged over a lognormal service time: `service exp(spread z - spread^2 / 2)`, z normal.
    fn spread(&self, n: usize, x: f64, service: f64) -> f64 {
        let horizon = self.batches.horizon();
        let score = |time: f64| match time > 0.0 {
            true => (time.ln() - service.ln()) / self.spread + self.spread / 2.0,
            false => -FARTHEST,
        };
        let time = |z: f64| service * (self.spread * z - self.spread * self.spread / 2.0).exp();
        // A service of up to x - horizon leaves time for any wait.
        let surely = score(x - horizon).clamp(-FARTHEST, FARTHEST);
        let possibly = score(x).clamp(-FARTHEST, FARTHEST);
        let mut sum = self.batches.requests(n) * Normal::standard().cdf(surely);
        if surely == -FARTHEST {
            sum = 0.0;
        }
        // Pieces that are smooth in both factors: a panel of the waits, at most one standard deviation.
        let mut low = surely;
        while low < possibly {
            let wait = (x - time(low)).clamp(0.0, horizon);
            let bound =
                self.batches.bounds().partition_point(|b| *b < wait * (1.0 - 1e-12)).saturating_sub(1);
            let mut high = (low + 1.0).min(possibly);
            if self.batches.bounds()[bound] > 0.0 {
                high = high.min(score(x - self.batches.bounds()[bound])).max(low + 1e-6);
            }
            for (node, weight) in GAUSS {
                let z = low + (high - low) * node;
                let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
                let within = self.batches.within(n, (x - time(z)).clamp(0.0, horizon));
                sum += weight * (high - low) * density * within;
            }
            low = high;
        }
        sum
    }

    /// The same, over the pieces of a quantile function, on each of which the time is uniform.
    fn pieces(&self, pieces: &Pieces, n: usize, x: f64, slack: f64) -> f64 {
        let row = &pieces.rows[n - 1];
        let piece = |(share, time): (&[f64], &[f64])| {
            let (from, to) = (time[0], time[1]);
            let mean = if to - from > SLACK {
                self.uniform(n, x, (from, to))
            } else {
                self.fixed(n, x - from, slack)
            };
            (share[1] - share[0]) * mean
        };
        pieces.shares.windows(2).zip(row.windows(2)).map(piece).sum()
    }

    /// Requests per batch that are in a batch of n and answered within `x`, where a time is uniform.
    fn uniform(&self, n: usize, x: f64, (from, to): (f64, f64)) -> f64 {
        let horizon = self.batches.horizon();
        // A time of up to x - horizon leaves time for any wait.
        let surely = (x - horizon).clamp(from, to);
        let possibly = x.clamp(from, to);
        let mut sum = self.batches.requests(n) * (surely - from);
        let mut low = surely;
        while possibly - low > SLACK {
            let wait = (x - low).clamp(0.0, horizon);
            let bounds = self.batches.bounds();
            let bound = bounds.partition_point(|b| *b < wait * (1.0 - 1e-12)).saturating_sub(1);
            let high = if bounds[bound] > 0.0 { (x - bounds[bound]).min(possibly) } else { possibly };
            let high = high.max(low + SLACK);
            for (node, weight) in GAUSS {
                let time = low + (high - low) * node;
                sum += weight * (high - low) * self.batches.within(n, (x - time).clamp(0.0, horizon));
            }
            low = high;
        }
        sum / (to - from)
    }

    /// Where the CDF may jump or bend for batches of `n + 1`.
    fn add_breaks(&self, n: usize, service: f64, horizon: f64, breaks: &mut Vec<f64>) {
        let Some(pieces) = self.pieces else {
            let (least, most) = self.service_range(service);
            breaks.extend([least + self.shift, most + self.shift + horizon]);
            return;
        };
        let row = &pieces.rows[n];
        breaks.extend([row[0], row[row.len() - 1] + horizon]);
        let same = row.windows(2).filter(|time| time[1] - time[0] <= SLACK);
        breaks.extend(same.flat_map(|time| [time[0], time[0] + horizon]));
    }

    fn mean(&self) -> f64 {
        let of = |n: usize| {
            self.batches.requests(n) * (self.service[n - 1] + self.beside[n - 1]) + self.batches.waited(n)
        };
        (1..=self.service.len()).map(of).sum::<f64>() / self.batches.mean_batch()
    }

    /// The least and the longest service time that count.
    fn service_range(&self, service: f64) -> (f64, f64) {
        let at = |z: f64| service * (self.spread * z - self.spread * self.spread / 2.0).exp();
        if self.spread == 0.0 { (service, service) } else { (at(-FARTHEST), at(FARTHEST)) }
    }
}
