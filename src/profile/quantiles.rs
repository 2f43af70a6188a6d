//! The distribution of service times as quantiles, a row a cell of the table.

use super::LARGEST_CV;

/// Quantiles of service times: the file's `service_quantiles`, in place of `service_cv`.
///
/// Between two shares the quantile function is straight, so each cell is a mixture of uniform distributions.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles {
    /// Shares, strictly ascending from 0 to 1.
    pub shares: Vec<f64>,
    /// Service times \[s\], one row a cell (all batch sizes of the first memory size, then of the next), one column a
    /// share; ascending within a row.
    pub rows: Vec<Vec<f64>>,
}

/// The shares that imports write: tenths, and the tails in which percentiles are asked for.
pub const SHARES: [f64; 17] =
    [0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0];

impl Quantiles {
    /// The quantiles at [`SHARES`] of ascending samples, with the samples' own mean: what the straight lines add or lose
    /// is made up for at the longest time as far as the samples allow, and then by a common factor.
    pub fn of_sorted(sorted: &[f64]) -> Vec<f64> {
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        let mut row: Vec<f64> = SHARES.iter().map(|share| super::import::quantile(sorted, *share)).collect();
        let last = row.len() - 1;
        let lacking = mean - mean_of(&SHARES, &row);
        let width = (SHARES[last] - SHARES[last - 1]) / 2.0;
        row[last] = (row[last] + lacking / width).clamp(row[last - 1], sorted[sorted.len() - 1]);
        let factor = mean / mean_of(&SHARES, &row);
        row.iter().map(|s| s * factor).collect()
    }

    /// The mean of a cell.
    pub fn mean(&self, cell: usize) -> f64 {
        mean_of(&self.shares, &self.rows[cell])
    }

    /// One coefficient of variation for all cells, the root mean square of theirs: for what knows no quantiles.
    pub fn cv(&self) -> f64 {
        let square = |row: &Vec<f64>| {
            let mean = mean_of(&self.shares, row);
            let parts = self.shares.windows(2).zip(row.windows(2));
            let second: f64 =
                parts.map(|(p, s)| (p[1] - p[0]) * (s[0] * s[0] + s[0] * s[1] + s[1] * s[1]) / 3.0).sum();
            (second / (mean * mean) - 1.0).max(0.0)
        };
        (self.rows.iter().map(square).sum::<f64>() / self.rows.len() as f64).sqrt().min(LARGEST_CV)
    }

    /// A cell's quantiles over its mean.
    pub(super) fn relative(&self, cell: usize) -> Vec<f64> {
        let mean = self.mean(cell);
        self.rows[cell].iter().map(|s| s / mean).collect()
    }
}

/// The mean under straight lines between the quantiles.
pub(crate) fn mean_of(shares: &[f64], row: &[f64]) -> f64 {
    shares.windows(2).zip(row.windows(2)).map(|(p, s)| (p[1] - p[0]) * (s[0] + s[1]) / 2.0).sum()
}

/// How service times vary about their mean, by batch size.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Shares, strictly ascending from 0 to 1.
    pub shares: Vec<f64>,
    /// Quantiles over the mean, for a batch of `n` at `n - 1`.
    pub factors: Vec<Vec<f64>>,
}

impl Shape {
    /// The factor on the mean of a batch of `n` below which a share of `u` lies.
    #[inline]
    pub fn factor(&self, n: u32, u: f64) -> f64 {
        let row = &self.factors[n as usize - 1];
        let at = self.shares.partition_point(|share| *share <= u).clamp(1, self.shares.len() - 1);
        let (from, to) = (self.shares[at - 1], self.shares[at]);
        row[at - 1] + (row[at] - row[at - 1]) * (u - from) / (to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_their_mean_and_their_tail() {
        // An exponential law by its own quantiles: mean 1, cv 1, p99 = ln 100.
        let samples: Vec<f64> = (0..20_000).map(|i| -(1.0 - (f64::from(i) + 0.5) / 20_000.0).ln()).collect();
        let row = Quantiles::of_sorted(&samples);
        let all = Quantiles { shares: SHARES.to_vec(), rows: vec![row] };
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        assert!((all.mean(0) / mean - 1.0).abs() < 1e-12);
        let p99 = SHARES.iter().position(|share| *share == 0.99).unwrap();
        assert!((all.rows[0][p99] / 100_f64.ln() - 1.0).abs() < 0.01, "{}", all.rows[0][p99]);
        assert!((all.cv() - 1.0).abs() < 0.02, "{}", all.cv());
        assert!(all.rows[0].windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn a_share_of_draws_is_below_its_quantile() {
        let shape =
            Shape { shares: vec![0.0, 0.5, 1.0], factors: vec![vec![0.5, 1.0, 1.5], vec![0.9, 1.0, 1.1]] };
        assert_eq!(shape.factor(1, 0.0), 0.5);
        assert_eq!(shape.factor(1, 0.25), 0.75);
        assert!((shape.factor(2, 0.75) - 1.05).abs() < 1e-12);
        assert_eq!(shape.factor(1, 1.0), 1.5);
    }
}
