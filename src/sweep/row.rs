//! What a sweep says of one configuration.

use crate::scenario::Setting;
use crate::scenario::slo::Slo;

/// One configuration with its figures: at least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The configuration.
    pub setting: Setting,
    /// By the analytic model; absent for a trace.
    pub predicted: Option<Figures>,
    /// By simulation; absent with `--predict-only`.
    pub simulated: Option<Figures>,
    /// The 95 % interval of the simulated latency \[s\], where one was made.
    pub interval_s: Option<[f64; 2]>,
    /// Does it meet the objective? Absent where nothing is asked.
    pub meets_slo: Option<bool>,
}

/// The two figures that configurations are compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// The objective's percentile of the latency \[s\]: the 95th unless the scenario names another.
    pub latency_s: f64,
    /// Cost of a million requests [$].
    pub usd_per_million: f64,
}

impl Row {
    /// The figures to decide by: the simulated where there are some, else the predicted.
    pub fn figures(&self) -> Figures {
        self.simulated.or(self.predicted).expect("a row has figures")
    }
}

/// Does a configuration meet the objective? `late` gives its share of requests over the latency target, where
/// that is asked. `None` if the objective asks nothing.
pub fn meets(slo: &Slo, figures: Figures, late: impl Fn() -> f64) -> Option<bool> {
    if slo.latency.is_none() && slo.budget_usd_per_million.is_none() {
        return None;
    }
    let in_time = match (slo.latency, slo.max_violations) {
        (None, _) => true,
        (Some(_), Some(most)) => late() <= most,
        (Some(latency), None) => figures.latency_s <= latency.as_secs_f64(),
    };
    let within = slo.budget_usd_per_million.is_none_or(|budget| figures.usd_per_million <= budget);
    Some(in_time && within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn every_part_of_the_objective_counts() {
        let figures = Figures { latency_s: 0.5, usd_per_million: 2.0 };
        let nothing = Slo::default();
        let latency = Slo { latency: Some(Span::from_millis(500)), ..nothing };
        let budget = Slo { budget_usd_per_million: Some(1.9), ..latency };
        let share = Slo { max_violations: Some(0.02), ..latency };
        let check = |slo, late| meets(slo, figures, || late);
        assert_eq!(check(&nothing, 0.0), None);
        assert_eq!(check(&latency, 0.0), Some(true));
        assert_eq!(check(&budget, 0.0), Some(false));
        assert_eq!(check(&share, 0.021), Some(false));
        assert_eq!(check(&share, 0.02), Some(true));
    }
}
