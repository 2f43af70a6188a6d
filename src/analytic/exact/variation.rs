//! How the time that a batch takes after its wait varies: its service, and the way between client and function.

use statrs::distribution::{ContinuousCDF, Normal};

/// How times vary about the mean service times, by batch size.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variation {
    /// Coefficient of variation of a lognormal service time; 0 for a fixed one.
    cv: f64,
    /// A constant that comes to every time \[s\].
    shift: f64,
    /// In place of these: what a batch takes in all, by quantiles.
    pieces: Option<Pieces>,
}

/// Mixtures of uniform laws: between two shares the quantile function is straight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pieces {
    /// From 0 to 1.
    pub shares: Vec<f64>,
    /// Quantiles \[s\] of a batch of n at `n - 1`.
    pub rows: Vec<Vec<f64>>,
}

/// A time by its quantiles, or lognormal about a mean.
pub enum Law<'a> {
    /// Straight between these shares.
    Quantiles {
        /// From 0 to 1.
        shares: &'a [f64],
        /// Quantiles over the mean.
        factors: &'a [f64],
    },
    /// With a mean of 1 and this coefficient of variation; 0 for a fixed time.
    Lognormal(f64),
}

/// The shares of a sum's quantiles.
const SHARES: [f64; 39] = [
    0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65,
    0.7, 0.75, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.992, 0.995, 0.998,
    0.999, 0.9995, 0.9999, 1.0,
];

impl Variation {
    /// Lognormal times of mean 1 with this coefficient of variation; 0 for fixed ones.
    ///
    /// Panics if it is negative.
    pub fn lognormal(cv: f64) -> Variation {
        assert!(cv >= 0.0, "a coefficient of variation must not be negative");
        Variation { cv, ..Variation::default() }
    }

    /// With so many more seconds \[s\] each time.
    pub fn shifted(self, by: f64) -> Variation {
        let add = |pieces: Pieces| {
            let rows = pieces.rows.into_iter().map(|row| row.into_iter().map(|x| x + by).collect()).collect();
            Pieces { rows, ..pieces }
        };
        match self.pieces {
            Some(pieces) => Variation { pieces: Some(add(pieces)), ..self },
            None => Variation { shift: self.shift + by, ..self },
        }
    }

    /// By quantiles over the mean, a row a batch size: `service[n - 1]` \[s\] is the mean of a batch of n.
    pub fn quantiles(shares: &[f64], factors: &[Vec<f64>], service: &[f64]) -> Variation {
        let row = |(row, mean): (&Vec<f64>, &f64)| row.iter().map(|factor| factor * mean).collect();
        let rows = factors.iter().zip(service).map(row).collect();
        let pieces = Pieces { shares: shares.to_vec(), rows };
        Variation { pieces: Some(pieces), ..Variation::default() }
    }

    /// The sum of independent times: of a batch of n with a mean of `service[n - 1]` \[s\] and the law that `law(n)`
    /// gives, and of an overhead with a mean \[s\] and a coefficient of variation (lognormal).
    ///
    /// The sum's quantiles come from products of strata of both laws, finer towards the tails, and are straight between
    /// 39 shares; its mean is exact.
    pub fn sum<'a>(law: impl Fn(usize) -> Law<'a>, service: &[f64], (overhead, cv): (f64, f64)) -> Variation {
        let beside = Law::Lognormal(cv).strata(overhead);
        let row = |(at, mean): (usize, &f64)| {
            let served = law(at + 1).strata(*mean);
            let mut sums: Vec<(f64, f64)> = Vec::with_capacity(served.len() * beside.len());
            for (time, weight) in &served {
                sums.extend(beside.iter().map(|(other, share)| (time + other, weight * share)));
            }
            quantiles_of(sums, mean + overhead)
        };
        let rows = service.iter().enumerate().map(row).collect();
        let pieces = Pieces { shares: SHARES.to_vec(), rows };
        Variation { pieces: Some(pieces), ..Variation::default() }
    }

    /// Is a time not always the same?
    pub fn is_random(&self) -> bool {
        self.cv > 0.0 || self.pieces.is_some()
    }

    /// What a batch with a mean service time of `service` \[s\] takes, where that is always the same.
    pub fn fixed(&self, service: f64) -> Option<f64> {
        (!self.is_random()).then_some(service + self.shift)
    }

    /// The time \[s\] that the share `q` of the batches of n with a mean service time of `service` \[s\] stays within.
    pub fn quantile(&self, n: usize, service: f64, q: f64) -> f64 {
        if let Some(Pieces { shares, rows }) = &self.pieces {
            return straight(shares, &rows[n - 1], q);
        }
        let spread = self.spread();
        let factor = if spread == 0.0 { 1.0 } else { lognormal_quantile(spread, q) };
        service * factor + self.shift
    }

    /// Standard deviation of the logarithm of a lognormal time.
    pub(super) fn spread(&self) -> f64 {
        (1.0 + self.cv * self.cv).ln().sqrt()
    }

    pub(super) fn shift(&self) -> f64 {
        self.shift
    }

    pub(super) fn pieces(&self) -> Option<&Pieces> {
        self.pieces.as_ref()
    }

    /// What comes to the mean service time of a batch of n in the mean \[s\].
    pub(super) fn beside(&self, n: usize, service: f64) -> f64 {
        match &self.pieces {
            Some(Pieces { shares, rows }) => mean_of(shares, &rows[n - 1]) - service,
            None => self.shift,
        }
    }
}

