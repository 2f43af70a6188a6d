//! "Does this configuration meet what is asked?" has one answer in the whole program, at the limit too.
//!
//! Each draw is a scenario of one configuration whose latency target lies exactly at the share that may be late, a
//! nanosecond below it, or somewhere near: run, sweep, plan, compare and max-rate must agree.
//! `VERDICT_DRAWS=50 cargo test --test one_verdict -- --nocapture` draws more.

use std::path::Path;

use assert_cmd::Command;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::Value;

fn json(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::cargo_bin("sim").unwrap();
    command.current_dir(folder).args(arguments).args(["--json", "--quiet"]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text}{error}"));
    (output.status.code().unwrap(), value)
}

/// A scenario of one configuration, once as [platform] and [policy], once as a system; its latency in nanoseconds.
fn scenario(workload: &str, (batch, timeout, cold): (u32, u32, bool), slo: &str) -> String {
    let policy = match batch {
        1 => "kind = \"unbatched\"".to_owned(),
        _ => format!("kind = \"batch\"\nbatch = {batch}\ntimeout = \"{timeout}ms\""),
    };
    let system = match batch {
        1 => "{ kind = \"unbatched\" }".to_owned(),
        _ => format!("{{ kind = \"batch\", batch = {batch}, timeout = \"{timeout}ms\" }}"),
    };
    let init = if cold { "init_s = 0.7\n" } else { "" };
    format!(
        "seed = 4\n[workload]\n{workload}\n[profile]\nmemory_mb = [1024, 2048]\nbatch = [1, 8]\n\
         service_s = [[0.1, 0.37], [0.06, 0.2]]\n{init}[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\n\
         memory_mb = 1024\ncold_starts = {cold}\n[policy]\n{policy}\n[slo]\n{slo}\n\
         [sweep]\nmemory_mb = [1024]\nbatch = [{batch}]\ntimeout = [\"{timeout}ms\"]\n\
         [[system]]\nname = \"it\"\nkind = \"lambda\"\npolicy = {system}\n"
    )
}

/// All latencies [ns] of a run, from batches.csv and the trace.
fn latencies(folder: &Path, text: &str, times: &[u64]) -> Vec<u64> {
    std::fs::write(folder.join("s.toml"), format!("{text}[output]\nbatches = true\n")).unwrap();
    json(folder, &["run", "s.toml", "--out", "free", "--no-charts"]);
    let rows = std::fs::read_to_string(folder.join("free/batches.csv")).unwrap();
    let nanos = |cell: &str| cell.replace('.', "").parse::<u64>().unwrap();
    let (mut next, mut found) = (0, Vec::new());
    // Batches are listed as they start, which without limits is the order in which they left.
    for row in rows.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let (finished, size) = (nanos(cells[3]), cells[4].parse::<usize>().unwrap());
        found.extend(times[next..next + size].iter().map(|time| finished - time));
        next += size;
    }
    assert_eq!(next, times.len());
    found.sort_unstable();
    found
}

#[test]
fn run_sweep_plan_compare_and_max_rate_agree() {
    let draws: u64 = std::env::var("VERDICT_DRAWS").map_or(8, |draws| draws.parse().unwrap());
    let (mut met, mut missed) = (0, 0);
    for seed in 0..draws {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(seed);
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let count = draw.random_range(200..1500);
        let rate = 10_f64.powf(draw.random_range(-1.0..1.7));
        let mut now = 0.0_f64;
        let gaps = (0..count).map(|_| {
            now -= (1.0 - draw.random::<f64>()).ln() / rate;
            now
        });
        let written: Vec<String> = gaps.map(|seconds| format!("{seconds:.9}")).collect();
        let first = written[0].replace('.', "").parse::<u64>().unwrap();
        let times: Vec<u64> =
            written.iter().map(|text| text.replace('.', "").parse::<u64>().unwrap() - first).collect();
        std::fs::write(folder.join("t.csv"), format!("t\n{}\n", written.join("\n"))).unwrap();
        let workload = "kind = \"trace\"\nfile = \"t.csv\"";
        let configuration = (draw.random_range(1..=8), draw.random_range(5..400), draw.random_bool(0.4));
        let percentile = [50.0, 90.0, 95.0, 99.0][draw.random_range(0..4)];
        let all = latencies(folder, &scenario(workload, configuration, "latency = \"1h\""), &times);
        let allowed = ((1.0 - percentile / 100.0) * times.len() as f64 + 1e-9).floor() as usize;
        let limit = all[times.len() - 1 - allowed];
        let target = limit - [0, 0, 1, 1_000_000][draw.random_range(0..4)]
            + [0, 0, 0, 900_000][draw.random_range(0..4)];
        let slo = format!("percentile = {percentile}\nlatency = \"{target}ns\"");
        std::fs::write(folder.join("s.toml"), scenario(workload, configuration, &slo)).unwrap();
        let late = all.iter().filter(|latency| **latency > target).count();
        let truth = late <= allowed;
        let (_, run) = json(folder, &["run", "s.toml", "--out", "run", "--no-charts"]);
        assert_eq!(run["meets_slo"], truth, "run, seed {seed}: {late} of {allowed}");
        assert_eq!(run["simulated"]["slo_violations"], late);
        assert_eq!(run["simulated"]["latency_s"]["slo"].as_f64().unwrap() <= target as f64 / 1e9, truth);
        let (_, sweep) = json(folder, &["sweep", "s.toml", "--out", "sweep", "--no-charts"]);
        assert_eq!(sweep["meet_slo"], u64::from(truth), "sweep, seed {seed}");
        let (status, plan) = json(folder, &["plan", "s.toml", "--grid-only", "--out", "plan", "--no-charts"]);
        assert_eq!((status == 0, plan["feasible"].as_bool().unwrap()), (truth, truth), "plan, seed {seed}");
        let (_, compare) = json(folder, &["compare", "s.toml", "--out", "compare", "--no-charts"]);
        assert_eq!(compare["it"]["meets_slo"], truth, "compare, seed {seed}");
        let (_, rate) = json(folder, &["plan", "s.toml", "--max-rate", "--out", "rate", "--no-charts"]);
        let carries = rate["max_scale"].as_f64().is_some_and(|scale| scale >= 1.0);
        assert!(carries || !truth, "max-rate denies its own rate, seed {seed}: {rate}");
        if truth { met += 1 } else { missed += 1 }
    }
    println!("{met} met, {missed} missed, and everyone agreed");
    assert!(met > 0 && missed > 0);
}
