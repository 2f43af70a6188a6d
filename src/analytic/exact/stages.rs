//! Several classes in one buffer: the stages of its remaining time, and the batch sizes.
//!
//! A batch leaves with its B-th request, or at the earliest (arrival + longest wait) of its members. Classes are sorted by
//! their longest waits `T_0 <= T_1 <= ..`. The remaining time falls at rate 1, and an arrival of class k cuts it to T_k
//! where it is longer. Stage l is where it is between `T_{l-1}` and `T_l`: there the classes before l cut it, the others
//! only count. A stage is always entered at its top, so the phase and the number of members are all that is carried.
//! The formulas are derived in docs/classes.md.

use crate::analytic::counting::{Counted, Counting, add_scaled};
use crate::arrivals::marked::MarkedMap;
use crate::numeric::matrix::{Matrix, dot};
use crate::units::Span;

/// A row of polynomials in the number of members: the coefficient of `z^(b + 1)` in phase k at `k * levels + b`.
pub(super) type Row = Vec<f64>;

/// What a buffer with several classes is made of. Classes are in the order of their longest waits.
#[derive(Debug)]
pub(super) struct Stages {
    pub order: usize,
    /// The largest batch less one: members that an open batch may have.
    pub levels: usize,
    d0: Matrix,
    /// `(-D0)^-1`.
    idle: Matrix,
    /// The arrivals of each class.
    pub d1: Vec<Matrix>,
    /// Of each stage, the arrivals that only count.
    counting: Vec<Matrix>,
    /// The length of each stage \[s\].
    pub length: Vec<f64>,
    /// The longest wait of each class \[s\].
    pub wait: Vec<f64>,
    /// Of each stage, the counts over its whole length.
    ends: Vec<Counting>,
    /// Where each class stands in the caller's list.
    pub given: Vec<usize>,
}

/// How often a batch enters each stage, and what comes of it. All by batch.
#[derive(Debug)]
pub(super) struct Entries {
    /// The opener of each class, by phase.
    pub opener: Vec<Vec<f64>>,
    /// The entries of each stage.
    pub entered: Vec<Row>,
    /// Those that run through the stage without a cut: a row at its lower end.
    pub passed: Vec<Row>,
    /// The seconds spent in each stage.
    pub spent: Vec<Row>,
}

impl Stages {
    /// Panics unless there is a wait for each class and `batch` is at least 1.
    pub fn new(map: &MarkedMap, waits: &[Span], batch: u32) -> Stages {
        Stages::counted_by(map, waits, batch, |of, time, levels| Counting::at(of, time, levels, 0.0).0)
    }

    /// The same to within 1e-13, and quicker where there is one phase: for searches.
    pub fn quick(map: &MarkedMap, waits: &[Span], batch: u32) -> Stages {
        Stages::counted_by(map, waits, batch, Counting::quick)
    }

    /// Where of class k only the share `kept[k]` comes, and the first other arrival ends it all.
    pub fn thinned(map: &MarkedMap, waits: &[Span], batch: u32, kept: &[f64]) -> Stages {
        Stages::made(map, waits, batch, kept, |of, time, levels| Counting::at(of, time, levels, 0.0).0)
    }

