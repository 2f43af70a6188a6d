//! Every shape of export holds the same calls: each is made here from the same list, and read back to it.

use std::io::Write as _;

use base64::Engine as _;
use serde_json::{Value, json};

use super::*;
use crate::profile::import::Observation;

const STREAM: &str = "2026/02/03/[$LATEST]5f2c";
/// 2026-02-03T04:05:06Z.
const BEGIN_MS: i64 = 1_770_091_506_000;

fn id(i: usize) -> String {
    format!("7c1d0e2f-{i:04x}-4aaa-9bbb-{i:012x}")
}

/// Five good calls of 210, 220, .. ms at 1792 MB, the first of them cold, with batches 1 to 5.
fn duration_ms(i: usize) -> f64 {
    210.0 + 10.0 * i as f64
}

fn report(i: usize) -> String {
    let init = if i == 0 { "Init Duration: 1500.25 ms\t" } else { "" };
    format!(
        "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: 1792 MB\tMax Memory Used: 300 MB\t{init}\n",
        id(i),
        duration_ms(i),
        duration_ms(i)
    )
}

fn record(i: usize) -> Value {
    let mut metrics = json!({ "durationMs": duration_ms(i), "billedDurationMs": 1, "memorySizeMB": 1792, "maxMemoryUsedMB": 300 });
    if i == 0 {
        metrics["initDurationMs"] = json!(1500.25);
    }
    json!({ "time": time(i, "T", "Z"), "type": "platform.report",
        "record": { "requestId": id(i), "metrics": metrics, "status": "success" } })
}

/// When call `i` ended, a second after the one before.
fn time(i: usize, between: &str, zone: &str) -> String {
    format!("2026-02-03{between}04:05:{:02}.000{zone}", 6 + i)
}

fn event(i: usize, message: String) -> Value {
    json!({ "logStreamName": STREAM, "timestamp": BEGIN_MS + 1000 * i as i64, "message": message,
        "ingestionTime": BEGIN_MS + 5, "eventId": i.to_string() })
}

fn packed(text: &str) -> String {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(encoder.finish().unwrap())
}

fn pairs(i: usize, message: String) -> Value {
    json!([{ "field": "@timestamp", "value": time(i, " ", "") }, { "field": "@message", "value": message },
        { "field": "@ptr", "value": "Cl0" }])
}

