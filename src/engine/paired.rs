//! How much two systems differ on the same arrivals, with a confidence interval of the difference.
//!
//! Both saw the same requests, so their luck is common and cancels: the interval is that of the difference,
//! slice by slice, not of the two figures. For ratios r = sum a_i / sum b_i of both systems the residuals of
//! the difference are z_i = (a_i - r b_i) / sum b - (a'_i - r' b'_i) / sum b'; [`super::intervals::luck`] says what
//! chance may do to their sum.
//!
//! A percentile is no ratio. Let [l, u] and [l', u'] be the intervals of the percentiles x and x' of the two, and c
//! the correlation of what chance did to both. The interval of d = x - x' is then from
//! d - sqrt((x - l)^2 + (u' - x')^2 - 2 c (x - l) (u' - x')) to
//! d + sqrt((u - x)^2 + (x' - l')^2 - 2 c (u - x) (x' - l')) (Zou, "Toward using confidence intervals to compare
//! correlations", Psychological Methods 12 (2007) 399-413).

use super::intervals::LEAST_SLICES;
use super::intervals::luck::{Luck, correlation};
use super::intervals::share_residual;
use super::intervals::strata::Strata;
use crate::numeric::histogram::Histogram;
use crate::outcome::{Difference, Paired, Simulation, SliceRow};
use crate::units::Span;

/// Compares two simulations of the same arrivals.
pub fn paired(first: &Simulation, second: &Simulation) -> Paired {
    let (a, b) = (&first.slices, &second.slices);
    let strata = strata(first, second);
    let strata = strata.as_ref();
    let requests = |row: &SliceRow| (row.requests + row.rejected) as f64;
    let difference = |part: &dyn Fn(&SliceRow) -> (f64, f64)| difference(&common(a, b, part), strata);
    Paired {
        cost_usd_per_million: difference(&|row| (row.cost_usd * 1e6, row.requests as f64)),
        mean_latency_s: difference(&|row| (row.latency_sum_s, row.requests as f64)),
        p95_latency_s: p95_difference(first, second, strata),
        slo_violation_share: difference(&|row| (row.slo_violations as f64, requests(row))),
    }
}

