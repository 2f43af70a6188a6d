//! One fit a window: a schedule.

use rayon::prelude::*;

use super::fit::{Fit, FitError, fit_window};
use super::observed::{Counts, Observed};
use crate::units::{Span, Time};

/// The fit of one window.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The length of the window.
    pub duration: Span,
    /// Its fit; why not, where it has too few arrivals.
    pub fit: Result<Fit, FitError>,
}

/// Fits each window of a trace by itself. The windows start at the first arrival or bin.
///
/// The windows are independent, so that the result is the same on any number of threads.
pub fn piecewise(observed: &Observed, window: Span) -> Vec<Piece> {
    let windows = cut(observed, window);
    windows.into_par_iter().map(|(duration, part)| Piece { duration, fit: fit_window(&part) }).collect()
}

fn cut(observed: &Observed, window: Span) -> Vec<(Span, Observed)> {
    match observed {
        Observed::Counts(Counts { bin, counts }) => {
            let bins = (window.0 / bin.0).max(1) as usize;
            let part = |counts: &[u32]| Counts { bin: *bin, counts: counts.to_vec() };
            let parts = counts.chunks(bins).map(part);
            parts.map(|part| (part.duration(), Observed::Counts(part))).collect()
        }
        Observed::Arrivals(times) => {
            let first = times.first().copied().unwrap_or(Time::ZERO);
            let last = times.last().copied().unwrap_or(Time::ZERO);
            let windows = last.since(first).0 / window.0 + 1;
            let part = |i: u64| {
                let [from, to] = [i, i + 1].map(|k| first + Span(k * window.0));
                let [from_at, to_at] = [from, to].map(|at| times.partition_point(|t| *t < at));
                let duration = if to > last { last.since(from) } else { window };
                (duration, Observed::Arrivals(times[from_at..to_at].to_vec()))
            };
            (0..windows).map(part).filter(|(duration, _)| duration.0 > 0).collect()
        }
    }
}
