//! `--upstream lambda:NAME`: signed calls of Lambda's Invoke API, against a stand-in on loopback.

#![cfg(all(unix, feature = "serve"))]

mod gateway;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use gateway::{Function, Gateway, Message, scenario};
use serde_json::{Value, json};

const PAIRS: &str = "kind = \"batch\"\nbatch = 2\ntimeout = \"30ms\"";

fn start(function: &Function) -> Gateway {
    // The variables are the gateway's alone: tests of one file run in one process.
    let folder = tempfile::tempdir().unwrap();
    let endpoint = function.url();
    let words = ["--lambda-endpoint", &endpoint, "--stand-in"];
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
    let head = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/eu-central-1/lambda/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
    );
    let signature = signed.strip_prefix(&head).unwrap_or_else(|| panic!("{signed}"));
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
        let others = ["AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_LAMBDA"];
        others.iter().for_each(|name| _ = command.env_remove(name));
        VARIABLES.iter().for_each(|(name, value)| _ = command.env(name, value));
        let output = command.env_remove(without).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(reason), "{words:?}: {told}");
    };
    let here = ["--upstream", "lambda:f", "--lambda-endpoint", "http://127.0.0.1:9"];
    refused(&here, "AWS_REGION", "has no AWS_REGION");
    refused(&here, "AWS_SECRET_ACCESS_KEY", "has no AWS_SECRET_ACCESS_KEY");
    refused(&["--upstream", "lambda:f"], "none", "let a proxy end TLS");
    refused(
        &["--upstream", "lambda:f", "--lambda-endpoint", "https://x"],
        "none",
        "https is not spoken here",
    );
    refused(&["--upstream", "lambda:", "--lambda-endpoint", "http://x"], "none", "names no function");
    refused(&["--upstream", "http://x", "--lambda-endpoint", "http://y"], "none", "the upstream is a URL");
    refused(&["--upstream", "http://x", "--apply-memory"], "none", "--apply-memory");
}
