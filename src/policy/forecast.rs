//! The rate of the coming period, from the rates of those before.

/// How the coming period's rate is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forecast {
    /// The rate of the last window.
    Last,
    /// The rate of the same period a day before; that of the last window on the first day.
    Yesterday,
    /// Holt-Winters smoothing with a damped trend and a daily season.
    Smoothing,
    /// The true rate: the bound that no forecast passes.
    Oracle,
}

impl Forecast {
    /// All of them with their names in files.
    pub const ALL: [(&'static str, Forecast); 4] = [
        ("last", Forecast::Last),
        ("yesterday", Forecast::Yesterday),
        ("smoothing", Forecast::Smoothing),
        ("oracle", Forecast::Oracle),
    ];
}

/// Exponential smoothing of the logarithm of a rate with a damped trend and an additive season.
///
/// With y = ln rate, level l, trend b, season s of `day` periods: the forecast is `l + PHI b + s`, and an error e
/// of it moves `l` by `ALPHA e`, `b` by `ALPHA BETA e` and the season by `GAMMA (1 - ALPHA) e` (the error-correction
/// form of Holt-Winters; Hyndman and Athanasopoulos, "Forecasting", 3rd ed., section 8.3). The first day sets the
/// season; during it the forecast is the smoothed level.
#[derive(Debug, Clone)]
pub struct Smoothing {
    season: Vec<f64>,
    first_day: Vec<f64>,
    level: f64,
    trend: f64,
    seen: usize,
}

const ALPHA: f64 = 0.3;
const BETA: f64 = 0.1;
const GAMMA: f64 = 0.3;
const PHI: f64 = 0.8;

impl Smoothing {
    /// Smoothing with a season of `day` periods, at least one.
    pub fn new(day: usize) -> Smoothing {
        Smoothing { season: vec![0.0; day.max(1)], first_day: Vec::new(), level: 0.0, trend: 0.0, seen: 0 }
    }

    fn log_forecast(&self) -> f64 {
        self.level + PHI * self.trend + self.season[self.seen % self.season.len()]
    }

    /// The forecast for the coming period; none before the first one.
    pub fn forecast(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.log_forecast().exp())
    }

    /// Learns the rate of a period that is over; it must be above zero.
    pub fn observe(&mut self, rate: f64) {
        assert!(rate > 0.0, "the logarithm of a rate above zero");
        let value = rate.ln();
        let day = self.season.len();
        if self.seen == 0 {
            self.level = value;
        }
        let error = value - self.log_forecast();
        let place = self.seen % day;
        self.level += PHI * self.trend + ALPHA * error;
        self.trend = PHI * self.trend + ALPHA * BETA * error;
        if self.seen >= day {
            self.season[place] += GAMMA * (1.0 - ALPHA) * error;
        } else {
            self.first_day.push(value);
        }
        self.seen += 1;
        if self.seen == day {
            let mean = self.first_day.iter().sum::<f64>() / day as f64;
            self.season = self.first_day.iter().map(|value| value - mean).collect();
            (self.level, self.trend) = (mean, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_is_forecast_exactly() {
        let mut smoothing = Smoothing::new(24);
        assert_eq!(smoothing.forecast(), None);
        for _ in 0..100 {
            smoothing.observe(40.0);
            assert!((smoothing.forecast().unwrap() - 40.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_daily_course_is_forecast_exactly_from_the_second_day_on() {
        let rate = |i: usize| [10.0, 80.0, 40.0, 20.0][i % 4];
        let mut smoothing = Smoothing::new(4);
        for i in 0..20 {
            if i >= 4 {
                assert!((smoothing.forecast().unwrap() / rate(i) - 1.0).abs() < 1e-9, "{i}");
            }
            smoothing.observe(rate(i));
        }
    }
}
