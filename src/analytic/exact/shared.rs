//! Several classes in one buffer: how long the requests of each wait.
//!
//! Whether a member waits longer than w does not depend on the time that remains after it joined, as long as that is more
//! than w. So rows that lead to the request meet columns that lead from it to the departure, and one integral a stage is
//! left. The formulas are derived in docs/classes.md.

use std::ops::Range;
use std::sync::Arc;

use super::batches::{BatchLaw, ClassWaits, integrate};
use super::march::{march, march_along};
use super::stages::{Entries, Row, SharedSizes, Stages, multiply, times};
use crate::analytic::counting::add_scaled;
use crate::arrivals::marked::MarkedMap;
use crate::numeric::chebyshev::DEGREE;
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
        let waits = Waits::run(View { stages: &stages, entries: &entries }, None);
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

/// G_{k,n}, stage by stage. Its density is linear in the arrivals and the openers of the class: the sum over i, k of
/// `D1_k(i, k)` times one function and over k of the opener's share times another, which are the same for all classes.
pub(super) struct Waits<'a> {
    view: View<'a>,
    /// Of each stage: where its panels begin and end.
    meshes: Vec<Vec<f64>>,
    /// By class: where panels begin and end.
    bounds: Vec<Vec<f64>>,
    /// These functions at the nodes of all stages: `[function][n - 1][node]`.
    functions: Arc<Vec<Vec<Vec<f64>>>>,
    /// By class: those of its members by n whose own deadline ends the batch.
    jump: Vec<Vec<f64>>,
    /// By class: those who fill a batch.
    filling: Vec<f64>,
}

