//! Users who wait for their answers: against closed forms, against a published load test, and through every command.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use batchsim::arrivals::closed::{Closed, Users};
use batchsim::arrivals::renewal::Law;
use batchsim::engine::fleet::{Fleet, Kind, replay_fleet};
use batchsim::engine::observer::{Observer, StartedBatch};
use batchsim::engine::service::ServiceDraws;
use batchsim::engine::simulate::{Unwatched, simulate};
use batchsim::numeric::streams::Streams;
use batchsim::outcome::Simulation;
use batchsim::platform::fleet::{Fixed, Routing};
use batchsim::policy::batch;
use batchsim::profile::ServiceTimes;
use batchsim::scenario::Scenario;
use batchsim::units::{MemoryMb, Price, Span, Time};
use common::Folder;

fn scenario(workload: &str, policy: &str, more: &str) -> Scenario {
    let text = text(workload, policy, more);
    let document = batchsim::document::Document::parse("closed.toml", &text).unwrap();
    Scenario::from_document(&document, "closed").unwrap()
}

/// A function that takes 0.1 s for one request and 0.02 s for each further one.
fn text(workload: &str, policy: &str, more: &str) -> String {
    format!(
        "seed = 3\n[workload]\nkind = \"closed\"\n{workload}\n[profile]\nmemory_mb = [1024, 2048]\nbatch = [1, 8]\n\
         service_s = [[0.1, 0.24], [0.1, 0.24]]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
         {more}\n[policy]\n{policy}\n"
    )
}

fn simulated(workload: &str, policy: &str) -> Simulation {
    simulate(&scenario(workload, policy, ""), &mut Unwatched).unwrap()
}

fn rate(simulation: &Simulation) -> f64 {
    simulation.requests as f64 / simulation.duration_s
}

fn near(found: f64, expected: f64, share: f64) {
    assert!((found / expected - 1.0).abs() < share, "{found} is not {expected}");
}

/// Nobody waits for anybody: N users at N / (Z + S).
#[test]
fn without_contention_each_user_goes_round_in_thinking_and_service() {
    for (cv, close) in [("think_cv = 0", 1e-3), ("", 0.01), ("think_cv = 2.0", 0.02)] {
        let found = simulated(
            &format!("users = 7\nthink = \"400ms\"\n{cv}\nrequests = 100000"),
            "kind = \"unbatched\"",
        );
        near(rate(&found), 7.0 / 0.5, close);
        assert_eq!(found.simulated.latency_s.max, Some(0.1));
    }
}

/// A batch that all N users must join is a cycle: the longest of N exponential thinking times, Z (1 + 1/2 + .. + 1/N),
/// then one service.
#[test]
fn a_batch_of_all_users_is_a_cycle_of_the_longest_thinking() {
    let found = simulated(
        "users = 8\nthink = \"300ms\"\nrequests = 400000",
        "kind = \"batch\"\nbatch = 8\ntimeout = \"1h\"",
    );
    let harmonic: f64 = (1..=8).map(|n| 1.0 / f64::from(n)).sum();
    near(rate(&found), 8.0 / (0.3 * harmonic + 0.24), 0.01);
    assert_eq!(found.simulated.mean_batch, 8.0);
    // Little: users are thinking or being answered.
    near(found.simulated.latency_s.mean, 8.0 / rate(&found) - 0.3, 0.02);
}

/// Fewer users than a batch takes can only leave when the time is up.
#[test]
fn too_few_users_for_a_batch_wait_for_the_timeout() {
    let found = simulated(
        "users = 2\nthink = \"0s\"\nrequests = 1000",
        "kind = \"batch\"\nbatch = 8\ntimeout = \"200ms\"",
    );
    // Both send at once, wait 0.2 s, are served 0.12 s, and do so again.
    near(rate(&found), 2.0 / 0.32, 1e-3);
    assert_eq!(found.simulated.mean_batch, 2.0);
}

/// What an instance was asked for, and how long that took.
#[derive(Default)]
struct Seen {
    latencies: Vec<f64>,
    last: Time,
}

