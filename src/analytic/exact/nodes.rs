//! V_j at the nodes of a mesh on [0, horizon], and the waits that follow from them.
//!
//! A wait w pairs the time w with horizon - w, and both are nodes. Of each node only the levels are held that are
//! something: in a long time, few arrivals are as improbable as very many. Waits are worked out panel by panel, for
//! what is asked.

use std::ops::Range;
use std::sync::OnceLock;

use super::levels::Mesh;
use super::march::march;
use crate::analytic::counting::{Counted, Counting};
use crate::arrivals::map::Map;
use crate::numeric::chebyshev::{DEGREE, NODES};
use crate::numeric::matrix::Matrix;

/// V_j for some levels at the nodes of a mesh.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) mesh: Mesh,
    order: usize,
    embedded: Matrix,
    /// `(-D0)^-1`.
    idle: Matrix,
    /// By phase: the rate of arrivals.
    rate: Vec<f64>,
    nodes: Vec<Node>,
    /// By size n less 1 and panel: see [`Nodes::timed_out`].
    timed_out: Vec<OnceLock<Vec<OnceLock<Vec<f64>>>>>,
}

/// V_j at one time; `width` levels, from the first of `reach` on.
#[derive(Debug)]
struct Node {
    /// The levels at which V_j is something, from whatever phase to whatever phase.
    reach: Range<usize>,
    /// V_j from phase i to k at `(i * order + k) * width + j`.
    open: Vec<f64>,
    /// `j V_j e` of phase k, from the last level down.
    counted: Vec<f64>,
}

/// Probabilities below this are nothing.
const NOTHING: f64 = 1e-18;

impl Nodes {
    pub fn new(map: &Map, levels: usize, horizon: f64, tolerance: f64) -> Nodes {
        let (order, rate, idle) = (map.order(), map.d1().row_sums(), map.idle());
        let mut nodes = Vec::new();
        let counts: Vec<f64> = (0..levels).map(|j| j as f64).collect();
        let keep =
            |cells: &[f64], within: &Range<usize>| nodes.push(Node::new((cells, within), &counts, order));
        let bounds = march(Counted::from(map), levels, (horizon, tolerance), keep);
        let (mesh, embedded) = (Mesh { bounds }, map.embedded());
        let timed_out = (0..levels).map(|_| OnceLock::new()).collect();
        Nodes { mesh, order, embedded, idle, rate, nodes, timed_out }
    }

    /// At two times, which are each other's time from the other end.
    pub fn pair(map: &Map, levels: usize, times: [f64; 2]) -> Nodes {
        let (order, rate, idle) = (map.order(), map.d1().row_sums(), map.idle());
        let counts: Vec<f64> = (0..levels).map(|j| j as f64).collect();
        let node = |time: f64| {
            let (counting, _) = Counting::at(map.into(), time, levels, 0.0);
            Node::new((counting.cells(), &(0..levels)), &counts, order)
        };
        let (mesh, embedded) = (Mesh { bounds: vec![0.0] }, map.embedded());
        Nodes { mesh, order, embedded, idle, rate, nodes: times.map(node).into(), timed_out: Vec::new() }
    }

    /// By opening phase and node of the panel: requests per batch that are in a batch of n, which the timeout sends off, and
    /// wait at most the node's time. The sum over j of `j V_{n-1-j}(T - w) V_j(w) e`: j of the n - 1 followers come after
    /// T - w. Without a panel, at the one node.
    #[inline]
    pub fn timed_out(&self, n: usize, panel: usize) -> &[f64] {
        self.timed_out[n - 1].get_or_init(|| self.by_panel())[panel].get_or_init(|| self.panel(n, panel))
    }

    /// A place for each panel, or the one node.
    pub fn by_panel<T>(&self) -> Vec<OnceLock<T>> {
        (1..self.mesh.bounds.len().max(2)).map(|_| OnceLock::new()).collect()
    }

