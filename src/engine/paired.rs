//! How much two systems differ on the same arrivals, with a confidence interval of the difference.
//!
//! Both saw the same requests, so their luck is common and cancels: the interval is that of the difference,
//! slice by slice, not of the two figures. For ratios r = sum a_i / sum b_i of both systems the residuals of
//! the difference are z_i = (a_i - r b_i) / sum b - (a'_i - r' b'_i) / sum b'; its variance comes from the
//! differences of successive z_i (von Neumann et al., 1941), so that a trend does not count as noise.
//!
//! A percentile is no ratio. Its difference d is that of the two whole runs; its interval comes from sectioning
//! (Asmussen and Glynn, "Stochastic Simulation", 2007, section III.5): d +- t_{m-1} s / sqrt(m) with
//! s^2 = sum (d_j - d)^2 / (m - 1), where d_j is the difference of the two percentiles within section j of m = 16.
//! Section j holds every 16th slice from the j-th on, so that each sees the whole run and, again, a trend does
//! not count as noise.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::numeric::histogram::Histogram;
use crate::outcome::{Difference, Paired, Simulation, SliceRow};

/// Fewer slices than this give no interval; also the number of sections of a percentile.
const LEAST_SLICES: usize = 16;

/// Compares two simulations of the same arrivals.
pub fn paired(first: &Simulation, second: &Simulation) -> Paired {
    let (a, b) = (&first.slices, &second.slices);
    let requests = |row: &SliceRow| (row.requests + row.rejected) as f64;
    let difference = |part: &dyn Fn(&SliceRow) -> (f64, f64)| difference(&common(a, b, part));
    Paired {
        cost_usd_per_million: difference(&|row| (row.cost_usd * 1e6, row.requests as f64)),
        mean_latency_s: difference(&|row| (row.latency_sum_s, row.requests as f64)),
        p95_latency_s: p95_difference(first, second),
        slo_violation_share: difference(&|row| (row.slo_violations as f64, requests(row))),
    }
}

/// (a, b, a', b') of one slice.
type Parts = [f64; 4];

/// The slices of both on the wider of their two grids, which nest: widths are powers of two.
fn common(a: &[SliceRow], b: &[SliceRow], part: &dyn Fn(&SliceRow) -> (f64, f64)) -> Vec<Parts> {
    let width = common_width(a, b);
    let mut slices: Vec<Parts> = Vec::new();
    for (column, rows) in [(0, a), (2, b)] {
        for row in rows {
            let number = slice_number(row, width);
            if slices.len() <= number {
                slices.resize(number + 1, Parts::default());
            }
            let (over, under) = part(row);
            slices[number][column] += over;
            slices[number][column + 1] += under;
        }
    }
    slices
}

/// The width [s] of the wider slices; infinite if there is but one.
fn common_width(a: &[SliceRow], b: &[SliceRow]) -> f64 {
    let width = |rows: &[SliceRow]| rows.get(1).map_or(f64::INFINITY, |row| row.start_s);
    width(a).max(width(b))
}

fn slice_number(row: &SliceRow, width: f64) -> usize {
    if width.is_finite() { (row.start_s / width + 1e-9) as usize } else { 0 }
}

fn p95_difference(first: &Simulation, second: &Simulation) -> Difference {
    let width = common_width(&first.slices, &second.slices);
    let numbered = |simulation: &Simulation| -> Vec<(usize, Histogram)> {
        let numbers = simulation.slices.iter().map(|row| slice_number(row, width));
        numbers.zip(simulation.slice_latencies.iter().cloned()).collect()
    };
    let value = first.simulated.latency_s.p95 - second.simulated.latency_s.p95;
    sectioned(&numbered(first), &numbered(second), 0.95, value)
}

/// `value` with the interval that the sections of both give: latencies [ns] by number of the slice.
fn sectioned(a: &[(usize, Histogram)], b: &[(usize, Histogram)], q: f64, value: f64) -> Difference {
    let sections = |slices: &[(usize, Histogram)]| -> Option<Vec<f64>> {
        let mut sections = vec![Histogram::default(); LEAST_SLICES];
        for (number, latencies) in slices {
            sections[number % LEAST_SLICES].merge(latencies);
        }
        sections.iter().map(|section| section.quantile(q).map(|ns| ns / 1e9)).collect()
    };
    let (Some(a), Some(b)) = (sections(a), sections(b)) else { return Difference { value, ci95: None } };
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b - value).powi(2)).sum();
    let count = LEAST_SLICES as f64;
    let half = student(count - 1.0) * (squares / (count - 1.0) / count).sqrt();
    Difference { value, ci95: Some([value - half, value + half]) }
}

