//! Several classes in one buffer: how long the requests of each wait.
//!
//! Whether a member waits longer than w does not depend on the time that remains after it joined, as long as that is more
//! than w. So rows that lead to the request meet columns that lead from it to the departure, and one integral a stage is
//! left. The formulas are derived in docs/classes.md.

use super::batches::{BatchLaw, integrate};
use super::march::march;
use super::stages::{Entries, Row, SharedSizes, Stages, multiply, times};
use crate::analytic::counting::add_scaled;
use crate::arrivals::marked::MarkedMap;
use crate::numeric::matrix::Matrix;
use crate::units::Span;

/// The largest part of a count that the nodes may leave unresolved.
const TOLERANCE: f64 = 1e-11;

/// The law of the waits of each class in a buffer that they share, and of its batches.
#[derive(Debug, Clone)]
pub struct SharedLaw {
    sizes: SharedSizes,
    classes: Vec<BatchLaw>,
}

/// What follows a request that has joined: columns of polynomials, the coefficient of `z^j` in phase i at
/// `i * levels + j`.
#[derive(Debug, Clone)]
struct After {
    /// No deadline within the time: X e.
    quiet: Vec<f64>,
    /// As `quiet`, and an arrival at its end: X D1 e.
    arrival: Vec<f64>,
    /// A later member's deadline at its end: Y e.
    deadline: Vec<f64>,
}

/// What is known at a node of a stage.
struct At {
    /// The rate at which the remaining time falls below w: r.
    falling: Row,
    /// The seconds with more than w remaining: A.
    open: Row,
    after: After,
}

impl SharedLaw {
    /// The law for batches of up to `batch` where a request of class k waits at most `waits[k]`.
    ///
    /// Panics unless there is a wait for each class and `batch` is at least 1.
    pub fn new(map: &MarkedMap, waits: &[Span], batch: u32) -> SharedLaw {
        let stages = Stages::new(map, waits, batch);
        let entries = stages.stationary();
        let sizes = SharedSizes::of(&stages, &entries);
        let mut waits = Waits::new(&stages, &entries);
        if stages.levels > 0 {
            waits.run();
        }
        let mut classes: Vec<(usize, BatchLaw)> =
            (0..stages.given.len()).map(|class| (stages.given[class], waits.law(class, &sizes))).collect();
        classes.sort_by_key(|(given, _)| *given);
        SharedLaw { sizes, classes: classes.into_iter().map(|(_, law)| law).collect() }
    }

    /// The batches.
    pub fn sizes(&self) -> &SharedSizes {
        &self.sizes
    }

    /// The waits of one class: in it, "requests" are those of the class.
    pub fn class(&self, class: usize) -> &BatchLaw {
        &self.classes[class]
    }
}

/// G_{k,n}, stage by stage.
struct Waits<'a> {
    stages: &'a Stages,
    entries: &'a Entries,
    /// By class: where panels begin and end, G_{k,n} at the nodes, and after the jump at the longest wait.
    bounds: Vec<Vec<f64>>,
    values: Vec<Vec<Vec<f64>>>,
    whole: Vec<Vec<f64>>,
    arrivals: Vec<f64>,
}

