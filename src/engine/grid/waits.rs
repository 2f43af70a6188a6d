//! How long requests wait in the buffer (B, T): counted once for every memory size.
//!
//! A batch's making does not depend on how long it is served. With fixed service times S(n), a request of a batch of n
//! in a warm environment takes its wait and S(n): so waits are counted by n, and a memory size only shifts each count
//! by its S(n). Waits fall into buckets no wider than 1/2048 of the shortest latency they can be part of, so a quantile
//! is within 0.05 % of the exact one. Sums, maxima and numbers of batches are exact; so is the number of requests over
//! the SLO: where SLO - S(n) falls within a bucket, that bucket is marked, and only what falls into a marked bucket is
//! compared.

use crate::engine::warm::Batches;
use crate::numeric::histogram::{bounds, bucket};
use crate::policy::batch::BatchPolicy;
use crate::units::{Span, Time};

/// Counts of a bucket that holds a threshold have this bit; so many requests never come.
const MARK: u64 = 1 << 63;

/// The waits of one (B, T), by size of batch.
#[derive(Debug, Clone)]
pub struct Waits {
    by_size: Vec<SizeWaits>,
    timeout: u64,
    shift: u32,
}

/// The batches of one size.
#[derive(Debug, Clone, Default)]
pub struct SizeWaits {
    /// How many.
    pub batches: u64,
    /// When the last of them left the buffer.
    pub last_left: Time,
    /// The longest wait of a request \[ns\].
    pub longest: u64,
    /// The sum of the waits \[ns\].
    pub sum: u128,
    /// Requests by bucket of `wait >> shift`; running sums once they are closed.
    counts: Vec<u64>,
    /// In ascending order of threshold.
    marks: Vec<Threshold>,
}

/// A wait, and how many of its bucket waited longer.
#[derive(Debug, Clone, Copy)]
struct Threshold {
    bucket: usize,
    wait: u64,
    above: u64,
}

