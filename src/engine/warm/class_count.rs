//! Counts blocks of batches of several classes on environments that are always warm.
//!
//! Requests are counted by class only: all together are the sum of the classes.

use super::classes::ClassBuffering;
use super::cut::Batches;
use super::frame::Frame;
use super::running::BusyCount;
use crate::arrivals::class_streams::Request;
use crate::engine::classes::{Charged, ClassRecord, ClassRules};
use crate::engine::recorder::{Hours, MOST_REQUESTS, Record, Slices, Tally};
use crate::numeric::histogram::{Counts, Histogram, Recording};
use crate::units::{Span, Time};

/// Counts batches that start when they leave.
#[derive(Debug)]
pub struct ClassCounter {
    rules: ClassRules,
    /// Service time by size, up to the largest batch.
    service: Vec<Span>,
    /// The bill of a batch by size [MB ms].
    mb_ms: Vec<u64>,
    running: BusyCount,
    frame: Frame,
    /// In the open stretch.
    sizes: Vec<u64>,
    longest_wait: u64,
    classes: Vec<OfClass>,
    latencies: Vec<Recording>,
    hours: Hours,
    /// Of all requests together, without their latencies.
    slices: Slices,
    all_sizes: Vec<u64>,
}

/// What is counted of a class.
#[derive(Debug)]
struct OfClass {
    /// In the open stretch.
    batches: u64,
    latency: u128,
    violations: u64,
    max_latency: u64,
    /// In the whole replay, by size of the batch: its requests.
    charged: Vec<u64>,
    last_finish: Time,
    slices: Slices,
}

/// The requests of a class in the batch at hand; of the size of a line of the cache.
#[derive(Debug)]
#[repr(align(64))]
struct Hand<'a> {
    counts: Counts<'a>,
    slo: u64,
    count: usize,
    latency: u64,
    violations: u64,
    /// The latency of the first; 0 without one.
    longest: u64,
}

impl ClassCounter {
    /// Has counted nothing.
    pub fn new(buffering: &ClassBuffering<'_>) -> ClassCounter {
        let batch = buffering.policy.batch as usize;
        let service = buffering.times.mean[..batch].to_vec();
        let rules = buffering.rules.clone();
        let bill = |service: &Span| rules.billing.bill(buffering.times.memory, Span::ZERO, *service).total;
        ClassCounter {
            mb_ms: service.iter().map(bill).collect(),
            running: BusyCount::new(service.iter().copied().max().unwrap_or_default()),
            frame: Frame::new(rules.warmup, MOST_REQUESTS),
            sizes: vec![0; batch],
            longest_wait: 0,
            classes: rules.slo.iter().map(|_| OfClass::new(batch)).collect(),
            latencies: rules.slo.iter().map(|_| Recording::default()).collect(),
            hours: Hours::default(),
            slices: Slices::default(),
            all_sizes: vec![0; batch],
            rules,
            service,
        }
    }

    /// Counts batches, which come in the order of time.
    pub fn count(&mut self, batches: Batches<'_, Request>) {
        let (skipped, mut rest) = self.frame.warm(batches);
        self.running.skip(skipped, &self.service);
        while let Some(left) = rest.left.first() {
            if self.frame.is_over(*left) {
                self.close();
                self.frame.open(*left);
            }
            let now = self.frame.take(&mut rest);
            self.count_within(now);
        }
    }

    /// Counts batches of the open stretch.
    fn count_within(&mut self, batches: Batches<'_, Request>) {
        let (service, sizes, classes) = (&*self.service, &mut *self.sizes, &mut *self.classes);
        let recordings = self.latencies.iter_mut().zip(&self.rules.slo);
        let mut hands: Vec<Hand<'_>> =
            recordings.map(|(each, slo)| Hand::new(each.counts(), slo.0)).collect();
        let tightest = self.rules.slo.iter().min().map_or(u64::MAX, |slo| slo.0);
        let finishes = self.running.start(batches.left);
        let (mut start, mut longest_wait) = (batches.first, self.longest_wait);
        for (end, finish) in batches.ends.iter().zip(finishes) {
            let requests = &batches.times[start..*end];
            start = *end;
            let size = requests.len();
            sizes[size - 1] += 1;
            let wait = finish.0 - requests[0].at.0;
            longest_wait = longest_wait.max(wait);
            *finish += service[size - 1];
            // The first waited longest. Few batches have a request that is late.
            let last_first = requests.iter().rev();
            match wait + service[size - 1].0 > tightest {
                true => {
                    last_first.for_each(|each| hands[usize::from(each.class)].count_late(*finish - each.at))
                }
                false => last_first.for_each(|each| hands[usize::from(each.class)].count(*finish - each.at)),
            }
            if classes.len() <= size {
                let pairs = classes.iter_mut().zip(&mut hands);
                pairs.for_each(|(class, hand)| class.enter(hand, size, *finish));
                continue;
            }
            for class in requests.iter().map(|request| usize::from(request.class)) {
                if hands[class].count > 0 {
                    classes[class].enter(&mut hands[class], size, *finish);
                }
            }
        }
        self.longest_wait = longest_wait;
        self.running.see();
    }

