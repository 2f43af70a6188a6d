//! Which state a trace was in, as far as the counts tell.

use super::bins::Bins;
use super::count_em::Hmm;
use super::observed::{Counts, Observed};
use crate::arrivals::map::Map;
use crate::units::{Span, Time};

/// The probability of each state of `map` over the trace, given all of it, at up to `points` times:
/// the middle of a stretch since the start of the trace and the mean probability over it.
///
/// The trace is taken as counts, in at most 65,536 bins; an MMPP of at most four states is exact but
/// for changes within a bin.
pub fn state_probability(map: &Map, observed: &Observed, points: usize) -> Vec<(Time, Vec<f64>)> {
    const MOST: usize = 65_536;
    let counts = match observed {
        Observed::Counts(counts) => counts.merged(counts.counts.len().div_ceil(MOST).max(1)),
        Observed::Arrivals(times) => match (times.first(), times.last()) {
            (Some(first), Some(last)) => Counts::of(times, Span((last.since(*first).0 / MOST as u64).max(1))),
            _ => return Vec::new(),
        },
    };
    if counts.counts.is_empty() || points == 0 {
        return Vec::new();
    }
    match map.order() {
        1 => decimated(vec![[1.0]; counts.counts.len()], counts.bin, points),
        2 => decimated(smoothed::<2>(map, &counts), counts.bin, points),
        3 => decimated(smoothed::<3>(map, &counts), counts.bin, points),
        4 => decimated(smoothed::<4>(map, &counts), counts.bin, points),
        order => panic!("fits have at most four phases, not {order}"),
    }
}

fn smoothed<const K: usize>(map: &Map, counts: &Counts) -> Vec<[f64; K]> {
    Hmm::<K>::of(map, counts.bin.as_secs_f64()).smoothed(&Bins::new(counts, 1))
}

fn decimated<const K: usize>(law: Vec<[f64; K]>, bin: Span, points: usize) -> Vec<(Time, Vec<f64>)> {
    let width = law.len().div_ceil(points);
    let stretch = |(i, part): (usize, &[[f64; K]])| {
        let middle = Time(bin.0 * (i * width) as u64 + bin.0 * part.len() as u64 / 2);
        let mean = |k: usize| part.iter().map(|law| law[k]).sum::<f64>() / part.len() as f64;
        (middle, (0..K).map(mean).collect())
    };
    law.chunks(width).enumerate().map(stretch).collect()
}
