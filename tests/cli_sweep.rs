//! `sim sweep` and `sim merge` from the command line.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use assert_cmd::assert::OutputAssertExt as _;

use crate::common::sim;

const SCENARIO: &str = r#"
name = "small"
seed = 3
[workload]
kind = "mmpp"
rates = [20.0, 200.0]
sojourns = [20.0, 5.0]
requests = 20000
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
latency = "500ms"
[sweep]
memory_mb = { from = 1024, to = 3072, step = 512 }
batch = [1, 2, 4, 8]
timeout = { from = "0ms", to = "200ms", step = "50ms" }
"#;

const ROWS: usize = 5 * 4 * 5;

/// A folder with the scenario in it.
fn scenario() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    folder
}

fn sweep(folder: &Path, out: &str, more: &[&str]) -> String {
    sim(folder, &["sweep", "s.toml", "--out", out, "--no-charts"]).args(more).assert().success();
    read(folder, &format!("{out}/sweep.csv"))
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn failure(mut command: Command) -> String {
    let output = command.assert().code(1).get_output().stderr.clone();
    String::from_utf8(output).unwrap()
}

/// The columns of a row by its configuration.
fn by_setting(csv: &str) -> BTreeMap<String, Vec<String>> {
    let row = |line: &str| {
        let cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        (cells[..3].join(","), cells[3..].to_vec())
    };
    csv.lines().skip(1).map(row).collect()
}

#[test]
fn a_sweep_has_the_promised_columns_in_grid_order_and_close_predictions() {
    let folder = scenario();
    let csv = sweep(folder.path(), "out", &[]);
    let mut lines = csv.lines();
    assert_eq!(
        lines.next().unwrap(),
        "memory_mb,batch,timeout_s,predicted_p95_s,predicted_cost_usd_per_million,\
         simulated_p95_s,simulated_cost_usd_per_million,meets_slo,on_front,simulated_p50_s,simulated_p99_s,simulated_slo_s,simulated_violation_share,\
         simulated_mean_batch,simulated_cold_start_share,simulated_cost_usd_per_month,provisioned"
    );
    let keys: Vec<(f64, f64, f64)> = lines
        .map(|line| {
            let cells: Vec<f64> = line.split(',').take(7).map(|cell| cell.parse().unwrap()).collect();
            assert!((cells[3] / cells[5] - 1.0).abs() < 0.15, "{line}");
            assert!((cells[4] / cells[6] - 1.0).abs() < 0.15, "{line}");
            (cells[0], cells[1], cells[2])
        })
        .collect();
    assert_eq!(keys.len(), ROWS);
    assert!(keys.is_sorted());
    let front = read(folder.path(), "out/pareto.csv");
    let on_front = csv.lines().filter(|line| line.split(',').nth(8) == Some("true")).count();
    assert_eq!(front.lines().count(), on_front + 1);
    assert!(on_front > 2, "{front}");
    assert!(!folder.path().join("out/sweep.partial.csv").exists());
}

#[test]
fn threads_change_no_byte() {
    let folder = scenario();
    let one = sweep(folder.path(), "one", &["--threads", "1"]);
    assert_eq!(one, sweep(folder.path(), "three", &["--threads", "3"]));
}

#[test]
fn shared_passes_find_what_the_engine_finds() {
    let folder = scenario();
    // A spread too small to see keeps the engine from sharing.
    let shared = by_setting(&sweep(folder.path(), "shared", &["--set", "warmup=\"7s\""]));
    let each = by_setting(&sweep(
        folder.path(),
        "each",
        &["--set", "warmup=\"7s\"", "--set", "profile.service_cv=1e-12"],
    ));
    for (setting, cells) in &each {
        let number = |cells: &[String], i: usize| cells[i].parse::<f64>().unwrap();
        let (a, b) = (number(&shared[setting], 2), number(cells, 2));
        // Each histogram is within 0.05 %.
        assert!((a / b - 1.0).abs() < 0.001, "{setting}: {a} {b}");
        assert_eq!(shared[setting][3], cells[3], "{setting}");
    }
}

#[test]
fn an_interrupted_sweep_goes_on_without_losing_or_repeating_a_row() {
    let folder = scenario();
    let whole = sweep(folder.path(), "whole", &[]);
    // Shard 1 of 1 has the journal's format: cut it in the middle of a line.
    sim(folder.path(), &["sweep", "s.toml", "--out", "cut", "--shard", "1/1"]).assert().success();
    let journal = read(folder.path(), "cut/shard-1-of-1.csv");
    for share in [0.0, 0.01, 0.3, 0.77, 1.0] {
        let cut = &journal[..(journal.len() as f64 * share) as usize];
        fs::create_dir_all(folder.path().join("out")).unwrap();
        fs::write(folder.path().join("out/sweep.partial.csv"), cut).unwrap();
        let refused = failure(sim(folder.path(), &["sweep", "s.toml", "--out", "out"]));
        assert!(refused.contains("--resume"), "{refused}");
        assert_eq!(sweep(folder.path(), "out", &["--resume"]), whole, "cut at {share}");
        assert!(!folder.path().join("out/sweep.partial.csv").exists());
    }
}

#[test]
fn another_sweep_s_journal_is_refused() {
    let folder = scenario();
    sim(folder.path(), &["sweep", "s.toml", "--out", "out", "--shard", "1/1"]).assert().success();
    let journal = read(folder.path(), "out/shard-1-of-1.csv");
    fs::write(folder.path().join("out/sweep.partial.csv"), journal).unwrap();
    for other in [["--seed", "4"], ["--model", "published"], ["--set", "sweep.batch=[1]"]] {
        let command =
            sim(folder.path(), &["sweep", "s.toml", "--out", "out", "--resume", other[0], other[1]]);
        let error = failure(command);
        assert!(error.contains("belongs to another sweep"), "{error}");
    }
}

#[test]
fn a_shard_that_is_whole_is_not_evaluated_again_but_another_sweep_s_is() {
    let folder = scenario();
    let shard = |more: &[&str]| {
        let mut command =
            sim(folder.path(), &["sweep", "s.toml", "--out", "out", "--shard", "2/5", "--resume"]);
        let output = command.args(more).assert().success().get_output().stderr.clone();
        (String::from_utf8(output).unwrap(), read(folder.path(), "out/shard-2-of-5.csv"))
    };
    let (told, first) = shard(&[]);
    assert!(told.contains("0 of 20 rows were there"), "{told}");
    let (told, again) = shard(&[]);
    assert!(told.contains("20 of 20 rows were there, in out/shard-2-of-5.csv"), "{told}");
    assert_eq!(again, first);
    let (told, other) = shard(&["--seed", "9"]);
    assert!(told.contains("0 of 20 rows were there") && other != first, "{told}");
    let cut = &other[..other.trim_end().rfind('\n').unwrap() + 1];
    fs::write(folder.path().join("out/shard-2-of-5.csv"), cut).unwrap();
    assert_eq!(shard(&["--seed", "9"]).1, other);
}

#[test]
fn merged_shards_are_the_single_run() {
    let folder = scenario();
    let whole = sweep(folder.path(), "whole", &[]);
    for shard in ["1/3", "2/3", "3/3"] {
        sim(folder.path(), &["sweep", "s.toml", "--out", "shards", "--shard", shard]).assert().success();
    }
    sim(folder.path(), &["merge", "shards", "--no-charts"]).assert().success();
    assert_eq!(read(folder.path(), "shards/sweep.csv"), whole);
    assert_eq!(read(folder.path(), "shards/pareto.csv"), read(folder.path(), "whole/pareto.csv"));

    let shard = |i: u32| format!("shards/shard-{i}-of-3.csv");
    let lost = failure(sim(folder.path(), &["merge", &shard(1), &shard(3)]));
    assert!(lost.contains("missing: 2"), "{lost}");
    let repeated = failure(sim(folder.path(), &["merge", &shard(1), &shard(2), &shard(2), &shard(3)]));
    assert!(repeated.contains("shard 2 of 3 again"), "{repeated}");
    let short = read(folder.path(), &shard(2));
    let short = short.trim_end().rsplit_once('\n').unwrap().0;
    fs::write(folder.path().join("short.csv"), format!("{short}\n")).unwrap();
    let not_whole = failure(sim(folder.path(), &["merge", &shard(1), "short.csv", &shard(3)]));
    assert!(not_whole.contains("not whole"), "{not_whole}");
    sim(folder.path(), &["sweep", "s.toml", "--out", "other", "--shard", "2/3", "--seed", "9"])
        .assert()
        .success();
    let foreign = failure(sim(folder.path(), &["merge", &shard(1), "other/shard-2-of-3.csv", &shard(3)]));
    assert!(foreign.contains("another sweep"), "{foreign}");
}

#[test]
fn cold_starts_are_simulated_and_charts_are_drawn() {
    let folder = scenario();
    let set = [
        "--set",
        "platform.cold_starts=true",
        "--set",
        "workload.requests=2000",
        "--set",
        "slo.percentile=90",
    ];
    let output =
        sim(folder.path(), &["sweep", "s.toml", "--out", "out", "--json"]).args(set).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["configurations"], ROWS);
    assert_eq!(json["percentile"], 90.0);
    let csv = read(folder.path(), "out/sweep.csv");
    assert!(csv.lines().next().unwrap().contains(",on_front,percentile,simulated_p50_s,"));
    for chart in ["front", "memory-batch", "batch-timeout", "predicted-latency", "predicted-cost"] {
        assert!(read(folder.path(), &format!("out/charts/{chart}.svg")).contains("</svg>"));
    }
    assert!(read(folder.path(), "out/index.html").contains("pareto.csv"));
}

