//! One pass over the arrivals for many (B, T), and one batching for every memory size.
//!
//! With environments always warm and fixed service times S(n), a batch's making does not depend on how long it is
//! served: each request's latency is its wait in the buffer plus S(n). So a pass counts waits by the size n of
//! their batch, and a memory size only shifts each count by its S(n). Waits fall into buckets no wider than
//! 1/2048 of the shortest latency they can be part of, so a quantile is within 0.05 % of the exact one; the
//! counts of batches, and with them the cost, are exact.
//!
//! No event queue is needed: a batch that opens at arrival i leaves full at arrival i + B - 1 if that comes by
//! the deadline a_i + T, else at the deadline with whatever came by then.

use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::histogram::{bounds, bucket};
use crate::units::{Span, Time};

/// Arrivals that every batcher sees before the next ones are drawn: few enough to stay in the cache.
const CHUNK: usize = 8 * BLOCK;

/// The batches of one (B, T): waits and counts by batch size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// `by_size[n - 1]` tells of the batches of n.
    pub by_size: Vec<SizeWaits>,
    shift: u32,
}

/// The batches of one size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SizeWaits {
    /// How many.
    pub batches: u64,
    /// When the last of them left the buffer.
    pub last_left: Time,
    /// Requests by bucket of `wait >> shift`; turned into running sums by [`Waits::accumulate`].
    counts: Vec<u64>,
}

/// Batches arrivals by (B, T) for each of `settings`; `shortest` is the shortest latency that any request has
/// at any memory size, and batches that leave before `warmup` are not counted.
///
/// Errors: the arrivals cannot be read.
pub fn pass(
    arrivals: &mut dyn Arrivals,
    settings: &[(u32, Span)],
    shortest: Span,
    warmup: Time,
) -> Result<Vec<Waits>, InputError> {
    let shift = shift(shortest);
    let mut batchers: Vec<_> = settings.iter().map(|s| Batcher::new(*s, shift, warmup)).collect();
    // An open batch holds fewer than B requests, so this many must outlive a chunk.
    let keep = settings.iter().map(|(batch, _)| *batch as usize).max().unwrap_or(0);
    let mut times: Vec<Time> = Vec::with_capacity(CHUNK + BLOCK + keep);
    loop {
        let old = times.len().saturating_sub(keep);
        times.drain(..old);
        batchers.iter_mut().for_each(|batcher| batcher.open -= old);
        let more = fill(arrivals, &mut times)?;
        for batcher in &mut batchers {
            batcher.advance(&times);
        }
        if !more {
            break;
        }
    }
    batchers.iter_mut().for_each(|batcher| batcher.finish(&times));
    Ok(batchers.into_iter().map(|batcher| batcher.waits.accumulate()).collect())
}

/// The memory that the histograms of one (B, T) take.
pub fn bytes((batch, timeout): (u32, Span), shortest: Span) -> usize {
    batch as usize * buckets(timeout, shift(shortest)) * size_of::<u64>()
}

/// The finest buckets are 2^shift ns wide: at most 1/2048 of the shortest latency.
fn shift(shortest: Span) -> u32 {
    (shortest.0 >> 11).checked_ilog2().unwrap_or(0)
}

fn buckets(timeout: Span, shift: u32) -> usize {
    bucket(timeout.0 >> shift) + 1
}

