//! Several classes in one buffer: the law against independently computed figures, its limits, and the engine.

use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels, SharedLaw, SharedLimits, SharedSizes};
use batchsim::arrivals::map::Map;
use batchsim::arrivals::marked::MarkedMap;
use batchsim::document::Document;
use batchsim::engine::classes::simulate::simulate_group;
use batchsim::engine::simulate::{Unwatched, simulate};
use batchsim::numeric::matrix::Matrix;
use batchsim::planner::shared::predict_group;
use batchsim::scenario::Scenario;
use batchsim::units::Span;
use proptest::prelude::*;
use serde_json::Value;

fn seconds(seconds: f64) -> Span {
    Span::from_secs_f64(seconds).unwrap()
}

fn spans(waits: &[f64]) -> Vec<Span> {
    waits.iter().map(|wait| seconds(*wait)).collect()
}

fn matrix(rows: &[&[f64]]) -> Matrix {
    Matrix::from_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
}

/// Poisson arrivals with a rate for each class.
fn poisson(rates: &[f64]) -> MarkedMap {
    MarkedMap::merged(&rates.iter().map(|rate| Map::poisson(*rate)).collect::<Vec<_>>())
}

/// Two phases, each with a rate for each class, and their mean sojourns [s].
fn mmpp(first: &[f64], second: &[f64], sojourns: [f64; 2]) -> MarkedMap {
    let by_class: Vec<Matrix> =
        first.iter().zip(second).map(|(a, b)| matrix(&[&[*a, 0.0], &[0.0, *b]])).collect();
    let leave = sojourns.map(|sojourn| 1.0 / sojourn);
    let diagonal = [first, second].map(|rates| rates.iter().sum::<f64>());
    let d0 = matrix(&[&[-diagonal[0] - leave[0], leave[0]], &[leave[1], -diagonal[1] - leave[1]]]);
    MarkedMap::new(d0, by_class).unwrap()
}

fn service(batch: u32) -> Vec<f64> {
    (1..=batch).map(|n| 0.020 + 0.006 * f64::from(n)).collect()
}

/// 1,024 MB billed per started millisecond [$/batch].
fn cost(service: f64) -> f64 {
    (service * 1000.0 - 1e-9).ceil() / 1000.0 * 1.66667e-5 + 2e-7
}

/// A case of the reference table: arrivals, B, E[N], $ per million; by class T, share, mean, p50, p95, p99 and the
/// share over T + 0.05 s.
type Case = (MarkedMap, u32, [f64; 2], Vec<[f64; 7]>);

fn poisson_cases() -> Vec<Case> {
    vec![
        (
            poisson(&[8.0, 32.0]),
            4,
            [3.426810, 0.255636],
            vec![
                [0.05, 0.200000, 0.067289, 0.070386, 0.088000, 0.092347, 0.000000],
                [0.1, 0.800000, 0.076833, 0.070386, 0.135681, 0.138000, 0.000000],
            ],
        ),
        (
            poisson(&[20.0, 20.0]),
            8,
            [5.608387, 0.195096],
            vec![
                [0.1, 0.500000, 0.116755, 0.122850, 0.162000, 0.162624, 0.158585],
                [0.2, 0.500000, 0.128362, 0.122850, 0.223145, 0.256000, 0.014607],
            ],
        ),
        (
            poisson(&[2.0, 38.0]),
            16,
            [12.995259, 0.141041],
            vec![
                [0.1, 0.050000, 0.165604, 0.168000, 0.210000, 0.210254, 0.705677],
                [0.5, 0.950000, 0.275807, 0.258723, 0.507586, 0.586000, 0.023971],
            ],
        ),
        (
            poisson(&[30.0, 10.0]),
            2,
            [1.663003, 0.420706],
            vec![
                [0.02, 0.750000, 0.038657, 0.036613, 0.047755, 0.051091, 0.000000],
                [0.4, 0.250000, 0.047033, 0.036613, 0.094178, 0.134414, 0.000000],
            ],
        ),
        (
            poisson(&[0.3, 0.5]),
            4,
            [1.975847, 0.369927],
            vec![
                [0.5, 0.375000, 0.459919, 0.526000, 0.538000, 0.538000, 0.000000],
                [2.0, 0.625000, 1.212364, 1.250486, 2.038000, 2.038000, 0.000000],
            ],
        ),
        (
            poisson(&[5.0, 10.0, 20.0]),
            13,
            [9.937686, 0.153668],
            vec![
                [0.15, 0.142857, 0.182642, 0.200000, 0.242000, 0.242000, 0.484215],
                [0.45, 0.285714, 0.232975, 0.215523, 0.442324, 0.528263, 0.019915],
                [0.65, 0.571429, 0.233415, 0.215523, 0.442324, 0.535358, 0.000203],
            ],
        ),
    ]
}

