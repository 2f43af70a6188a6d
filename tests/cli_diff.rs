//! `sim diff` from the command line.

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::assert::OutputAssertExt as _;
use serde_json::Value;

use crate::common::sim;

const SCENARIO: &str = r#"
name = "small"
seed = 3
[workload]
kind = "poisson"
rate = 100
requests = 200000
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
timeout = "50ms"
[slo]
latency = "800ms"
[sweep]
memory_mb = [1024, 2048]
batch = [1, 8]
timeout = ["0ms", "50ms"]
"#;

fn scenario() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    folder
}

fn make(folder: &Path, command: &str, out: &str, more: &[&str]) {
    sim(folder, &[command, "s.toml", "--quiet", "--no-charts", "--out", out]).args(more).assert().success();
}

fn diff(folder: &Path, a: &str, b: &str) -> Value {
    let run = sim(folder, &["diff", a, b, "--json"]).assert().success();
    serde_json::from_slice(&run.get_output().stdout).unwrap()
}

fn figure<'a>(diff: &'a Value, key: &str) -> &'a Value {
    diff["figures"].as_array().unwrap().iter().find(|figure| figure["key"] == key).unwrap()
}

#[test]
fn another_seed_is_within_the_intervals_and_another_batch_beyond() {
    let folder = scenario();
    let folder = folder.path();
    make(folder, "run", "a", &[]);
    make(folder, "run", "seed", &["--seed", "4"]);
    make(folder, "run", "batch", &["--set", "policy.batch=2"]);

    let same = diff(folder, "a", "a/summary.json");
    assert_eq!(same["settings"].as_array().unwrap().len(), 0);
    assert!(same["figures"].as_array().unwrap().iter().all(|figure| figure["difference"] == 0.0));
    let text = sim(folder, &["diff", "a", "a"]).assert().success().get_output().stdout.clone();
    assert!(text.ends_with(b"All figures are the same.\n"));

    let seed = diff(folder, "a", "seed");
    assert_eq!(seed["settings"], serde_json::json!([{ "key": "seed", "a": 3, "b": 4 }]));
    for key in ["simulated.latency_s.mean", "simulated.cost_usd_per_million", "simulated.mean_batch"] {
        let figure = figure(&seed, key);
        assert_ne!(figure["difference"], 0.0, "{figure}");
        assert_eq!(figure["beyond_ci95"], false, "{figure}");
    }

    let batch = diff(folder, "a", "batch");
    assert_eq!(batch["settings"], serde_json::json!([{ "key": "policy.batch", "a": 8, "b": 2 }]));
    let cost = figure(&batch, "simulated.cost_usd_per_million");
    assert_eq!(cost["beyond_ci95"], true);
    let (a, b) = (cost["a"].as_f64().unwrap(), cost["b"].as_f64().unwrap());
    assert_eq!(cost["difference"], b - a);
    assert_eq!(cost["relative"], b / a - 1.0);
    let summary: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("a/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["simulated"]["cost_usd_per_million"], a);
    assert_eq!(summary["settings"]["policy"]["batch"], 8);
    let text = sim(folder, &["diff", "a", "batch"]).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("policy.batch") && text.contains("mean batch") && text.contains(" yes\n"),
        "{text}"
    );
    assert!(text.contains("The same: "), "{text}");
}

#[test]
fn sweeps_are_matched_by_configuration() {
    let folder = scenario();
    let folder = folder.path();
    make(folder, "sweep", "a", &["--predict-only"]);
    make(
        folder,
        "sweep",
        "b",
        &["--predict-only", "--set", "sweep.batch=[1, 4, 8]", "--set", "workload.rate=50"],
    );
    let both = diff(folder, "a", "b/sweep.csv");
    assert_eq!((&both["rows_a"], &both["rows_b"], &both["matched"]), (&8.into(), &12.into(), &8.into()));
    let cost = both["figures"].as_array().unwrap().iter().find(|f| f["name"] == "predicted cost per million");
    let cost = cost.unwrap();
    // Half the rate fills fewer batches: dearer where there is a wait, the same where there is none.
    assert_eq!((&cost["compared"], &cost["changed"]), (&8.into(), &2.into()));
    assert!(cost["lowest"]["relative"].as_f64().unwrap() > 0.0);
    assert_eq!((&cost["highest"]["batch"], &cost["highest"]["timeout_s"]), (&8.into(), &0.05.into()));
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_mend() {
    let folder = scenario();
    let folder = folder.path();
    make(folder, "run", "run", &[]);
    make(folder, "sweep", "sweep", &["--predict-only"]);
    fs::create_dir(folder.join("empty")).unwrap();
    fs::write(folder.join("broken.json"), "{\n  \"simulated\": {,\n}").unwrap();
    fs::write(folder.join("other.json"), "{ \"recommended\": {} }").unwrap();
    fs::write(folder.join("broken.csv"), "a,b\n1,2\n").unwrap();
    for (b, message) in [
        ("absent", "give the folder of a run or a sweep"),
        ("empty", "holds neither the summary.json of a run nor the sweep.csv of a sweep"),
        ("sweep", "is a sweep, run a run"),
        ("broken.json", "broken.json:2: is no JSON"),
        ("other.json", "is not the summary.json of a run"),
        ("s.toml", "is no JSON"),
    ] {
        let error = sim(folder, &["diff", "run", b]).assert().code(1).get_output().stderr.clone();
        let error = String::from_utf8(error).unwrap();
        assert!(error.contains(message), "{b}: {error}");
    }
    sim(folder, &["diff", "sweep", "broken.csv"]).assert().code(1);
    sim(folder, &["diff", "run"]).assert().code(2);
}
