//! Timeouts between the points of a grid.
//!
//! Neither the cost nor the latency need be monotone in the timeout (billing rounds up; a longer wait may fill
//! the batch), so that the gaps beside the best timeout are scanned in tenths, again and again, down to the
//! resolution.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::constraint::Constraint;
use super::predict::{BatchLaws, Part};
use super::search::{Candidate, Space, order};
use crate::error::InputError;
use crate::scenario::Setting;
use crate::units::{MemoryMb, Span};

/// A gap is cut into so many pieces.
const PIECES: u64 = 10;
/// Timeouts are not refined beyond this, unless the grid itself is finer [ns].
const MILLISECOND: u64 = 1_000_000;

/// Candidates by memory size and batch, each line ascending in the timeout.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    lines: BTreeMap<(MemoryMb, u32), Vec<Candidate>>,
    resolution: u64,
}

/// What is asked beyond the constraints, after a simulation that missed them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// The least predicted share of requests within the latency target.
    pub share: f64,
    /// The most that a request may be predicted to cost [$].
    pub budget: f64,
}

impl Margin {
    /// Nothing beyond the constraints.
    pub const NONE: Margin = Margin { share: 0.0, budget: f64::INFINITY };

    /// Does a candidate meet the constraints with this margin?
    pub fn met(&self, candidate: &Candidate) -> bool {
        candidate.meets && candidate.share >= self.share && candidate.cost <= self.budget
    }
}

impl Lines {
    /// The candidates of a grid.
    pub fn new(candidates: &[Candidate]) -> Lines {
        let mut lines: BTreeMap<_, Vec<Candidate>> = BTreeMap::new();
        for candidate in candidates {
            lines.entry(line(candidate)).or_default().push(*candidate);
        }
        // The largest power of ten, at most a millisecond, that divides every timeout.
        let mut resolution = MILLISECOND;
        while resolution > 1 && candidates.iter().any(|c| !c.setting.timeout.0.is_multiple_of(resolution)) {
            resolution /= 10;
        }
        lines.values_mut().for_each(|line| line.sort_by_key(|c| c.setting.timeout));
        Lines { lines, resolution }
    }

    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.lines.values().map(Vec::len).sum()
    }

    /// True without a candidate.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All candidates.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.lines.values().flatten()
    }

    /// The best timeout of every memory size and batch that meets the constraints, the best first.
    pub fn ranked(&self, margin: Margin) -> Vec<Candidate> {
        let mut best: Vec<Candidate> =
            self.lines.values().filter_map(|line| best(line, margin).map(|at| line[at])).collect();
        best.sort_by(order);
        best
    }

    /// Refines the timeouts of the `count` best memory sizes and batches.
    ///
    /// Errors: the model does not cover the processes.
    pub fn refine(
        &mut self,
        parts: &[Part],
        space: &Space,
        constraint: &Constraint,
        (margin, count): (Margin, usize),
    ) -> Result<(), InputError> {
        let keys: Vec<_> = self.ranked(margin).iter().take(count).map(line).collect();
        let refined = |key: &(MemoryMb, u32)| {
            let mut line = self.lines[key].clone();
            loop {
                let at = best(&line, margin).expect("a ranked line has a best candidate");
                let timeouts = self.between(&line, at);
                if timeouts.is_empty() {
                    return Ok((*key, line));
                }
                let found = timeouts.par_iter().map(|timeout| {
                    candidate(parts, space, constraint, Setting { timeout: *timeout, ..line[at].setting })
                });
                let found: Vec<Candidate> = found.collect::<Result<_, _>>()?;
                line.extend(found);
                line.sort_by_key(|c| c.setting.timeout);
            }
        };
        let lines: Vec<_> = keys.par_iter().map(refined).collect::<Result<_, InputError>>()?;
        self.lines.extend(lines);
        Ok(())
    }

    /// New timeouts on both sides of a candidate, up to its neighbours.
    fn between(&self, line: &[Candidate], at: usize) -> Vec<Span> {
        if line[at].setting.batch == 1 {
            return Vec::new();
        }
        let ends = [at.checked_sub(1).map(|low| (low, at)), (at + 1 < line.len()).then_some((at, at + 1))];
        let units = |index: usize| line[index].setting.timeout.0 / self.resolution;
        let mut timeouts = Vec::new();
        for (low, high) in ends.into_iter().flatten() {
            let (low, gap) = (units(low), units(high) - units(low));
            let pieces = gap.min(PIECES);
            timeouts.extend((1..pieces).map(|i| Span((low + gap * i / pieces) * self.resolution)));
        }
        timeouts
    }
}

fn line(candidate: &Candidate) -> (MemoryMb, u32) {
    (candidate.setting.memory, candidate.setting.batch)
}

/// The index of the best candidate that meets the constraints.
fn best(line: &[Candidate], margin: Margin) -> Option<usize> {
    let meeting = line.iter().enumerate().filter(|(_, candidate)| margin.met(candidate));
    meeting.min_by(|a, b| order(a.1, b.1)).map(|(at, _)| at)
}

/// One configuration of the space, judged; its timeout need not be the space's.
///
/// Errors: the model does not cover the processes. Panics if the space has no such memory size.
pub fn candidate(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
    setting: Setting,
) -> Result<Candidate, InputError> {
    let function = space.functions.iter().find(|f| f.memory == setting.memory).expect("of the space");
    let laws = BatchLaws::of(parts, constraint.model, &[setting.batch], setting.timeout)?;
    Ok(function.candidate(&laws[0], setting.batch, setting.timeout, constraint))
}
