//! Predicted beside measured, on data that others measured: docs/validation.md has the tables and where each set is.
//!
//! The data are no part of the repository. `BATCHSIM_VALIDATION=DIR` says where they are (else ../shared/validation is
//! looked at); without them these tests say so and pass. `cargo test --test validation -- --nocapture` prints the tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use batchsim::arrivals::memory::InMemory;
use batchsim::backtest::call::Log;
use batchsim::backtest::learn::Told;
use batchsim::backtest::read::{Reading, read};
use batchsim::backtest::verdict::Tolerance;
use batchsim::backtest::{Options, backtest};
use batchsim::document::Document;
use batchsim::engine::observer::{Observer, StartedBatch};
use batchsim::engine::simulate::run;
use batchsim::numeric::streams::Streams;
use batchsim::profile::Profile;
use batchsim::profile::import::text::read_text;
use batchsim::scenario::Scenario;
use batchsim::units::{MemoryMb, Span, Time};

/// The folder, or a word that it is not there.
fn folder() -> Option<PathBuf> {
    let told = std::env::var_os("BATCHSIM_VALIDATION").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/validation");
    let found = told.unwrap_or(beside);
    if !found.is_dir() {
        println!("skipped: no measured data at {}; say where with BATCHSIM_VALIDATION", found.display());
        return None;
    }
    Some(found)
}

fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = read_text(path).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap()
}

fn options() -> Options {
    Options {
        split: 0.5,
        told: Told::default(),
        profile: None,
        platform: None,
        overrides: Vec::new(),
        seeds: 20,
        seed: 1,
        tolerance: Tolerance::default(),
    }
}

fn runs(folder: &Path) -> Vec<(String, Log)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("lambda-spm-2020"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".csv"))
        .collect();
    files.sort();
    let log = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned();
        (name, read(&[path], &Reading::default()).unwrap())
    };
    files.into_iter().map(log).collect()
}

/// 28 h each, learnt on the first half, the second predicted.
#[test]
fn the_second_half_of_each_run_is_what_the_first_predicts() {
    let Some(folder) = folder() else { return };
    let mut cold = (0.0, 0.0);
    let mut misses = Vec::new();
    println!(
        "run        calls   p50      p90      p95      p99      mean     bill     cold starts (seen, noise)"
    );
    for (name, log) in runs(&folder) {
        let found = backtest(&log, &options()).unwrap();
        let (seen, model) = (found.observed.named(), found.predicted.named());
        let off: Vec<String> =
            (0..6).map(|at| format!("{:+6.2} %", 100.0 * (model[at] / seen[at] - 1.0))).collect();
        let (low, high) = found.noise[6];
        println!(
            "{name} {:6} {} {:6.1} ({}, {low:.0} to {high:.0}) {:?}",
            found.calls.len(),
            off.join(" "),
            model[6],
            seen[6],
            found.verdict.causes
        );
        cold = (cold.0 + model[6], cold.1 + seen[6]);
        misses.extend(found.verdict.outside.iter().map(|figure| format!("{name}: {figure}")));
    }
    println!("cold starts in all: {:.1} for {}", cold.0, cold.1);
    assert!(misses.is_empty(), "{misses:?}");
    assert!((cold.0 / cold.1 - 1.0).abs() <= 0.10, "{cold:?}");
}

#[test]
fn spoiled_models_and_logs_are_told() {
    let Some(folder) = folder() else { return };
    let all = runs(&folder);
    for (name, log) in &all {
        let verdict = |overrides: &[String]| {
            backtest(log, &Options { overrides: overrides.to_vec(), ..options() }).unwrap()
        };
        let learnt = verdict(&[]);
        let service = learnt.learnt.service.value;
        let fast = verdict(&[format!("profile.service_s=[[{}]]", 0.8 * service)]).verdict;
        assert!(fast.causes.iter().any(|cause| cause.contains("service times")), "{name}: {:?}", fast.causes);
        let halved = halved(&learnt.learnt.platform());
        let short = backtest(log, &Options { platform: Some(halved), ..options() }).unwrap().verdict;
        println!("{name}: halved: {:?}", short.causes);
        assert!(
            short.causes.iter().any(|cause| cause.contains("keep-alive too short")),
            "{name}: {:?}",
            short.causes
        );
    }
    // A function that takes half as long again.
    let (_, one) = &all[1];
    let other = one.calls.iter().cloned().map(|mut call| {
        call.environment = call.environment.map(|number| number + 1000);
        call.duration *= 1.5;
        call.members[0].arrived += 3.0;
        call.sent += 3.0;
        call
    });
    let both = batchsim::backtest::log_of("both", one.calls.iter().cloned().chain(other).collect());
    let causes = backtest(&both, &options()).unwrap().verdict.causes;
    assert!(causes[0].contains("another function"), "{causes:?}");
    // Two runs of the same function, as if they were one: environments of one number serve two calls at once.
    let both = all[0].1.calls.iter().cloned().chain(one.calls.iter().cloned());
    let causes =
        backtest(&batchsim::backtest::log_of("both", both.collect()), &options()).unwrap().verdict.causes;
    assert!(causes[0].contains("another function"), "{causes:?}");
}

