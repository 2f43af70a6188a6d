//! The first layer: V_j(t) at the nodes of a mesh on [0, T].

use crate::analytic::counting::{Counting, WIDEST, add_scaled, halvings, uniformisation_rate};
use crate::arrivals::map::Map;
use crate::numeric::chebyshev::{DEGREE, NODES, PANEL};
use crate::numeric::matrix::Matrix;
use crate::units::Span;

/// How many requests arrive within each time up to the timeout, by phase: what every batch size up to
/// the largest needs of the arrivals.
///
/// The mesh is symmetric about its middle, since the law pairs the time w with T - w. Its panels are as wide
/// as the functions allow: far from both ends of a long timeout ever wider.
#[derive(Debug, Clone)]
pub struct Levels {
    pub(super) order: usize,
    /// The largest batch that the table serves.
    pub(super) batch: usize,
    pub(super) mesh: Mesh,
    /// `(-D0)^-1 D1`.
    pub(super) embedded: Matrix,
    /// Per node, V_j for `j < batch - 1`, laid out like [`Counting`].
    pub(super) counting: Vec<f64>,
    /// Per node and phase, `j V_j e`.
    pub(super) counted: Vec<f64>,
    /// Per node and phase, `V_j D1 e`.
    pub(super) hazard: Vec<f64>,
}

/// Panels of Chebyshev-Lobatto nodes on [0, horizon]; neighbours share a node.
#[derive(Debug, Clone)]
pub(super) struct Mesh {
    /// Where panels begin and end [s], from 0 to the horizon; no panel if the horizon is 0.
    pub bounds: Vec<f64>,
}

/// A buffer that is still open with less probability than this is taken as full.
const NEVER: f64 = 1e-13;
/// The largest part of V_j that the nodes may leave unresolved.
const TOLERANCE: f64 = 1e-9;

impl Levels {
    /// The table for batches up to `largest` and one timeout. The time and memory it takes do not grow with a
    /// timeout beyond the time that always fills the largest batch, and with the logarithm of it otherwise.
    ///
    /// Panics if `largest` is 0.
    pub fn new(map: &Map, largest: u32, timeout: Span) -> Levels {
        assert!(largest > 0, "a batch holds at least one request");
        // A table for two serves one, whose batches never wait.
        let (order, batch) = (map.order(), largest.max(2) as usize);
        let mut march = March::new(map, batch - 1, timeout.as_secs_f64());
        if march.horizon > 0.0 {
            march.run();
        }
        let March { counting, bounds, .. } = march;
        let rate = map.d1().row_sums();
        let mut counted = vec![0.0; counting.len() / order];
        let mut hazard = counted.clone();
        let rows = counting.chunks_exact(order * (batch - 1));
        let sums = counted.chunks_exact_mut(batch - 1).zip(hazard.chunks_exact_mut(batch - 1));
        for (row, (counted, hazard)) in rows.zip(sums) {
            for (cells, rate) in row.chunks_exact(batch - 1).zip(&rate) {
                add_scaled(counted, 1.0, cells);
                add_scaled(hazard, *rate, cells);
            }
            counted.iter_mut().enumerate().for_each(|(j, sum)| *sum *= j as f64);
        }
        Levels { order, batch, mesh: Mesh { bounds }, embedded: map.embedded(), counting, counted, hazard }
    }

    /// V_j(t) from phase i to k at a node.
    pub(super) fn cells(&self, node: usize, i: usize, k: usize) -> &[f64] {
        let levels = self.batch - 1;
        &self.counting[((node * self.order + i) * self.order + k) * levels..][..levels]
    }
}

impl Mesh {
    /// The end of the mesh [s]: the timeout, or less where the batch is always full by then.
    pub fn horizon(&self) -> f64 {
        self.bounds[self.bounds.len() - 1]
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        (self.bounds.len() - 1) * DEGREE + 1
    }

    /// The panel that holds `at`, and where in it, in [0, 1]. For `at` in [0, horizon], horizon above 0.
    pub fn place(&self, at: f64) -> (usize, f64) {
        let panel = self.bounds.partition_point(|bound| *bound <= at).clamp(1, self.bounds.len() - 1) - 1;
        let (from, to) = (self.bounds[panel], self.bounds[panel + 1]);
        (panel, ((at - from) / (to - from)).clamp(0.0, 1.0))
    }
}