fn bursty_cases() -> Vec<Case> {
    let own = Map::new(matrix(&[&[-12.0, 2.0], &[0.5, -3.0]]), matrix(&[&[7.0, 3.0], &[1.5, 1.0]])).unwrap();
    vec![
        (
            mmpp(&[8.0, 2.0], &[10.0, 90.0], [60.0, 5.0]),
            8,
            [3.280233, 0.262590],
            vec![
                [0.1, 0.481818, 0.112143, 0.126000, 0.144000, 0.154325, 0.012023],
                [0.3, 0.518182, 0.117059, 0.102948, 0.242115, 0.332797, 0.000527],
            ],
        ),
        (
            mmpp(&[2.0, 0.0], &[0.0, 200.0], [0.5, 0.05]),
            16,
            [7.491853, 0.171189],
            vec![
                [0.05, 0.090909, 0.090859, 0.076000, 0.148000, 0.160000, 0.257857],
                [0.5, 0.909091, 0.260789, 0.181734, 0.569206, 0.596935, 0.090636],
            ],
        ),
        (
            mmpp(&[1.5, 0.5], &[20.0, 180.0], [0.5, 0.05]),
            8,
            [4.970065, 0.207309],
            vec![
                [0.1, 0.159091, 0.108444, 0.115163, 0.156000, 0.162000, 0.071472],
                [0.15, 0.840909, 0.108648, 0.089352, 0.194927, 0.207289, 0.028648],
            ],
        ),
        (
            MarkedMap::merged(&[Map::mmpp(&[5.0, 50.0], &[1.0, 0.2]).unwrap(), Map::poisson(10.0)]),
            16,
            [3.857552, 0.238257],
            vec![
                [0.05, 0.555556, 0.084824, 0.085511, 0.114296, 0.130000, 0.156447],
                [1.0, 0.444444, 0.211253, 0.153918, 0.559693, 0.820688, 0.001442],
            ],
        ),
        (
            mmpp(&[4.0, 3.0, 3.0], &[5.0, 15.0, 80.0], [10.0, 1.0]),
            16,
            [4.081506, 0.230671],
            vec![
                [0.05, 0.225000, 0.085412, 0.082000, 0.130411, 0.156169, 0.119538],
                [0.2, 0.225000, 0.169350, 0.173225, 0.255109, 0.292520, 0.056126],
                [0.6, 0.550000, 0.187709, 0.172452, 0.344137, 0.550001, 0.000917],
            ],
        ),
        (
            MarkedMap::merged(&[own, Map::poisson(2.0), Map::poisson(3.0), Map::poisson(4.0)]),
            12,
            [3.770111, 0.241464],
            vec![
                [0.9, 0.340314, 0.224837, 0.197985, 0.483287, 0.661422, 0.000375],
                [0.06, 0.146597, 0.094965, 0.098000, 0.122000, 0.134000, 0.108823],
                [0.3, 0.219895, 0.204219, 0.195170, 0.356000, 0.368000, 0.057389],
                [0.18, 0.293194, 0.170462, 0.195170, 0.240142, 0.254000, 0.096761],
            ],
        ),
    ]
}

