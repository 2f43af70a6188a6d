//! The second layer: the batch size and the waits of one batch size and timeout.

use std::sync::{Arc, OnceLock};

use super::filling::Filling;
use super::levels::{FIRST_LEVELS, Levels, Mesh, Table};
use super::nodes::Nodes;
use crate::analytic::counting::add_scaled;
use crate::numeric::chebyshev::{DEGREE, NODES, PANEL};
use crate::numeric::matrix::{Matrix, dot};

/// The law of the batch size and of the waits in the buffer, for one arrival process, batch size and timeout.
///
/// The waits take most of the time, and what a request costs does not ask for them: those in batches of one size are worked
/// out when first looked at, and the laws of all batch sizes share them.
#[derive(Debug, Clone)]
pub struct BatchLaw {
    /// `share[n - 1]`: the share of batches that leave with n requests.
    share: Vec<f64>,
    /// `charged[n - 1]`: batches of n that these requests pay for, by batch; of all requests, the share itself.
    charged: Vec<f64>,
    /// `requests[n - 1]`: these requests in batches of n, by batch.
    requests: Vec<f64>,
    /// Their sum.
    mean: f64,
    /// The longest wait \[s\].
    horizon: f64,
    waits: Waits,
}

/// Where fewer batches than this share are not full, all are taken as full.
const NOT_FULL: f64 = 1e-10;
/// A share of the requests below this is nothing.
const NOTHING: f64 = 1e-18;

/// G_n at the nodes of a mesh, before the jump at the horizon.
#[derive(Debug, Clone)]
enum Waits {
    /// At `n - 1`.
    Given(Mesh, Vec<Vec<f64>>),
    /// Of a class: a sum over what all classes share.
    Shared(Mesh, ClassWaits),
    /// They follow from the counts of arrivals and the phase just after the request that opens a batch.
    Following {
        levels: Arc<Table>,
        phase: Vec<f64>,
        /// Seconds waited by batch, by all its requests.
        waited: f64,
        /// In full batches, by panel.
        full: OnceLock<Vec<OnceLock<[f64; NODES]>>>,
        /// The same where there are no others: then no pairs of times are needed.
        filling: Option<OnceLock<Filling>>,
    },
}

/// G_n of one of several classes at the nodes of its mesh, where that of the others begins too. Every class is the same few
/// functions, each times a number of its own: so they are held once, however many classes there are.
#[derive(Debug, Clone)]
pub(super) struct ClassWaits {
    /// `[function][n - 1][node]`.
    pub functions: Arc<Vec<Vec<Vec<f64>>>>,
    /// By function.
    pub weights: Vec<f64>,
    /// Those who fill a batch, and do not wait.
    pub filling: f64,
}

impl ClassWaits {
    /// G_n at some nodes, from the first of them on, of batches of up to `batch`.
    #[inline]
    pub fn write(&self, (n, batch): (usize, usize), first: usize, to: &mut [f64]) {
        to.fill(if n == batch { self.filling } else { 0.0 });
        for (weight, function) in self.weights.iter().zip(self.functions.iter()) {
            add_scaled(to, *weight, &function[n - 1][first..]);
        }
    }
}

impl BatchLaw {
    /// The law for batches of up to `batch`. Panics unless `1 <= batch <= levels`' largest.
    pub fn new(levels: &Levels, batch: u32) -> BatchLaw {
        let (levels, batch) = (&levels.table, batch as usize);
        assert!((1..=levels.batch).contains(&batch), "the levels serve batches of 1 to {}", levels.batch);
        let phase = opening_phase(levels, batch);
        let (mut share, waited) = sizes(levels, batch, &phase);
        let total: f64 = share.iter().sum();
        share.iter_mut().for_each(|p| *p /= total);
        let mean = share.iter().zip(1..).map(|(p, n)| p * f64::from(n)).sum();
        let mut requests: Vec<f64> = share.iter().enumerate().map(|(at, p)| (at + 1) as f64 * p).collect();
        // Small batches share a table that takes no longer.
        let fills = batch > FIRST_LEVELS
            && share[..batch - 1].iter().sum::<f64>() < NOT_FULL
            && Filling::is_quick(&levels.map, batch, levels.horizon);
        if fills {
            requests.fill(0.0);
            requests[batch - 1] = mean;
        }
        let filling = fills.then(OnceLock::new);
        let (levels, horizon, full) = (levels.clone(), levels.horizon, OnceLock::new());
        let waits = Waits::Following { levels, phase, waited: waited / total, full, filling };
        BatchLaw { charged: share.clone(), share, requests, mean, horizon, waits }
    }

    /// The law of one of the classes that share the batches: `mean` of its requests a batch, of whose waits `waits[n - 1]`
    /// is the law in batches of n at the nodes of `bounds`, and `requests[n - 1]` the whole.
    pub(super) fn of_class(
        share: &[f64],
        requests: Vec<f64>,
        bounds: Vec<f64>,
        waits: Vec<Vec<f64>>,
    ) -> BatchLaw {
        BatchLaw::waiting(share, requests, Waits::Given(Mesh { bounds }, waits))
    }

