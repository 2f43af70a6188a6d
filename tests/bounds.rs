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

/// At the bound of a setting it runs, a step over it it is refused with the bound.
#[test]
fn settings_of_a_scenario() {
    let folder = folder();
    let one =
        |batch: u32| format!("profile={{ memory_mb=[1024], batch=[1,{batch}], service_s=[[0.001,0.9]] }}");
    let long =
        |seconds: u32| format!("profile={{ memory_mb=[1024], batch=[1,8], service_s=[[1,{seconds}]] }}");
    let rate = |rate: &str| format!("workload={{ kind=\"poisson\", rate={rate}, requests=100 }}");
    let days = |days: u32| format!("workload={{ kind=\"poisson\", rate=1e-9, duration=\"{days}d\" }}");
    let timeout = |days: u32| format!("policy.timeout=\"{days}d\"");
    let runs = |setting: &str, says: &str| {
        tried(folder.path(), setting, &["run", "s.toml", "--no-charts", "--set", setting], 0, says);
    };
    let refused = |setting: &str, says: &str| {
        tried(folder.path(), setting, &["run", "s.toml", "--no-charts", "--set", setting], 1, says);
    };
    runs(&one(1024), "500 requests");
    refused(&one(1025), "batches are of at most 1024 requests, one is 1025");
    runs(&long(900), "500 requests");
    refused(&long(901), "ends a call after 15 min");
    runs(&rate("1e9"), "100 requests");
    refused(&rate("1.001e9"), "not 0.000000000001 to 1000000000");
    refused(&rate("1e-12"), "no request was served");
    refused(&rate("9e-13"), "not 0.000000000001 to 1000000000");
    runs(&days(106_751), "requests simulated");
    refused(&days(106_752), "is beyond the 292 years that can be simulated");
    runs(&timeout(366), "500 requests");
    refused(&timeout(367), "is over a year");
    let users = |users: u32| {
        let clients = format!("\"closed\", users = {users}, think = \"100s\", requests = 1500000");
        let text = SCENARIO.replace("\"poisson\", rate = 50, requests = 500", &clients);
        fs::write(folder.path().join("users.toml"), text).unwrap();
        ["run", "users.toml", "--no-charts"]
    };
    tried(folder.path(), "1e6 users", &users(1_000_000), 0, "1,500,000 requests");
    tried(folder.path(), "1e6 + 1 users", &users(1_000_001), 1, "must be 1 to 1000000, is 1000001");
}

/// The largest grids: an axis, and all; a shard of one holds its own rows only.
#[test]
fn grids() {
    let folder = folder();
    let axis = |last: u32| {
        format!(
            "sweep={{ memory_mb=[1024], batch=[1], timeout={{ from=\"1us\", to=\"{last}us\", step=\"1us\" }} }}"
        )
    };
    let all = |last: u32| {
        format!(
            "sweep={{ memory_mb={{ from=1024, to={last}, step=1 }}, batch=[1,2,4,6,8], \
             timeout={{ from=\"1ms\", to=\"1000ms\", step=\"1ms\" }} }}"
        )
    };
    let words =
        |set: &str| ["sweep", "s.toml", "--predict-only", "--no-charts", "--set", set].map(str::to_owned);
    let sweep = |what: &str, set: &str, more: &[&str], status: i32, says: &str| {
        let words = words(set);
        let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        tried(folder.path(), what, &words, status, says)
    };
    sweep("an axis of 20,000", &axis(20_000), &[], 0, "20,000 configurations");
    sweep("an axis of 20,001", &axis(20_001), &[], 1, "has more than 20000 points");
    let part = ["--shard", "50000/100000"];
    let did = sweep("a part of 5,000,000", &all(2023), &part, 0, "1,000 configurations");
    assert!(did.peak_mb < 200, "{} MB for a thousand rows", did.peak_mb);
    sweep("5,005,000", &all(2024), &[], 1, "choose larger steps, or sweep a part at a time");
}

