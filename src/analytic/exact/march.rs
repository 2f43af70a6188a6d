//! A mesh on [0, horizon], and V_j at its nodes.

use crate::analytic::counting::{Counted, Counting, WIDEST, add_scaled, halvings, uniformisation_rate};
use crate::numeric::chebyshev::{DEGREE, NODES, PANEL};

/// Where panels begin and end, and V_j at their nodes, laid out like [`Counting`].
#[derive(Debug)]
pub(super) struct Marched {
    pub bounds: Vec<f64>,
    pub counting: Vec<f64>,
}

/// V_j, `j < levels`, on [0, horizon], to within about `tolerance` between the nodes. The mesh is symmetric about its
/// middle; a horizon of 0 has one node and no panel.
pub(super) fn march(of: Counted<'_>, levels: usize, horizon: f64, tolerance: f64) -> Marched {
    let mut march = March::new(of, levels, horizon, tolerance);
    if horizon > 0.0 {
        march.run();
    }
    Marched { bounds: march.bounds, counting: march.counting }
}

/// The same on the panels of another walk over the same horizon.
pub(super) fn march_along(of: Counted<'_>, levels: usize, bounds: &[f64]) -> Marched {
    let horizon = bounds[bounds.len() - 1];
    let mut march = March::new(of, levels, horizon, f64::INFINITY);
    for ends in bounds.windows(2) {
        let _ = march.panel((horizon / (ends[1] - ends[0])).log2().round() as usize);
    }
    Marched { bounds: bounds.to_vec(), counting: march.counting }
}

/// Walks from 0 to the horizon, panel by panel. Widths are `horizon / 2^level`.
struct March<'a> {
    of: Counted<'a>,
    levels: usize,
    theta: f64,
    horizon: f64,
    /// The largest part of V_j that the nodes may leave unresolved.
    tolerance: f64,
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
    fn new(of: Counted<'a>, levels: usize, horizon: f64, tolerance: f64) -> March<'a> {
        let theta = uniformisation_rate(of);
        let counting = Counting::identity(of.d0.order(), levels).cells().to_vec();
        let rate = of.d1.row_sums();
        March { of, levels, theta, horizon, tolerance, steps: Vec::new(), counting, bounds: vec![0.0], rate }
    }

    fn run(&mut self) {
        let mut level = halvings(self.theta * self.horizon);
        if level == 0 {
            if self.panel(0) <= self.tolerance {
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
            if tail > self.tolerance && level < deepest {
                self.forget_panel();
                level += 1;
                continue;
            }
            passed.push(level);
            at += WHOLE >> level;
            self.bounds.push(self.horizon * (at as f64 / WHOLE as f64));
            // Twice the width raises the tail by at most 2^DEGREE.
            let aligned = level > 1 && at.is_multiple_of(WHOLE >> (level - 1));
            if aligned && tail * ((1 << DEGREE) as f64) < self.tolerance {
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
        let size = self.of.d0.order() * self.of.d0.order() * self.levels;
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
        let size = self.of.d0.order() * self.of.d0.order() * self.levels;
        self.counting.truncate(self.counting.len() - size * DEGREE);
    }

    fn tail(&self, values: &[f64], width: f64) -> f64 {
        let order = self.of.d0.order();
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
            Counting::uniformised(self.of, self.theta, &times, self.levels)
        } else {
            self.prepare(level + 1);
            let halves = self.steps[level + 1].as_ref().expect("prepared");
            halves.iter().map(|half| half.times(half)).collect()
        };
        self.steps[level] = Some(steps);
    }
}