    /// The same of waits that follow from what all classes share.
    pub(super) fn among_classes(
        share: &[f64],
        requests: Vec<f64>,
        bounds: Vec<f64>,
        waits: ClassWaits,
    ) -> BatchLaw {
        BatchLaw::waiting(share, requests, Waits::Shared(Mesh { bounds }, waits))
    }

    fn waiting(share: &[f64], requests: Vec<f64>, waits: Waits) -> BatchLaw {
        let charged = requests.iter().enumerate().map(|(at, some)| some / (at + 1) as f64).collect();
        let mean = requests.iter().sum();
        let horizon = match &waits {
            Waits::Given(mesh, _) | Waits::Shared(mesh, _) => mesh.horizon(),
            Waits::Following { levels, .. } => levels.horizon,
        };
        BatchLaw { share: share.to_vec(), charged, requests, mean, horizon, waits }
    }

    /// The mesh at whose nodes G_n is known.
    #[inline]
    fn mesh(&self, n: usize) -> &Mesh {
        match &self.waits {
            Waits::Given(mesh, _) | Waits::Shared(mesh, _) => mesh,
            Waits::Following { levels, .. } => &self.nodes(levels, n).mesh,
        }
    }

    #[inline]
    fn nodes<'a>(&self, levels: &'a Table, n: usize) -> &'a Nodes {
        levels.nodes_for(n.min(self.share.len() - 1))
    }

    /// G_n at the nodes of a panel; without one, at the one node, which comes first.
    #[inline]
    fn panel(&self, n: usize, panel: usize) -> [f64; NODES] {
        let mut values = [0.0; NODES];
        match &self.waits {
            Waits::Given(_, rows) => {
                let row = &rows[n - 1][panel * DEGREE..];
                values.iter_mut().zip(row).for_each(|(value, given)| *value = *given);
            }
            Waits::Shared(mesh, waits) => {
                let nodes = if mesh.bounds.len() == 1 { 1 } else { NODES };
                waits.write((n, self.share.len()), panel * DEGREE, &mut values[..nodes]);
            }
            Waits::Following { levels, phase, full, .. } if n == self.share.len() => {
                let nodes = self.nodes(levels, n);
                let panels = full.get_or_init(|| nodes.by_panel());
                values = *panels[panel].get_or_init(|| nodes.full(n, phase, panel));
            }
            Waits::Following { levels, phase, .. } => {
                let rows = self.nodes(levels, n).timed_out(n, panel);
                for (weight, row) in phase.iter().zip(rows.chunks_exact(rows.len() / phase.len())) {
                    values.iter_mut().zip(row).for_each(|(value, other)| *value += weight * other);
                }
            }
        }
        values
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
        self.waited() / self.mean
    }

    /// The share of requests that wait at most `wait` \[s\].
    pub fn wait_cdf(&self, wait: f64) -> f64 {
        if wait < 0.0 {
            return 0.0;
        }
        let within = |n| if wait >= self.horizon() { self.requests(n) } else { self.within(n, wait) };
        (1..=self.share.len()).filter(|n| self.is_something(*n)).map(within).sum::<f64>() / self.mean
    }

    /// The longest wait [s]: the timeout, or less where a batch is always full by then.
    #[inline]
    pub(super) fn horizon(&self) -> f64 {
        self.horizon
    }

    /// Where pieces of G_n meet [s]; between them it is smooth.
    pub(super) fn bounds(&self, n: usize) -> &[f64] {
        &self.mesh(n).bounds
    }

    /// Requests per batch that are in a batch of n; of all, `n p_n`.
    #[inline]
    pub(super) fn requests(&self, n: usize) -> f64 {
        self.requests[n - 1]
    }

    /// Are there so many requests in batches of n that a share could show them? The waits of others are not asked for.
    #[inline]
    pub(super) fn is_something(&self, n: usize) -> bool {
        self.requests[n - 1] > NOTHING * self.mean
    }

    /// Those in batches of each size, at `n - 1`.
    #[inline]
    pub(super) fn all_requests(&self) -> &[f64] {
        &self.requests
    }

    /// G_n(wait): requests per batch that are in a batch of n and wait at most `wait`, for `wait` in
    /// [0, horizon]; at the horizon, the limit from below.
    #[inline]
    pub(super) fn within(&self, n: usize, wait: f64) -> f64 {
        if let Waits::Following { levels, phase, filling: Some(filling), .. } = &self.waits
            && n == self.share.len()
        {
            let filling = filling.get_or_init(|| Filling::new(&levels.map, n, phase, self.horizon));
            return self.of_full(filling.within(wait));
        }
        self.between(n, wait)
    }

    /// Requests per batch, of so many in a batch that is full, where all are.
    fn of_full(&self, within: f64) -> f64 {
        let n = self.share.len();
        (self.mean / n as f64 * within).clamp(0.0, self.requests(n))
    }

    /// Those in full batches, as far as they are known without the walk from node to node that all other sizes need: by
    /// themselves, to within about 1e-8. None where that takes as long.
    pub(super) fn full_within(&self, wait: f64) -> Option<f64> {
        let n = self.share.len();
        let Waits::Following { levels, phase, filling, .. } = &self.waits else { return None };
        if let Some(filling) = filling {
            let within = match filling.get() {
                Some(filling) => filling.within(wait),
                None => Filling::once(&levels.map, n, phase, wait),
            };
            return Some(self.of_full(within));
        }
        if n <= FIRST_LEVELS || levels.has_nodes_for(n - 1) {
            return None;
        }
        let pair = Nodes::pair(&levels.map, n - 1, [wait, self.horizon - wait]);
        Some(pair.full(n, phase, 0)[0].clamp(0.0, self.requests(n)))
    }

    /// As [`BatchLaw::within`], by what is known at the nodes of panels: smooth between [`BatchLaw::bounds`].
    #[inline]
    pub(super) fn between(&self, n: usize, wait: f64) -> f64 {
        let mesh = self.mesh(n);
        if mesh.bounds.len() == 1 {
            return self.panel(n, 0)[0];
        }
        self.within_all(n, mesh.panel(wait), [wait])[0]
    }

    /// The same for waits of one panel.
    #[inline]
    pub(super) fn within_all<const N: usize>(&self, n: usize, panel: usize, waits: [f64; N]) -> [f64; N] {
        let mesh = self.mesh(n);
        let at = waits.map(|wait| mesh.place(panel, wait));
        PANEL.interpolate(&self.panel(n, panel), at).map(|value| value.clamp(0.0, self.requests(n)))
    }

    /// Seconds waited per batch: the integral of `n p_n - G_n`, summed over n.
    pub(super) fn waited(&self) -> f64 {
        match self.waits {
            Waits::Following { waited, .. } => waited,
            Waits::Given(..) | Waits::Shared(..) => (1..=self.share.len()).map(|n| self.waited_in(n)).sum(),
        }
    }

    /// Of those in a batch of n.
    fn waited_in(&self, n: usize) -> f64 {
        let all = self.requests(n);
        let panels = self.mesh(n).bounds.windows(2).enumerate();
        panels
            .map(|(panel, ends)| {
                let values = self.panel(n, panel);
                let mean: f64 = PANEL.integral[DEGREE].iter().zip(&values).map(|(w, g)| w * (all - g)).sum();
                (ends[1] - ends[0]) * mean
            })
            .sum()
    }
}

