//! Which slices of a run follow the same law.

use std::ops::Range;

use crate::arrivals::rhythm::{Beat, Rhythm};
use crate::units::Span;

/// So many neighbouring slices of a trace are taken for one law but for a line: what changes more slowly is the trend,
/// not noise.
const NEIGHBOURS: usize = 12;

/// Slices of one law.
#[derive(Debug, Clone, PartialEq)]
pub struct Stratum {
    /// Their numbers, in the order of time.
    pub slices: Vec<usize>,
    /// The time that this law holds for, in slices: those that it shares with another law are not in `slices`.
    pub length: f64,
    /// Its time scales, where they are known.
    pub beat: Option<Beat>,
}

/// The strata of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Strata {
    /// At least one, of at least 2 slices each.
    pub all: Vec<Stratum>,
    /// The width of a slice \[s\].
    pub width_s: f64,
    /// What neighbours have to do with each other.
    pub neighbours: Neighbours,
}

/// What neighbouring slices have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// A burst may go on from one to the next.
    Related,
    /// Nothing: each is a run of its own.
    Independent,
}

impl Strata {
    /// The strata of the slices `counted`, each `width` long; at least 2 slices.
    pub fn new(rhythm: &Rhythm, width: Span, counted: Range<usize>) -> Strata {
        let width_s = width.as_secs_f64();
        let known = match rhythm {
            Rhythm::Steady(beat) => {
                let (slices, length) = (counted.clone().collect(), counted.len() as f64);
                Some(vec![Stratum { slices, length, beat: Some(*beat) }])
            }
            Rhythm::Turns(segments) => turns(segments, width, counted.clone()),
            Rhythm::Unknown => None,
        };
        Strata { all: known.unwrap_or_else(|| neighbours(counted)), width_s, neighbours: Neighbours::Related }
    }

    /// Whole runs, of `seconds` each on average, in place of slices.
    pub fn of_replications(count: usize, beat: Option<Beat>, seconds: f64) -> Strata {
        let stratum = Stratum { slices: (0..count).collect(), length: count as f64, beat };
        Strata { all: vec![stratum], width_s: seconds, neighbours: Neighbours::Independent }
    }

    /// The length of all \[s\].
    pub fn seconds(&self) -> f64 {
        self.all.iter().map(|stratum| stratum.length).sum::<f64>() * self.width_s
    }
}

fn neighbours(counted: Range<usize>) -> Vec<Stratum> {
    let groups = (counted.len() / NEIGHBOURS).max(1);
    let group = |number: usize| {
        let from = counted.start + number * NEIGHBOURS;
        let until = if number + 1 == groups { counted.end } else { from + NEIGHBOURS };
        Stratum { slices: (from..until).collect(), length: (until - from) as f64, beat: None }
    };
    (0..groups).map(group).collect()
}

/// A stratum for each segment, over all its turns; `None` where too many slices hold several turns.
fn turns(segments: &[(Span, Beat)], width: Span, counted: Range<usize>) -> Option<Vec<Stratum>> {
    let total: u64 = segments.iter().map(|(duration, _)| duration.0).sum();
    if total / segments.len() as u64 <= width.0 {
        return None;
    }
    let stratum = |(_, beat): &(Span, Beat)| Stratum { slices: Vec::new(), length: 0.0, beat: Some(*beat) };
    let mut strata: Vec<Stratum> = segments.iter().map(stratum).collect();
    let (mut segment, mut ends) = (0, segments[0].0.0);
    for slice in 0..counted.end {
        let (mut at, end) = (slice as u64 * width.0, (slice as u64 + 1) * width.0);
        if ends >= end && slice >= counted.start {
            strata[segment].slices.push(slice);
        }
        while at < end {
            let until = ends.min(end);
            if slice >= counted.start {
                strata[segment].length += (until - at) as f64 / width.0 as f64;
            }
            at = until;
            if at == ends {
                segment = (segment + 1) % segments.len();
                ends += segments[segment].0.0;
            }
        }
    }
    strata.retain(|stratum| stratum.slices.len() >= 2);
    // What little is left out is taken to vary as the rest does.
    let seen: f64 = strata.iter().map(|stratum| stratum.length).sum();
    let share = seen / counted.len() as f64;
    strata.iter_mut().for_each(|stratum| stratum.length /= share);
    (share >= 0.5).then_some(strata)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Beat = Beat { relaxation_s: 1.0, burst_s: 4.0 };

    #[test]
    fn segments_own_the_slices_within_them_over_all_their_turns() {
        let segments = vec![(Span(35), BEAT), (Span(25), Beat::default())];
        let strata = Strata::new(&Rhythm::Turns(segments), Span(10), 1..12);
        // Turns begin at 0, 35, 60 and 95; the last slice ends at 120.
        assert_eq!(strata.all[0].slices, [1, 2, 6, 7, 8]);
        assert_eq!(strata.all[1].slices, [4, 5, 10, 11]);
        assert!((strata.all[0].length - 6.0).abs() < 1e-12 && (strata.all[1].length - 5.0).abs() < 1e-12);
    }

    #[test]
    fn turns_that_no_slice_resolves_are_treated_as_a_trace() {
        let segments = vec![(Span(3), BEAT), (Span(2), Beat::default())];
        let strata = Strata::new(&Rhythm::Turns(segments), Span(10), 0..40);
        assert_eq!(strata, Strata::new(&Rhythm::Unknown, Span(10), 0..40));
        assert_eq!(strata.all.iter().map(|s| s.slices.len()).collect::<Vec<_>>(), [12, 12, 16]);
    }
}
