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
