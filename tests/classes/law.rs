//! The law beside the law of one class, in its limits, and beside itself.

use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels, SharedLaw, SharedLimits, SharedSizes};
use batchsim::arrivals::map::Map;
use batchsim::arrivals::marked::MarkedMap;
use batchsim::units::Span;
use proptest::prelude::*;

use super::{mmpp, poisson, random_process, seconds, spans};

/// The largest difference of two laws over their whole range.
fn apart(a: &BatchLaw, b: &BatchLaw, end: f64) -> f64 {
    (0..=200)
        .map(|i| end * f64::from(i) / 200.0)
        .map(|w| (a.wait_cdf(w) - b.wait_cdf(w)).abs())
        .fold(0.0, f64::max)
}

#[test]
fn classes_that_wait_alike_are_one() {
    let map = Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap();
    let wait = seconds(0.2);
    let one = SharedLaw::new(&MarkedMap::shared(&map, &[1.0]), &[wait], 8);
    let two = SharedLaw::new(&MarkedMap::shared(&map, &[0.3, 0.7]), &[wait, wait], 8);
    for (a, b) in one.sizes().batch_size().iter().zip(two.sizes().batch_size()) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    for class in 0..2 {
        assert!(apart(one.class(0), two.class(class), 0.2) < 1e-12);
    }
    assert!((two.sizes().requests()[0] / two.sizes().mean_batch() - 0.3).abs() < 1e-12);
}

#[test]
fn a_class_that_hardly_comes_leaves_the_other_its_own_law() {
    let map = Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap();
    let rare = MarkedMap::shared(&map, &[1e-10, 1.0 - 1e-10]);
    let shared = SharedLaw::new(&rare, &spans(&[0.05, 0.2]), 8);
    let alone = BatchLaw::new(&Levels::new(&map, 8, seconds(0.2)), 8);
    // The rare class itself cuts a batch in 1e9 or so.
    assert!(apart(shared.class(1), &alone, 0.2) < 1e-9, "{}", apart(shared.class(1), &alone, 0.2));
    assert!((shared.sizes().mean_batch() / alone.mean_batch() - 1.0).abs() < 1e-9);
}

#[test]
fn without_batches_or_without_a_longest_wait_nobody_waits() {
    let map = mmpp(&[8.0, 2.0], &[10.0, 90.0], [60.0, 5.0]);
    let single = SharedLaw::new(&map, &spans(&[0.1, 0.3]), 1);
    assert_eq!(single.sizes().batch_size(), [1.0]);
    for class in 0..2 {
        assert!((single.class(class).wait_cdf(0.0) - 1.0).abs() < 1e-12);
        let share = map.rates()[class] / map.rates().iter().sum::<f64>();
        assert!((single.sizes().requests()[class] - share).abs() < 1e-12);
    }
    let hasty = SharedLaw::new(&map, &spans(&[0.0, 0.3]), 8);
    assert!((hasty.class(0).wait_cdf(0.0) - 1.0).abs() < 1e-12);
    assert!(hasty.class(1).wait_cdf(0.0) < 0.9);
}