/// Every span of keep_alive at half its length.
fn halved(platform: &str) -> String {
    let half = |line: &str| {
        if !line.starts_with("keep_alive") {
            return line.to_owned();
        }
        let parts: Vec<String> = line
            .split('"')
            .map(|part| match part.strip_suffix("ms").and_then(|ms| ms.parse::<u64>().ok()) {
                Some(ms) => format!("{}ms", ms / 2),
                None => part.to_owned(),
            })
            .collect();
        parts.join("\"")
    };
    platform.lines().map(|line| half(line) + "\n").collect()
}

/// Counts cold starts after a warm-up.
struct Cold {
    cold: u64,
    all: u64,
    from: Time,
}

impl Observer for Cold {
    fn started(&mut self, batch: &StartedBatch, _arrivals: &[Time]) {
        if batch.started >= self.from {
            self.all += 1;
            self.cold += u64::from(batch.cold);
        }
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
        panic!("nothing is refused here");
    }
}

fn cold_share(rate: f64, warm_s: f64, platform: &str, requests: u64) -> f64 {
    let text = format!(
        "seed = 5\n[workload]\nkind = \"poisson\"\nrate = {rate}\nrequests = {requests}\n[profile]\nmemory_mb = [128]\nbatch = [1]\n\
         service_s = [[{warm_s}]]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2020\"\nmemory_mb = 128\ncold_starts = true\n\
         runtime_init = \"300ms\"\n{platform}\n[policy]\nkind = \"unbatched\"\n"
    );
    let scenario = Scenario::from_document(&Document::parse("rates.toml", &text).unwrap(), "rates").unwrap();
    let streams = Streams::new(scenario.seed).part(0);
    let mut arrivals = scenario.workload.open(streams).unwrap();
    let mut cold = Cold { cold: 0, all: 0, from: Time::ZERO + Span::from_secs(10_800) };
    run(&scenario, scenario.setting(), streams, &mut arrivals, &mut cold).unwrap();
    cold.cold as f64 / cold.all as f64
}

/// 20 arrival rates: one setting, how long a spare environment stays, is learnt on every other rate.
#[test]
fn the_share_of_cold_starts_at_twenty_rates() {
    let Some(folder) = folder() else { return };
    let all = rows(&folder.join("lambda-spm-2020-rates.csv"));
    let error = |platform: &str, rows: &[&BTreeMap<String, String>]| {
        let of = |row: &&BTreeMap<String, String>| {
            let (rate, p) = (number(row, "rate_per_s"), number(row, "p_cold"));
            let requests = (1500.0 / p).clamp(20_000.0, 1_000_000.0) as u64;
            cold_share(rate, number(row, "warm_ms") / 1e3, platform, requests) / p - 1.0
        };
        rows.iter().map(of).collect::<Vec<f64>>()
    };
    let mae = |errors: &[f64]| errors.iter().map(|e| e.abs()).sum::<f64>() / errors.len() as f64;
    let (half, every): (Vec<_>, Vec<_>) = (all.iter().step_by(2).collect(), all.iter().collect());
    let with =
        |spare: u32| format!("keep_alive = {{ last = \"640s\", spare = \"{spare}s\" }}\nmax_age = \"2h\"");
    let tried: Vec<(f64, u32)> =
        (700..=1700).step_by(100).map(|spare| (mae(&error(&with(spare), &half)), spare)).collect();
    let best = tried.iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1;
    let learnt = error(&with(best), &every);
    let fixed = ["10min", "640s"].map(|span| mae(&error(&format!("keep_alive = \"{span}\""), &every)));
    println!(
        "spare = {best} s: mean absolute error {:.3}; a fixed 10 min {:.3}, 640 s {:.3}",
        mae(&learnt),
        fixed[0],
        fixed[1]
    );
    println!("{:?}", learnt.iter().map(|e| format!("{:+.2}", e)).collect::<Vec<_>>());
    assert!(mae(&learnt) <= 0.09, "{}", mae(&learnt));
}

