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
        let mut distinct = merged.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let index = |count: &u32| distinct.binary_search(count).expect("it is one of them") as u32;
        let at: Vec<u32> = merged.iter().map(index).collect();
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

/// `ln(mean^count e^-mean)`.
pub(super) fn log_weight(count: f64, mean: f64) -> f64 {
    if count > 0.0 { count * mean.ln() - mean } else { -mean }
}

fn ln_factorial(n: u32) -> f64 {
    statrs::function::factorial::ln_factorial(u64::from(n))
}
