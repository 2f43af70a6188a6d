//! Whatever the scenario, all configurations at once give what the engine gives for each.

use proptest::prelude::*;

use super::follow::{Common, Peaks};
use super::{Counted, Keep, Pair, Wanted, common, pass};
use crate::arrivals::memory::InMemory;
use crate::document::Document;
use crate::engine::observer::{Observer, StartedBatch};
use crate::engine::recorder::{Record, Recorder, Rules, Tally};
use crate::engine::service::ServiceDraws;
use crate::engine::simulate::{Unwatched, rules};
use crate::engine::{Replay, Retry, replay};
use crate::numeric::streams::Streams;
use crate::platform::lambda::idle::Reuse;
use crate::platform::lambda::{KeepAlive, LambdaPool, PoolSettings};
use crate::platform::warm::Warm;
use crate::policy;
use crate::price::RateLimit;
use crate::profile::ServiceTimes;
use crate::profile::beside::{Beside, InitSpread};
use crate::scenario::Scenario;
use crate::scenario::platform::{Environments, RetrySpec};
use crate::units::{MemoryMb, Span, Time};

const LARGEST: u32 = 6;
/// Few, so that many chunks and stretches are seen.
const CHUNK: usize = 50;
const STRETCH: u64 = 100;

fn scenario() -> Scenario {
    let text = "[workload]\nkind = \"poisson\"\nrate = 1\nrequests = 1\n[profile]\nmemory_mb = [1024]\nbatch = [1]\n\
                service_s = [[1.0]]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
                [policy]\nkind = \"unbatched\"\n";
    Scenario::from_document(&Document::parse("grid.toml", text).unwrap(), "grid").unwrap()
}

/// Every latency of what is counted, in ascending order.
struct All(Vec<u64>, Time);

impl Observer for All {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        if batch.started >= self.1 {
            self.0.extend(arrivals.iter().map(|time| batch.answered().0 - time.0));
        }
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}

/// What the engine gives.
fn engine(
    scenario: &Scenario,
    times: &[Time],
    policy: policy::batch::BatchPolicy,
    wanted: Wanted<'_>,
) -> (Record, Vec<u64>) {
    let streams = Streams::new(7);
    let rules = Rules { stretch: STRETCH, ..rules(scenario) };
    let RetrySpec { attempts, base, cap } = scenario.platform.retry;
    let retry = Retry { attempts, base, cap };
    let (service, backoff) = (ServiceDraws::new(wanted.times.clone(), streams), streams.stream("back-off"));
    let (mut recorder, mut all) = (Recorder::new(rules), All(Vec::new(), rules.warmup));
    let mut observers = (&mut recorder, &mut all);
    let mut arrivals = InMemory::new(times);
    let pool = match &scenario.platform.environments {
        Environments::AlwaysWarm => {
            let platform = Warm::default();
            replay(&mut arrivals, Replay { policy, platform, service, retry, backoff }, &mut observers)
                .unwrap();
            None
        }
        Environments::Pool(pool) => {
            let keep_alive = wanted.keep_alive.map_or(pool.keep_alive, KeepAlive::Fixed);
            let settings = PoolSettings { keep_alive, ..pool.clone() };
            let settings = settings.serving(wanted.times, wanted.provisioned);
            let platform = LambdaPool::new(settings, streams).counting_from(rules.warmup);
            let replay_of = Replay { policy, platform, service, retry, backoff };
            Some(replay(&mut arrivals, replay_of, &mut observers).unwrap())
        }
    };
    all.0.sort_unstable();
    let record = recorder.into_record();
    let environments = pool.map(|pool| pool.environments(record.last_finish));
    (Record { environments, ..record }, all.0)
}

fn check(
    found: &Counted,
    (record, latencies): &(Record, Vec<u64>),
    accuracy: f64,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.tally, record.total.tally);
    prop_assert_eq!(&found.sizes, &record.sizes);
    prop_assert_eq!(found.last_finish, record.last_finish);
    prop_assert_eq!(latencies.len() as u64, record.total.tally.requests);
    let histogram = found.histogram();
    prop_assert_eq!(histogram.total(), latencies.len() as u64);
    for q in [0.001, 0.5, 0.95, 0.999, 1.0] {
        let Some(quantile) = found.quantile(q) else {
            prop_assert!(latencies.is_empty());
            continue;
        };
        let rank = ((q * latencies.len() as f64).ceil() as usize).max(1);
        let exact = latencies[rank - 1] as f64;
        let within = exact * accuracy + 1.0;
        let rounded = histogram.quantile(q).unwrap();
        prop_assert!((quantile * 1e9 - exact).abs() <= within, "{} is not {exact}", quantile * 1e9);
        prop_assert!((rounded - exact).abs() <= 2.0 * within, "{rounded} is not {exact}");
        prop_assert!(quantile * 1e9 <= found.tally.max_latency as f64 + 1e-6);
        prop_assert!(record.total.latency.quantile(q).unwrap() <= found.tally.max_latency as f64);
    }
    Ok(())
}

