//! Cold starts for every keep-alive at once, from the path of how many environments are busy.
//!
//! **The law.** Let N(t) be the number of busy environments, those that initialise included, and let the most recently
//! used idle one serve next. Idle environments then form a stack. A batch that lifts N from n - 1 to n takes the one on
//! top, if it is warm; and that one was put there when N last fell from n to n - 1: since then, whatever was put on top
//! of it has been taken off again. The ones below were put there earlier, so if the top has expired, all have. Hence with
//! a keep-alive of k
//!
//! ```text
//! cold starts  = up-crossings of a level n that N never fell from before, or last fell from more than k ago
//! idle seconds = the sum over the other up-crossings of min(time since, k)
//! ```
//!
//! A gap of exactly k is warm. The time before an environment's first use and after its last is not counted as idle.
//!
//! **Where it holds.** Reuse of the most recent, a fixed keep-alive, no age limit, no provisioned environments, and nothing refused. On
//! the path of a run it gives that run's own cold starts. It gives them for every other keep-alive, too, where
//! initialisation takes no time: then N(t) does not depend on k, for it is that of environments that are always warm.
//! Where initialisation takes time, cold starts lengthen the busy times and so lift N(t): the gaps of always-warm
//! environments give a lower figure.
//!
//! Source: derived here, and checked to the integer against the simulated pool. That idle environments form a stack, and
//! that this keeps the fewest warm, is known from "most recently idle" routing (Gandhi, Harchol-Balter, Raghunathan and
//! Kozuch, "AutoScale: Dynamic, Robust Capacity Management for Multi-Tier Data Centers", ACM TOCS 30(4), 2012).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::observer::{Observer, StartedBatch};
use super::service::ServiceDraws;
use super::{Replay, Retry, replay};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::platform::warm::Warm;
use crate::policy;
use crate::profile::ServiceTimes;
use crate::units::{Span, Time};

/// The gaps of a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Up-crossings of a level that was never left before.
    first: u64,
    /// The shorter gaps: how many, and their sum \[ns\].
    shorter: (u64, u128),
    /// The least keep-alive that may be asked for.
    least: Span,
    /// The other gaps \[ns\] in ascending order.
    gaps: Vec<u64>,
    /// The sum of the gaps up to each \[ns\].
    sums: Vec<u128>,
}

/// The gaps of (B, T) with these service times on environments that are always warm, or initialise in no time; batches
/// that start before `warmup` are not counted. Keep-alives below `least` cannot be asked for: memory grows with the
/// gaps that are not shorter.
///
/// # Errors
/// The arrivals cannot be read.
pub fn gaps<A: Arrivals>(
    arrivals: &mut A,
    buffer: policy::batch::BatchPolicy,
    times: &ServiceTimes,
    streams: Streams,
    (warmup, least): (Time, Span),
) -> Result<Gaps, InputError> {
    let parts = Replay {
        policy: buffer,
        platform: Warm::default(),
        service: ServiceDraws::new(times.clone(), streams),
        retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
        backoff: streams.stream("back-off"),
    };
    let mut crossings = Crossings::new(warmup, least);
    replay(arrivals, parts, &mut crossings)?;
    Ok(crossings.close())
}

/// The observer that collects gaps, of any run.
#[derive(Debug)]
pub struct Crossings {
    warmup: Time,
    finishes: BinaryHeap<Reverse<Time>>,
    /// When N last fell from each level, in the order of levels; so many have been left.
    left: Vec<Time>,
    gaps: Gaps,
}

impl Crossings {
    /// Nothing runs.
    pub fn new(warmup: Time, least: Span) -> Crossings {
        let gaps = Gaps { least, ..Gaps::default() };
        Crossings { warmup, finishes: BinaryHeap::new(), left: Vec::new(), gaps }
    }

    /// The gaps that were collected.
    pub fn close(self) -> Gaps {
        let mut gaps = self.gaps;
        gaps.gaps.sort_unstable();
        let add = |sum: &mut u128, gap: &u64| {
            *sum += u128::from(*gap);
            Some(*sum)
        };
        gaps.sums = gaps.gaps.iter().scan(0, add).collect();
        gaps
    }

