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
    /// EnvironmentLives that are always initialised (provisioned concurrency).
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
    /// EnvironmentLives numbered below this one, and not provisioned, end when they finish.
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::beside::InitIn;
    use crate::profile::quantiles::Shape;

    fn settings() -> PoolSettings {
        let free = RateLimit { burst: 1_000_000, tokens: 1_000_000, period: Span::from_secs(1) };
        PoolSettings {
            runtime_init: Span(30),
            model_init: Span(20),
            beside: Beside::default(),
            keep_alive: KeepAlive::Fixed(Span(100)),
            max_age: None,
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

    /// Numbers of environments are left out.
    fn invoke(pool: &mut LambdaPool, now: u64, service: u64) -> Admission {
        match pool.invoke(Time(now), Span(service)) {
            Admission::Started { cold, init, first_call, capacity, .. } => {
                Admission::Started { cold, init, first_call, capacity, environment: None }
            }
            Admission::Throttled => Admission::Throttled,
        }
    }

    const fn cold(init: u64, first_call: u64) -> Admission {
        let (init, first_call, capacity) = (Span(init), Span(first_call), Capacity::OnDemand);
        Admission::Started { cold: true, init, first_call, capacity, environment: None }
    }

    const COLD: Admission = cold(50, 0);
    const WARM: Admission = Admission::Started {
        cold: false,
        init: Span::ZERO,
        first_call: Span::ZERO,
        capacity: Capacity::OnDemand,
        environment: None,
    };

    #[test]
    fn an_environment_is_warm_through_its_keep_alive_and_cold_after() {
        let mut pool = pool(settings());
        assert_eq!(invoke(&mut pool, 0, 10), COLD); // busy to 60
        assert_eq!(invoke(&mut pool, 160, 10), WARM); // idle for exactly 100
        assert_eq!(invoke(&mut pool, 271, 10), COLD); // idle since 170, for 101
    }

    #[test]
    fn the_concurrency_limit_throttles() {
        let mut pool = pool(settings());
        assert_eq!(invoke(&mut pool, 0, 50), COLD);
        assert_eq!(invoke(&mut pool, 10, 50), COLD);
        assert_eq!(invoke(&mut pool, 20, 50), Admission::Throttled);
        assert_eq!(invoke(&mut pool, 100, 50), WARM); // the first has just finished
        // The second runs until 110.
        assert_eq!(pool.load(), Load { busy: 2 });
    }

    #[test]
    fn scaling_tokens_limit_new_environments_only() {
        let scaling = RateLimit { burst: 1, tokens: 1, period: Span(1_000) };
        let mut pool = pool(PoolSettings { scaling, concurrency: 10, ..settings() });
        assert_eq!(invoke(&mut pool, 0, 10), COLD);
        assert_eq!(invoke(&mut pool, 1, 10), Admission::Throttled);
        assert_eq!(invoke(&mut pool, 60, 10), WARM);
        assert_eq!(invoke(&mut pool, 61, 10), Admission::Throttled);
        assert_eq!(invoke(&mut pool, 1_000, 10), COLD);
    }

    #[test]
    fn provisioned_environments_are_never_cold_and_never_expire() {
        let mut pool = pool(PoolSettings { provisioned: 1, ..settings() });
        assert_eq!(invoke(&mut pool, 0, 10), Admission::warm(Capacity::Provisioned, None));
        assert_eq!(invoke(&mut pool, 5, 10), COLD);
        assert_eq!(invoke(&mut pool, 1_000_000, 10), Admission::warm(Capacity::Provisioned, None));
    }

    #[test]
    fn a_renewed_function_has_no_warm_environment() {
        let mut pool = pool(settings());
        assert_eq!(invoke(&mut pool, 0, 10), COLD);
        pool.renew(Time(20), Span(7)); // while it runs
        assert_eq!(invoke(&mut pool, 60, 10), cold(37, 0));
    }

    #[test]
    fn environments_are_counted_while_they_serve_and_while_they_are_idle() {
        let counted = |from, end, renewed: Option<u64>| {
            let mut pool = pool(settings()).counting_from(Time(from));
            assert_eq!(invoke(&mut pool, 0, 50), COLD); // the first: busy to 100, idle to 200
            assert_eq!(invoke(&mut pool, 55, 0), COLD); // the second: busy to 105
            assert_eq!(invoke(&mut pool, 150, 10), WARM); // in the second, which is idle from 160 to 260
            renewed.into_iter().for_each(|at| pool.renew(Time(at), Span(20)));
            pool.environments(Time(end))
        };
        let expected = |alive, at_first| EnvironmentLives { alive, at_first };
        assert_eq!(counted(0, 300, None), expected(200 + 205, 1));
        assert_eq!(counted(0, 230, None), expected(200 + 175, 1));
        assert_eq!(counted(100, 300, None), expected(100 + 160, 2));
        assert_eq!(counted(210, 300, None), expected(50, 1));
        assert_eq!(counted(0, 300, Some(170)), expected(170 + 115, 1));
        assert_eq!(counted(0, 300, Some(155)), expected(155 + 105, 1), "the second goes when it has served");
    }

    #[test]
    fn the_only_environment_counts_until_it_goes() {
        let alive = |last, spare, end| {
            let keep_alive = KeepAlive::LastAndSpare { last: Span(last), spare: Span(spare) };
            let mut pool = pool(PoolSettings { keep_alive, ..settings() });
            assert_eq!(invoke(&mut pool, 0, 50), COLD); // busy to 100
            assert_eq!(invoke(&mut pool, 10, 60), COLD); // busy to 120
            pool.environments(Time(end)).alive
        };
        // The first goes as a spare one; then the second is the only one, and goes by its own time.
        assert_eq!(alive(60, 100, 1_000), 200 + 190, "its own time, 180, has passed");
        assert_eq!(alive(90, 100, 1_000), 200 + 200);
        assert_eq!(alive(300, 100, 1_000), 200 + 410);
        assert_eq!(alive(300, 100, 150), 150 + 140);
    }

    proptest! {
        /// Each life is from its cold start until its last finish and the keep-alive; the most at once by the ends of lives.
        #[test]
        fn lives_are_those_that_admissions_show(
            rule in 0_usize..4,
            calls in prop::collection::vec((0_u64..90, 0_u64..60), 1..80),
            from in 0_u64..2_000,
        ) {
            let reuse = Reuse::NAMES[rule].1;
            let mut pool = pool(PoolSettings { reuse, concurrency: 5, ..settings() }).counting_from(Time(from));
            let mut lives: Vec<(u64, u64)> = Vec::new();
            let (mut now, mut peak_busy) = (0, 0);
            for (gap, service) in calls {
                now += gap;
                if let Admission::Started { init, environment: Some(number), .. } = pool.invoke(Time(now), Span(service)) {
                    lives.resize(lives.len().max(number as usize + 1), (now, 0));
                    lives[number as usize].1 = now + init.0 + service;
                    peak_busy = peak_busy.max(if now >= from { pool.load().busy } else { 0 });
                }
            }
            let end = lives.iter().map(|life| life.1).max().unwrap();
            let gone = |life: &(u64, u64)| (life.1 + 100).min(end);
            let alive: u64 = lives.iter().map(|life| gone(life).saturating_sub(life.0.max(from))).sum();
            let there = |at: u64| lives.iter().filter(|life| life.0 <= at && at <= gone(life)).count() as u64;
            let counted = pool.environments(Time(end));
            prop_assert_eq!(counted.alive, u128::from(alive));
            if from < end {
                let most = lives.iter().map(|life| life.0).filter(|born| *born > from).map(there).max();
                prop_assert_eq!(counted.at_first.max(peak_busy), most.unwrap_or(0).max(there(from)));
            }
        }
    }

    #[test]
    fn the_only_environment_stays_for_a_time_of_its_own() {
        let keep_alive = KeepAlive::LastAndSpare { last: Span(60), spare: Span(100) };
        let mut pool = pool(PoolSettings { keep_alive, ..settings() });
        assert_eq!(invoke(&mut pool, 0, 10), COLD); // busy to 60
        assert_eq!(invoke(&mut pool, 120, 10), WARM); // alone for exactly 60
        assert_eq!(invoke(&mut pool, 191, 10), COLD); // idle since 130, alone for 61; busy to 251
        assert_eq!(invoke(&mut pool, 200, 500), COLD); // beside it, busy to 750
        assert_eq!(invoke(&mut pool, 351, 10), WARM); // idle since 251 with the other busy: a spare one
        assert_eq!(invoke(&mut pool, 462, 10), COLD); // idle since 361, for 101
    }

    #[test]
    fn an_old_environment_goes_as_soon_as_it_is_idle() {
        let mut pool = pool(PoolSettings { max_age: Some(Span(200)), ..settings() });
        assert_eq!(invoke(&mut pool, 0, 100), COLD); // created at 0, busy to 150
        assert_eq!(invoke(&mut pool, 200, 100), WARM); // exactly that old
        assert_eq!(invoke(&mut pool, 300, 10), COLD); // it ended at 300, older
    }

    #[test]
    fn half_of_the_idle_environments_go_every_period() {
        let keep_alive = KeepAlive::Halving(Span(1_000));
        let concurrency = 100_000;
        let survivors = |after: u64| {
            let mut pool = pool(PoolSettings { keep_alive, concurrency, ..settings() });
            assert!((0..40_000).all(|_| invoke(&mut pool, 0, 10) == COLD));
            let again = (0..40_000).map(|_| invoke(&mut pool, 60 + after, 10));
            again.filter(|admission| *admission == WARM).count() as f64 / 40_000.0
        };
        // Four standard deviations of a share of 40,000.
        for (after, share) in [(1_000, 1.0), (1_001, 0.5), (2_000, 0.5), (2_001, 0.25), (3_001, 0.125)] {
            assert!((survivors(after) - share).abs() < 0.01, "{after}: {}", survivors(after));
        }
    }

    #[test]
    fn initialisation_varies_as_it_is_told_and_the_first_call_takes_longer() {
        let beside = |init, init_in| Beside { init, init_in, first_call_s: 7e-9, ..Beside::default() };
        let inits = |beside: Beside| -> Vec<u64> {
            let (runtime_init, model_init) = (Span(30_000), Span(20_000));
            let wide = PoolSettings { concurrency: 100_000, runtime_init, model_init, beside, ..settings() };
            let mut pool = pool(wide);
            (0..20_000)
                .map(|_| match pool.invoke(Time(0), Span(10)) {
                    Admission::Started { init, first_call: Span(7), .. } => init.0,
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        let moments = |all: &[u64]| {
            let mean = all.iter().sum::<u64>() as f64 / all.len() as f64;
            let square = all.iter().map(|x| (*x as f64 - mean).powi(2)).sum::<f64>() / all.len() as f64;
            (mean, square.sqrt())
        };
        let (mean, deviation) = moments(&inits(beside(InitSpread::Lognormal(0.5), InitIn::Init)));
        assert!((mean / 50_000.0 - 1.0).abs() < 0.02 && (deviation / 25_000.0 - 1.0).abs() < 0.05);
        let handler = inits(beside(InitSpread::Lognormal(0.5), InitIn::Handler));
        let (mean, deviation) = moments(&handler);
        assert!((mean / 50_000.0 - 1.0).abs() < 0.02 && (deviation / 10_000.0 - 1.0).abs() < 0.05);
        assert!(handler.iter().all(|init| *init > 30_000));
        // Half of them need none, as where environments are replaced ahead of need.
        let shape = Shape { shares: vec![0.0, 0.5, 1.0], factors: vec![vec![0.0, 0.0, 4.0]] };
        let (mean, _) = moments(&inits(beside(InitSpread::Quantiles(shape), InitIn::Init)));
        assert!((mean / 50_000.0 - 1.0).abs() < 0.03, "{mean}");
    }
}
