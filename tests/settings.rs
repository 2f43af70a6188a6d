//! Settings act or are refused: limits are kept, endpoints batch what waits, `--set` makes room for what it chooses.

use std::fmt::Write as _;
use std::path::Path;

use assert_cmd::Command;
use batchsim::document::Document;
use batchsim::error::InputError;
use batchsim::profile::ServiceTimes;
use batchsim::scenario::{Scenario, Setting};
use batchsim::systems::compare::{Compared, compare};
use batchsim::units::{MemoryMb, Span};
use serde_json::Value;

const SCENARIO: &str = r#"
seed = 3
[workload]
kind = "poisson"
rate = 20
requests = 2000
[profile]
memory_mb = [1024, 3072]
batch = [1, 8]
service_s = [[0.2, 0.9], [0.1, 0.35]]
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
[policy]
kind = "batch"
batch = 8
timeout = "100ms"
[slo]
latency = "1s"
[sweep]
memory_mb = [1024, 3072]
batch = [1, 8]
timeout = ["10ms", "100ms"]
"#;

fn read(text: &str) -> Result<Scenario, InputError> {
    Scenario::from_document(&Document::parse("s.toml", text).unwrap(), "s")
}

fn changed(from: &str, to: &str) -> String {
    assert!(SCENARIO.contains(from), "{from}");
    SCENARIO.replacen(from, to, 1)
}

/// Exit status, what `sim` prints as JSON, standard error.
fn sim(folder: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let mut command = Command::cargo_bin("sim").unwrap();
    let output =
        command.current_dir(folder).args(arguments).args(["--json", "--no-charts"]).output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), json, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_books_longest_run_is_kept_to_the_nanosecond() {
    // aws-2026 ends a call after 900 s.
    let at = |seconds: &str, memory: u32, batch: u32| {
        let scenario = read(&changed("[0.2, 0.9]", &format!("[0.2, {seconds}]"))).unwrap();
        let setting = Setting::new(MemoryMb(memory), batch, Span::ZERO);
        assert_eq!(scenario.service(setting).is_ok(), scenario.runs_within_limit(setting).is_ok());
        assert!(scenario.covered(setting).is_ok());
        scenario.runs_within_limit(setting)
    };
    assert_eq!(at("900.0", 1024, 8), Ok(()));
    let message = at("900.000000001", 1024, 8).unwrap_err();
    assert_eq!(
        message,
        "model at 1,024 MB takes 900.000000001 s for a batch of 8, but aws-2026 ends a call after 15 min"
    );
    // What is beyond the limit at one setting is not at the others.
    let all = scenario_times("1200.0");
    assert_eq!(all.0.largest_within_limit(&all.1), 6);
    assert_eq!(at("1200.0", 1024, 1), Ok(()));
    assert_eq!(at("1200.0", 3072, 8), Ok(()));
    // From 0.2 s to 1200 s in seven equal steps, the batch of 7 is the first beyond: 0.2 + 6 / 7 x 1199.8 = 1028.6.
    assert!(at("1200.0", 1024, 6).is_ok() && at("1200.0", 1024, 7).is_err());
}

/// A scenario in which a batch of 8 takes so many seconds at 1024 MB, and its times there.
fn scenario_times(seconds: &str) -> (Scenario, ServiceTimes) {
    let scenario = read(&changed("[0.2, 0.9]", &format!("[0.2, {seconds}]"))).unwrap();
    let times = scenario.covered(scenario.setting()).unwrap();
    (scenario, times)
}

#[test]
fn systems_that_choose_leave_out_what_would_not_end() {
    // A lone request takes 1,000 s at 1024 MB and 400 s at 3072 MB, 1,000 and 1,200 GB s; a batch of 8 there 950 s. If
    // calls of over 900 s ended, the smaller size and the larger batch would be the cheaper ones.
    let text =
        changed("[[0.2, 0.9], [0.1, 0.35]]", "[[1000, 1100], [400, 950]]").replacen("\"1s\"", "\"2000s\"", 1);
    // The scenario's own system must end too.
    let text = text.replacen("memory_mb = 1024", "memory_mb = 3072", 1).replacen("batch = 8", "batch = 1", 1);
    let systems = "[[system]]\nname = \"cheapest\"\nkind = \"lambda\"\nmemory_mb = \"cheapest-within-slo\"\n\
         policy = { kind = \"unbatched\" }\n[[system]]\nname = \"planned\"\nkind = \"lambda\"\n\
         policy = { kind = \"planned\" }\n";
    let found = compare(&read(&(text.clone() + systems)).unwrap()).unwrap();
    // Of all sizes between, the one whose GB s are least among those that end.
    let scenario = read(&text).unwrap();
    let seconds = |mb: u32| {
        let times = scenario.covered(Setting::new(MemoryMb(mb), 1, Span::ZERO)).unwrap();
        times.of(1).as_secs_f64()
    };
    let gb_s = |mb: u32| f64::from(mb) * seconds(mb);
    let least = (1024..=3072).filter(|mb| seconds(*mb) <= 900.0).map(gb_s).fold(f64::INFINITY, f64::min);
    let chosen: u32 =
        found[1].setting.strip_suffix(" MB, unbatched").unwrap().replace(',', "").parse().unwrap();
    // Billed milliseconds count whole.
    assert!(seconds(chosen) <= 900.0 && gb_s(chosen) <= least * (1.0 + 1e-5), "{chosen} MB");
    assert_eq!(found[2].setting, "planned: 3,072 MB, up to 1 within 10 ms");
    let none = text.replacen("[400, 950]", "[901, 950]", 1) + systems;
    let error = compare(&read(&none).unwrap()).unwrap_err().to_string();
    assert!(error.contains("would run longer than") || error.contains("ends a call after"), "{error}");
}

