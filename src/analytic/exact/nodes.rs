//! V_j at the nodes of a mesh on [0, horizon], and the waits that follow from them.
//!
//! A wait w pairs the time w with horizon - w, so that sums over levels run over all nodes at once: everything is held
//! level by level, and what belongs to the time w is held at the node of horizon - w.

use std::ops::Range;
use std::sync::OnceLock;

use super::levels::Mesh;
use super::march::Marched;
use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// V_j for some levels at the nodes of a mesh.
#[derive(Debug)]
pub(super) struct Nodes {
    pub(super) mesh: Mesh,
    order: usize,
    levels: usize,
    count: usize,
    embedded: Matrix,
    /// V_j from phase i to k by node, at `(i * order + k) * levels + j`.
    open: Vec<f64>,
    /// By phase k and level j, mirrored: `j V_j e`.
    counted: Vec<f64>,
    /// By phase k and level j, mirrored: `V_j D1 e`.
    hazard: Vec<f64>,
    /// By level: the nodes at which V_j is not nothing; and mirrored.
    reach: Vec<Range<usize>>,
    mirrored: Vec<Range<usize>>,
    /// By size n less 1: see [`Nodes::timed_out`].
    timed_out: Vec<OnceLock<Vec<f64>>>,
}

/// So many lines are turned at a time.
const TILE: usize = 16;
/// Probabilities below this are nothing.
const NOTHING: f64 = 1e-18;

impl Nodes {
    pub fn new(map: &Map, Marched { counting, bounds }: Marched, levels: usize) -> Nodes {
        let order = map.order();
        let mesh = Mesh { bounds };
        let (count, lines) = (mesh.nodes(), order * order * levels);
        let mut open = vec![0.0; count * lines];
        // Some lines at a time, so that what is read together lies together.
        for (tile, values) in open.chunks_mut(count * TILE).enumerate() {
            let width = values.len() / count;
            for (node, cells) in counting.chunks_exact(lines).enumerate() {
                let cells = &cells[tile * TILE..][..width];
                cells.iter().enumerate().for_each(|(line, cell)| values[line * count + node] = *cell);
            }
        }
        drop(counting);
        let rate = map.d1().row_sums();
        let mut counted = vec![0.0; order * levels * count];
        let mut hazard = counted.clone();
        let lines = open.chunks_exact(count).enumerate();
        for (line, values) in lines {
            let (i, k, j) = (line / levels / order, line / levels % order, line % levels);
            let at = (i * levels + j) * count;
            let mirrored = values.iter().rev();
            let sums = counted[at..][..count].iter_mut().zip(&mut hazard[at..][..count]);
            for ((counted, hazard), value) in sums.zip(mirrored) {
                *counted += j as f64 * value;
                *hazard += rate[k] * value;
            }
        }
        let reach: Vec<Range<usize>> = (0..levels).map(|j| reach(&open, levels, count, j)).collect();
        let mirrored = reach.iter().map(|reach| count - reach.end..count - reach.start).collect();
        let (embedded, timed_out) = (map.embedded(), (0..levels).map(|_| OnceLock::new()).collect());
        Nodes { mesh, order, levels, count, embedded, open, counted, hazard, reach, mirrored, timed_out }
    }

    /// V_j at the horizon, laid out like a counting.
    pub fn at_end(&self) -> Vec<f64> {
        self.open.chunks_exact(self.count).map(|values| values[self.count - 1]).collect()
    }

    #[inline]
    fn open(&self, (i, k): (usize, usize), j: usize) -> &[f64] {
        &self.open[((i * self.order + k) * self.levels + j) * self.count..][..self.count]
    }

    /// By opening phase and node: requests per batch that are in a batch of n, which the timeout sends off, and wait at
    /// most the node's time. The sum over j of `j V_{n-1-j}(T - w) V_j(w) e`: j of the n - 1 followers come after T - w.
    pub fn timed_out(&self, n: usize) -> &[f64] {
        self.timed_out[n - 1].get_or_init(|| {
            let mut rows = vec![0.0; self.order * self.count];
            for (i, row) in rows.chunks_exact_mut(self.count).enumerate() {
                for k in 0..self.order {
                    for j in 1..n {
                        let both = overlap(&self.reach[n - 1 - j], &self.mirrored[j]);
                        let open = &self.open((i, k), n - 1 - j)[both.clone()];
                        let counted = &self.counted[(k * self.levels + j) * self.count..][both.clone()];
                        let terms = open.iter().zip(counted);
                        row[both].iter_mut().zip(terms).for_each(|(sum, (a, b))| *sum += a * b);
                    }
                }
                row.reverse();
            }
            rows
        })
    }

    /// The density of the waits in full batches of n by node, where batches open in the phases `opening`: the sum over i
    /// of `alpha F_i(T - w) V_{n-2-i}(w) D1 e`. F_i(t) is the phase at the i-th arrival if that is within t.
    pub fn full(&self, n: usize, opening: &[f64]) -> Vec<f64> {
        let (order, count) = (self.order, self.count);
        let mut density = vec![0.0; count];
        // F_0 = I, F_{j+1} = (F_j - V_j) E.
        let mut dispatched: Vec<f64> = opening.iter().flat_map(|p| std::iter::repeat_n(*p, count)).collect();
        let mut next = dispatched.clone();
        for j in 0..n - 1 {
            next.fill(0.0);
            let place = &self.mirrored[n - 2 - j];
            for (k, phase) in dispatched.chunks_exact_mut(count).enumerate() {
                let hazard = &self.hazard[(k * self.levels + n - 2 - j) * count..][place.clone()];
                let terms = phase[place.clone()].iter().zip(hazard);
                density[place.clone()].iter_mut().zip(terms).for_each(|(sum, (f, h))| *sum += f * h);
                for (i, weight) in opening.iter().enumerate() {
                    let reach = self.reach[j].clone();
                    let open = &self.open((i, k), j)[reach.clone()];
                    phase[reach].iter_mut().zip(open).for_each(|(f, v)| *f -= weight * v);
                }
                for (share, next) in self.embedded.row(k).iter().zip(next.chunks_exact_mut(count)) {
                    next.iter_mut().zip(&*phase).for_each(|(next, rest)| *next += rest * share);
                }
            }
            std::mem::swap(&mut dispatched, &mut next);
        }
        debug_assert_eq!(dispatched.len(), order * count);
        density.reverse();
        density
    }
}

/// The nodes from the first to the last at which a level is something, from whatever phase to whatever phase.
fn reach(open: &[f64], levels: usize, count: usize, j: usize) -> Range<usize> {
    let lines = open.chunks_exact(count).skip(j).step_by(levels);
    let mut reach = count..0;
    for line in lines {
        let is_something = |value: &f64| *value > NOTHING;
        let first = line.iter().position(is_something).unwrap_or(count);
        let end = line.iter().rposition(is_something).map_or(0, |last| last + 1);
        reach = reach.start.min(first)..reach.end.max(end);
    }
    if reach.is_empty() { 0..0 } else { reach }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}
