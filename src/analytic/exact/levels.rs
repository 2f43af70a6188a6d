//! The first layer: V_j(t) at the nodes of a mesh on [0, T].

use std::sync::Arc;

use super::march::{Marched, march};
use crate::analytic::counting::{Counted, Counting, add_scaled};
use crate::arrivals::map::Map;
use crate::numeric::chebyshev::DEGREE;
use crate::numeric::matrix::Matrix;
use crate::units::Span;

/// How many requests arrive within each time up to the timeout, by phase: what every batch size up to
/// the largest needs of the arrivals.
///
/// The mesh is symmetric about its middle, since the law pairs the time w with T - w. Its panels are as wide
/// as the functions allow: far from both ends of a long timeout ever wider.
#[derive(Debug, Clone)]
pub struct Levels {
    pub(super) table: Arc<Table>,
}

/// What the laws of all batch sizes share.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) order: usize,
    /// The largest batch that the table serves.
    pub(super) batch: usize,
    pub(super) mesh: Arc<Mesh>,
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
        let of = Counted::from(map);
        let horizon = Counting::at(of, timeout.as_secs_f64(), batch - 1, NEVER).1;
        let Marched { counting, bounds } = march(of, batch - 1, horizon, TOLERANCE);
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
        let (mesh, embedded) = (Arc::new(Mesh { bounds }), map.embedded());
        Levels { table: Arc::new(Table { order, batch, mesh, embedded, counting, counted, hazard }) }
    }
}

impl Table {
    /// V_j(t) from phase i to k at a node.
    #[inline]
    pub(super) fn cells(&self, node: usize, i: usize, k: usize) -> &[f64] {
        let levels = self.batch - 1;
        &self.counting[((node * self.order + i) * self.order + k) * levels..][..levels]
    }
}

impl Mesh {
    /// The end of the mesh [s]: the timeout, or less where the batch is always full by then.
    #[inline]
    pub fn horizon(&self) -> f64 {
        self.bounds[self.bounds.len() - 1]
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        (self.bounds.len() - 1) * DEGREE + 1
    }

    /// The panel that holds `at`, and where in it, in [0, 1]. For `at` in [0, horizon], horizon above 0.
    #[inline]
    pub fn place(&self, at: f64) -> (usize, f64) {
        let panel = self.bounds.partition_point(|bound| *bound <= at).clamp(1, self.bounds.len() - 1) - 1;
        let (from, to) = (self.bounds[panel], self.bounds[panel + 1]);
        (panel, ((at - from) / (to - from)).clamp(0.0, 1.0))
    }
}