    fn panel(&self, n: usize, panel: usize) -> Vec<f64> {
        let first = panel * DEGREE;
        let nodes = first..(first + NODES).min(self.nodes.len());
        let mut rows = Vec::with_capacity(self.order * NODES);
        for i in 0..self.order {
            for node in nodes.clone() {
                let (now, before) = (&self.nodes[node], &self.nodes[self.nodes.len() - 1 - node]);
                let of = |k: usize| {
                    let counted = (now.counted(k), now.reach.clone());
                    convolved((before.open(i * self.order + k), before.reach.clone()), counted, n - 1)
                };
                rows.push((0..self.order).map(of).sum());
            }
        }
        rows
    }

    /// By node of the panel: requests per batch that are in a full batch of n and wait at most the node's time, where batches
    /// open in the phases `opening`. A batch that fills within w has n; one that fills later has its last request and the
    /// j that come within w before it, the sum over j of `(1 + j) alpha C_{n-2-j}(T - w) V_j(w) D1 e`, where
    /// `C_j(t) = (F_j(t) - V_j(t)) (-D0)^-1` is the time with j arrivals. F_j(t) is the phase at the j-th arrival if
    /// that is within t. Without a panel, at the one node.
    pub fn full(&self, n: usize, opening: &[f64], panel: usize) -> [f64; NODES] {
        let last = self.nodes.len() - 1;
        let now: [&Node; NODES] = std::array::from_fn(|at| &self.nodes[(panel * DEGREE + at).min(last)]);
        let before: [&Node; NODES] =
            std::array::from_fn(|at| &self.nodes[last - (panel * DEGREE + at).min(last)]);
        // F_0 = I, F_{j+1} = (F_j - V_j) E.
        let mut rest: Vec<[f64; NODES]> = opening.iter().map(|share| [*share; NODES]).collect();
        let mut next = rest.clone();
        let (mut later, mut open) = ([0.0; NODES], [0.0; NODES]);
        for j in 0..n.saturating_sub(1) {
            for (i, weight) in opening.iter().enumerate() {
                for (k, rest) in rest.iter_mut().enumerate() {
                    let line = i * self.order + k;
                    (0..NODES).for_each(|at| rest[at] -= weight * before[at].at(line, j));
                }
            }
            let late = n - 2 - j;
            times(&rest, &self.idle, &mut next);
            for (k, mean) in next.iter().enumerate() {
                let (still_open, hazard) = self.held(&now, k, late);
                let count = (late + 1) as f64;
                (0..NODES).for_each(|at| open[at] += opening[k] * still_open[at]);
                (0..NODES).for_each(|at| later[at] += count * mean[at] * hazard[at]);
            }
            times(&rest, &self.embedded, &mut next);
            std::mem::swap(&mut rest, &mut next);
        }
        std::array::from_fn(|at| n as f64 * (1.0 - open[at]).max(0.0) + later[at])
    }

    /// `V_j e` and `V_j D1 e` of phase k at some nodes.
    #[inline]
    fn held(&self, nodes: &[&Node; NODES], k: usize, j: usize) -> ([f64; NODES], [f64; NODES]) {
        let (mut open, mut hazard) = ([0.0; NODES], [0.0; NODES]);
        for (l, rate) in self.rate.iter().enumerate() {
            for at in 0..NODES {
                let cell = nodes[at].at(k * self.order + l, j);
                open[at] += cell;
                hazard[at] += rate * cell;
            }
        }
        (open, hazard)
    }
}

impl Node {
    /// Of V_j that is zero outside some levels; `counts[j]` is j.
    fn new((cells, within): (&[f64], &Range<usize>), counts: &[f64], order: usize) -> Node {
        let reach = reach(cells, counts.len(), within);
        let (width, counts) = (reach.len(), &counts[reach.clone()]);
        let mut open = Vec::with_capacity(order * order * width);
        let mut counted = vec![0.0; order * width];
        let lines = cells.chunks_exact(cells.len() / (order * order)).map(|line| &line[reach.clone()]);
        for (at, line) in lines.enumerate() {
            open.extend_from_slice(line);
            let sums = &mut counted[at / order * width..][..width];
            sums.iter_mut().zip(counts.iter().zip(line)).for_each(|(sum, (j, value))| *sum += j * value);
        }
        counted.chunks_exact_mut(width.max(1)).for_each(<[f64]>::reverse);
        Node { reach, open, counted }
    }

