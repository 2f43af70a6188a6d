//! The engine against the exact law's published figures, and against closed forms of queueing theory.

use batchsim::document::Document;
use batchsim::engine::simulate::{Unwatched, simulate};
use batchsim::outcome::Model;
use batchsim::outcome::Simulation;
use batchsim::planner::predict::predict;
use batchsim::scenario::Scenario;

/// S(n) = 0.020 + 0.006 n seconds at 1,024 MB, billed per started ms: the service of the law's table.
const SERVICE: &str = "memory_mb = [1024]\nbatch = [1, 128]\nservice_s = [[0.026, 0.788]]\n";

fn scenario(text: &str) -> Scenario {
    let document = Document::parse("test.toml", text).unwrap_or_else(|e| panic!("{e}"));
    Scenario::from_document(&document, "test").unwrap_or_else(|e| panic!("{e}"))
}

fn run(scenario: &Scenario) -> Simulation {
    simulate(scenario, &mut Unwatched).unwrap_or_else(|e| panic!("{e}"))
}

const POISSON: &str = "kind = \"poisson\"\nrate = 40.0";
const SLOW_MMPP: &str = "kind = \"mmpp\"\nrates = [10, 100]\nsojourns = [60, 5]";
const FAST_MMPP: &str = "kind = \"mmpp\"\nrates = [2, 200]\nsojourns = [0.5, 0.05]";
const TWITTER_1: &str = "kind = \"map\"\nd0 = [[-14.625001, 0.0], [0.0, -35.171226]]\n\
    d1 = [[0.051020, 14.573981], [0.063796, 35.107429]]";
/// An order-3 MAP with off-diagonal D1; its figures come from the exact law itself.
const ORDER_3: &str = "kind = \"map\"\nd0 = [[-30.0, 1.0, 0.0], [0.5, -80.0, 2.0], [1.0, 0.0, -6.0]]\n\
    d1 = [[20.0, 5.0, 4.0], [10.0, 60.0, 7.5], [2.0, 1.0, 2.0]]";

/// Arrivals, B, T, then E[N], mean, p50, p95, p99 [s] and $ a million of the exact law.
type Row = (&'static str, u32, &'static str, [f64; 6]);
const TABLE: [Row; 12] = [
    (POISSON, 4, "100ms", [3.652003, 0.077510, 0.070671, 0.138000, 0.138416, 0.246039]),
    (POISSON, 8, "200ms", [7.336269, 0.146758, 0.140796, 0.251804, 0.262000, 0.172698]),
    (POISSON, 16, "500ms", [15.749589, 0.299787, 0.289709, 0.526992, 0.594479, 0.133864]),
    (SLOW_MMPP, 4, "100ms", [2.566458, 0.084344, 0.073884, 0.138000, 0.138000, 0.307810]),
    (SLOW_MMPP, 8, "200ms", [4.192007, 0.142505, 0.124737, 0.244000, 0.255565, 0.227227]),
    (SLOW_MMPP, 16, "500ms", [8.403106, 0.280743, 0.231979, 0.556000, 0.574000, 0.163469]),
    (FAST_MMPP, 4, "100ms", [3.163330, 0.065164, 0.051141, 0.132000, 0.138000, 0.268599]),
    (FAST_MMPP, 8, "200ms", [5.472177, 0.126368, 0.090825, 0.250000, 0.260977, 0.197463]),
    (FAST_MMPP, 16, "500ms", [10.683551, 0.293506, 0.196477, 0.580782, 0.602251, 0.149921]),
    (TWITTER_1, 4, "100ms", [3.516039, 0.080613, 0.074531, 0.138000, 0.139003, 0.251686]),
    (TWITTER_1, 8, "200ms", [6.964337, 0.152722, 0.148277, 0.256000, 0.262000, 0.176581]),
    (TWITTER_1, 16, "500ms", [15.339754, 0.319189, 0.310495, 0.560821, 0.604000, 0.134768]),
];

