//! The bounds of docs/robustness.md, each tried at and over it with 4 GB of address space: a result or a message, never an
//! abort. `cargo test --test bounds -- --nocapture` tells time and peak memory.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SCENARIO: &str = r#"
seed = 3
workload = { kind = "poisson", rate = 50, requests = 500 }
profile = { memory_mb = [1024, 3072], batch = [1, 8], service_s = [[0.2, 0.9], [0.1, 0.35]] }
platform = { kind = "lambda", book = "aws-2026", memory_mb = 1024 }
policy = { kind = "batch", batch = 8, timeout = "100ms" }
slo = { latency = "900ms" }
sweep = { memory_mb = [1024], batch = [1, 8], timeout = ["10ms", "20ms"] }
"#;

/// What a process did: its status, what it said, its peak memory [MB].
struct Did {
    status: Option<i32>,
    said: String,
    took: Duration,
    peak_mb: u64,
}

/// Runs `sim` with 4 GB of address space.
fn limited(folder: &Path, words: &[&str]) -> Did {
    let started = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -v 4000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_sim")])
        .args(words)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("said")).unwrap())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_mb = 0;
    let end = loop {
        if let Some(end) = child.try_wait().unwrap() {
            break end;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak_mb = peak.map_or(0, |kb| kb.trim().parse::<u64>().unwrap() / 1024).max(peak_mb);
        std::thread::sleep(Duration::from_millis(1));
    };
    let said = String::from_utf8_lossy(&fs::read(folder.join("said")).unwrap()).into_owned();
    Did { status: end.code(), said, took: started.elapsed(), peak_mb }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    folder
}

/// Tries `words`: the exit status must be `status`, and `says` must be said.
fn tried(folder: &Path, what: &str, words: &[&str], status: i32, says: &str) -> Did {
    let did = limited(folder, words);
    println!("{what}: exit {:?}, {:.1?}, {} MB", did.status, did.took, did.peak_mb);
    assert_eq!(did.status, Some(status), "{what}: {}", did.said);
    assert!(did.said.contains(says), "{what}: {}", did.said);
    did
}

#[test]
fn threads() {
    let folder = folder();
    let run = |n: &'static str| ["run", "s.toml", "--no-charts", "--threads", n];
    tried(folder.path(), "512 threads", &run("512"), 0, "500 requests");
    tried(folder.path(), "513 threads", &run("513"), 1, "--threads: must be 1 to 512, is 513");
    tried(folder.path(), "1e6 threads", &run("1000000"), 1, "--threads: must be 1 to 512, is 1000000");
    tried(folder.path(), "no threads", &run("0"), 1, "--threads: must be 1 to 512, is 0");
}

#[test]
fn shards() {
    let folder = folder();
    let sweep = |shard: &'static str| {
        ["sweep", "s.toml", "--no-charts", "--predict-only", "--out", "out", "--shard", shard]
    };
    tried(
        folder.path(),
        "100,000 shards",
        &sweep("100000/100000"),
        0,
        "1 rows in out/shard-100000-of-100000.csv",
    );
    tried(folder.path(), "100,001 shards", &sweep("1/100001"), 2, "100001 shards are more than 100000");
    tried(folder.path(), "4e8 shards", &sweep("1/400000000"), 2, "400000000 shards are more than 100000");
    let lost = "of 100000 shards these are missing: 1 to 99999";
    tried(folder.path(), "one shard of 100,000", &["merge", "out"], 1, lost);
    let file = folder.path().join("out/shard-100000-of-100000.csv");
    let text = fs::read_to_string(&file).unwrap();
    for (field, forged) in [("\"of\":100000", "\"of\":400000000"), ("\"rows\":1", "\"rows\":10000000000000")]
    {
        assert!(text.contains(field), "{text}");
        fs::write(&file, text.replacen(field, forged, 1)).unwrap();
        tried(folder.path(), &format!("a head with {forged}"), &["merge", "out"], 1, "is no part of a sweep");
    }
}

