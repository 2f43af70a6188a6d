//! What the classes of a group have to spare at some longest waits.

use super::place::Place;
use crate::analytic::exact::{SharedLimits, Variation};
use crate::planner::shared::GroupLaws;

/// What a share may lack for rounding.
const ROUNDING: f64 = 1e-12;

/// What a place gives its classes at some longest waits.
pub(super) struct Judge<'a> {
    pub place: &'a Place<'a>,
    pub laws: Judged,
}

pub(super) enum Judged {
    /// A batch of n takes the time at `n - 1` \[s\]: a request is over if it waits longer than that leaves.
    Fixed(Vec<SharedLimits>, Vec<f64>),
    /// By the size of the largest request: a law whose times vary, or depend on that size.
    Whole(GroupLaws, Vec<Vec<f64>>, Vec<Variation>),
}

impl Judge<'_> {
    /// The share of a class's requests that may still be over its latency.
    pub fn spare(&self, class: usize) -> f64 {
        let over = match &self.laws {
            Judged::Fixed(laws, times) => {
                let limits = self.limits(class, times);
                self.mixed(class, laws, |law| law.share_over(class, &limits))
            }
            Judged::Whole(laws, service, variation) => {
                let latency = self.place.group.slo[class].latency;
                laws.latency(class, service, variation).share_over(latency.as_secs_f64())
            }
        };
        self.left(class, over)
    }

    /// The least of all classes, and whose it is. Who may have least to spare comes first; few others can have less.
    pub fn least(&self) -> (f64, usize) {
        let classes = 0..self.place.group.slo.len();
        let at_least = |class: usize| match &self.laws {
            Judged::Fixed(laws, times) => {
                let limits = self.limits(class, times);
                self.left(class, self.mixed(class, laws, |law| law.share_over_at_most(class, &limits)))
            }
            Judged::Whole(..) => f64::NEG_INFINITY,
        };
        let mut order: Vec<(f64, usize)> = classes.map(|class| (at_least(class), class)).collect();
        order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut least = (f64::INFINITY, 0);
        for (at_least, class) in order {
            if at_least >= least.0 {
                break;
            }
            let spare = self.spare(class);
            if spare < least.0 {
                least = (spare, class);
            }
        }
        least
    }

    fn left(&self, class: usize, over: f64) -> f64 {
        self.place.group.slo[class].allowed() - over + ROUNDING
    }

    /// What a request may wait in a batch of n, at `n - 1` \[s\].
    fn limits(&self, class: usize, times: &[f64]) -> Vec<f64> {
        let latency = self.place.group.slo[class].latency.as_secs_f64();
        times.iter().map(|time| latency - time).collect()
    }

    fn mixed(&self, class: usize, laws: &[SharedLimits], of: impl Fn(&SharedLimits) -> f64) -> f64 {
        self.place.group.weights(class).iter().zip(laws).map(|(weight, law)| weight * of(law)).sum()
    }
}