fn buffered(workload: &str, batch: u32, timeout: &str, requests: u64) -> Scenario {
    scenario(&format!(
        "seed = 11\n[workload]\n{workload}\nrequests = {requests}\n[profile]\n{SERVICE}\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
         [policy]\nkind = \"batch\"\nbatch = {batch}\ntimeout = \"{timeout}\"\n"
    ))
}

/// Every figure within 1 % and within twice its own 95 % interval: of 72 figures a few lie outside one.
fn assert_agrees(what: &str, simulation: &Simulation, exact: [f64; 6]) -> usize {
    let s = &simulation.simulated;
    let (latency, interval) = (&s.latency_s, s.latency_ci95_s.expect("long enough"));
    let simulated = [
        (s.mean_batch, s.mean_batch_ci95.unwrap()),
        (latency.mean, interval.mean.unwrap()),
        (latency.p50, interval.p50.unwrap()),
        (latency.p95, interval.p95.unwrap()),
        (latency.p99, interval.p99.unwrap()),
        (s.cost_usd_per_million, s.cost_usd_per_million_ci95.unwrap()),
    ];
    let mut outside = 0;
    for ((value, [low, high]), exact) in simulated.into_iter().zip(exact) {
        assert!((value / exact - 1.0).abs() < 0.01, "{what}: {value} is not {exact} within 1 %");
        // The interval of a percentile on an atom is as wide as a bucket; the interpolation within it is good to 0.05 %.
        let slack = 0.0005 * exact;
        let half = (high - low) / 2.0;
        assert!(
            exact >= low - half - slack && exact <= high + half + slack,
            "{what}: {exact} is far outside [{low}, {high}]"
        );
        outside += usize::from(exact < low - slack || exact > high + slack);
    }
    outside
}

#[test]
fn simulated_figures_agree_with_the_exact_law_s_table() {
    let mut outside = 0;
    for (workload, batch, timeout, exact) in TABLE {
        let simulation = run(&buffered(workload, batch, timeout, 2_000_000));
        outside += assert_agrees(&format!("{workload} B={batch}"), &simulation, exact);
    }
    // 5 % of 72 is 3.6, and the figures of one run move together.
    assert!(outside <= 12, "{outside} of 72 figures outside their 95 % intervals");
}

#[test]
fn an_order_three_map_agrees_with_its_prediction() {
    let scenario = buffered(ORDER_3, 8, "200ms", 2_000_000);
    let predicted = predict(&scenario, scenario.setting(), Model::Exact).unwrap().unwrap().predicted;
    let exact = [
        predicted.mean_batch,
        predicted.latency_s.mean,
        predicted.latency_s.p50,
        predicted.latency_s.p95,
        predicted.latency_s.p99,
        predicted.cost_usd_per_million,
    ];
    assert_agrees("order 3", &run(&scenario), exact);
}

#[test]
fn replications_are_the_same_at_any_number_of_threads() {
    let mut scenario = buffered(SLOW_MMPP, 8, "200ms", 20_000);
    scenario.replications = 6;
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&scenario))
    };
    let alone = on(1);
    assert_eq!(alone, on(4));
    assert_eq!(alone.requests, 120_000);
    assert!(alone.simulated.latency_ci95_s.is_some());
}

#[test]
fn a_change_of_policy_leaves_the_arrivals_as_they_were() {
    let (a, b) = (buffered(SLOW_MMPP, 1, "0s", 50_000), buffered(SLOW_MMPP, 8, "200ms", 50_000));
    // Unbatched, the latency is the service time alone; the last answers differ by the last batch's wait.
    let (a, b) = (run(&a), run(&b));
    assert_eq!((a.requests, b.requests), (50_000, 50_000));
    let length = |s: &Simulation| s.slices.last().unwrap().start_s;
    assert_eq!(length(&a), length(&b));
}

