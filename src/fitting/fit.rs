//! The choice of a process for a trace.

use super::candidate::{COMPARED_S, Candidate, Family, Means, OFF, ScaleFit};
use super::observed::Observed;
use super::sample::{Effort, QUICK, Sample, THOROUGH};
use super::trace_stats::TraceStats;
use crate::text::separated;
use crate::units::Span;

/// Which process to fit, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// All that apply; the best by BIC.
    #[default]
    Auto,
    /// Poisson of the mean rate.
    Poisson,
    /// MMPP(2) in closed form from moments and IDC or autocorrelation.
    ClosedForm,
    /// MMPP(2) by EM on counts.
    EmCounts,
    /// MMPP(2) by EM on inter-arrival times.
    EmInterarrivals,
    /// Canonical MAP(2).
    Map2,
    /// MMPP of three states.
    Mmpp3,
    /// MMPP of four states.
    Mmpp4,
    /// Renewal process of several phases a gap.
    PhaseType,
}

/// A trace that cannot be fitted as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Too few arrivals or no time between them.
    #[error("{arrivals} arrivals in {bins_or_gaps} gaps or bins are too few to fit")]
    TooFew {
        /// Arrivals seen.
        arrivals: u64,
        /// Gaps or bins seen.
        bins_or_gaps: usize,
    },
    /// No process of the kind has the trace's statistics.
    #[error("{method} does not apply to this trace: {why}")]
    NotThis {
        /// The name of the method.
        method: &'static str,
        /// The condition that it breaks.
        why: &'static str,
    },
}

/// A fitted trace.
#[derive(Debug, Clone)]
pub struct Fit {
    /// What was measured.
    pub trace: TraceStats,
    /// All processes that were fitted, Poisson first.
    pub candidates: Vec<Candidate>,
    /// The index of the chosen one.
    pub best: usize,
    /// Why it was chosen.
    pub reason: String,
}

/// Fewer samples than this are not fitted.
const FEWEST: usize = 10;
/// A measured IDC of n bins has a standard error of `sqrt(2 / n)` at least: 20 % with these.
const ENOUGH_BINS: u64 = 50;
/// BIC must fall by this much for a process of more phases or less common kind: odds of 150 to 1.
const CLEARLY: f64 = 10.0;

impl Method {
    /// All methods with their names on the command line.
    pub const NAMES: [(&'static str, Method); 9] = [
        ("auto", Method::Auto),
        ("poisson", Method::Poisson),
        ("closed-form", Method::ClosedForm),
        ("em-counts", Method::EmCounts),
        ("em-interarrivals", Method::EmInterarrivals),
        ("map2", Method::Map2),
        ("mmpp3", Method::Mmpp3),
        ("mmpp4", Method::Mmpp4),
        ("phase-type", Method::PhaseType),
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        Method::NAMES.iter().find(|(_, method)| *method == self).expect("all are listed").0
    }
}

impl Fit {
    /// The chosen process.
    pub fn best(&self) -> &Candidate {
        &self.candidates[self.best]
    }

    /// At which time scales the chosen process was checked and found within [`OFF`], and of which the trace says too
    /// little.
    pub fn checked(&self) -> String {
        let bins = |scale: &ScaleFit| {
            self.trace.scales.iter().find(|s| s.scale == scale.scale).map_or(0, |s| s.bins)
        };
        let (known, few): (Vec<&ScaleFit>, Vec<&ScaleFit>) =
            self.best().scales.iter().partition(|scale| bins(scale) >= ENOUGH_BINS);
        let list =
            |scales: &[&ScaleFit]| scales.iter().map(|s| s.scale.to_string()).collect::<Vec<_>>().join(", ");
        let mut text = match known.is_empty() {
            true => "No time scale was checked: the trace is too short for the index of dispersion (IDC)."
                .to_owned(),
            false => format!("The chosen process is within {OFF}x of the measured IDC at {}.", list(&known)),
        };
        if !few.is_empty() {
            text +=
                &format!(" Fewer than {ENOUGH_BINS} bins: the trace is too short to tell at {}.", list(&few));
        }
        let unseen: Vec<String> = COMPARED_S
            .iter()
            .filter_map(|s| Span::from_secs_f64(*s))
            .filter(|s| self.best().scales.iter().all(|scale| scale.scale != *s))
            .map(|s| s.to_string())
            .collect();
        if !unseen.is_empty() && !known.is_empty() {
            text += &format!(" Not measured at {}.", unseen.join(", "));
        }
        text
    }

    /// The candidate of a kind, if it was fitted.
    pub fn of(&self, family: Family) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.family == family)
    }
}

/// Fits a trace of which `trace` was measured.
///
/// # Errors
/// Too few arrivals; a method that does not apply.
pub fn fit(observed: &Observed, trace: TraceStats, method: Method) -> Result<Fit, FitError> {
    let sample = prepare(observed, &trace, THOROUGH)?;
    let mut candidates = vec![sample.poisson()];
    match method {
        Method::Auto => add_all(&sample, &mut candidates),
        Method::Poisson => {}
        asked => candidates.push(one(&sample, asked)?),
    }
    let (best, reason) = if method == Method::Auto {
        choose(&sample, &candidates)
    } else {
        (candidates.len() - 1, format!("{} was asked for", method.name()))
    };
    Ok(Fit { trace, candidates, best, reason })
}

