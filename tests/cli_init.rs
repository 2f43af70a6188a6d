//! `sim init`: what it writes is a scenario that every command takes, and says where its figures come from.

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::assert::OutputAssertExt as _;
use batchsim::scenario::Scenario;
use batchsim::scenario::workload::Source;
use serde_json::Value;

use crate::common::sim;

const PROFILE: &str =
    "model = \"toy\"\nmemory_mb = [1024, 2048]\nbatch = [1, 8]\nservice_s = [[0.2, 0.6], [0.1, 0.3]]\n";
const REQUESTS: usize = 2000;

/// A request every 50 ms, and a profile of a model.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let times: String = (0..REQUESTS).map(|i| format!("{:.3}\n", i as f64 * 0.05)).collect();
    fs::write(folder.path().join("day.csv"), times).unwrap();
    fs::write(folder.path().join("toy.toml"), PROFILE).unwrap();
    folder
}

fn refused(folder: &Path, args: &[&str]) -> String {
    let error = sim(folder, args).assert().code(1).get_output().stderr.clone();
    String::from_utf8(error).unwrap()
}

#[test]
fn a_scenario_that_can_be_planned_and_run() {
    let folder = place();
    let folder = folder.path();
    let args = ["init", "day.csv", "--profile", "toy.toml", "--latency", "1s", "--json"];
    let run = sim(folder, &args).assert().success();
    let made: Value = serde_json::from_slice(&run.get_output().stdout).unwrap();
    assert_eq!((&made["scenario"], &made["requests"]), (&"day.toml".into(), &REQUESTS.into()));
    let text = fs::read_to_string(folder.join("day.toml")).unwrap();
    assert!(
        text.contains("2,000 requests in") && text.lines().filter(|line| line.contains("# ")).count() > 10,
        "{text}"
    );
    let scenario = Scenario::read(&folder.join("day.toml"), &[]).unwrap();
    assert_eq!(scenario.setting().memory.0, 2048, "the profile's largest");
    assert_eq!(scenario.slo.latency.unwrap().as_secs_f64(), 1.0);
    assert!(matches!(scenario.workload.source, Source::Trace(_)));
    for command in ["plan", "run"] {
        let out = sim(folder, &[command, "day.toml", "--json", "--quiet", "--no-charts"]).assert().success();
        let result: Value = serde_json::from_slice(&out.get_output().stdout).unwrap();
        assert_eq!(result["scenario"], "day");
    }
    let grid = scenario.sweep.unwrap();
    assert_eq!((grid.memory.len(), grid.batch.first(), grid.batch.last()), (2, Some(&1), Some(&8)));
    assert!(grid.timeout.iter().all(|timeout| timeout.as_secs_f64() < 1.0), "{:?}", grid.timeout);
}

#[test]
fn how_the_trace_is_read_is_written_down() {
    let folder = place();
    let folder = folder.path();
    fs::create_dir(folder.join("below")).unwrap();
    let rows: String = (0..200).map(|i| format!("x,{}\n", i * 25)).collect();
    fs::write(folder.join("log.csv"), format!("who,when\n{rows}")).unwrap();
    let args = [
        "init",
        "log.csv",
        "--column",
        "when",
        "--unit",
        "ms",
        "--profile",
        "toy.toml",
        "--latency",
        "300ms",
    ];
    sim(folder, &args)
        .args(["--memory", "1024", "--percentile", "99", "--to", "below/s.toml"])
        .assert()
        .success();
    let scenario = Scenario::read(&folder.join("below/s.toml"), &[]).unwrap();
    assert_eq!((scenario.setting().memory.0, scenario.slo.percentile), (1024, 0.99));
    // From a folder of its own, and from anywhere.
    let out = sim(folder, &["run", "below/s.toml", "--json", "--quiet", "--no-charts"]).assert().success();
    let result: Value = serde_json::from_slice(&out.get_output().stdout).unwrap();
    assert_eq!(result["requests"], 200);
}

#[test]
fn what_is_missing_or_in_the_way_is_said() {
    let folder = place();
    let folder = folder.path();
    let error = refused(folder, &["init", "day.csv", "--latency", "1s"]);
    assert!(error.contains("--profile FILE is missing"), "{error}");
    let error = refused(folder, &["init", "day.csv", "--latency", "1s", "--profile", "net.onnx"]);
    assert!(error.contains("sim profile net.onnx"), "{error}");
    let good = ["init", "day.csv", "--profile", "toy.toml", "--latency", "1s"];
    sim(folder, &good).assert().success();
    let before = fs::read(folder.join("day.toml")).unwrap();
    let error = refused(folder, &good);
    assert!(error.contains("is there already") && error.contains("--force"), "{error}");
    let error = refused(folder, &[&good[..], &["--force", "--memory", "512"]].concat());
    assert!(error.contains("512 MB is outside the profile's 1,024 MB to 2,048 MB"), "{error}");
    // What cannot be a scenario leaves the file as it was.
    refused(folder, &[&good[..], &["--force", "--percentile", "250"]].concat());
    assert_eq!(fs::read(folder.join("day.toml")).unwrap(), before);
    sim(folder, &good).args(["--force", "--percentile", "99"]).assert().success();
    assert_ne!(fs::read(folder.join("day.toml")).unwrap(), before);
    // The profile of an ONNX file is what `sim profile` wrote of it.
    fs::write(folder.join("toy.onnx"), "").unwrap();
    let onnx = ["init", "day.csv", "--profile", "toy.onnx", "--latency", "1s", "--to", "o.toml"];
    sim(folder, &onnx).assert().success();
    assert!(fs::read_to_string(folder.join("o.toml")).unwrap().contains("file = \"toy.toml\""));
}