/// The phase just after the request that opens a batch: stationary under
/// `(sum of V_j(T), j < B - 1, plus F_{B-1}(T)) E`.
fn opening_phase(levels: &Table, batch: usize) -> Vec<f64> {
    let order = levels.order;
    let rows: Vec<Vec<f64>> = (0..order)
        .map(|i| {
            let mut sum = vec![0.0; order];
            let mut dispatched: Vec<f64> = (0..order).map(|k| f64::from(u8::from(i == k))).collect();
            let mut next = dispatched.clone();
            for j in 0..batch - 1 {
                for k in 0..order {
                    let open = levels.end(i, k)[j];
                    sum[k] += open;
                    dispatched[k] -= open;
                }
                levels.embedded.left_into(&dispatched, &mut next);
                std::mem::swap(&mut dispatched, &mut next);
            }
            sum.iter().zip(&dispatched).map(|(a, b)| (a + b).max(0.0)).collect()
        })
        .collect();
    let after = Matrix::from_rows(&rows).expect("square");
    (&after * &levels.embedded).stationary().expect("a MAP has one closed class of phases")
}

/// How many batches leave with n requests, at `n - 1`, of those that open in the phases `opening`; and the seconds waited
/// by all requests of a batch: while j followers are there, j + 1 wait. The mean time with j of them is
/// `alpha (F_j - V_j) (-D0)^-1 e`.
fn sizes(levels: &Table, batch: usize, opening: &[f64]) -> (Vec<f64>, f64) {
    let order = levels.order;
    // By phase: `alpha V_j`, `j < batch - 1`.
    let open = |k: usize| {
        let mut open = vec![0.0; batch - 1];
        (0..order).for_each(|i| add_scaled(&mut open, opening[i], levels.end(i, k)));
        open
    };
    let open: Vec<Vec<f64>> = (0..order).map(open).collect();
    let mut sizes = vec![0.0; batch - 1];
    open.iter().for_each(|open| add_scaled(&mut sizes, 1.0, open));
    // What is left over fills the batch: F_{j+1} = (F_j - V_j) E, F_0 = I; F_j is the phase at the j-th arrival.
    let (mut dispatched, mut rest, mut waited) = (opening.to_vec(), opening.to_vec(), 0.0);
    for j in 0..batch - 1 {
        rest.iter_mut().zip(&dispatched).zip(&open).for_each(|((rest, f), open)| *rest = f - open[j]);
        waited += (j + 1) as f64 * dot(&rest, &levels.idle);
        levels.embedded.left_into(&rest, &mut dispatched);
    }
    sizes.push(dispatched.iter().sum::<f64>().max(0.0));
    (sizes, waited)
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
