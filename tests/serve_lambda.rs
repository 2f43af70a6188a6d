//! `--upstream lambda:NAME`: calls of Lambda's API, against a stand-in on loopback.

#![cfg(all(unix, feature = "lambda"))]

mod gateway;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gateway::{ADAPTIVE, Function, Gateway, Message, scenario};
use serde_json::{Value, json};

const PAIRS: &str = "kind = \"batch\"\nbatch = 2\ntimeout = \"30ms\"";

fn start(function: &Function) -> Gateway {
    // The variables are the gateway's alone: tests of one file run in one process.
    let folder = tempfile::tempdir().unwrap();
    let endpoint = function.url();
    let words = ["--lambda-endpoint", &endpoint];
    Gateway::start_with(folder, &scenario(PAIRS), "lambda:my-model:live", &words, &VARIABLES)
}

const VARIABLES: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "token"),
    ("AWS_REGION", "eu-central-1"),
];

fn doubled(call: &Message) -> (u16, String) {
    let event = call.json();
    let instances = event["instances"].as_array().unwrap();
    let doubled: Vec<Value> = instances.iter().map(|i| Value::from(2 * i.as_i64().unwrap())).collect();
    (200, json!({ "predictions": doubled }).to_string())
}

#[test]
fn a_batch_is_one_signed_invocation() {
    let function = Function::start(doubled);
    let gateway = start(&function);
    std::thread::scope(|scope| {
        let posts = [("/v1/m:predict", 4), ("/v1/m:predict", 5)].map(|(path, i)| {
            let (gateway, body) = (&gateway, format!("{{\"instances\": [{i}]}}"));
            (i, scope.spawn(move || gateway.post(path, &body)))
        });
        for (i, post) in posts {
            let answer = post.join().unwrap();
            assert_eq!((answer.status(), answer.json()), (200, json!({ "predictions": [2 * i] })));
        }
    });
    let calls = function.calls.lock().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].path(), "/2015-03-31/functions/my-model%3Alive/invocations");
    assert_eq!(calls[0].json()["instances"].as_array().unwrap().len(), 2);
    let header = |name: &str| calls[0].header(name).unwrap_or_default().to_owned();
    assert_eq!(header("host"), function.address.to_string());
    assert_eq!(header("x-amz-security-token"), "token");
    let (day, signed) = (&header("x-amz-date")[..8], header("authorization"));
    let head = format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/eu-central-1/lambda/aws4_request, ");
    assert!(signed.starts_with(&head), "{signed}");
    let (signed, signature) = signed.split_once(", Signature=").unwrap();
    assert!(signed.contains("host;") && signed.contains("x-amz-security-token"), "{signed}");
    assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn a_throttled_call_is_tried_again_and_a_failed_function_is_said() {
    let tries = AtomicU32::new(0);
    let function = Function::start(move |call| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => (429, "{\"Type\": \"User\", \"message\": \"Rate Exceeded.\"}".to_owned()),
        1 => doubled(call),
        2 => (404, "{\"Message\": \"Function not found\"}".to_owned()),
        _ => (200, "{\"errorMessage\": \"no model\", \"errorType\": \"ValueError\"}".to_owned()),
    });
    let gateway = start(&function);
    let answer = gateway.post("/m", "{\"instances\": [3]}");
    assert_eq!((answer.status(), answer.json()), (200, json!({ "predictions": [6] })));
    let lost = gateway.post("/m", "{\"instances\": [3]}");
    assert_eq!(lost.status(), 502);
    assert!(lost.json()["error"].as_str().unwrap().contains("Function not found"));
    // What is not the protocol's answer is the upstream's fault, whatever it says.
    assert_eq!(gateway.post("/m", "{\"instances\": [3]}").status(), 502);
    assert_eq!(function.calls.lock().unwrap().len(), 4);
}