    fn open(&self, line: usize) -> &[f64] {
        &self.open[line * self.reach.len()..][..self.reach.len()]
    }

    fn counted(&self, k: usize) -> &[f64] {
        &self.counted[k * self.reach.len()..][..self.reach.len()]
    }

    /// A cell of level j.
    #[inline]
    fn at(&self, line: usize, j: usize) -> f64 {
        let (width, place) = (self.reach.len(), j.wrapping_sub(self.reach.start));
        if place < width { self.open[line * width + place] } else { 0.0 }
    }
}

/// The row vector `row matrix`, at some nodes.
#[inline]
fn times(row: &[[f64; NODES]], matrix: &Matrix, to: &mut [[f64; NODES]]) {
    to.fill([0.0; NODES]);
    for (i, shares) in row.iter().enumerate() {
        for (to, cell) in to.iter_mut().zip(matrix.row(i)) {
            to.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share * cell);
        }
    }
}

/// The levels at which something is above nothing, from the first to the last.
fn reach(cells: &[f64], levels: usize, within: &Range<usize>) -> Range<usize> {
    let mut reach = levels..0;
    for line in cells.chunks_exact(levels.max(1)) {
        let is_something = |value: &f64| *value > NOTHING;
        let line = &line[within.clone()];
        let first = line.iter().position(is_something).map_or(levels, |first| within.start + first);
        let end = line.iter().rposition(is_something).map_or(0, |last| within.start + last + 1);
        reach = reach.start.min(first)..reach.end.max(end);
    }
    if reach.is_empty() { 0..0 } else { reach }
}

/// The sum of `a_j b_l` over `j + l = sum`: each with its levels, those of b from the last one down.
fn convolved(a: (&[f64], Range<usize>), b: (&[f64], Range<usize>), sum: usize) -> f64 {
    let least = a.1.start.max((sum + 1).saturating_sub(b.1.end));
    let end = a.1.end.min((sum + 1).saturating_sub(b.1.start));
    if least >= end {
        return 0.0;
    }
    // b's place of level l is its end - 1 - l.
    let a = &a.0[least - a.1.start..][..end - least];
    let b = &b.0[b.1.end - 1 + least - sum..][..end - least];
    dot_in_lanes(a, b)
}

