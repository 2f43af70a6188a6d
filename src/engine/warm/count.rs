//! Counts blocks of batches on environments that are always warm.

use super::Buffering;
use super::cut::Batches;
use super::frame::Frame;
use super::running::{BusyCount, Started};
use crate::engine::recorder::{Rules, Stretch, Tally};
use crate::numeric::histogram::Recording;
use crate::units::{Span, Time};

/// Counts batches that start when they leave.
#[derive(Debug)]
pub struct Counter {
    rules: Rules,
    timeout: Span,
    /// Service time by size, up to the largest batch.
    service: Vec<Span>,
    /// The bill of a batch by size [MB ms].
    mb_ms: Vec<u64>,
    running: BusyCount,
    frame: Frame,
    sizes: Vec<u64>,
    latencies: Recording,
    sums: Sums,
    counted: Vec<Stretch>,
}

/// Sums over the open stretch, without the requests whose latency follows from the size of their batch: the last of a
/// full batch waits for nothing, the first of one that timed out for the timeout.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    latency: u128,
    violations: u64,
    /// The longest wait in a full batch [ns].
    full_wait: u64,
    last_finish: Time,
}

impl Counter {
    /// Has counted nothing.
    pub fn new(buffering: &Buffering<'_>) -> Counter {
        let service = buffering.service();
        let bill =
            |service: &Span| buffering.rules.billing.bill(buffering.times.memory, Span::ZERO, *service).total;
        Counter {
            rules: buffering.rules,
            timeout: buffering.buffer.timeout,
            mb_ms: service.iter().map(bill).collect(),
            running: BusyCount::new(service.iter().copied().max().unwrap_or_default()),
            frame: Frame::new(buffering.rules.warmup, buffering.rules.stretch),
            sizes: vec![0; service.len()],
            latencies: Recording::default(),
            sums: Sums::default(),
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
        match *self.service {
            [only] => self.count_singles(batches.left, only),
            _ => self.count_batches(batches),
        }
        self.running.see();
    }

    /// Counts batches of one request that nothing waits for.
    fn count_singles(&mut self, left: &[Time], service: Span) {
        self.sizes[0] += left.len() as u64;
        let finishes = self.running.start(left);
        finishes.iter_mut().for_each(|finish| *finish += service);
        let last_finish = &mut self.sums.last_finish;
        *last_finish = finishes.last().map_or(*last_finish, |last| *last.max(last_finish));
    }

    fn count_batches(&mut self, batches: Batches<'_>) {
        // Locals, so that they stay in registers.
        let (service, sizes, slo) = (&*self.service, &mut *self.sizes, self.rules.slo.0);
        let (mut counts, mut sums) = (self.latencies.counts(), self.sums);
        let finishes = self.running.start(batches.left);
        let mut start = batches.first;
        for (end, finish) in batches.ends.iter().zip(finishes) {
            let times = &batches.times[start..*end];
            start = *end;
            let size = times.len();
            let is_full = size == service.len();
            sums.full_wait = sums.full_wait.max(if is_full { finish.0 - times[0].0 } else { 0 });
            *finish += service[size - 1];
            sizes[size - 1] += 1;
            let known_first = usize::from(!is_full);
            let (mut latency, mut violations) = (0, 0);
            for time in &times[known_first..size - 1 + known_first] {
                let each = finish.0 - time.0;
                counts.count(each);
                latency += each;
                violations += u64::from(each > slo);
            }
            sums.latency += u128::from(latency);
            sums.violations += violations;
            sums.last_finish = sums.last_finish.max(*finish);
        }
        self.sums = sums;
    }

    /// Closes the open stretch.
    fn close(&mut self) {
        let peak_concurrency = self.running.take_peak();
        let Some(largest) = self.sizes.iter().rposition(|count| *count > 0) else { return };
        let sizes = self.sizes[..=largest].to_vec();
        self.sizes.fill(0);
        let mut sums = std::mem::take(&mut self.sums);
        let full = sizes.get(self.service.len() - 1).copied().unwrap_or(0);
        let (mut least, mut most) = (u64::MAX, 0);
        for (size, count) in sizes.iter().enumerate().filter(|(_, count)| **count > 0) {
            let service = self.service[size].0;
            let is_full = size + 1 == self.service.len();
            let known = if is_full { service } else { service + self.timeout.0 };
            sums.latency += u128::from(known) * u128::from(*count);
            sums.violations += if known > self.rules.slo.0 { *count } else { 0 };
            self.latencies.counts().count_many(known, *count as u32);
            least = least.min(service);
            most = most.max(if is_full { service + sums.full_wait } else { known });
        }
        self.latencies.touch(least, most);
        let total = |each: &dyn Fn(usize) -> u64| -> u128 {
            sizes.iter().enumerate().map(|(i, count)| u128::from(*count) * u128::from(each(i))).sum()
        };
        let batches = sizes.iter().sum();
        let timeouts = batches - full;
        let tally = Tally {
            requests: total(&|i| i as u64 + 1) as u64,
            batches,
            latency: sums.latency,
            max_latency: most,
            violations: sums.violations,
            full,
            timeouts,
            busy: total(&|i| self.service[i].0),
            mb_ms: total(&|i| self.mb_ms[i]),
            peak_concurrency,
            longest_wait: if timeouts > 0 { self.timeout.0 } else { sums.full_wait },
            ..Tally::default()
        };
        let latency = self.latencies.drain();
        self.counted.push(Stretch {
            at: self.frame.at,
            tally,
            latency,
            sizes,
            last_finish: sums.last_finish,
        });
        self.frame.close();
    }
}
