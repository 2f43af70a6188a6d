//! What is simulated and planned is what stands in the file.

use std::collections::{BTreeMap, BTreeSet};

use batchsim::arrivals::sized::SizedRequest;
use batchsim::arrivals::trace::{ClassColumn, Findings, Order, SizeColumn, StampMode, TraceSpec};
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};
use rand::RngExt as _;
use serde_json::Value;

use super::common::{Folder, Replayed, replayed};
use super::streams::all;
use super::*;

#[test]
fn each_request_has_the_size_of_its_record_in_every_layout() {
    let rows = rows(6000);
    let distinct: BTreeSet<u64> = rows.iter().map(|row| row.size.to_bits()).collect();
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
        TRACE,
        "file = \"a.csv\"\nclass_column = \"2\"\nsize_column = \"3\"\nwhere = \"status < 500\"",
        &TRACE.replace("a.csv", "a.tsv"),
        &TRACE.replace("a.csv", "b.csv"),
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
    let workload = format!("file = [\"1.csv\", \"2.csv\"]\nsort = true\n{COLUMNS}");
    check(&folder.run(&scenario(&workload, &both(["", ""]))), &by_hand(&arrivals(&rows, &rows)));
    // Several of one time.
    let tied = rows.iter().map(|row| Row { micros: row.micros / 100_000 * 100_000, ..*row });
    let tied: Vec<Row> = tied.collect();
    folder.write("4.csv", &table(&tied, ','));
    let workload = format!("file = \"4.csv\"\nstamps = \"exact\"\n{COLUMNS}");
    check(&folder.run(&scenario(&workload, &both(["", ""]))), &by_hand(&arrivals(&tied, &tied)));
    // Hardly out of order, within the window.
    let mut swapped = rows.clone();
    swapped.chunks_mut(3).for_each(<[Row]>::reverse);
    folder.write("3.csv", &table(&swapped, ','));
    let workload = format!("file = \"3.csv\"\n{COLUMNS}");
    check(&folder.run(&scenario(&workload, &both(["", ""]))), &by_hand(&arrivals(&rows, &rows)));
}

#[test]
fn a_part_of_the_trace_has_the_sizes_of_that_part() {
    let rows = rows(4000);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    let all = arrivals(&rows, &rows);
    let run = |more: &str| folder.run(&scenario(&format!("{TRACE}\n{more}"), &both(["", ""])));
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
    let left_out = format!("{} lines that do not meet `bytes <= 50`", 4000 - small.len());
    assert!(run["notes"].to_string().contains(&left_out), "{}", run["notes"]);
}

/// All requests of a trace.
fn read(spec: &TraceSpec) -> Vec<SizedRequest> {
    let mut source = spec.open_sized(Streams::new(3).stream("trace"), &Findings::default()).unwrap();
    all(|block| source.fill(block)).unwrap()
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
    let path = folder.path("a.csv");
    let spec = TraceSpec { size_column: Some(SizeColumn::new("bytes")), ..TraceSpec::new(&path) };
    let found = read(&spec);
    assert!(found.iter().map(|request| request.size).eq((0..count).map(|i| record(i).1)));
    let in_second =
        |request: &SizedRequest| request.at.0 / 1_000_000_000 == record(request.size as u64 - 1).0;
    assert!(found.iter().all(in_second) && found.is_sorted_by_key(|request| request.at));
    assert!(found.iter().any(|request| !request.at.0.is_multiple_of(1_000_000_000)));
    // The same times as without sizes.
    let plain = TraceSpec::new(&path);
    let mut source = plain.open(Streams::new(3).stream("trace")).unwrap();
    let times = all(|block| source.fill(block)).unwrap();
    assert!(times.iter().copied().eq(found.iter().map(|request| request.at)));
    // In no order at all.
    let mixed: String = (0..count).map(|i| line(i * 7919 % count)).collect();
    folder.write("b.csv", &format!("time,bytes\n{mixed}"));
    let spec = TraceSpec {
        size_column: Some(SizeColumn::new("bytes")),
        order: Order::Whole,
        from: Span::from_secs(100),
        until: Some(Span::from_secs(5000)),
        ..TraceSpec::new(folder.path("b.csv"))
    };
    let found = read(&spec);
    assert_eq!(found.len(), 4900 * 50);
    let mut by_second: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    (0..count).map(|i| i * 7919 % count).for_each(|i| by_second.entry(record(i).0).or_default().push(i));
    let expected = (100..5000).flat_map(|second| &by_second[&second]).map(|i| record(*i).1);
    assert!(found.iter().map(|request| request.size).eq(expected));
    assert!(found.iter().all(|request| request.at < Time(4_900_000_000_000)));
}