    fn counted_by(
        map: &MarkedMap,
        waits: &[Span],
        batch: u32,
        counts: impl Fn(Counted<'_>, f64, usize) -> Counting,
    ) -> Stages {
        Stages::made(map, waits, batch, &vec![1.0; waits.len()], counts)
    }

    fn made(
        map: &MarkedMap,
        waits: &[Span],
        batch: u32,
        kept: &[f64],
        counts: impl Fn(Counted<'_>, f64, usize) -> Counting,
    ) -> Stages {
        assert!(batch > 0, "a batch holds at least one request");
        assert_eq!(map.classes(), waits.len(), "each class has a longest wait");
        let mut given: Vec<usize> = (0..waits.len()).collect();
        given.sort_by_key(|class| waits[*class]);
        let d1: Vec<Matrix> = given.iter().map(|class| map.d1(*class).scaled(kept[*class])).collect();
        let mut counting = d1.clone();
        for l in (0..d1.len() - 1).rev() {
            counting[l] = &counting[l] + &counting[l + 1];
        }
        let wait: Vec<f64> = given.iter().map(|class| waits[*class].as_secs_f64()).collect();
        let length: Vec<f64> =
            (0..wait.len()).map(|l| wait[l] - if l > 0 { wait[l - 1] } else { 0.0 }).collect();
        let idle = map.d0().scaled(-1.0).inverse().expect("checked when the process was made");
        let (order, levels, d0) = (map.order(), batch as usize - 1, map.d0().clone());
        let mut stages =
            Stages { order, levels, d0, idle, d1, counting, length, wait, ends: Vec::new(), given };
        let end = |stage: usize| match levels {
            0 => Counting::identity(order, 0),
            levels => counts(stages.counted(stage), stages.length[stage], levels),
        };
        stages.ends = (0..stages.length.len()).map(end).collect();
        stages
    }

    /// The counts over the whole length of a stage.
    pub fn end_of(&self, stage: usize) -> &[f64] {
        self.ends[stage].cells()
    }

    /// What is counted in a stage.
    pub fn counted(&self, stage: usize) -> Counted<'_> {
        Counted { d0: &self.d0, d1: &self.counting[stage] }
    }

    /// The entries of batches that follow one that left in the phases `left`.
    pub fn entries(&self, left: &[f64]) -> Entries {
        let (classes, first) = (self.d1.len(), self.idle.left(left));
        let opener: Vec<Vec<f64>> = self.d1.iter().map(|d1| d1.left(&first)).collect();
        let empty = vec![0.0; self.order * self.levels];
        let mut entered = vec![empty.clone(); classes];
        let (mut passed, mut spent) = (entered.clone(), entered.clone());
        // The seconds spent above the stage.
        let mut above = empty.clone();
        for l in (0..classes).rev() {
            let mut row = self.joined(&opener[l], &above, l);
            if l + 1 < classes {
                add_scaled(&mut row, 1.0, &passed[l + 1]);
            }
            passed[l] = times(&row, self.ends[l].cells(), self.order, self.levels);
            spent[l] = self.held(&row, &passed[l], l);
            add_scaled(&mut above, 1.0, &spent[l]);
            entered[l] = row;
        }
        Entries { opener, entered, passed, spent }
    }

    /// Members of a class just after they joined: as openers, or at their rate over the seconds `open`.
    pub fn joined(&self, opener: &[f64], open: &[f64], class: usize) -> Row {
        let (levels, d1) = (self.levels, &self.d1[class]);
        let mut row = vec![0.0; self.order * levels];
        if levels == 0 {
            return row;
        }
        for k in 0..self.order {
            row[k * levels] = opener[k];
            for i in (0..self.order).filter(|i| d1[(*i, k)] > 0.0) {
                let seconds = &open[i * levels..][..levels - 1];
                add_scaled(&mut row[k * levels + 1..][..levels - 1], d1[(i, k)], seconds);
            }
        }
        row
    }

    /// The seconds spent in a stage by batches that enter by `row`, until they leave it or, in `passed`, until they are
    /// looked at: the integral of `row U` with `U' = U (D0 + z Z)`, solved for itself level by level.
    pub fn held(&self, row: &[f64], passed: &[f64], stage: usize) -> Row {
        let (m, levels) = (self.order, self.levels);
        let mut out = vec![0.0; m * levels];
        // Searches of groups of Poisson processes ask for little else.
        if m == 1 {
            let (rate, idle) = (self.counting[stage][(0, 0)], self.idle[(0, 0)]);
            let mut before = 0.0;
            for (out, (row, passed)) in out.iter_mut().zip(row.iter().zip(passed)) {
                before = (before * rate + (row - passed)) * idle;
                *out = before;
            }
            return out;
        }
        let (mut before, mut at) = (vec![0.0; m], vec![0.0; m]);
        for b in 0..levels {
            self.counting[stage].left_into(&before, &mut at);
            for (k, sum) in at.iter_mut().enumerate() {
                *sum += row[k * levels + b] - passed[k * levels + b];
            }
            self.idle.left_into(&at, &mut before);
            before.iter().enumerate().for_each(|(k, seconds)| out[k * levels + b] = *seconds);
        }
        out
    }

    /// Of each class, the requests that fill a batch, by the phase just after.
    pub fn filling(&self, entries: &Entries) -> Vec<Vec<f64>> {
        let last = match self.levels {
            // The opener itself fills it.
            0 => return entries.opener.clone(),
            levels => levels - 1,
        };
        let open = |k: usize| entries.spent.iter().map(|row| row[k * self.levels + last]).sum::<f64>();
        let open: Vec<f64> = (0..self.order).map(open).collect();
        self.d1.iter().map(|d1| d1.left(&open)).collect()
    }

    /// The entries in the long run: the phase in which a batch leaves is stationary, and every formula is linear in it.
    pub fn stationary(&self) -> Entries {
        self.entries(&self.left())
    }

    /// The phase just after a batch has left, in the long run.
    pub fn left(&self) -> Vec<f64> {
        if self.order == 1 {
            return vec![1.0];
        }
        let after = |phase: usize| {
            let left: Vec<f64> = (0..self.order).map(|k| f64::from(u8::from(k == phase))).collect();
            let entries = self.entries(&left);
            let mut next: Vec<f64> =
                entries.passed[0].chunks_exact(self.levels.max(1)).map(|row| row.iter().sum()).collect();
            next.resize(self.order, 0.0);
            self.filling(&entries).iter().for_each(|row| add_scaled(&mut next, 1.0, row));
            let total: f64 = next.iter().map(|p| p.max(0.0)).sum();
            next.iter().map(|p| p.max(0.0) / total).collect::<Vec<f64>>()
        };
        let chain = Matrix::from_rows(&(0..self.order).map(after).collect::<Vec<_>>()).expect("square");
        chain.stationary().expect("a MAP has one closed class of phases")
    }

    /// The share of batches that leave with n requests, at `n - 1`.
    pub fn sizes(&self, entries: &Entries) -> Vec<f64> {
        let share = self.batches(entries);
        let total: f64 = share.iter().map(|p| p.max(0.0)).sum();
        share.iter().map(|p| p.max(0.0) / total).collect()
    }

    /// Batches of n, at `n - 1`, of those that open or, thinned, might have.
    pub fn batches(&self, entries: &Entries) -> Vec<f64> {
        let mut share = vec![0.0; self.levels];
        if self.levels > 0 {
            entries.passed[0].chunks_exact(self.levels).for_each(|row| add_scaled(&mut share, 1.0, row));
        }
        share.push(self.filling(entries).iter().flatten().sum());
        share
    }

    /// The requests of each class by batch, in the order of the stages.
    pub fn requests(&self, entries: &Entries) -> Vec<f64> {
        let open: Vec<f64> = match self.levels {
            0 => vec![0.0; self.order],
            levels => (0..self.order)
                .map(|k| {
                    entries.spent.iter().map(|row| row[k * levels..][..levels].iter().sum::<f64>()).sum()
                })
                .collect(),
        };
        let of = |(opener, d1): (&Vec<f64>, &Matrix)| opener.iter().sum::<f64>() + dot(&open, &d1.row_sums());
        entries.opener.iter().zip(&self.d1).map(of).collect()
    }
}

/// A row times a matrix of polynomials that is laid out like the cells of a [`Counting`].
pub(super) fn times(row: &[f64], cells: &[f64], order: usize, levels: usize) -> Row {
    let mut out = vec![0.0; order * levels];
    for (i, from) in row.chunks_exact(levels.max(1)).enumerate() {
        for k in 0..order {
            let factors = &cells[(i * order + k) * levels..][..levels];
            multiply(&mut out[k * levels..][..levels], from, factors);
        }
    }
    out
}

/// `to += a b` as polynomials, as far as `to` goes.
pub(super) fn multiply(to: &mut [f64], a: &[f64], b: &[f64]) {
    for (j, factor) in b.iter().enumerate().filter(|(_, factor)| **factor != 0.0) {
        add_scaled(&mut to[j..], *factor, a);
    }
}

/// The batches of a buffer that several classes share: how large they are, and how many requests of each class are in
/// them. All closed forms, without an integral.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedSizes {
    share: Vec<f64>,
    mean: f64,
    requests: Vec<f64>,
}