fn all<T>(of: impl Fn(usize) -> T) -> Vec<T> {
    (0..5).map(of).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Exports by name: their text, and whether it has times.
fn exports() -> Vec<(&'static str, String, bool)> {
    let own = |i: usize, text: String| format!("{} {STREAM} {text}", time(i, "T", "+00:00"));
    let subscription = json!({ "messageType": "DATA_MESSAGE", "logGroup": "/aws/lambda/f", "logStream": STREAM,
        "logEvents": all(|i| json!({ "id": "3", "timestamp": BEGIN_MS + 1000 * i as i64, "message": report(i) })) });
    let results = json!({ "results": all(|i| pairs(i, report(i))), "statistics": { "recordsMatched": 5.0 }, "status": "Complete" });
    let page = |from: usize, to: usize| {
        json!({ "events": (from..to).map(|i| event(i, report(i))).collect::<Vec<_>>(),
        "searchedLogStreams": [], "nextToken": "x" })
    };
    let fields = |i: usize| {
        let init = if i == 0 { "1500.25" } else { "" };
        format!("{},{},{:.2},1,1.792E9,3E8,{init},{STREAM},REPORT\n", time(i, " ", ""), id(i), duration_ms(i))
    };
    vec![
        ("REPORT lines", all(report).concat(), false),
        ("tail, detailed", all(|i| own(i, report(i))).concat(), true),
        ("tail, short", all(|i| format!("{} {}", time(i, "T", "").replace(".000", ""), report(i))).concat(), true),
        ("tail, JSON messages drawn out", all(|i| own(i, format!("{:#}\n", record(i)))).concat(), true),
        ("export to storage", all(|i| format!("{} {}", time(i, "T", "Z"), report(i))).concat(), true),
        ("JSON lines of the platform", all(|i| format!("{}\n", record(i))).concat(), true),
        ("telemetry as one list", json!(all(record)).to_string(), true),
        ("filter-log-events", format!("{:#}", page(0, 5)), true),
        ("filter-log-events, two pages", format!("{}\n{:#}\n", page(0, 2), page(2, 5)), true),
        ("filter-log-events, pages without a break", format!("{}{}", page(0, 2), page(2, 5)), true),
        ("get-log-events", json!({ "events": all(|i| json!({ "timestamp": BEGIN_MS + 1000 * i as i64, "message": report(i), "ingestionTime": 1 })), "nextForwardToken": "f/1", "nextBackwardToken": "b/1" }).to_string(), true),
        ("a list of events with JSON within", format!("{:#}", json!(all(|i| event(i, format!("{}\n", record(i)))))), true),
        ("a list of events that was cut off", { let text = format!("{:#}", json!(all(|i| event(i, report(i))))); text[..text.len() - 2].to_owned() }, true),
        ("events in seconds", json!(all(|i| json!({ "timestamp": (BEGIN_MS + 1000 * i as i64) as f64 / 1e3, "message": report(i) }))).to_string(), true),
        ("messages alone", json!(all(report)).to_string(), false),
        ("messages alone, one a line", all(|i| format!("{}\n", json!(report(i)))).concat(), false),
        ("Insights: pairs", format!("{results:#}"), true),
        ("Insights: CSV of messages", format!("@timestamp,@message\n{}", all(|i| format!("{},{}\n", time(i, " ", ""), quoted(&report(i)))).concat()), true),
        ("Insights: CSV of JSON", format!("@timestamp,@message\n{}", all(|i| format!("{},{}\n", time(i, " ", ""), quoted(&format!("{}\n", record(i))))).concat()), true),
        ("Insights: JSON", json!(all(|i| json!({ "@timestamp": time(i, " ", ""), "@message": record(i) }))).to_string(), true),
        ("Insights: JSON of texts", json!(all(|i| json!({ "@timestamp": time(i, " ", ""), "@message": report(i) }))).to_string(), true),
        ("Insights: own columns", format!("@timestamp,@requestId,@duration,@billedDuration,@memorySize,@maxMemoryUsed,@initDuration,@logStream,@type\n{}", all(fields).concat()), true),
        ("Insights: own columns, last first", format!("@timestamp,@requestId,@duration,@billedDuration,@memorySize,@maxMemoryUsed,@initDuration,@logStream,@type\n{}", all(|i| fields(4 - i)).concat()), true),
        ("Insights: own columns of JSON logs", format!("time,record.requestId,record.metrics.durationMs,record.metrics.memorySizeMB,record.metrics.initDurationMs,type\n{}", all(|i| format!("{},{},{},1792,{},platform.report\n", time(i, "T", "Z"), id(i), duration_ms(i), if i == 0 { "1500.25" } else { "" })).concat()), true),
        ("Insights: Markdown", format!("| @timestamp | @message |\n| --- | --- |\n{}", all(|i| format!("| {} | {} |\n", time(i, " ", ""), report(i).replace(['\t', '\n'], " "))).concat()), true),
        ("Insights: Markdown of own columns", format!("| @timestamp | @requestId | @duration | @memorySize | @initDuration |\n|---|---|---|---|---|\n{}", all(|i| format!("| {} | {} | {} | 1792000000 | {} |\n", time(i, " ", ""), id(i), duration_ms(i), if i == 0 { "1500.25" } else { "" })).concat()), true),
        ("the console's CSV", format!("timestamp,message\n{}", all(|i| format!("{},{}\n", BEGIN_MS + 1000 * i as i64, quoted(&report(i)))).concat()), true),
        ("a table of semicolons", format!("@timestamp;@message\n{}", all(|i| format!("{};{}\n", time(i, " ", ""), quoted(&report(i)))).concat()), true),
        ("subscription", subscription.to_string(), true),
        ("subscription, packed for a function", json!({ "awslogs": { "data": packed(&subscription.to_string()) } }).to_string(), true),
        ("subscription, from a stream", json!({ "Records": [{ "kinesis": { "data": packed(&subscription.to_string()) } }] }).to_string(), true),
        ("subscription, the payload alone", packed(&subscription.to_string()), true),
        ("a shipper's JSON lines", all(|i| format!("{}\n", json!({ "log": report(i), "stream": "stdout" }))).concat(), false),
        ("YAML", all(|i| format!("- eventId: '{i}'\n  message: {}\n", json!(report(i)))).concat(), false),
    ]
}

#[test]
fn every_export_holds_the_same_calls() {
    for (name, text, timed) in exports() {
        for text in [text.clone(), text.replace('\n', "\r\n")] {
            let calls = parse(&text, &BatchSize::Fixed(3));
            let found = calls.observations(None).found;
            let wanted = all(|i| Observation {
                memory_mb: 1792,
                batch: 3,
                service_s: duration_ms(i) / 1e3,
                init_s: (i == 0).then_some(1.50025),
            });
            assert_eq!(found, wanted, "{name}: {:?} {:?}", calls.others, calls.first_other);
            assert!(calls.skipped.is_empty(), "{name}: {:?}", calls.skipped);
            let starts =
                all(|i| (BEGIN_MS + 1000 * i as i64) * 1_000_000 - duration_ms(i) as i64 * 1_000_000);
            let (times, missing) = calls.starts();
            match timed {
                true => assert_eq!((times, missing), (starts, 0), "{name}"),
                false => assert_eq!((times.len(), missing), (0, 5), "{name}"),
            }
        }
    }
}

#[test]
fn the_same_call_in_two_exports_is_one_call() {
    let text = all(report).concat();
    let calls = parse(&format!("{text}{}\n", json!(all(record))), &BatchSize::Fixed(1));
    assert_eq!(calls.calls.len(), 5);
    assert_eq!(calls.skipped.get("seen before: the same REPORT again"), Some(&5));
}

/// One call with the function's own line before its REPORT.
fn call(i: usize, own: &str) -> String {
    format!("START RequestId: {} Version: $LATEST\n{own}\nEND RequestId: {}\n{}", id(i), id(i), report(i))
}

fn batches(text: &str) -> Vec<Option<u32>> {
    parse(text, &BatchSize::Field("batch".into())).calls.iter().map(|call| call.batch).collect()
}

#[test]
fn the_batch_size_is_that_of_the_request_that_logged_it() {
    let mentioned = call(0, "batch=8") + &call(1, &format!("batch=2 retry_of={}", id(0)));
    assert_eq!(batches(&mentioned), [Some(8), Some(2)]);
    let unknown = call(0, "batch=8 job=0a0b0c0d-0000-4000-8000-0123456789ab");
    assert_eq!(batches(&unknown), [Some(8)]);
    // Interleaved, the id where the runtime puts it decides, whatever else is named.
    let node = |i: usize, n: u32| {
        format!("2026-02-03T04:05:06.000Z\t{}\tINFO\tbatch: {n} after {}\n", id(i), id(1 - i))
    };
    let open = format!("START RequestId: {}\nSTART RequestId: {}\n", id(0), id(1));
    let interleaved = format!("{open}{}{}{}{}", node(1, 2), node(0, 8), report(0), report(1));
    assert_eq!(batches(&interleaved), [Some(8), Some(2)]);
    let python =
        |i: usize, n: u32| format!("[INFO]\t2026-02-03T04:05:06.000Z\t{}\tserved batch={n}\n", id(i));
    let interleaved = format!("{open}{}{}{}{}", python(1, 2), python(0, 8), report(0), report(1));
    assert_eq!(batches(&interleaved), [Some(8), Some(2)]);
    // Without an id and with two requests under way nothing is guessed.
    let bare =
        parse(&format!("{open}batch=8\n{}{}", report(0), report(1)), &BatchSize::Field("batch".into()));
    assert_eq!(bare.observations(None).skipped.get("without a batch size"), Some(&2));
    assert_eq!(bare.others.get("own line that belongs to no one request"), Some(&1));
}

#[test]
fn structured_loggers_name_the_request_beside_other_ids() {
    let line = |i: usize| {
        json!({ "level": "INFO", "location": "handler:31", "message": { "job": id(90 + i), "batch": i + 1, "parent": id((i + 1) % 5) },
            "timestamp": "2026-02-03 04:05:06,000+0000", "service": "s", "function_request_id": id(i),
            "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793" })
    };
    let wanted: Vec<Option<u32>> = (1..6).map(Some).collect();
    assert_eq!(batches(&all(|i| format!("{}\n{}", line(i), report(i))).concat()), wanted);
    assert_eq!(batches(&all(|i| format!("{:#}\n{}", line(i), report(i))).concat()), wanted);
    let own = |i: usize| json!({ "timestamp": "2026-02-03T04:05:06Z", "level": "INFO", "message": format!("batch={}", i + 1), "requestId": id(i) });
    assert_eq!(batches(&all(|i| format!("{}\n{}\n", own(i), record(i))).concat()), wanted);
    let events = json!({ "events": all(|i| [event(i, line(i).to_string()), event(i, report(i))]).concat() });
    assert_eq!(batches(&events.to_string()), wanted);
    let column = format!(
        "@requestId,@duration,@memorySize,batch\n{}",
        all(|i| format!("{},{},1792000000,{}\n", id(i), duration_ms(i), i + 1)).concat()
    );
    assert_eq!(batches(&column), wanted);
}

#[test]
fn lines_of_one_request_may_stand_in_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let (own, reports) = (folder.path().join("own.txt"), folder.path().join("reports.txt"));
    std::fs::write(
        &own,
        all(|i| format!("2026-02-03T04:05:06.000Z\t{}\tINFO\tbatch={}\n", id(i), i + 1)).concat(),
    )
    .unwrap();
    std::fs::write(&reports, all(report).concat()).unwrap();
    let calls = read(&[own, reports], &BatchSize::Field("batch".into())).unwrap();
    assert_eq!(calls.calls.iter().filter_map(|call| call.batch).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn failed_calls_are_counted_and_are_no_service_times() {
    let ran = |extra: &str| {
        format!(
            "REPORT RequestId: {}\tDuration: 30030.50 ms\tBilled Duration: 30031 ms\tMemory Size: 1792 MB\tMax Memory Used: 300 MB\t{extra}\n",
            id(7)
        )
    };
    let json_of = |status: &str| {
        let mut value = record(1);
        value["record"]["requestId"] = json!(id(7));
        value["record"]["status"] = json!(status);
        value.to_string() + "\n"
    };
    let failures = [
        (ran("Status: timeout"), "status timeout"),
        (ran("Status: error\tError Type: Runtime.ExitError"), "status error"),
        (ran("") + &format!("2018-08-26T02:13:13.948Z {} Task timed out after 30.03 seconds\n\n", id(7)), "Task timed out"),
        (format!("2018-08-26T02:13:13.948Z {} Task timed out after 30.03 seconds\n\n", id(7)) + &ran(""), "Task timed out"),
        (format!("RequestId: {} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n", id(7)) + &ran(""), "killed"),
        (ran("") + &format!("RequestId: {} Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n", id(7)), "exited"),
        (format!("RequestId: {} Process exited before completing request\n", id(7)) + &ran(""), "process exited"),
        (format!("2026-02-03T04:05:06Z\t{}\tERROR\tInvoke Error \t{{\"errorType\":\"Error\"}}\n", id(7)) + &ran(""), "did not handle"),
        (format!("START RequestId: {}\n[ERROR] KeyError: 'x'\nTraceback (most recent call last):\n", id(7)) + &ran(""), "did not handle"),
        (json_of("timeout"), "status timeout"),
        (json_of("failure"), "status failure"),
        (json!({ "type": "platform.fault", "record": format!("RequestId: {} Error: Runtime exited with error: signal: killed", id(7)) }).to_string() + "\n" + &ran(""), "killed"),
        (format!("@timestamp,@message\n2018-08-26 02:13:13.948,\"{}\"\n2018-08-26 02:13:13.949,\"2018-08-26T02:13:13.948Z {} Task timed out after 30.03 seconds\n\n\"\n", ran(""), id(7)), "Task timed out"),
    ];
    for (text, why) in failures {
        let (before, after) =
            (format!("{}{text}", all(report).concat()), format!("{text}{}", all(report).concat()));
        let mixed = if text.starts_with('@') { vec![text.clone()] } else { vec![before, after] };
        for text in mixed {
            let calls = parse(&text, &BatchSize::Fixed(1));
            let found = calls.observations(None);
            assert!(found.found.iter().all(|o| o.service_s < 1.0), "{text}");
            let reasons: Vec<&String> = found.skipped.keys().collect();
            assert!(reasons.len() == 1 && reasons[0].contains(why), "{reasons:?} for {why}");
            assert_eq!(calls.calls.iter().filter(|call| call.failure.is_some()).count(), 1);
        }
    }
}

#[test]
fn a_request_that_is_tried_again_fails_only_where_it_failed() {
    let late = report(1).replace("220.00", "3000.00");
    let mark = format!("2018-08-26T02:13:13.948Z {} Task timed out after 3.00 seconds\n", id(1));
    let start = format!("START RequestId: {} Version: 1\n", id(1));
    let text = format!("{start}{late}{mark}{start}{}", report(1));
    let calls = parse(&text, &BatchSize::Fixed(1));
    let failed: Vec<bool> = calls.calls.iter().map(|call| call.failure.is_some()).collect();
    assert_eq!(failed, [true, false]);
    // What a function says of others is no failure of its own.
    let told = call(1, "INFO upstream said: Task timed out after 3.00 seconds");
    assert_eq!(parse(&told, &BatchSize::Fixed(1)).calls[0].failure, None);
}

#[test]
fn an_initialisation_of_zero_is_none_and_a_restored_one_counts() {
    let zero = all(|i| report(i).replace("1500.25", "0.00")).concat();
    let found = parse(&zero, &BatchSize::Fixed(1)).observations(None);
    assert!(found.found.len() == 5 && found.found.iter().all(|o| o.init_s.is_none()));
    let restored = report(0)
        .replace("Init Duration: 1500.25 ms", "Restore Duration: 612.31 ms\tBilled Restore Duration: 201 ms");
    let first = |text: &str| parse(text, &BatchSize::Fixed(1)).calls[0].init_s.unwrap();
    assert!((first(&restored) - 0.61231).abs() < 1e-12);
    let order = report(0)
        .replace("Init Duration: 1500.25 ms", "Billed Restore Duration: 201 ms\tRestore Duration: 612.31 ms");
    assert!((first(&order) - 0.61231).abs() < 1e-12);
}

#[test]
fn cold_starts_surcharge_and_environments_are_told() {
    let second = |i: usize| event(i, report(i)).to_string().replace("5f2c", "77aa");
    let events = [event(0, report(0)).to_string(), second(1), second(2)].join("\n");
    let notes = parse(&events, &BatchSize::Fixed(1)).observations(None).notes;
    assert!(notes[0].contains("1 of 3 calls (33.333 %); 2 environments"), "{notes:?}");
    // The first call takes 210 ms, the others (220 + 230) / 2 = 225 ms.
    assert!(
        notes[1].contains("210.0 ms in the handler, later ones 225.0 ms: a surcharge of -15.0 ms"),
        "{notes:?}"
    );
}

#[test]
fn starts_are_those_of_start_lines_where_there_are_such() {
    let start = event(0, format!("START RequestId: {} Version: $LATEST\n", id(0)));
    let mut end = event(3, report(0));
    end["timestamp"] = json!(BEGIN_MS + 777);
    let calls = parse(&format!("{start}\n{end}\n"), &BatchSize::Fixed(1));
    assert_eq!(calls.starts(), (vec![BEGIN_MS * 1_000_000], 0));
}

#[test]
fn nothing_is_left_without_a_word() {
    let text = "bin(5m),avg(@duration)\n2026-01-01,5\n";
    let error =
        parse(text, &BatchSize::Fixed(1)).observations(None).profile("m", "x.csv").unwrap_err().to_string();
    assert!(
        error.contains("2 line of the function's own, the first of them `bin(5m),avg(@duration)`"),
        "{error}"
    );
    let text = format!("@requestId,@duration\n{},5\n", id(0));
    let found = parse(&text, &BatchSize::Fixed(1));
    assert!(found.observations(None).skipped.keys().any(|reason| reason.contains("@memorySize")));
    assert_eq!(found.observations(Some(512)).found[0].memory_mb, 512);
    let cut = format!("START RequestId: {}\nREPORT RequestId: cut\n", id(0));
    let calls = parse(&cut, &BatchSize::Fixed(1));
    assert_eq!(calls.skipped.get("with a field missing"), Some(&1));
    assert_eq!(calls.others.get("request that started and has no REPORT"), Some(&1));
}