/// Each of 46 memory sizes from the other 45, and from a few.
#[test]
fn memory_sizes_between_those_measured() {
    let Some(folder) = folder() else { return };
    let mut cells: BTreeMap<(String, u32), Vec<f64>> = BTreeMap::new();
    for row in rows(&folder.join("lambda-46-memory-sizes-2020.csv.gz")) {
        let key = (row["function"].clone(), row["memory_mb"].parse().unwrap());
        cells.entry(key).or_default().push(number(&row, "duration_ms") / 1e3);
    }
    let mut tables: BTreeMap<&str, Vec<(u32, f64)>> = BTreeMap::new();
    for ((function, memory), all) in &cells {
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        tables.entry(function).or_default().push((*memory, mean));
    }
    let mut of_processors = Vec::new();
    for (function, table) in &tables {
        let left_out = |known: &dyn Fn(u32) -> bool| {
            let mut errors = Vec::new();
            for (at, (memory, truth)) in table.iter().enumerate().skip(1).take(table.len() - 2) {
                let ends = [table[0].0, table[table.len() - 1].0];
                let kept: Vec<(u32, f64)> = table
                    .iter()
                    .enumerate()
                    .filter(|(i, (mb, _))| *i != at && (known(*mb) || ends.contains(mb)))
                    .map(|(_, cell)| *cell)
                    .collect();
                let text = format!(
                    "memory_mb = {:?}\nbatch = [1]\nservice_s = {:?}\n",
                    kept.iter().map(|c| c.0).collect::<Vec<_>>(),
                    kept.iter().map(|c| vec![c.1]).collect::<Vec<_>>()
                );
                let profile = Profile::from_document(&Document::parse("p.toml", &text).unwrap()).unwrap();
                let profile = Profile { mb_per_vcpu: Some(1769), ..profile };
                errors.push((profile.service_s(MemoryMb(*memory), 1).unwrap() / truth - 1.0).abs());
            }
            errors.iter().sum::<f64>() / errors.len() as f64
        };
        let (all, few) = (left_out(&|_| true), left_out(&|mb| [512, 1024, 1792].contains(&mb)));
        println!(
            "{function}: {:.1} % from the 45 others, {:.1} % from 128, 512, 1024, 1792 and 3008 MB",
            100.0 * all,
            100.0 * few
        );
        if ["f2", "f3", "f5", "f6"].contains(function) {
            of_processors.push((all, few));
        }
    }
    let mean =
        |of: fn(&(f64, f64)) -> f64| of_processors.iter().map(of).sum::<f64>() / of_processors.len() as f64;
    println!("bound by the processor: {:.4}, {:.4}", mean(|e| e.0), mean(|e| e.1));
    assert!(mean(|e| e.0) <= 0.04 && mean(|e| e.1) <= 0.04);
}

/// A batching proxy before Knative: the share of batches that left at their timeout, at about 5 requests a second.
#[test]
fn the_share_of_timeouts_of_a_batching_proxy() {
    let Some(folder) = folder() else { return };
    let mut shares: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    let all = rows(&folder.join("mlproxy-buffer-2021.csv"));
    for row in all.iter().filter(|row| row["timeout_ms"] == "350" && row["rate_per_s_nominal"] == "5") {
        shares.entry(row["max_batch"].parse().unwrap()).or_default().push(number(row, "timeout_share"));
    }
    for (batch, within) in [(2, 0.03), (4, 0.035), (7, 0.01)] {
        let measured = &shares[&batch];
        let mean = measured.iter().sum::<f64>() / measured.len() as f64;
        let predicted = {
            let process = batchsim::arrivals::map::Map::poisson(5.0);
            let levels = batchsim::analytic::exact::Levels::new(&process, batch, Span::from_millis(350));
            batchsim::analytic::exact::BatchLaw::new(&levels, batch).timed_out()
        };
        println!("B = {batch}: measured {mean:.3} in {} windows, predicted {predicted:.3}", measured.len());
        assert!((predicted - mean).abs() <= within, "{batch}: {predicted} {mean}");
    }
}

