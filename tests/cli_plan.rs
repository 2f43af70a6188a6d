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
