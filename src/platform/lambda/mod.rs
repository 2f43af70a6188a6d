//! A pool of function environments with cold starts, keep-alive and limits.
//!
//! Tie rules at one instant: environments that finish become idle first, then the invocation is placed.
//! An environment that has been idle for exactly its keep-alive is still warm.

pub mod idle;
mod lives;
mod stay;

use self::idle::{Environment, IdleSet, Reuse, Stay};
pub use self::lives::{EnvironmentLives, Lives};
use self::stay::{InitDraw, StayDraw};
use super::running::Running;
use super::token_bucket::TokenBucket;
use super::{Admission, Capacity, Load, Platform};
use crate::numeric::streams::Streams;
use crate::price::RateLimit;
use crate::profile::ServiceTimes;
use crate::profile::beside::{Beside, InitSpread};
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
    /// Of those that are idle, a half goes at the end of every such period.
    Halving(Span),
    /// By whether the function has others.
    LastAndSpare {
        /// The only one stays this long after its last use.
        last: Span,
        /// One that is not the only one, busy ones counted, stays this long.
        spare: Span,
    },
}

/// The settings of a pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSettings {
    /// Initialisation of a new environment's runtime.
    pub runtime_init: Span,
    /// Loading the model after that.
    pub model_init: Span,
    /// What calls take beside their service.
    pub beside: Beside,
    /// How long an idle environment stays.
    pub keep_alive: KeepAlive,
    /// An environment goes when it is this old, as soon as it is idle.
    pub max_age: Option<Span>,
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

impl PoolSettings {
    /// The pool of a function with these times, and so many provisioned environments.
    pub fn serving(&self, times: &ServiceTimes, provisioned: u32) -> PoolSettings {
        let (model_init, beside) = (times.init, times.beside.clone());
        PoolSettings { model_init, beside, provisioned, ..self.clone() }
    }

    /// How long every idle environment stays, and how long every new one takes, where that is always the same.
    pub fn constants(&self) -> Option<(Span, Span)> {
        let KeepAlive::Fixed(keep_alive) = self.keep_alive else { return None };
        let same = self.max_age.is_none()
            && self.beside.init == InitSpread::Fixed
            && self.beside.first_call_s == 0.0;
        same.then_some((keep_alive, self.runtime_init + self.model_init))
    }
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
    stays: StayDraw,
    inits: InitDraw,
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
    /// The lives so far, of all that began.
    pub lives: Lives,
}

impl LambdaPool {
    /// A cold pool.
    pub fn new(settings: PoolSettings, streams: Streams) -> Self {
        let bucket = |limit: RateLimit| TokenBucket::new(limit.burst, limit.tokens, limit.period);
        Self {
            running: Running::default(),
            idle: IdleSet::new(settings.reuse, streams.stream("reuse")),
            provisioned_free: settings.provisioned,
            scaling: bucket(settings.scaling),
            requests: bucket(settings.requests),
            next_environment: settings.provisioned,
            first_current: settings.provisioned,
            stays: StayDraw::new(&settings, streams),
            inits: InitDraw::new(&settings, streams),
            settings,
        }
    }

    /// A pool that goes on from `now` with what is there; neither the rule of reuse nor
    /// an age limit may ask for the age of environments.
    pub fn resumed(settings: PoolSettings, streams: Streams, now: Time, state: PoolState) -> Self {
        let provisioned = settings.provisioned;
        let mut pool = LambdaPool::new(settings, streams);
        for (finish, capacity) in state.running {
            let environment = match capacity {
                Capacity::Provisioned => 0,
                Capacity::OnDemand | Capacity::Instance => pool.next_environment,
            };
            pool.next_environment += u32::from(environment >= provisioned);
            pool.running.start(now, finish, Environment { number: environment, born: now });
        }
        for until in state.warm_until {
            pool.idle.put(Environment { number: pool.next_environment, born: now }, Stay::until(until));
            pool.next_environment += 1;
        }
        *pool.idle.lives() = state.lives;
        let PoolState { provisioned_free, scaling, requests, .. } = state;
        LambdaPool { provisioned_free, scaling, requests, ..pool }
    }

    /// Its environments count from then on.
    pub fn counting_from(mut self, from: Time) -> LambdaPool {
        *self.idle.lives() = Lives::from(from);
        self
    }

    /// The environments that were there until `end`, after which none is invoked.
    pub fn environments(mut self, end: Time) -> EnvironmentLives {
        self.collect_finished(Time(Time::NEVER.0 - 1));
        self.idle.counted(end, self.stays.knows_the_last())
    }

    #[inline]
    fn collect_finished(&mut self, now: Time) {
        while let Some((at, environment)) = self.running.next_finished(now) {
            if environment.number < self.settings.provisioned {
                self.provisioned_free += 1;
            } else if environment.number >= self.first_current {
                let stay = self.stays.draw(environment, at);
                self.idle.put(environment, stay);
            } else {
                self.idle.lives().ended(at);
            }
        }
    }

    fn take_idle(&mut self, now: Time) -> Option<Environment> {
        let may_be_the_last = self.stays.knows_the_last() && self.running.busy() == 0;
        if may_be_the_last { self.idle.take_where_none_is_busy(now) } else { self.idle.take(now) }
    }
}

impl Platform for LambdaPool {
    #[inline]
    fn invoke(&mut self, now: Time, service: Span) -> Admission {
        self.collect_finished(now);
        if self.running.busy() >= self.settings.concurrency || !self.requests.take(now) {
            return Admission::Throttled;
        }
        if self.provisioned_free > 0 {
            self.provisioned_free -= 1;
            self.running.start(now, now + service, Environment::default());
            return Admission::warm(Capacity::Provisioned, None);
        }
        if let Some(environment) = self.take_idle(now) {
            self.running.start(now, now + service, environment);
            return Admission::warm(Capacity::OnDemand, Some(environment.number));
        }
        if !self.scaling.take(now) {
            return Admission::Throttled;
        }
        let environment = Environment { number: self.next_environment, born: now };
        self.next_environment += 1;
        self.idle.lives().begun(now);
        let init = self.inits.draw(self.settings.runtime_init, self.settings.model_init);
        let first_call = self.settings.beside.first_call();
        self.running.start(now, now + init + first_call + service, environment);
        let (cold, capacity, environment) = (true, Capacity::OnDemand, Some(environment.number));
        Admission::Started { cold, init, first_call, capacity, environment }
    }

    fn renew(&mut self, now: Time, model_init: Span) {
        self.collect_finished(now);
        self.settings.model_init = model_init;
        self.first_current = self.next_environment;
        self.idle.clear(now);
    }

    #[inline]
    fn load(&self) -> Load {
        Load { busy: self.running.busy() }
    }
}

#[cfg(test)]
mod tests;