/// Walks from 0 to the horizon, panel by panel. Widths are `horizon / 2^level`.
struct March<'a> {
    map: &'a Map,
    levels: usize,
    theta: f64,
    horizon: f64,
    /// By level: V at the nodes of a panel but the first.
    steps: Vec<Option<Vec<Counting>>>,
    counting: Vec<f64>,
    bounds: Vec<f64>,
    /// By phase: the rate of arrivals.
    rate: Vec<f64>,
}

/// The whole horizon as a number, so that positions of panels are exact.
const WHOLE: u64 = 1 << 62;

impl<'a> March<'a> {
    fn new(map: &'a Map, levels: usize, timeout: f64) -> March<'a> {
        let theta = uniformisation_rate(map);
        let horizon = Counting::at(map, timeout, levels, NEVER).1;
        let counting = Counting::identity(map.order(), levels).cells().to_vec();
        let rate = map.d1().row_sums();
        March { map, levels, theta, horizon, steps: Vec::new(), counting, bounds: vec![0.0], rate }
    }

    fn run(&mut self) {
        let mut level = halvings(self.theta * self.horizon);
        if level == 0 {
            if self.panel(0) <= TOLERANCE {
                self.bounds.push(self.horizon);
                return;
            }
            self.forget_panel();
            level = 1;
        }
        let deepest = level + 20;
        let mut passed = Vec::new();
        let mut at = 0;
        while at < WHOLE / 2 {
            let tail = self.panel(level);
            if tail > TOLERANCE && level < deepest {
                self.forget_panel();
                level += 1;
                continue;
            }
            passed.push(level);
            at += WHOLE >> level;
            self.bounds.push(self.horizon * (at as f64 / WHOLE as f64));
            // Twice the width raises the tail by at most 2^DEGREE.
            let aligned = level > 1 && at.is_multiple_of(WHOLE >> (level - 1));
            if aligned && tail * ((1 << DEGREE) as f64) < TOLERANCE {
                level -= 1;
            }
        }
        for level in passed.into_iter().rev() {
            self.panel(level);
            at += WHOLE >> level;
            self.bounds.push(self.horizon * (at as f64 / WHOLE as f64));
        }
    }

    /// Appends V at the nodes of the next panel; returns the largest part that they leave unresolved.
    fn panel(&mut self, level: usize) -> f64 {
        self.prepare(level);
        let size = self.map.order() * self.map.order() * self.levels;
        let first = self.counting.len() - size;
        self.counting.resize(first + size * NODES, 0.0);
        let (known, new) = self.counting[first..].split_at_mut(size);
        let steps = self.steps[level].as_ref().expect("prepared");
        for (step, to) in steps.iter().zip(new.chunks_exact_mut(size)) {
            step.after(known, to);
        }
        self.tail(&self.counting[first..], self.horizon / 2f64.powi(level as i32))
    }

    fn forget_panel(&mut self) {
        let size = self.map.order() * self.map.order() * self.levels;
        self.counting.truncate(self.counting.len() - size * DEGREE);
    }

    fn tail(&self, values: &[f64], width: f64) -> f64 {
        let order = self.map.order();
        let size = order * order * self.levels;
        let mut worst = 0.0_f64;
        let mut sums = vec![0.0; size];
        for weights in &PANEL.tail {
            sums.fill(0.0);
            for (weight, cells) in weights.iter().zip(values.chunks_exact(size)) {
                add_scaled(&mut sums, *weight, cells);
            }
            for (at, cells) in sums.chunks_exact(self.levels).enumerate() {
                // Rates out of the phase are integrated over the panel.
                let scale = (self.rate[at % order] * width).max(1.0);
                worst = cells.iter().fold(worst, |worst, sum| worst.max(sum.abs() * scale));
            }
        }
        worst
    }

    fn prepare(&mut self, level: usize) {
        if self.steps.len() <= level {
            self.steps.resize(level + 1, None);
        }
        if self.steps[level].is_some() {
            return;
        }
        let width = self.horizon / 2f64.powi(level as i32);
        let steps = if self.theta * width <= WIDEST {
            let times: Vec<f64> = PANEL.nodes[1..].iter().map(|node| width * node).collect();
            Counting::uniformised(self.map, self.theta, &times, self.levels)
        } else {
            self.prepare(level + 1);
            let halves = self.steps[level + 1].as_ref().expect("prepared");
            halves.iter().map(|half| half.times(half)).collect()
        };
        self.steps[level] = Some(steps);
    }
}
