//! The exact law against independently computed figures.

use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels};
use batchsim::arrivals::map::Map;
use batchsim::numeric::matrix::Matrix;
use batchsim::units::Span;
use proptest::prelude::*;

fn matrix(rows: [[f64; 2]; 2]) -> Matrix {
    Matrix::from_rows(&rows.map(|row| row.to_vec())).unwrap()
}

fn twitter_hour_1() -> Map {
    let d0 = matrix([[-14.625001, 0.0], [0.0, -35.171226]]);
    Map::new(d0, matrix([[0.051020, 14.573981], [0.063796, 35.107429]])).unwrap()
}

/// 1,024 MB billed per started millisecond [$/batch].
fn cost(_: u32, service: f64) -> f64 {
    (service * 1000.0 - 1e-9).ceil() / 1000.0 * 1.66667e-5 + 2e-7
}

#[test]
fn every_figure_of_the_reference_table_is_met() {
    let poisson = Map::poisson(40.0);
    let slow = Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap();
    let fast = Map::mmpp(&[2.0, 200.0], &[0.5, 0.05]).unwrap();
    let twitter = twitter_hour_1();
    // E[N], mean, p50, p95, p99 [s], $ per million.
    let rows = [
        (&poisson, 4, 100, [3.652003, 0.077510, 0.070671, 0.138000, 0.138416, 0.246039]),
        (&poisson, 8, 200, [7.336269, 0.146758, 0.140796, 0.251804, 0.262000, 0.172698]),
        (&poisson, 16, 500, [15.749589, 0.299787, 0.289709, 0.526992, 0.594479, 0.133864]),
        (&slow, 4, 100, [2.566458, 0.084344, 0.073884, 0.138000, 0.138000, 0.307810]),
        (&slow, 8, 200, [4.192007, 0.142505, 0.124737, 0.244000, 0.255565, 0.227227]),
        (&slow, 16, 500, [8.403106, 0.280743, 0.231979, 0.556000, 0.574000, 0.163469]),
        (&fast, 4, 100, [3.163330, 0.065164, 0.051141, 0.132000, 0.138000, 0.268599]),
        (&fast, 8, 200, [5.472177, 0.126368, 0.090825, 0.250000, 0.260977, 0.197463]),
        (&fast, 16, 500, [10.683551, 0.293506, 0.196477, 0.580782, 0.602251, 0.149921]),
        (&twitter, 4, 100, [3.516039, 0.080613, 0.074531, 0.138000, 0.139003, 0.251686]),
        (&twitter, 8, 200, [6.964337, 0.152722, 0.148277, 0.256000, 0.262000, 0.176581]),
        (&twitter, 16, 500, [15.339754, 0.319189, 0.310495, 0.560821, 0.604000, 0.134768]),
    ];
    let service: Vec<f64> = (1..=16).map(|n| 0.020 + 0.006 * f64::from(n)).collect();
    for (map, batch, timeout_ms, figures) in rows {
        let levels = Levels::new(map, batch, Span::from_millis(timeout_ms));
        let batches = BatchLaw::new(&levels, batch);
        let law = LatencyLaw::new(&batches, &service, 0.0);
        let million = law.per_request(cost) * 1e6;
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|q| law.quantile(q));
        let found = [law.mean_batch(), law.mean(), p50, p95, p99, million];
        for (found, figure) in found.iter().zip(figures) {
            // All printed digits; the hour's own six digits leave one more open.
            let digits = if *map == twitter { 1e-6 * figure } else { 0.0 };
            assert!(
                (found - figure).abs() < digits + 0.6e-6,
                "B {batch}, T {timeout_ms} ms: {found} {figure}"
            );
        }
    }
}

/// Everything of one configuration with a fixed service time.
fn cdf(map: &Map, batch: u32, timeout: Span, service: f64, at: &[f64]) -> (BatchLaw, Vec<f64>) {
    let batches = BatchLaw::new(&Levels::new(map, batch, timeout), batch);
    let services = vec![service; batch as usize];
    let law = LatencyLaw::new(&batches, &services, 0.0);
    let shares = at.iter().map(|x| law.cdf(*x)).collect();
    (batches, shares)
}

#[test]
fn a_batch_of_one_waits_for_nothing() {
    let (batches, shares) = cdf(&twitter_hour_1(), 1, Span::from_secs(1), 0.2, &[0.1999, 0.2]);
    assert_eq!((batches.mean_batch(), batches.full(), batches.mean_wait()), (1.0, 1.0, 0.0));
    assert_eq!(shares, [0.0, 1.0]);
    // The same from a table for larger batches.
    let levels = Levels::new(&twitter_hour_1(), 20, Span::from_millis(300));
    let batches = BatchLaw::new(&levels, 1);
    assert_eq!(LatencyLaw::new(&batches, &[0.2], 0.0).quantile(0.95), 0.2);
}