#[test]
fn a_long_initialisation_shares_the_time_of_the_first_call() {
    // Within 10 s the platform initialises before the call; a longer one runs again within it.
    let runs = |init: f64, service: f64| {
        let text = changed("[0.2, 0.9]", &format!("[0.2, {service}]"));
        let text =
            text.replacen("[platform]\n", "[platform]\ncold_starts = true\nruntime_init = \"1s\"\n", 1);
        let text = text.replacen("[platform]", &format!("init_s = {init}\n[platform]"), 1);
        let scenario = read(&text).unwrap();
        scenario.runs_within_limit(scenario.setting())
    };
    assert_eq!(runs(9.0, 900.0), Ok(()));
    assert_eq!(runs(10.0, 889.0), Ok(()));
    let message = runs(10.0, 889.5).unwrap_err();
    assert!(message.contains("889.5 s for a batch of 8 after an initialisation of 11 s"), "{message}");
}

/// 2,000 arrivals at `rate` in the mean, of distinct nanoseconds, in bursts and gaps.
fn arrivals(rate: f64) -> Vec<u64> {
    let (mut state, mut now) = (12_345_u64, 0);
    let gap = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 11) as f64 / (1_u64 << 53) as f64;
        now += (-(1.0 - uniform).ln() / rate * 1e9) as u64 + 1;
        now
    };
    (0..2000).map(gap).collect()
}

/// One worker that is never idle while somebody waits and takes up to `most` of them: latencies \[ns\], sorted.
fn served(arrivals: &[u64], most: usize, service: impl Fn(usize) -> u64) -> Vec<u64> {
    let (mut free, mut next, mut latencies) = (0, 0, Vec::new());
    while next < arrivals.len() {
        let start = arrivals[next].max(free);
        let waiting = arrivals[next..].iter().take_while(|at| **at <= start).count().min(most);
        free = start + service(waiting);
        latencies.extend(arrivals[next..next + waiting].iter().map(|at| free - at));
        next += waiting;
    }
    latencies.sort_unstable();
    latencies
}

fn endpoint(folder: &Path, times: &[u64], fields: &str) -> Compared {
    let mut csv = String::from("time_ns\n");
    times.iter().for_each(|time| writeln!(csv, "{time}").unwrap());
    std::fs::write(folder.join("t.csv"), csv).unwrap();
    let workload = "kind = \"trace\"\nfile = \"t.csv\"\nformat = \"timestamps\"\ncolumn = \"time_ns\"";
    let text = changed("kind = \"poisson\"\nrate = 20\nrequests = 2000", workload)
        + "[[system]]\nname = \"e\"\nkind = \"endpoint\"\ninstance = \"sagemaker-ml.c5.xlarge\"\nmax = 1\n"
        + "sustainable_per_s = 5.0\nprofile = { batch = [1, 8], service_s = [0.2, 0.9] }\n"
        + fields;
    std::fs::write(folder.join("s.toml"), text).unwrap();
    let mut found = compare(&Scenario::read(&folder.join("s.toml"), &[]).unwrap()).unwrap();
    found.pop().unwrap()
}

#[test]
fn an_endpoint_takes_what_waits_as_far_as_its_profile_goes() {
    let folder = tempfile::tempdir().unwrap();
    let times = arrivals(6.0);
    let first = times[0];
    let times: Vec<u64> = times.iter().map(|time| time - first).collect();
    // 0.2 s for one, 0.9 s for eight, 0.1 s more for each between.
    let service = |n: usize| 100_000_000 * (n as u64 + 1);
    for (fields, most) in [("", 8), ("batch = 3\n", 3), ("batch = 1\n", 1)] {
        let system = endpoint(folder.path(), &times, fields);
        let right = served(&times, most, service);
        let latency = system.simulation.simulated.latency_s;
        let mean = right.iter().sum::<u64>() as f64 / right.len() as f64 / 1e9;
        assert!((latency.mean / mean - 1.0).abs() < 1e-9, "{fields}: {} {mean}", latency.mean);
        let longest = right[right.len() - 1] as f64 / 1e9;
        assert!((latency.max.unwrap() / longest - 1.0).abs() < 1e-9, "{fields}: {latency:?} {longest}");
        // The histogram is good to 0.05 %.
        let p95 = right[(right.len() * 95).div_ceil(100) - 1] as f64 / 1e9;
        assert!((latency.p95 / p95 - 1.0).abs() < 5e-3, "{fields}: {} {p95}", latency.p95);
        assert_eq!(system.setting.contains("of those that wait"), most > 1, "{}", system.setting);
    }
}