    /// Lets N fall to what it is at `now`.
    fn fall(&mut self, now: Time) {
        while let Some(Reverse(finish)) =
            self.finishes.peek().copied().filter(|Reverse(finish)| *finish <= now)
        {
            // The level that N falls from.
            let level = self.finishes.len() - 1;
            self.finishes.pop();
            if self.left.len() <= level {
                self.left.resize(level + 1, Time::NEVER);
            }
            self.left[level] = finish;
        }
    }
}

impl Observer for Crossings {
    fn started(&mut self, batch: &StartedBatch, _arrivals: &[Time]) {
        self.fall(batch.started);
        let level = self.finishes.len();
        self.finishes.push(Reverse(batch.finish()));
        if batch.started < self.warmup {
            return;
        }
        let gaps = &mut self.gaps;
        match self.left.get(level).filter(|left| **left != Time::NEVER) {
            None => gaps.first += 1,
            Some(left) => match batch.started.since(*left) {
                gap if gap < gaps.least => {
                    gaps.shorter.0 += 1;
                    gaps.shorter.1 += u128::from(gap.0);
                }
                gap => gaps.gaps.push(gap.0),
            },
        }
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}

impl Gaps {
    /// Batches that start in a new environment, of those counted. `keep_alive` must not be below the least.
    pub fn cold_starts(&self, keep_alive: Span) -> u64 {
        self.first + (self.gaps.len() - self.warm(keep_alive)) as u64
    }

    /// The time that environments were idle between two uses, or until they expired \[s\]. `keep_alive` must not be below
    /// the least.
    pub fn idle_seconds(&self, keep_alive: Span) -> f64 {
        let warm = self.warm(keep_alive);
        let whole = if warm == 0 { 0 } else { self.sums[warm - 1] };
        let cut = (self.gaps.len() - warm) as u128 * u128::from(keep_alive.0);
        (self.shorter.1 + whole + cut) as f64 / 1e9
    }