#[test]
fn no_timeout_makes_batches_of_one() {
    let (batches, shares) = cdf(&twitter_hour_1(), 8, Span::ZERO, 0.2, &[0.1999, 0.2]);
    assert_eq!((batches.mean_batch(), batches.full(), batches.mean_wait()), (1.0, 0.0, 0.0));
    assert_eq!(shares, [0.0, 1.0]);
}

#[test]
fn poisson_batches_of_two_have_their_closed_form() {
    // Full with probability f = 1 - exp(-lambda T); the opener of a full batch waits the gap.
    let (rate, timeout) = (40.0_f64, 0.03_f64);
    let full = 1.0 - (-rate * timeout).exp();
    let waits = [0.0, 0.004, 0.0123456789, 0.029999, 0.03];
    let (batches, shares) = cdf(&Map::poisson(rate), 2, Span::from_millis(30), 0.0, &waits);
    assert!((batches.full() - full).abs() < 1e-12);
    for (wait, share) in waits.iter().zip(&shares) {
        let opener = if *wait >= timeout { 1.0 } else { 1.0 - (-rate * wait).exp() };
        assert!((share - (opener + full) / (1.0 + full)).abs() < 1e-9, "{wait} {share}");
    }
    // The opener waits min(gap, T), with the mean f / lambda.
    assert!((batches.mean_wait() - full / rate / (1.0 + full)).abs() < 1e-9);
}

#[test]
fn without_end_the_waits_are_those_of_filling() {
    // Request i of B waits an Erlang time of B - i gaps.
    let (rate, batch) = (40.0_f64, 12);
    let erlang = |stages: u32, x: f64| {
        let mut term = (-rate * x).exp();
        let mut below = 0.0;
        for k in 1..=stages {
            below += term;
            term *= rate * x / f64::from(k);
        }
        1.0 - below
    };
    for timeout in [Span::from_secs(3), Span::from_secs(86_400), Span::MAX] {
        let at = [0.0, 0.01, 0.1, 0.2, 0.3, 0.5, 1.0];
        let (batches, shares) = cdf(&Map::poisson(rate), batch, timeout, 0.0, &at);
        assert!((batches.full() - 1.0).abs() < 1e-12);
        assert!((batches.mean_wait() - f64::from(batch - 1) / 2.0 / rate).abs() < 1e-9);
        for (x, share) in at.iter().zip(&shares) {
            let exact = (0..batch).map(|stages| erlang(stages, *x)).sum::<f64>() / f64::from(batch);
            assert!((share - exact).abs() < 1e-8, "{timeout} {x}: {share} {exact}");
        }
    }
}

#[test]
fn large_batches_and_long_timeouts_stay_exact() {
    // Rates 1000 apart: a mesh of far fewer panels than the uniform one's tens of thousands.
    let map = Map::mmpp(&[1.0, 1000.0], &[60.0, 5.0]).unwrap();
    let levels = Levels::new(&map, 128, Span::from_secs(60));
    let batches = BatchLaw::new(&levels, 128);
    // Only the openers of timed-out batches wait to the end: the quadrature of full batches adds up to p_B.
    let openers = batches.timed_out() / batches.mean_batch();
    assert!((1.0 - openers - batches.wait_cdf(59.999_999_999)).abs() < 1e-7);
    // A smaller batch from the same table, beside a table of its own.
    let own = BatchLaw::new(&Levels::new(&map, 20, Span::from_secs(60)), 20);
    let shared = BatchLaw::new(&levels, 20);
    assert!((own.mean_wait() / shared.mean_wait() - 1.0).abs() < 1e-8);
    for wait in [0.001, 0.01, 0.1, 1.0, 10.0, 50.0] {
        assert!((own.wait_cdf(wait) - shared.wait_cdf(wait)).abs() < 1e-8, "{wait}");
    }
}

#[test]
fn spread_service_times_are_convolved() {
    // B = 1: the latency is the service time.
    let single = BatchLaw::new(&Levels::new(&Map::poisson(40.0), 1, Span::ZERO), 1);
    let law = LatencyLaw::new(&single, &[0.1], 0.3);
    let sigma = (1.0_f64 + 0.09).ln().sqrt();
    let median = 0.1 / 1.09_f64.sqrt();
    assert!((law.quantile(0.5) - median).abs() < 1e-8, "{}", law.quantile(0.5));
    assert!((law.cdf(median * sigma.exp()) - 0.841_344_746_068_543).abs() < 1e-8);
    // A cv of nearly 0 has the fixed time's CDF away from its jumps, and the same mean.
    let batches = BatchLaw::new(&Levels::new(&twitter_hour_1(), 8, Span::from_millis(200)), 8);
    let service: Vec<f64> = (1..=8).map(|n| 0.020 + 0.006 * f64::from(n)).collect();
    let (fixed, spread) =
        (LatencyLaw::new(&batches, &service, 0.0), LatencyLaw::new(&batches, &service, 1e-5));
    assert!((fixed.mean() - spread.mean()).abs() < 1e-12);
    for x in [0.06, 0.1, 0.15, 0.2, 0.24] {
        assert!((fixed.cdf(x) - spread.cdf(x)).abs() < 1e-6, "{x}: {} {}", fixed.cdf(x), spread.cdf(x));
    }
    // The mean is the integral of the tail.
    let wide = LatencyLaw::new(&batches, &service, 0.4);
    let step = 1e-4;
    let tail: f64 = (0..20_000).map(|i| wide.share_over((f64::from(i) + 0.5) * step) * step).sum();
    assert!((tail - wide.mean()).abs() < 1e-6, "{tail} {}", wide.mean());
}

