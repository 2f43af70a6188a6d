//! The invariants of lib.rs, read off the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(sources(&path)),
            false if path.extension().is_some_and(|e| e == "rs") => files.push(path),
            false => {}
        }
    }
    files.sort();
    files
}

/// Every source file under `src` as (path relative to src, text before its tests).
fn modules() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (path.strip_prefix(&root).unwrap().display().to_string(), code)
    };
    sources(&root).into_iter().map(read).collect()
}

/// Files in `inside` must not mention any of `words`, except the files named.
fn forbid(inside: &[&str], words: &[&str], except: &[&str]) {
    let mut checked = 0;
    for (file, code) in modules() {
        let concerned = inside.iter().any(|prefix| file.starts_with(prefix));
        if !concerned || except.iter().any(|prefix| file.starts_with(prefix)) || file.contains("tests") {
            continue;
        }
        checked += 1;
        for word in words {
            assert!(!code.contains(word), "src/{file} must not use `{word}`");
        }
    }
    assert!(checked > 0, "no file under {inside:?}");
}

#[test]
fn engine_and_analytic_never_import_each_other() {
    forbid(&["engine/"], &["crate::analytic", "crate::planner"], &[]);
    forbid(&["analytic/"], &["crate::engine", "crate::scenario"], &[]);
}

#[test]
fn policy_knows_no_prices_and_platform_no_batching() {
    forbid(&["policy/"], &["crate::price", "crate::platform", "usd"], &[]);
    forbid(&["platform/"], &["crate::policy", "crate::engine"], &[]);
}

#[test]
fn files_are_touched_only_where_they_may_be() {
    let allowed = [
        "arrivals/",
        "bounded",
        "profile",
        "scenario/",
        "report/",
        "cli/",
        "sweep/",
        "fleet_plan/",
        "gateway/log",
    ];
    forbid(&[""], &["std::fs", "File::open", "File::create"], &allowed);
}

#[test]
fn the_domain_reads_no_documents() {
    let domain = [
        "analytic/",
        "arrivals/",
        "engine/",
        "fitting/",
        "numeric/",
        "outcome",
        "platform/",
        "policy/",
        "price/",
    ];
    let more = ["profile/", "planner/", "systems/", "sweep/", "fleet_plan/", "gateway/"];
    forbid(&[&domain[..], &more[..]].concat(), &["crate::document"], &[]);
}

#[test]
fn rooms_make_no_circle() {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in modules() {
        let room = file.split(['/', '.']).next().unwrap().to_owned();
        for part in code.split("crate::").skip(1) {
            let other: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if other != room {
                imports.entry(room.clone()).or_default().insert(other);
            }
        }
    }
    // A room is done once all that it imports are.
    let mut left: BTreeSet<String> = imports.keys().cloned().collect();
    loop {
        let done: Vec<String> = left
            .iter()
            .filter(|room| imports[*room].iter().all(|other| !left.contains(other)))
            .cloned()
            .collect();
        if done.is_empty() {
            break;
        }
        done.iter().for_each(|room| assert!(left.remove(room)));
    }
    assert!(left.is_empty(), "rooms that import each other in a circle, or import one that does: {left:?}");
    assert!(imports.len() > 15, "{imports:?}");
}

#[test]
fn the_clock_and_the_environment_stay_outside_the_simulation() {
    forbid(&[""], &["Instant::now", "SystemTime"], &["profiler/", "cli/", "gateway/clock"]);
    forbid(&[""], &["std::env::var", "env::var("], &["cli/"]);
}

#[test]
fn reports_never_simulate() {
    forbid(&["report/"], &["crate::engine"], &[]);
}

/// The rooms from left to right: each may import its own column and those to the right of it.
const COLUMNS: [&[&str]; 8] = [
    &["cli"],
    &["gateway", "report", "systems", "planner", "sweep", "fleet_plan", "profiler", "backtest"],
    &["engine", "analytic"],
    &["scenario", "outcome"],
    &["policy", "platform"],
    &["price", "profile", "arrivals", "fitting"],
    &["numeric"],
    &["units", "document", "bounded", "text"],
];

#[test]
fn imports_point_to_the_right_only() {
    for (file, code) in modules() {
        let room = file.split(['/', '.']).next().unwrap();
        let Some(column) = COLUMNS.iter().position(|rooms| rooms.contains(&room)) else { continue };
        for left in COLUMNS[..column].iter().flat_map(|rooms| rooms.iter()) {
            let word = format!("crate::{left}::");
            if let Some(at) = code.find(&word) {
                let line = code[..at].matches('\n').count() + 1;
                panic!("src/{file}:{line}, in `{room}`, must not import from `{left}`");
            }
        }
    }
}

#[test]
fn no_function_is_longer_than_seventy_lines() {
    for (file, code) in modules() {
        let lines: Vec<&str> = code.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let head = line.trim_start();
            let indent = line.len() - head.len();
            let is_function = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn "]
                .iter()
                .any(|prefix| head.starts_with(prefix));
            if !is_function {
                continue;
            }
            let end = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == end).unwrap_or(0);
            assert!(length < 70, "src/{file}:{}: a function of {length} lines", start + 1);
        }
    }
}
