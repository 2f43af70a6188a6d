//! Counts as the hidden Markov model sees them.

use super::Counts;

/// Counts with their distinct values, so that an emission is computed once a value.
pub(super) struct Bins {
    /// The length of a bin [s].
    pub seconds: f64,
    /// For each bin the index of its value.
    pub at: Vec<u32>,
    /// The distinct counts, ascending, with how often each occurs and the logarithm of its factorial.
    pub values: Vec<Value>,
}

/// A count that occurs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value {
    pub count: f64,
    /// How often.
    pub times: f64,
    pub log_factorial: f64,
}

impl Bins {
    /// Prepares counts, `merge` of them to a bin; a rest at the end is left out.
    pub fn new(counts: &Counts, merge: usize) -> Bins {
        let merged = counts.counts.chunks_exact(merge).map(|bins| bins.iter().sum::<u32>());
        let merged: Vec<u32> = merged.collect();
        let (distinct, at) = match merged.iter().max() {
            Some(most) if (*most as usize) < MOST_PLACES.max(merged.len()) => by_place(&merged, *most),
            _ => by_search(&merged),
        };
        let mut values: Vec<Value> = distinct
            .iter()
            .map(|count| Value { count: f64::from(*count), times: 0.0, log_factorial: ln_factorial(*count) })
            .collect();
        at.iter().for_each(|i| values[*i as usize].times += 1.0);
        Bins { seconds: counts.bin.as_secs_f64() * merge as f64, at, values }
    }

    /// The number of bins.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Mean count of a bin.
    pub fn mean(&self) -> f64 {
        self.values.iter().map(|v| v.count * v.times).sum::<f64>() / self.len() as f64
    }

    /// The log likelihood of the counts if all are Poisson of one mean.
    pub fn poisson_log_likelihood(&self) -> f64 {
        let mean = self.mean();
        self.values.iter().map(|v| v.times * (log_weight(v.count, mean) - v.log_factorial)).sum()
    }
}

/// Counts below this have a place each.
const MOST_PLACES: usize = 1 << 12;

/// The distinct counts, ascending, and for each count the index of its value; none is above `most`.
fn by_place(counts: &[u32], most: u32) -> (Vec<u32>, Vec<u32>) {
    let mut places = vec![0; most as usize + 1];
    counts.iter().for_each(|count| places[*count as usize] = 1);
    let distinct: Vec<u32> = (0..=most).filter(|count| places[*count as usize] > 0).collect();
    (0..).zip(&distinct).for_each(|(index, count)| places[*count as usize] = index);
    let at = counts.iter().map(|count| places[*count as usize]).collect();
    (distinct, at)
}

/// The same, of counts however large.
fn by_search(counts: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut distinct = counts.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let index = |count: &u32| distinct.binary_search(count).expect("it is one of them") as u32;
    let at = counts.iter().map(index).collect();
    (distinct, at)
}

/// `ln(mean^count e^-mean)`.
pub(super) fn log_weight(count: f64, mean: f64) -> f64 {
    if count > 0.0 { count * mean.ln() - mean } else { -mean }
}

fn ln_factorial(n: u32) -> f64 {
    statrs::function::factorial::ln_factorial(u64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn counts_are_numbered_alike_by_place_and_by_search() {
        let counts: Vec<u32> = (0..500_u32).map(|i| i * i * 7 % 911).collect();
        assert_eq!(by_place(&counts, 911), by_search(&counts));
        let Bins { at, values, .. } =
            Bins::new(&Counts { bin: Span::from_secs(1), counts: counts.clone() }, 1);
        assert!(at.iter().zip(&counts).all(|(at, count)| values[*at as usize].count == f64::from(*count)));
    }
}