/// The sum of products, eight at a time.
#[inline]
pub(super) fn dot_in_lanes(a: &[f64], b: &[f64]) -> f64 {
    let (mut lanes, mut rest) = ([0.0; 8], 0.0);
    let (ends_a, ends_b) = (a.chunks_exact(8), b.chunks_exact(8));
    for (a, b) in ends_a.remainder().iter().zip(ends_b.remainder()) {
        rest += a * b;
    }
    for (a, b) in ends_a.zip(ends_b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::gauss::GAUSS;

    /// Requests of two phases, and a mesh of some levels on [0, horizon].
    fn example(levels: usize, horizon: f64) -> (Map, Nodes) {
        let matrix = |rows: [[f64; 2]; 2]| Matrix::from_rows(&rows.map(|row| row.to_vec())).unwrap();
        let map = Map::new(matrix([[-21.0, 1.0], [2.0, -92.0]]), matrix([[20.0, 0.0], [0.0, 90.0]])).unwrap();
        let nodes = Nodes::new(&map, levels, horizon, 1e-9);
        (map, nodes)
    }

    fn time(nodes: &Nodes, node: usize) -> f64 {
        let panel = (node / DEGREE).min(nodes.mesh.bounds.len() - 2);
        let (from, to) = (nodes.mesh.bounds[panel], nodes.mesh.bounds[panel + 1]);
        from + (to - from) * crate::numeric::chebyshev::PANEL.nodes[node - panel * DEGREE]
    }

    /// V at a time by uniformisation and squares, each time by itself.
    fn counts(map: &Map, t: f64, levels: usize) -> impl Fn(usize, usize, usize) -> f64 + use<> {
        let (counting, found) = Counting::at(map.into(), t, levels, 0.0);
        assert_eq!(found, t);
        move |i, k, j| counting.cells()[(i * 2 + k) * levels + j]
    }

    #[test]
    fn the_walk_s_waits_are_those_of_counts_made_for_each_time() {
        let (levels, horizon) = (70, 1.3);
        let (map, nodes) = example(levels, horizon);
        let count = nodes.nodes.len();
        for node in [0, 1, 17, count / 2, count - 5, count - 1] {
            let w = time(&nodes, node);
            let (now, before) = (counts(&map, w, levels), counts(&map, horizon - w, levels));
            let panel = (node / DEGREE).min(nodes.mesh.bounds.len() - 2);
            for n in [2, 3, 29, levels] {
                let rows = nodes.timed_out(n, panel);
                for i in 0..2 {
                    let mut sum = 0.0;
                    for (j, k, l) in (0..n).flat_map(|j| [(j, 0, 0), (j, 0, 1), (j, 1, 0), (j, 1, 1)]) {
                        sum += j as f64 * before(i, k, n - 1 - j) * now(k, l, j);
                    }
                    let found = rows[i * NODES + node - panel * DEGREE];
                    assert!((found - sum).abs() < 1e-12, "{n} {i} {node}: {found} {sum}");
                }
            }
        }
    }

    /// The density of the waits in full batches, the sum over i of `alpha F_i(T - w) V_{n-2-i}(w) D1 e`: request i comes
    /// by T - w, and those that are missing then take w.
    fn density(map: &Map, levels: usize, horizon: f64, (n, w, alpha): (usize, f64, [f64; 2])) -> f64 {
        let (now, before) = (counts(map, w, levels), counts(map, horizon - w, levels));
        let rate = map.d1().row_sums();
        let (mut phase, mut density) = (alpha.to_vec(), 0.0);
        for j in 0..n - 1 {
            for (k, share) in phase.iter().enumerate() {
                density += share * (0..2).map(|l| now(k, l, n - 2 - j) * rate[l]).sum::<f64>();
            }
            let rest: Vec<f64> =
                (0..2).map(|k| phase[k] - (0..2).map(|i| alpha[i] * before(i, k, j)).sum::<f64>()).collect();
            phase = map.embedded().left(&rest);
        }
        density
    }

    #[test]
    fn the_closed_form_of_full_batches_is_the_integral_of_their_density() {
        let (levels, horizon, alpha) = (24, 0.6, [0.4, 0.6]);
        let (map, nodes) = example(levels, horizon);
        for n in [2, 3, 11, levels] {
            for node in [DEGREE + 3, nodes.nodes.len() / 2, nodes.nodes.len() - 2] {
                let panel = (node / DEGREE).min(nodes.mesh.bounds.len() - 2);
                let w = time(&nodes, node);
                // Gauss on 40 pieces.
                let mut integral = 0.0;
                for (piece, (at, weight)) in (0..40).flat_map(|piece| GAUSS.map(|gauss| (piece, gauss))) {
                    let s = w * (f64::from(piece) + at) / 40.0;
                    integral += w / 40.0 * weight * density(&map, levels, horizon, (n, s, alpha));
                }
                let place = node - panel * DEGREE;
                let found = nodes.full(n, &alpha, panel)[place] - nodes.full(n, &alpha, 0)[0];
                assert!((found - integral).abs() < 1e-12 * n as f64, "{n} {node}: {found} {integral}");
            }
        }
    }

    #[test]
    fn a_convolution_meets_all_pairs_of_levels() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0]);
        let reversed: Vec<f64> = b.iter().rev().copied().collect();
        for sum in 0..20 {
            let mut pairs = 0.0;
            for (j, l) in (0..4).flat_map(|j| (0..3).map(move |l| (j, l))) {
                // a begins at level 2, b at level 5.
                pairs += if j + 2 + l + 5 == sum { a[j] * b[l] } else { 0.0 };
            }
            assert_eq!(convolved((&a, 2..6), (&reversed, 5..8), sum), pairs, "{sum}");
        }
    }
}