/// mosec 0.9.8, one worker that sleeps 2 ms: its own arrivals replayed through (B, T), and 3 ms of HTTP.
#[test]
fn the_latencies_of_a_batching_server() {
    let Some(folder) = folder() else { return };
    let mut by_run: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for row in rows(&folder.join("mosec-buffer-own-2026-11.csv.gz")) {
        by_run.entry(row["run"].clone()).or_default().push(row);
    }
    let mut beyond = 0;
    for (name, rows) in &by_run {
        let first = &rows[0];
        let text = format!(
            "[workload]\nkind = \"poisson\"\nrate = 1\nrequests = 1\n[profile]\nmemory_mb = [128]\nbatch = [1, {b}]\n\
             service_s = [[{s}, {s}]]\noverhead_s = 0.003\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 128\n\
             [policy]\nkind = \"batch\"\nbatch = {b}\ntimeout = \"{t}ms\"\n",
            b = first["max_batch"],
            t = first["timeout_ms"],
            s = number(first, "service_ms") / 1e3
        );
        let scenario =
            Scenario::from_document(&Document::parse("mosec.toml", &text).unwrap(), "mosec").unwrap();
        let mut sent: Vec<Time> =
            rows.iter().map(|row| Time((number(row, "sent_s") * 1e9).round() as u64)).collect();
        sent.sort_unstable();
        let mut found = Latencies::default();
        run(&scenario, scenario.setting(), Streams::new(1), &mut InMemory::new(&sent), &mut found).unwrap();
        let quantile = |mut all: Vec<f64>, q: f64| {
            all.sort_by(f64::total_cmp);
            all[(q * (all.len() - 1) as f64) as usize]
        };
        let measured: Vec<f64> = rows.iter().map(|row| number(row, "latency_ms")).collect();
        let [p50, p90] = [0.5, 0.9].map(|q| quantile(found.all.clone(), q) - quantile(measured.clone(), q));
        // Each request tells the size of its batch: batches are the sum of the inverse.
        let batches: f64 = rows.iter().map(|row| 1.0 / number(row, "batch")).sum();
        let size = (rows.len() as f64 / batches) / (rows.len() as f64 / found.batches as f64);
        println!(
            "run {name}: p50 {p50:+.2} ms, p90 {p90:+.2} ms, measured batches {:+.1} %",
            100.0 * (size - 1.0)
        );
        beyond += usize::from(p50.abs() > 0.4 || p90.abs() > 0.4);
        assert!(p50.abs() <= 1.3 && p90.abs() <= 1.3, "{name}: {p50} {p90}");
        assert!((-0.005..=0.02).contains(&(size - 1.0)), "{name}: {size}");
    }
    assert!(beyond <= 1, "{beyond} of {} runs", by_run.len());
}

#[derive(Default)]
struct Latencies {
    all: Vec<f64>,
    batches: usize,
}

impl Observer for Latencies {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        self.batches += 1;
        self.all.extend(arrivals.iter().map(|at| batch.answered().since(*at).as_secs_f64() * 1e3));
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
        panic!("nothing is refused here");
    }
}

/// The share of idle environments that are left, measured on pools of 8,000 to 9,000 (SeBS, Copik et al., Middleware
/// 2021, figures in docs/validation.md): a half goes every 380 s.
#[test]
fn pools_of_idle_environments_go_by_halves() {
    let measured = [
        (360.0, 0.975),
        (420.0, 0.51),
        (720.0, 0.51),
        (780.0, 0.27),
        (1080.0, 0.27),
        (1140.0, 0.14),
        (1320.0, 0.14),
    ];
    // An environment is idle for a little longer than the time between two calls is set to.
    let share = |idle: f64| batchsim::backtest::keep_alive::halved(idle + 1.0, 380.0);
    let error =
        measured.iter().map(|(idle, left)| (share(*idle) - left).abs()).sum::<f64>() / measured.len() as f64;
    println!("mean absolute error {error:.4}");
    assert!(error <= 0.02, "{error}");
}