impl Law<'_> {
    /// The law with this mean as points with weights; the mean is exact.
    fn strata(&self, mean: f64) -> Vec<(f64, f64)> {
        let factors: Vec<(f64, f64)> = match self {
            Law::Lognormal(0.0) => vec![(1.0, 1.0)],
            Law::Lognormal(cv) => {
                let spread = (1.0 + cv * cv).ln().sqrt();
                let normal = Normal::standard();
                // Strata of an eighth of a standard deviation.
                let edges: Vec<f64> = (-32..=32).map(|i| f64::from(i) / 8.0).collect();
                let stratum = |w: &[f64]| {
                    let share = normal.cdf(w[1]) - normal.cdf(w[0]);
                    let middle = normal.inverse_cdf((normal.cdf(w[1]) + normal.cdf(w[0])) / 2.0);
                    ((spread * middle - spread * spread / 2.0).exp(), share)
                };
                edges.windows(2).map(stratum).collect()
            }
            Law::Quantiles { shares, factors } => {
                let piece = |(p, x): (&[f64], &[f64])| {
                    let part = |i: i32| {
                        let at = (f64::from(i) + 0.5) / f64::from(PARTS);
                        (x[0] + (x[1] - x[0]) * at, (p[1] - p[0]) / f64::from(PARTS))
                    };
                    (0..PARTS).map(part).collect::<Vec<_>>()
                };
                shares.windows(2).zip(factors.windows(2)).flat_map(piece).collect()
            }
        };
        let weight: f64 = factors.iter().map(|(_, share)| share).sum();
        let found: f64 = factors.iter().map(|(factor, share)| factor * share).sum::<f64>() / weight;
        factors.iter().map(|(factor, share)| (factor / found * mean, share / weight)).collect()
    }
}

/// Parts of a piece of a quantile function.
const PARTS: i32 = 4;

/// The quantiles at [`SHARES`] of weighted points, with a mean of `mean`.
fn quantiles_of(mut points: Vec<(f64, f64)>, mean: f64) -> Vec<f64> {
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut passed = 0.0;
    let middles: Vec<f64> = points
        .iter()
        .map(|(_, weight)| {
            passed += weight;
            passed - weight / 2.0
        })
        .collect();
    let times: Vec<f64> = points.iter().map(|(time, _)| *time).collect();
    let row: Vec<f64> = SHARES.iter().map(|share| straight(&middles, &times, *share)).collect();
    let factor = mean / mean_of(&SHARES, &row);
    row.iter().map(|x| x * factor).collect()
}

/// The straight line through points, constant outside.
fn straight(shares: &[f64], values: &[f64], at: f64) -> f64 {
    let next = shares.partition_point(|share| *share < at);
    if next == 0 {
        return values[0];
    }
    let Some(high) = shares.get(next) else { return values[values.len() - 1] };
    let low = shares[next - 1];
    values[next - 1] + (values[next] - values[next - 1]) * (at - low) / (high - low)
}

fn mean_of(shares: &[f64], row: &[f64]) -> f64 {
    shares.windows(2).zip(row.windows(2)).map(|(p, x)| (p[1] - p[0]) * (x[0] + x[1]) / 2.0).sum()
}

fn lognormal_quantile(spread: f64, q: f64) -> f64 {
    (spread * Normal::standard().inverse_cdf(q) - spread * spread / 2.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_s_quantiles_are_those_of_the_convolution() {
        // The sum of two lognormal times by a fine grid of the first's shares.
        let spread = |cv: f64| (1.0 + cv * cv).ln().sqrt();
        let (mean, other) = ((1.0, 0.3), (0.2, 0.8));
        let normal = Normal::standard();
        let below = |x: f64| {
            let steps = 40_000;
            let of = |i: i32| {
                let first =
                    mean.0 * lognormal_quantile(spread(mean.1), (f64::from(i) + 0.5) / f64::from(steps));
                let left = x - first;
                let score = (left / other.0).ln() / spread(other.1) + spread(other.1) / 2.0;
                if left > 0.0 { normal.cdf(score) } else { 0.0 }
            };
            (0..steps).map(of).sum::<f64>() / f64::from(steps)
        };
        let sum = Variation::sum(|_| Law::Lognormal(mean.1), &[mean.0], other);
        for q in [0.05, 0.5, 0.9, 0.95, 0.99] {
            let found = sum.quantile(1, mean.0, q);
            assert!((below(found) - q).abs() < 0.1 * (1.0 - q).min(q), "{q}: {found}, {}", below(found));
        }
        let row = &sum.pieces().unwrap().rows[0];
        assert!((mean_of(&SHARES, row) - 1.2).abs() < 1e-12);
    }

    #[test]
    fn a_constant_moves_every_quantile() {
        let (shares, factors) = ([0.0, 0.5, 1.0], [vec![0.5, 0.75, 2.0]]);
        let alone = Variation::quantiles(&shares, &factors, &[2.0]);
        let moved = alone.clone().shifted(0.5);
        assert_eq!((alone.quantile(1, 2.0, 0.5), moved.quantile(1, 2.0, 0.5)), (1.5, 2.0));
        assert_eq!(Variation::lognormal(0.0).shifted(0.5).quantile(1, 2.0, 0.9), 2.5);
    }
}
