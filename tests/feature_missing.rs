//! What a build lacks, it says, with the one command that builds it.

#![cfg(not(feature = "lambda"))]

use std::process::Command;

fn refused(words: &[&str], feature: &str, mend: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("lacks the feature `{feature}`")) && said.contains(mend), "{said}");
}

#[cfg(not(feature = "serve"))]
#[test]
fn serve_and_observe_name_their_feature() {
    for words in
        [["serve", "s.toml", "--upstream", "http://x"], ["observe", "s.toml", "--target", "http://x"]]
    {
        let mend = format!("cargo run --release --features serve -- {}", words.join(" "));
        refused(&words, "serve", &mend);
    }
}

#[cfg(all(feature = "serve", not(feature = "lambda")))]
const SCENARIO: &str = r#"
[workload]
kind = "poisson"
rate = 10
requests = 10
[profile]
memory_mb = [1024]
batch = [1]
service_s = [[0.01]]
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
[policy]
kind = "unbatched"
"#;

#[cfg(all(feature = "serve", not(feature = "lambda")))]
#[test]
fn a_function_of_lambda_names_its_feature() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, SCENARIO).unwrap();
    let scenario = path.to_str().unwrap();
    let words = ["serve", scenario, "--upstream", "lambda:f"];
    refused(&words, "lambda", "cargo build --release --features lambda");
}