/// One environment at most, no retries: an M/D/1/1 loss system. The environment is idle for an exponential
/// time, so an accepted request is cold with probability exp(-rate x keep-alive), and the share that is
/// refused is rate s / (1 + rate s), with s the mean time that a request holds the environment.
#[test]
fn a_single_environment_is_cold_as_often_as_theory_says() {
    let (rate, keep_alive, init, service) = (0.5_f64, 3.0_f64, 0.4, 0.026);
    let scenario = scenario(&format!(
        "seed = 3\n[workload]\nkind = \"poisson\"\nrate = {rate}\nrequests = 400000\n\
         [profile]\n{SERVICE}\ninit_s = 0.3\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\ncold_starts = true\n\
         keep_alive = \"3s\"\nruntime_init = \"100ms\"\nconcurrency = 1\nretry = {{ attempts = 1 }}\n\
         [policy]\nkind = \"unbatched\"\n"
    ));
    let simulation = run(&scenario);
    let s = &simulation.simulated;
    let cold = s.cold_starts as f64 / simulation.batches as f64;
    let exact = (-rate * keep_alive).exp();
    // The standard deviation of the share is sqrt(p (1 - p) / n).
    let deviation = (exact * (1.0 - exact) / simulation.batches as f64).sqrt();
    assert!((cold - exact).abs() < 4.0 * deviation, "{cold} {exact}");
    let held = service + exact * init;
    let refused = s.rejected as f64 / 400_000.0;
    let exact_refused = rate * held / (1.0 + rate * held);
    assert!((refused - exact_refused).abs() < 0.003, "{refused} {exact_refused}");
    assert_eq!(s.peak_concurrency, 1);
}

/// The integral of the busy environments over time, along the path that the platform tells of.
#[derive(Default)]
struct Integral {
    finishes: std::collections::BinaryHeap<std::cmp::Reverse<batchsim::units::Time>>,
    clock: batchsim::units::Time,
    area: u128,
}

impl Integral {
    fn advance(&mut self, now: batchsim::units::Time) {
        self.area += self.finishes.len() as u128 * u128::from(now.since(self.clock).0);
        self.clock = now;
    }

    fn fall(&mut self, now: batchsim::units::Time) {
        while let Some(std::cmp::Reverse(finish)) = self.finishes.peek().copied().filter(|f| f.0 <= now) {
            self.advance(finish);
            self.finishes.pop();
        }
    }
}

impl batchsim::engine::observer::Observer for Integral {
    fn started(
        &mut self,
        batch: &batchsim::engine::observer::StartedBatch,
        _arrivals: &[batchsim::units::Time],
    ) {
        self.fall(batch.started);
        self.advance(batch.started);
        self.finishes.push(std::cmp::Reverse(batch.finish()));
        assert_eq!(batch.concurrency, self.finishes.len() as u64);
    }

    fn rejected(&mut self, _now: batchsim::units::Time, _attempts: u32, _arrivals: &[batchsim::units::Time]) {
    }
}

/// Little's law: the time integral of the busy environments is the arrival rate of batches times the mean
/// time that each is held. The path of how many are busy is integrated; the recorder sums per batch.
#[test]
fn little_s_law_holds_for_concurrency() {
    use batchsim::engine::recorder::{MOST_REQUESTS, Recorder, Rules};
    use batchsim::engine::service::ServiceDraws;
    use batchsim::engine::{Replay, Retry, replay};
    use batchsim::numeric::streams::Streams;
    use batchsim::platform::warm::Warm;
    use batchsim::policy::batch::BatchPolicy;
    use batchsim::units::{Span, Time};

    let scenario = buffered(POISSON, 8, "200ms", 100_000);
    let streams = Streams::new(5);
    let mut arrivals = scenario.workload.open(streams).unwrap();
    let mut recorder = Recorder::new(Rules {
        billing: scenario.platform.tariff.billing,
        slo: Span::MAX,
        warmup: Time::ZERO,
        stretch: MOST_REQUESTS,
    });
    let times = scenario.service(scenario.setting()).unwrap();
    let parts = Replay {
        policy: BatchPolicy { batch: 8, timeout: Span::from_millis(200) },
        platform: Warm::default(),
        service: ServiceDraws::new(times, streams),
        retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
        backoff: streams.stream("back-off"),
    };
    let mut integral = Integral::default();
    replay(&mut arrivals, parts, &mut (&mut recorder, &mut integral)).unwrap();
    let record = recorder.into_record();
    integral.fall(Time::NEVER);
    assert_eq!(integral.area, record.total.tally.busy);
    // And the mean concurrency is rate / E[N] x E[S], with E[S] = 0.020 + 0.006 E[N]; E[N] = 7.336269.
    let mean = record.total.tally.busy as f64 / record.last_finish.0 as f64;
    let exact = 40.0 / 7.336269 * (0.020 + 0.006 * 7.336269);
    assert!((mean / exact - 1.0).abs() < 0.02, "{mean} {exact}");
}