#[test]
fn what_cannot_be_swept_is_refused_with_the_mend() {
    let folder = scenario();
    let wide = failure(sim(folder.path(), &["sweep", "s.toml", "--set", "sweep.batch=[9]"]));
    assert!(wide.contains("batch size 9 is outside the profile"), "{wide}");
    let without = SCENARIO.split("[sweep]").next().unwrap();
    fs::write(folder.path().join("s.toml"), without).unwrap();
    let none = failure(sim(folder.path(), &["sweep", "s.toml"]));
    assert!(none.contains("add [sweep]"), "{none}");
}

/// Waits for the journal's first rows.
#[cfg(unix)]
fn start(folder: &Path, out: &str) -> Child {
    let arguments = ["sweep", "s.toml", "--out", out, "--no-charts", "--set", "workload.requests=2000000"];
    let mut child = sim(folder, arguments).stdout(Stdio::null()).spawn().unwrap();
    let journal = folder.join(out).join("sweep.partial.csv");
    for _ in 0..6000 {
        let lines = fs::read_to_string(&journal).map_or(0, |text| text.lines().count());
        if lines > 2 {
            return child;
        }
        assert!(child.try_wait().unwrap().is_none(), "ended before a row was seen");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let _ = child.kill();
    panic!("no row within a minute");
}

#[cfg(unix)]
#[test]
fn interrupted_and_killed_sweeps_go_on() {
    let folder = scenario();
    let requests = ["--set", "workload.requests=2000000"];
    let whole = sweep(folder.path(), "whole", &requests);

    let child = start(folder.path(), "interrupted");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("rows are kept; go on with `--resume`"), "{told}");
    let resumed = sweep(folder.path(), "interrupted", &[&requests[..], &["--resume"]].concat());
    assert_eq!(resumed, whole);

    let mut child = start(folder.path(), "killed");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sweep(folder.path(), "killed", &[&requests[..], &["--resume"]].concat()), whole);
}