/// With classes, a trace has the times that it has without them, and the classes in the order of the file; what is of none
/// is left out of these.
#[test]
fn classes_are_marks_on_the_times_of_the_whole_trace() {
    let names = ["chat", "letters", "other"];
    let class = |i: u64| (i * i % 7 % 3) as usize;
    let folder = Folder::new();
    let lines: String = (0..100_000).map(|i| format!("{},{},{}\n", i / 40, names[class(i)], i + 1)).collect();
    folder.write("a.csv", &format!("time,model,bytes\n{lines}"));
    let stream = || Streams::new(3).stream("trace");
    for (stamps, order) in [(StampMode::Auto, Order::Window), (StampMode::Exact, Order::Whole)] {
        let plain = TraceSpec { stamps, order, ..TraceSpec::new(folder.path("a.csv")) };
        let mut source = plain.open(stream()).unwrap();
        let times = all(|block| source.fill(block)).unwrap();
        let known = names[..2].iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let classes = TraceSpec { class_column: Some(ClassColumn::new("model", &known)), ..plain.clone() };
        let sizes = TraceSpec { size_column: Some(SizeColumn::new("bytes")), ..classes.clone() };
        for (spec, has_size) in [(classes, false), (sizes, true)] {
            let findings = Findings::default();
            let mut source = spec.open_sized(stream(), &findings).unwrap();
            let found = all(|block| source.fill(block)).unwrap();
            let size = |i: u64| if has_size { (i + 1) as f64 } else { 0.0 };
            let whole = (0..).zip(&times).map(|(i, at)| (*at, class(i), size(i)));
            let expected: Vec<_> = whole.filter(|(_, class, _)| *class < 2).collect();
            let found: Vec<_> = found.iter().map(|r| (r.at, usize::from(r.class), r.size)).collect();
            assert!(found == expected && found.len() < times.len());
            drop(source);
            let left_out = &findings.get().unwrap().left_out[..];
            assert!(left_out.len() == 1 && left_out[0].reason == "are of no [[class]]", "{left_out:?}");
            assert_eq!(left_out[0].lines as usize, times.len() - found.len());
        }
    }
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
    for (rows, many) in [(few, false), (rows, true)] {
        folder.write("a.csv", &table(&rows, ','));
        let run = folder.run(&scenario(TRACE, &both(["", ""])));
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
fn the_plan_simulates_each_record_at_its_size() {
    let rows = rows(5000);
    let folder = Folder::new();
    folder.write("a.csv", &table(&rows, ','));
    folder.write("s.toml", &format!("{}{SWEEP}", scenario(TRACE, &both(["", ""]))));
    let plan = folder.json(&["plan", "s.toml", "--json", "--no-charts"]);
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
        let expected = replayed(&own, group["batch"].as_u64().unwrap() as usize, &waits, service_ns);
        let expected: Vec<Replayed> = members.iter().map(|member| expected[*member].clone()).collect();
        let run = serde_json::json!({ "requests": own.len(), "simulated": group["simulated"] });
        check(&run, &expected);
        planned += members.len();
    }
    assert_eq!(planned, 2);
}