/// The strata of the slices that both have; `None` if there are too few.
fn strata(first: &Simulation, second: &Simulation) -> Option<Strata> {
    let width = common_width(&first.slices, &second.slices);
    let rows = first.slices.iter().chain(&second.slices);
    let end = rows.map(|row| slice_number(row, width) + 1).max()?;
    let from = (first.warmup.as_secs_f64() / width) as usize;
    let width = Span((width * 1e9).round() as u64);
    (end >= from + LEAST_SLICES).then(|| Strata::new(&first.rhythm, width, from..end))
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

fn p95_difference(first: &Simulation, second: &Simulation, strata: Option<&Strata>) -> Difference {
    let width = common_width(&first.slices, &second.slices);
    let numbered = |simulation: &Simulation| -> Vec<(usize, Histogram)> {
        let numbers = simulation.slices.iter().map(|row| slice_number(row, width));
        numbers.zip(simulation.slice_latencies.iter().cloned()).collect()
    };
    let value = first.simulated.latency_s.p95 - second.simulated.latency_s.p95;
    let ci95 = strata.and_then(|strata| {
        let of = |simulation| Quantile::of(&numbered(simulation), 0.95, strata);
        of(first).zip(of(second)).and_then(|(x, y)| x.less(&y, strata))
    });
    Difference { value, ci95 }
}

/// A percentile of one system.
struct Quantile {
    /// \[s\]
    at: f64,
    ends: [f64; 2],
    residuals: Vec<f64>,
}

impl Quantile {
    /// From latencies \[ns\] by number of the slice; `None` if there are none, or too few pieces.
    fn of(slices: &[(usize, Histogram)], q: f64, strata: &Strata) -> Option<Quantile> {
        let mut all = Histogram::default();
        slices.iter().for_each(|(_, latencies)| all.merge(latencies));
        let at = all.quantile(q)?;
        let count = strata.all.iter().flat_map(|stratum| &stratum.slices).max()? + 1;
        let last = slices.iter().map(|(number, _)| number + 1).max()?;
        let mut residuals = vec![0.0; count.max(last)];
        for (number, latencies) in slices {
            residuals[*number] += share_residual(latencies, at, q);
        }
        let [low, high] = Luck::of(&residuals, strata).enough()?.band().map(|end| end / all.total() as f64);
        let ends = all.enclosing(q + low, q + high).map(|ns| ns / 1e9);
        Some(Quantile { at: at / 1e9, ends, residuals })
    }

    /// The interval of the difference.
    fn less(&self, other: &Quantile, strata: &Strata) -> Option<[f64; 2]> {
        let length = self.residuals.len().min(other.residuals.len());
        let (x, y) = (&self.residuals[..length], &other.residuals[..length]);
        let common = correlation(x, y, strata);
        let apart = |x: f64, y: f64| (x * x + y * y - 2.0 * common * x * y).max(0.0).sqrt();
        let value = self.at - other.at;
        let down = apart(self.at - self.ends[0], other.ends[1] - other.at);
        let up = apart(self.ends[1] - self.at, other.at - other.ends[0]);
        // What the buckets of the two histograms hide is no luck, and not common to both.
        let hidden = Histogram::resolution(self.at * 1e9) / 1e9 + Histogram::resolution(other.at * 1e9) / 1e9;
        Some([value - down - hidden, value + up + hidden])
    }
}

fn difference(slices: &[Parts], strata: Option<&Strata>) -> Difference {
    let sum = |column: usize| slices.iter().map(|slice| slice[column]).sum::<f64>();
    let (b1, b2) = (sum(1), sum(3));
    let (r1, r2) = (sum(0) / b1, sum(2) / b2);
    let value = r1 - r2;
    let residual = |s: &Parts| (s[0] - r1 * s[1]) / b1 - (s[2] - r2 * s[3]) / b2;
    let residuals: Vec<f64> = slices.iter().map(residual).collect();
    let luck = strata.and_then(|strata| Luck::of(&residuals, strata).enough());
    let ci95 = luck.map(|luck| {
        let [low, high] = luck.band();
        [value - high, value - low]
    });
    Difference { value, ci95 }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::arrivals::rhythm::{Beat, Rhythm};
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
        let strata = Strata::new(&Rhythm::Steady(Beat::default()), Span(1), 0..100);
        let found = difference(&slices, Some(&strata));
        let [low, high] = found.ci95.unwrap();
        assert!((found.value + 0.2).abs() < 0.002, "{found:?}");
        assert!(low < -0.2 && -0.2 < high && high - low < 0.004, "{found:?}");
        assert_eq!(difference(&slices, None).ci95, None);
    }

    /// The p-quantile of n exponentials of mean 1 has standard deviation sqrt(p (1 - p) / n) / f(x_p), and
    /// f(x_p) = 1 - p. The first system takes twice as long for each request, so its difference is one such quantile.
    #[test]
    fn the_interval_of_a_percentile_is_as_wide_as_theory_says() {
        const SLICES: usize = 96;
        const REQUESTS: usize = 500;
        let runs = 40;
        let (mut covered, mut width) = (0, 0.0);
        let strata = Strata::new(&Rhythm::Steady(Beat::default()), Span(1), 0..SLICES);
        for seed in 0..runs {
            let mut stream = Streams::new(seed).stream("latencies");
            let mut both: [Vec<(usize, Histogram)>; 2] = Default::default();
            for slice in 0..SLICES {
                let draws: Vec<f64> =
                    (0..REQUESTS).map(|_| -(-stream.random::<f64>()).ln_1p() * 1e9).collect();
                for (system, factor) in [2.0, 1.0].into_iter().enumerate() {
                    let mut recording = Recording::default();
                    for draw in &draws {
                        recording.counts().count((draw * factor) as u64);
                        recording.touch((draw * factor) as u64, (draw * factor) as u64);
                    }
                    both[system].push((slice, recording.drain()));
                }
            }
            let [x, y] = both.map(|slices| Quantile::of(&slices, 0.95, &strata).unwrap());
            let [low, high] = x.less(&y, &strata).unwrap();
            covered += usize::from(low <= 20_f64.ln() && 20_f64.ln() <= high);
            width += (high - low) / 2.0 / runs as f64;
        }
        let deviation = (0.95 * 0.05 / (SLICES * REQUESTS) as f64).sqrt() / 0.05;
        // Student's t at 95 degrees of freedom: 1.985.
        assert!((width / (1.985 * deviation) - 1.0).abs() < 0.15, "{width} {deviation}");
        assert!(covered >= 35, "{covered} of {runs}");
    }
}