    /// Closes the open stretch.
    fn close(&mut self) {
        let peak_concurrency = self.running.take_peak();
        let used = |size: &usize| self.sizes[*size] > 0;
        let sizes = (0..self.sizes.len()).filter(used);
        let Some(least) = sizes.map(|size| self.service[size].0).min() else { return };
        let longest_wait = std::mem::take(&mut self.longest_wait);
        let mut all = Tally { peak_concurrency, longest_wait, ..self.batches() };
        let parts: Vec<(Tally, Histogram)> =
            (0..self.classes.len()).map(|class| self.close_class(class, least)).collect();
        for (tally, _) in &parts {
            all.requests += tally.requests;
            all.latency += tally.latency;
            all.max_latency = all.max_latency.max(tally.max_latency);
        }
        self.hours.add(self.frame.at, &all, parts.iter().map(|(_, latency)| latency));
        self.slices.add(self.frame.at, all, Histogram::default());
        for (class, (tally, latency)) in self.classes.iter_mut().zip(parts) {
            if tally.requests > 0 {
                class.slices.add(self.frame.at, tally, latency);
            }
        }
        add(&mut self.all_sizes, &self.sizes);
        self.sizes.fill(0);
        self.frame.close();
    }

    /// What the open stretch holds of a class; no latency of which is less than `least`.
    fn close_class(&mut self, class: usize, least: u64) -> (Tally, Histogram) {
        let own = &mut self.classes[class];
        let mut tally = Tally {
            batches: std::mem::take(&mut own.batches),
            latency: std::mem::take(&mut own.latency),
            violations: std::mem::take(&mut own.violations),
            max_latency: std::mem::take(&mut own.max_latency),
            ..Tally::default()
        };
        if tally.batches > 0 {
            self.latencies[class].touch(least, tally.max_latency);
        }
        let latency = self.latencies[class].drain_into(own.slices.room());
        tally.requests = latency.total();
        (tally, latency)
    }

    /// The sums that follow from how many batches of the open stretch there are by size.
    fn batches(&self) -> Tally {
        let times = |(count, each): (&u64, u64)| u128::from(*count) * u128::from(each);
        let batches = self.sizes.iter().sum();
        let full = self.sizes[self.sizes.len() - 1];
        Tally {
            batches,
            full,
            timeouts: batches - full,
            busy: self.sizes.iter().zip(self.service.iter().map(|service| service.0)).map(times).sum(),
            mb_ms: self.sizes.iter().zip(self.mb_ms.iter().copied()).map(times).sum(),
            ..Tally::default()
        }
    }

    /// Closes the books.
    pub fn into_record(mut self) -> ClassRecord {
        self.close();
        let ClassCounter { classes, hours, mut slices, all_sizes, mb_ms, .. } = self;
        classes.iter().for_each(|class| slices.add_latencies(&class.slices));
        let last_finish = classes.iter().map(|class| class.last_finish).max().unwrap_or(Time::ZERO);
        ClassRecord {
            all: slices.into_record(hours.close(), trimmed(all_sizes), last_finish),
            padding: vec![0.0; classes.len()],
            charged: classes.iter().map(|class| Charged::of(&class.charged, &mb_ms)).collect(),
            classes: classes.into_iter().map(OfClass::into_record).collect(),
        }
    }
}

/// Adds counts to sums.
fn add(sums: &mut [u64], counts: &[u64]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

/// Without the zeros at the end.
fn trimmed(mut counts: Vec<u64>) -> Vec<u64> {
    counts.truncate(counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1));
    counts
}

impl<'a> Hand<'a> {
    fn new(counts: Counts<'a>, slo: u64) -> Hand<'a> {
        Hand { counts, slo, count: 0, latency: 0, violations: 0, longest: 0 }
    }

    /// Counts a request that is in time; of a batch the last comes first.
    #[inline(always)]
    fn count(&mut self, latency: Span) {
        self.counts.count(latency.0);
        self.count += 1;
        self.latency += latency.0;
        self.longest = latency.0;
    }

    /// Counts a request that may be late.
    #[inline(always)]
    fn count_late(&mut self, latency: Span) {
        self.count(latency);
        self.violations += u64::from(latency.0 > self.slo);
    }
}

impl OfClass {
    /// Of batches of up to `batch` requests.
    fn new(batch: usize) -> OfClass {
        OfClass {
            batches: 0,
            latency: 0,
            violations: 0,
            max_latency: 0,
            charged: vec![0; batch],
            last_finish: Time::ZERO,
            slices: Slices::default(),
        }
    }

    /// Enters what is at hand of a batch, which may be nothing, and clears it. Without a branch: whether a class is in a
    /// batch is not to be guessed.
    #[inline(always)]
    fn enter(&mut self, hand: &mut Hand<'_>, size: usize, finish: Time) {
        self.batches += u64::from(hand.count > 0);
        self.charged[size - 1] += hand.count as u64;
        self.latency += u128::from(hand.latency);
        self.violations += hand.violations;
        self.max_latency = self.max_latency.max(hand.longest);
        self.last_finish = self.last_finish.max(if hand.count > 0 { finish } else { Time::ZERO });
        (hand.count, hand.latency, hand.violations, hand.longest) = (0, 0, 0, 0);
    }

    fn into_record(self) -> Record {
        self.slices.into_record(Vec::new(), Vec::new(), self.last_finish)
    }
}
