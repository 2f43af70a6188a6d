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

    /// The percentile's name: `p95`, `p99.9`.
    pub fn name(&self) -> String {
        format!("p{}", (self.percentile * 1e8).round() / 1e6)
    }
}
