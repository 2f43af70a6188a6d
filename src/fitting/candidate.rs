//! One fitted process beside the trace: its figures, its likelihood and where it is off.

use serde::{Serialize, Serializer};

use super::exact_stats::MapStats;
use super::trace_stats::TraceStats;
use crate::arrivals::map::Map;
use crate::units::Span;

/// The time scales at which a fit is compared with the trace \[s\].
pub const COMPARED_S: [f64; 4] = [0.1, 1.0, 10.0, 60.0];
/// A fitted IDC beyond this factor of the measured one is warned about.
pub const OFF: f64 = 1.5;

/// The kinds of process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// A Poisson process.
    Poisson,
    /// A Markov-modulated Poisson process of so many states.
    Mmpp(u8),
    /// A canonical MAP of two phases, whose gaps may be negatively correlated.
    Map2,
    /// Gaps of so many phases of one rate.
    Erlang(u8),
    /// Gaps of two phases of different rates.
    Hypoexponential,
    /// Gaps of so many phases of one rate, or one less.
    MixedErlang(u8),
}

/// How a process was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The mean rate.
    MeanRate,
    /// From moments and the limit of IDC or the decay of the autocorrelation.
    ClosedForm,
    /// Expectation-maximisation on counts.
    EmCounts,
    /// Expectation-maximisation on inter-arrival times.
    EmInterarrivals,
    /// Maximum likelihood of the inter-arrival times.
    Likelihood,
}

/// A fitted process.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The kind of process.
    pub family: Family,
    /// How it was found.
    pub means: Means,
    /// The process; its rate is that of the trace.
    pub map: Map,
    /// Its exact statistics.
    pub stats: MapStats,
    /// The log likelihood of the gaps (of the counts where the trace is counts).
    pub log_likelihood: f64,
    /// Bayes' information criterion, `p ln n - 2 L` with `p` parameters and `n` gaps or bins: less is better.
    pub bic: f64,
    /// Measured against fitted IDC at the scales of [`COMPARED_S`] that were measured.
    pub scales: Vec<ScaleFit>,
}

/// Measured and fitted index of dispersion at one time scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScaleFit {
    /// The time scale.
    #[serde(rename = "scale_s")]
    pub scale: Span,
    /// Of the trace.
    pub measured: f64,
    /// Of the process.
    pub fitted: f64,
    /// Fitted over measured.
    pub ratio: f64,
}

impl Family {
    /// The name in fit.json.
    pub fn name(self) -> String {
        match self {
            Family::Poisson => "poisson".into(),
            Family::Mmpp(states) => format!("mmpp{states}"),
            Family::Map2 => "map2".into(),
            Family::Erlang(phases) => format!("erlang{phases}"),
            Family::Hypoexponential => "hypoexponential2".into(),
            Family::MixedErlang(phases) => format!("mixed_erlang{phases}"),
        }
    }

    /// Whether its phases are states of the traffic, which counts tell, and not parts of a gap.
    pub fn has_states(self) -> bool {
        matches!(self, Family::Mmpp(_) | Family::Map2)
    }

    /// The number of free parameters; the number of phases is no parameter but the kind.
    pub fn parameters(self) -> u32 {
        match self {
            Family::Poisson | Family::Erlang(_) => 1,
            Family::Hypoexponential | Family::MixedErlang(_) => 2,
            Family::Mmpp(states) => u32::from(states).pow(2),
            Family::Map2 => 4,
        }
    }
}

impl Means {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Means::MeanRate => "the mean rate",
            Means::ClosedForm => "the closed form",
            Means::EmCounts => "EM on counts",
            Means::EmInterarrivals => "EM on inter-arrival times",
            Means::Likelihood => "maximum likelihood of the inter-arrival times",
        }
    }
}

impl Candidate {
    /// The candidate's figures beside those of the trace; `samples` are the gaps or bins of the likelihood.
    pub(super) fn new(
        family: Family,
        means: Means,
        map: Map,
        log_likelihood: f64,
        samples: usize,
        trace: &TraceStats,
    ) -> Candidate {
        let bic = f64::from(family.parameters()) * (samples as f64).ln() - 2.0 * log_likelihood;
        let stats = MapStats::new(&map);
        let scales = compare(&stats, trace);
        Candidate { family, means, map, stats, log_likelihood, bic, scales }
    }

    /// The scales at which the IDC is off by more than a factor [`OFF`].
    pub fn off(&self) -> impl Iterator<Item = &ScaleFit> {
        self.scales.iter().filter(|scale| scale.is_off())
    }

    /// A sentence about the scales that are off; none if all is well.
    pub fn warning(&self) -> Option<String> {
        let tell = |scale: &ScaleFit| {
            let ScaleFit { scale, measured, fitted, ratio } = scale;
            format!("{ratio:.2}x at {scale} ({fitted:.2} against {measured:.2})")
        };
        let list: Vec<String> = self.off().map(tell).collect();
        let name = self.family.name();
        (!list.is_empty())
            .then(|| format!("the IDC of {name} is off by more than {OFF}x: {}", list.join(", ")))
    }

    /// How far the worst scale is off, as a factor of at least one.
    pub fn worst(&self) -> f64 {
        self.scales.iter().map(|scale| scale.ratio.max(1.0 / scale.ratio)).fold(1.0, f64::max)
    }
}

impl ScaleFit {
    /// Whether the fit is off by more than a factor [`OFF`].
    pub fn is_off(&self) -> bool {
        !(1.0 / OFF..=OFF).contains(&self.ratio)
    }
}

fn compare(stats: &MapStats, trace: &TraceStats) -> Vec<ScaleFit> {
    let at = |seconds: &f64| {
        let measured = trace.idc(*seconds)?;
        let fitted = stats.idc(*seconds);
        let scale = Span::from_secs_f64(*seconds)?;
        Some(ScaleFit { scale, measured, fitted, ratio: fitted / measured })
    };
    COMPARED_S.iter().filter_map(at).collect()
}

impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}