/// The 97.5 % point of Student's t.
fn student(freedom: f64) -> f64 {
    let law = StudentsT::new(0.0, 1.0, freedom).expect("at least one degree of freedom");
    law.inverse_cdf(0.975)
}

fn difference(slices: &[Parts]) -> Difference {
    let sum = |column: usize| slices.iter().map(|slice| slice[column]).sum::<f64>();
    let (b1, b2) = (sum(1), sum(3));
    let (r1, r2) = (sum(0) / b1, sum(2) / b2);
    let value = r1 - r2;
    if slices.len() < LEAST_SLICES {
        return Difference { value, ci95: None };
    }
    let residual = |s: &Parts| (s[0] - r1 * s[1]) / b1 - (s[2] - r2 * s[3]) / b2;
    let residuals: Vec<f64> = slices.iter().map(residual).collect();
    let freedom = (slices.len() - 1) as f64;
    let squares: f64 = residuals.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum();
    let half = student(freedom) * (squares / (2.0 * freedom) * slices.len() as f64).sqrt();
    Difference { value, ci95: Some([value - half, value + half]) }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::numeric::histogram::Recording;
    use crate::numeric::streams::Streams;

    /// Two systems with the same large ups and downs, the second a tenth dearer with a small wobble.
    #[test]
    fn what_is_common_to_both_cancels() {
        let wobble = |i: usize| f64::from((i * 7919 % 13) as u32) / 13.0;
        let slices: Vec<Parts> = (0..100)
            .map(|i| {
                let load = 100.0 + 900.0 * wobble(i);
                [load * 2.0, load, load * (2.2 + 0.01 * (wobble(i * 3) - 0.5)), load]
            })
            .collect();
        let found = difference(&slices);
        let [low, high] = found.ci95.unwrap();
        assert!((found.value + 0.2).abs() < 0.002, "{found:?}");
        assert!(low < -0.2 && -0.2 < high && high - low < 0.004, "{found:?}");
        assert_eq!(difference(&slices[..10]).ci95, None);
    }

    /// The p-quantile of n exponentials of mean 1 has standard deviation sqrt(p (1 - p) / n) / f(x_p), and
    /// f(x_p) = 1 - p. The first system takes twice as long for each request, so its difference is one such quantile.
    #[test]
    fn the_interval_of_a_percentile_is_as_wide_as_theory_says() {
        const SLICES: usize = 96;
        const REQUESTS: usize = 500;
        let runs = 40;
        let (mut covered, mut width) = (0, 0.0);
        for seed in 0..runs {
            let mut stream = Streams::new(seed).stream("latencies");
            let mut both: [Vec<(usize, Histogram)>; 2] = Default::default();
            let mut whole = [Histogram::default(), Histogram::default()];
            for slice in 0..SLICES {
                let draws: Vec<f64> =
                    (0..REQUESTS).map(|_| -(-stream.random::<f64>()).ln_1p() * 1e9).collect();
                for (system, factor) in [2.0, 1.0].into_iter().enumerate() {
                    let mut recording = Recording::default();
                    for draw in &draws {
                        recording.counts().count((draw * factor) as u64);
                        recording.touch((draw * factor) as u64, (draw * factor) as u64);
                    }
                    let latencies = recording.drain();
                    whole[system].merge(&latencies);
                    both[system].push((slice, latencies));
                }
            }
            let p95 = whole.map(|histogram| histogram.quantile(0.95).unwrap() / 1e9);
            let [low, high] = sectioned(&both[0], &both[1], 0.95, p95[0] - p95[1]).ci95.unwrap();
            covered += usize::from(low <= 20_f64.ln() && 20_f64.ln() <= high);
            width += (high - low) / 2.0 / runs as f64;
        }
        let deviation = (0.95 * 0.05 / (SLICES * REQUESTS) as f64).sqrt() / 0.05;
        // Student's t at 15 degrees of freedom: 2.131.
        assert!((width / (2.131 * deviation) - 1.0).abs() < 0.1, "{width} {deviation}");
        assert!(covered >= 35, "{covered} of {runs}");
    }
}
