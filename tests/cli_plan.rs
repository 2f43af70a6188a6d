//! `sim plan` on the command line.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

const SCENARIO: &str = r#"
name = "small"
seed = 3
[workload]
kind = "poisson"
rate = 40.0
requests = 200000
[profile]
model = "m"
memory_mb = [512, 1024, 2048]
batch = [1, 8]
service_s = [[0.080, 0.240], [0.040, 0.120], [0.030, 0.080]]
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
[policy]
kind = "batch"
batch = 4
timeout = "50ms"
[slo]
latency = "200ms"
[sweep]
memory_mb = [512, 1024, 2048]
batch = [1, 2, 4, 8]
timeout = ["10ms", "50ms", "100ms", "200ms"]
"#;

fn scenario(folder: &Path) -> PathBuf {
    let path = folder.join("small.toml");
    std::fs::write(&path, SCENARIO).unwrap();
    path
}

/// Exit status, plan.json as printed, standard error.
fn plan(arguments: &[&str]) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("sim").unwrap();
    command.arg("plan").arg(scenario(folder.path())).args(["--json", "--no-charts"]).args(arguments);
    let output = command.arg("--out").arg(folder.path().join("out")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    (output.status.code().unwrap(), json, String::from_utf8(output.stderr).unwrap())
}

fn number(json: &Value, pointer: &str) -> f64 {
    json.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {json}"))
}

#[test]
fn what_is_recommended_meets_the_slo_in_simulation() {
    let (status, json, _) = plan(&[]);
    assert_eq!(status, 0);
    assert!(number(&json, "/recommended/simulated/slo_violation_share_ci95/1") <= 0.05);
    assert!(number(&json, "/recommended/simulated/latency_ci95_s/p95/1") <= 0.2001);
    assert!(number(&json, "/recommended/error/cost").abs() < 0.01);
    assert_eq!(json["recommended"]["verified"], true);
    let alternatives = json["alternatives"].as_array().unwrap();
    assert!(alternatives.iter().any(|a| a["reason"] == "without batching"));
    for next in alternatives.iter().filter(|a| a["reason"] == "next best") {
        assert!(number(next, "/more_usd_per_million") >= 0.0, "{next}");
    }
}

#[test]
fn grid_only_keeps_to_the_grid_and_refinement_costs_no_more() {
    let (_, grid, _) = plan(&["--grid-only"]);
    let timeout = number(&grid, "/recommended/timeout_s");
    assert!([0.01, 0.05, 0.1, 0.2].contains(&timeout), "{timeout}");
    let (_, refined, _) = plan(&[]);
    let cost = |json| number(json, "/recommended/predicted/cost_usd_per_million");
    assert!(cost(&refined) <= cost(&grid));
    assert!(number(&refined, "/evaluated") > number(&grid, "/evaluated"));
}

#[test]
fn an_impossible_slo_exits_with_3_and_says_what_would_do() {
    let (status, json, _) = plan(&["--set", "slo.latency=20ms"]);
    assert_eq!(status, 3);
    assert_eq!(json["recommended"], Value::Null);
    assert_eq!(json["nearest_miss"]["memory_mb"], 2048);
    let needed = number(&json, "/feasible_with/0/latency_s");
    assert!((needed - 0.03).abs() < 1e-9, "{needed}");
    let (status, ..) = plan(&["--set", "slo.latency=30ms"]);
    assert_eq!(status, 0);
}

#[test]
fn an_impossible_budget_names_the_one_that_would_do() {
    let (status, json, _) = plan(&["--set", "slo.budget_usd_per_million=0.01", "--predict-only"]);
    assert_eq!(status, 3);
    let needed =
        json["feasible_with"].as_array().unwrap().iter().find_map(|m| m.get("budget_usd_per_million"));
    let needed = needed.unwrap().as_f64().unwrap();
    let enough = format!("slo.budget_usd_per_million={}", needed * 1.0001);
    let (status, json, _) = plan(&["--set", &enough, "--predict-only", "--grid-only"]);
    assert_eq!(status, 0);
    assert_eq!(json["recommended"]["simulated"], Value::Null);
}

#[test]
fn the_published_model_plans_too() {
    let (status, json, _) = plan(&["--model", "published", "--predict-only"]);
    assert_eq!(status, 0);
    assert_eq!(json["recommended"]["predicted"]["model"], "published");
    assert!(number(&json, "/recommended/predicted_percentile_s") < 0.2);
}

