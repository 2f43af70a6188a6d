//! Renewal processes of phase type, for traffic that is more regular than Poisson: gaps of several phases in a row,
//! independent of each other.
//!
//! All have the mean gap of the trace; what is left is the number of phases and one shape, found by maximum likelihood.
//! - Erlang-k: k phases of one rate; SCV 1/k.
//! - Hypoexponential: two phases of different rates; SCV 1/2 to 1.
//! - Mixed Erlang: k phases of one rate, of which a share of the gaps leaves out the first; SCV 1/k to 1/(k - 1).
//!
//! Source: H. Tijms, "Stochastic Models: An Algorithmic Approach" (1994), section A.4 on fits to two moments.

use super::candidate::Family;
use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// The most phases: what is even more regular is close enough to them, and a law of many phases takes long.
const MOST_PHASES: u8 = 16;
/// Steps of the search for a shape: each leaves .62 of the range, 30 leave 1e-6.
const STEPS: u32 = 30;
/// A shape beyond this is that of fewer phases.
const EDGE: f64 = 1e-4;

/// A process with the log likelihood of the gaps under it.
pub(super) type Fitted = (Family, Map, f64);

/// The gaps' sums.
struct Gaps<'a> {
    all: &'a [f64],
    /// Equal time stamps stand for some gap below their resolution: half of it.
    least: f64,
    sum: f64,
    logs: f64,
}

/// The best of each kind for gaps [s] with this squared coefficient of variation, fewest phases first.
pub(super) fn fits(gaps: &[f64], scv: f64, resolution: f64) -> Vec<Fitted> {
    let least = (resolution / 2.0).max(1e-12);
    let (sum, logs) = gaps.iter().map(|x| x.max(least)).fold((0.0, 0.0), |(s, l), x| (s + x, l + x.ln()));
    let gaps = Gaps { all: gaps, least, sum, logs };
    let mut found: Vec<Fitted> = gaps.erlang().into_iter().collect();
    if scv > 0.45 {
        found.extend(gaps.hypoexponential());
    }
    found.extend(gaps.mixed((1.0 / scv).ceil().clamp(2.0, f64::from(MOST_PHASES)) as u8));
    found
}

impl Gaps<'_> {
    fn count(&self) -> f64 {
        self.all.len() as f64
    }

    fn mean(&self) -> f64 {
        self.sum / self.count()
    }

    fn each(&self) -> impl Iterator<Item = f64> + '_ {
        self.all.iter().map(|x| x.max(self.least))
    }

    /// `sum ln(l^k x^(k-1) exp(-l x) / (k-1)!)`.
    fn erlang_log_likelihood(&self, phases: u8, rate: f64) -> f64 {
        let factorial: f64 = (1..phases).map(|i| f64::from(i).ln()).sum();
        let k = f64::from(phases);
        self.count() * (k * rate.ln() - factorial) + (k - 1.0) * self.logs - rate * self.sum
    }

    fn erlang(&self) -> Option<Fitted> {
        let of = |k: u8| (k, self.erlang_log_likelihood(k, f64::from(k) / self.mean()));
        let (k, best) = (2..=MOST_PHASES).map(of).max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((Family::Erlang(k), mixed_map(k, f64::from(k) / self.mean(), 0.0)?, best))
    }

    /// `a b (exp(-a x) - exp(-b x)) / (b - a)` with `1/b = r m`, `1/a = (1 - r) m`, `r < 1/2`.
    fn hypoexponential(&self) -> Option<Fitted> {
        let rates = |r: f64| (1.0 / ((1.0 - r) * self.mean()), 1.0 / (r * self.mean()));
        let log_likelihood = |r: f64| {
            let (a, b) = rates(r);
            let logs: f64 = self.each().map(|x| (-(-(b - a) * x).exp_m1()).ln()).sum();
            self.count() * (a * b / (b - a)).ln() - a * self.sum + logs
        };
        let (r, best) = highest(log_likelihood, EDGE, 0.5 - EDGE);
        let (a, b) = rates(r);
        let d0 = Matrix::from_rows(&[vec![-a, a], vec![0.0, -b]])?;
        let d1 = Matrix::from_rows(&[vec![0.0, 0.0], vec![b, 0.0]])?;
        Some((Family::Hypoexponential, Map::new(d0, d1).ok()?, best))
    }

    /// With a share `p` of k - 1 phases the rate is `(k - p) / m`, and the density that of k phases times
    /// `1 - p + p (k - 1) / (l x)`.
    fn mixed(&self, phases: u8) -> Option<Fitted> {
        let k = f64::from(phases);
        let rate = |p: f64| (k - p) / self.mean();
        let log_likelihood = |p: f64| {
            let rate = rate(p);
            let logs: f64 = self.each().map(|x| (1.0 - p + p * (k - 1.0) / (rate * x)).ln()).sum();
            self.erlang_log_likelihood(phases, rate) + logs
        };
        let (p, best) = highest(log_likelihood, EDGE, 1.0 - EDGE);
        Some((Family::MixedErlang(phases), mixed_map(phases, rate(p), p)?, best))
    }
}

/// k phases of one rate in a row; a share of the gaps starts with the second.
fn mixed_map(phases: u8, rate: f64, share: f64) -> Option<Map> {
    let k = usize::from(phases);
    let d0 = Matrix::from_fn(k, |i, j| match j {
        _ if i == j => -rate,
        _ if j == i + 1 => rate,
        _ => 0.0,
    });
    let d1 = Matrix::from_fn(k, |i, j| match (i + 1 == k, j) {
        (true, 0) => rate * (1.0 - share),
        (true, 1) => rate * share,
        _ => 0.0,
    });
    Map::new(d0, d1).ok()
}

/// Where a function with one top is highest, and how high: golden sections.
fn highest(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> (f64, f64) {
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    let (mut left, mut right) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..STEPS {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - golden * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + golden * (high - low);
            at_right = f(right);
        }
    }
    if at_left > at_right { (left, at_left) } else { (right, at_right) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitting::{MapStats, gap_likelihood};

    #[test]
    fn likelihoods_are_those_of_the_processes() {
        let gaps: Vec<f64> = (1..2000).map(|i| 0.4 + 0.3 * (f64::from(i) * 0.37).sin()).collect();
        for (family, map, value) in fits(&gaps, 0.3, 1e-9) {
            if map.order() <= 4 {
                let exact = gap_likelihood::log_likelihood(&map, &gaps);
                assert!((value - exact).abs() < 1e-3 * exact.abs().max(1.0), "{family:?} {value} {exact}");
            }
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            assert!((map.rate() * mean - 1.0).abs() < 1e-9, "{family:?}");
        }
    }

    #[test]
    fn the_shapes_cover_their_scvs() {
        for (k, share, scv) in [(2, 0.0, 0.5), (4, 0.0, 0.25), (3, 1.0, 0.5)] {
            let map = mixed_map(k, 3.0, share).unwrap();
            assert!((MapStats::new(&map).scv() - scv).abs() < 1e-9, "{k} {share}");
        }
    }
}