#[test]
fn devices_and_huge_files() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    tried(
        folder.path(),
        "merge of a device",
        &["merge", "/dev/zero"],
        1,
        "line 1 is longer than 1048576 bytes",
    );
    tried(folder.path(), "diff of a device", &["diff", "/dev/zero", "/dev/zero"], 1, "larger than 32 MB");
    let profile = ["run", "s.toml", "--set", "profile={ file = \"/dev/zero\" }"];
    tried(folder.path(), "a device as profile", &profile, 1, "/dev/zero: is larger than 64 MB");
    tried(folder.path(), "a device as scenario", &["run", "/dev/zero"], 1, "/dev/zero: is larger than 64 MB");
    let trace = SCENARIO.replace("\"poisson\", rate = 50, requests = 500", "\"trace\", file = \"/dev/zero\"");
    fs::write(path("trace.toml"), trace).unwrap();
    let none = "a pipe or a device cannot";
    tried(folder.path(), "a device as trace of a sweep", &["sweep", "trace.toml"], 1, none);
    tried(folder.path(), "a device as trace", &["run", "trace.toml"], 1, "/dev/zero: line 1 is longer than");
    // As many values as there can be in so many bytes.
    let json = |bytes: usize| format!("[{}1]", "1,".repeat((bytes - 3) / 2));
    fs::write(path("a.json"), json(32 << 20)).unwrap();
    let none = "is not the summary.json of a run";
    tried(folder.path(), "32 MB of JSON", &["diff", "a.json", "a.json"], 1, none);
    fs::write(path("b.json"), json((32 << 20) + 4)).unwrap();
    tried(folder.path(), "more than 32 MB of JSON", &["diff", "b.json", "b.json"], 1, "larger than 32 MB");
    fs::create_dir(path("sparse")).unwrap();
    fs::File::create(path("sparse/sweep.csv")).unwrap().set_len(100 << 30).unwrap();
    let none = "line 1 is longer than 1048576 bytes";
    tried(folder.path(), "100 GB of zeros", &["diff", "sparse", "sparse"], 1, none);
}

#[test]
fn segments() {
    let folder = folder();
    let schedule = |count: usize| {
        let segment =
            |i: usize| format!("[[segment]]\nduration = \"1h\"\nkind = \"poisson\"\nrate = {}\n", 10 + i % 9);
        (0..count).map(segment).collect::<String>()
    };
    let text = SCENARIO.replace("\"poisson\", rate = 50", "\"schedule\", file = \"schedule.toml\"");
    fs::write(folder.path().join("s.toml"), text).unwrap();
    let plan = ["plan", "s.toml", "--predict-only", "--no-charts", "--set", "sweep.batch=[1]"];
    fs::write(folder.path().join("schedule.toml"), schedule(10_000)).unwrap();
    // As many requests as three segments have: the others are never begun, but they are read.
    let few = [&plan[..], &["--set", "workload.requests=100000"]].concat();
    tried(folder.path(), "10,000 segments", &few, 0, "configurations evaluated");
    // All of them, none like another: the time goes with their number.
    let other = |i: usize| {
        let rate = 5.0 + (i * 7919 % 10_007) as f64 / 100.0;
        format!("[[segment]]\nduration = \"60s\"\nkind = \"poisson\"\nrate = {rate}\n")
    };
    let all = SCENARIO.replace("\"poisson\", rate = 50, requests = 500", "\"schedule\", file = \"all.toml\"");
    fs::write(folder.path().join("s-all.toml"), all).unwrap();
    let words = ["plan", "s-all.toml", "--predict-only", "--no-charts"];
    let took = |count: usize| {
        fs::write(folder.path().join("all.toml"), (0..count).map(other).collect::<String>()).unwrap();
        tried(folder.path(), &format!("{count} segments, all planned"), &words, 0, "configurations evaluated")
            .took
    };
    let (some, all) = (took(2_500), took(10_000));
    assert!(all < 8 * some + Duration::from_secs(2), "{some:?}, then {all:?} for four times as many");
    fs::write(folder.path().join("schedule.toml"), schedule(10_001)).unwrap();
    let over = "has 10001 segments, more than the 10000";
    tried(folder.path(), "10,001 segments", &plan, 1, over);
    tried(folder.path(), "10,001 segments of a sweep", &["sweep", "s.toml"], 1, over);
}

#[test]
fn systems() {
    let folder = folder();
    let compare = |count: usize| {
        let system = |i: usize| {
            format!("[[system]]\nname = \"{i}\"\nkind = \"lambda\"\npolicy = {{ kind = \"unbatched\" }}\n")
        };
        let text = SCENARIO.to_owned() + &(0..count).map(system).collect::<String>();
        fs::write(folder.path().join("s.toml"), text).unwrap();
    };
    let words = ["compare", "s.toml", "--no-charts", "--set", "workload.requests=20"];
    compare(1000);
    // Beside the scenario's own.
    tried(folder.path(), "1,000 systems", &words, 0, "1001 systems");
    compare(1001);
    tried(folder.path(), "1,001 systems", &words, 1, "has 1001 systems, more than 1000");
}

#[test]
fn replications() {
    let folder = folder();
    let run = |n: &str| format!("replications={n}");
    let words = |n: &'static str| run(n);
    let at = words("1000");
    tried(
        folder.path(),
        "1,000 replications",
        &["run", "s.toml", "--no-charts", "--set", &at],
        0,
        "500,000 requests",
    );
    let over = words("1001");
    tried(
        folder.path(),
        "1,001 replications",
        &["run", "s.toml", "--set", &over],
        1,
        "must be 1 to 1000, is 1001",
    );
}
