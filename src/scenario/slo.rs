//! What is asked of the system: a latency target, a budget, a share of late requests.

use crate::document::Section;
use crate::error::InputError;
use crate::units::Span;

/// The objective. Without a latency or a budget, nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slo {
    /// The percentile that the latency target is about, as a share: 0.95.
    pub percentile: f64,
    /// The percentile must not exceed this.
    pub latency: Option<Span>,
    /// The cost of a million requests must not exceed this.
    pub budget_usd_per_million: Option<f64>,
    /// The share of requests over the latency target must not exceed this.
    pub max_violations: Option<f64>,
}

/// What a share or a cost may lack for rounding: less than one request of 1e11.
pub(super) const ROUNDING: f64 = 1e-12;

impl Default for Slo {
    fn default() -> Self {
        Slo { percentile: 0.95, latency: None, budget_usd_per_million: None, max_violations: None }
    }
}

impl Slo {
    /// Reads `[slo]`.
    pub fn from_section(section: &Section<'_>) -> Result<Slo, InputError> {
        let mut slo = Slo::default();
        if let Some(value) = section.optional("percentile") {
            let percent = value.f64()?;
            if percent > 0.0 && percent < 1.0 {
                let meant = (percent * 1e8).round() / 1e6;
                return Err(value
                    .error(format!("is in percent, and {percent} % of requests is next to none"))
                    .help(format!("did you mean {meant}?")));
            }
            if !(percent > 0.0 && percent < 100.0) {
                return Err(value.error("must be between 0 and 100, such as 95"));
            }
            slo.percentile = percent / 100.0;
        }
        slo.latency = section.optional("latency").map(|v| v.span()).transpose()?;
        slo.budget_usd_per_million =
            section.optional("budget_usd_per_million").map(|v| v.positive()).transpose()?;
        if let Some(value) = section.optional("max_violations") {
            let share = value.nonnegative()?;
            if (1.0..=100.0).contains(&share) {
                let meant = (share * 1e8).round() / 1e10;
                let error = value.error(format!("is a share of requests below 1, not {share}"));
                return Err(match share {
                    1.0 | 100.0 => error.help("give a share such as 0.05"),
                    _ => error.help(format!("did you mean {meant}?")),
                });
            }
            if share >= 1.0 || slo.latency.is_none() {
                return Err(value.error("is a share below 1 of requests over `latency`, which must be given"));
            }
            slo.max_violations = Some(share);
        }
        if slo.latency.is_none() && slo.budget_usd_per_million.is_none() {
            return Err(section
                .error("[slo] asks nothing")
                .help("give `latency` or `budget_usd_per_million`"));
        }
        Ok(slo)
    }

    /// The share of requests that may be over the latency target: what the percentile leaves, or less where
    /// `max_violations` asks for less. Both hold where both are given.
    pub fn allowed(&self) -> f64 {
        let left = 1.0 - self.percentile;
        self.max_violations.map_or(left, |most| most.min(left))
    }

    /// Is the latency target kept where the share `late` of the requests is over it, failed ones included? True
    /// without a target.
    pub fn is_kept(&self, late: f64) -> bool {
        self.latency.is_none() || late <= self.allowed() + ROUNDING
    }

    /// Is the cost of a million requests [$] within the budget? True without one.
    pub fn affords(&self, usd_per_million: f64) -> bool {
        self.budget_usd_per_million.is_none_or(|budget| usd_per_million <= budget * (1.0 + ROUNDING))
    }

    /// The verdict on a configuration, the same for every command: the share `late` of its requests is over the
    /// latency target (a request at exactly the target is not), and a million cost `usd_per_million`. `None` where
    /// nothing is asked.
    pub fn verdict(&self, late: f64, usd_per_million: f64) -> Option<bool> {
        let asks = self.latency.is_some() || self.budget_usd_per_million.is_some();
        asks.then(|| self.is_kept(late) && self.affords(usd_per_million))
    }

    /// The percentile's name: `p95`, `p99.9`.
    pub fn name(&self) -> String {
        format!("p{}", (self.percentile * 1e8).round() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_asked_must_hold() {
        let nothing = Slo::default();
        let latency = Slo { latency: Some(Span::from_millis(500)), ..nothing };
        let budget = Slo { budget_usd_per_million: Some(1.9), ..latency };
        let strict = Slo { max_violations: Some(0.02), ..latency };
        let lax = Slo { max_violations: Some(0.2), ..latency };
        assert_eq!(nothing.verdict(1.0, 1e9), None);
        // 5 of 100 may be late, exactly.
        assert_eq!(latency.verdict(5.0 / 100.0, 2.0), Some(true));
        assert_eq!(latency.verdict(6.0 / 100.0, 2.0), Some(false));
        assert_eq!(budget.verdict(0.0, 1.9), Some(true));
        assert_eq!(budget.verdict(0.0, 1.900_001), Some(false));
        assert_eq!(budget.verdict(0.06, 1.9), Some(false));
        assert_eq!(strict.verdict(0.03, 2.0), Some(false));
        // More violations than the percentile leaves are not bought by allowing them.
        assert_eq!(lax.verdict(0.06, 2.0), Some(false));
    }
}
