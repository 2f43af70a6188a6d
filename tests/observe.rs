//! `sim observe`: what it sends, when, and what it says of it.

#![cfg(all(unix, feature = "serve"))]

mod gateway;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use gateway::{Function, Gateway, rows, scenario};

const POLICY: &str = "kind = \"batch\"\nbatch = 4\ntimeout = \"20ms\"";

fn observe(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sim"))
        .current_dir(folder)
        .args(["observe", "s.toml", "--json", "--out", "seen"])
        .args(words)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn measured_stands_beside_simulated_and_predicted() {
    let function = Function::doubling(Duration::from_millis(2));
    let gateway = Gateway::start(POLICY, &function.url(), &[]);
    let target = format!("http://{}/m", gateway.address);
    let folder = gateway.folder.path().to_owned();
    let found = json(&observe(&folder, &["--target", &target]));
    let measured = &found["measured"];
    assert_eq!((&measured["requests"], &measured["answered"]), (&100.into(), &100.into()));
    assert_eq!(measured["by_status"]["200"], 100);
    let sizes = measured["batch_size"].as_array().unwrap();
    assert!(sizes.len() <= 4 && (sizes.iter().map(|s| s.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-9);
    // No request waited for longer than the timeout, nor was any batch served in less than 2 ms.
    let inner = &measured["latency_less_overhead_s"];
    assert!(inner["p50"].as_f64().unwrap() > 0.002);
    assert!(found["simulated"]["latency_s"]["p95"].is_number());
    assert!(found["predicted"]["latency_s"]["p95"].is_number());
    let batch = |block: &str| found[block]["mean_batch"].as_f64().unwrap();
    assert!(
        (batch("measured") / batch("simulated") - 1.0).abs() < 0.2,
        "{} {}",
        batch("measured"),
        batch("simulated")
    );
    let difference = found["difference"]["simulated"]["mean_batch"].as_f64().unwrap();
    assert!((difference - (batch("simulated") / batch("measured") - 1.0)).abs() < 1e-12);
    for file in ["summary.json", "index.html", "charts/latency-cdf.svg", "charts/batch-size.svg"] {
        assert!(folder.join("seen").join(file).is_file(), "{file}");
    }
    // The rows are the workload's, each with its own batch of the gateway's log.
    let sent = rows(&folder.join("seen/requests.csv"));
    let (ended, _folder) = gateway.stop();
    let logged = ended.rows("requests.csv");
    assert_eq!((sent.len(), logged.len()), (100, 100));
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!(sent.windows(2).all(|pair| number(&pair[0][0]) <= number(&pair[1][0])));
    assert!(sent.iter().all(|row| number(&row[1]) >= number(&row[0])), "nothing is sent early");
    let mut numbers: [Vec<u64>; 2] = [&sent, &logged].map(|_| Vec::new());
    numbers[0] = sent.iter().map(|row| row[4].parse().unwrap()).collect();
    numbers[1] = logged.iter().map(|row| row[1].parse().unwrap()).collect();
    numbers.iter_mut().for_each(|list| list.sort_unstable());
    assert_eq!(numbers[0], numbers[1]);
    let instances: Vec<i64> = {
        let calls = function.calls.lock().unwrap();
        let each = calls.iter().flat_map(|call| call.json()["instances"].as_array().unwrap().clone());
        let mut all: Vec<i64> = each.map(|instance| instance.as_i64().unwrap()).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(instances, (0..100).collect::<Vec<i64>>());
}

#[test]
fn a_slow_server_does_not_slow_the_client() {
    // One call at a time would take 100 x 0.3 s; the workload is over in 1 s.
    let function = Function::doubling(Duration::from_millis(300));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), scenario("kind = \"unbatched\"")).unwrap();
    let found = json(&observe(folder.path(), &["--target", &function.url(), "--limit", "60"]));
    let measured = &found["measured"];
    assert_eq!((&measured["requests"], &measured["answered"]), (&60.into(), &60.into()));
    assert!(measured["latency_s"]["p50"].as_f64().unwrap() >= 0.3);
    assert!(measured["duration_s"].as_f64().unwrap() < 5.0);
    assert_eq!(measured["mean_batch"], Value::Null, "a plain server tells nothing of batches");
    assert!(measured["late_sending_s"]["p50"].as_f64().unwrap() < 0.1);
}

#[test]
fn what_fails_is_counted_and_in_no_latency() {
    let function = Function::start(|call| match call.json()["instances"][0].as_i64().unwrap() % 4 {
        0 => (500, "{}".into()),
        1 => {
            std::thread::sleep(Duration::from_millis(700));
            (200, "{}".into())
        }
        _ => (200, "{\"predictions\": [0]}".into()),
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), scenario("kind = \"unbatched\"")).unwrap();
    let words = ["--target", &function.url(), "--limit", "40", "--timeout", "500ms"];
    let measured = json(&observe(folder.path(), &words))["measured"].clone();
    assert_eq!(measured["by_status"], serde_json::json!({ "0": 10, "200": 20, "500": 10 }));
    assert_eq!((&measured["answered"], &measured["failed"]), (&20.into(), &20.into()));
    assert!(measured["latency_s"]["max"].as_f64().unwrap() < 0.5);
}

#[test]
fn others_machines_and_too_high_rates_are_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), scenario("kind = \"unbatched\"")).unwrap();
    let refused = |words: &[&str]| {
        let output = observe(folder.path(), words);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&["--target", "http://192.0.2.1/"]);
    assert!(said.contains("is not this machine") && said.contains("--remote"), "{said}");
    let said = refused(&["--target", "http://127.0.0.1:9/", "--limit", "20/s"]);
    assert!(said.contains("has more than 20 requests"), "{said}");
    let said = refused(&["--target", "https://127.0.0.1:9/"]);
    assert!(said.contains("http://127.0.0.1:8080"), "{said}");
}