impl<'a> Waits<'a> {
    fn new(stages: &'a Stages, entries: &'a Entries) -> Waits<'a> {
        let (classes, batch) = (stages.given.len(), stages.levels + 1);
        // The last request of a full batch does not wait.
        let start = |filling: &Vec<f64>| {
            let mut values = vec![vec![0.0]; batch];
            values[batch - 1][0] = filling.iter().sum();
            values
        };
        let values: Vec<Vec<Vec<f64>>> = stages.filling(entries).iter().map(start).collect();
        let whole = values.iter().map(|values| values.iter().map(|g| g[0]).collect()).collect();
        let total = stages.d1[1..].iter().fold(stages.d1[0].clone(), |sum, d1| &sum + d1);
        Waits { stages, entries, bounds: vec![vec![0.0]; classes], values, whole, arrivals: total.row_sums() }
    }

    fn run(&mut self) {
        let Stages { order, levels, .. } = *self.stages;
        let mut unit = vec![0.0; order * levels];
        let mut arrival = unit.clone();
        for i in 0..order {
            unit[i * levels] = 1.0;
            arrival[i * levels] = self.arrivals[i];
        }
        let mut after = After { quiet: unit.clone(), arrival, deadline: vec![0.0; order * levels] };
        for stage in 0..self.stages.length.len() {
            if stage > 0 {
                // Its lower end is the longest wait of the class before.
                let set = shifted(&self.stages.d1[stage - 1], &after.quiet, levels);
                add_scaled(&mut after.deadline, 1.0, &set);
            }
            after = self.stage(stage, &after);
            self.jump(stage, &after);
        }
    }

    /// Adds the waits that end in a stage; returns what follows a request at the stage's upper end.
    fn stage(&mut self, stage: usize, before: &After) -> After {
        let length = self.stages.length[stage];
        if length == 0.0 {
            return before.clone();
        }
        let levels = self.stages.levels;
        let mut counting = Vec::new();
        let keep = |cells: &[f64]| counting.extend_from_slice(cells);
        let bounds = march(self.stages.counted(stage), levels, (length, TOLERANCE), keep);
        let size = self.stages.order * self.stages.order * levels;
        let nodes: Vec<&[f64]> = counting.chunks_exact(size).collect();
        let mut above = vec![0.0; self.stages.order * levels];
        self.entries.spent[stage + 1..].iter().for_each(|row| add_scaled(&mut above, 1.0, row));
        let classes = stage..self.stages.given.len();
        let mut densities: Vec<Vec<Vec<f64>>> =
            classes.clone().map(|_| vec![vec![0.0; nodes.len()]; levels + 1]).collect();
        for node in 0..nodes.len() {
            let at = self.at(stage, (nodes[node], nodes[nodes.len() - 1 - node]), &above, before);
            for (class, densities) in classes.clone().zip(&mut densities) {
                for (n, density) in self.density(&at, class).into_iter().enumerate() {
                    densities[n][node] = density;
                }
            }
        }
        for (class, densities) in classes.zip(densities) {
            self.append(class, stage, &bounds, densities);
        }
        before.later(nodes[nodes.len() - 1], self.stages.order, levels)
    }

    /// What is known where the wait is beyond the stage's lower end by the time of the first counts, and below its upper
    /// end by that of the second.
    fn at(&self, stage: usize, (up, down): (&[f64], &[f64]), above: &[f64], before: &After) -> At {
        let Stages { order, levels, .. } = *self.stages;
        let entered = &self.entries.entered[stage];
        let falling = times(entered, down, order, levels);
        let mut open = self.stages.held(entered, &falling, stage);
        add_scaled(&mut open, 1.0, above);
        At { falling, open, after: before.later(up, order, levels) }
    }

    /// The density of G_{k,n} by n.
    fn density(&self, at: &At, class: usize) -> Vec<f64> {
        let Stages { order, levels, .. } = *self.stages;
        // Either the deadline was this far ahead already, or a later member sets it.
        let set = self.stages.joined(&vec![0.0; order], &at.falling, class);
        let joined = self.stages.joined(&self.entries.opener[class], &at.open, class);
        let mut density = product(&set, &at.after.quiet, order, levels);
        add_scaled(&mut density, 1.0, &product(&joined, &at.after.deadline, order, levels));
        let filled = |i: usize| {
            let (row, column) = (&joined[i * levels..][..levels], &at.after.arrival[i * levels..][..levels]);
            row.iter().zip(column.iter().rev()).map(|(a, h)| a * h).sum::<f64>()
        };
        density.push((0..order).map(filled).sum());
        density
    }

    fn append(&mut self, class: usize, stage: usize, bounds: &[f64], densities: Vec<Vec<f64>>) {
        let from = if stage > 0 { self.stages.wait[stage - 1] } else { 0.0 };
        let ends = &mut self.bounds[class];
        ends.extend(bounds[1..].iter().map(|bound| from + bound));
        if let Some(last) = ends.last_mut() {
            *last = self.stages.wait[stage];
        }
        for (n, mut values) in densities.into_iter().enumerate() {
            let known = &mut self.values[class][n];
            let last = known[known.len() - 1];
            integrate(bounds, last, &mut values);
            self.whole[class][n] = values[values.len() - 1];
            known.extend(&values[1..]);
        }
    }

    /// The members of the stage's class whose own deadline ends the batch.
    fn jump(&mut self, class: usize, after: &After) {
        let Stages { order, levels, .. } = *self.stages;
        let mut open = vec![0.0; order * levels];
        self.entries.spent[class + 1..].iter().for_each(|row| add_scaled(&mut open, 1.0, row));
        let joined = self.stages.joined(&self.entries.opener[class], &open, class);
        let jump = product(&joined, &after.quiet, order, levels);
        add_scaled(&mut self.whole[class], 1.0, &jump);
    }

    /// The quadratures, to within their error, add up to what is known without them.
    fn law(&mut self, class: usize, sizes: &SharedSizes) -> BatchLaw {
        let known = sizes.requests()[self.stages.given[class]];
        let correction = known / self.whole[class].iter().sum::<f64>();
        // Rounding may leave what is nothing below it.
        let whole = self.whole[class].iter().map(|some| (some * correction).max(0.0)).collect();
        let mut values = std::mem::take(&mut self.values[class]);
        values.iter_mut().flatten().for_each(|value| *value *= correction);
        BatchLaw::of_class(sizes.batch_size(), whole, std::mem::take(&mut self.bounds[class]), values)
    }
}

impl After {
    /// The same with the time of the counts put before it.
    fn later(&self, counts: &[f64], order: usize, levels: usize) -> After {
        let column = |of: &[f64]| {
            let mut out = vec![0.0; order * levels];
            for i in 0..order {
                for k in 0..order {
                    let cells = &counts[(i * order + k) * levels..][..levels];
                    multiply(&mut out[i * levels..][..levels], &of[k * levels..][..levels], cells);
                }
            }
            out
        };
        After { quiet: column(&self.quiet), arrival: column(&self.arrival), deadline: column(&self.deadline) }
    }
}

/// `z D1` times a column.
fn shifted(d1: &Matrix, column: &[f64], levels: usize) -> Vec<f64> {
    let order = d1.order();
    let mut out = vec![0.0; order * levels];
    for i in 0..order {
        for k in 0..order {
            add_scaled(
                &mut out[i * levels + 1..(i + 1) * levels],
                d1[(i, k)],
                &column[k * levels..][..levels],
            );
        }
    }
    out
}

/// A row times a column, as a polynomial.
fn product(row: &[f64], column: &[f64], order: usize, levels: usize) -> Vec<f64> {
    let mut out = vec![0.0; levels];
    for i in 0..order {
        multiply(&mut out, &row[i * levels..][..levels], &column[i * levels..][..levels]);
    }
    out
}