#[test]
fn every_figure_of_the_reference_table_is_met() {
    for (number, (map, batch, [mean_batch, million], classes)) in
        poisson_cases().into_iter().chain(bursty_cases()).enumerate()
    {
        let waits: Vec<f64> = classes.iter().map(|class| class[0]).collect();
        let law = SharedLaw::new(&map, &spans(&waits), batch);
        let services = service(batch);
        let per_million = law.sizes().per_request(|n| cost(services[n as usize - 1])) * 1e6;
        let near = |found: f64, figure: f64, what: &str| {
            assert!((found - figure).abs() < 1e-6, "case {number}, {what}: {found} {figure}");
        };
        near(law.sizes().mean_batch(), mean_batch, "E[N]");
        near(per_million, million, "cost");
        let mut paid = 0.0;
        for (k, [wait, share, mean, p50, p95, p99, over]) in classes.into_iter().enumerate() {
            let latency = LatencyLaw::new(law.class(k), &services, 0.0);
            near(law.sizes().requests()[k] / mean_batch, share, "share");
            near(latency.mean(), mean, "mean");
            for (q, figure) in [(0.5, p50), (0.95, p95), (0.99, p99)] {
                near(latency.quantile(q), figure, "quantile");
            }
            near(latency.share_over(wait + 0.05), over, "over");
            paid += law.sizes().requests()[k] * latency.per_request(|_, service| cost(service));
        }
        near(paid / mean_batch * 1e6, million, "what the classes pay");
    }
}

#[test]
fn batch_sizes_and_what_each_class_pays_are_met() {
    let close = |found: &[f64], figures: &[f64]| {
        assert_eq!(found.len(), figures.len());
        let far = found.iter().zip(figures).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(far < 0.6e-6, "{found:?}");
    };
    let map = mmpp(&[8.0, 2.0], &[10.0, 90.0], [60.0, 5.0]);
    let law = SharedLaw::new(&map, &spans(&[0.1, 0.3]), 8);
    let sizes = [0.246809, 0.291459, 0.174608, 0.071062, 0.022672, 0.007088, 0.003869, 0.182432];
    close(law.sizes().batch_size(), &sizes);
    let pays =
        |k| LatencyLaw::new(law.class(k), &service(8), 0.0).per_request(|_, service| cost(service)) * 1e6;
    close(&[pays(0), pays(1)], &[0.336825, 0.193565]);
    let sizes = SharedSizes::new(&poisson(&[5.0, 10.0, 20.0]), &spans(&[0.15, 0.45, 0.65]), 13);
    close(
        sizes.batch_size(),
        &[
            0.000750, 0.004579, 0.014260, 0.030320, 0.049779, 0.067751, 0.080248, 0.085851, 0.085497,
            0.081245, 0.075087, 0.068348, 0.356286,
        ],
    );
}

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

/// A process of so many classes and phases whose rates span two orders of magnitude.
fn random_process(order: usize, classes: usize, exponents: &[f64]) -> MarkedMap {
    let rate = |at: usize| 10_f64.powf(exponents[at % exponents.len()]);
    let d1: Vec<Matrix> = (0..classes)
        .map(|class| Matrix::from_fn(order, |i, k| rate(7 * class + 3 * i + k) / (classes * order) as f64))
        .collect();
    let mut d0 = Matrix::from_fn(order, |i, k| if i == k { 0.0 } else { rate(40 + 5 * i + k) / 30.0 });
    for i in 0..order {
        let out: f64 = d1.iter().map(|d1| d1.row(i).iter().sum::<f64>()).sum();
        d0[(i, i)] = -(d0.row(i).iter().sum::<f64>() + out);
    }
    MarkedMap::new(d0, d1).unwrap()
}

/// The rows of a matrix in TOML.
fn toml(matrix: &Matrix) -> String {
    format!("{:?}", matrix.rows())
}

fn scenario(text: &str) -> Scenario {
    Scenario::from_document(&Document::parse("s.toml", text).unwrap(), "s").unwrap()
}