    /// The gaps that a keep-alive outlives, of those that were kept.
    fn warm(&self, keep_alive: Span) -> usize {
        assert!(keep_alive >= self.least, "gaps below {} were not kept", self.least);
        self.gaps.partition_point(|gap| *gap <= keep_alive.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arrivals::memory::InMemory;
    use crate::platform::lambda::idle::Reuse;
    use crate::platform::lambda::{KeepAlive, LambdaPool, PoolSettings};
    use crate::price::RateLimit;
    use crate::profile::beside::Beside;
    use crate::units::MemoryMb;

    /// Counts cold starts, and keeps every environment by itself: when it began and ended each batch.
    #[derive(Default)]
    struct Direct {
        cold: u64,
        idle_since: Vec<Time>,
        busy: Vec<Time>,
        idle: u64,
    }

    impl Direct {
        /// The most recently used idle environment serves; what it was idle for, up to the keep-alive, is added.
        fn start(&mut self, now: Time, finish: Time, keep_alive: Span) {
            self.busy.sort_unstable();
            let done = self.busy.iter().take_while(|finish| **finish <= now).count();
            self.idle_since.extend(self.busy.drain(..done));
            match self.idle_since.pop() {
                Some(since) if now.since(since) <= keep_alive => self.idle += now.since(since).0,
                Some(_) => {
                    // It and those below have expired; each is met again by no later batch.
                    self.idle += keep_alive.0 * (self.idle_since.len() as u64 + 1);
                    self.idle_since.clear();
                }
                None => (),
            }
            self.busy.push(finish);
        }
    }

    struct Watched(Direct, Span);

    impl Observer for Watched {
        fn started(&mut self, batch: &StartedBatch, _arrivals: &[Time]) {
            self.0.cold += u64::from(batch.cold);
            self.0.start(batch.started, batch.finish(), self.1);
        }

        fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
            unreachable!("no limit is met")
        }
    }

    /// A pool's run, its own crossings beside it.
    fn pool(
        times: &[Time],
        buffer: policy::batch::BatchPolicy,
        service: &ServiceTimes,
        keep_alive: Span,
    ) -> (Direct, Gaps) {
        let none = RateLimit { burst: 1 << 30, tokens: 1 << 30, period: Span(1) };
        let settings = PoolSettings {
            runtime_init: Span::ZERO,
            model_init: service.init,
            beside: Beside::default(),
            keep_alive: KeepAlive::Fixed(keep_alive),
            max_age: None,
            reuse: Reuse::MostRecent,
            concurrency: 1 << 30,
            scaling: none,
            requests: none,
            provisioned: 0,
        };
        let streams = Streams::new(3);
        let parts = Replay {
            policy: buffer,
            platform: LambdaPool::new(settings, streams),
            service: ServiceDraws::new(service.clone(), streams),
            retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
            backoff: streams.stream("back-off"),
        };
        let (mut watched, mut crossings) =
            (Watched(Direct::default(), keep_alive), Crossings::new(Time::ZERO, Span::ZERO));
        replay(&mut InMemory::new(times), parts, &mut (&mut watched, &mut crossings)).unwrap();
        (watched.0, crossings.close())
    }

    fn cases() -> impl Strategy<Value = (Vec<u64>, (u32, u64), Vec<u64>, f64, u64)> {
        let gap = prop_oneof![3 => Just(0u64), 6 => 0u64..6, 3 => 0u64..40, 1 => 0u64..400];
        let service = prop::collection::vec(0u64..60, 4);
        let cv = prop_oneof![2 => Just(0.0), 1 => Just(0.7)];
        (prop::collection::vec(gap, 0..300), (1u32..=4, 0u64..30), service, cv, 0u64..30)
    }

    fn made(gaps: &[u64], mean: &[u64], cv: f64, init: u64) -> (Vec<Time>, ServiceTimes) {
        let add = |now: &mut u64, gap: &u64| {
            *now += gap;
            Some(Time(*now))
        };
        let mean = mean.iter().map(|span| Span(*span)).collect();
        let times = gaps.iter().scan(0, add).collect();
        (times, ServiceTimes { cv, init: Span(init), ..ServiceTimes::fixed(MemoryMb(1), mean) })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn one_pass_gives_the_cold_starts_of_every_keep_alive(
            (gaps, (batch, timeout), mean, cv, _) in cases(), least in 0u64..20,
        ) {
            let (times, service) = made(&gaps, &mean, cv, 0);
            let buffer = policy::batch::BatchPolicy { batch, timeout: Span(timeout) };
            let when = (Time::ZERO, Span(least));
            let found = super::gaps(&mut InMemory::new(&times), buffer, &service, Streams::new(3), when).unwrap();
            for keep_alive in (least..least + 40).step_by(3).chain([1_000]).map(Span) {
                let (direct, _) = pool(&times, buffer, &service, keep_alive);
                prop_assert_eq!(found.cold_starts(keep_alive), direct.cold, "{:?}", keep_alive);
            }
        }

        #[test]
        fn one_pass_gives_the_idle_time_of_every_keep_alive(
            (gaps, (batch, timeout), mean, _, _) in cases(), least in 0u64..20,
        ) {
            let mean: Vec<u64> = mean.iter().map(|span| span + 1).collect();
            let (mut times, service) = made(&gaps, &mean, 0.0, 0);
            // A last surge meets every environment that there ever was.
            let surge = times.last().copied().unwrap_or_default() + Span(10_000);
            times.extend(std::iter::repeat_n(surge, times.len() * batch as usize));
            let buffer = policy::batch::BatchPolicy { batch, timeout: Span(timeout) };
            let when = (Time::ZERO, Span(least));
            let found = super::gaps(&mut InMemory::new(&times), buffer, &service, Streams::new(3), when).unwrap();
            for keep_alive in (least..least + 40).step_by(3).chain([1_000]).map(Span) {
                let (direct, _) = pool(&times, buffer, &service, keep_alive);
                prop_assert_eq!((found.idle_seconds(keep_alive) * 1e9).round() as u64, direct.idle);
            }
        }

        #[test]
        fn a_run_s_own_path_gives_its_cold_starts(
            (gaps, (batch, timeout), mean, cv, init) in cases(), keep_alive in 0u64..60,
        ) {
            let (times, service) = made(&gaps, &mean, cv, init);
            let buffer = policy::batch::BatchPolicy { batch, timeout: Span(timeout) };
            let (direct, own) = pool(&times, buffer, &service, Span(keep_alive));
            prop_assert_eq!(own.cold_starts(Span(keep_alive)), direct.cold);
        }
    }
}