/// Everything in multiples of a unit, so that equal times are common: an environment that is idle for exactly its
/// keep-alive, one that finishes as a batch leaves, a request at exactly the SLO.
#[derive(Debug, Clone)]
struct Case {
    unit: u64,
    gaps: Vec<u64>,
    buffers: Vec<(u32, u64)>,
    /// Service times by size, and initialisation.
    services: Vec<(Vec<u64>, u64)>,
    provisioned: u32,
    cv: f64,
    /// Overhead in units with its variation, the variation of initialisation, and the first call's surcharge.
    beside: ((u64, f64), f64, u64),
    slo: u64,
    warmup: u64,
    step: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let gap = prop_oneof![3 => Just(0u64), 6 => 0u64..6, 3 => 0u64..40, 1 => 0u64..400];
    let gaps = prop::collection::vec(gap, 0..400);
    let buffers = prop::collection::vec((1..=LARGEST, prop_oneof![Just(0u64), 0u64..30]), 1..3);
    let service = prop::collection::vec(prop_oneof![0u64..12, 0u64..60], LARGEST as usize);
    let services = prop::collection::vec((service, prop_oneof![Just(0u64), 0u64..30]), 1..4);
    let (cv, slo) =
        (prop_oneof![2 => Just(0.0), 1 => Just(0.7)], prop_oneof![4 => 0u64..70, 1 => Just(1 << 40)]);
    let what = (prop_oneof![Just(1u64), Just(1_000_000)], gaps, buffers, services);
    let overhead = prop_oneof![3 => Just((0u64, 0.0)), 1 => (1u64..20).prop_map(|o| (o, 0.0)), 1 => (1u64..20).prop_map(|o| (o, 0.8))];
    let beside =
        (overhead, prop_oneof![4 => Just(0.0), 1 => Just(0.5)], prop_oneof![4 => Just(0u64), 1 => 1u64..9]);
    let luck = (cv, beside);
    (what, 0u32..3, luck, slo, prop_oneof![Just(0u64), 0u64..200], 1usize..40).prop_map(
        |((unit, gaps, buffers, services), provisioned, (cv, beside), slo, warmup, step)| Case {
            unit,
            gaps,
            buffers,
            services,
            provisioned,
            cv,
            beside,
            slo,
            warmup,
            step,
        },
    )
}

fn pools() -> impl Strategy<Value = PoolSettings> {
    let limit = |most: u64| {
        let few = (1..most, 1u64..60).prop_map(|(tokens, period)| RateLimit {
            burst: tokens,
            tokens,
            period: Span(period),
        });
        let none = RateLimit { burst: 1 << 30, tokens: 1 << 30, period: Span(1) };
        prop_oneof![4 => Just(none), 1 => few]
    };
    let keep_alive = prop_oneof![
        18 => (0u64..60).prop_map(|span| KeepAlive::Fixed(Span(span))),
        1 => Just(KeepAlive::Random { mean: Span(20), cv: 1.0 }),
        1 => (1u64..30).prop_map(|span| KeepAlive::Halving(Span(span))),
        2 => (1u64..40, 1u64..40).prop_map(|(last, spare)| KeepAlive::LastAndSpare { last: Span(last), spare: Span(spare) }),
    ];
    let reuse = prop_oneof![
        4 => Just(Reuse::MostRecent), 3 => Just(Reuse::LeastRecent), 1 => Just(Reuse::Newest), 1 => Just(Reuse::Random)
    ];
    let concurrency = prop_oneof![4 => Just(1000u64), 1 => 1u64..8];
    let max_age = prop_oneof![6 => Just(None), 1 => (0u64..300).prop_map(|span| Some(Span(span)))];
    (0u64..10, (keep_alive, max_age), reuse, concurrency, limit(8), limit(20)).prop_map(
        |(runtime_init, (keep_alive, max_age), reuse, concurrency, scaling, requests)| PoolSettings {
            runtime_init: Span(runtime_init),
            model_init: Span::ZERO,
            beside: Beside::default(),
            keep_alive,
            max_age,
            reuse,
            concurrency,
            scaling,
            requests,
            provisioned: 0,
        },
    )
}