impl Observer for Seen {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        let finish = batch.finish();
        self.latencies.extend(arrivals.iter().map(|arrival| finish.since(*arrival).as_secs_f64()));
        self.last = self.last.max(finish);
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
        panic!("instances reject nothing");
    }
}

impl Seen {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.last.as_secs_f64()
    }

    fn p95(&mut self) -> f64 {
        self.latencies.sort_by(f64::total_cmp);
        self.latencies[self.latencies.len() * 95 / 100]
    }
}

/// One instance with a worker that takes up to `service_s.len()` of those who wait.
fn instance(closed: Closed, service_s: &[f64], requests: u64) -> Seen {
    let streams = Streams::new(11);
    let mean = service_s.iter().map(|s| Span::from_secs_f64(*s).unwrap()).collect();
    let times = ServiceTimes::fixed(MemoryMb(0), mean);
    let kind = Kind {
        service: ServiceDraws::of_instance(times, streams.stream("service")),
        workers: 1,
        batch: batch::BatchPolicy { batch: service_s.len() as u32, timeout: Span::ZERO },
        launch: (Span::ZERO, Span::ZERO),
        per_hour: Price::default(),
        least_billed: Span::ZERO,
        capacity_per_s: 1.0,
        initial: 1,
        spot: None,
    };
    let fleet = Fleet {
        kinds: vec![kind],
        routing: Routing::LeastOutstanding,
        scaler: Box::new(Fixed),
        functions: Vec::new(),
        slo: Span::MAX,
        launches: streams.stream("launches"),
        interruptions: streams.stream("interruptions"),
    };
    let mut users = Users::new(closed, requests, Time::NEVER, streams.stream("arrivals"));
    let mut seen = Seen::default();
    replay_fleet(&mut users, fleet, &mut seen).unwrap();
    seen
}

/// A finite source: N users who think exponentially before one server with service time S. With the transform
/// psi(s) = exp(-s S) and C_j = prod_{i=1..j} psi(i/Z) / (1 - psi(i/Z)), the server's busy periods last
/// S sum_{j<N} binom(N-1, j) / C_j on average, and its idle ones Z/N (Takacs, "Introduction to the Theory of Queues",
/// 1962, chapter 5).
fn takacs(users: u32, think: f64, service: f64) -> f64 {
    let (mut sum, mut binomial, mut c) = (0.0, 1.0, 1.0);
    for j in 0..users {
        sum += binomial / c;
        binomial *= f64::from(users - 1 - j) / f64::from(j + 1);
        let psi = (-f64::from(j + 1) * service / think).exp();
        c *= psi / (1.0 - psi);
    }
    let busy = service * sum;
    busy / (busy + think / f64::from(users)) / service
}

#[test]
fn one_server_and_its_users_are_takacs_finite_source() {
    for (users, think) in [(1, 0.3), (2, 0.3), (5, 0.3), (5, 1.0), (20, 2.0), (20, 1.0)] {
        let closed = Closed { users, think: Span::from_secs_f64(think).unwrap(), law: Law::gamma(1.0) };
        let found = instance(closed, &[0.1], 200_000);
        let expected = takacs(users, think, 0.1);
        near(found.rate(), expected, 0.008);
        // The response time law is exact: N / X = Z + R.
        let mean = found.latencies.iter().sum::<f64>() / found.latencies.len() as f64;
        near(mean, f64::from(users) / expected - think, 0.04);
    }
}

