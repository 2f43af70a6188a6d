//! One group of classes at one memory size and largest batch: what it costs, and how long its classes may wait.

use super::choice::{Function, GroupChoice, SizeTimes};
use super::judge::{Judge, Judged};
use crate::analytic::exact::{SharedLimits, SharedSizes, SizedBatches};
use crate::numeric::bracket::{crossing, crossing_between};
use crate::planner::shared::{GroupLaws, MarkedPart};
use crate::profile::device::Size;
use crate::scenario::class::ClassSlo;
use crate::units::Span;

/// Longest waits are found to this [s].
const TOLERANCE: f64 = 1e-5;
/// A longest wait is raised by up to so many times the latency that is asked for.
const FARTHEST: f64 = 2.0;
/// What costs as much as what is to beat is found to one part in so many of the times that may be left.
const COARSE: f64 = 64.0;
/// What a share may lack for rounding.
const ROUNDING: f64 = 1e-12;

/// What is asked of a group.
pub(super) struct Asked {
    pub(super) members: Vec<usize>,
    pub(super) parts: Vec<MarkedPart>,
    /// Of each part, the requests of each class by second.
    pub(super) rates: Vec<Vec<f64>>,
    pub(super) slo: Vec<ClassSlo>,
    /// Requests a second.
    pub(super) rate: f64,
    /// Where requests have sizes.
    pub(super) sizes: Option<AskedSizes>,
}

/// The sizes of a group's requests.
pub(super) struct AskedSizes {
    /// By size and member: the share of its requests that are of this or a smaller one.
    pub(super) up_to: Vec<Vec<f64>>,
    /// By member and size: requests a second.
    pub(super) rates: Vec<Vec<f64>>,
}

/// A group at one memory size and largest batch.
pub(super) struct Place<'a> {
    pub(super) function: &'a Function,
    pub(super) batch: u32,
    pub(super) group: &'a Asked,
    /// A cost [$/s] that it cannot be below: every batch would be of the size that is cheapest by request.
    pub(super) floor: f64,
}

/// A cost [$/s] that no batches of up to `batch` are below: each request is in the cheapest batch that its size may be in.
fn floor_of_sizes(sizes: &AskedSizes, times: &[SizeTimes], batch: u32) -> f64 {
    let cheapest = |times: &SizeTimes| {
        let by_request = times.cost[..batch as usize].iter().zip(1..).map(|(cost, n)| cost / f64::from(n));
        by_request.fold(f64::INFINITY, f64::min)
    };
    let mut least: Vec<f64> = times.iter().map(cheapest).collect();
    // The largest of a batch is of a request's own size or a larger one.
    for at in (0..least.len() - 1).rev() {
        least[at] = least[at].min(least[at + 1]);
    }
    let of = |rates: &Vec<f64>| rates.iter().zip(&least).map(|(rate, cost)| rate * cost).sum::<f64>();
    sizes.rates.iter().map(of).sum()
}

impl Asked {
    /// May no request of any class be over?
    pub(super) fn is_sure(&self) -> bool {
        self.slo.iter().all(|slo| slo.percentile >= 1.0)
    }

    /// The share of a class's requests that come in a part, of each part.
    pub(super) fn weights(&self, class: usize) -> Vec<f64> {
        let requests = self.parts.iter().zip(&self.rates).map(|(part, rates)| part.duration * rates[class]);
        let requests: Vec<f64> = requests.collect();
        let total: f64 = requests.iter().sum();
        requests.iter().map(|some| some / total).collect()
    }
}