impl SharedSizes {
    /// The batches of up to `batch` where a request of class k waits at most `waits[k]`.
    ///
    /// Panics unless there is a wait for each class and `batch` is at least 1.
    pub fn new(map: &MarkedMap, waits: &[Span], batch: u32) -> SharedSizes {
        let stages = Stages::quick(map, waits, batch);
        SharedSizes::of(&stages, &stages.stationary())
    }

    pub(super) fn of(stages: &Stages, entries: &Entries) -> SharedSizes {
        let share = stages.sizes(entries);
        let mean = share.iter().zip(1..).map(|(p, n)| p * f64::from(n)).sum();
        let mut requests = vec![0.0; stages.given.len()];
        for (class, count) in stages.given.iter().zip(stages.requests(entries)) {
            requests[*class] = count;
        }
        SharedSizes { share, mean, requests }
    }

    /// The share of batches that leave with n requests, at `n - 1`.
    pub fn batch_size(&self) -> &[f64] {
        &self.share
    }

    /// The mean batch size.
    pub fn mean_batch(&self) -> f64 {
        self.mean
    }

    /// The requests of each class by batch.
    pub fn requests(&self) -> &[f64] {
        &self.requests
    }

    /// The expected share of a request in what its batch costs; a batch of n costs `batch_cost(n)`.
    pub fn per_request(&self, batch_cost: impl Fn(u32) -> f64) -> f64 {
        self.share.iter().zip(1..).map(|(p, n)| p * batch_cost(n)).sum::<f64>() / self.mean
    }
}
