//! A trace made ready for fitting: gaps or bins, and the likelihood of a process on them.

use rayon::prelude::*;

use super::bins::Bins;
use super::candidate::{Candidate, Family, Means};
use super::count_em::Hmm;
use super::gap_em::{GapEm, Stop};
use super::gap_likelihood;
use super::observed::{Counts, Observed};
use super::trace_stats::{Basis, TraceStats};
use super::{closed_form, exact_stats::MapStats, renewal};
use crate::arrivals::map::Map;
use crate::units::Span;

/// How much work a fit may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// The most bins on which EM on counts looks for starts.
    pub bins: usize,
    /// The most gaps or bins times iterations of the EM that finishes.
    pub visits: usize,
}

/// For `sim fit`: 1e6 arrivals in under a second.
pub(super) const THOROUGH: Effort = Effort { bins: 100_000, visits: 10_000_000 };
/// For one window of many: an hour of counts or of 2e5 arrivals in milliseconds.
pub(super) const QUICK: Effort = Effort { bins: 4_000, visits: 400_000 };

/// A correlation of neighbours beyond this, and beyond its standard error four times, is negative.
const ALTERNATING: f64 = 0.02;
/// Starts are compared on so many gaps.
const ALTERNATING_PART: usize = 20_000;

/// A trace made ready.
pub(super) struct Sample<'a> {
    pub trace: &'a TraceStats,
    pub effort: Effort,
    /// The gaps [s], where they can be trusted.
    pub gaps: Option<Vec<f64>>,
    /// The counts in the finest bins that are used.
    counts: Counts,
    finest: Bins,
}

