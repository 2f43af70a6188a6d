//! How many requests of each class wait longer than they may, without the whole law of their waits.
//!
//! In a batch of n a request may wait so long: a limit for each n. Beyond the longest of these limits nothing depends on n,
//! and the requests that wait longer follow from rows and columns at that one time. Only between the shortest and the
//! longest limit is there something to integrate.

use super::batches::integrate;
use super::shared::{After, View};
use super::stages::{Entries, Row, Stages, times};
use crate::analytic::counting::{Counting, WIDEST, add_scaled, uniformisation_rate};
use crate::arrivals::marked::MarkedMap;
use crate::numeric::chebyshev::{NODES, PANEL};
use crate::units::Span;

/// The part of a class's requests that a panel may leave unresolved.
const TOLERANCE: f64 = 1e-11;
/// A panel is halved at most so often.
const HALVINGS: u32 = 12;
/// Half a nanosecond \[s\]: so much longer than its limit is a wait not.
const SLACK: f64 = 0.5e-9;

/// What several classes in one buffer are asked about their limits.
#[derive(Debug)]
pub struct SharedLimits {
    stages: Stages,
    entries: Entries,
    /// Of each stage: the seconds spent above it.
    above: Vec<Row>,
    /// By class, in the order of the stages: its requests by batch, and those that fill one.
    requests: Vec<f64>,
    filling: Vec<f64>,
    /// Where each class of the caller stands among these.
    place: Vec<usize>,
}

/// A stretch of one stage \[s\].
#[derive(Debug, Clone, Copy)]
struct Stretch {
    stage: usize,
    from: f64,
    to: f64,
}

impl SharedLimits {
    /// Batches of up to `batch` where a request of class k waits at most `waits[k]`.
    ///
    /// Panics unless there is a wait for each class and `batch` is at least 1.
    pub fn new(map: &MarkedMap, waits: &[Span], batch: u32) -> SharedLimits {
        let stages = Stages::quick(map, waits, batch);
        let entries = stages.stationary();
        let classes = stages.given.len();
        let mut above = vec![vec![0.0; stages.order * stages.levels]; classes];
        for stage in (1..classes).rev() {
            let (lower, upper) = above.split_at_mut(stage);
            lower[stage - 1].copy_from_slice(&upper[0]);
            add_scaled(&mut lower[stage - 1], 1.0, &entries.spent[stage]);
        }
        let filling = stages.filling(&entries).iter().map(|row| row.iter().sum()).collect();
        let requests = stages.requests(&entries);
        let mut place = vec![0; classes];
        stages.given.iter().enumerate().for_each(|(at, given)| place[*given] = at);
        SharedLimits { stages, entries, above, requests, filling, place }
    }

    /// The share of a class's requests that wait longer than `limits[n - 1]` \[s\] in a batch of n, exactly. Where a limit is
    /// negative, all requests in these batches are meant.
    ///
    /// Panics unless there is a limit for every size of a batch.
    pub fn share_over(&self, class: usize, limits: &[f64]) -> f64 {
        assert_eq!(limits.len(), self.stages.levels + 1, "each size of a batch has a limit");
        let class = self.place[class];
        (self.over(class, limits) / self.requests[class]).clamp(0.0, 1.0)
    }

    /// A share that [`SharedLimits::share_over`] is not above. It takes no integral.
    pub fn share_over_at_most(&self, class: usize, limits: &[f64]) -> f64 {
        let class = self.place[class];
        let least = limits.iter().copied().fold(f64::INFINITY, f64::min);
        match least + SLACK {
            least if least < 0.0 => 1.0,
            least if least >= self.stages.wait[class] => 0.0,
            // Rounding and the quadrature are far below this.
            _ => (self.waiting(class, least.max(0.0)) / self.requests[class] + 1e-9).min(1.0),
        }
    }

    /// The requests of a class over their limits, by batch.
    fn over(&self, class: usize, limits: &[f64]) -> f64 {
        let (wait, batch) = (self.stages.wait[class], limits.len());
        let most = limits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = limits.iter().copied().fold(f64::INFINITY, f64::min);
        if most + SLACK < 0.0 {
            return self.requests[class];
        }
        // The last request of a full batch does not wait.
        let filled = if limits[batch - 1] + SLACK < 0.0 { self.filling[class] } else { 0.0 };
        if batch == 1 || least + SLACK >= wait {
            return filled;
        }
        let end = most.clamp(0.0, wait);
        let beyond = match most + SLACK >= wait {
            true => self.jumped(class, limits),
            false => self.waiting(class, end),
        };
        filled + beyond + self.between(class, limits, (least.max(0.0), end))
    }

    /// The requests of a class by batch that wait longer than a time below its longest wait.
    fn waiting(&self, class: usize, wait: f64) -> f64 {
        if self.stages.levels == 0 {
            return 0.0;
        }
        let stage = self.stages.wait.partition_point(|end| *end <= wait);
        let joined = self.joined(class, stage, wait);
        let quiet = self.columns(stage, wait).quiet;
        let levels = self.stages.levels;
        let pairs = joined.chunks_exact(levels).zip(quiet.chunks_exact(levels));
        pairs.map(|(row, column)| sum_of_product(row, column)).sum()
    }

    /// The requests of a class by batch whose own deadline is over their limit and ends the batch.
    fn jumped(&self, class: usize, limits: &[f64]) -> f64 {
        let joined = self.stages.joined(&self.entries.opener[class], &self.above[class], class);
        let jump = self.view().product(&joined, &self.after(class + 1).quiet);
        let over = jump.iter().zip(limits).filter(|(_, limit)| **limit + SLACK < self.stages.wait[class]);
        over.map(|(jump, _)| jump).sum()
    }