/// Adds a chunk of arrivals; false at their end.
fn fill(arrivals: &mut dyn Arrivals, times: &mut Vec<Time>) -> Result<bool, InputError> {
    let full = times.len() + CHUNK;
    while times.len() < full {
        let before = times.len();
        arrivals.fill(times)?;
        if times.len() == before {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Debug)]
struct Batcher {
    batch: usize,
    timeout: Span,
    warmup: Time,
    /// Where the open batch begins.
    open: usize,
    waits: Waits,
}

impl Batcher {
    fn new((batch, timeout): (u32, Span), shift: u32, warmup: Time) -> Batcher {
        let size = SizeWaits { counts: vec![0; buckets(timeout, shift)], ..SizeWaits::default() };
        let waits = Waits { by_size: vec![size; batch as usize], shift };
        Batcher { batch: batch as usize, timeout, warmup, open: 0, waits }
    }

    /// Closes every batch whose end is decided by `times`.
    fn advance(&mut self, times: &[Time]) {
        let Some(last) = times.last() else { return };
        while let Some(first) = times.get(self.open) {
            let deadline = *first + self.timeout;
            match times.get(self.open + self.batch - 1) {
                Some(at) if *at <= deadline => self.close(times, self.batch, *at),
                None if *last <= deadline => break,
                _ => self.time_out(times, deadline),
            }
        }
    }

    /// The batch that is still open after the last arrival leaves at its deadline.
    fn finish(&mut self, times: &[Time]) {
        while let Some(first) = times.get(self.open) {
            self.time_out(times, *first + self.timeout);
        }
    }

    fn time_out(&mut self, times: &[Time], deadline: Time) {
        let rest = &times[self.open..times.len().min(self.open + self.batch)];
        let size = rest.iter().take_while(|time| **time <= deadline).count();
        self.close(times, size, deadline);
    }

    #[inline(always)]
    fn close(&mut self, times: &[Time], size: usize, left: Time) {
        let arrivals = &times[self.open..self.open + size];
        self.open += size;
        if left < self.warmup {
            return;
        }
        let shift = self.waits.shift;
        let waits = &mut self.waits.by_size[size - 1];
        waits.batches += 1;
        waits.last_left = left;
        for arrival in arrivals {
            waits.counts[bucket((left.0 - arrival.0) >> shift)] += 1;
        }
    }
}

impl Waits {
    fn accumulate(mut self) -> Waits {
        for size in &mut self.by_size {
            if size.batches == 0 {
                size.counts = Vec::new();
            }
            let mut sum = 0;
            for count in &mut size.counts {
                sum += *count;
                *count = sum;
            }
        }
        self
    }

    /// The number of requests.
    pub fn requests(&self) -> u64 {
        self.by_size.iter().zip(1..).map(|(size, n)| size.batches * n).sum()
    }

    /// The requests with a latency of at most `latency` where a batch of n takes `service[n - 1]`; linear within
    /// each bucket.
    pub fn up_to(&self, latency: Span, service: &[Span]) -> f64 {
        let sizes = self.by_size.iter().zip(service).filter(|(size, _)| size.batches > 0);
        let within = |(size, service): (&SizeWaits, &Span)| {
            latency.0.checked_sub(service.0).map_or(0.0, |wait| size.up_to(wait, self.shift))
        };
        sizes.map(within).sum()
    }

    /// The least latency that the share `q` of the requests does not exceed, to the nanosecond; there must be
    /// requests.
    pub fn quantile(&self, q: f64, service: &[Span]) -> Span {
        let rank = (q * self.requests() as f64).max(1.0);
        let (mut low, mut high) = (0, self.longest(service));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.up_to(Span(middle), service) >= rank { high = middle } else { low = middle + 1 }
        }
        Span(low)
    }

    /// No latency is longer.
    fn longest(&self, service: &[Span]) -> u64 {
        let sizes = self.by_size.iter().zip(service).filter(|(size, _)| size.batches > 0);
        let end = |counts: &[u64]| {
            let (least, width) = bounds(counts.len() - 1);
            (least + width) << self.shift
        };
        sizes.map(|(size, service)| service.0 + end(&size.counts)).max().unwrap_or(0)
    }
}

impl SizeWaits {
    /// The requests that waited at most `wait` [ns].
    #[inline]
    fn up_to(&self, wait: u64, shift: u32) -> f64 {
        let at = bucket(wait >> shift);
        let Some(including) = self.counts.get(at) else { return self.counts[self.counts.len() - 1] as f64 };
        let below = if at == 0 { 0 } else { self.counts[at - 1] };
        let (least, width) = bounds(at);
        let share = ((wait - (least << shift)) as f64 + 1.0) / (width << shift) as f64;
        below as f64 + share * (including - below) as f64
    }
}
