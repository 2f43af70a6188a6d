//! A plan's own error bar: how far the model was off for this function, by `sim backtest`.

use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

use crate::error::InputError;

/// What a backtest says of the model's error.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    source: String,
    within_tolerance: bool,
    /// Of p50, p90, p95, p99: predicted over observed, at the ends of the observed's 95 % interval.
    latency: [(f64, (f64, f64)); 4],
    /// The same of the bill.
    cost: (f64, f64),
}

/// A plan's figures between which the truth is expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorBar {
    /// The backtest's file.
    pub source: String,
    /// Was the backtest within what is tolerated?
    pub within_tolerance: bool,
    /// The percentile whose error is taken: the nearest of those that a backtest has.
    pub percentile: f64,
    /// The SLO's percentile \[s\].
    pub latency_s: [f64; 2],
    /// The cost [$ per million requests].
    pub cost_usd_per_million: [f64; 2],
}

const PERCENTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")];

impl Calibration {
    /// Reads a backtest.json.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read(path: &Path) -> Result<Calibration, InputError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| InputError::io(path, &e))?;
        let none =
            || InputError::new(&name, "is no backtest.json").help("give the file that `sim backtest` wrote");
        let root: Json = serde_json::from_str(&text).map_err(|_| none())?;
        let ratio = |pointer: &str| {
            let number = |block: &str| root.pointer(&format!("/{block}/{pointer}"))?.as_f64();
            let end = |at: usize| root.pointer(&format!("/noise/{pointer}/{at}"))?.as_f64();
            let predicted = number("predicted")?;
            let ends = (predicted / end(1)?, predicted / end(0)?);
            (ends.0.is_finite() && ends.1.is_finite() && ends.0 > 0.0).then_some(ends)
        };
        let mut latency = [(0.0, (1.0, 1.0)); 4];
        for (slot, (share, figure)) in latency.iter_mut().zip(PERCENTILES) {
            *slot = (share, ratio(&format!("latency_s/{figure}")).ok_or_else(none)?);
        }
        let cost = ratio("cost_usd").ok_or_else(none)?;
        let within_tolerance = root["within_tolerance"].as_bool().ok_or_else(none)?;
        Ok(Calibration { source: name, within_tolerance, latency, cost })
    }

    /// The error bar of a plan with this percentile \[s\] and cost.
    pub fn bar(&self, percentile: f64, latency_s: f64, cost: f64) -> ErrorBar {
        let distance = |entry: &&(f64, (f64, f64))| (entry.0 - percentile).abs();
        let nearest = self.latency.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let (percentile, ratio) = nearest.copied().unwrap_or((percentile, (1.0, 1.0)));
        // What was predicted over what was observed lay within these; no error is among them.
        let around = |value: f64, (low, high): (f64, f64)| [value / high.max(1.0), value / low.min(1.0)];
        ErrorBar {
            source: self.source.clone(),
            within_tolerance: self.within_tolerance,
            percentile: 100.0 * percentile,
            latency_s: around(latency_s, ratio),
            cost_usd_per_million: around(cost, self.cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_what_the_backtest_was_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("backtest.json");
        let figures = |scale: f64| {
            format!(
                "{{ \"latency_s\": {{ \"p50\": {0}, \"p90\": {0}, \"p95\": {0}, \"p99\": {0} }}, \"cost_usd\": {0} }}",
                scale
            )
        };
        let interval = "[0.9, 1.1]";
        let noise = format!(
            "{{ \"latency_s\": {{ \"p50\": {interval}, \"p90\": {interval}, \"p95\": {interval}, \"p99\": {interval} }}, \"cost_usd\": [1.0, 1.0] }}"
        );
        let text = format!(
            "{{ \"within_tolerance\": true, \"observed\": {}, \"predicted\": {}, \"noise\": {noise} }}",
            figures(1.0),
            figures(0.99)
        );
        std::fs::write(&path, text).unwrap();
        let bar = Calibration::read(&path).unwrap().bar(0.95, 0.99, 2.0);
        // 0.99 was predicted for 0.9 to 1.1: the truth of another 0.99 is there, too; of the bill, .99 for 1.
        assert!((bar.latency_s[0] - 0.9).abs() < 1e-12 && (bar.latency_s[1] - 1.1).abs() < 1e-12);
        assert!((bar.cost_usd_per_million[0] - 2.0).abs() < 1e-12);
        assert!((bar.cost_usd_per_million[1] - 2.0 / 0.99).abs() < 1e-12);
        std::fs::write(&path, "{}").unwrap();
        assert!(Calibration::read(&path).unwrap_err().to_string().contains("no backtest.json"));
    }
}
