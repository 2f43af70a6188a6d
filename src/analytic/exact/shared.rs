//! Several classes in one buffer: how long the requests of each wait.
//!
//! Whether a member waits longer than w does not depend on the time that remains after it joined, as long as that is more
//! than w. So rows that lead to the request meet columns that lead from it to the departure, and one integral a stage is
//! left. The formulas are derived in docs/classes.md.

use std::ops::Range;

use super::batches::{BatchLaw, integrate};
use super::march::{march, march_along};
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
pub(super) struct After {
    /// No deadline within the time: X e.
    pub quiet: Vec<f64>,
    /// As `quiet`, and an arrival at its end: X D1 e.
    arrival: Vec<f64>,
    /// A later member's deadline at its end: Y e.
    deadline: Vec<f64>,
}

/// What is known at a node of a stage.
pub(super) struct At {
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
        let mut waits = Waits::new(View { stages: &stages, entries: &entries });
        waits.run();
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

/// How often a batch enters each stage of a buffer.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub stages: &'a Stages,
    pub entries: &'a Entries,
}

/// G_{k,n}, stage by stage.
pub(super) struct Waits<'a> {
    view: View<'a>,
    /// Of each stage: where its panels begin and end.
    meshes: Vec<Vec<f64>>,
    /// By class: where panels begin and end, G_{k,n} at the nodes, and after the jump at the longest wait.
    bounds: Vec<Vec<f64>>,
    values: Vec<Vec<Vec<f64>>>,
    whole: Vec<Vec<f64>>,
}