impl Waits {
    /// Nothing has been counted. No latency is shorter than `shortest`, as far as quantiles are to be exact to
    /// 0.05 %; requests over the SLO will be asked for at the service times `services`, by size each.
    pub fn new<'a>(
        buffer: BatchPolicy,
        shortest: Span,
        slo: Span,
        services: impl Iterator<Item = &'a [Span]> + Clone,
    ) -> Waits {
        let (timeout, shift) = (buffer.timeout.0, shift(shortest));
        let size = |n: usize| {
            let thresholds = services.clone().filter_map(|service| slo.0.checked_sub(service[n].0));
            let mut waits: Vec<u64> = thresholds.filter(|wait| *wait < timeout).collect();
            waits.sort_unstable();
            waits.dedup();
            let mut counts = vec![0; buckets(buffer.timeout, shift)];
            let mark = |wait: u64| {
                let bucket = bucket(wait >> shift);
                counts[bucket] = MARK;
                Threshold { bucket, wait, above: 0 }
            };
            let marks = waits.into_iter().map(mark).collect();
            SizeWaits { counts, marks, ..SizeWaits::default() }
        };
        Waits { by_size: (0..buffer.batch as usize).map(size).collect(), timeout, shift }
    }

    /// Counts batches.
    pub fn count(&mut self, batches: Batches<'_>) {
        let (full, shift) = (self.by_size.len(), self.shift);
        if let ([size], [.., last]) = (&mut *self.by_size, batches.left) {
            size.batches += batches.left.len() as u64;
            size.last_left = *last;
            return;
        }
        let mut start = batches.first;
        for (end, left) in batches.ends.iter().zip(batches.left) {
            let times = &batches.times[start..*end];
            start = *end;
            let n = times.len();
            let size = &mut self.by_size[n - 1];
            size.batches += 1;
            size.last_left = *left;
            // The last of a full batch waits for nothing, the first of one that timed out for the timeout.
            let known_first = usize::from(n < full);
            size.longest = size.longest.max(left.0 - times[0].0);
            let mut sum = 0;
            for time in &times[known_first..n - 1 + known_first] {
                let wait = left.0 - time.0;
                sum += wait;
                let count = &mut size.counts[bucket(wait >> shift)];
                *count += 1;
                if *count & MARK != 0 {
                    compare(&mut size.marks, wait, shift);
                }
            }
            size.sum += u128::from(sum);
        }
    }

    /// Adds the requests whose wait is known from their place, and turns counts into running sums.
    pub fn close(&mut self) {
        let (full, timeout, shift) = (self.by_size.len(), self.timeout, self.shift);
        for (i, size) in self.by_size.iter_mut().enumerate() {
            let known = if i + 1 == full { 0 } else { timeout };
            size.counts[bucket(known >> shift)] += size.batches;
            size.sum += u128::from(known) * u128::from(size.batches);
            let at = bucket(known >> shift);
            for mark in size.marks.iter_mut().filter(|mark| mark.bucket == at && mark.wait < known) {
                mark.above += size.batches;
            }
            let mut sum = 0;
            for count in &mut size.counts {
                sum += *count & !MARK;
                *count = sum;
            }
            if size.batches == 0 {
                size.counts = Vec::new();
            }
        }
    }

    /// Those of the batches by size, of which there are some.
    pub fn sizes(&self) -> impl Iterator<Item = (usize, &SizeWaits)> {
        self.by_size.iter().enumerate().filter(|(_, size)| size.batches > 0)
    }

    /// The requests over the SLO at a service time by size, of those that were announced.
    pub fn over(&self, slo: Span, service: &[Span]) -> u64 {
        let over = |(i, size): (usize, &SizeWaits)| {
            let requests = size.batches * (i as u64 + 1);
            let Some(wait) = slo.0.checked_sub(service[i].0) else { return requests };
            if wait >= self.timeout {
                return 0;
            }
            let mark = size.marks.partition_point(|mark| mark.wait < wait);
            let mark =
                size.marks.get(mark).filter(|mark| mark.wait == wait).expect("an announced service time");
            requests - size.counts[mark.bucket] + mark.above
        };
        self.sizes().map(over).sum()
    }

    /// The place of a wait of a batch: its bucket.
    pub fn bucket(&self, wait: u64) -> usize {
        bucket(wait >> self.shift)
    }

    /// The requests that waited at most `wait` \[ns\], evenly spread within a bucket; `at` gives those in the buckets
    /// before one, and in it.
    pub fn up_to(&self, wait: u64, at: impl Fn(usize) -> (u64, u64)) -> f64 {
        let bucket = self.bucket(wait);
        let (least, width) = bounds(bucket);
        let share = ((wait - (least << self.shift)) as f64 + 1.0) / (width << self.shift) as f64;
        let (below, within) = at(bucket);
        below as f64 + share * within as f64
    }

    /// The middle of a bucket \[ns\].
    pub fn middle(&self, bucket: usize) -> u64 {
        let (least, width) = bounds(bucket);
        ((least << self.shift) + (((width << self.shift) - 1) / 2)).min(self.timeout)
    }
}

/// Compares a wait that fell into a marked bucket.
#[cold]
fn compare(marks: &mut [Threshold], wait: u64, shift: u32) {
    let at = bucket(wait >> shift);
    let first = marks.partition_point(|mark| mark.bucket < at);
    for mark in marks[first..].iter_mut().take_while(|mark| mark.bucket == at && mark.wait < wait) {
        mark.above += 1;
    }
}

impl SizeWaits {
    /// The requests in the buckets before `bucket`, and in it.
    pub fn at(&self, bucket: usize) -> (u64, u64) {
        let below = if bucket == 0 { 0 } else { self.counts[(bucket - 1).min(self.counts.len() - 1)] };
        (below, self.counts.get(bucket).map_or(0, |including| including - below))
    }

    /// The buckets.
    pub fn buckets(&self) -> usize {
        self.counts.len()
    }
}

/// The memory that the waits of one (B, T) take.
pub fn bytes(buffer: BatchPolicy, shortest: Span) -> usize {
    buffer.batch as usize * buckets(buffer.timeout, shift(shortest)) * size_of::<u64>()
}

/// The finest buckets are 2^shift ns wide: at most 1/2048 of the shortest latency.
fn shift(shortest: Span) -> u32 {
    (shortest.0 >> 11).checked_ilog2().unwrap_or(0)
}

fn buckets(timeout: Span, shift: u32) -> usize {
    bucket(timeout.0 >> shift) + 1
}