impl<'a> Waits<'a> {
    /// Works the waits out; on the panels of another law with the same stages, if these are given.
    pub fn run(view: View<'a>, along: Option<&[Vec<f64>]>) -> Waits<'a> {
        let View { stages, entries } = view;
        let (classes, batch) = (stages.given.len(), stages.levels + 1);
        let filling = stages.filling(entries).iter().map(|row| row.iter().sum()).collect();
        let mut functions = vec![vec![vec![0.0]; batch]; stages.order * (stages.order + 1)];
        let (meshes, bounds) = (Vec::new(), vec![vec![0.0]; classes]);
        let jump = vec![vec![0.0; batch]; classes];
        let mut waits = Waits { view, meshes, bounds, functions: Arc::default(), jump, filling };
        if stages.levels > 0 {
            let mut after = After::at_once(stages);
            for stage in 0..classes {
                if stage > 0 {
                    after.add_deadline(stages, stage - 1);
                }
                after = waits.stage(stage, &after, along, &mut functions);
                waits.jump(stage, &after);
            }
        }
        waits.functions = Arc::new(functions);
        waits
    }

    /// Of each stage: where its panels begin and end \[s\].
    pub fn meshes(&self) -> &[Vec<f64>] {
        &self.meshes
    }

    /// Where panels of a class's waits begin and end \[s\].
    pub fn bounds(&self, class: usize) -> Vec<f64> {
        self.bounds[class].clone()
    }

    /// A class's requests by batch in batches of n, at `n - 1`, and G_{k,n} at the nodes.
    pub fn of_class(&self, class: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
        let waits = self.weighted(class, 1.0);
        let (batch, nodes) = (self.view.stages.levels + 1, (self.bounds[class].len() - 1) * DEGREE + 1);
        let row = |n: usize| {
            let mut row = vec![0.0; nodes];
            waits.write((n, batch), 0, &mut row);
            row
        };
        let values: Vec<Vec<f64>> = (1..=batch).map(row).collect();
        let whole = values.iter().zip(&self.jump[class]).map(|(row, jump)| row[nodes - 1] + jump);
        (whole.collect(), values)
    }

    /// Works the functions out within a stage; returns what follows a request at the stage's upper end.
    fn stage(
        &mut self,
        stage: usize,
        before: &After,
        along: Option<&[Vec<f64>]>,
        functions: &mut [Vec<Vec<f64>>],
    ) -> After {
        let View { stages, entries } = self.view;
        let length = stages.length[stage];
        if length == 0.0 {
            self.meshes.push(Vec::new());
            return before.clone();
        }
        let (order, levels) = (stages.order, stages.levels);
        let mut counting = Vec::new();
        let keep = |cells: &[f64], _: &Range<usize>| counting.extend_from_slice(cells);
        let bounds = match along {
            Some(meshes) => {
                march_along(stages.counted(stage), levels, &meshes[stage], keep);
                meshes[stage].clone()
            }
            None => march(stages.counted(stage), levels, (length, TOLERANCE), keep),
        };
        let nodes: Vec<&[f64]> = counting.chunks_exact(order * order * levels).collect();
        let mut above = vec![0.0; order * levels];
        entries.spent[stage + 1..].iter().for_each(|row| add_scaled(&mut above, 1.0, row));
        let mut densities = vec![vec![vec![0.0; nodes.len()]; levels + 1]; functions.len()];
        for node in 0..nodes.len() {
            let at = self.view.at(stage, (nodes[node], nodes[nodes.len() - 1 - node]), &above, before);
            for (at, density) in self.view.functions(&at).into_iter().enumerate() {
                for (n, density) in density.into_iter().enumerate() {
                    densities[at][n][node] = density;
                }
            }
        }
        for (known, values) in functions.iter_mut().flatten().zip(densities.iter_mut().flatten()) {
            integrate(&bounds, known[known.len() - 1], values);
            known.extend(&values[1..]);
        }
        self.go_on(stage, &bounds);
        self.meshes.push(bounds);
        before.later(nodes[nodes.len() - 1], order, levels)
    }

    /// The panels of a stage belong to its class and all that wait longer.
    fn go_on(&mut self, stage: usize, bounds: &[f64]) {
        let wait = &self.view.stages.wait;
        let from = if stage > 0 { wait[stage - 1] } else { 0.0 };
        for ends in &mut self.bounds[stage..] {
            ends.extend(bounds[1..].iter().map(|bound| from + bound));
            if let Some(last) = ends.last_mut() {
                *last = wait[stage];
            }
        }
    }

    /// The members of the stage's class whose own deadline ends the batch.
    fn jump(&mut self, class: usize, after: &After) {
        let View { stages, entries } = self.view;
        let mut open = vec![0.0; stages.order * stages.levels];
        entries.spent[class + 1..].iter().for_each(|row| add_scaled(&mut open, 1.0, row));
        let joined = stages.joined(&entries.opener[class], &open, class);
        add_scaled(&mut self.jump[class], 1.0, &self.view.product(&joined, &after.quiet));
    }

    /// What the class's own waits are of the functions.
    fn weighted(&self, class: usize, factor: f64) -> ClassWaits {
        let View { stages, entries } = self.view;
        let rates = (0..stages.order).flat_map(|i| stages.d1[class].row(i));
        let weights = rates.chain(&entries.opener[class]).map(|weight| weight * factor).collect();
        ClassWaits { functions: self.functions.clone(), weights, filling: self.filling[class] * factor }
    }

    /// The quadratures, to within their error, add up to what is known without them.
    fn law(&self, class: usize, sizes: &SharedSizes) -> BatchLaw {
        let known = sizes.requests()[self.view.stages.given[class]];
        let (batch, last) = (self.view.stages.levels + 1, (self.bounds[class].len() - 1) * DEGREE);
        let waits = self.weighted(class, 1.0);
        let whole = |(n, jump): (usize, &f64)| {
            let mut at_end = [0.0];
            waits.write((n, batch), last, &mut at_end);
            at_end[0] + jump
        };
        let whole: Vec<f64> = (1..).zip(&self.jump[class]).map(whole).collect();
        let correction = known / whole.iter().sum::<f64>();
        // Rounding may leave what is nothing below it.
        let whole = whole.iter().map(|some| (some * correction).max(0.0)).collect();
        let waits = self.weighted(class, correction);
        BatchLaw::among_classes(sizes.batch_size(), whole, self.bounds(class), waits)
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

    /// The functions whose sums are these densities, by n: first that of each rate of arrivals from phase i to k, at
    /// `i * order + k`, then that of each opener in phase k.
    fn functions(&self, at: &At) -> Vec<Vec<f64>> {
        let Stages { order, levels, .. } = *self.stages;
        let mut functions = Vec::with_capacity(order * (order + 1));
        for (i, k) in (0..order).flat_map(|i| (0..order).map(move |k| (i, k))) {
            let (falling, open) = (line(&at.falling, i, levels), line(&at.open, i, levels));
            let mut density = vec![0.0; levels + 1];
            // Who joins is one more.
            let joined = &mut density[1..levels];
            multiply(joined, falling, line(&at.after.quiet, k, levels));
            multiply(joined, open, line(&at.after.deadline, k, levels));
            let filled = open.iter().zip(line(&at.after.arrival, k, levels).iter().rev().skip(1));
            density[levels] = filled.map(|(a, h)| a * h).sum();
            functions.push(density);
        }
        for k in 0..order {
            let mut density = line(&at.after.deadline, k, levels).to_vec();
            density.push(at.after.arrival[k * levels + levels - 1]);
            functions.push(density);
        }
        functions
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

/// The polynomial of a phase.
fn line(of: &[f64], phase: usize, levels: usize) -> &[f64] {
    &of[phase * levels..][..levels]
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
