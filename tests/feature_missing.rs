//! A command whose feature this build lacks says so, with the one command that builds it.

#![cfg(not(feature = "serve"))]

use std::process::Command;

#[test]
fn serve_and_observe_name_their_feature() {
    for words in
        [["serve", "s.toml", "--upstream", "http://x"], ["observe", "s.toml", "--target", "http://x"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_sim")).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("lacks the feature `serve`"), "{said}");
        let mend = format!("cargo run --release --features serve -- {}", words.join(" "));
        assert!(said.contains(&mend), "{said}");
    }
}
