//! Counts blocks of batches on environments that are always warm.

use super::Buffering;
use super::cut::Batches;
use super::running::{Running, Started};
use crate::engine::recorder::{Rules, Stretch, Stretches, Tally};
use crate::numeric::histogram::Recording;
use crate::units::{Span, Time};

/// Counts batches that start when they leave.
#[derive(Debug)]
pub struct Counter {
    rules: Rules,
    /// Service time by size.
    service: Vec<Span>,
    /// The bill of a batch by size [MB ms].
    mb_ms: Vec<u64>,
    running: Running,
    stretches: Stretches,
    /// The stretch that is open.
    at: Time,
    end: Time,
    sizes: Vec<u64>,
    latencies: Recording,
    sums: Sums,
    counted: Vec<Stretch>,
}

/// Sums over the open stretch.
#[derive(Debug, Clone, Copy)]
struct Sums {
    latency: u128,
    least_latency: u64,
    most_latency: u64,
    violations: u64,
    longest_wait: u64,
    last_finish: Time,
}

impl Sums {
    const NONE: Sums = Sums {
        latency: 0,
        least_latency: u64::MAX,
        most_latency: 0,
        violations: 0,
        longest_wait: 0,
        last_finish: Time::ZERO,
    };
}

impl Counter {
    /// Has counted nothing.
    pub fn new(buffering: &Buffering<'_>) -> Counter {
        let service = buffering.service();
        let bill =
            |service: &Span| buffering.rules.billing.bill(buffering.times.memory, Span::ZERO, *service).total;
        Counter {
            rules: buffering.rules,
            mb_ms: service.iter().map(bill).collect(),
            running: Running::new(service.iter().copied().max().unwrap_or_default()),
            stretches: Stretches::default(),
            at: Time::ZERO,
            end: Time::ZERO,
            sizes: vec![0; service.len()],
            latencies: Recording::default(),
            sums: Sums::NONE,
            counted: Vec::new(),
            service: service.to_vec(),
        }
    }

    /// Goes on after batches that it was not shown, of which `running` may still run.
    pub fn resume(&mut self, running: &[Started]) {
        self.running.reset(running);
    }

    /// Counts batches, which come in the order of time.
    pub fn count(&mut self, batches: Batches<'_>) {
        let skipped = batches.left.partition_point(|left| *left < self.rules.warmup);
        let (skipped, mut rest) = batches.split_at(skipped);
        let finishes = self.running.start(skipped.left).iter_mut();
        skipped.sizes().zip(finishes).for_each(|(size, finish)| *finish += self.service[size - 1]);
        self.running.pass();
        while let Some(left) = rest.left.first() {
            if *left >= self.end {
                self.close();
                (self.at, self.end) = (*left, self.stretches.end(*left));
            }
            let within = rest.left.partition_point(|left| *left < self.end);
            let (now, later) = rest.split_at(within);
            self.count_within(now);
            rest = later;
        }
    }

    /// Hands over what was counted up to the open stretch.
    pub fn counted(&mut self) -> std::vec::Drain<'_, Stretch> {
        self.counted.drain(..)
    }

    /// Hands over everything.
    pub fn finish(&mut self) -> Vec<Stretch> {
        self.close();
        std::mem::take(&mut self.counted)
    }

    /// Counts batches of the open stretch.
    fn count_within(&mut self, batches: Batches<'_>) {
        // Locals, so that they stay in registers.
        let (service, sizes, slo) = (&*self.service, &mut *self.sizes, self.rules.slo.0);
        let (mut counts, mut sums) = (self.latencies.counts(), self.sums);
        let finishes = self.running.start(batches.left);
        let mut start = batches.first;
        for (end, finish) in batches.ends.iter().zip(finishes) {
            let times = &batches.times[start..*end];
            start = *end;
            let (left, size) = (*finish, times.len());
            *finish += service[size - 1];
            sizes[size - 1] += 1;
            let (mut latency, mut violations) = (0, 0);
            for time in times {
                let each = finish.0 - time.0;
                counts.count(each);
                latency += each;
                violations += u64::from(each > slo);
            }
            sums.latency += u128::from(latency);
            sums.violations += violations;
            sums.least_latency = sums.least_latency.min(finish.0 - times[size - 1].0);
            sums.most_latency = sums.most_latency.max(finish.0 - times[0].0);
            sums.longest_wait = sums.longest_wait.max(left.0 - times[0].0);
            sums.last_finish = sums.last_finish.max(*finish);
        }
        self.sums = sums;
        self.running.see();
    }

    /// Closes the open stretch.
    fn close(&mut self) {
        let peak_concurrency = self.running.take_peak();
        let Some(largest) = self.sizes.iter().rposition(|count| *count > 0) else { return };
        let sums = std::mem::replace(&mut self.sums, Sums::NONE);
        self.latencies.touch(sums.least_latency, sums.most_latency);
        let counts = self.sizes[..=largest].to_vec();
        self.sizes.fill(0);
        let total = |each: &dyn Fn(usize) -> u64| -> u128 {
            counts.iter().enumerate().map(|(i, count)| u128::from(*count) * u128::from(each(i))).sum()
        };
        let batches = counts.iter().sum();
        let full = counts.get(self.sizes.len() - 1).copied().unwrap_or(0);
        let tally = Tally {
            requests: total(&|i| i as u64 + 1) as u64,
            batches,
            latency: sums.latency,
            max_latency: sums.most_latency,
            violations: sums.violations,
            full,
            timeouts: batches - full,
            busy: total(&|i| self.service[i].0),
            mb_ms: total(&|i| self.mb_ms[i]),
            peak_concurrency,
            longest_wait: sums.longest_wait,
            ..Tally::default()
        };
        let latency = self.latencies.drain();
        let last_finish = sums.last_finish;
        self.counted.push(Stretch { at: self.at, tally, latency, sizes: counts, last_finish });
        self.end = Time::ZERO;
    }
}
