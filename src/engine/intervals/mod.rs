//! Confidence intervals of 95 %: of ratios and percentiles, of one run and of replications.
//!
//! Every figure is a ratio r = sum a_i / sum b_i over slices, or a percentile. A ratio has the residuals
//! z_i = a_i - r b_i (the ratio estimator; Law, "Simulation Modeling and Analysis", 5th ed., section 9.5). A percentile
//! x_p has z_i = the requests of slice i up to x_p, less p times all of them, and its interval is read off the
//! distribution at both ends of the band, outwards where it jumps or is flat. [`luck`] says what chance may do to the
//! sum of z. Replications take the place of slices where there are several.

pub mod luck;
pub mod strata;

use self::luck::Luck;
use self::strata::Strata;
use super::recorder::{Record, Slice};
use crate::arrivals::rhythm::{Beat, Rhythm};
use crate::numeric::histogram::Histogram;
use crate::units::Time;

/// Fewer slices than this give no interval.
pub const LEAST_SLICES: usize = 16;

/// A slice of a run, or a run as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// What was counted in it.
    pub slice: &'a Slice,
    /// The run that it belongs to.
    pub record: &'a Record,
}

/// What intervals are made of.
#[derive(Debug)]
pub struct Pieces<'a> {
    /// Those without a batch are `None`.
    pieces: Vec<Option<Piece<'a>>>,
    /// `None` where there are too few.
    strata: Option<Strata>,
}

/// An interval, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interval {
    /// Its ends.
    Known([f64; 2]),
    /// The run is too short: it holds so many independent pieces.
    Withheld(f64),
}

impl Interval {
    /// The ends, if they are known.
    pub fn ends(self) -> Option<[f64; 2]> {
        match self {
            Interval::Known(ends) => Some(ends),
            Interval::Withheld(_) => None,
        }
    }
}

impl<'a> Pieces<'a> {
    /// The slices of one run, from the end of the warm-up on.
    pub fn of_run(record: &'a Record, rhythm: &Rhythm, counted_from: Time) -> Pieces<'a> {
        let end = record.slices.last().map_or(0, |last| last.number as usize + 1);
        let from = ((counted_from.0 / record.width.0) as usize).min(end);
        let mut pieces = vec![None; end];
        for slice in &record.slices {
            pieces[slice.number as usize] = Some(Piece { slice, record });
        }
        let enough = end - from >= LEAST_SLICES;
        Pieces { pieces, strata: enough.then(|| Strata::new(rhythm, record.width, from..end)) }
    }

    /// Several runs, each as a whole.
    pub fn of_replications(records: &'a [Record], rhythm: &Rhythm) -> Pieces<'a> {
        // Whole runs are independent whatever happens within them; what is known of bursts still says how many
        // they are evidence of.
        let beat = match rhythm {
            Rhythm::Steady(beat) => Some(Beat { relaxation_s: 0.0, ..*beat }),
            Rhythm::Turns(_) => Some(Beat::default()),
            Rhythm::Unknown => None,
        };
        let seconds: f64 = records.iter().map(|record| record.last_finish.as_secs_f64()).sum();
        let strata = Strata::of_replications(records.len(), beat, seconds / records.len() as f64);
        let whole = |record: &'a Record| Some(Piece { slice: &record.total, record });
        Pieces { pieces: records.iter().map(whole).collect(), strata: Some(strata) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.strata.as_ref().map_or(0, |strata| strata.all.iter().map(|s| s.slices.len()).sum())
    }

    /// The time that they cover \[s\].
    pub fn seconds(&self) -> Option<f64> {
        self.strata.as_ref().map(Strata::seconds)
    }

    fn luck(&self, z: impl Fn(&Piece<'_>) -> f64) -> Result<Luck, Interval> {
        let Some(strata) = &self.strata else { return Err(Interval::Withheld(0.0)) };
        let z: Vec<f64> = self.pieces.iter().map(|piece| piece.as_ref().map_or(0.0, &z)).collect();
        let luck = Luck::of(&z, strata);
        luck.enough().ok_or(Interval::Withheld(luck.pieces))
    }

    /// sum a / sum b, where `part` is (a, b) of a piece.
    pub fn mean(&self, part: impl Fn(&Piece<'_>) -> (f64, f64)) -> f64 {
        let [a, b] = self.sums(part);
        a / b
    }

    fn sums(&self, part: impl Fn(&Piece<'_>) -> (f64, f64)) -> [f64; 2] {
        let parts = self.pieces.iter().flatten().map(part);
        parts.fold([0.0, 0.0], |[a, b], part| [a + part.0, b + part.1])
    }

    /// The interval of sum a / sum b, where `part` is (a, b) of a piece.
    pub fn ratio(&self, part: impl Fn(&Piece<'_>) -> (f64, f64)) -> Interval {
        let [a, b] = self.sums(&part);
        let z = |piece: &Piece<'_>| {
            let part = part(piece);
            part.0 - a / b * part.1
        };
        match self.luck(z) {
            Ok(luck) => {
                let [low, high] = luck.band();
                Interval::Known([(a - high) / b, (a - low) / b])
            }
            Err(withheld) => withheld,
        }
    }

    /// Of the latency \[ns\] that the share `q` of the requests does not exceed; `all` holds those of all slices.
    pub fn quantile(&self, all: &Histogram, q: f64) -> Interval {
        let at = all.quantile(q).unwrap_or(0.0);
        let z = |piece: &Piece<'_>| share_residual(&piece.slice.latency, at, q);
        match self.luck(z) {
            Ok(luck) => {
                let [low, high] = luck.band().map(|end| end / all.total() as f64);
                Interval::Known(all.enclosing(q + low, q + high))
            }
            Err(withheld) => withheld,
        }
    }
}

/// The number of latencies up to `at`, less the share `q` of all.
pub fn share_residual(latency: &Histogram, at: f64, q: f64) -> f64 {
    latency.count_up_to(at) - q * latency.total() as f64
}