const FUNCTION: &str = "[profile]\nmemory_mb = [1024]\nbatch = [1, 16]\nservice_s = [[0.026, 0.116]]\n\
    [platform]\nkind = \"lambda\"\nbook = \"aws-2020\"\nmemory_mb = 1024\ncold_starts = false\n";

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

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    /// The law beside the engine, which knows nothing of it.
    #[test]
    fn the_law_predicts_what_is_simulated(
        order in 1..=3_usize,
        classes in 1..=5_usize,
        exponents in prop::collection::vec(0.3..2.0_f64, 60),
        batch in 1..=12_u32,
        waits in prop::collection::vec(1..600_u64, 5),
    ) {
        let process = random_process(order, classes, &exponents);
        let d1: Vec<String> = (0..classes).map(|class| toml(process.d1(class))).collect();
        let mut text = format!(
            "seed = 11\n[workload]\nkind = \"map\"\nd0 = {}\nd1_by_class = [{}]\nrequests = 300000\n{FUNCTION}\
             [policy]\nkind = \"batch\"\nbatch = {batch}\n",
            toml(process.d0()),
            d1.join(", "),
        );
        for (class, wait) in waits[..classes].iter().enumerate() {
            text += &format!(
                "[[class]]\nname = \"{class}\"\nlongest_wait = \"{wait}ms\"\nslo = {{ latency = \"{}ms\" }}\n",
                wait / 2 + 40,
            );
        }
        let scenario = scenario(&text);
        let list = scenario.classes.as_ref().unwrap();
        let group = list.together(scenario.setting().memory, batch);
        let simulated = simulate_group(&scenario, list, &group, &mut Unwatched).unwrap();
        let predicted = predict_group(&scenario, list, &group).unwrap();
        let [a, b] = [simulated.simulation.simulated.mean_batch, predicted.prediction.predicted.mean_batch];
        prop_assert!((a / b - 1.0).abs() < 0.02, "mean batch {} {}", a, b);
        for (s, p) in simulated.classes.iter().zip(&predicted.classes) {
            // Five standard deviations of a figure are 2.5 half widths of its interval.
            let near = |found: f64, exact: f64, [low, high]: [f64; 2], least: f64| {
                (found - exact).abs() < 1.25 * (high - low) + least
            };
            // A run of too few bursts has no intervals, and its figures are not held to any.
            if let Some(interval) = s.latency_ci95_s.and_then(|intervals| intervals.mean) {
                prop_assert!(near(s.latency_s.mean, p.latency_s.mean, interval, 1e-4), "{:?} {:?}", s, p);
            }
            let over = [s, p].map(|figures| figures.slo_violation_share.unwrap());
            if let Some(interval) = s.slo_violation_share_ci95 {
                prop_assert!(near(over[0], over[1], interval, 1e-3), "{:?} {:?}", s, p);
            }
            prop_assert!((s.share - p.share).abs() < 0.02 && (s.cost_usd_per_million / p.cost_usd_per_million - 1.0).abs() < 0.02);
        }
    }
}

#[test]
fn classes_that_wait_alike_are_replayed_as_one_to_the_last_bit() {
    // Throttling, retries, cold starts, random service times: everything that the two loops share.
    let text = "seed = 5\n[workload]\nkind = \"mmpp\"\nrates = [20, 300]\nsojourns = [5, 1]\nrequests = 40000\n\
        [profile]\nmemory_mb = [1024]\nbatch = [1, 16]\nservice_s = [[0.1, 0.4]]\nservice_cv = 0.3\ninit_s = 1.5\n\
        [platform]\nkind = \"lambda\"\nbook = \"aws-2020\"\nmemory_mb = 1024\ncold_starts = true\nconcurrency = 12\n\
        keep_alive = \"20s\"\n[policy]\nkind = \"batch\"\nbatch = 6\ntimeout = \"150ms\"\n";
    let one = simulate(&scenario(text), &mut Unwatched).unwrap();
    let two = scenario(&format!(
        "{text}[[class]]\nname = \"a\"\nshare = 0.4\n[[class]]\nname = \"b\"\nshare = 0.6\nlongest_wait = \"150ms\"\n"
    ));
    let list = two.classes.as_ref().unwrap();
    let group = list.together(two.setting().memory, 6);
    let mut found = simulate_group(&two, list, &group, &mut Unwatched).unwrap();
    assert!(one.simulated.throttled > 0 && one.simulated.rejected > 0 && one.simulated.cold_starts > 12);
    // Several objectives have no one interval.
    found.simulation.simulated.slo_violation_share_ci95 = one.simulated.slo_violation_share_ci95;
    assert_eq!(found.simulation, one);
    let pays: f64 = found.classes.iter().map(|class| class.share * class.cost_usd_per_million).sum();
    assert!((pays / one.simulated.cost_usd_per_million - 1.0).abs() < 1e-12);
}