impl<'a> Place<'a> {
    pub(super) fn new(function: &'a Function, batch: u32, group: &'a Asked) -> Place<'a> {
        let by_request = function.cost[..batch as usize].iter().zip(1..).map(|(cost, n)| cost / f64::from(n));
        let floor = match &group.sizes {
            None => group.rate * by_request.fold(f64::INFINITY, f64::min),
            Some(sizes) => floor_of_sizes(sizes, &function.by_size, batch),
        };
        // Less what a sum may lack for rounding.
        let floor = floor * (1.0 - ROUNDING);
        Place { function, batch, group, floor }
    }

    pub(super) fn key(&self) -> (Size, u32) {
        (self.function.size, self.batch)
    }

    pub(super) fn choice(&self, longest_wait: Vec<Span>, usd_per_s: f64) -> GroupChoice {
        let (size, batch) = (self.function.size, self.batch);
        let members = self.group.members.clone();
        // Nobody waits for a batch of one.
        let longest_wait = if batch == 1 { vec![Span::ZERO; members.len()] } else { longest_wait };
        GroupChoice { members, size, batch, longest_wait, usd_per_s }
    }

    /// The expected cost of a second [$].
    pub(super) fn usd_per_s(&self, waits: &[Span]) -> f64 {
        let Asked { parts, rates, .. } = self.group;
        let duration: f64 = parts.iter().map(|part| part.duration).sum();
        let part = |(part, rates): (&MarkedPart, &Vec<f64>)| {
            let rate: f64 = rates.iter().sum();
            let per_request = match &self.group.sizes {
                None => {
                    let sizes = SharedSizes::new(&part.process, waits, self.batch);
                    sizes.per_request(|n| self.function.cost[n as usize - 1])
                }
                Some(sizes) => {
                    let batches = SizedBatches::new(&part.process, waits, self.batch, &sizes.up_to);
                    batches.per_request(|at, n| self.function.by_size[at].cost[n as usize - 1])
                }
            };
            part.duration / duration * rate * per_request
        };
        parts.iter().zip(rates).map(part).sum()
    }

    /// The longest service time of a batch that may come.
    pub(super) fn slowest(&self) -> f64 {
        self.times().flatten().copied().fold(0.0, f64::max)
    }

    pub(super) fn quickest(&self) -> f64 {
        self.times().flatten().copied().fold(f64::INFINITY, f64::min)
    }

    /// The service times of batches that may come, by the size of their largest request.
    pub(super) fn times(&self) -> impl Iterator<Item = &[f64]> {
        let by_size = self.group.sizes.iter().flat_map(|sizes| {
            let comes = |at: &usize| sizes.rates.iter().any(|rates| rates[*at] > 0.0);
            (0..sizes.up_to.len()).filter(comes).map(|at| &self.function.by_size[at].service)
        });
        let plain = Some(&self.function.service).filter(|_| self.group.sizes.is_none());
        by_size.chain(plain).map(|service| &service[..self.batch as usize])
    }

    /// The longest waits that leave `service` for a batch: of a class that may have no request over, the longest service
    /// time; `None` where its latency is shorter.
    pub(super) fn leaving(&self, service: f64) -> Option<Vec<Span>> {
        let wait = |slo: &ClassSlo| {
            let latency = slo.latency.as_secs_f64();
            match slo.percentile >= 1.0 {
                true => Span::from_secs_f64(latency - self.slowest()),
                false => Span::from_secs_f64((latency - service).max(0.0)),
            }
        };
        self.group.slo.iter().map(wait).collect()
    }

    /// Longer waits than these make every batch late that leaves at one of them.
    pub(super) fn longest(&self) -> Option<Vec<Span>> {
        self.leaving(self.quickest())
    }

    /// The longest waits, with one time left for the service in all classes, at which each keeps its objective; `None` if
    /// there are none, or if they cost more than `to_beat` [$/s]. `bound` is the cost of the longest that may do.
    ///
    /// The less time is left, the longer the waits and the lower the cost. So one look at a time that costs a little more
    /// than what is to beat tells whether to look closer.
    pub(super) fn waits(&self, bound: f64, to_beat: f64) -> Option<Vec<Span>> {
        let (low, mut high) = (self.quickest(), self.latest());
        if self.group.is_sure() {
            return self.leaving(low);
        }
        let more = |service: f64| {
            self.leaving(service).map_or(f64::INFINITY, |waits| self.usd_per_s(&waits) - to_beat)
        };
        if to_beat.is_finite() {
            let most = more(high);
            if most > 0.0 {
                let ends = [(low, bound - to_beat), (high, most)];
                high = crossing_between(more, ends, (high - low) / COARSE);
            }
        }
        self.leaving(self.least_left(low, high)?)
    }

    /// The least time left for the service at which every class keeps its objective, up to `high`.
    ///
    /// It is the largest of the classes' own; so one class is followed alone, beginning with the most hurried, and the
    /// others are asked where it ends.
    pub(super) fn least_left(&self, mut low: f64, high: f64) -> Option<f64> {
        let judge = |service: f64| self.leaving(service).map(|waits| self.judge(&waits));
        let last = judge(high)?;
        let hurried = (0..self.group.slo.len()).min_by_key(|class| self.group.slo[*class].latency)?;
        if last.spare(hurried) < 0.0 || last.least().0 < 0.0 {
            return None;
        }
        let mut class = hurried;
        loop {
            let spare = |service: f64| judge(service).map_or(f64::NEG_INFINITY, |judge| judge.spare(class));
            low = crossing_between(spare, [(low, spare(low)), (high, last.spare(class))], TOLERANCE);
            match judge(low)?.least() {
                (spare, _) if spare >= 0.0 => return Some(low),
                (_, other) => class = other,
            }
        }
    }

    /// The most time that is left for the service; a random service time may be longer than its mean.
    pub(super) fn latest(&self) -> f64 {
        match self.function.variation.is_random() {
            true => self.group.slo.iter().map(|slo| slo.latency.as_secs_f64()).fold(self.slowest(), f64::max),
            false => self.slowest(),
        }
    }

    /// The least, over the classes, of the share of its requests that may still be over its latency.
    pub(super) fn spare(&self, waits: &[Span]) -> f64 {
        self.judge(waits).least().0
    }

    pub(super) fn judge(&self, waits: &[Span]) -> Judge<'_> {
        if let Some(sizes) = &self.group.sizes {
            let laws = GroupLaws::sized(&self.group.parts, waits, self.batch, &sizes.up_to);
            let (service, variation) = self
                .function
                .by_size
                .iter()
                .map(|times| (times.service.clone(), times.variation.clone()))
                .unzip();
            return Judge { place: self, laws: Judged::Whole(laws, service, variation) };
        }
        let service = &self.function.service[..self.batch as usize];
        let fixed = service.iter().map(|service| self.function.variation.fixed(*service));
        let laws = match fixed.collect::<Option<Vec<f64>>>() {
            Some(times) => {
                let law = |part: &MarkedPart| SharedLimits::new(&part.process, waits, self.batch);
                Judged::Fixed(self.group.parts.iter().map(law).collect(), times)
            }
            None => {
                let Function { service, variation, .. } = self.function;
                let laws = GroupLaws::new(&self.group.parts, waits, self.batch);
                Judged::Whole(laws, vec![service.clone()], vec![variation.clone()])
            }
        };
        Judge { place: self, laws }
    }

    /// Each longest wait as long as it may be beside the others, that of the least hurried class first.
    pub(super) fn raised(&self, mut waits: Vec<Span>) -> Vec<Span> {
        let mut order: Vec<usize> =
            (0..waits.len()).filter(|at| self.group.slo[*at].percentile < 1.0).collect();
        order.sort_by_key(|at| std::cmp::Reverse(waits[*at]));
        for at in order {
            let from = waits[at].as_secs_f64();
            let to = from + FARTHEST * self.group.slo[at].latency.as_secs_f64();
            let with = |wait: f64| {
                let mut changed = waits.clone();
                changed[at] = Span::from_secs_f64(wait).unwrap_or(waits[at]);
                changed
            };
            // The crossing is found from above: towards shorter waits there is more to spare.
            let shorter = crossing(|less| self.spare(&with(to - less)), 0.0, to - from, TOLERANCE);
            let found = with(to - shorter);
            if self.spare(&found) >= 0.0 {
                waits = found;
            }
        }
        waits
    }
}
