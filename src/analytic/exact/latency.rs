//! The third layer: latency = wait + service time, and what a request costs.

use std::ops::Range;

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
    pub(super) parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone)]
pub(super) struct Part<'a> {
    /// The share of all requests.
    pub(super) weight: f64,
    pub(super) batches: &'a BatchLaw,
    pub(super) service: &'a [f64],
    /// Standard deviation of the logarithm of a service time; 0 for a fixed time.
    spread: f64,
    /// What comes to every time \[s\].
    pub(super) shift: f64,
    /// In place of both.
    pieces: Option<&'a Pieces>,
    /// Where these come from.
    variation: Option<&'a Variation>,
}

/// Half a nanosecond [s].
pub(super) const SLACK: f64 = 0.5e-9;
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
        let spread = (1.0 + cv * cv).ln().sqrt();
        let part = Part { weight: 1.0, batches, service, spread, shift: 0.0, pieces: None, variation: None };
        LatencyLaw { parts: vec![part] }
    }

    /// The latency where a batch of n takes `service[n - 1]` \[s\] in the mean, and varies as told.
    ///
    /// Panics as [`LatencyLaw::new`], or if the variation covers fewer batch sizes.
    pub fn varied(batches: &'a BatchLaw, service: &'a [f64], variation: &'a Variation) -> LatencyLaw<'a> {
        let fixed = LatencyLaw::new(batches, service, 0.0);
        let (spread, shift, pieces) = (variation.spread(), variation.shift(), variation.pieces());
        let part = |part| Part { spread, shift, pieces, variation: Some(variation), ..part };
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
        let Range { start, end } = self.around(&breaks, q);
        // Where nothing jumps, it is somewhere between these; else just before the first of them that reaches q.
        let Range { start, end } = match self.parts.iter().all(Part::is_smooth) {
            true => start.max(1)..end.min(breaks.len() - 1),
            false => {
                let first = start + breaks[start..end].partition_point(|x| self.cdf(*x) < q);
                first..first
            }
        };
        let Some(high) = breaks.get(end) else { return breaks[breaks.len() - 1] };
        let low = start.checked_sub(1).map(|low| breaks[low]);
        let near = self.near(low.unwrap_or(f64::NEG_INFINITY), *high);
        let below = |x: f64| near.iter().map(|near| near.cdf(x)).sum::<f64>();
        match low {
            Some(low) if below(*high) >= q => bracket::crossing(|x| below(x) - q, low, *high, 1e-10),
            _ => *high,
        }
    }

    /// The places among which the first of `breaks` with `cdf >= q` is, or the last is before it; found without a wait.
    fn around(&self, breaks: &[f64], q: f64) -> Range<usize> {
        let parts = &self.parts;
        let first = &parts[0];
        if parts.iter().any(|part| !part.has_times_of(first)) {
            return 0..breaks.len();
        }
        let most = parts.iter().map(|part| part.service.len()).max().unwrap_or(0);
        let horizon = parts.iter().map(|part| part.batches.horizon()).fold(0.0, f64::max);
        let mut sizes = vec![(0.0, 0.0, 0.0); most];
        for part in parts {
            let factor = part.weight / part.batches.mean_batch();
            for (n, (size, some)) in sizes.iter_mut().zip(part.batches.all_requests()).enumerate() {
                let (least, longest) = part.range(n);
                *size = (least, longest + horizon, size.2 + factor * some);
            }
        }
        // Rounding is far below this.
        const NEAR: f64 = 1e-9;
        let begun = |x: f64| sizes.iter().filter(|size| size.0 <= x + NEAR).map(|size| size.2).sum::<f64>();
        let ended = |x: f64| sizes.iter().filter(|size| size.1 <= x - NEAR).map(|size| size.2).sum::<f64>();
        let start = breaks.partition_point(|x| begun(*x) < q - NEAR);
        start..breaks.partition_point(|x| ended(*x) < q + NEAR).max(start)
    }

    /// The parts between two neighbouring breaks: of most batch sizes all requests are answered, or none.
    fn near(&self, low: f64, high: f64) -> Vec<Near<'_>> {
        self.parts.iter().map(|part| Near::new(part, low, high)).collect()
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
        // By size less 1: the part before whose breaks are there. Those of one workload mostly have the same ones.
        let mut known: Vec<Option<&Part<'_>>> = Vec::new();
        for part in &self.parts {
            let horizon = part.batches.horizon();
            let same = |other: &Part<'_>| other.batches.horizon() == horizon && part.has_times_of(other);
            known.resize(known.len().max(part.service.len()), None);
            for (n, requests) in part.batches.all_requests().iter().enumerate() {
                if part.weight * requests > 0.0 && !known[n].is_some_and(same) {
                    part.add_breaks(n, horizon, &mut breaks);
                    known[n] = Some(part);
                }
            }
        }
        breaks.sort_unstable_by(f64::total_cmp);
        breaks.dedup();
        breaks
    }
}

/// A part between two neighbouring breaks.
struct Near<'p> {
    part: &'p Part<'p>,
    /// Requests per batch that are answered before.
    answered: f64,
    /// The other sizes less 1 of which requests are answered between; none is listed where service times are random.
    open: Option<Vec<u32>>,
}