#[test]
fn phases_and_classes() {
    let folder = folder();
    let run = |name: &str, text: String, status: i32, says: &str| {
        let file = format!("{}.toml", name.replace([' ', ','], "-"));
        fs::write(folder.path().join(&file), text).unwrap();
        tried(folder.path(), name, &["run", &file, "--no-charts"], status, says);
    };
    // From each phase to the next, with an arrival as often as without.
    let cyclic = |count: usize| {
        let matrix = |here: &str, next: &str| {
            let entry = |i: usize, j: usize| match j {
                _ if i == j => here,
                _ if j == (i + 1) % count => next,
                _ => "0",
            };
            let row = |i| format!("[{}]", (0..count).map(|j| entry(i, j)).collect::<Vec<_>>().join(","));
            format!("[{}]", (0..count).map(row).collect::<Vec<_>>().join(","))
        };
        let process = format!("\"map\", d0 = {}, d1 = {}", matrix("-2", "1"), matrix("1", "0"));
        SCENARIO.replace("\"poisson\", rate = 50", &process)
    };
    run("100 phases", cyclic(100), 0, "500 requests");
    run("101 phases", cyclic(101), 1, "a process has at most 100 phases, this one 101");
    let classes = |count: usize| {
        let text = SCENARIO.replace(", timeout = \"100ms\"", "").replace("slo = { latency = \"900ms\" }", "");
        let text = text
            .replace(", timeout = [\"10ms\", \"20ms\"]", "")
            .replace("requests = 500", "requests = 200000");
        let share = 1.0 / count as f64;
        let class =
            |i: usize| format!("[[class]]\nname = \"c{i}\"\nshare = {share:.9}\nlongest_wait = \"100ms\"\n");
        text + &(0..count).map(class).collect::<String>()
    };
    run("1,000 classes", classes(1000), 0, "200,000 requests");
    run("1,001 classes", classes(1001), 1, "has 1001 classes, not 1 to 1000");
}

#[test]
fn documents_and_lines() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let comment = format!("# {}\n", "x".repeat(61));
    let long = |bytes: usize| SCENARIO.to_owned() + &comment.repeat((bytes - SCENARIO.len()) / comment.len());
    write("most.toml", &long(64 << 20));
    tried(folder.path(), "a scenario of 64 MB", &["run", "most.toml", "--no-charts"], 0, "500 requests");
    write("more.toml", &long((64 << 20) + 2 * comment.len()));
    tried(
        folder.path(),
        "a longer one",
        &["run", "more.toml", "--no-charts"],
        1,
        "more.toml: is larger than 64 MB",
    );
    let trace = "\"trace\", file = \"t.csv\", column = \"time_s\"";
    write("trace.toml", &SCENARIO.replace("\"poisson\", rate = 50, requests = 500", trace));
    let line = |bytes: usize| format!("time_s,x\n0.1,a\n0.2,{}\n0.3,b\n", "y".repeat(bytes - 4));
    // Its line break included.
    write("t.csv", &line((4 << 20) - 1));
    tried(folder.path(), "a line of 4 MB", &["run", "trace.toml", "--no-charts"], 0, "3 requests");
    write("t.csv", &line(4 << 20));
    let says = "t.csv: line 3 is longer than 4194304 bytes";
    tried(folder.path(), "a longer line", &["run", "trace.toml", "--no-charts"], 1, says);
    write("t.csv", "time_s\n1\n2\n1000\n");
    let repeat = |times: &'static str| ["run", "trace.toml", "--no-charts", "--set", times];
    let far = "the repeats reach beyond 584 years";
    tried(folder.path(), "repeats beyond the clock", &repeat("workload.repeat=4294967295"), 1, far);
}

/// Measurements are read as a whole: at most 1 GB, also where that is only so when unpacked.
#[test]
fn measurements() {
    let folder = folder();
    let path = folder.path().join("calls.csv");
    fs::File::create(&path).unwrap().set_len((1 << 30) + 1).unwrap();
    let over = "larger than 1024 MB";
    tried(folder.path(), "more than 1 GB", &["import", "csv", "calls.csv", "--out", "p.toml"], 1, over);
    let packed = fs::File::create(folder.path().join("calls.log.gz")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(b'x'), (1 << 30) + 1), &mut packer).unwrap();
    packer.finish().unwrap();
    let words = ["import", "lambda-logs", "calls.log.gz", "--out", "p.toml"];
    tried(folder.path(), "more than 1 GB when unpacked", &words, 1, over);
}

#[test]
fn instances() {
    let folder = folder();
    fs::write(
        folder.path().join("i.toml"),
        "workers = 1\nbatch = [1]\nservice_s = [0.05]\nsource = \"made for a test\"\n",
    )
    .unwrap();
    let rented = |count: u32| {
        let system = format!(
            "[[system]]\nname = \"rented\"\nkind = \"endpoint\"\ninstance = \"sagemaker-ml.c5.4xlarge\"\n\
             profile = \"i.toml\"\ninitial = {count}\nmin = {count}\nmax = {count}\nsustainable_per_s = 20\n"
        );
        fs::write(folder.path().join("rented.toml"), SCENARIO.to_owned() + &system).unwrap();
        ["compare", "rented.toml", "--no-charts"]
    };
    tried(folder.path(), "100,000 instances", &rented(100_000), 0, "2 systems");
    tried(folder.path(), "100,001 instances", &rented(100_001), 1, "must be at most 100000");
}

#[cfg(feature = "profiler")]
#[test]
fn models() {
    let folder = folder();
    fs::File::create(folder.path().join("m.onnx")).unwrap().set_len((1 << 30) + 1).unwrap();
    tried(folder.path(), "a model of over 1 GB", &["profile", "m.onnx"], 1, "m.onnx: is larger than 1024 MB");
}
