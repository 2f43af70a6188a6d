//! A mesh on [0, horizon], and V_j at its nodes.

use std::ops::Range;

use crate::analytic::counting::{Counted, Counting, WIDEST, add_scaled, halvings, uniformisation_rate};
use crate::numeric::chebyshev::{DEGREE, NODES, PANEL};

/// Hands V_j, `j < levels`, at the nodes of a mesh on [0, horizon] to `keep`, one after the other and laid out like
/// [`Counting`], each with the levels outside which it is zero; returns where panels begin and end. Between the nodes V_j is good to within about `tolerance`. The mesh is
/// symmetric about its middle; a horizon of 0 has one node and no panel.
pub(super) fn march(
    of: Counted<'_>,
    levels: usize,
    (horizon, tolerance): (f64, f64),
    mut keep: impl FnMut(&[f64], &Range<usize>),
) -> Vec<f64> {
    let mut march = March::new(of, levels, horizon, tolerance);
    keep(&march.values[..march.size], &march.reach[0]);
    if horizon > 0.0 {
        march.run(&mut keep);
    }
    march.bounds
}

/// The same on the panels of another walk over the same horizon, whose bounds these are.
pub(super) fn march_along(
    of: Counted<'_>,
    levels: usize,
    bounds: &[f64],
    mut keep: impl FnMut(&[f64], &Range<usize>),
) {
    let horizon = bounds[bounds.len() - 1];
    let mut march = March::new(of, levels, horizon, f64::INFINITY);
    keep(&march.values[..march.size], &march.reach[0]);
    for ends in bounds.windows(2) {
        march.panel((horizon / (ends[1] - ends[0])).log2().round() as usize);
        march.go_on(ends[1] / horizon, &mut keep);
    }
}

/// Walks from 0 to the horizon, panel by panel. Widths are `horizon / 2^level`.
struct March<'a> {
    of: Counted<'a>,
    levels: usize,
    theta: f64,
    horizon: f64,
    /// The largest part of V_j that the nodes may leave unresolved.
    tolerance: f64,
    /// By level: V from each node of a panel to the next, of its first half; the second mirrors it.
    steps: Vec<Option<Vec<Counting>>>,
    /// V at the nodes of the panel that is looked at; the first of them is where the walk stands.
    values: Vec<f64>,
    /// By node: the levels outside which V is zero.
    reach: [Range<usize>; NODES],
    /// Numbers by node.
    size: usize,
    /// Room for as many.
    sums: Vec<f64>,
    bounds: Vec<f64>,
    /// By phase: the rate of arrivals.
    rate: Vec<f64>,
}

/// The whole horizon as a number, so that positions of panels are exact.
const WHOLE: u64 = 1 << 62;

impl<'a> March<'a> {
    fn new(of: Counted<'a>, levels: usize, horizon: f64, tolerance: f64) -> March<'a> {
        let theta = uniformisation_rate(of);
        let mut values = Counting::identity(of.d0.order(), levels).cells().to_vec();
        let size = values.len();
        values.resize(size * NODES, 0.0);
        let reach = std::array::from_fn(|node| if node == 0 { 0..levels.min(1) } else { 0..0 });
        let (steps, bounds, rate, sums) = (Vec::new(), vec![0.0], of.d1.row_sums(), vec![0.0; size]);
        March { of, levels, theta, horizon, tolerance, steps, values, reach, size, sums, bounds, rate }
    }

    fn run(&mut self, keep: &mut impl FnMut(&[f64], &Range<usize>)) {
        let mut level = halvings(self.theta * self.horizon);
        if level == 0 {
            self.panel(0);
            if self.tail(0) <= self.tolerance {
                self.go_on(1.0, keep);
                return;
            }
            level = 1;
        }
        let deepest = level + 20;
        let mut passed = Vec::new();
        let mut at = 0;
        while at < WHOLE / 2 {
            self.panel(level);
            let tail = self.tail(level);
            if tail > self.tolerance && level < deepest {
                level += 1;
                continue;
            }
            passed.push(level);
            at += WHOLE >> level;
            self.go_on(at as f64 / WHOLE as f64, keep);
            // Twice the width raises the tail by at most 2^DEGREE.
            let aligned = level > 1 && at.is_multiple_of(WHOLE >> (level - 1));
            if aligned && tail * ((1 << DEGREE) as f64) < self.tolerance {
                level -= 1;
            }
        }
        for level in passed.into_iter().rev() {
            self.panel(level);
            at += WHOLE >> level;
            self.go_on(at as f64 / WHOLE as f64, keep);
        }
    }

    /// V at the nodes of the next panel. From node to node there are few arrivals, so that a product has few terms.
    fn panel(&mut self, level: usize) {
        self.prepare(level);
        let steps = self.steps[level].as_ref().expect("prepared");
        for node in 1..NODES {
            let (known, new) = self.values.split_at_mut(node * self.size);
            let step = &steps[(node - 1).min(DEGREE - node)];
            let from = (&known[(node - 1) * self.size..], &self.reach[node - 1]);
            self.reach[node] = step.after_within(from, (&mut new[..self.size], &self.reach[node]));
        }
    }

    /// Keeps the panel, which ends at this share of the horizon.
    fn go_on(&mut self, end: f64, keep: &mut impl FnMut(&[f64], &Range<usize>)) {
        let nodes = self.values.chunks_exact(self.size.max(1)).zip(&self.reach);
        nodes.skip(1).for_each(|(cells, reach)| keep(cells, reach));
        self.values.copy_within(DEGREE * self.size.., 0);
        self.reach[0] = self.reach[DEGREE].clone();
        self.bounds.push(self.horizon * end);
    }

    /// The largest part of V that the nodes of this panel leave unresolved.
    fn tail(&mut self, level: usize) -> f64 {
        let width = self.horizon / 2f64.powi(level as i32);
        let order = self.of.d0.order();
        let start = self.reach.iter().map(|reach| reach.start).min().unwrap_or(0);
        let end = self.reach.iter().map(|reach| reach.end).max().unwrap_or(0);
        let mut worst = 0.0_f64;
        for at in 0..order * order {
            // Rates out of the phase are integrated over the panel.
            let scale = (self.rate[at % order] * width).max(1.0);
            let line = at * self.levels + start..at * self.levels + end;
            let sums = &mut self.sums[line.clone()];
            for weights in &PANEL.tail {
                sums.fill(0.0);
                for (weight, cells) in weights.iter().zip(self.values.chunks_exact(self.size)) {
                    add_scaled(sums, *weight, &cells[line.clone()]);
                }
                worst = sums.iter().fold(worst, |worst, sum| worst.max(sum.abs() * scale));
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
            let nodes = PANEL.nodes.windows(2).take(DEGREE / 2);
            let times: Vec<f64> = nodes.map(|node| width * (node[1] - node[0])).collect();
            let steps = Counting::uniformised(self.of, self.theta, &times, self.levels);
            steps.into_iter().map(Counting::trimmed).collect()
        } else {
            self.prepare(level + 1);
            let halves = self.steps[level + 1].as_ref().expect("prepared");
            halves.iter().map(|half| half.times(half).trimmed()).collect()
        };
        self.steps[level] = Some(steps);
    }
}