impl<'a> Waits<'a> {
    pub fn new(view: View<'a>) -> Waits<'a> {
        let View { stages, entries } = view;
        let (classes, batch) = (stages.given.len(), stages.levels + 1);
        // The last request of a full batch does not wait.
        let start = |filling: &Vec<f64>| {
            let mut values = vec![vec![0.0]; batch];
            values[batch - 1][0] = filling.iter().sum();
            values
        };
        let values: Vec<Vec<Vec<f64>>> = stages.filling(entries).iter().map(start).collect();
        let whole = values.iter().map(|values| values.iter().map(|g| g[0]).collect()).collect();
        Waits { view, meshes: Vec::new(), bounds: vec![vec![0.0]; classes], values, whole }
    }

    /// Works the waits out.
    pub fn run(&mut self) {
        self.run_through(None);
    }

    /// The same on the panels of another law with the same stages.
    pub fn run_along(&mut self, meshes: &[Vec<f64>]) {
        self.run_through(Some(meshes));
    }

    /// Of each stage: where its panels begin and end \[s\].
    pub fn meshes(&self) -> Vec<Vec<f64>> {
        self.meshes.clone()
    }

    /// Where panels of a class's waits begin and end \[s\].
    pub fn bounds(&self, class: usize) -> Vec<f64> {
        self.bounds[class].clone()
    }

    /// A class's requests by batch in batches of n, at `n - 1`, and G_{k,n} at the nodes.
    pub fn take(&mut self, class: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        (std::mem::take(&mut self.whole[class]), std::mem::take(&mut self.values[class]))
    }

    fn run_through(&mut self, along: Option<&[Vec<f64>]>) {
        if self.view.stages.levels == 0 {
            return;
        }
        let mut after = After::at_once(self.view.stages);
        for stage in 0..self.view.stages.length.len() {
            if stage > 0 {
                after.add_deadline(self.view.stages, stage - 1);
            }
            after = self.stage(stage, &after, along);
            self.jump(stage, &after);
        }
    }

    /// Adds the waits that end in a stage; returns what follows a request at the stage's upper end.
    fn stage(&mut self, stage: usize, before: &After, along: Option<&[Vec<f64>]>) -> After {
        let length = self.view.stages.length[stage];
        if length == 0.0 {
            self.meshes.push(Vec::new());
            return before.clone();
        }
        let levels = self.view.stages.levels;
        let mut counting = Vec::new();
        let keep = |cells: &[f64], _: &Range<usize>| counting.extend_from_slice(cells);
        let bounds = match along {
            Some(meshes) => {
                march_along(self.view.stages.counted(stage), levels, &meshes[stage], keep);
                meshes[stage].clone()
            }
            None => march(self.view.stages.counted(stage), levels, (length, TOLERANCE), keep),
        };
        let size = self.view.stages.order * self.view.stages.order * levels;
        let nodes: Vec<&[f64]> = counting.chunks_exact(size).collect();
        let mut above = vec![0.0; self.view.stages.order * levels];
        self.view.entries.spent[stage + 1..].iter().for_each(|row| add_scaled(&mut above, 1.0, row));
        let classes = stage..self.view.stages.given.len();
        let mut densities: Vec<Vec<Vec<f64>>> =
            classes.clone().map(|_| vec![vec![0.0; nodes.len()]; levels + 1]).collect();
        for node in 0..nodes.len() {
            let at = self.view.at(stage, (nodes[node], nodes[nodes.len() - 1 - node]), &above, before);
            for (class, densities) in classes.clone().zip(&mut densities) {
                for (n, density) in self.view.density(&at, class).into_iter().enumerate() {
                    densities[n][node] = density;
                }
            }
        }
        for (class, densities) in classes.zip(densities) {
            self.append(class, stage, &bounds, densities);
        }
        self.meshes.push(bounds);
        before.later(nodes[nodes.len() - 1], self.view.stages.order, levels)
    }

    fn append(&mut self, class: usize, stage: usize, bounds: &[f64], densities: Vec<Vec<f64>>) {
        let from = if stage > 0 { self.view.stages.wait[stage - 1] } else { 0.0 };
        let ends = &mut self.bounds[class];
        ends.extend(bounds[1..].iter().map(|bound| from + bound));
        if let Some(last) = ends.last_mut() {
            *last = self.view.stages.wait[stage];
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
        let Stages { order, levels, .. } = *self.view.stages;
        let mut open = vec![0.0; order * levels];
        self.view.entries.spent[class + 1..].iter().for_each(|row| add_scaled(&mut open, 1.0, row));
        let joined = self.view.stages.joined(&self.view.entries.opener[class], &open, class);
        let jump = self.view.product(&joined, &after.quiet);
        add_scaled(&mut self.whole[class], 1.0, &jump);
    }

    /// The quadratures, to within their error, add up to what is known without them.
    fn law(&mut self, class: usize, sizes: &SharedSizes) -> BatchLaw {
        let known = sizes.requests()[self.view.stages.given[class]];
        let correction = known / self.whole[class].iter().sum::<f64>();
        // Rounding may leave what is nothing below it.
        let whole = self.whole[class].iter().map(|some| (some * correction).max(0.0)).collect();
        let mut values = std::mem::take(&mut self.values[class]);
        values.iter_mut().flatten().for_each(|value| *value *= correction);
        BatchLaw::of_class(sizes.batch_size(), whole, std::mem::take(&mut self.bounds[class]), values)
    }
}

impl View<'_> {
    /// What is known where the wait is beyond the stage's lower end by the time of the first counts, and below its upper
    /// end by that of the second.
    fn at(&self, stage: usize, (up, down): (&[f64], &[f64]), above: &[f64], before: &After) -> At {
        let Stages { order, levels, .. } = *self.stages;
        let entered = &self.entries.entered[stage];
        self.looked_at(stage, times(entered, down, order, levels), above, before.later(up, order, levels))
    }

    /// The same, of what runs through the stage down to the wait, and what follows a request after it.
    pub fn looked_at(&self, stage: usize, falling: Row, above: &[f64], after: After) -> At {
        let mut open = self.stages.held(&self.entries.entered[stage], &falling, stage);
        add_scaled(&mut open, 1.0, above);
        At { falling, open, after }
    }

    /// The density of G_{k,n} by n.
    pub fn density(&self, at: &At, class: usize) -> Vec<f64> {
        let Stages { order, levels, .. } = *self.stages;
        // Either the deadline was this far ahead already, or a later member sets it.
        let set = self.stages.joined(&vec![0.0; order], &at.falling, class);
        let joined = self.stages.joined(&self.entries.opener[class], &at.open, class);
        let mut density = self.product(&set, &at.after.quiet);
        add_scaled(&mut density, 1.0, &self.product(&joined, &at.after.deadline));
        let filled = |i: usize| {
            let (row, column) = (&joined[i * levels..][..levels], &at.after.arrival[i * levels..][..levels]);
            row.iter().zip(column.iter().rev()).map(|(a, h)| a * h).sum::<f64>()
        };
        density.push((0..order).map(filled).sum());
        density
    }

    /// A row times a column, as a polynomial.
    pub fn product(&self, row: &[f64], column: &[f64]) -> Vec<f64> {
        let levels = self.stages.levels;
        let mut out = vec![0.0; levels];
        for i in 0..self.stages.order {
            multiply(&mut out, &row[i * levels..][..levels], &column[i * levels..][..levels]);
        }
        out
    }
}

impl After {
    /// What follows a request just after it has joined.
    pub fn at_once(stages: &Stages) -> After {
        let Stages { order, levels, .. } = *stages;
        let total = stages.d1[1..].iter().fold(stages.d1[0].clone(), |sum, d1| &sum + d1);
        let rates = total.row_sums();
        let nothing = vec![0.0; order * levels];
        let mut at_once = After { quiet: nothing.clone(), arrival: nothing.clone(), deadline: nothing };
        // A batch of 1 needs no level at all.
        for (i, rate) in rates.iter().enumerate().filter(|_| levels > 0) {
            at_once.quiet[i * levels] = 1.0;
            at_once.arrival[i * levels] = *rate;
        }
        at_once
    }

    /// At the longest wait of a class: now its members too may have a deadline exactly then.
    pub fn add_deadline(&mut self, stages: &Stages, class: usize) {
        let set = shifted(&stages.d1[class], &self.quiet, stages.levels);
        add_scaled(&mut self.deadline, 1.0, &set);
    }

    /// The same with the time of the counts put before it.
    pub fn later(&self, counts: &[f64], order: usize, levels: usize) -> After {
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
