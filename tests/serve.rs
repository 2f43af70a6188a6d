//! `sim serve` as its users see it: answers, batches, the log, and the log replayed by the simulator.

#![cfg(all(unix, feature = "serve"))]

mod gateway;

use std::process::Command;
use std::time::{Duration, Instant};

use batchsim::document::Document;
use batchsim::numeric::streams::Streams;
use batchsim::scenario::Scenario;
use batchsim::units::Time;
use serde_json::json;

use gateway::{Function, Gateway, request_with, rows, scenario};

const PAIRS: &str = "kind = \"batch\"\nbatch = 2\ntimeout = \"10s\"";

#[test]
fn a_batch_is_one_call_and_everyone_gets_their_own() {
    let function = Function::doubling(Duration::ZERO);
    let gateway = Gateway::start(PAIRS, &function.url(), &[]);
    std::thread::scope(|scope| {
        let one = scope.spawn(|| gateway.post("/v1/models/m:predict?x=1", "{\"instances\": [1, 10]}"));
        let other = scope.spawn(|| gateway.post("/v1/models/m:predict?x=1", "{\"instances\": [2]}"));
        let (one, other) = (one.join().unwrap(), other.join().unwrap());
        assert_eq!((one.status(), one.json()), (200, json!({ "predictions": [2, 20] })));
        assert_eq!((other.status(), other.json()), (200, json!({ "predictions": [4] })));
        assert_eq!(one.header("batchsim-batch-size"), Some("2"));
    });
    let calls = function.calls.lock().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].path(), "/v1/models/m:predict?x=1");
    assert_eq!(calls[0].json()["instances"].as_array().unwrap().len(), 3);
    assert_eq!(gateway.get("/healthz").status(), 200);
    assert_eq!(gateway.get("/v1/models/m").status(), 405);
    assert_eq!(gateway.metric("batchsim_requests_total{status=\"200\"}"), 2.0);
    assert_eq!(gateway.metric("batchsim_batches_total{cause=\"full\"}"), 1.0);
    assert_eq!(gateway.metric("batchsim_batch_size_sum"), 2.0);
    drop(calls);
    let (ended, _folder) = gateway.stop();
    assert_eq!(ended.totals(), [2, 1, 0, 0]);
    let batches = ended.rows("batches.csv");
    assert_eq!(batches.len(), 1);
    assert_eq!([&batches[0][0], &batches[0][3], &batches[0][4], &batches[0][6]], ["0", "full", "2", "200"]);
    let requests = ended.rows("requests.csv");
    assert_eq!(&requests[0][0], "0.000000000");
    assert_eq!([&requests[0][2], &requests[1][2]], ["0", "1"]);
    assert_eq!(&ended.rows("refused.csv")[0][1], "405");
}

#[test]
fn other_paths_and_headers_share_the_buffer_but_not_the_call() {
    let function = Function::doubling(Duration::ZERO);
    let gateway = Gateway::start(
        "kind = \"batch\"\nbatch = 3\ntimeout = \"10s\"",
        &format!("{}/base/", function.url()),
        &["--pass-header", "authorization"],
    );
    let post = |path: &'static str, key: &'static str| {
        let headers = [("Authorization", key), ("x-other", "dropped")];
        request_with(gateway.address, &format!("POST {path}"), &headers, b"{\"instances\": [3]}").unwrap()
    };
    std::thread::scope(|scope| {
        let posts = [("/a", "k1"), ("/b", "k1"), ("/a", "k2")]
            .map(|(path, key)| scope.spawn(move || post(path, key)));
        for answer in posts.map(|post| post.join().unwrap()) {
            assert_eq!(answer.json(), json!({ "predictions": [6] }));
            assert_eq!(answer.header("batchsim-batch-size"), Some("3"));
        }
    });
    let calls = function.calls.lock().unwrap();
    let mut seen: Vec<(&str, Option<&str>)> =
        calls.iter().map(|call| (call.path(), call.header("authorization"))).collect();
    seen.sort_unstable();
    assert_eq!(seen, [("/base/a", Some("k1")), ("/base/a", Some("k2")), ("/base/b", Some("k1"))]);
    assert!(calls.iter().all(|call| call.header("x-other").is_none()));
}

