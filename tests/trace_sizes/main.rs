//! A trace of which a column says how large each request is: against what stands in the file, replayed here by hand.

mod records;
mod refused;

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/streams.rs"]
mod streams;

use batchsim::numeric::streams::Streams;
use common::{LAMBDA, Replayed, replayed};
use rand::RngExt as _;
use serde_json::Value;

const BATCH: usize = 5;
/// The longest wait of each class [ns].
const WAITS: [(&str, u64); 2] = [("chat", 50_000_000), ("letters", 300_000_000)];
/// Of all requests in these tests.
const LEAST: f64 = 10.0;
const MOST: f64 = 100.0;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    micros: u64,
    class: usize,
    size: f64,
}

/// The time [s] of a batch of n whose largest request is of a size.
fn service(n: usize, size: f64) -> f64 {
    0.02 + 0.0004 * size * (1.0 + 0.6 * (n as f64 - 1.0))
}

/// The same \[ns\].
fn service_ns(n: usize, size: f64) -> u64 {
    (service(n, size) * 1e9).round() as u64
}

/// Poisson, of two classes; sizes to two decimals, the letters' larger, and larger from the middle on.
fn rows(count: usize) -> Vec<Row> {
    let mut stream = Streams::new(11).stream("requests");
    let mut now = 0.0;
    let one = |i: usize| {
        let draws: [f64; 3] = std::array::from_fn(|_| stream.random());
        now += -(1.0 - draws[0]).ln() / 25.0;
        let class = usize::from(draws[1] < 0.3);
        let least = if i > count / 2 { 40.0 } else { LEAST };
        let size = least + (MOST - least) * draws[2].powi(if class == 1 { 1 } else { 4 });
        Row { micros: (now * 1e6) as u64, class, size: (size * 100.0).round() / 100.0 }
    };
    (0..count).map(one).collect()
}

fn profile() -> String {
    let row = |n: usize| format!("[{:?}, {:?}]", service(n, LEAST), service(n, MOST));
    format!(
        "[profile]\nmemory_mb = [1024]\nbatch = [1, 5]\nsize = [10, 100]\nservice_s = [[{}, {}]]\n",
        row(1),
        row(BATCH)
    )
}

fn scenario(workload: &str, classes: &str) -> String {
    format!(
        "[workload]\nkind = \"trace\"\n{workload}\n{}{LAMBDA}[policy]\nkind = \"batch\"\nbatch = 5\n{classes}",
        profile()
    )
}

/// Both classes, each with a further setting.
fn both(more: [&str; 2]) -> String {
    let class = |((name, wait), more): (&(&str, u64), &str)| {
        format!(
            "[[class]]\nname = \"{name}\"\nlongest_wait = \"{wait}ns\"\nslo = {{ percentile = 90, latency = \"300ms\" }}\n{more}\n"
        )
    };
    WAITS.iter().zip(more).map(class).collect()
}

/// Both classes, each by its wait.
fn by_hand(arrivals: &[(u64, usize, f64)]) -> Vec<Replayed> {
    replayed(arrivals, BATCH, &WAITS.map(|(_, wait)| wait), service_ns)
}

/// From the first of `all` on; the order is kept where times are equal.
fn arrivals(all: &[Row], chosen: &[Row]) -> Vec<(u64, usize, f64)> {
    let first = all.iter().map(|row| row.micros).min().unwrap();
    chosen.iter().map(|row| ((row.micros - first) * 1000, row.class, row.size)).collect()
}

fn check(run: &Value, expected: &[Replayed]) {
    let total: usize = expected.iter().map(|class| class.latencies.len()).sum();
    assert_eq!(run["requests"], total);
    let classes = run["simulated"]["classes"].as_array().unwrap();
    let some = expected.iter().filter(|class| !class.latencies.is_empty());
    for (figures, Replayed { latencies, padding }) in classes.iter().zip(some) {
        let near = |found: &Value, expected: f64| {
            let found = found.as_f64().unwrap();
            assert!(
                (found - expected).abs() < 2e-9 * (1.0 + expected),
                "{}: {found} {expected}",
                figures["name"]
            );
        };
        let count = latencies.len() as f64;
        near(&figures["share"], count / total as f64);
        near(&figures["latency_s"]["mean"], latencies.iter().sum::<f64>() / count);
        near(&figures["latency_s"]["max"], latencies.iter().copied().fold(0.0, f64::max));
        near(&figures["slo_violation_share"], latencies.iter().filter(|s| **s > 0.3).count() as f64 / count);
        near(&figures["padding"], padding / count);
    }
}

fn table(rows: &[Row], delimiter: char) -> String {
    let d = delimiter;
    let row = |Row { micros, class, size }: &Row| format!("{micros}{d}{}{d}{size}{d}200\n", WAITS[*class].0);
    let all: String = rows.iter().map(row).collect();
    format!("time_us{d}model{d}bytes{d}status\n{all}")
}

/// Where class and size stand, and of which file.
const COLUMNS: &str = "class_column = \"model\"\nsize_column = \"bytes\"";
const TRACE: &str = "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"";

const SWEEP: &str = "[sweep]\nmemory_mb = [1024]\nbatch = [1, 2, 5]\n";
