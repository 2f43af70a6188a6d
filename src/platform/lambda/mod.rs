//! A pool of function environments with cold starts, keep-alive and limits.
//!
//! Tie rules at one instant: environments that finish become idle first, then the invocation is placed.
//! An environment that has been idle for exactly its keep-alive is still warm.

pub mod billing;
pub mod idle;

use rand_distr::{Distribution, LogNormal};

use self::idle::{IdleSet, Reuse};
use super::running::Running;
use super::token_bucket::TokenBucket;
use super::{Admission, Capacity, Load, Platform};
use crate::numeric::streams::{Stream, Streams};
use crate::units::{Span, Time};

/// How long an idle environment stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum KeepAlive {
    /// Always this long.
    Fixed(Span),
    /// Drawn anew at each return: lognormal with this mean and coefficient of variation.
    Random {
        /// Mean.
        mean: Span,
        /// Coefficient of variation.
        cv: f64,
    },
}

/// How fast invocations or environments may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At once.
    pub burst: u64,
    /// Gained per `period`.
    pub tokens: u64,
    /// See `tokens`.
    pub period: Span,
}

/// The settings of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSettings {
    /// Initialisation of a new environment's runtime.
    pub runtime_init: Span,
    /// Loading the model after that.
    pub model_init: Span,
    /// How long an idle environment stays.
    pub keep_alive: KeepAlive,
    /// Which idle environment serves next.
    pub reuse: Reuse,
    /// The most environments that are busy at once.
    pub concurrency: u64,
    /// How fast environments may be added.
    pub scaling: RateLimit,
    /// How fast invocations may come.
    pub requests: RateLimit,
    /// Environments that are always initialised (provisioned concurrency).
    pub provisioned: u32,
}

/// The pool of one function's environments.
#[derive(Debug)]
pub struct LambdaPool {
    settings: PoolSettings,
    running: Running,
    idle: IdleSet,
    /// Provisioned environments that are free.
    provisioned_free: u32,
    scaling: TokenBucket,
    requests: TokenBucket,
    /// The number of the next environment; those below `provisioned` are provisioned.
    next_environment: u32,
    /// Environments numbered below this one, and not provisioned, end when they finish.
    first_current: u32,
    keep_alive: KeepAliveDraw,
}

/// What is there in a pool at some time.
#[derive(Debug)]
pub struct PoolState {
    /// When those that are busy finish, and whose they are.
    pub running: Vec<(Time, Capacity)>,
    /// Until when the others stay warm, in the order in which they became idle.
    pub warm_until: Vec<Time>,
    /// Provisioned environments that are free.
    pub provisioned_free: u32,
    /// The right to add environments.
    pub scaling: TokenBucket,
    /// The right to invoke.
    pub requests: TokenBucket,
}

#[derive(Debug)]
enum KeepAliveDraw {
    Fixed(Span),
    Random(LogNormal<f64>, Box<Stream>),
}

impl LambdaPool {
    /// A cold pool.
    pub fn new(settings: PoolSettings, streams: Streams) -> Self {
        let bucket = |limit: RateLimit| TokenBucket::new(limit.burst, limit.tokens, limit.period);
        let keep_alive = match settings.keep_alive {
            KeepAlive::Random { mean, cv } if cv > 0.0 => {
                let law = LogNormal::from_mean_cv(mean.as_secs_f64(), cv).expect("checked by the scenario");
                KeepAliveDraw::Random(law, Box::new(streams.stream("keep-alive")))
            }
            KeepAlive::Fixed(mean) | KeepAlive::Random { mean, .. } => KeepAliveDraw::Fixed(mean),
        };
        Self {
            running: Running::default(),
            idle: IdleSet::new(settings.reuse, streams.stream("reuse")),
            provisioned_free: settings.provisioned,
            scaling: bucket(settings.scaling),
            requests: bucket(settings.requests),
            next_environment: settings.provisioned,
            first_current: settings.provisioned,
            keep_alive,
            settings,
        }
    }

    /// A pool that goes on from `now` with what is there; the rule of reuse must not ask for the age of environments.
    pub fn resumed(settings: PoolSettings, streams: Streams, now: Time, state: PoolState) -> Self {
        let provisioned = settings.provisioned;
        let mut pool = LambdaPool::new(settings, streams);
        for (finish, capacity) in state.running {
            let environment = match capacity {
                Capacity::Provisioned => 0,
                Capacity::OnDemand | Capacity::Instance => pool.next_environment,
            };
            pool.next_environment += u32::from(environment >= provisioned);
            pool.running.start(now, finish, environment);
        }
        for until in state.warm_until {
            pool.idle.put(pool.next_environment, until);
            pool.next_environment += 1;
        }
        let PoolState { provisioned_free, scaling, requests, .. } = state;
        LambdaPool { provisioned_free, scaling, requests, ..pool }
    }