#[test]
fn arrivals_at_one_instant_are_one_batch() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.csv"), "t\n".to_owned() + &"12.5\n".repeat(6)).unwrap();
    std::fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    let set = |field: &'static str| ["--set", field];
    let trace = [set("workload.kind=trace"), set("workload.rate="), set("workload.file=t.csv")].concat();
    let run = ["run", "s.toml", "--set", "workload.format=timestamps"];
    let (status, json, error) = sim(folder.path(), &[&run[..], &trace].concat());
    assert_eq!(status, 0, "{error}");
    assert_eq!((&json["requests"], &json["batches"]), (&Value::from(6), &Value::from(1)));
    assert!(json["predicted"].is_null());
    // 100 ms of waiting, then 0.2 + 5 / 7 x 0.7 s for six.
    let latency = json["simulated"]["latency_s"]["max"].as_f64().unwrap();
    assert!((latency - 0.8).abs() < 1e-9, "{latency}");
}

#[test]
fn another_choice_by_set_leaves_out_what_it_cannot_use_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let written = |text: &str, overrides: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
        Scenario::read(&path, &overrides).map(|scenario| scenario.written)
    };
    let unbatched = changed("kind = \"batch\"\nbatch = 8\ntimeout = \"100ms\"", "kind = \"unbatched\"");
    assert_eq!(written(SCENARIO, &["policy.kind=unbatched"]).unwrap(), written(&unbatched, &[]).unwrap());
    let fields = "cold_starts = true\nretry = { attempts = 2 }\nprovisioned = 1\n[policy]";
    let cold = changed("[policy]", fields).replacen("[platform]", "init_s = 1.0\n[platform]", 1);
    let warm = changed("[policy]", "cold_starts = false\n[policy]");
    let as_set = written(&cold, &["platform.cold_starts=false"]).unwrap();
    assert_eq!(as_set, written(&warm, &[]).unwrap());
    // What `--set` gives itself, what the file says of the same choice, and slips are refused as ever.
    assert!(written(SCENARIO, &["policy.kind=unbatched", "policy.batch=4"]).is_err());
    assert!(written(&cold, &["platform.cold_starts=false", "platform.concurrency=4"]).is_err());
    let slip = changed("timeout = \"100ms\"", "timout = \"100ms\"");
    assert!(written(&slip, &["policy.kind=unbatched"]).is_err());
    let idle = changed("kind = \"batch\"", "kind = \"unbatched\"");
    assert!(written(&idle, &["policy.kind=unbatched"]).is_err());
}

#[test]
fn an_adaptive_policy_runs_or_is_refused_but_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let system = "[[system]]\nname = \"a\"\nkind = \"lambda\"\npolicy = { kind = \"unbatched\" }\n";
    std::fs::write(folder.path().join("s.toml"), SCENARIO.to_owned() + system).unwrap();
    let tries: [(&[&str], i32); 7] = [
        (&["run"], 0),
        (&["run", "--set", "policy.period=1min", "--set", "policy.window=1min"], 0),
        (&["run", "--set", "slo="], 1),
        (&["run", "--set", "sweep="], 1),
        (&["run", "--set", "slo.latency=", "--set", "slo.budget_usd_per_million=5"], 0),
        (&["sweep"], 0),
        (&["compare"], 0),
    ];
    for (arguments, wanted) in tries {
        let more = ["s.toml", "--set", "policy.kind=adaptive"];
        let (status, _, error) = sim(folder.path(), &[arguments, &more].concat());
        assert!(status == wanted && !error.contains("panicked"), "{arguments:?}: {status} {error}");
    }
}

#[test]
fn every_output_says_that_environments_are_always_warm() {
    let folder = tempfile::tempdir().unwrap();
    let system = "[[system]]\nname = \"a\"\nkind = \"lambda\"\npolicy = { kind = \"unbatched\" }\n";
    std::fs::write(folder.path().join("s.toml"), SCENARIO.to_owned() + system).unwrap();
    for command in [&["run"][..], &["sweep"], &["compare"], &["plan"], &["plan", "--max-rate"]] {
        let mut sim = Command::cargo_bin("sim").unwrap();
        let sim = sim.current_dir(folder.path()).args(command).args(["s.toml", "--quiet", "--no-charts"]);
        let shown = String::from_utf8(sim.output().unwrap().stdout).unwrap();
        assert!(shown.contains("always warm (cold_starts = false)"), "{command:?}:\n{shown}");
    }
}
