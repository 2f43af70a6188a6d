//! Several classes in one buffer whose requests have sizes: a batch is padded to the largest of its members.
//!
//! For each size y the process is looked at in which only requests up to y come, and which ends with the first that is
//! larger: D0 and the phase at departure stay, each class's arrivals are thinned. What it does is what batches do whose
//! largest member is at most y. Differences between neighbouring sizes are batches whose largest member is of that size.

use super::batches::BatchLaw;
use super::latency::LatencyLaw;
use super::shared::{View, Waits};
use super::stages::{SharedSizes, Stages};
use super::variation::Variation;
use crate::arrivals::marked::MarkedMap;
use crate::units::Span;

/// The law of the waits of each class by the largest size in the batch, and of the batches.
#[derive(Debug, Clone)]
pub struct SizedLaw {
    sizes: SharedSizes,
    /// By size: each class in batches that have it for the largest.
    by_largest: Vec<Vec<BatchLaw>>,
}

/// The batches alone: how many there are of each size by the largest request in them. All closed forms.
#[derive(Debug, Clone, PartialEq)]
pub struct SizedBatches {
    joint: Vec<Vec<f64>>,
    mean: f64,
}

impl SizedBatches {
    /// As [`SizedLaw::new`].
    pub fn new(map: &MarkedMap, waits: &[Span], batch: u32, up_to: &[Vec<f64>]) -> SizedBatches {
        let stages = Stages::quick(map, waits, batch);
        let left = stages.left();
        let mean = SharedSizes::of(&stages, &stages.entries(&left)).mean_batch();
        let mut before = vec![0.0; batch as usize];
        let mut joint = Vec::new();
        for row in up_to {
            let thinned = Stages::thinned(map, waits, batch, row);
            let batches = thinned.batches(&thinned.entries(&left));
            joint.push(batches.iter().zip(&before).map(|(to, from)| (to - from).max(0.0)).collect());
            before = batches;
        }
        SizedBatches { joint, mean }
    }

    /// By size: the share of all batches that are of n and have it for the largest, at `n - 1`.
    pub fn joint(&self) -> &[Vec<f64>] {
        &self.joint
    }

    /// The expected share of a request in what its batch costs; a batch of n whose largest is of the i-th size costs
    /// `cost(i, n)`.
    pub fn per_request(&self, cost: impl Fn(usize, u32) -> f64) -> f64 {
        let of = |(at, batches): (usize, &Vec<f64>)| {
            batches.iter().zip(1..).map(|(share, n)| share * cost(at, n)).sum::<f64>()
        };
        self.joint.iter().enumerate().map(of).sum::<f64>() / self.mean
    }
}

/// Of a class: requests by batch, and G_{k,n} at the nodes, in batches up to a size.
type UpTo = (Vec<f64>, Vec<Vec<f64>>);

impl SizedLaw {
    /// The law for batches of up to `batch` where a request of class k waits at most `waits[k]` and is of the i-th size or a
    /// smaller one with probability `up_to[i][k]`, independently of everything.
    ///
    /// Panics unless there is a wait for each class, `batch` is at least 1 and the last row of `up_to` is all ones.
    pub fn new(map: &MarkedMap, waits: &[Span], batch: u32, up_to: &[Vec<f64>]) -> SizedLaw {
        let last = up_to.last().expect("at least one size");
        assert!(last.iter().all(|share| *share == 1.0), "no request is larger than the largest size");
        let stages = Stages::new(map, waits, batch);
        let left = stages.left();
        let entries = stages.entries(&left);
        let sizes = SharedSizes::of(&stages, &entries);
        let whole = Waits::run(View { stages: &stages, entries: &entries }, None);
        let classes = stages.given.len();
        let mut before: Vec<UpTo> = Vec::new();
        let joint = SizedBatches::new(map, waits, batch, up_to).joint;
        let mut by_largest = Vec::new();
        for (row, share) in up_to.iter().zip(&joint) {
            let thinned = Stages::thinned(map, waits, batch, row);
            let entries = thinned.entries(&left);
            let found = Waits::run(View { stages: &thinned, entries: &entries }, Some(whole.meshes()));
            let now: Vec<UpTo> = (0..classes).map(|class| found.of_class(class)).collect();
            let mut laws: Vec<(usize, BatchLaw)> = Vec::new();
            for (class, up_to) in now.iter().enumerate() {
                let (requests, values) = difference(up_to, before.get(class));
                let law = BatchLaw::of_class(share, requests, whole.bounds(class), values);
                laws.push((stages.given[class], law));
            }
            laws.sort_by_key(|(given, _)| *given);
            by_largest.push(laws.into_iter().map(|(_, law)| law).collect());
            before = now;
        }
        SizedLaw { sizes, by_largest }
    }

    /// The batches.
    pub fn sizes(&self) -> &SharedSizes {
        &self.sizes
    }

    /// The latency of a class where a batch of n whose largest member is of the i-th size takes `service[i][n - 1]` \[s\]
    /// in the mean and varies as told.
    pub fn latency<'a>(
        &'a self,
        class: usize,
        service: &'a [Vec<f64>],
        variation: &'a [Variation],
    ) -> LatencyLaw<'a> {
        let parts = self.by_largest.iter().zip(service.iter().zip(variation));
        let some = parts.filter(|(classes, _)| classes[class].mean_batch() > NOTHING);
        let part = |(classes, (service, variation)): (&'a Vec<BatchLaw>, (&'a Vec<f64>, &'a Variation))| {
            (classes[class].mean_batch(), LatencyLaw::varied(&classes[class], service, variation))
        };
        LatencyLaw::mixture(some.map(part).collect())
    }

    /// The mean size to which a class's requests are padded; the i-th size is `sizes[i]`.
    pub fn padded(&self, class: usize, sizes: &[f64]) -> f64 {
        let requests: Vec<f64> = self.by_largest.iter().map(|classes| classes[class].mean_batch()).collect();
        let total: f64 = requests.iter().sum();
        requests.iter().zip(sizes).map(|(some, size)| some / total * size).sum()
    }
}

/// Requests by batch below this are nothing.
const NOTHING: f64 = 1e-15;

/// What is in batches up to a size and not in those up to the one before.
fn difference((requests, values): &UpTo, before: Option<&UpTo>) -> UpTo {
    let Some((fewer, lower)) = before else {
        // Rounding may leave less than nothing of a size that hardly comes.
        return (requests.iter().map(|some| some.max(0.0)).collect(), values.clone());
    };
    let less =
        |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| (a - b).max(0.0)).collect() };
    (less(requests, fewer), values.iter().zip(lower).map(|(a, b)| less(a, b)).collect())
}
