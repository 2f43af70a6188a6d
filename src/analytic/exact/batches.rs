//! The second layer: the batch size and the waits of one batch size and timeout.

use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

use super::levels::{Levels, Mesh, Table};
use crate::analytic::counting::add_scaled;
use crate::numeric::chebyshev::{DEGREE, PANEL};
use crate::numeric::matrix::{Matrix, dot};

/// The law of the batch size and of the waits in the buffer, for one arrival process, batch size and timeout.
///
/// The waits take most of the time, and what a request costs does not ask for them: they are worked out when first looked at.
#[derive(Debug, Clone)]
pub struct BatchLaw {
    mesh: Arc<Mesh>,
    /// `share[n - 1]`: the share of batches that leave with n requests.
    share: Vec<f64>,
    /// `charged[n - 1]`: batches of n that these requests pay for, by batch; of all requests, the share itself.
    charged: Vec<f64>,
    /// `requests[n - 1]`: these requests in batches of n, by batch.
    requests: Vec<f64>,
    /// Their sum.
    mean: f64,
    /// `waits[n - 1]`: G_n at each node, before the jump at the horizon.
    waits: OnceLock<Vec<Vec<f64>>>,
    /// What they follow from, unless they were given.
    from: Option<Opening>,
}

/// What the waits follow from.
#[derive(Debug, Clone)]
struct Opening {
    levels: Arc<Table>,
    /// The phase just after the request that opens a batch.
    phase: Vec<f64>,
}

impl BatchLaw {
    /// The law for batches of up to `batch`. Panics unless `1 <= batch <= levels`' largest.
    pub fn new(levels: &Levels, batch: u32) -> BatchLaw {
        let (levels, batch) = (&levels.table, batch as usize);
        assert!((1..=levels.batch).contains(&batch), "the levels serve batches of 1 to {}", levels.batch);
        let phase = opening_phase(levels, batch);
        let last = levels.mesh.nodes() - 1;
        let rows = Rows::new(levels, batch, &phase, last..=last);
        let mut share = rows.left(0);
        share.push(dot(&rows.dispatched(0, batch - 1), &vec![1.0; levels.order]).max(0.0));
        let total: f64 = share.iter().sum();
        share.iter_mut().for_each(|p| *p /= total);
        let mean = share.iter().zip(1..).map(|(p, n)| p * f64::from(n)).sum();
        let requests = share.iter().enumerate().map(|(at, p)| (at + 1) as f64 * p).collect();
        BatchLaw {
            mesh: levels.mesh.clone(),
            charged: share.clone(),
            share,
            requests,
            mean,
            waits: OnceLock::new(),
            from: Some(Opening { levels: levels.clone(), phase }),
        }
    }

    /// The law of one of the classes that share the batches: `mean` of its requests a batch, of whose waits `waits[n - 1]`
    /// is the law in batches of n at the nodes of `bounds`, and `requests[n - 1]` the whole.
    pub(super) fn of_class(
        share: &[f64],
        requests: Vec<f64>,
        bounds: Vec<f64>,
        waits: Vec<Vec<f64>>,
    ) -> BatchLaw {
        let charged = requests.iter().enumerate().map(|(at, some)| some / (at + 1) as f64).collect();
        let mean = requests.iter().sum();
        BatchLaw {
            mesh: Arc::new(Mesh { bounds }),
            share: share.to_vec(),
            charged,
            requests,
            mean,
            waits: OnceLock::from(waits),
            from: None,
        }
    }

    #[inline]
    fn waits(&self) -> &[Vec<f64>] {
        self.waits.get_or_init(|| match &self.from {
            Some(Opening { levels, phase }) => waits(levels, phase, &self.share),
            None => Vec::new(),
        })
    }

    /// The largest batch, B.
    pub fn batch(&self) -> u32 {
        self.share.len() as u32
    }

    /// The share of batches that leave with n requests, at `n - 1`.
    pub fn batch_size(&self) -> &[f64] {
        &self.share
    }

    /// Batches of n that the requests pay for, at `n - 1`, by batch.
    pub(super) fn charged(&self) -> &[f64] {
        &self.charged
    }

    /// The mean batch size; of one class of several, its requests by batch.
    #[inline]
    pub fn mean_batch(&self) -> f64 {
        self.mean
    }

