//! Means, quantiles and intervals of plain lists.

/// The mean; 0 of nothing.
pub fn mean(list: &[f64]) -> f64 {
    if list.is_empty() { 0.0 } else { list.iter().sum::<f64>() / list.len() as f64 }
}

/// Standard deviation; 0 of fewer than two.
pub fn deviation(list: &[f64]) -> f64 {
    if list.len() < 2 {
        return 0.0;
    }
    let mean = mean(list);
    (list.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (list.len() - 1) as f64).sqrt()
}

/// The share `q` of an ascending list: straight between order statistics.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = q * last as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64)
}

/// Ascending.
pub fn sorted(mut list: Vec<f64>) -> Vec<f64> {
    list.sort_unstable_by(f64::total_cmp);
    list
}

/// A figure with the interval that holds it, in 99 % of cases where it is a mean, and how many observations speak for it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The interval's ends; the upper one is missing where nothing bounds it.
    pub from: f64,
    /// See `from`.
    pub to: Option<f64>,
    /// Observations.
    pub observations: usize,
}

impl Estimate {
    /// The mean of a list, with the interval of Student's t.
    pub fn mean(list: &[f64]) -> Option<Estimate> {
        use statrs::distribution::{ContinuousCDF, StudentsT};
        let n = list.len();
        if n < 2 {
            return None;
        }
        let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?.inverse_cdf(0.995);
        let half = t * deviation(list) / (n as f64).sqrt();
        let value = mean(list);
        Some(Estimate { value, from: value - half, to: Some(value + half), observations: n })
    }

    /// Does the interval hold it?
    pub fn holds(&self, value: f64) -> bool {
        self.from <= value && self.to.is_none_or(|to| value <= to)
    }
}