/// The pool with its spans in the unit of a case.
fn in_units(pool: &PoolSettings, unit: u64) -> PoolSettings {
    let times = |span: Span| Span(span.0 * unit);
    let limit = |limit: RateLimit| RateLimit { period: times(limit.period), ..limit };
    PoolSettings {
        runtime_init: times(pool.runtime_init),
        keep_alive: match pool.keep_alive {
            KeepAlive::Fixed(span) => KeepAlive::Fixed(times(span)),
            KeepAlive::Random { mean, cv } => KeepAlive::Random { mean: times(mean), cv },
            KeepAlive::Halving(every) => KeepAlive::Halving(times(every)),
            KeepAlive::LastAndSpare { last, spare } => {
                KeepAlive::LastAndSpare { last: times(last), spare: times(spare) }
            }
        },
        max_age: pool.max_age.map(times),
        scaling: limit(pool.scaling),
        requests: limit(pool.requests),
        ..pool.clone()
    }
}

/// What calls take beside in a case.
fn beside(case: &Case) -> Beside {
    let ((overhead, overhead_cv), init_cv, first_call) = case.beside;
    let seconds = |units: u64| Span(units * case.unit).as_secs_f64();
    let init = if init_cv > 0.0 { InitSpread::Lognormal(init_cv) } else { InitSpread::Fixed };
    let (overhead_s, first_call_s) = (seconds(overhead), seconds(first_call));
    Beside { init, first_call_s, overhead_s, overhead_cv, ..Beside::default() }
}

fn agrees(case: &Case, environments: Environments, attempts: u32) -> Result<(), TestCaseError> {
    let span = |units: u64| Span(units * case.unit);
    let mut scenario = scenario();
    let shortest = case.services.iter().flat_map(|(mean, _)| mean).min().copied().unwrap_or(0);
    scenario.profile.service_s = vec![vec![span(shortest).as_secs_f64()]];
    scenario.platform.retry = RetrySpec { attempts, base: span(10), cap: span(25) };
    scenario.slo.latency = Some(span(case.slo));
    scenario.warmup = span(case.warmup);
    let is_warm = matches!(environments, Environments::AlwaysWarm);
    scenario.platform.environments = environments;
    let mut now = 0;
    let add = |gap: &u64| {
        now += gap * case.unit;
        Time(now)
    };
    let times: Vec<Time> = case.gaps.iter().map(add).collect();
    let service = |(memory, (mean, init)): (u32, &(Vec<u64>, u64))| ServiceTimes {
        cv: case.cv,
        init: span(*init),
        beside: beside(case),
        ..ServiceTimes::fixed(MemoryMb(memory), mean.iter().map(|units| span(*units)).collect())
    };
    let services: Vec<ServiceTimes> = (1..).zip(&case.services).map(service).collect();
    let provisioned = |i: usize| if is_warm { 0 } else { case.provisioned * (i as u32 % 2) };
    let keep_alive = |i: usize| (i == 1).then_some(span(17));
    let keep = |i: usize| if i == 2 { Keep::Record } else { Keep::Totals };
    let wanted: Vec<Wanted<'_>> = services
        .iter()
        .enumerate()
        .map(|(i, times)| Wanted {
            times,
            provisioned: provisioned(i),
            keep_alive: keep_alive(i),
            keep: keep(i),
        })
        .collect();
    let pair = |(batch, timeout): &(u32, u64)| {
        let buffer = policy::batch::BatchPolicy { batch: *batch, timeout: span(*timeout) };
        Pair { buffer, wanted: wanted.clone() }
    };
    let pairs: Vec<Pair<'_>> = case.buffers.iter().map(pair).collect();
    let streams = Streams::new(7);
    let common = common(&scenario, streams);
    let common = Common { rules: Rules { stretch: STRETCH, ..common.rules }, ..common };
    let evaluate = |mut arrivals: InMemory<'_>, peaks| {
        pass(common, &mut arrivals, (&pairs, peaks), (CHUNK, &mut Unwatched)).unwrap()
    };
    let found = evaluate(InMemory::in_blocks(&times, case.step), Peaks::Followed);
    let quick = evaluate(InMemory::new(&times), Peaks::Left);
    for ((pair, found), quick) in pairs.iter().zip(&found).zip(&quick) {
        for ((wanted, found), quick) in pair.wanted.iter().zip(found).zip(quick) {
            let mut expected = engine(&scenario, &times, pair.buffer, *wanted);
            // A wait's bucket and a latency's may both be off.
            check(found, &expected, 2.0 / 2048.0)?;
            if let Some(record) = &found.record {
                prop_assert_eq!(&**record, &expected.0);
            }
            if is_warm && !wanted.times.is_random() && wanted.keep == Keep::Totals {
                expected.0.total.tally = Tally { peak_concurrency: 0, ..expected.0.total.tally };
            }
            check(quick, &expected, 2.0 / 2048.0)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn warm_configurations_are_the_engine_s(case in cases()) {
        agrees(&case, Environments::AlwaysWarm, 1)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn cold_configurations_are_the_engine_s(case in cases(), pool in pools(), attempts in 1u32..4) {
        agrees(&case, Environments::Pool(in_units(&pool, case.unit)), attempts)?;
    }
}