/// Triton's own table of dynamic batching (validation/, not shipped): perf_analyzer keeps so many requests of two items
/// under way. Service times of 1 to 4 requests come from its rows up to 8 users, where batches take turns; the others are
/// predicted.
#[test]
fn tritons_closed_loop_is_met() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/validation/triton-dynamic-batching-closed-loop.csv");
    let file = if file.exists() { file } else { PathBuf::from("/nonexistent") };
    let Ok(table) = fs::read_to_string(&file) else {
        eprintln!("skipped: the measured table is not here");
        return;
    };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |at: usize| cells[at].parse::<f64>().unwrap();
        (cells[0] == "dynamic", number(1) as u32, number(2) as u32, number(3) / 2.0, number(4) / 1e6)
    };
    let rows: Vec<_> = table.lines().skip(1).map(row).filter(|(_, instances, ..)| *instances == 1).collect();
    let of = |dynamic: bool| rows.iter().filter(move |row| row.0 == dynamic);
    // Two batches of N/2 take turns, so one of n takes n / X.
    let service = |dynamic: bool, n: u32| {
        let (.., rate, _) = of(dynamic).find(|(_, _, users, ..)| *users == 2 * n).unwrap();
        f64::from(n) / rate
    };
    let alone = [service(false, 2) / 2.0];
    let batched: Vec<f64> = (1..=4).map(|n| service(true, n)).collect();
    let (mut worst_rate, mut worst_p95) = (0.0_f64, 0.0_f64);
    for (dynamic, _, users, rate, p95) in &rows {
        let closed = Closed { users: *users, think: Span::ZERO, law: Law::Constant };
        let mut found = instance(closed, if *dynamic { &batched } else { &alone }, 40_000);
        let (off_rate, off_p95) = (found.rate() / rate - 1.0, found.p95() / p95 - 1.0);
        eprintln!("dynamic {dynamic} users {users}: rate {off_rate:+.4}, p95 {off_p95:+.4}");
        worst_rate = worst_rate.max(off_rate.abs());
        worst_p95 = worst_p95.max(off_p95.abs());
    }
    assert!(worst_rate < 0.035, "{worst_rate}");
    assert!(worst_p95 < 0.10, "{worst_p95}");
}

fn folder(text: &str) -> Folder {
    let folder = Folder::new();
    folder.write("closed.toml", text);
    folder
}

const BATCH: &str = "kind = \"batch\"\nbatch = 4\ntimeout = \"50ms\"";
const USERS: &str = "users = 12\nthink = \"250ms\"\nrequests = 20000";
const GRID: &str = "[slo]\npercentile = 95\nlatency = \"300ms\"\n[sweep]\nmemory_mb = [1024, 2048]\nbatch = [1, 4, 8]\n\
                    timeout = [\"0ms\", \"50ms\", \"200ms\"]\n";

/// A row of a sweep, and what a plan says of a configuration, are what `sim run` says of it; on any number of threads.
#[test]
fn sweep_and_plan_say_what_run_says() {
    for cold in ["", "cold_starts = true\nconcurrency = 3"] {
        let folder = folder(&format!("{}{GRID}", text(USERS, BATCH, cold)));
        assert!(folder.sim(&["sweep", "closed.toml", "--no-charts", "--threads", "2"]).status.success());
        let sweep = fs::read_to_string(folder.path("output/closed/sweep.csv")).unwrap();
        let mut lines = sweep.lines();
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        let at = |name: &str| names.iter().position(|known| *known == name).unwrap();
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let (memory, batch, timeout) = (cells[0], cells[1], cells[2]);
            let set = [
                format!("platform.memory_mb={memory}"),
                format!("policy.batch={batch}"),
                format!("policy.timeout=\"{timeout}s\""),
            ];
            let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
            let run = folder.json(&[&["run", "closed.toml", "--json", "--no-charts"], &set[..]].concat());
            let simulated = &run["simulated"];
            for (column, field) in [
                ("simulated_p95_s", &simulated["latency_s"]["p95"]),
                ("simulated_cost_usd_per_million", &simulated["cost_usd_per_million"]),
                ("simulated_mean_batch", &simulated["mean_batch"]),
            ] {
                near(cells[at(column)].parse().unwrap(), field.as_f64().unwrap(), 1e-9);
            }
            assert_eq!(cells[at("predicted_p95_s")], "");
        }
        let again = folder.sim(&["sweep", "closed.toml", "--no-charts", "--threads", "1", "--out", "one"]);
        assert!(again.status.success());
        assert_eq!(fs::read_to_string(folder.path("one/sweep.csv")).unwrap(), sweep);
        // The plan's choice is the cheapest row that meets what is asked.
        let plan = folder.json(&["plan", "closed.toml", "--grid-only", "--json", "--no-charts"]);
        let cost = |line: &&str| line.split(',').nth(6).unwrap().parse::<f64>().unwrap();
        let meets: Vec<&str> = sweep.lines().filter(|line| line.split(',').nth(7) == Some("true")).collect();
        let least = meets.iter().map(cost).fold(f64::INFINITY, f64::min);
        let found = plan["recommended"]["simulated"]["cost_usd_per_million"].as_f64().unwrap();
        near(found, least, 1e-9);
        assert!(plan["recommended"]["predicted"].is_null());
    }
}

