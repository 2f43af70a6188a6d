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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::{Batch, Observer};
    use crate::engine::service::ServiceDraws;
    use crate::engine::{Replay, Retry, replay};
    use crate::numeric::streams::Streams;
    use crate::platform::warm::Warm;
    use crate::policy;
    use crate::profile::ServiceTimes;
    use crate::units::MemoryMb;
    use proptest::prelude::*;

    /// Hands over given times, some at a time.
    struct Given {
        times: Vec<Time>,
        next: usize,
        step: usize,
    }

    impl Arrivals for Given {
        fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
            let end = (self.next + self.step).min(self.times.len());
            block.extend_from_slice(&self.times[self.next..end]);
            self.next = end;
            Ok(())
        }
    }

    /// Every latency, and the batches by size.
    #[derive(Default)]
    struct All {
        latencies: Vec<u64>,
        sizes: Vec<u64>,
    }

    impl Observer for All {
        fn started(&mut self, batch: &Batch, arrivals: &[Time]) {
            self.latencies.extend(arrivals.iter().map(|time| batch.finish().0 - time.0));
            self.sizes.resize(self.sizes.len().max(arrivals.len()), 0);
            self.sizes[arrivals.len() - 1] += 1;
        }

        fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
            unreachable!("a warm platform refuses nothing")
        }
    }

    fn engine(times: &[Time], (batch, timeout): (u32, Span), service: &[Span]) -> All {
        let streams = Streams::new(1);
        let times_of = ServiceTimes {
            memory: MemoryMb(1),
            mean: service.to_vec(),
            cv: 0.0,
            shape: None,
            init: Span::ZERO,
        };
        let all = Replay {
            policy: policy::batch::Batch { batch, timeout },
            platform: Warm::default(),
            service: ServiceDraws::new(times_of, streams.stream("service")),
            retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
            backoff: streams.stream("back-off"),
        };
        let mut seen = All::default();
        replay(&mut Given { times: times.to_vec(), next: 0, step: 100 }, all, &mut seen).unwrap();
        seen.latencies.sort_unstable();
        seen
    }

    fn check(
        gaps: &[u64],
        step: usize,
        settings: &[(u32, Span)],
        service: &[Span],
    ) -> Result<(), TestCaseError> {
        let mut now = 0;
        let add = |gap: &u64| {
            now += gap;
            Time(now)
        };
        let times: Vec<Time> = gaps.iter().map(add).collect();
        let shortest = service.iter().copied().min().unwrap();
        let mut given = Given { times: times.clone(), next: 0, step };
        let found = pass(&mut given, settings, shortest, Time::ZERO).unwrap();
        for (setting, waits) in settings.iter().zip(&found) {
            let exact = engine(&times, *setting, service);
            let sizes: Vec<u64> = waits.by_size.iter().map(|size| size.batches).collect();
            prop_assert_eq!(&sizes[..exact.sizes.len()], &exact.sizes[..]);
            prop_assert_eq!(waits.requests(), times.len() as u64);
            for q in [0.01, 0.5, 0.95, 1.0] {
                let rank = ((q * times.len() as f64).ceil() as usize).max(1);
                let exact = exact.latencies[rank - 1] as f64;
                let quantile = waits.quantile(q, service).0 as f64;
                prop_assert!((quantile - exact).abs() <= exact / 2048.0 + 1.0, "{quantile} {exact}");
            }
        }
        Ok(())
    }

    fn services() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::vec((1u64..50_000_000).prop_map(Span), 6)
    }

    proptest! {
        #[test]
        fn a_pass_makes_the_engine_s_batches(
            gaps in prop::collection::vec(prop_oneof![Just(0u64), 0u64..40, 0u64..100_000], 1..200),
            step in 1usize..60,
            settings in prop::collection::vec((1u32..=6, prop_oneof![0u64..50, 0u64..200_000].prop_map(Span)), 1..5),
            service in services(),
        ) {
            check(&gaps, step, &settings, &service)?;
        }
    }

    #[test]
    fn open_batches_outlive_a_chunk() {
        let gaps: Vec<u64> = (0..3 * CHUNK as u64 + 17).map(|i| i * 7919 % 1000).collect();
        let settings = [(1, Span(5)), (5, Span(1500)), (6, Span(1 << 40)), (3, Span::ZERO)];
        let service: Vec<Span> = (1..=6).map(|n| Span(n * 1000)).collect();
        check(&gaps, BLOCK, &settings, &service).unwrap();
    }
}