    #[inline]
    fn collect_finished(&mut self, now: Time) {
        while let Some((at, environment)) = self.running.next_finished(now) {
            if environment < self.settings.provisioned {
                self.provisioned_free += 1;
            } else if environment >= self.first_current {
                let stay = match &mut self.keep_alive {
                    KeepAliveDraw::Fixed(span) => *span,
                    KeepAliveDraw::Random(law, stream) => {
                        Span::from_secs_f64(law.sample(stream)).unwrap_or(Span::MAX)
                    }
                };
                self.idle.put(environment, at + stay);
            }
        }
    }
}

impl Platform for LambdaPool {
    #[inline]
    fn invoke(&mut self, now: Time, service: Span) -> Admission {
        self.collect_finished(now);
        if self.running.busy() >= self.settings.concurrency || !self.requests.take(now) {
            return Admission::Throttled;
        }
        let mut capacity = Capacity::OnDemand;
        let (environment, cold) = if self.provisioned_free > 0 {
            self.provisioned_free -= 1;
            capacity = Capacity::Provisioned;
            (0, false)
        } else if let Some(environment) = self.idle.take(now) {
            (environment, false)
        } else if self.scaling.take(now) {
            self.next_environment += 1;
            (self.next_environment - 1, true)
        } else {
            return Admission::Throttled;
        };
        let init = if cold { self.settings.runtime_init + self.settings.model_init } else { Span::ZERO };
        self.running.start(now, now + init + service, environment);
        Admission::Started { cold, init, capacity }
    }

    fn renew(&mut self, model_init: Span) {
        self.settings.model_init = model_init;
        self.first_current = self.next_environment;
        self.idle.clear();
    }

    #[inline]
    fn load(&self) -> Load {
        Load { busy: self.running.busy() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PoolSettings {
        let free = RateLimit { burst: 1_000_000, tokens: 1_000_000, period: Span::from_secs(1) };
        PoolSettings {
            runtime_init: Span(30),
            model_init: Span(20),
            keep_alive: KeepAlive::Fixed(Span(100)),
            reuse: Reuse::MostRecent,
            concurrency: 2,
            scaling: free,
            requests: free,
            provisioned: 0,
        }
    }

    fn pool(settings: PoolSettings) -> LambdaPool {
        LambdaPool::new(settings, Streams::new(1))
    }

    const COLD: Admission = Admission::Started { cold: true, init: Span(50), capacity: Capacity::OnDemand };
    const WARM: Admission =
        Admission::Started { cold: false, init: Span::ZERO, capacity: Capacity::OnDemand };
    const PROVISIONED: Admission =
        Admission::Started { cold: false, init: Span::ZERO, capacity: Capacity::Provisioned };

    #[test]
    fn an_environment_is_warm_through_its_keep_alive_and_cold_after() {
        let mut pool = pool(settings());
        assert_eq!(pool.invoke(Time(0), Span(10)), COLD); // busy to 60
        assert_eq!(pool.invoke(Time(160), Span(10)), WARM); // idle for exactly 100
        assert_eq!(pool.invoke(Time(271), Span(10)), COLD); // idle since 170, for 101
    }

    #[test]
    fn the_concurrency_limit_throttles() {
        let mut pool = pool(settings());
        assert_eq!(pool.invoke(Time(0), Span(50)), COLD);
        assert_eq!(pool.invoke(Time(10), Span(50)), COLD);
        assert_eq!(pool.invoke(Time(20), Span(50)), Admission::Throttled);
        assert_eq!(pool.invoke(Time(100), Span(50)), WARM); // the first has just finished
        // The second runs until 110.
        assert_eq!(pool.load(), Load { busy: 2 });
    }

    #[test]
    fn scaling_tokens_limit_new_environments_only() {
        let scaling = RateLimit { burst: 1, tokens: 1, period: Span(1_000) };
        let mut pool = pool(PoolSettings { scaling, concurrency: 10, ..settings() });
        assert_eq!(pool.invoke(Time(0), Span(10)), COLD);
        assert_eq!(pool.invoke(Time(1), Span(10)), Admission::Throttled);
        assert_eq!(pool.invoke(Time(60), Span(10)), WARM);
        assert_eq!(pool.invoke(Time(61), Span(10)), Admission::Throttled);
        assert_eq!(pool.invoke(Time(1_000), Span(10)), COLD);
    }

    #[test]
    fn provisioned_environments_are_never_cold_and_never_expire() {
        let mut pool = pool(PoolSettings { provisioned: 1, ..settings() });
        assert_eq!(pool.invoke(Time(0), Span(10)), PROVISIONED);
        assert_eq!(pool.invoke(Time(5), Span(10)), COLD);
        assert_eq!(pool.invoke(Time(1_000_000), Span(10)), PROVISIONED);
    }

    #[test]
    fn a_renewed_function_has_no_warm_environment() {
        let mut pool = pool(settings());
        assert_eq!(pool.invoke(Time(0), Span(10)), COLD);
        pool.renew(Span(7)); // while it runs
        let cold = Admission::Started { cold: true, init: Span(37), capacity: Capacity::OnDemand };
        assert_eq!(pool.invoke(Time(60), Span(10)), cold);
    }
}
