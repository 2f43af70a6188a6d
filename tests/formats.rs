//! One format for each kind of figure: everything that the commands print and draw is read for forms that are not allowed.

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::assert::OutputAssertExt as _;

use crate::common::sim;

const SCENARIO: &str = r#"
name = "small"
seed = 3
[workload]
kind = "mmpp"
rates = [5, 80]
sojourns = ["60s", "20s"]
duration = "1h"
[profile]
memory_mb = [1024, 3072]
batch = [1, 8]
service_s = [[0.2, 0.9], [0.1, 0.35]]
init_s = [1.0, 0.5]
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
cold_starts = true
[policy]
kind = "batch"
batch = 8
timeout = "50ms"
[slo]
latency = "800ms"
[sweep]
memory_mb = [1024, 2048, 3072]
batch = [1, 4, 8]
timeout = ["20ms", "50ms", "200ms"]
[output]
hours = true
[[system]]
name = "large"
kind = "lambda"
memory_mb = "largest"
policy = { kind = "unbatched" }
[[system]]
name = "batched"
kind = "lambda"
memory_mb = 2048
policy = { kind = "batch", batch = 4, timeout = "100ms" }
"#;

const CLASSES: &str = r#"
[[class]]
name = "hurried"
share = 0.4
longest_wait = "20ms"
slo = { latency = "500ms" }
[[class]]
name = "patient"
share = 0.6
longest_wait = "200ms"
slo = { latency = "900ms" }
"#;

/// The text that people see of a page or a chart: without markup, scripts, styles and what scripts alone read.
fn seen(markup: &str) -> String {
    let mut rest = markup.to_owned();
    for (open, close) in [("<script", "</script>"), ("<style", "</style>")] {
        while let Some(from) = rest.find(open) {
            let to = rest[from..].find(close).unwrap() + from + close.len();
            rest.replace_range(from..to, " ");
        }
    }
    let mut text = String::new();
    for part in rest.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        text.push('\n');
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("&#39;", "'")
}

/// A page without its charts, and its charts.
fn parted(page: &str) -> (String, String) {
    let (mut text, mut charts) = (String::new(), String::new());
    for part in page.split_inclusive("</svg>") {
        let at = part.find("<svg").unwrap_or(part.len());
        text.push_str(&part[..at]);
        charts.push_str(&part[at..]);
    }
    (seen(&text), seen(&charts))
}

/// Where a figure stands. The ticks of an axis are as short as they can be.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Text,
    Chart,
}

/// What is wrong with a word and the one after it; `None` for everything that is no figure.
fn wrong(word: &str, next: &str, place: Place) -> Option<&'static str> {
    let bare = word.trim_matches(|c: char| "()[],;:".contains(c) || c == '–');
    if bare.starts_with("$-") || bare.starts_with("$+") {
        return Some("has its sign after the dollar");
    }
    let unsigned = bare.trim_start_matches(['+', '-', '<', '>', '~', '≤', '≥', '±']);
    let digits = unsigned.trim_start_matches('$');
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        let is_nothing = ["NaN", "inf", "-inf", "-n/a"].contains(&bare) || digits.starts_with('.');
        return (is_nothing && !bare.starts_with("...")).then_some("is no figure");
    }
    let number = digits.trim_end_matches('%').replace(',', "");
    let Ok(value) = number.parse::<f64>() else { return None };
    let fraction = number.split_once('.').map_or("", |(_, fraction)| fraction);
    let is_percentage = next.starts_with('%') || bare.ends_with('%');
    match () {
        () if bare.contains("+-") || bare.contains("--") || bare.starts_with("+<") => Some("has two signs"),
        () if value == 0.0 && bare.starts_with(['-', '+']) => Some("is a zero with a sign"),
        () if number.contains(['e', 'E']) && is_percentage => Some("is a percentage with an exponent"),
        () if is_percentage && fraction.len() > 4 => Some("has digits that nobody decides by"),
        () if is_percentage && fraction.ends_with('0') => Some("ends in zeros"),
        () if bare.ends_with('%') => Some("has no space before the unit"),
        () if place == Place::Text && unsigned.starts_with('$') && fraction.len() == 1 => {
            Some("is money with one decimal")
        }
        () if value >= 10_000.0 && !digits.contains(',') && next.starts_with("requests") => {
            Some("lacks commas")
        }
        () => None,
    }
}

