//! `sim fit`, `sim trace` and the adaptive policy on the command line.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const SCENARIO: &str = r#"
name = "small"
seed = 3
[workload]
kind = "mmpp"
rates = [10.0, 100.0]
sojourns = [60.0, 5.0]
requests = 40000
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
[output]
hours = true
"#;

/// Two hours of slow and fast half hours in turn.
const STEPS: &str = r#"
segment = [
  { duration = "30min", kind = "poisson", rate = 4.0 },
  { duration = "30min", kind = "poisson", rate = 60.0 },
  { duration = "30min", kind = "poisson", rate = 4.0 },
  { duration = "30min", kind = "poisson", rate = 60.0 },
]
"#;

/// Exit status, standard output, standard error of a run in `folder`.
fn sim(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("sim").unwrap();
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (status, out, err) = sim(folder, arguments);
    assert_eq!(status, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn number(json: &Value, pointer: &str) -> f64 {
    json.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {json}"))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    std::fs::write(folder.path().join("steps.toml"), STEPS).unwrap();
    folder
}

#[test]
fn a_generated_trace_is_fitted_and_the_fit_runs() {
    let folder = folder();
    let at = folder.path();
    assert_eq!(sim(at, &["trace", "generate", "s.toml", "--to", "t.csv.gz"]).0, 0);
    let fit = json(at, &["fit", "t.csv.gz", "--json", "--window", "10min", "--out", "fit"]);
    assert_eq!(fit["best"], "mmpp2");
    // 40,000 arrivals of IDC 315: the rate's own deviation is 9 %.
    assert!((number(&fit, "/mmpp2/rate") / 16.92 - 1.0).abs() < 0.3, "{fit}");
    assert!((number(&fit, "/mmpp2/rate") / number(&fit, "/trace/rate") - 1.0).abs() < 1e-6);
    assert!(number(&fit, "/mmpp2/idc/10") > 20.0 && number(&fit, "/poisson/idc/10") < 1.001);
    assert!(fit["windows"].as_array().unwrap().len() >= 3);
    for file in
        ["fit.json", "fit.toml", "index.html", "charts/idc.svg", "charts/gaps.svg", "charts/states.svg"]
    {
        assert!(at.join("fit").join(file).exists(), "{file}");
    }
    let set = ["workload.kind=schedule", "workload.file=fit/fit.toml"];
    let run = ["run", "s.toml", "--json", "--no-charts", "--set", set[0], "--set", set[1]];
    let bare = ["--set", "workload.requests=20000"];
    // rates and sojourns belong to the mmpp: a scenario of its own has none.
    let text = SCENARIO.replace("rates = [10.0, 100.0]\nsojourns = [60.0, 5.0]\n", "");
    std::fs::write(at.join("s.toml"), text).unwrap();
    let summary = json(at, &[&run[..], &bare[..]].concat());
    assert_eq!(number(&summary, "/requests"), 20000.0);
}

#[test]
fn the_chosen_method_is_used_and_one_that_does_not_apply_says_why() {
    let folder = folder();
    let at = folder.path();
    sim(at, &["trace", "generate", "s.toml", "--to", "t.bin"]);
    let fit = json(at, &["fit", "t.bin", "--json", "--no-charts", "--method", "poisson"]);
    assert_eq!((fit["best"].as_str(), fit.get("mmpp2")), (Some("poisson"), None));
    assert!(at.join("output/t/fit.toml").exists());
    sim(at, &["trace", "convert", "t.bin", "--to", "c.csv", "--to-bin", "1s"]);
    let counts = ["fit", "c.csv", "--bin", "1s", "--method", "em-interarrivals"];
    let (status, _, err) = sim(at, &counts);
    assert!(status == 1 && err.contains("c.csv") && err.contains("counts"), "{err}");
    let (status, _, err) = sim(at, &["fit", "t.bin", "--method", "magic"]);
    assert!(status == 2 && err.contains("mmpp4"), "{err}");
}

#[test]
fn traces_are_described_cut_scaled_and_thinned() {
    let folder = folder();
    let at = folder.path();
    sim(at, &["trace", "generate", "s.toml", "--to", "t.csv"]);
    let whole = json(at, &["trace", "info", "t.csv", "--json"]);
    assert_eq!(number(&whole, "/arrivals"), 40000.0);
    let convert = ["trace", "convert", "t.csv", "--quiet", "--to", "u.bin.zst"];
    sim(at, &[&convert[..], &["--scale", "2", "--thin", "0.25"]].concat());
    let changed = json(at, &["trace", "info", "u.bin.zst", "--json"]);
    assert!((number(&changed, "/arrivals") / 10000.0 - 1.0).abs() < 0.05, "{changed}");
    assert!((number(&changed, "/rate") / number(&whole, "/rate") / 0.5 - 1.0).abs() < 0.05);
    let (status, _, err) = sim(at, &["trace", "convert", "t.csv", "--to", "v.csv", "--to-format", "counts"]);
    assert!(status == 1 && err.contains("--to-bin"), "{err}");
    let (status, _, err) = sim(at, &["trace", "info", "none.csv"]);
    assert!(status == 1 && err.contains("none.csv"), "{err}");
}

#[test]
fn a_trace_is_predicted_from_hourly_fits() {
    let folder = folder();
    let at = folder.path();
    sim(at, &["trace", "generate", "s.toml", "--to", "t.csv"]);
    let text = SCENARIO.replace("rates = [10.0, 100.0]\nsojourns = [60.0, 5.0]\n", "file = \"t.csv\"\n");
    std::fs::write(at.join("r.toml"), text.replace("\"mmpp\"", "\"trace\"")).unwrap();
    let summary = json(at, &["run", "r.toml", "--json", "--no-charts"]);
    assert!(number(&summary, "/error/mean_batch").abs() < 0.05, "{summary}");
    assert!(number(&summary, "/error/p95").abs() < 0.05, "{summary}");
    assert!(summary["notes"].to_string().contains("hourly fits of the trace"), "{summary}");
}

fn adaptive<'a>(forecast: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let set =
        ["policy.kind=adaptive", "policy.period=30min", "policy.window=30min", "policy.margin=0", forecast];
    let mut arguments = vec!["run", "a.toml", "--json", "--no-charts"];
    set.iter().for_each(|assignment| arguments.extend(["--set", assignment]));
    arguments.extend(more);
    arguments
}

#[test]
fn the_oracle_is_never_late_more_often_than_the_last_window_and_runs_repeat() {
    let folder = folder();
    let at = folder.path();
    let text = SCENARIO
        .replace("rates = [10.0, 100.0]\nsojourns = [60.0, 5.0]\nrequests = 40000", "file = \"steps.toml\"")
        .replace("\"mmpp\"", "\"schedule\"")
        .replace("batch = 4", "batch = 1");
    std::fs::write(at.join("a.toml"), text).unwrap();
    let oracle = json(at, &adaptive("policy.forecast=oracle", &["--out", "o"]));
    let never = ["--set", "policy.early=never", "--out", "l", "--threads", "1"];
    let last = json(at, &adaptive("policy.forecast=last", &never));
    let over = |summary: &Value| number(summary, "/hours_over_slo/over");
    assert!(over(&oracle) <= over(&last), "{oracle} {last}");
    assert_eq!(over(&oracle), 0.0);
    assert_eq!(number(&last, "/adaptive/plans"), 3.0);
    assert!(last["predicted"].is_null());
    let again = ["--set", "policy.early=never", "--out", "m", "--threads", "2"];
    assert_eq!(json(at, &adaptive("policy.forecast=last", &again)), last);
    let file = |name: &str| std::fs::read_to_string(at.join(name).join("decisions.csv")).unwrap();
    assert_eq!(file("l"), file("m"));
    assert!(file("l").starts_with("time_s,reason,measured_rate,forecast_rate,margin,caution,memory_mb,"));
}

#[test]
fn an_adaptive_policy_says_what_it_lacks() {
    let folder = folder();
    let at = folder.path();
    let text = SCENARIO.replace("kind = \"batch\"", "kind = \"adaptive\"");
    std::fs::write(at.join("a.toml"), text.replace("[slo]\nlatency = \"200ms\"\n", "")).unwrap();
    let (status, _, err) = sim(at, &["run", "a.toml"]);
    assert!(status == 1 && err.contains("[slo]"), "{err}");
    std::fs::write(at.join("a.toml"), text).unwrap();
    let (status, _, err) = sim(at, &["run", "a.toml", "--set", "policy.forecast=crystal-ball"]);
    assert!(status == 1 && err.contains("smoothing"), "{err}");
    let (status, _, err) = sim(at, &["run", "a.toml", "--set", "policy.early=0.5"]);
    assert!(status == 1 && err.contains("above 1"), "{err}");
}
