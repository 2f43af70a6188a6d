//! Counts over many time scales at once, in one pass and bounded memory.

use serde::Serialize;

use crate::units::Span;

/// The scales that are kept \[s\], as far as they are multiples of the base bin.
pub const SCALES_S: [f64; 18] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0,
    7200.0,
];

/// Fewer whole bins than this say too little about a variance.
const FEWEST_BINS: u64 = 10;

/// What was seen at one time scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scale {
    /// The length of a bin.
    #[serde(rename = "scale_s")]
    pub scale: Span,
    /// The number of whole bins seen.
    pub bins: u64,
    /// Variance over mean of the counts: the index of dispersion IDC(t).
    pub idc: f64,
    /// The largest count over the mean count.
    pub peak_to_mean: f64,
}

/// Sums of counts in bins of each scale; each scale is fed by the largest finer one that divides it.
#[derive(Debug, Clone)]
pub(super) struct Cascade {
    levels: Vec<Level>,
}

#[derive(Debug, Clone)]
struct Level {
    scale: Span,
    /// Indices of the scales that this one feeds, and how many of its bins make one of theirs.
    feeds: Vec<usize>,
    ratio: u64,
    /// The unfinished bin: its count and how many finer bins it holds.
    open: u64,
    held: u64,
    bins: u64,
    sum: f64,
    squares: f64,
    most: u64,
}

impl Cascade {
    /// Counts in bins of `base` and of those [`SCALES_S`] that are multiples of it.
    pub fn new(base: Span) -> Cascade {
        let scales = SCALES_S.iter().filter_map(|s| Span::from_secs_f64(*s));
        Cascade::of(base, scales.filter(|s| s.0 > base.0 && s.0.is_multiple_of(base.0)))
    }

    /// Counts in bins of `base` and of `scales`, ascending multiples of it.
    pub fn of(base: Span, scales: impl Iterator<Item = Span>) -> Cascade {
        let mut levels = vec![Level::new(base, 1)];
        for scale in scales {
            let from = levels.iter().rposition(|level| scale.0.is_multiple_of(level.scale.0)).unwrap_or(0);
            let index = levels.len();
            levels.push(Level::new(scale, scale.0 / levels[from].scale.0));
            levels[from].feeds.push(index);
        }
        Cascade { levels }
    }

    /// Adds one finest bin.
    #[inline]
    pub fn push(&mut self, count: u64) {
        self.push_to(0, count);
    }

    /// Adds `many` empty finest bins.
    #[inline]
    pub fn push_empty(&mut self, many: u64) {
        if many > 0 {
            self.push_empty_to(0, many);
        }
    }

    fn push_to(&mut self, index: usize, count: u64) {
        let level = &mut self.levels[index];
        level.open += count;
        level.held += 1;
        if level.held == level.ratio {
            let whole = level.close();
            for i in 0..self.levels[index].feeds.len() {
                self.push_to(self.levels[index].feeds[i], whole);
            }
        }
    }

    fn push_empty_to(&mut self, index: usize, many: u64) {
        let mut left = many;
        while left > 0 && self.levels[index].held > 0 {
            self.push_to(index, 0);
            left -= 1;
        }
        if left == 0 {
            return;
        }
        let level = &mut self.levels[index];
        let whole = left / level.ratio;
        level.bins += whole;
        level.held = left % level.ratio;
        if whole > 0 {
            for i in 0..self.levels[index].feeds.len() {
                self.push_empty_to(self.levels[index].feeds[i], whole);
            }
        }
    }

    /// What was seen, from the finest scale up; scales with too few bins are left out.
    pub fn scales(&self) -> Vec<Scale> {
        let seen = self.levels.iter().filter(|level| level.bins >= FEWEST_BINS && level.sum > 0.0);
        seen.map(Level::scale).collect()
    }
}

impl Level {
    fn new(scale: Span, ratio: u64) -> Level {
        let (open, held, bins, sum, squares, most) = (0, 0, 0, 0.0, 0.0, 0);
        Level { scale, feeds: Vec::new(), ratio, open, held, bins, sum, squares, most }
    }

    #[inline]
    fn close(&mut self) -> u64 {
        let count = std::mem::take(&mut self.open);
        self.held = 0;
        self.bins += 1;
        self.sum += count as f64;
        self.squares += (count as f64).powi(2);
        self.most = self.most.max(count);
        count
    }

    fn scale(&self) -> Scale {
        let n = self.bins as f64;
        let mean = self.sum / n;
        let variance = (self.squares - self.sum * mean) / (n - 1.0);
        Scale {
            scale: self.scale,
            bins: self.bins,
            idc: variance / mean,
            peak_to_mean: self.most as f64 / mean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scale_has_the_variance_of_its_own_counts() {
        let counts: Vec<u64> = (0..4000).map(|i| (i * i * 7 + i) % 23).collect();
        let mut cascade = Cascade::new(Span::from_secs(1));
        counts.iter().for_each(|c| cascade.push(*c));
        for scale in cascade.scales() {
            let width = (scale.scale.0 / 1_000_000_000) as usize;
            let sums: Vec<f64> = counts.chunks_exact(width).map(|c| c.iter().sum::<u64>() as f64).collect();
            let mean = sums.iter().sum::<f64>() / sums.len() as f64;
            let variance = sums.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (sums.len() as f64 - 1.0);
            assert_eq!(scale.bins, sums.len() as u64);
            assert!((scale.idc - variance / mean).abs() < 1e-9, "{width}");
        }
    }

    #[test]
    fn empty_bins_in_bulk_are_empty_bins_one_by_one() {
        let mut bulk = Cascade::new(Span::from_millis(10));
        let mut single = bulk.clone();
        for (count, gap) in [(3, 7), (1, 0), (9, 12345), (2, 100), (5, 999)].repeat(30) {
            bulk.push(count);
            bulk.push_empty(gap);
            single.push(count);
            (0..gap).for_each(|_| single.push(0));
        }
        assert_eq!(bulk.scales(), single.scales());
        assert!(bulk.scales().len() > 10);
    }
}