    /// The requests of a class by batch that wait longer than their limit, within two times.
    fn between(&self, class: usize, limits: &[f64], (from, to): (f64, f64)) -> f64 {
        let mut over = 0.0;
        for stage in 0..=class {
            let low = if stage > 0 { self.stages.wait[stage - 1] } else { 0.0 };
            let (low, high) = (low.max(from), self.stages.wait[stage].min(to));
            if low >= high {
                continue;
            }
            let events = uniformisation_rate(self.stages.counted(stage)) * (high - low);
            let parts = (events / WIDEST).ceil().max(1.0);
            for part in 0..parts as u32 {
                let at = |part: f64| low + (high - low) * part / parts;
                let stretch = Stretch { stage, from: at(f64::from(part)), to: at(f64::from(part) + 1.0) };
                over += self.stretch(class, limits, stretch, HALVINGS);
            }
        }
        over
    }

    /// The same within a stretch, which is halved where the nodes do not resolve it.
    fn stretch(&self, class: usize, limits: &[f64], stretch: Stretch, halvings: u32) -> f64 {
        let Stretch { stage, from, to } = stretch;
        let mut densities = self.densities(class, stretch);
        let scale = (to - from) / self.requests[class];
        let resolved = |row: &Vec<f64>| {
            let tail = |weights: &[f64; NODES]| weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
            PANEL.tail.iter().all(|weights| tail(weights).abs() * scale <= TOLERANCE)
        };
        if halvings > 0 && !densities.iter().all(resolved) {
            let middle = from + (to - from) / 2.0;
            return self.stretch(class, limits, Stretch { to: middle, ..stretch }, halvings - 1)
                + self.stretch(class, limits, Stretch { stage, from: middle, to }, halvings - 1);
        }
        let mut over = 0.0;
        for (limit, values) in limits.iter().zip(&mut densities).filter(|(limit, _)| **limit < to) {
            integrate(&[from, to], 0.0, values);
            let at = ((limit - from) / (to - from)).max(0.0);
            over += values[NODES - 1] - PANEL.interpolate(values, [at])[0];
        }
        over
    }

    /// The densities of the waits at the nodes of a stretch, by size.
    fn densities(&self, class: usize, stretch: Stretch) -> Vec<Vec<f64>> {
        let Stages { order, levels, .. } = self.stages;
        let Stretch { stage, from, to } = stretch;
        let counted = self.stages.counted(stage);
        let width: Vec<f64> = PANEL.nodes[1..].iter().map(|node| node * (to - from)).collect();
        let steps = Counting::each(counted, &width, levels);
        let (row, columns) = (self.row(stage, to), self.columns(stage, from));
        let mut densities = vec![vec![0.0; NODES]; levels + 1];
        for node in 0..NODES {
            let step = |at: usize| at.checked_sub(1).map(|at| steps[at].cells());
            let falling = match step(NODES - 1 - node) {
                Some(cells) => times(&row, cells, order, levels),
                None => row.clone(),
            };
            let after = match step(node) {
                Some(cells) => columns.later(cells, order, levels),
                None => columns.clone(),
            };
            let at = self.view().looked_at(stage, falling, &self.above[stage], after);
            for (density, values) in self.view().density(&at, class).into_iter().zip(&mut densities) {
                values[node] = density;
            }
        }
        densities
    }

    fn view(&self) -> View<'_> {
        View { stages: &self.stages, entries: &self.entries }
    }

    /// Entries of a stage that run through it down to a time.
    fn row(&self, stage: usize, down_to: f64) -> Row {
        let Stages { order, levels, .. } = self.stages;
        let time = self.stages.wait[stage] - down_to;
        let counts = Counting::quick(self.stages.counted(stage), time, levels);
        times(&self.entries.entered[stage], counts.cells(), order, levels)
    }

    /// What follows a request at a time within a stage.
    fn columns(&self, stage: usize, at: f64) -> After {
        let Stages { order, levels, .. } = self.stages;
        let time = at - if stage > 0 { self.stages.wait[stage - 1] } else { 0.0 };
        let counts = Counting::quick(self.stages.counted(stage), time, levels);
        self.after(stage).later(counts.cells(), order, levels)
    }

    /// What follows a request at the lower end of a stage, or at the upper end of the last.
    fn after(&self, stage: usize) -> After {
        let mut after = After::at_once(&self.stages);
        for below in 0..stage {
            after = after.later(self.stages.end_of(below), self.stages.order, self.stages.levels);
            if below + 1 < self.stages.given.len() {
                after.add_deadline(&self.stages, below);
            }
        }
        after
    }

    /// Members of a class just after whose arrival more than a time within a stage remains.
    fn joined(&self, class: usize, stage: usize, more_than: f64) -> Row {
        let falling = self.row(stage, more_than);
        let mut open = self.stages.held(&self.entries.entered[stage], &falling, stage);
        add_scaled(&mut open, 1.0, &self.above[stage]);
        self.stages.joined(&self.entries.opener[class], &open, class)
    }
}

/// The sum of the coefficients of a product, as far as a batch is open.
fn sum_of_product(row: &[f64], column: &[f64]) -> f64 {
    let (mut sum, mut followers) = (0.0, 0.0);
    // The more members there are, the fewer may follow.
    for (next, members) in column.iter().zip(row.iter().rev()) {
        followers += next;
        sum += members * followers;
    }
    sum
}
