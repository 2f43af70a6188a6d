//! What MArk expects of the coming load. Exchangeable, so that the forecast's share of a result is visible.

/// A forecast of the rate in coming steps.
#[derive(Debug, Clone, PartialEq)]
pub struct RateForecast {
    rule: Rule,
    steps: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Last { rate: f64 },
    Largest { largest: f64, factor: f64 },
    Smoothed { alpha: f64, beta: f64, level: f64, trend: f64 },
    Oracle { rates: Vec<f64> },
}

impl RateForecast {
    /// The last step's rate.
    pub fn last() -> RateForecast {
        RateForecast { rule: Rule::Last { rate: 0.0 }, steps: 0 }
    }

    /// The largest rate so far times `factor`: 1.2 in MArk's released scheduler.
    pub fn largest(factor: f64) -> RateForecast {
        RateForecast { rule: Rule::Largest { largest: 0.0, factor }, steps: 0 }
    }

    /// Double exponential smoothing (Holt 1957): level l = a x + (1 - a)(l + b'), trend b' = b (l - l_before) +
    /// (1 - b) b', forecast l + k b' for k steps ahead; `alpha` = a and `beta` = b in (0, 1].
    pub fn smoothed(alpha: f64, beta: f64) -> RateForecast {
        RateForecast { rule: Rule::Smoothed { alpha, beta, level: 0.0, trend: 0.0 }, steps: 0 }
    }

    /// The rates that will come, step by step from the start; the last one holds on.
    pub fn oracle(rates: Vec<f64>) -> RateForecast {
        RateForecast { rule: Rule::Oracle { rates }, steps: 0 }
    }

    /// Takes the rate [1/s] of the step that has just ended.
    pub fn observe(&mut self, rate: f64) {
        let first = self.steps == 0;
        self.steps += 1;
        match &mut self.rule {
            Rule::Last { rate: last } => *last = rate,
            Rule::Largest { largest, .. } => *largest = largest.max(rate),
            Rule::Smoothed { level, .. } if first => *level = rate,
            Rule::Smoothed { alpha, beta, level, trend } => {
                let before = *level;
                *level = *alpha * rate + (1.0 - *alpha) * (before + *trend);
                *trend = *beta * (*level - before) + (1.0 - *beta) * *trend;
            }
            Rule::Oracle { .. } => {}
        }
    }

    /// The rate [1/s] of the step that begins `ahead` steps from now.
    pub fn rate(&self, ahead: usize) -> f64 {
        match &self.rule {
            Rule::Last { rate } => *rate,
            Rule::Largest { largest, factor } => largest * factor,
            Rule::Smoothed { level, trend, .. } => (level + trend * (ahead + 1) as f64).max(0.0),
            Rule::Oracle { rates } => {
                let at = (self.steps + ahead).min(rates.len().saturating_sub(1));
                rates.get(at).copied().unwrap_or(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_forecasts_as_defined() {
        let shown = |mut forecast: RateForecast| {
            [10.0, 20.0, 30.0].into_iter().for_each(|rate| forecast.observe(rate));
            [forecast.rate(0), forecast.rate(2)]
        };
        assert_eq!(shown(RateForecast::last()), [30.0, 30.0]);
        assert_eq!(shown(RateForecast::largest(1.5)), [45.0, 45.0]);
        // With a = b = 1 the trend is the last difference.
        assert_eq!(shown(RateForecast::smoothed(1.0, 1.0)), [40.0, 60.0]);
        assert_eq!(shown(RateForecast::oracle(vec![1.0, 2.0, 3.0, 4.0, 5.0])), [4.0, 5.0]);
    }
}