/// Ten requests, B = 3, T = 1 s, 100 MB, S = 150.5, 250.5, 350.5 ms for 1, 2, 3 requests; 200 ms to
/// initialise, billed; keep-alive 5 s.
///
/// Requests at 0, .1, .2 | 1, 1.5 (timeout at 2) | 3 (timeout at 4) | 4.1, 4.2, 4.3 | 20 (timeout at 21).
/// 1. full at 0.2: cold, 200 + 350.5 = 550.5 -> 551 ms, ends 0.7505.
/// 2. at 2: warm, 250.5 -> 251 ms. 3. at 4: warm, 150.5 -> 151 ms, ends 4.1505.
/// 4. full at 4.3: warm, 351 ms, ends 4.6505. 5. at 21: idle for 16.3 s: cold, 350.5 -> 351 ms.
///
/// In all 551 + 251 + 151 + 351 + 351 = 1,655 ms x 100 MB, of which init (551 - 351) + (351 - 151) = 400.
#[test]
fn billed_memory_time_equals_a_hand_count() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("ten.csv");
    std::fs::write(&trace, "0\n0.1\n0.2\n1\n1.5\n3\n4.1\n4.2\n4.3\n20\n").unwrap();
    let scenario = scenario(&format!(
        "[workload]\nkind = \"trace\"\nfile = \"{}\"\nformat = \"timestamps\"\n\
         [profile]\nmemory_mb = [128]\nbatch = [1, 2, 3]\nservice_s = [[0.1505, 0.2505, 0.3505]]\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 128\ncold_starts = true\n\
         keep_alive = \"5s\"\nruntime_init = \"200ms\"\n\
         [policy]\nkind = \"batch\"\nbatch = 3\ntimeout = \"1s\"\n[slo]\nlatency = \"1s\"\n",
        trace.display()
    ));
    let simulation = run(&scenario);
    let s = &simulation.simulated;
    assert_eq!((simulation.requests, simulation.batches, s.cold_starts), (10, 5, 2));
    assert_eq!((s.full_batches, s.timeout_batches), (2, 3));
    let gb_s = 1.66667e-5 * 128.0 / 1_024_000.0;
    assert!((s.cost_components_usd.initialisation - 400.0 * gb_s).abs() < 1e-12);
    assert!((s.cost_components_usd.compute - 1_255.0 * gb_s).abs() < 1e-12);
    assert!((s.cost_components_usd.requests - 1e-6).abs() < 1e-15);
    // Latencies [ms]: 750.5 650.5 550.5 | 1250.5 750.5 | 1150.5 | 550.5 450.5 350.5 | 1350.5.
    assert_eq!(s.slo_violations, 3);
    assert!((s.latency_s.mean - 0.7805).abs() < 1e-12, "{}", s.latency_s.mean);
    assert_eq!(s.latency_s.max, Some(1.3505));
    assert_eq!(s.longest_wait_s, 1.0);
}