    /// The share of batches that leave full.
    pub fn full(&self) -> f64 {
        self.share[self.share.len() - 1]
    }

    /// The share of batches that the timeout sends off.
    pub fn timed_out(&self) -> f64 {
        1.0 - self.full()
    }

    /// The mean wait of a request in the buffer \[s\].
    pub fn mean_wait(&self) -> f64 {
        (1..=self.share.len()).map(|n| self.waited(n)).sum::<f64>() / self.mean
    }

    /// The share of requests that wait at most `wait` \[s\].
    pub fn wait_cdf(&self, wait: f64) -> f64 {
        if wait < 0.0 {
            return 0.0;
        }
        let within = |n| if wait >= self.horizon() { self.requests(n) } else { self.within(n, wait) };
        (1..=self.share.len()).map(within).sum::<f64>() / self.mean
    }

    /// The longest wait [s]: the timeout, or less where a batch is always full by then.
    #[inline]
    pub(super) fn horizon(&self) -> f64 {
        self.mesh.horizon()
    }

    /// Where pieces of G_n meet [s]; between them it is smooth.
    #[inline]
    pub(super) fn bounds(&self) -> &[f64] {
        &self.mesh.bounds
    }

    /// Requests per batch that are in a batch of n; of all, `n p_n`.
    #[inline]
    pub(super) fn requests(&self, n: usize) -> f64 {
        self.requests[n - 1]
    }

    /// G_n(wait): requests per batch that are in a batch of n and wait at most `wait`, for `wait` in
    /// [0, horizon]; at the horizon, the limit from below.
    #[inline]
    pub(super) fn within(&self, n: usize, wait: f64) -> f64 {
        let values = &self.waits()[n - 1];
        if self.mesh.bounds.len() == 1 {
            return values[0];
        }
        let (panel, at) = self.mesh.place(wait);
        let values = &values[panel * DEGREE..][..=DEGREE];
        PANEL.interpolate(values, at).clamp(0.0, self.requests(n))
    }

    /// Seconds waited per batch by requests in a batch of n: the integral of `n p_n - G_n`.
    pub(super) fn waited(&self, n: usize) -> f64 {
        let all = self.requests(n);
        let waits = &self.waits()[n - 1];
        let panels = self.mesh.bounds.windows(2).zip(waits.windows(DEGREE + 1).step_by(DEGREE));
        panels
            .map(|(ends, values)| {
                let mean: f64 = PANEL.integral[DEGREE].iter().zip(values).map(|(w, g)| w * (all - g)).sum();
                (ends[1] - ends[0]) * mean
            })
            .sum()
    }
}

/// The phase just after the request that opens a batch: stationary under
/// `(sum of V_j(T), j < B - 1, plus F_{B-1}(T)) E`.
fn opening_phase(levels: &Table, batch: usize) -> Vec<f64> {
    let order = levels.order;
    let last = levels.mesh.nodes() - 1;
    let rows: Vec<Vec<f64>> = (0..order)
        .map(|i| {
            let mut sum = vec![0.0; order];
            let mut dispatched: Vec<f64> = (0..order).map(|k| f64::from(u8::from(i == k))).collect();
            for j in 0..batch - 1 {
                for k in 0..order {
                    let open = levels.cells(last, i, k)[j];
                    sum[k] += open;
                    dispatched[k] -= open;
                }
                dispatched = levels.embedded.left(&dispatched);
            }
            sum.iter().zip(&dispatched).map(|(a, b)| (a + b).max(0.0)).collect()
        })
        .collect();
    let after = Matrix::from_rows(&rows).expect("square");
    (&after * &levels.embedded).stationary().expect("a MAP has one closed class of phases")
}

/// Row vectors that begin in the opening phase, at some nodes.
struct Rows {
    order: usize,
    /// The number of levels, `batch - 1`.
    levels: usize,
    /// Per node and phase: `alpha V_j`, `j < batch - 1`.
    open: Vec<f64>,
    /// Per node and phase: `alpha F_j`, `j < batch`; F_j(t) is the phase at the j-th arrival if within t.
    dispatched: Vec<f64>,
}