/// All of them, with where they are.
fn faults(file: &str, text: &str, place: Place) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if let Some(what) = wrong(word, words.get(at + 1).unwrap_or(&""), place) {
                found.push(format!("{file}: `{word}` {what}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn the_reader_knows_what_is_not_allowed() {
    for (text, is_wrong) in [
        ("-100.00 %", true),
        (".000000004 %", true),
        ("0.000000004 %", true),
        ("+0.00 %", true),
        ("-0 %", true),
        ("-100 %", false),
        ("0.0012 %", false),
        ("<0.001 %", false),
        (">-0.001 %", false),
        ("12%", true),
        ("$-3.00", true),
        ("-$3.00", false),
        ("$3.5", true),
        ("NaN", true),
        ("+-3", true),
        ("95 % interval", false),
        ("[-0.1 %, 3 %]", false),
        ("10000 requests", true),
        ("10,000 requests", false),
    ] {
        assert_eq!(!faults("", text, Place::Text).is_empty(), is_wrong, "{text}");
    }
}

#[test]
fn every_output_has_the_one_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("s.toml"), SCENARIO).unwrap();
    let calls = |i: u32| format!("f{},{}.{:03}\n", i % 7 * i % 5, i * 3, i * 37 % 1000);
    fs::write(
        folder.join("calls.csv"),
        format!("function,time_s\n{}", (0..900).map(calls).collect::<String>()),
    )
    .unwrap();
    fs::write(folder.join("classes.toml"), format!("{SCENARIO}{CLASSES}")).unwrap();
    let commands: [&[&str]; 18] = [
        &["run", "s.toml", "--out", "output/run"],
        &["run", "s.toml", "--set", "policy.batch=2", "--out", "output/other"],
        &["run", "s.toml", "--set", "policy.kind=adaptive", "--out", "output/adaptive"],
        &["sweep", "s.toml", "--out", "output/sweep"],
        &["plan", "s.toml", "--out", "output/plan"],
        &["plan", "s.toml", "--set", "slo.latency=390ms", "--out", "output/strict"],
        &["compare", "s.toml", "--out", "output/compare"],
        &["trace", "generate", "s.toml", "--to", "day.csv"],
        &["trace", "info", "day.csv"],
        &["fit", "day.csv", "--out", "output/fit"],
        &["fleet", "calls.csv", "--scenario", "s.toml", "--out", "output/fleet"],
        &[
            "run",
            "s.toml",
            "--set",
            "policy.kind=unbatched",
            "--set",
            "output.batches=true",
            "--out",
            "output/alone",
        ],
        &["backtest", "output/alone/batches.csv", "--out", "output/backtest", "--seeds", "3"],
        &["plan", "s.toml", "--max-rate", "--out", "output/rate"],
        &["run", "classes.toml", "--out", "output/classes"],
        &["plan", "classes.toml", "--out", "output/grouped"],
        &["diff", "output/run", "output/other"],
        &["diff", "output/plan", "output/strict"],
    ];
    let mut found = Vec::new();
    for command in commands {
        let output = sim(folder, command).assert().success().get_output().clone();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        found.extend(faults(&command.join(" "), &printed, Place::Text));
    }
    let mut pages = 0;
    for file in files(&folder.join("output")) {
        if file.extension().is_some_and(|extension| extension == "html" || extension == "svg") {
            let (text, charts) = parted(&fs::read_to_string(&file).unwrap());
            let name = file.display().to_string();
            found.extend(faults(&name, &text, Place::Text));
            found.extend(faults(&name, &charts, Place::Chart));
            pages += 1;
        }
    }
    assert!(pages > 30, "{pages} pages and charts");
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found[..found.len().min(40)].join("\n"));
}

/// The documentation's table of sentences, tiles and tables has a row for every command that shows a result.
#[test]
fn every_command_has_a_row_in_the_table_of_formats() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md")).unwrap();
    let rows: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    for command in [
        "run",
        "run, classes and groups",
        "plan",
        "plan, classes",
        "plan --max-rate",
        "sweep",
        "compare",
        "fit",
        "profile",
        "trace info",
        "fleet",
        "backtest",
        "observe",
        "diff",
        "index of results",
    ] {
        assert!(rows.contains(&command), "{command} is not in docs/formats.md: {rows:?}");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
