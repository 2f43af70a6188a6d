//! `sim backtest` from the command line: a run's own batches as the log, its files, its exit status, and a plan with its
//! error bar.

use std::path::Path;
use std::process::{Command, Output};

fn sim(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

const SCENARIO: &str = "name = \"truth\"\n[workload]\nkind = \"poisson\"\nrate = 0.02\nrequests = 3000\n[profile]\nmemory_mb = [256]\n\
    batch = [1]\nservice_s = [[1.5]]\nservice_cv = 0.1\ninit_s = 0.8\ninit_cv = 0.5\noverhead_s = 0.1\noverhead_cv = 0.3\n\
    [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 256\ncold_starts = true\nruntime_init = \"0s\"\n\
    keep_alive = \"5min\"\n[policy]\nkind = \"unbatched\"\n[output]\nbatches = true\n";

#[test]
fn a_run_s_own_batches_are_learnt_predicted_and_planned_with() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("truth.toml"), SCENARIO).unwrap();
    assert!(sim(at, &["run", "truth.toml", "--quiet", "--no-charts"]).status.success());
    let log = "output/truth/batches.csv";
    let good = sim(at, &["backtest", log, "--out", "b", "--quiet", "--seeds", "5"]);
    assert_eq!(good.status.code(), Some(0), "{}", String::from_utf8_lossy(&good.stdout));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(at.join("b/backtest.json")).unwrap()).unwrap();
    for block in ["observed", "predicted", "difference", "noise"] {
        assert!(
            json[block]["latency_s"]["p99"].is_number() || json[block]["latency_s"]["p99"].is_array(),
            "{block}"
        );
        assert!(!json[block]["cost_usd"].is_null() && !json[block]["cold_starts"].is_null(), "{block}");
    }
    assert_eq!(json["observed"]["requests"], json["predicted"]["requests"]);
    let keep_alive = &json["learnt"]["keep_alive"]["keep_alive_s"];
    let (from, to) = (keep_alive["from"].as_f64().unwrap(), keep_alive["to"].as_f64().unwrap());
    assert!((from..=to).contains(&300.0), "{keep_alive}");
    for chart in
        ["latency-cdf", "hours", "cold-starts", "keep-alive", "attribution-p99", "attribution-cost-usd"]
    {
        assert!(at.join(format!("b/charts/{chart}.svg")).exists(), "{chart}");
    }
    // What was learnt is a scenario: it runs, and it is planned with the error that was found.
    let plan = sim(
        at,
        &["plan", "b/platform.toml", "--calibrated", "b/backtest.json", "--quiet", "--json", "--no-charts"],
    );
    assert!(
        plan.status.code().is_some_and(|code| code == 0 || code == 3),
        "{}",
        String::from_utf8_lossy(&plan.stderr)
    );
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    let bar = &plan["calibration"];
    assert!(bar["latency_s"][0].as_f64().unwrap() <= bar["latency_s"][1].as_f64().unwrap(), "{bar}");
    assert_eq!(bar["percentile"], 95.0);
}

#[test]
fn what_is_beyond_tolerance_exits_3_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("truth.toml"), SCENARIO).unwrap();
    assert!(sim(at, &["run", "truth.toml", "--quiet", "--no-charts"]).status.success());
    let log = "output/truth/batches.csv";
    assert!(sim(at, &["backtest", log, "--out", "b", "--quiet", "--no-charts"]).status.success());
    let profile = std::fs::read_to_string(at.join("b/profile.toml")).unwrap();
    let slow: Vec<String> = profile
        .lines()
        .map(|line| if line.starts_with("service_s = [") { "service_s = [".into() } else { line.to_owned() })
        .collect();
    assert!(slow.join("\n").contains("service_s"));
    let cases: [(&[&str], &str); 3] = [
        (&["--set", "profile.service_s=[[1.2]]"], "service times: predicted"),
        (&["--set", "platform.keep_alive=\"150s\""], "keep-alive too short"),
        (&["--platform", "short.toml"], "keep-alive too short"),
    ];
    let platform = std::fs::read_to_string(at.join("b/platform.toml")).unwrap();
    let keep = platform.lines().find(|line| line.starts_with("keep_alive")).unwrap();
    std::fs::write(at.join("short.toml"), platform.replace(keep, "keep_alive = \"150s\"")).unwrap();
    for (more, cause) in cases {
        let arguments = [&["backtest", log, "--out", "c", "--quiet", "--no-charts"], more].concat();
        let found = sim(at, &arguments);
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        assert_eq!(found.status.code(), Some(3), "{more:?}: {text}");
        assert!(text.contains(cause), "{more:?}: {text}");
    }
    let none = sim(at, &["backtest", "truth.toml"]);
    assert_eq!(none.status.code(), Some(1));
}
