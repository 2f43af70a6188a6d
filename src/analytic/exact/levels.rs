//! The first layer: V_j(T), and V_j(t) at the nodes of a mesh on [0, T].

use std::sync::{Arc, OnceLock};

use super::nodes::Nodes;
use crate::analytic::counting::{Counted, Counting};
use crate::arrivals::map::Map;
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
    map: Map,
    pub(super) order: usize,
    /// The largest batch that the table serves.
    pub(super) batch: usize,
    /// The timeout \[s\], or less where the largest batch is always full by then.
    pub(super) horizon: f64,
    /// `(-D0)^-1 D1`.
    pub(super) embedded: Matrix,
    /// By phase: the mean time to the next arrival \[s\], `(-D0)^-1 e`.
    pub(super) idle: Vec<f64>,
    /// V_j at the horizon for `j < batch - 1`, laid out like [`Counting`].
    end: Vec<f64>,
    /// V_j at nodes, for the first levels, twice as many, and so on: made when a wait asks for them.
    nodes: Vec<OnceLock<Nodes>>,
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
/// So many levels have one table of nodes. What small batches ask for then takes no longer where there are large ones.
const FIRST_LEVELS: usize = 64;

impl Levels {
    /// The table for batches up to `largest` and one timeout. The time and memory it takes do not grow with a
    /// timeout beyond the time that always fills the largest batch, and with the logarithm of it otherwise.
    ///
    /// Panics if `largest` is 0.
    pub fn new(map: &Map, largest: u32, timeout: Span) -> Levels {
        assert!(largest > 0, "a batch holds at least one request");
        // A table for two serves one, whose batches never wait.
        let (order, batch) = (map.order(), largest.max(2) as usize);
        let levels = batch - 1;
        let (at_end, horizon) = Counting::at(Counted::from(map), timeout.as_secs_f64(), levels, NEVER);
        let tables = (0..).take_while(|at| *at == 0 || FIRST_LEVELS << (at - 1) < levels);
        let nodes: Vec<OnceLock<Nodes>> = tables.map(|_| OnceLock::new()).collect();
        let (embedded, end) = (map.embedded(), at_end.cells().to_vec());
        let idle = map.idle().row_sums();
        let table = Table { map: map.clone(), order, batch, horizon, embedded, idle, end, nodes };
        Levels { table: Arc::new(table) }
    }
}

impl Table {
    /// V_j at the horizon from phase i to k.
    #[inline]
    pub(super) fn end(&self, i: usize, k: usize) -> &[f64] {
        let levels = self.batch - 1;
        &self.end[(i * self.order + k) * levels..][..levels]
    }

    /// Nodes with at least so many levels: always the same ones, whoever asks first.
    #[inline]
    pub(super) fn nodes_for(&self, levels: usize) -> &Nodes {
        let at =
            (levels.div_ceil(FIRST_LEVELS).max(1) - 1).checked_ilog2().map_or(0, |power| power as usize + 1);
        self.nodes[at].get_or_init(|| {
            let levels = (FIRST_LEVELS << at).min(self.batch - 1);
            Nodes::new(&self.map, levels, self.horizon, TOLERANCE)
        })
    }
}

impl Mesh {
    /// The end of the mesh [s]: the timeout, or less where the batch is always full by then.
    #[inline]
    pub fn horizon(&self) -> f64 {
        self.bounds[self.bounds.len() - 1]
    }

    /// The panel that holds a wait in [0, horizon], of a horizon above 0.
    #[inline]
    pub fn panel(&self, wait: f64) -> usize {
        self.bounds.partition_point(|bound| *bound <= wait).clamp(1, self.bounds.len() - 1) - 1
    }

    /// Where in a panel a wait is, in [0, 1].
    #[inline]
    pub fn place(&self, panel: usize, wait: f64) -> f64 {
        let (from, to) = (self.bounds[panel], self.bounds[panel + 1]);
        ((wait - from) / (to - from)).clamp(0.0, 1.0)
    }
}