const RUN: &str = "seed = 2\n[workload]\nkind = \"poisson\"\nrate = 40\nrequests = 200000\n\
    [policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"200ms\"\n[slo]\npercentile = 99\nlatency = \"250ms\"\n\
    [[class]]\nname = \"chat\"\nshare = 0.5\nlongest_wait = \"100ms\"\nslo = { latency = \"150ms\" }\n\
    [[class]]\nname = \"search\"\nshare = 0.5\n";

#[test]
fn a_run_reports_each_class_simulated_and_predicted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), format!("{RUN}{FUNCTION}")).unwrap();
    let run = |arguments: &[&str]| {
        assert_cmd::Command::cargo_bin("sim").unwrap().current_dir(&folder).args(arguments).assert()
    };
    let out = run(&["run", "s.toml", "--json", "--quiet"]).success();
    let summary: Value = serde_json::from_slice(&out.get_output().stdout).unwrap();
    // Case 2 of the reference table: its law at other service times has the same E[N].
    for block in ["simulated", "predicted"] {
        assert!((summary[block]["mean_batch"].as_f64().unwrap() - 5.608387).abs() < 0.03);
        let classes = summary[block]["classes"].as_array().unwrap();
        let names: Vec<&str> = classes.iter().map(|class| class["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["chat", "search"]);
        let mut paid = 0.0;
        for (class, wait) in classes.iter().zip([0.1, 0.2]) {
            assert_eq!(class["longest_wait_s"], wait);
            assert!((class["share"].as_f64().unwrap() - 0.5).abs() < 0.01);
            paid += class["share"].as_f64().unwrap() * class["cost_usd_per_million"].as_f64().unwrap();
        }
        assert!((paid / summary[block]["cost_usd_per_million"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }
    for (simulated, predicted) in summary["simulated"]["classes"]
        .as_array()
        .unwrap()
        .iter()
        .zip(summary["predicted"]["classes"].as_array().unwrap())
    {
        for figure in ["mean", "p50", "p95", "p99"] {
            let [s, p] = [simulated, predicted].map(|class| class["latency_s"][figure].as_f64().unwrap());
            assert!((s / p - 1.0).abs() < 0.02, "{figure}: {s} {p}");
        }
        let [s, p] = [simulated, predicted].map(|class| class["slo_violation_share"].as_f64().unwrap());
        assert!((s - p).abs() < 0.005, "{s} {p}");
    }
    let text = run(&["run", "s.toml", "--quiet", "--no-charts"]).success();
    let text = String::from_utf8_lossy(&text.get_output().stdout).into_owned();
    assert!(text.contains("By class") && text.contains("p99 within 250 ms"), "{text}");
    // The same bytes at any number of threads.
    let again = run(&["run", "s.toml", "--json", "--quiet", "--threads", "2"]).success();
    assert_eq!(out.get_output().stdout, again.get_output().stdout);
    for (from, to, said) in [
        ("share = 0.5\nlongest", "share = 0.4\nlongest", "sum to 0.9"),
        ("share = 0.5\nlongest", "longest", "neither a `share` nor a `workload`"),
        ("timeout = \"200ms\"\n", "", "lacks `timeout`"),
        (
            "kind = \"batch\"",
            "kind = \"adaptive\"",
            "with [[class]] the policy is batch, unbatched or groups",
        ),
        ("latency = \"250ms\"", "budget_usd_per_million = 3", "leave out the budget"),
        (
            "name = \"search\"\nshare = 0.5",
            "name = \"search\"\nworkload = { kind = \"poisson\", rate = 2 }",
            "`chat` none",
        ),
    ] {
        std::fs::write(folder.path().join("bad.toml"), format!("{RUN}{FUNCTION}").replacen(from, to, 1))
            .unwrap();
        let out = run(&["run", "bad.toml", "--quiet"]).code(1);
        let error = String::from_utf8_lossy(&out.get_output().stderr).into_owned();
        assert!(error.contains(said), "{said}: {error}");
    }
}