#[test]
fn a_run_says_what_users_did_and_compare_takes_them() {
    let systems = "[[system]]\nname = \"own\"\nkind = \"lambda\"\nmemory_mb = 1024\npolicy = { kind = \"batch\", batch = 4, timeout = \"50ms\" }\n\
                   [[system]]\nname = \"single\"\nkind = \"lambda\"\nmemory_mb = 1024\npolicy = { kind = \"unbatched\" }\n";
    let folder = folder(&format!("{}{systems}", text(USERS, BATCH, "")));
    let run = folder.json(&["run", "closed.toml", "--json"]);
    assert_eq!(run["closed_loop"]["users"], 12);
    let rate = run["closed_loop"]["requests_per_s"].as_f64().unwrap();
    near(12.0 / rate - 0.25, run["simulated"]["latency_s"]["mean"].as_f64().unwrap(), 0.02);
    assert!(run["predicted"].is_null());
    assert!(run["notes"].to_string().contains("nothing is predicted"));
    let compare = folder.json(&["compare", "closed.toml", "--json"]);
    let text = compare.to_string();
    let mean = run["simulated"]["mean_batch"].as_f64().unwrap();
    assert!(text.contains(&format!("\"mean_batch\":{mean}")), "{text}");
}

#[test]
fn what_needs_arrivals_beforehand_refuses_users_with_the_reason() {
    let folder = folder(&format!("{}{GRID}", text(USERS, BATCH, "")));
    let law = "no law covers users";
    folder.fails(&["sweep", "closed.toml", "--predict-only"], &[law]);
    folder.fails(&["sweep", "closed.toml", "--model", "published"], &[law]);
    folder.fails(&["plan", "closed.toml", "--predict-only"], &[law]);
    folder.fails(&["plan", "closed.toml", "--model", "published"], &[law]);
    folder.fails(&["plan", "closed.toml", "--max-rate"], &[law]);
    folder.fails(&["run", "closed.toml", "--model", "published"], &[law]);
    let generate = ["trace", "generate", "closed.toml", "--to", "t.txt"];
    folder.fails(&generate, &["users send when they are answered"]);
    folder.fails(&["run", "closed.toml", "--set", "workload.scale=2"], &["change `users` or `think`"]);
    folder.fails(&["run", "closed.toml", "--set", "workload.users=0"], &["must be 1 to 1000000"]);
    folder.fails(&["run", "closed.toml", "--set", "workload.rate=3"], &["not to \"closed\""]);
    let idle = ["--set", "workload.think=0s", "--set", "workload.think_cv=0.5"];
    folder.fails(&[&["run", "closed.toml"], &idle[..]].concat(), &["users do not think"]);
}

/// The same users and seed, the same requests: what changes is only what the policy does.
#[test]
fn an_adaptive_policy_follows_what_users_send() {
    let adaptive = "kind = \"adaptive\"\nbatch = 2\ntimeout = \"20ms\"\nwindow = \"1min\"\nperiod = \"1min\"";
    let folder = folder(&format!("{}{GRID}", text(USERS, adaptive, "")));
    let run = folder.json(&["run", "closed.toml", "--json", "--no-charts"]);
    assert!(run["adaptive"].is_object() && run["requests"] == 20_000, "{run}");
}
