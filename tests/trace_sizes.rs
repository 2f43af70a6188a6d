//! A trace of which a column says how large each request is: against what stands in the file, replayed here by hand.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use batchsim::arrivals::sized::SizedRequest;
use batchsim::arrivals::trace::{Findings, Order, SizeColumn, TraceSpec};
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};
use rand::RngExt as _;
use serde_json::Value;

const SIM: &str = env!("CARGO_BIN_EXE_sim");
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
        "[workload]\nkind = \"trace\"\n{workload}\n{}[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
         [policy]\nkind = \"batch\"\nbatch = 5\n{classes}",
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

#[derive(Debug, Default, Clone, PartialEq)]
struct Replayed {
    latencies: Vec<f64>,
    padding: f64,
}

/// What becomes of each class by the rule: a batch leaves with its fifth request or at the earliest deadline of its members,
/// and takes as long as if all of them were of the size of its largest.
fn by_hand(arrivals: &[(u64, usize, f64)]) -> Vec<Replayed> {
    replayed(arrivals, BATCH, WAITS.map(|(_, wait)| wait))
}

/// The same with other settings.
fn replayed(arrivals: &[(u64, usize, f64)], batch: usize, waits: [u64; 2]) -> Vec<Replayed> {
    let mut found = vec![Replayed::default(); WAITS.len()];
    let mut open: Vec<(u64, usize, f64)> = Vec::new();
    let mut leave = |open: &mut Vec<(u64, usize, f64)>, at: u64| {
        let largest = open.iter().map(|member| member.2).fold(0.0, f64::max);
        let service = service(open.len(), largest);
        for (arrived, class, size) in open.drain(..) {
            found[class].latencies.push((at - arrived) as f64 / 1e9 + service);
            found[class].padding += largest - size;
        }
    };
    let due = |open: &[(u64, usize, f64)]| open.iter().map(|(at, class, _)| at + waits[*class]).min();
    for arrival in arrivals {
        if let Some(at) = due(&open).filter(|at| *at < arrival.0) {
            leave(&mut open, at);
        }
        open.push(*arrival);
        if open.len() == batch {
            leave(&mut open, arrival.0);
        }
    }
    if let Some(at) = due(&open) {
        leave(&mut open, at);
    }
    found
}