#[test]
fn a_trace_is_predicted_by_fits_of_its_hours_and_the_chart_shows_intervals() {
    let folder = scenario();
    sim(folder.path(), &["trace", "generate", "s.toml", "--to", "t.csv"]).assert().success();
    let start = SCENARIO.find("kind = \"mmpp\"").unwrap();
    let end = SCENARIO.find("[profile]").unwrap();
    let trace = format!("{}kind = \"trace\"\nfile = \"t.csv\"\n{}", &SCENARIO[..start], &SCENARIO[end..]);
    fs::write(folder.path().join("t.toml"), trace).unwrap();
    sim(folder.path(), &["sweep", "t.toml", "--out", "t"]).assert().success();
    let errors: Vec<f64> = by_setting(&read(folder.path(), "t/sweep.csv"))
        .values()
        .map(|cells| cells[0].parse::<f64>().unwrap() / cells[2].parse::<f64>().unwrap() - 1.0)
        .collect();
    assert_eq!(errors.len(), ROWS);
    assert!(errors.iter().all(|error| error.abs() < 0.25), "{errors:?}");
    let chart = read(folder.path(), "t/charts/predicted-latency.svg");
    assert!(chart.contains("with its 95 % interval"));
    assert!(read(folder.path(), "t/index.html").contains("fitted to each of its hours"));
}
