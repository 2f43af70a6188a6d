//! The expected number of started units of a random time: what rounding up costs in the mean.
//!
//! For X > 0, E[ceil X] = sum over k >= 0 of P(X > k). The first `TERMS` terms are summed; the rest is the integral
//! from half a unit below them on (the midpoint rule, whose error is of the order of the density's slope there), and
//! the integral of P(X > x) from a on is E[(X - a)+], which for the lognormal law is
//! m P(Z <= s - u) - a P(Z <= -u) with u = (ln a - ln m + s^2 / 2) / s, s^2 = ln(1 + cv^2) and m the mean.

use statrs::distribution::{ContinuousCDF, Normal};

/// So many terms are summed one by one.
const TERMS: u32 = 4096;

/// E[ceil X] of a lognormal X with this mean, in units, and this coefficient of variation (above 0).
pub fn mean_started(mean: f64, cv: f64) -> f64 {
    let normal = Normal::standard();
    let spread = cv.powi(2).ln_1p().sqrt();
    let place = |x: f64| ((x / mean).ln() + spread * spread / 2.0) / spread;
    let over = |x: f64| normal.cdf(-place(x));
    let mut sum = 1.0;
    for k in 1..TERMS {
        let term = over(f64::from(k));
        sum += term;
        // From here on the survival function only falls, past 13 standard deviations below anything that counts.
        if term < 1e-17 && f64::from(k) > mean {
            return sum;
        }
    }
    let from = f64::from(TERMS) - 0.5;
    sum + mean * normal.cdf(spread - place(from)) - from * over(from)
}

/// E[ceil X] of an X with this mean, in units, and these quantiles over its mean: on each piece of the quantile function
/// X is uniform.
pub fn mean_started_by_quantiles(mean: f64, shares: &[f64], factors: &[f64]) -> f64 {
    let pieces = shares.windows(2).zip(factors.windows(2));
    pieces.map(|(p, x)| (p[1] - p[0]) * uniform_started(mean * x[0], mean * x[1])).sum()
}

/// E[ceil X] of X uniform between two times: the integral of the ceiling, which from 0 to x is that of 1 + 2 + .. + n of
/// the whole units and n + 1 of the rest.
fn uniform_started(from: f64, to: f64) -> f64 {
    if to - from < 1e-9 * to {
        return to.ceil();
    }
    let integral = |x: f64| x.floor() * (x.floor() + 1.0) / 2.0 + (x.floor() + 1.0) * (x - x.floor());
    (integral(to) - integral(from)) / (to - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::LogNormal;

    /// By quantiles, finer and finer in the tail.
    fn by_quadrature(mean: f64, cv: f64) -> f64 {
        let square = cv.powi(2).ln_1p();
        let law = LogNormal::new(mean.ln() - square / 2.0, square.sqrt()).unwrap();
        let normal = Normal::standard();
        // Over z from -9 to 9 + s: the weight of a slice times the ceiling there.
        let (steps, top) = (4_000_000, 9.0 + square.sqrt());
        let width = (top + 9.0) / f64::from(steps);
        let slice = |i: i32| {
            let z = -9.0 + (f64::from(i) + 0.5) * width;
            let share = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * width;
            (share, (mean.ln() - square / 2.0 + square.sqrt() * z).exp().ceil())
        };
        assert!((law.cdf(mean) - normal.cdf(square.sqrt() / 2.0)).abs() < 1e-9);
        (0..steps).map(slice).map(|(share, started)| share * started).sum()
    }

    #[test]
    fn the_sum_is_the_integral() {
        for (mean, cv) in
            [(50.0, 1.0), (100.0, 3.0), (0.3, 0.5), (5_000.0, 0.1), (3_000.0, 2.0), (2.0, 100.0)]
        {
            let (sum, integral) = (mean_started(mean, cv), by_quadrature(mean, cv));
            assert!((sum / integral - 1.0).abs() < 2e-5, "{mean} {cv}: {sum} {integral}");
        }
    }

    #[test]
    fn a_nearly_fixed_time_is_rounded_up_once() {
        assert!((mean_started(50.5, 1e-6) - 51.0).abs() < 1e-9);
        // Well spread over many units, a half is added.
        assert!((mean_started(1_000.0, 0.5) - 1_000.5).abs() < 1e-6);
    }

    #[test]
    fn pieces_of_a_quantile_function_are_rounded_up_as_draws_are() {
        let (shares, factors) = ([0.0, 0.5, 0.9, 1.0], [0.25, 0.75, 1.25, 3.0]);
        let draws = 1_000_000;
        for mean in [0.4, 1.7, 30.2] {
            let draw = |i: u32| {
                let u = (f64::from(i) + 0.5) / f64::from(draws);
                let at = shares.partition_point(|share| *share <= u).clamp(1, 3);
                let within = (u - shares[at - 1]) / (shares[at] - shares[at - 1]);
                (mean * (factors[at - 1] + (factors[at] - factors[at - 1]) * within)).ceil()
            };
            let drawn = (0..draws).map(draw).sum::<f64>() / f64::from(draws);
            let found = mean_started_by_quantiles(mean, &shares, &factors);
            assert!((found / drawn - 1.0).abs() < 1e-5, "{mean}: {found}, {drawn}");
        }
        assert_eq!(mean_started_by_quantiles(2.0, &[0.0, 1.0], &[1.0, 1.0]), 2.0);
    }
}