#[test]
fn two_poisson_classes_without_a_largest_batch_are_open_as_long_as_published() {
    // HarmonyBatch (IWQoS 2024), equation 3: the mean open time of two Poisson classes where no batch fills.
    let (r1, r2, t1, t2) = (3.0_f64, 5.0, 0.2, 0.7);
    let open = t1 + r2 / (r1 + r2) * (1.0 - (-r1 * (t2 - t1)).exp()) / r1;
    let sizes = SharedSizes::new(&poisson(&[r1, r2]), &spans(&[t1, t2]), 60);
    let expected = 1.0 + (r1 + r2) * open;
    assert!((sizes.mean_batch() / expected - 1.0).abs() < 1e-13, "{} {expected}", sizes.mean_batch());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// The general code for one class beside the fast one.
    #[test]
    fn one_class_has_the_law_of_one_class(
        order in 1..=3_usize,
        exponents in prop::collection::vec(-0.5..2.0_f64, 60),
        batch in 1..=12_u32,
        wait_ms in 0..800_u64,
    ) {
        let process = random_process(order, 1, &exponents);
        let wait = Span::from_millis(wait_ms);
        let shared = SharedLaw::new(&process, &[wait], batch);
        let fast = BatchLaw::new(&Levels::new(&process.unmarked(), batch, wait), batch);
        for (a, b) in shared.sizes().batch_size().iter().zip(fast.batch_size()) {
            prop_assert!((a - b).abs() < 1e-11, "{a} {b}");
        }
        let apart = apart(shared.class(0), &fast, wait.as_secs_f64());
        prop_assert!(apart < 1e-9, "{apart}");
    }

    /// Quadratures add up to the closed forms, latencies rise to 1, and the classes' shares are those of the arrivals.
    #[test]
    fn requests_are_neither_lost_nor_made(
        order in 1..=3_usize,
        classes in 1..=5_usize,
        exponents in prop::collection::vec(-0.5..2.0_f64, 60),
        batch in 1..=12_u32,
        waits in prop::collection::vec(0.0..0.8_f64, 5),
    ) {
        let process = random_process(order, classes, &exponents);
        let law = SharedLaw::new(&process, &spans(&waits[..classes]), batch);
        let rates = process.rates();
        let total: f64 = rates.iter().sum();
        let sum: f64 = law.sizes().requests().iter().sum();
        prop_assert!((sum / law.sizes().mean_batch() - 1.0).abs() < 1e-11);
        for (class, rate) in rates.iter().enumerate() {
            let share = law.sizes().requests()[class] / law.sizes().mean_batch();
            prop_assert!((share - rate / total).abs() < 1e-11);
            let (mut before, end) = (0.0, seconds(waits[class]).as_secs_f64());
            for step in 0..=100 {
                let share = law.class(class).wait_cdf(end * f64::from(step) / 100.0);
                prop_assert!(share >= before - 1e-9);
                before = share;
            }
            prop_assert!((law.class(class).wait_cdf(end) - 1.0).abs() < 1e-12);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The share of a class over its limits beside the whole law of its waits, and the bound above it.
    #[test]
    fn shares_over_limits_are_those_of_the_whole_law(
        order in 1..=3_usize,
        classes in 1..=5_usize,
        exponents in prop::collection::vec(-0.5..2.3_f64, 60),
        batch in 1..=12_u32,
        waits in prop::collection::vec(0.0..3.0_f64, 5),
        tie in any::<bool>(),
        slo in 0.0..1.5_f64,
        grows in 0.0..0.1_f64,
    ) {
        let process = random_process(order, classes, &exponents);
        let mut waits = spans(&waits[..classes]);
        if tie && classes > 1 {
            waits[0] = waits[1];
        }
        let law = SharedLaw::new(&process, &waits, batch);
        let limits = SharedLimits::new(&process, &waits, batch);
        let service: Vec<f64> = (0..batch).map(|n| 0.05 + grows * f64::from(n)).collect();
        for (class, wait) in waits.iter().enumerate() {
            // About the longest wait too, where the jump is.
            for slo in [slo, wait.as_secs_f64() + service[batch as usize / 2], wait.as_secs_f64() * 0.9 + 0.05] {
                let by_size: Vec<f64> = service.iter().map(|service| slo - service).collect();
                let whole = LatencyLaw::new(law.class(class), &service, 0.0).share_over(slo);
                let found = limits.share_over(class, &by_size);
                prop_assert!((whole - found).abs() < 1e-9, "{class} {slo}: {whole} {found}");
                let bound = limits.share_over_at_most(class, &by_size);
                prop_assert!(found <= bound, "{class} {slo}: {found} {bound}");
            }
        }
    }
}