impl Rows {
    fn new(levels: &Table, batch: usize, opening: &[f64], of: RangeInclusive<usize>) -> Rows {
        let (order, nodes) = (levels.order, of.clone().count());
        let mut open = vec![0.0; nodes * order * (batch - 1)];
        let mut dispatched = vec![0.0; nodes * order * batch];
        for (node, of) in of.enumerate() {
            let open = &mut open[node * order * (batch - 1)..][..order * (batch - 1)];
            let dispatched = &mut dispatched[node * order * batch..][..order * batch];
            for k in 0..order {
                for (i, weight) in opening.iter().enumerate() {
                    if batch > 1 {
                        add_scaled(
                            &mut open[k * (batch - 1)..][..batch - 1],
                            *weight,
                            levels.cells(of, i, k),
                        );
                    }
                }
                dispatched[k * batch] = opening[k];
            }
            // F_{j+1} = (F_j - V_j) E, F_0 = I.
            for j in 0..batch - 1 {
                for k in 0..order {
                    let rest = dispatched[k * batch + j] - open[k * (batch - 1) + j];
                    for (l, share) in levels.embedded.row(k).iter().enumerate() {
                        dispatched[l * batch + j + 1] += rest * share;
                    }
                }
            }
        }
        Rows { order, levels: batch - 1, open, dispatched }
    }

    #[inline]
    fn open(&self, node: usize, phase: usize) -> &[f64] {
        &self.open[(node * self.order + phase) * self.levels..][..self.levels]
    }

    /// `alpha V_j e` for all levels.
    fn left(&self, node: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.levels];
        (0..self.order).for_each(|k| add_scaled(&mut sum, 1.0, self.open(node, k)));
        sum
    }

    /// `alpha F_j`.
    fn dispatched(&self, node: usize, j: usize) -> Vec<f64> {
        let batch = self.levels + 1;
        (0..self.order).map(|k| self.dispatched[(node * self.order + k) * batch + j]).collect()
    }
}

/// G_n at each node, for n from 1 to the batch size, where batches of n have the share `share[n - 1]`.
fn waits(levels: &Table, opening: &[f64], share: &[f64]) -> Vec<Vec<f64>> {
    let (nodes, batch) = (levels.mesh.nodes(), share.len());
    let rows = Rows::new(levels, batch, opening, 0..=nodes - 1);
    let mut waits = vec![vec![0.0; nodes]; batch];
    let mut timed_out = vec![0.0; batch - 1];
    let all = levels.batch - 1;
    for node in 0..nodes {
        let mirrored = nodes - 1 - node;
        timed_out.fill(0.0);
        let mut density = 0.0;
        for k in 0..levels.order {
            // j of the n - 1 followers come after T - w: the sum over j of j alpha V_{n-1-j}(T - w) V_j(w) e.
            let open = rows.open(mirrored, k);
            let counted = &levels.counted[(node * levels.order + k) * all..][..batch - 1];
            for (j, weight) in counted.iter().enumerate() {
                add_scaled(&mut timed_out[j..], *weight, open);
            }
            // The density of full batches: the sum over i of alpha F_i(T - w) V_{B-2-i}(w) D1 e.
            let dispatched = &rows.dispatched[(mirrored * levels.order + k) * batch..][..batch - 1];
            let hazard = &levels.hazard[(node * levels.order + k) * all..][..batch - 1];
            density += dispatched.iter().zip(hazard.iter().rev()).map(|(f, h)| f * h).sum::<f64>();
        }
        for (values, wait) in waits.iter_mut().zip(&timed_out) {
            values[node] = *wait;
        }
        waits[batch - 1][node] = density;
    }
    integrate(&levels.mesh.bounds, share[batch - 1], &mut waits[batch - 1]);
    waits
}

/// Turns the density at the nodes into the integral from 0, beginning with `from`.
pub(super) fn integrate(bounds: &[f64], from: f64, values: &mut [f64]) {
    let mut start = from;
    let mut density: [f64; DEGREE + 1] = [0.0; DEGREE + 1];
    for (panel, ends) in bounds.windows(2).enumerate() {
        let first = density[DEGREE];
        let values = &mut values[panel * DEGREE..][..=DEGREE];
        density.copy_from_slice(values);
        if panel > 0 {
            density[0] = first;
        }
        for (value, weights) in values.iter_mut().zip(&PANEL.integral) {
            *value = start + (ends[1] - ends[0]) * dot(weights, &density);
        }
        start = values[DEGREE];
    }
    if bounds.len() == 1 {
        values[0] = from;
    }
}