impl<'p> Near<'p> {
    fn new(part: &'p Part<'p>, low: f64, high: f64) -> Near<'p> {
        if !part.is_fixed() {
            return Near { part, answered: 0.0, open: None };
        }
        let horizon = part.batches.horizon();
        let (mut answered, mut open) = (0.0, Vec::new());
        for (n, (service, requests)) in part.service.iter().zip(part.batches.all_requests()).enumerate() {
            let least = service + part.shift;
            if !part.batches.is_something(n + 1) {
                continue;
            }
            if least + horizon < low - 2.0 * SLACK {
                answered += requests;
            } else if least < high + 2.0 * SLACK {
                open.push(n as u32);
            }
        }
        Near { part, answered, open: Some(open) }
    }

    /// The limit from below of the part's share of requests with a latency of at most x.
    fn cdf(&self, x: f64) -> f64 {
        let part = self.part;
        let Some(open) = &self.open else { return part.weight * part.cdf(x, -SLACK) };
        let x = x - part.shift;
        let sum = open.iter().fold(self.answered, |sum, n| {
            let n = *n as usize;
            sum + part.fixed(n + 1, x - part.service[n], -SLACK)
        });
        part.weight * (sum / part.batches.mean_batch())
    }
}

impl Part<'_> {
    /// P(R <= x + slack): with a slack of minus half a nanosecond, the limit from below at a jump.
    fn cdf(&self, x: f64, slack: f64) -> f64 {
        let services = self.service.iter().zip(1..).filter(|(_, n)| self.batches.is_something(*n));
        if let Some(pieces) = self.pieces {
            let sum: f64 = services.map(|(_, n)| self.pieces(pieces, n, x, slack)).sum();
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
    #[inline]
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
        let bounds = if low < possibly { self.batches.bounds(n) } else { &[] };
        while low < possibly {
            let wait = (x - time(low)).clamp(0.0, horizon);
            let bound = bounds.partition_point(|b| *b < wait * (1.0 - 1e-12)).saturating_sub(1);
            let mut high = (low + 1.0).min(possibly);
            if bounds[bound] > 0.0 {
                high = high.min(score(x - bounds[bound])).max(low + 1e-6);
            }
            let density = |z: f64| (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            sum += self.answered(n, bound, (low, high), |z| x - time(z), density);
            low = high;
        }
        sum
    }

    /// The integral from `low` to `high` of the requests per batch that are in a batch of n and wait at most `wait`, with a
    /// density; these waits are in one panel.
    #[inline]
    fn answered(
        &self,
        n: usize,
        panel: usize,
        (low, high): (f64, f64),
        wait: impl Fn(f64) -> f64,
        density: impl Fn(f64) -> f64,
    ) -> f64 {
        let at = GAUSS.map(|(node, _)| low + (high - low) * node);
        let within = self.batches.within_all(n, panel, at.map(wait));
        let values = GAUSS.iter().zip(at).zip(within);
        values.map(|(((_, weight), at), within)| weight * (high - low) * density(at) * within).sum()
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
            let bounds = self.batches.bounds(n);
            let bound = bounds.partition_point(|b| *b < wait * (1.0 - 1e-12)).saturating_sub(1);
            let high = if bounds[bound] > 0.0 { (x - bounds[bound]).min(possibly) } else { possibly };
            let high = high.max(low + SLACK);
            sum += self.answered(n, bound, (low, high), |time| x - time, |_| 1.0);
            low = high;
        }
        sum / (to - from)
    }

    /// Where the CDF may jump or bend for batches of `n + 1`.
    fn add_breaks(&self, n: usize, horizon: f64, breaks: &mut Vec<f64>) {
        let (least, most) = self.range(n);
        breaks.extend([least, most + horizon]);
        let Some(pieces) = self.pieces else { return };
        let same = pieces.rows[n].windows(2).filter(|time| time[1] - time[0] <= SLACK);
        breaks.extend(same.flat_map(|time| [time[0], time[0] + horizon]));
    }

    /// Is a time always the same?
    pub(super) fn is_fixed(&self) -> bool {
        self.pieces.is_none() && self.spread == 0.0
    }

    /// Does the CDF have no jumps?
    fn is_smooth(&self) -> bool {
        self.pieces.is_none() && self.spread != 0.0
    }

    /// Are the times after a wait those of another part?
    fn has_times_of(&self, other: &Part<'_>) -> bool {
        let pieces = |part: &Part<'_>| part.pieces.map(std::ptr::from_ref);
        std::ptr::eq(self.service.as_ptr(), other.service.as_ptr())
            && (self.spread, self.shift) == (other.spread, other.shift)
            && pieces(self) == pieces(other)
    }

    /// The least and the longest time that counts in batches of `n + 1`.
    fn range(&self, n: usize) -> (f64, f64) {
        if let Some(Pieces { rows, .. }) = self.pieces {
            return (rows[n][0], rows[n][rows[n].len() - 1]);
        }
        let service = self.service[n];
        let at = |z: f64| service * (self.spread * z - self.spread * self.spread / 2.0).exp();
        let (least, most) =
            if self.spread == 0.0 { (service, service) } else { (at(-FARTHEST), at(FARTHEST)) };
        (least + self.shift, most + self.shift)
    }

    fn mean(&self) -> f64 {
        let of = |n: usize| {
            let service = self.service[n - 1];
            let beside = self.variation.map_or(0.0, |variation| variation.beside(n, service));
            self.batches.requests(n) * (service + beside)
        };
        let served: f64 = (1..=self.service.len()).map(of).sum();
        (served + self.batches.waited()) / self.batches.mean_batch()
    }
}
