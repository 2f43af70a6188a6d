//! Classes on the wall clock: a request says its class, and the log, with its column of classes, replays to the same batches.

#![cfg(all(unix, feature = "serve"))]

mod gateway;

use std::process::Command;
use std::time::{Duration, Instant};

use gateway::{Function, Gateway, request_with, rows, scenario};
use serde_json::{Value, json};

const CLASSES: &str = "[[class]]\nname = \"chat\"\nlongest_wait = \"5ms\"\nSHARE\n[[class]]\nname = \"mail, bulk\"\n\
                       longest_wait = \"80ms\"\nSHARE\n";
const POLICY: &str = "kind = \"batch\"\nbatch = 6";

fn classes(share: &str) -> String {
    CLASSES.replace("SHARE", share)
}

fn start(function: &Function) -> Gateway {
    let text = format!("{}\n{}", scenario(POLICY), classes("share = 0.5"));
    Gateway::start_in(tempfile::tempdir().unwrap(), &text, &function.url(), &[])
}

fn post(gateway: &Gateway, path: &str, class: Option<&str>, i: usize) -> gateway::Message {
    let headers: Vec<(&str, &str)> = class.map(|class| ("batchsim-class", class)).into_iter().collect();
    let body = format!("{{\"instances\": [{i}]}}");
    request_with(gateway.address, &format!("POST {path}"), &headers, body.as_bytes()).unwrap()
}

#[test]
fn the_log_of_classes_replayed_by_the_simulator_gives_the_same_batches() {
    let function = Function::doubling(Duration::from_millis(1));
    let gateway = start(&function);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for i in 0..400_usize {
            // Every sixth is a chat; uneven gaps of 1 to 9 ms.
            std::thread::sleep(
                Duration::from_millis((i * 5 + i * 7919 % 9) as u64).saturating_sub(start.elapsed()),
            );
            let class = if i % 6 == 0 { "chat" } else { "mail, bulk" };
            let gateway = &gateway;
            scope.spawn(move || {
                let answer = post(gateway, "/m", Some(class), i);
                assert_eq!((answer.status(), answer.json()), (200, json!({ "predictions": [2 * i] })));
            });
        }
    });
    let (ended, folder) = gateway.stop();
    assert_eq!(ended.totals(), [400, 0, 0, 0]);
    let trace =
        "kind = \"trace\"\nfile = \"log/requests.csv\"\ncolumn = \"arrived_s\"\nclass_column = \"class\"";
    let text =
        scenario(POLICY).replace("kind = \"poisson\"\n        rate = 100\n        requests = 100", trace);
    let text = format!("{text}\n[output]\nbatches = true\n{}", classes(""));
    std::fs::write(folder.path().join("replay.toml"), text).unwrap();
    let replay = Command::new(env!("CARGO_BIN_EXE_sim"))
        .current_dir(folder.path())
        .args(["run", "replay.toml", "--quiet", "--no-charts", "--json", "--out", "replay"])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    let summary: Value = serde_json::from_slice(&replay.stdout).unwrap();
    assert_eq!(summary["requests"], 400);
    let real = ended.rows("batches.csv");
    let simulated = rows(&folder.path().join("replay/batches.csv"));
    let real: Vec<[&str; 3]> = real.iter().map(|row| [&row[1], &row[4], &row[3]]).collect();
    let simulated: Vec<[&str; 3]> = simulated.iter().map(|row| [&row[0], &row[4], &row[5]]).collect();
    assert_eq!(real, simulated);
    let of = |cause: &str| real.iter().filter(|[_, _, known]| *known == cause).count();
    assert!(of("timeout") > 0 && of("full") > 0, "{real:?}");
}

#[test]
fn a_request_says_its_class_in_a_header_or_first_in_its_path() {
    let function = Function::doubling(Duration::ZERO);
    let gateway = start(&function);
    assert_eq!(post(&gateway, "/v1/m:predict", Some("chat"), 1).status(), 200);
    assert_eq!(post(&gateway, "/chat/v1/m:predict?x=1", None, 2).status(), 200);
    assert_eq!(post(&gateway, "/chat", None, 3).status(), 200);
    for (path, class) in [("/v1/m:predict", None), ("/chat/v1", Some("chess")), ("/chatter/v1", None)] {
        let answer = post(&gateway, path, class, 4);
        assert_eq!(answer.status(), 400);
        let reason = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(reason.contains("batchsim-class") && reason.contains("chat, mail, bulk"), "{reason}");
    }
    let calls = function.calls.lock().unwrap();
    let paths: Vec<&str> = calls.iter().map(|call| call.path()).collect();
    assert_eq!(paths, ["/v1/m:predict", "/v1/m:predict?x=1", "/"]);
    drop(calls);
    let (ended, _folder) = gateway.stop();
    assert_eq!(ended.totals(), [3, 3, 0, 0]);
    assert!(ended.rows("refused.csv").iter().all(|row| row[2] == *"class"));
}