impl<'a> Sample<'a> {
    /// Prepares what was observed.
    pub fn new(observed: &Observed, trace: &'a TraceStats, effort: Effort) -> Sample<'a> {
        let (gaps, counts) = match (observed, trace.basis) {
            (Observed::Counts(counts), _) => (None, counts.clone()),
            (Observed::Arrivals(times), Basis::Counts { bin }) => (None, Counts::of(times, bin)),
            (Observed::Arrivals(times), Basis::Gaps) => {
                let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
                (Some(gaps), Counts::of(times, start_bin(trace, effort)))
            }
        };
        let finest = Bins::new(&counts, 1);
        Sample { trace, effort, gaps, counts, finest }
    }

    /// The number of gaps or bins that the likelihood is of.
    pub fn size(&self) -> usize {
        self.gaps.as_ref().map_or(self.finest.len(), Vec::len)
    }

    /// The log likelihood of the trace under `map`.
    pub fn log_likelihood(&self, map: &Map) -> f64 {
        let (bins, seconds) = (&self.finest, self.finest.seconds);
        match (&self.gaps, map.order()) {
            (Some(gaps), 1) => gaps.len() as f64 * map.rate().ln() - map.rate() * gaps.iter().sum::<f64>(),
            (Some(gaps), 2) => GapEm::new(gaps).log_likelihood(map),
            (Some(gaps), _) => gap_likelihood::log_likelihood(map, gaps),
            (None, 1) => bins.poisson_log_likelihood(),
            (None, 2) => Hmm::<2>::of(map, seconds).log_likelihood(bins),
            (None, 3) => Hmm::<3>::of(map, seconds).log_likelihood(bins),
            (None, _) => Hmm::<4>::of(map, seconds).log_likelihood(bins),
        }
    }

    /// `map` at the trace's own rate, with its figures.
    pub fn candidate(&self, family: Family, means: Means, map: &Map) -> Candidate {
        let map = map.scaled(self.trace.rate / map.rate());
        let log_likelihood = self.log_likelihood(&map);
        Candidate::new(family, means, map, log_likelihood, self.size(), self.trace)
    }

    /// The Poisson process of the mean rate.
    pub fn poisson(&self) -> Candidate {
        self.candidate(Family::Poisson, Means::MeanRate, &Map::poisson(self.trace.rate))
    }

    /// The MMPP(2)s of the trace's moments with the IDC at long scales and with the decay of the
    /// autocorrelation, as far as there are such.
    pub fn closed_forms(&self) -> Vec<Map> {
        let Some(gaps) = &self.trace.gaps else { return Vec::new() };
        let sure = self.trace.scales.iter().rev().find(|scale| scale.bins >= 100);
        let by_idc = sure.map(|scale| closed_form::decay_of_idc(scale.idc, gaps.scv));
        let lags = &gaps.autocorrelation;
        let by_decay = (lags[lags.len() - 1] / lags[0]).powf(1.0 / (lags.len() as f64 - 1.0));
        let decays = [by_idc, Some(closed_form::decay_of_lag1(lags[0], gaps.scv)), Some(by_decay)];
        decays.into_iter().flatten().filter_map(|gamma| closed_form::mmpp2(gaps.moments, gamma)).collect()
    }

    /// The MMPPs that EM on counts finds at several bin lengths, from several splits.
    pub fn by_counts<const K: usize>(&self) -> Vec<Map> {
        let stop = Stop { iterations: 40, gain: 0.1 };
        let first = self.finest.len().div_ceil(self.effort.bins).max(1);
        let merges = std::iter::successors(Some(first), |merge| Some(merge * 8));
        let merges = merges.take_while(|merge| self.finest.len() / merge >= 40);
        let all: Vec<Bins> = merges.map(|merge| Bins::new(&self.counts, merge)).collect();
        let starts: Vec<_> =
            all.iter().flat_map(|bins| splits(K).into_iter().map(move |s| (bins, s))).collect();
        let fitted =
            |(bins, shares): (&Bins, Vec<f64>)| bins.split::<K>(&shares, 10.0).fit(bins, stop).mmpp(bins);
        let found: Vec<Option<Map>> = starts.into_par_iter().map(fitted).collect();
        found.into_iter().flatten().collect()
    }

    /// The likeliest of `starts`, brought to the top by EM: on gaps where they can be trusted and K is 2.
    pub fn refined<const K: usize>(&self, starts: Vec<Map>) -> Option<(Means, Map)> {
        let scored: Vec<(f64, Map)> =
            starts.into_par_iter().map(|map| (self.log_likelihood(&map), map)).collect();
        let finite = scored.into_iter().filter(|(score, _)| score.is_finite());
        let (score, best) = finite.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let stop = Stop { iterations: (self.effort.visits / self.size()).clamp(2, 200), gain: 0.01 };
        if let (Some(gaps), 2) = (&self.gaps, K) {
            return Some((Means::EmInterarrivals, GapEm::new(gaps).fit(&best, stop)));
        }
        let iterations = (self.effort.visits / self.finest.len()).clamp(2, 200);
        let start = Hmm::<K>::of(&best, self.finest.seconds);
        let fitted = start.fit(&self.finest, Stop { iterations, ..stop }).mmpp(&self.finest);
        let better = fitted.filter(|map| self.log_likelihood(map) > score);
        Some((Means::EmCounts, better.unwrap_or(best)))
    }

    /// Renewal processes of several phases a gap, where the gaps are clearly more regular than Poisson's.
    pub fn renewals(&self) -> Vec<Candidate> {
        let (Some(gaps), Some(stats)) = (&self.gaps, &self.trace.gaps) else { return Vec::new() };
        // The SCV of n exponential gaps has a standard error of sqrt(8 / n).
        if !(stats.scv > 0.0 && stats.scv < 1.0 - 3.0 * (8.0 / gaps.len() as f64).sqrt()) {
            return Vec::new();
        }
        let all = renewal::fits(gaps, stats.scv, stats.resolution.as_secs_f64()).into_iter();
        all.map(|(family, map, log_likelihood)| {
            Candidate::new(family, Means::Likelihood, map, log_likelihood, gaps.len(), self.trace)
        })
        .collect()
    }

    /// Whether neighbouring gaps are clearly negatively correlated, as no MMPP's are.
    pub fn alternates(&self) -> bool {
        let lag1 = self.trace.lag1().filter(|_| self.gaps.is_some());
        lag1.is_some_and(|lag1| lag1 < -ALTERNATING - 4.0 / (self.size() as f64).sqrt())
    }

    /// The canonical MAP(2): of the trace's moments and lag 1, brought to the top by EM, or the canonical
    /// form of `mmpp2`, whichever is likelier.
    pub fn map2(&self, mmpp2: Option<&Map>) -> Option<(Means, Map)> {
        let canonical = |map: &Map| {
            let stats = MapStats::new(map);
            let gamma = closed_form::decay_of_lag1(stats.autocorrelation(1), stats.scv());
            closed_form::map2(stats.moments(), gamma)
        };
        let same = mmpp2.and_then(canonical);
        let own = self.trace.gaps.as_ref().and_then(|gaps| {
            let gamma = closed_form::decay_of_lag1(gaps.autocorrelation[0], gaps.scv);
            closed_form::map2(gaps.moments, gamma)
        });
        if let (Some(gaps), true) = (&self.gaps, self.alternates()) {
            return Some((Means::EmInterarrivals, self.alternating(gaps, own)));
        }
        let (Some(gaps), Some(own)) = (&self.gaps, own) else {
            return same.map(|map| (Means::ClosedForm, map));
        };
        let mut em = GapEm::new(gaps);
        let (of_same, of_own) = (same.as_ref().map(|map| em.log_likelihood(map)), em.log_likelihood(&own));
        if let Some(map) = same.filter(|_| of_same > Some(of_own)) {
            return Some((Means::ClosedForm, map));
        }
        let iterations = (self.effort.visits / gaps.len() / 2).clamp(2, 200);
        Some((Means::EmInterarrivals, em.fit(&own, Stop { iterations, gain: 0.01 })))
    }

    /// The likeliest MAP(2) whose gaps alternate. Its moments may lie just beyond those of any MAP(2), by chance where
    /// the process is at the edge: so EM starts from several, first on a part of the gaps.
    fn alternating(&self, gaps: &[f64], own: Option<Map>) -> Map {
        let part = &gaps[..gaps.len().min(ALTERNATING_PART)];
        let mut em = GapEm::new(part);
        let starts =
            closed_form::alternating_starts(self.trace.rate, self.trace.gaps.as_ref().map(|g| g.moments));
        let stop = Stop { iterations: (2 * self.effort.visits / part.len()).clamp(5, 60), gain: 0.01 };
        let tried = own.into_iter().chain(starts).map(|start| {
            let fitted = em.fit(&start, stop);
            (em.log_likelihood(&fitted), fitted)
        });
        let best = tried.filter(|(score, _)| score.is_finite()).max_by(|a, b| a.0.total_cmp(&b.0));
        let best = best.expect("the starts are processes").1;
        let iterations = (4 * self.effort.visits / gaps.len()).clamp(5, 400);
        GapEm::new(gaps).fit(&best, Stop { iterations, gain: 0.001 })
    }
}

/// The bin that arrivals are counted in for EM on counts: about two arrivals, within the effort.
fn start_bin(trace: &TraceStats, effort: Effort) -> Span {
    let least = trace.duration.0 / effort.bins as u64;
    Span(((2e9 / trace.rate) as u64).max(least).max(1))
}

/// Where the sorted bins are cut into K states: evenly, and with a rare top state.
fn splits(states: usize) -> Vec<Vec<f64>> {
    match states {
        2 => vec![vec![0.5], vec![0.9]],
        3 => vec![vec![0.33, 0.67], vec![0.5, 0.95]],
        _ => vec![vec![0.25, 0.5, 0.75], vec![0.3, 0.7, 0.97]],
    }
}
