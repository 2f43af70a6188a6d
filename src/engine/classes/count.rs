//! Counts what happened to each class: latencies against its own objective, and its part of the bill.

use super::{ClassObserver, Members};
use crate::engine::observer::{Observer, StartedBatch};
use crate::engine::recorder::{MOST_REQUESTS, Record, Recorder, Rules, Slice};
use crate::price::Tariff;
use crate::price::billing::BillingRule;
use crate::units::{Span, Time};

/// What is counted, and how.
#[derive(Debug, Clone)]
pub struct ClassRules {
    /// The bill of an invocation.
    pub billing: BillingRule,
    /// Of each class, requests that take longer are counted.
    pub slo: Vec<Span>,
    /// Batches that start before this are left out.
    pub warmup: Time,
    /// The sizes of requests, ascending; none where they have none.
    pub sizes: Vec<f64>,
}

/// The observer that counts by class, and passes every batch on to one that knows no classes.
#[derive(Debug)]
pub struct ClassRecorder<'a, O> {
    rules: ClassRules,
    all: Recorder,
    classes: Vec<Recorder>,
    charged: Vec<Charged>,
    padding: Vec<f64>,
    /// The arrivals of each class in the batch at hand.
    apart: Vec<Vec<Time>>,
    watched: &'a mut O,
}

/// What a replay left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassRecord {
    /// All requests together.
    pub all: Record,
    /// Of each class its requests, and in how many batches they were.
    pub classes: Vec<Record>,
    /// What each class pays for.
    pub charged: Vec<Charged>,
    /// What the requests of each class are padded by, all together.
    pub padding: Vec<f64>,
}

/// What a class pays for. The members of a batch share its price equally: sums are kept whole by the size of the batch
/// and divided by it once, at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charged {
    /// At `n - 1`: members in batches of n, and their number times the billed memory-time [MB ms].
    by_size: Vec<(u64, u128)>,
}

impl Charged {
    /// By size of the batch: so many members, and the bill [MB ms] of a batch.
    pub(in crate::engine) fn of(members: &[u64], mb_ms: &[u64]) -> Charged {
        let largest = members.iter().rposition(|count| *count > 0).map_or(0, |largest| largest + 1);
        let sum = |(count, bill): (&u64, &u64)| (*count, u128::from(*count) * u128::from(*bill));
        Charged { by_size: members[..largest].iter().zip(mb_ms).map(sum).collect() }
    }

    fn add(&mut self, size: usize, members: u64, mb_ms: u64) {
        if self.by_size.len() < size {
            self.by_size.resize(size, (0, 0));
        }
        let (count, sum) = &mut self.by_size[size - 1];
        *count += members;
        *sum += u128::from(members) * u128::from(mb_ms);
    }

    /// Adds what was charged in another replay.
    pub fn merge(&mut self, other: &Charged) {
        self.by_size.resize(self.by_size.len().max(other.by_size.len()), (0, 0));
        for ((count, sum), (more, mb_ms)) in self.by_size.iter_mut().zip(&other.by_size) {
            *count += more;
            *sum += mb_ms;
        }
    }

    /// The price [$] where a batch of n costs `price(n)`.
    pub fn usd(&self, price: impl Fn(u32) -> f64) -> f64 {
        let part = |((count, _), n): (&(u64, u128), u32)| match count {
            0 => 0.0,
            count => *count as f64 / f64::from(n) * price(n),
        };
        self.by_size.iter().zip(1..).map(part).sum()
    }

    /// The price [$]: the first tier, nothing free.
    pub fn marginal_usd(&self, tariff: &Tariff) -> f64 {
        let part = |((count, mb_ms), n): (&(u64, u128), u32)| {
            tariff.marginal_usd(*mb_ms as f64, *count as f64) / f64::from(n)
        };
        self.by_size.iter().zip(1..).map(part).sum()
    }
}

impl<'a, O: Observer> ClassRecorder<'a, O> {
    /// A recorder that has seen nothing.
    pub fn new(rules: ClassRules, watched: &'a mut O) -> Self {
        let ClassRules { billing, warmup, .. } = rules;
        let recorder = |slo: Span| Recorder::new(Rules { billing, slo, warmup, stretch: MOST_REQUESTS });
        ClassRecorder {
            all: recorder(Span::MAX),
            classes: rules.slo.iter().map(|slo| recorder(*slo)).collect(),
            charged: vec![Charged::default(); rules.slo.len()],
            padding: vec![0.0; rules.slo.len()],
            apart: vec![Vec::new(); rules.slo.len()],
            rules,
            watched,
        }
    }

    /// Closes the books.
    pub fn into_record(self) -> ClassRecord {
        ClassRecord {
            all: self.all.into_record(),
            classes: self.classes.into_iter().map(of_class).collect(),
            charged: self.charged,
            padding: self.padding,
        }
    }

    fn part(&mut self, members: &Members) {
        self.apart.iter_mut().for_each(Vec::clear);
        for (at, class) in members.arrivals.iter().zip(&members.classes) {
            self.apart[usize::from(*class) / self.rules.sizes.len().max(1)].push(*at);
        }
    }

    /// Counts what the members of a batch are padded by to the largest of them.
    fn pad(&mut self, members: &Members) {
        let sizes = &self.rules.sizes;
        let size = |mark: &u16| sizes[usize::from(*mark) % sizes.len()];
        let largest = members.classes.iter().map(size).fold(0.0, f64::max);
        for mark in &members.classes {
            self.padding[usize::from(*mark) / sizes.len()] += largest - size(mark);
        }
    }
}

/// What a replay left behind of a class: of its requests only. Batches are of all classes, and its hours are nowhere shown.
fn of_class(recorder: Recorder) -> Record {
    let record = recorder.into_record();
    let own = |slice: Slice| Slice { tally: slice.tally.of_requests(), ..slice };
    Record {
        total: own(record.total),
        hours: Vec::new(),
        slices: record.slices.into_iter().map(own).collect(),
        sizes: Vec::new(),
        ..record
    }
}

impl<O: Observer> ClassObserver for ClassRecorder<'_, O> {
    fn started(&mut self, batch: &StartedBatch, members: &Members) {
        self.watched.started(batch, &members.arrivals);
        self.all.started(batch, &members.arrivals);
        self.part(members);
        let counts = batch.started >= self.rules.warmup;
        if counts && !self.rules.sizes.is_empty() {
            self.pad(members);
        }
        let billed = self.rules.billing.bill(batch.memory, batch.init, batch.service).total;
        for (class, arrivals) in self.apart.iter().enumerate().filter(|(_, arrivals)| !arrivals.is_empty()) {
            self.classes[class].started(batch, arrivals);
            if counts {
                self.charged[class].add(members.arrivals.len(), arrivals.len() as u64, billed);
            }
        }
    }

    fn rejected(&mut self, now: Time, attempts: u32, members: &Members) {
        self.watched.rejected(now, attempts, &members.arrivals);
        self.all.rejected(now, attempts, &members.arrivals);
        self.part(members);
        for (class, arrivals) in self.apart.iter().enumerate().filter(|(_, arrivals)| !arrivals.is_empty()) {
            self.classes[class].rejected(now, attempts, arrivals);
        }
    }
}