#[test]
fn what_is_missing_is_said_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), scenario(PAIRS)).unwrap();
    let refused = |words: &[&str], without: &str, reason: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.current_dir(folder.path()).args(["serve", "s.toml", "--listen", "127.0.0.1:0"]).args(words);
        // Nothing but the environment is asked.
        let others = ["AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_LAMBDA", "AWS_PROFILE"];
        others.iter().for_each(|name| _ = command.env_remove(name));
        let nowhere = folder.path().join("nothing");
        ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]
            .iter()
            .for_each(|name| _ = command.env(name, &nowhere));
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        VARIABLES.iter().for_each(|(name, value)| _ = command.env(name, value));
        let output = command.env_remove(without).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(reason), "{words:?}: {told}");
    };
    let here = ["--upstream", "lambda:f", "--lambda-endpoint", "http://127.0.0.1:9"];
    refused(&here, "AWS_REGION", "no region of AWS is set");
    refused(&here, "AWS_SECRET_ACCESS_KEY", "no credentials of AWS are found");
    refused(&["--upstream", "lambda:", "--lambda-endpoint", "http://x"], "none", "names no function");
    refused(&["--upstream", "http://x", "--lambda-endpoint", "http://y"], "none", "the upstream is a URL");
    refused(&["--upstream", "http://x", "--apply-memory"], "none", "--apply-memory");
}

/// 1,024 MB cannot keep the SLO, 2,048 MB can.
fn memory_matters() -> String {
    ADAPTIVE
        .replace("WORKLOAD", "kind = \"poisson\"\nrate = 40\nrequests = 1")
        .replace("memory_mb = [1024]", "memory_mb = [1024, 2048]")
        .replace("[[0.02, 0.03]]", "[[0.3, 0.4], [0.02, 0.03]]")
}

/// A function that answers calls, and changes of its memory size as `change` says.
fn resized(change: (u16, &'static str)) -> Function {
    Function::start(move |call| match call.first.starts_with("PUT ") {
        true => (change.0, change.1.to_owned()),
        false => doubled(call),
    })
}

/// It takes a minute, the shortest period there is.
#[test]
fn a_plan_takes_effect_with_its_memory_size_or_not_at_all() {
    let functions = [
        resized((200, "{\"FunctionName\": \"my-model\", \"MemorySize\": 2048}")),
        resized((403, "{\"Message\": \"not for you\"}")),
    ];
    let gateways = functions.each_ref().map(|function| {
        let (folder, endpoint) = (tempfile::tempdir().unwrap(), function.url());
        let words = ["--lambda-endpoint", &endpoint, "--apply-memory"];
        Gateway::start_with(folder, &memory_matters(), "lambda:my-model", &words, &VARIABLES)
    });
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(64) {
        for gateway in &gateways {
            let answer = gateway.post("/m", "{\"instances\": [3]}");
            assert_eq!(answer.json(), json!({ "predictions": [6] }));
        }
        std::thread::sleep(Duration::from_millis(15));
    }
    let changes = functions.each_ref().map(|function| {
        let calls = function.calls.lock().unwrap();
        let of = |call: &&Message| call.first.starts_with("PUT ");
        calls.iter().filter(of).map(|call| (call.path().to_owned(), call.json())).collect::<Vec<_>>()
    });
    let wanted = ("/2015-03-31/functions/my-model/configuration".to_owned(), json!({ "MemorySize": 2048 }));
    assert_eq!(changes, [vec![wanted.clone()], vec![wanted]]);
    let [(done, _folder), (refused, _other)] = gateways.map(Gateway::stop);
    let decisions = done.rows("decisions.csv");
    assert_eq!((decisions.len(), &decisions[0][5]), (1, "2048"));
    assert!(refused.rows("decisions.csv").is_empty());
    let reason = "the memory size stays 1,024 MB, not 2,048 MB: ";
    assert!(refused.said.contains(reason) && refused.said.contains("not for you"), "{}", refused.said);
}