#[test]
fn the_result_does_not_depend_on_the_threads() {
    let without_time = |threads| {
        let (_, mut json, _) = plan(&["--threads", threads]);
        json.as_object_mut().unwrap().remove("elapsed_s");
        json
    };
    assert_eq!(without_time("1"), without_time("3"));
}

#[test]
fn without_an_objective_there_is_nothing_to_plan_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, SCENARIO.replace("[slo]\nlatency = \"200ms\"", "")).unwrap();
    let output = Command::cargo_bin("sim").unwrap().arg("plan").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("[slo]"));
}

#[test]
fn the_largest_rate_keeps_the_slo_and_a_larger_one_does_not() {
    // Without waiting for others nothing but the batch's own time counts: any rate is carried.
    let (status, json, _) = plan(&["--max-rate", "--set", "policy.batch=1"]);
    assert_eq!((status, &json["limited_by_slo"]), (0, &Value::Bool(false)), "{json}");
    // A full batch takes 67 ms and one of 1 up to 50 + 40 ms: below 80 ms the rate must be high, not low.
    let (status, json, _) = plan(&["--max-rate", "--set", "slo.latency=80ms"]);
    assert_eq!(status, 0);
    assert!(number(&json, "/feasible_scales/0/0") > 0.5, "{json}");
    // Batches of up to 8 take 120 ms when full: a rate that fills them is too much for 115 ms.
    let full = ["--max-rate", "--set", "slo.latency=115ms", "--set", "policy.batch=8"];
    let (status, json, _) = plan(&full);
    assert_eq!(status, 0);
    assert_eq!(json["limited_by_slo"], true);
    assert!(number(&json, "/simulated/slo_violation_share_ci95/1") <= 0.05, "{json}");
}

#[test]
fn infrastructure_code_is_all_that_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("sim").unwrap();
    command.arg("plan").arg(scenario(folder.path())).args(["--emit", "sam", "--predict-only", "--quiet"]);
    let output = command.arg("--out").arg(folder.path().join("out")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("# Recommended by sim plan"), "{text}");
    assert!(text.contains("MemorySize: ") && text.contains("No SQS event source mapping"), "{text}");
    assert!(folder.path().join("out/index.html").exists() && folder.path().join("out/plan.json").exists());
}

/// A grid of two configurations, one of them of large batches of bursty arrivals: its text and plan.json.
fn planned_with_large_batches(requests: u32) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    let scenario = format!(
        "seed = 7\n[workload]\nkind = \"mmpp\"\nrates = [200.0, 900.0]\nsojourns = [2, 1]\nrequests = {requests}\n\
         [profile]\nmemory_mb = [1024]\nbatch = [1, 256]\nservice_s = [[0.1, 7.75]]\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\ncold_starts = false\n\
         [policy]\nkind = \"unbatched\"\n[slo]\nlatency = \"8s\"\n\
         [sweep]\nmemory_mb = [1024]\nbatch = [8, 256]\ntimeout = [\"1s\"]\n"
    );
    std::fs::write(&path, scenario).unwrap();
    let mut command = Command::cargo_bin("sim").unwrap();
    let out = folder.path().join("out");
    let output = command.arg("plan").arg(&path).arg("--no-charts").arg("--out").arg(&out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = std::fs::read_to_string(out.join("plan.json")).unwrap();
    (String::from_utf8(output.stdout).unwrap(), serde_json::from_str(&json).unwrap())
}

#[test]
fn a_plan_says_that_trials_rank_because_the_law_would_take_longer() {
    let sooner = "Ranked by simulation on the scenario's own arrivals, as the exact law of such large batches would \
                  take longer.";
    let within = "Ranked by simulation, among those of which the exact law agrees that they do.";
    // Trials of few requests are over sooner than the law; those of many are not, and then both are asked.
    for (requests, wanted, other) in [(20_000, sooner, within), (10_000_000, within, sooner)] {
        let (text, json) = planned_with_large_batches(requests);
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        assert!(text.contains(wanted) && !text.contains(other), "{requests}: {text}");
        let notes = json["notes"].as_array().unwrap();
        assert!(notes[0].as_str().unwrap().starts_with(wanted), "{requests}: {notes:?}");
        assert_eq!(json["ranked_by"], "simulated");
    }
}
