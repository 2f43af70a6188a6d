//! `--figures`: the charts of every command as figures of a paper; a build without them says how to get them.

mod common;

use std::path::Path;

use assert_cmd::assert::OutputAssertExt as _;

use crate::common::sim;

const SCENARIO: &str = r#"
name = "small"
workload = { kind = "poisson", rate = 20, requests = 2000 }
profile = { memory_mb = [1024, 2048], batch = [1, 8], service_s = [[0.2, 0.9], [0.12, 0.5]] }
platform = { kind = "lambda", book = "aws-2026", memory_mb = 1024 }
policy = { kind = "batch", batch = 4, timeout = "60ms" }
slo = { latency = "800ms" }
sweep = { memory_mb = [1024, 2048], batch = [1, 4], timeout = ["20ms", "100ms"] }
"#;

fn said(folder: &Path, words: &[&str], status: i32) -> String {
    let output = sim(folder, words).assert().code(status).get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
#[cfg(not(feature = "figures"))]
fn a_build_without_them_says_how_to_get_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    let said = said(folder.path(), &["run", "s.toml", "--figures", "pdf"], 2);
    assert!(said.contains("cargo build --release --features figures"), "{said}");
    assert!(!folder.path().join("output").exists(), "nothing was run");
}

#[test]
#[cfg(feature = "figures")]
fn each_chart_of_each_command_is_a_figure() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.toml"), SCENARIO).unwrap();
    let times: String = (0..300).map(|i| format!("f,{}\n", f64::from(i * i % 977 + i) / 100.0)).collect();
    std::fs::write(folder.join("calls.csv"), format!("function,time_s\n{times}")).unwrap();
    sim(folder, ["trace", "generate", "s.toml", "--to", "t.csv"]).assert().success();
    let commands: [&[&str]; 5] = [
        &["run", "s.toml"],
        &["sweep", "s.toml"],
        &["plan", "s.toml"],
        &["fit", "t.csv"],
        &["fleet", "calls.csv", "--scenario", "s.toml"],
    ];
    for words in commands {
        let asked =
            ["--out", words[0], "--figures", "pdf,png", "--width", "84mm", "--text", "6.5pt", "--quiet"];
        sim(folder, [words, &asked].concat()).assert().success();
        let charts = std::fs::read_dir(folder.join(words[0]).join("charts")).unwrap();
        let names: Vec<_> = charts.map(|entry| entry.unwrap().path()).collect();
        let pictures = names.iter().filter(|path| path.extension().is_some_and(|end| end == "svg"));
        for picture in pictures.clone() {
            let pdf = std::fs::read(picture.with_extension("pdf")).unwrap();
            let width = b"/MediaBox [0 0 238.11";
            assert!(pdf.windows(width.len()).any(|part| part == width), "{}", picture.display());
            assert!(std::fs::read(picture.with_extension("png")).unwrap().starts_with(b"\x89PNG"));
        }
        assert_eq!(names.len(), 3 * pictures.count(), "{words:?}: {names:?}");
        assert!(!names.is_empty(), "{words:?}");
    }
}

#[test]
#[cfg(feature = "figures")]
fn what_cannot_act_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("s.toml"), SCENARIO).unwrap();
    for (words, status, told) in [
        ("run s.toml --figures gif", 2, "expected pdf or png"),
        ("run s.toml --figures pdf --width 3.3", 2, "is no length"),
        ("run s.toml --width 3.3in", 2, "--figures"),
        ("run s.toml --figures pdf --no-charts", 2, "cannot be used with"),
        ("run s.toml --figures pdf --text 12pt", 1, "at most 10.8 pt"),
        ("plan s.toml --max-rate --figures pdf", 1, "draws no chart"),
        ("trace generate s.toml --to t.csv --figures pdf", 1, "draws no chart"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let said = said(folder, &words, status);
        assert!(said.contains(told), "{words:?}: {said}");
    }
}