/// Fits one window of many: Poisson or MMPP(2) by BIC, within milliseconds for an hour of 2e5 arrivals.
///
/// # Errors
/// Too few arrivals.
pub fn fit_window(observed: &Observed) -> Result<Fit, FitError> {
    let trace = observed.measure();
    let sample = prepare(observed, &trace, QUICK)?;
    let mut candidates = vec![sample.poisson()];
    candidates.extend(sample.renewals());
    let two = mmpp2(&sample);
    // Windows are many: a MAP is tried only where no other process can do.
    let map2 = if sample.alternates() { sample.map2(two.as_ref().map(|c| &c.map)) } else { None };
    candidates.extend(two);
    candidates.extend(map2.map(|(means, map)| sample.candidate(Family::Map2, means, &map)));
    let (best, reason) = choose(&sample, &candidates);
    Ok(Fit { trace, candidates, best, reason })
}

fn prepare<'a>(observed: &Observed, trace: &'a TraceStats, effort: Effort) -> Result<Sample<'a>, FitError> {
    let bins_or_gaps = match observed {
        Observed::Arrivals(times) => times.len().saturating_sub(1),
        Observed::Counts(counts) => counts.counts.len(),
    };
    if bins_or_gaps < FEWEST || trace.arrivals < FEWEST as u64 || trace.rate <= 0.0 {
        return Err(FitError::TooFew { arrivals: trace.arrivals, bins_or_gaps });
    }
    Ok(Sample::new(observed, trace, effort))
}

fn add_all(sample: &Sample<'_>, candidates: &mut Vec<Candidate>) {
    let two = mmpp2(sample);
    let map2 = sample.map2(two.as_ref().map(|c| &c.map));
    let renewals = sample.renewals();
    // No MMPP of any size is more regular than Poisson.
    let off = renewals.is_empty() && two.as_ref().is_some_and(|two| two.worst() > OFF);
    candidates.extend(renewals);
    candidates.extend(two);
    if off {
        candidates.extend(mmpp::<3>(sample));
        candidates.extend(mmpp::<4>(sample));
    }
    candidates.extend(map2.map(|(means, map)| sample.candidate(Family::Map2, means, &map)));
}

fn mmpp2(sample: &Sample<'_>) -> Option<Candidate> {
    let mut starts = sample.by_counts::<2>();
    starts.extend(sample.closed_forms());
    let (means, map) = sample.refined::<2>(starts)?;
    Some(sample.candidate(Family::Mmpp(2), means, &map))
}

fn mmpp<const K: usize>(sample: &Sample<'_>) -> Option<Candidate> {
    let (means, map) = sample.refined::<K>(sample.by_counts::<K>())?;
    Some(sample.candidate(Family::Mmpp(K as u8), means, &map))
}

fn one(sample: &Sample<'_>, method: Method) -> Result<Candidate, FitError> {
    let found = match method {
        Method::ClosedForm => {
            let all = sample.closed_forms().into_iter();
            let all = all.map(|map| sample.candidate(Family::Mmpp(2), Means::ClosedForm, &map));
            all.min_by(|a, b| a.worst().total_cmp(&b.worst()))
        }
        Method::EmCounts => {
            let all = sample.by_counts::<2>().into_iter();
            let all = all.map(|map| sample.candidate(Family::Mmpp(2), Means::EmCounts, &map));
            all.max_by(|a, b| a.log_likelihood.total_cmp(&b.log_likelihood))
        }
        Method::EmInterarrivals if sample.gaps.is_some() => mmpp2(sample),
        Method::Map2 => {
            let two = mmpp2(sample);
            let found = sample.map2(two.as_ref().map(|c| &c.map));
            found.map(|(means, map)| sample.candidate(Family::Map2, means, &map))
        }
        Method::Mmpp3 => mmpp::<3>(sample),
        Method::Mmpp4 => mmpp::<4>(sample),
        Method::PhaseType => {
            let all = sample.renewals().into_iter();
            all.min_by(|a, b| a.bic.total_cmp(&b.bic))
        }
        Method::Auto | Method::Poisson | Method::EmInterarrivals => None,
    };
    let why = match method {
        Method::ClosedForm => {
            "it needs gaps with SCV > 1 and a correlation that decays from a positive value"
        }
        Method::EmInterarrivals => "it is counts, or its time stamps are too coarse for gaps",
        Method::Map2 => "its moments and its correlation are those of no MAP of two phases",
        Method::PhaseType => "it needs gaps that are more regular than Poisson: SCV < 1",
        _ => "it is too short",
    };
    found.ok_or(FitError::NotThis { method: method.name(), why })
}

/// The best candidate by BIC and why; an earlier one unless a later one is clearly better.
fn choose(sample: &Sample<'_>, candidates: &[Candidate]) -> (usize, String) {
    let mut best = 0;
    for (i, candidate) in candidates.iter().enumerate().skip(1) {
        if candidate.bic < candidates[best].bic - CLEARLY {
            best = i;
        }
    }
    let chosen = &candidates[best];
    let on = if sample.gaps.is_some() { "inter-arrival times" } else { "counts" };
    let reason = if best > 0 {
        let gain = separated(&format!("{:.0}", candidates[0].bic - chosen.bic));
        let (name, means) = (chosen.family.name(), chosen.means.name());
        format!("{name}, by {means}: its BIC on {on} is {gain} below that of Poisson")
    } else if let Some(second) = candidates[1..].iter().min_by(|a, b| a.bic.total_cmp(&b.bic)) {
        let loss = separated(&format!("{:.0}", second.bic - chosen.bic));
        let name = second.family.name();
        format!("poisson: by BIC on {on} nothing is clearly better ({name}: +{loss})")
    } else {
        "poisson: no process of two states has the statistics of the trace".into()
    };
    (best, reason)
}
