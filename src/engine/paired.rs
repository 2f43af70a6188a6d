//! How much two systems differ on the same arrivals, with a confidence interval of the difference.
//!
//! Both saw the same requests, so their luck is common and cancels: the interval is that of the difference,
//! slice by slice, not of the two figures. For ratios r = sum a_i / sum b_i of both systems the residuals of
//! the difference are z_i = (a_i - r b_i) / sum b - (a'_i - r' b'_i) / sum b'; its variance comes from the
//! differences of successive z_i (von Neumann et al., 1941), so that a trend does not count as noise.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::outcome::{Difference, Paired, Simulation, SliceRow};

/// Fewer slices than this give no interval.
const LEAST_SLICES: usize = 16;

/// Compares two simulations of the same arrivals.
pub fn paired(first: &Simulation, second: &Simulation) -> Paired {
    let (a, b) = (&first.slices, &second.slices);
    let requests = |row: &SliceRow| (row.requests + row.rejected) as f64;
    let difference = |part: &dyn Fn(&SliceRow) -> (f64, f64)| difference(&common(a, b, part));
    Paired {
        cost_usd_per_million: difference(&|row| (row.cost_usd * 1e6, row.requests as f64)),
        mean_latency_s: difference(&|row| (row.latency_sum_s, row.requests as f64)),
        slo_violation_share: difference(&|row| (row.slo_violations as f64, requests(row))),
    }
}

/// (a, b, a', b') of one slice.
type Parts = [f64; 4];

/// The slices of both on the wider of their two grids, which nest: widths are powers of two.
fn common(a: &[SliceRow], b: &[SliceRow], part: &dyn Fn(&SliceRow) -> (f64, f64)) -> Vec<Parts> {
    let width = |rows: &[SliceRow]| rows.get(1).map_or(f64::INFINITY, |row| row.start_s);
    let width = width(a).max(width(b));
    let mut slices: Vec<Parts> = Vec::new();
    for (column, rows) in [(0, a), (2, b)] {
        for row in rows {
            let number = if width.is_finite() { (row.start_s / width + 1e-9) as usize } else { 0 };
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
    let law = StudentsT::new(0.0, 1.0, freedom).expect("at least one degree of freedom");
    let half = law.inverse_cdf(0.975) * (squares / (2.0 * freedom) * slices.len() as f64).sqrt();
    Difference { value, ci95: Some([value - half, value + half]) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
