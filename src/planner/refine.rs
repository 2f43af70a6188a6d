//! Timeouts between the points of a grid.
//!
//! Neither the cost nor the latency need be monotone in the timeout (billing rounds up; a longer wait may fill
//! the batch), so that the gaps beside the best timeout are scanned in tenths, again and again, down to the
//! resolution.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{Candidate, order};
use crate::error::InputError;
use crate::scenario::Setting;
use crate::units::{MemoryMb, Span};

/// A gap is cut into so many pieces.
const PIECES: u64 = 10;
/// Timeouts are not refined beyond this, unless the grid itself is finer [ns].
const MILLISECOND: u64 = 1_000_000;

/// What a line of timeouts has in common: memory size, batch, provisioned environments.
pub type Key = (MemoryMb, u32, u32);

/// Candidates by all but their timeout, each line ascending in the timeout.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    lines: BTreeMap<Key, Vec<Candidate>>,
    resolution: u64,
}

/// What is asked beyond the constraints, after simulations that missed them.
#[derive(Debug, Clone, PartialEq)]
pub struct Tightening {
    /// The largest share of requests that a candidate may have over the latency target.
    pub late: f64,
    /// The most that a request may cost [$].
    pub budget: f64,
    /// These were simulated, and missed.
    pub refused: BTreeSet<Setting>,
}

impl Default for Tightening {
    fn default() -> Tightening {
        Tightening { late: f64::INFINITY, budget: f64::INFINITY, refused: BTreeSet::new() }
    }
}

impl Tightening {
    /// Does a candidate meet the constraints with this tightening?
    pub fn is_met(&self, candidate: &Candidate) -> bool {
        self.is_open(candidate) && candidate.late <= self.late && candidate.cost <= self.budget
    }

    /// Does a candidate meet the constraints, and was it not refused?
    pub fn is_open(&self, candidate: &Candidate) -> bool {
        candidate.meets && !self.refused.contains(&candidate.setting)
    }
}

impl Lines {
    /// The candidates of a grid.
    pub fn new(candidates: &[Candidate]) -> Lines {
        let mut lines: BTreeMap<_, Vec<Candidate>> = BTreeMap::new();
        for candidate in candidates {
            lines.entry(key(candidate)).or_default().push(*candidate);
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

    /// The best timeout of every line that meets the constraints, the best first.
    pub fn ranked(&self, tightening: &Tightening) -> Vec<Candidate> {
        let mut best: Vec<Candidate> =
            self.lines.values().filter_map(|line| best(line, tightening).map(|at| line[at])).collect();
        best.sort_by(order);
        best
    }

    /// The best candidate that meets the constraints among those that differ from this one only in the timeout.
    pub fn best_beside(&self, setting: &Setting, tightening: &Tightening) -> Option<&Candidate> {
        let line = self.lines.get(&(setting.memory, setting.batch, setting.provisioned))?;
        best(line, tightening).map(|at| &line[at])
    }

    /// The points of the grid beside the best ones of the `count` best lines, where they were not evaluated.
    pub fn beside(&self, tightening: &Tightening, count: usize, timeouts: &[Span]) -> Vec<Setting> {
        let mut wanted = Vec::new();
        for best in self.ranked(tightening).iter().take(count).filter(|best| best.setting.batch > 1) {
            let line = &self.lines[&key(best)];
            let at = timeouts.partition_point(|timeout| *timeout < best.setting.timeout);
            let ends = [at.checked_sub(1).map(|i| timeouts[i]), timeouts.get(at + 1).copied()];
            let new = ends
                .into_iter()
                .flatten()
                .filter(|timeout| line.iter().all(|c| c.setting.timeout != *timeout));
            wanted.extend(new.map(|timeout| Setting { timeout, ..best.setting }));
        }
        wanted
    }

    /// Batches half-way between those of the `count` best lines and the next ones on both sides.
    pub fn between_batches(&self, tightening: &Tightening, count: usize) -> Vec<Setting> {
        let mut wanted: Vec<Setting> = Vec::new();
        for best in self.ranked(tightening).into_iter().take(count) {
            let (memory, batch, provisioned) = key(&best);
            let same = self.lines.keys().filter(|line| (line.0, line.2) == (memory, provisioned));
            let batches: Vec<u32> = same.map(|(_, batch, _)| *batch).collect();
            let at = batches.partition_point(|other| *other < batch);
            let ends = [at.checked_sub(1).map(|low| batches[low]), batches.get(at + 1).copied()];
            let halves = ends.into_iter().flatten().map(|end| end.midpoint(batch));
            wanted.extend(
                halves.filter(|half| !batches.contains(half)).map(|batch| Setting { batch, ..best.setting }),
            );
        }
        wanted.sort();
        wanted.dedup();
        wanted
    }

    /// More candidates.
    pub fn add(&mut self, candidates: &[Candidate]) {
        for candidate in candidates {
            let line = self.lines.entry(key(candidate)).or_default();
            line.push(*candidate);
            line.sort_by_key(|c| c.setting.timeout);
        }
    }

    /// Refines the timeouts of the `count` best lines, which `evaluate` evaluates; gaps of less than the share `finest` of a
    /// timeout are left.
    ///
    /// # Errors
    /// Those of `evaluate`.
    pub fn refine(
        &mut self,
        tightening: &Tightening,
        (count, finest): (usize, f64),
        mut evaluate: impl FnMut(&Lines, &[Setting]) -> Result<Vec<Candidate>, InputError>,
    ) -> Result<(), InputError> {
        let mut open: Vec<Key> = self.ranked(tightening).iter().take(count).map(key).collect();
        while !open.is_empty() {
            let mut wanted: Vec<Setting> = Vec::new();
            open.retain(|key| {
                let found = self.between(&self.lines[key], tightening, finest);
                wanted.extend_from_slice(&found);
                !found.is_empty()
            });
            let found = evaluate(self, &wanted)?;
            self.add(&found);
        }
        Ok(())
    }

    /// New timeouts on both sides of a line's best candidate, up to its neighbours.
    fn between(&self, line: &[Candidate], tightening: &Tightening, finest: f64) -> Vec<Setting> {
        let Some(at) = best(line, tightening).filter(|at| line[*at].setting.batch > 1) else {
            return Vec::new();
        };
        let ends = [at.checked_sub(1).map(|low| (low, at)), (at + 1 < line.len()).then_some((at, at + 1))];
        let units = |index: usize| line[index].setting.timeout.0 / self.resolution;
        let mut timeouts = Vec::new();
        for (low, high) in ends.into_iter().flatten() {
            let (low, gap) = (units(low), units(high) - units(low));
            if (gap as f64) < finest * units(at) as f64 {
                continue;
            }
            let pieces = gap.min(PIECES);
            timeouts.extend((1..pieces).map(|i| Span((low + gap * i / pieces) * self.resolution)));
        }
        timeouts.into_iter().map(|timeout| Setting { timeout, ..line[at].setting }).collect()
    }
}

/// The line of a candidate.
pub(super) fn key(candidate: &Candidate) -> Key {
    let Setting { memory, batch, provisioned, .. } = candidate.setting;
    (memory, batch, provisioned)
}

/// The index of the best candidate that meets the constraints.
fn best(line: &[Candidate], tightening: &Tightening) -> Option<usize> {
    let meeting = line.iter().enumerate().filter(|(_, candidate)| tightening.is_met(candidate));
    meeting.min_by(|a, b| order(a.1, b.1)).map(|(at, _)| at)
}