#[test]
fn a_mixture_weighs_latencies_by_requests_and_sizes_by_batches() {
    let maps = [Map::poisson(10.0), Map::poisson(90.0)];
    let laws = maps.map(|map| BatchLaw::new(&Levels::new(&map, 8, Span::from_millis(100)), 8));
    let service = [0.05; 8];
    let [quiet, busy] = &laws;
    let part = |law| LatencyLaw::new(law, &service, 0.0);
    let day = LatencyLaw::mixture(vec![(10.0, part(quiet)), (90.0, part(busy))]);
    assert!((day.cdf(0.1) - (0.1 * part(quiet).cdf(0.1) + 0.9 * part(busy).cdf(0.1))).abs() < 1e-12);
    let batches = 10.0 / quiet.mean_batch() + 90.0 / busy.mean_batch();
    assert!((day.mean_batch() - 100.0 / batches).abs() < 1e-12);
    let mean: f64 = day.batch_size().iter().zip(1..).map(|(p, n)| p * f64::from(n)).sum();
    assert!((mean - day.mean_batch()).abs() < 1e-12);
    assert!((day.per_request(|_, _| 1.0) - 1.0 / day.mean_batch()).abs() < 1e-12);
    let p95 = day.quantile(0.95);
    assert!(day.cdf(p95) >= 0.95 - 1e-9 && day.cdf(p95 - 1e-6) < 0.95);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// MAPs of order 1 to 4 whose rates span three orders of magnitude.
    #[test]
    fn the_cdf_rises_to_one_and_its_tail_integrates_to_the_mean(
        order in 1..=4_usize,
        exponents in prop::collection::vec(-1.0..2.0_f64, 32),
        batch in 1..=12_u32,
        timeout_ms in 0..800_u64,
        cv in 0.02..2.0_f64,
    ) {
        let rate = |at: usize| 10_f64.powf(exponents[at]);
        let d1 = Matrix::from_fn(order, |i, k| rate(4 * i + k));
        let mut d0 = Matrix::from_fn(order, |i, k| if i == k { 0.0 } else { rate(16 + 4 * i + k) / 10.0 });
        for i in 0..order {
            d0[(i, i)] = -(d0.row(i).iter().sum::<f64>() + d1.row(i).iter().sum::<f64>());
        }
        let map = Map::new(d0, d1).unwrap();
        let batches = BatchLaw::new(&Levels::new(&map, batch, Span::from_millis(timeout_ms)), batch);
        let service: Vec<f64> = (1..=batch).map(|n| 0.05 + 0.02 * f64::from(n)).collect();
        let law = LatencyLaw::new(&batches, &service, 0.0);
        let end = service[batch as usize - 1] + timeout_ms as f64 / 1000.0;
        prop_assert!((law.cdf(end) - 1.0).abs() < 1e-12);
        let (steps, mut before, mut tail) = (2000, 0.0, 0.0);
        for step in 0..steps {
            let x = end * (f64::from(step) + 0.5) / f64::from(steps);
            let share = law.cdf(x);
            prop_assert!(share >= before - 1e-9, "{} at {}", share - before, x);
            before = share;
            tail += (1.0 - share) * end / f64::from(steps);
        }
        // A jump is misplaced by at most half a step.
        prop_assert!((tail - law.mean()).abs() < end / f64::from(steps));
        for q in [0.05, 0.5, 0.95, 0.999] {
            let x = law.quantile(q);
            prop_assert!(law.cdf(x) >= q - 1e-9 && law.cdf(x - 1e-8) < q);
        }
        let random = LatencyLaw::new(&batches, &service, cv);
        for q in [1e-6, 0.05, 0.5, 0.95, 0.999, 1.0 - 1e-9] {
            let x = random.quantile(q);
            prop_assert!(random.cdf(x) >= q - 1e-9 && random.cdf(x - 1e-8) < q + 1e-9, "{x} of {q}");
        }
        prop_assert!(random.quantile(0.0) <= random.quantile(1e-6) && random.cdf(random.quantile(1.0)) > 1.0 - 1e-9);
    }
}