/// The times that a workload draws.
fn times(workload: &str) -> Vec<Time> {
    let policy = "kind = \"unbatched\"";
    let text =
        scenario(policy).replace("kind = \"poisson\"\n        rate = 100\n        requests = 100", workload);
    let scenario = Scenario::from_document(&Document::parse("s.toml", &text).unwrap(), "s").unwrap();
    let mut source = scenario.workload.open(Streams::new(5).part(0)).unwrap();
    let mut times = Vec::new();
    while { source.fill(&mut times).map(|()| times.len()).unwrap() } < 120 {}
    times
}

/// Sends request `i` at `times[i]`; every answer must be its own.
fn send_all(gateway: &Gateway, times: &[Time]) {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (i, time) in times.iter().enumerate() {
            std::thread::sleep(Duration::from_nanos(time.0).saturating_sub(start.elapsed()));
            scope.spawn(move || {
                let answer = gateway.post("/m", &format!("{{\"instances\": [{i}]}}"));
                assert_eq!((answer.status(), answer.json()), (200, json!({ "predictions": [2 * i] })));
            });
        }
    });
}

#[test]
fn the_log_replayed_by_the_simulator_gives_the_same_batches() {
    let poisson = |rate: u32| format!("kind = \"poisson\"\nrate = {rate}\nrequests = 120");
    let bursts = "kind = \"mmpp\"\nrates = [50, 900]\nsojourns = [0.2, 0.1]\nrequests = 120".to_owned();
    let runs = [
        (poisson(200), 1, "0s"),
        (poisson(200), 1, "50ms"),
        (poisson(400), 2, "3ms"),
        (poisson(400), 4, "0s"),
        (poisson(800), 4, "5ms"),
        (bursts.clone(), 4, "20ms"),
        (bursts.clone(), 8, "7ms"),
        (poisson(500), 16, "25ms"),
        (bursts, 32, "40ms"),
        (poisson(1000), 32, "1ms"),
    ];
    let function = Function::doubling(Duration::from_millis(2));
    let mut timeouts = 0;
    for (workload, batch, timeout) in runs {
        let policy = format!("kind = \"batch\"\nbatch = {batch}\ntimeout = \"{timeout}\"");
        let gateway = Gateway::start(&policy, &function.url(), &[]);
        send_all(&gateway, &times(&workload));
        let (ended, folder) = gateway.stop();
        assert_eq!(ended.totals(), [120, 0, 0, 0]);
        let trace = "kind = \"trace\"\nfile = \"log/requests.csv\"\ncolumn = \"arrived_s\"";
        let text = scenario(&policy)
            .replace("kind = \"poisson\"\n        rate = 100\n        requests = 100", trace);
        std::fs::write(folder.path().join("replay.toml"), text + "\n[output]\nbatches = true\n").unwrap();
        let replay = Command::new(env!("CARGO_BIN_EXE_sim"))
            .current_dir(folder.path())
            .args(["run", "replay.toml", "--quiet", "--no-charts", "--out", "replay"])
            .output()
            .unwrap();
        assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
        let real = ended.rows("batches.csv");
        let simulated = rows(&folder.path().join("replay/batches.csv"));
        let real: Vec<[&str; 3]> = real.iter().map(|row| [&row[1], &row[4], &row[3]]).collect();
        let simulated: Vec<[&str; 3]> = simulated.iter().map(|row| [&row[0], &row[4], &row[5]]).collect();
        assert_eq!(real, simulated, "{policy}");
        timeouts += real.iter().filter(|[_, _, cause]| *cause == "timeout").count();
    }
    assert!(timeouts > 20, "the deadline decided too: {timeouts}");
}

#[test]
fn a_batch_leaves_at_its_deadline_and_not_before() {
    let function = Function::doubling(Duration::ZERO);
    let gateway = Gateway::start("kind = \"batch\"\nbatch = 8\ntimeout = \"30ms\"", &function.url(), &[]);
    for i in 0..40 {
        assert_eq!(gateway.post("/", &format!("{{\"instances\": [{i}]}}")).status(), 200);
    }
    let (ended, _folder) = gateway.stop();
    let mut waits: Vec<f64> = ended
        .rows("batches.csv")
        .iter()
        .map(|row| row[2].parse::<f64>().unwrap() - row[1].parse::<f64>().unwrap() - 0.030)
        .collect();
    waits.sort_unstable_by(f64::total_cmp);
    assert_eq!(waits.len(), 40);
    assert!(waits[0] > 0.0, "early by {} s", -waits[0]);
    // A busy machine may hold one up; half of them not.
    assert!(waits[20] < 0.001, "late by {} s in the median", waits[20]);
}