/// From the first of `all` on; the order is kept where times are equal.
fn arrivals(all: &[Row], chosen: &[Row]) -> Vec<(u64, usize, f64)> {
    let first = all.iter().map(|row| row.micros).min().unwrap();
    chosen.iter().map(|row| ((row.micros - first) * 1000, row.class, row.size)).collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn sim(&self, args: &[&str]) -> Output {
        Command::new(SIM).args(args).current_dir(&self.0).output().unwrap()
    }

    fn run(&self, text: &str) -> Value {
        self.write("s.toml", text);
        let output = self.sim(&["run", "s.toml", "--json", "--no-charts"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refused(&self, text: &str, reasons: &[&str]) {
        self.write("s.toml", text);
        let output = self.sim(&["run", "s.toml", "--no-charts"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{reasons:?}: {told}");
        reasons.iter().for_each(|reason| assert!(told.contains(reason), "{reason}: {told}"));
    }
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

#[test]
fn each_request_has_the_size_of_its_record_in_every_layout() {
    let rows = rows(6000);
    let distinct: std::collections::BTreeSet<u64> = rows.iter().map(|row| row.size.to_bits()).collect();
    assert!(distinct.len() > 2000);
    let expected = by_hand(&arrivals(&rows, &rows));
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    folder.write("a.tsv", &table(&rows, '\t'));
    folder.write("b.csv", &table(&rows, ';').replace('.', ","));
    let object = |row: &Row| {
        let (name, Row { micros, size, .. }) = (WAITS[row.class].0, row);
        format!("{{\"t_us\": {micros}, \"call\": {{\"model\": \"{name}\", \"bytes\": {size}}}}}\n")
    };
    folder.write("a.jsonl", &rows.iter().map(object).collect::<String>());
    let w3c = |row: &Row| {
        let (s, micros) = (row.micros / 1_000_000, row.micros % 1_000_000);
        let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
        format!("2026-11-01\t{h:02}:{m:02}:{s:02}.{micros:06}\t{}\t{}\n", WAITS[row.class].0, row.size)
    };
    let lines: String = rows.iter().map(w3c).collect();
    folder.write("a.log", &format!("#Version: 1.0\n#Fields: date time x-model sc-bytes\n{lines}"));
    for workload in [
        "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"",
        "file = \"a.csv\"\nclass_column = \"2\"\nsize_column = \"3\"\nwhere = \"status < 500\"",
        "file = \"a.tsv\"\nclass_column = \"model\"\nsize_column = \"bytes\"",
        "file = \"b.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"",
        "file = \"a.jsonl\"\ncolumn = \"t_us\"\nunit = \"us\"\nclass_column = \"call.model\"\nsize_column = \"call.bytes\"",
        "file = \"a.log\"\nclass_column = \"x-model\"\nsize_column = \"sc-bytes\"",
    ] {
        let run = folder.run(&scenario(workload, &both(["", ""])));
        check(&run, &expected);
        let notes = run["notes"].to_string();
        assert!(notes.contains(&format!("{} different ones from", group(distinct.len()))), "{notes}");
        assert!(notes.contains("rounds them up to 64"), "{notes}");
    }
}

/// 1234 is `1,234`.
fn group(count: usize) -> String {
    if count < 1000 { count.to_string() } else { format!("{},{:03}", count / 1000, count % 1000) }
}

#[test]
fn a_size_stays_with_its_record_whatever_the_order_of_the_file() {
    let rows = rows(4000);
    let folder = Folder::new();
    let odd: Vec<_> = rows.iter().step_by(2).rev().copied().collect();
    let even: Vec<_> = rows.iter().skip(1).step_by(2).copied().collect();
    folder.write("1.csv", &table(&odd, ','));
    folder.write("2.csv", &table(&even, ','));
    let columns = "class_column = \"model\"\nsize_column = \"bytes\"";
    let workload = format!("file = [\"1.csv\", \"2.csv\"]\nsort = true\n{columns}");
    check(&folder.run(&scenario(&workload, &both(["", ""]))), &by_hand(&arrivals(&rows, &rows)));
    // Hardly out of order, within the window.
    let mut swapped = rows.clone();
    swapped.chunks_mut(3).for_each(<[Row]>::reverse);
    folder.write("3.csv", &table(&swapped, ','));
    let workload = format!("file = \"3.csv\"\n{columns}");
    check(&folder.run(&scenario(&workload, &both(["", ""]))), &by_hand(&arrivals(&rows, &rows)));
}

#[test]
fn a_part_of_the_trace_has_the_sizes_of_that_part() {
    let rows = rows(4000);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    let all = arrivals(&rows, &rows);
    let columns = "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"";
    let run = |more: &str| folder.run(&scenario(&format!("{columns}\n{more}"), &both(["", ""])));
    let window = all.iter().filter(|(at, ..)| (20_000_000_000..90_000_000_000).contains(at));
    let window: Vec<_> = window.map(|(at, class, size)| (at - 20_000_000_000, *class, *size)).collect();
    check(&run("from = \"20s\"\nuntil = \"90s\""), &by_hand(&window));
    check(&run("requests = 1777"), &by_hand(&all[..1777]));
    let short: Vec<_> = all.iter().filter(|(at, ..)| *at < 30_000_000_000).copied().collect();
    check(&run("duration = \"30s\""), &by_hand(&short));
    let twice: Vec<_> = all.iter().map(|(at, class, size)| (at / 2, *class, *size)).collect();
    check(&run("scale = 2.0"), &by_hand(&twice));
    let small: Vec<_> = all.iter().filter(|(.., size)| *size <= 50.0).copied().collect();
    let run = run("where = \"bytes <= 50\"");
    check(&run, &by_hand(&small));
    assert!(run["notes"].to_string().contains(&format!("{} lines that are of no", 4000 - small.len())));
}

/// All requests of a trace.
fn read(spec: &TraceSpec) -> Vec<SizedRequest> {
    let stream = Streams::new(3).stream("trace");
    let mut source = spec.open_sized(stream, &Findings::default()).unwrap();
    let mut all = Vec::new();
    loop {
        let before = all.len();
        source.fill(&mut all).unwrap();
        if all.len() == before {
            return all;
        }
    }
}

/// More records than any window, so that some are sorted on their way, and coarse stamps that are spread: the sizes of a
/// second are those of its records, in their order.
#[test]
fn coarse_stamps_are_spread_and_every_record_keeps_its_size() {
    let count = 300_000_u64;
    // Unique sizes, so that each request says of which record it is.
    let record = |i: u64| (i / 50, 1.0 + i as f64);
    let folder = Folder::new();
    let line = |i: u64| format!("{},{}\n", record(i).0, record(i).1);
    let ordered: String = (0..count).map(line).collect();
    folder.write("a.csv", &format!("time,bytes\n{ordered}"));
    let path = folder.0.path().join("a.csv");
    let spec = TraceSpec { size_column: Some(SizeColumn::new("bytes")), ..TraceSpec::new(&path) };
    let found = read(&spec);
    assert!(found.iter().map(|request| request.size).eq((0..count).map(|i| record(i).1)));
    let in_second =
        |request: &SizedRequest| request.at.0 / 1_000_000_000 == record(request.size as u64 - 1).0;
    assert!(found.iter().all(in_second) && found.is_sorted_by_key(|request| request.at));
    assert!(found.iter().any(|request| !request.at.0.is_multiple_of(1_000_000_000)));
    // The same times as without sizes.
    let plain = TraceSpec::new(&path);
    let (mut source, mut times) = (plain.open(Streams::new(3).stream("trace")).unwrap(), Vec::new());
    while times.len() < found.len() {
        source.fill(&mut times).unwrap();
    }
    assert!(times.iter().copied().eq(found.iter().map(|request| request.at)));
    // In no order at all.
    let mixed: String = (0..count).map(|i| line(i * 7919 % count)).collect();
    folder.write("b.csv", &format!("time,bytes\n{mixed}"));
    let spec = TraceSpec {
        size_column: Some(SizeColumn::new("bytes")),
        order: Order::Whole,
        from: Span::from_secs(100),
        until: Some(Span::from_secs(5000)),
        ..TraceSpec::new(folder.0.path().join("b.csv"))
    };
    let found = read(&spec);
    assert_eq!(found.len(), 4900 * 50);
    let mut by_second: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    (0..count).map(|i| i * 7919 % count).for_each(|i| by_second.entry(record(i).0).or_default().push(i));
    let expected = (100..5000).flat_map(|second| &by_second[&second]).map(|i| record(*i).1);
    assert!(found.iter().map(|request| request.size).eq(expected));
    assert!(found.iter().all(|request| request.at < Time(4_900_000_000_000)));
}

#[test]
fn one_class_needs_no_column_and_no_share() {
    let mut rows = rows(5000);
    rows.iter_mut().for_each(|row| row.class = 0);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    let class = both(["", ""]);
    let class = &class[..class.rfind("[[class]]").unwrap()];
    let run = folder.run(&scenario("file = \"a.csv\"\nsize_column = \"bytes\"", class));
    check(&run, &by_hand(&arrivals(&rows, &rows)));
    // Classes that are drawn, and wait alike: each request has its size all the same.
    let drawn = both(["share = 0.3", "share = 0.7"]).replace("300000000ns", "50000000ns");
    let run = folder.run(&scenario("file = \"a.csv\"\nsize_column = \"bytes\"", &drawn));
    let padded = |class: usize| run["simulated"]["classes"][class]["padding"].as_f64().unwrap();
    assert_eq!(run["requests"], 5000);
    assert!((padded(0) / padded(1) - 1.0).abs() < 0.1, "{} {}", padded(0), padded(1));
}

#[test]
fn one_size_for_all_gives_the_bytes_of_a_fixed_size() {
    let mut rows = rows(4000);
    rows.iter_mut().for_each(|row| row.size = 40.0);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    for (more, classes) in [
        ("class_column = \"model\"", ["", ""]),
        ("class_column = \"model\"\nthin = 0.5\nstamps = \"exact\"", ["", ""]),
        ("", ["share = 0.5", "share = 0.5"]),
    ] {
        let fixed = "size = { kind = \"fixed\", value = 40 }";
        let sizes = classes.map(|class| format!("{class}\n{fixed}"));
        let with = folder
            .run(&scenario(&format!("file = \"a.csv\"\nsize_column = \"bytes\"\n{more}"), &both(classes)));
        let without =
            folder.run(&scenario(&format!("file = \"a.csv\"\n{more}"), &both([&sizes[0], &sizes[1]])));
        for block in ["simulated", "predicted", "requests", "batches"] {
            assert_eq!(with[block].to_string(), without[block].to_string(), "{more} {block}");
        }
    }
}

/// Sizes that are independent of all else: the law with the sizes of the file is near what happened.
#[test]
fn the_law_takes_the_sizes_of_each_class() {
    let mut stream = Streams::new(5).stream("sizes");
    let mut rows = rows(60_000);
    let mut few = rows.clone();
    for (row, few) in rows.iter_mut().zip(&mut few) {
        let draw: f64 = stream.random();
        let size = if row.class == 0 { 10.0 + 20.0 * draw } else { 30.0 + 70.0 * draw * draw };
        row.size = (size * 100.0).round() / 100.0;
        few.size = (row.size / 10.0).ceil() * 10.0;
    }
    let folder = Folder::new();
    let workload = "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"";
    for (rows, many) in [(few, false), (rows, true)] {
        folder.write("a.csv", &table(&rows, ','));
        let run = folder.run(&scenario(workload, &both(["", ""])));
        assert_eq!(run["notes"].to_string().contains("rounds them up to 64"), many);
        for class in 0..2 {
            let of = |block: &str| &run[block]["classes"][class];
            let ratio = |field: fn(&Value) -> &Value| {
                let [law, run] = ["predicted", "simulated"].map(|block| field(of(block)).as_f64().unwrap());
                law / run - 1.0
            };
            for field in [
                (|v| &v["latency_s"]["mean"]) as fn(&Value) -> &Value,
                |v| &v["latency_s"]["p95"],
                |v| &v["cost_usd_per_million"],
                |v| &v["padding"],
            ] {
                assert!(ratio(field).abs() < 0.03, "{class} {many}: {} {}", of("predicted"), of("simulated"));
            }
        }
    }
}

#[test]
fn lines_without_a_size_are_refused_in_tables_and_counted_in_logs() {
    let rows = rows(600);
    let folder = Folder::new();
    let columns = "class_column = \"model\"\nsize_column = \"bytes\"";
    let text = scenario(&format!("file = \"a.csv\"\n{columns}"), &both(["", ""]));
    let plain = table(&rows, ',');
    let line = |number: usize, bytes: &str| {
        let mut lines: Vec<String> = plain.lines().map(str::to_owned).collect();
        let fields: Vec<&str> = plain.lines().nth(number - 1).unwrap().split(',').collect();
        lines[number - 1] = format!("{},{},{bytes},{}", fields[0], fields[1], fields[3]);
        folder.write("a.csv", &(lines.join("\n") + "\n"));
    };
    for (bytes, reasons) in [
        ("", ["this row has no size in `bytes`", "mend the row"]),
        ("many", ["`many` in `bytes` is no size", "mend the row"]),
        ("nan", ["`nan` in `bytes` is no size", "mend the row"]),
        (
            "100.5",
            [
                "size 100.5 in `bytes` is outside the profile, which covers 10 to 100",
                "where = \"bytes <= 100\"",
            ],
        ),
        ("-3", ["size -3 in `bytes` is outside the profile", "where = \"bytes >= 10\""]),
        ("0", ["size 0 in `bytes` is outside the profile", "measure that size too"]),
    ] {
        line(333, bytes);
        folder.refused(&text, &[reasons[0], reasons[1], "a.csv", "333"]);
    }
    // What the mend says works.
    line(333, "100.5");
    let kept = text.replace(columns, &format!("{columns}\nwhere = \"bytes <= 100\""));
    assert_eq!(folder.run(&kept)["requests"], 599);
    // A row of no class is left out, whatever its size.
    folder.write("a.csv", &format!("{plain}{},other,much,200\n", rows[599].micros));
    assert_eq!(folder.run(&text)["requests"], 600);
    let object = |(i, row): (usize, &Row)| {
        let size = match i {
            7 | 8 | 300 => String::new(),
            100 => ", \"bytes\": \"many\"".to_owned(),
            _ => format!(", \"bytes\": {}", row.size),
        };
        format!("{{\"t_us\": {}, \"model\": \"{}\"{size}}}\n", row.micros, WAITS[row.class].0)
    };
    let objects: String = rows.iter().enumerate().map(object).collect();
    folder.write("a.jsonl", &format!("# of two classes\n{objects}"));
    let json = format!("file = \"a.jsonl\"\ncolumn = \"t_us\"\nunit = \"us\"\n{columns}");
    let run = folder.run(&scenario(&json, &both(["", ""])));
    let notes = run["notes"].to_string();
    let left_out = "Left out of the trace: 1 line that begins with # (first: line 1); 3 lines that have no size in `bytes` (first: \
                    line 9); 1 line that has a `bytes` that is no number (first: line 102).";
    assert!(notes.contains(left_out), "{notes}");
    let used: Vec<Row> =
        rows.iter().enumerate().filter(|(i, _)| ![7, 8, 100, 300].contains(i)).map(|(_, row)| *row).collect();
    check(&run, &by_hand(&arrivals(&used, &used)));
}

#[test]
fn what_cannot_act_is_refused() {
    let rows = rows(300);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    let trace = "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"";
    let text = scenario(trace, &both(["", ""]));
    assert_eq!(folder.run(&text)["requests"], 300);
    let sized = ["size = { kind = \"fixed\", value = 40 }"; 2];
    folder.refused(
        &scenario(trace, &both(sized)),
        &["`size_column` says how large each request is", "remove one"],
    );
    let flat = text.replace("size = [10, 100]\n", "").replace(
        &text[text.find("service_s").unwrap()..text.find("[platform]").unwrap()],
        "service_s = [[0.1, 0.3]]\n",
    );
    folder.refused(&flat, &["workload.size_column", "the profile has no times by size"]);
    folder
        .refused(&text.replace("\"bytes\"", "\"bites\""), &["has no field `bites`", "did you mean `bytes`?"]);
    folder.refused(&text.replace("\"bytes\"", "\"\""), &["workload.size_column", "is empty"]);
    folder.refused(&text.replace(trace, &format!("{trace}\nrepeat = 2")), &["workload.repeat", "cannot act"]);
    let poisson = text.replace("kind = \"trace\"", "kind = \"poisson\"\nrate = 3\nrequests = 5");
    folder.refused(&poisson, &["workload.size_column", "is of kind = \"trace\" alone"]);
    folder.refused(
        &text.replace("file = \"a.csv\"", "file = \"-\""),
        &["standard input", "write it to a file"],
    );
    let none =
        text.split("[[class]]").next().unwrap().replace("batch = 5\n", "batch = 5\ntimeout = \"1s\"\n");
    let none = none.replace("class_column = \"model\"\n", "");
    folder.refused(&none, &["workload.size_column", "has no [[class]]", "add a [[class]]"]);
    folder.refused(
        &text.replace(trace, &format!("{trace}\nformat = \"counts\"\nbin = \"1s\"")),
        &["does not apply to the format counts"],
    );
    folder.refused(&text.replace(trace, &format!("{trace}\nrequests = 1")), &["no request of class `"]);
    // More sizes than marks.
    let line = |i: u32| format!("{i},chat,{}\n{i},letters,{}\n", 10.0 + f64::from(i) / 1000.0, 50);
    folder.write("a.csv", &format!("time_us,model,bytes\n{}", (0..32_768).map(line).collect::<String>()));
    folder.refused(
        &text,
        &["more than 32767 different sizes", "with 2 classes", "round the sizes in the file up"],
    );
    // A name that counts the gaps is not read by records at all.
    folder.write("a.csv", "interarrival,model,bytes\n1,chat,20\n2,letters,30\n");
    folder.refused(&text, &["needs a table"]);
}

const SWEEP: &str = "[sweep]\nmemory_mb = [1024]\nbatch = [1, 2, 5]\n";

#[test]
fn the_plan_simulates_each_record_at_its_size() {
    let rows = rows(5000);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    let trace = "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"";
    folder.write("s.toml", &format!("{}{SWEEP}", scenario(trace, &both(["", ""]))));
    let output = folder.sim(&["plan", "s.toml", "--json", "--no-charts"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(plan["notes"].to_string().contains("has the size of its record"), "{}", plan["notes"]);
    let mut planned = 0;
    for group in plan["groups"].as_array().unwrap() {
        let mut waits = [0; 2];
        let of = |name: &Value| WAITS.iter().position(|(known, _)| name == known).unwrap();
        let members: Vec<usize> = group["classes"].as_array().unwrap().iter().map(of).collect();
        for (member, wait) in members.iter().zip(group["longest_wait_s"].as_array().unwrap()) {
            waits[*member] = (wait.as_f64().unwrap() * 1e9).round() as u64;
        }
        let own: Vec<_> =
            arrivals(&rows, &rows).into_iter().filter(|(_, class, _)| members.contains(class)).collect();
        let expected = replayed(&own, group["batch"].as_u64().unwrap() as usize, waits);
        let expected: Vec<Replayed> = members.iter().map(|member| expected[*member].clone()).collect();
        let run = serde_json::json!({ "requests": own.len(), "simulated": group["simulated"] });
        check(&run, &expected);
        planned += members.len();
    }
    assert_eq!(planned, 2);
}

#[test]
fn commands_that_know_no_classes_or_no_sizes_refuse() {
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows(300), ','));
    let trace = "file = \"a.csv\"\nclass_column = \"model\"\nsize_column = \"bytes\"";
    folder.write("s.toml", &format!("{}{SWEEP}", scenario(trace, &both(["", ""]))));
    let upstream = ["--upstream", "http://127.0.0.1:1"];
    let target = ["--target", "http://127.0.0.1:1"];
    for (args, reason) in [
        (vec!["sweep", "s.toml"], "knows no [[class]]"),
        (vec!["trace", "generate", "s.toml", "--to", "g.csv"], "knows no [[class]]"),
        (vec!["plan", "s.toml", "--max-rate"], "cannot act with [[class]]"),
        (vec!["fleet", "a.csv", "--scenario", "s.toml"], "arrivals of [[class]]"),
        ([vec!["serve", "s.toml"], upstream.to_vec()].concat(), "sim serve knows no sizes of requests"),
        ([vec!["observe", "s.toml"], target.to_vec()].concat(), "sim observe knows no [[class]]"),
    ] {
        if !cfg!(feature = "serve") && matches!(args[0], "serve" | "observe") {
            continue;
        }
        let output = folder.sim(&args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(reason), "{args:?}: {told}");
    }
}
