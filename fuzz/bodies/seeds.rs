//! The first inputs of every target, made by the project's own writers.

use std::path::Path;

use batchsim::arrivals::convert::{Layout, write};
use batchsim::arrivals::map::Map;
use batchsim::arrivals::map_arrivals::MapArrivals;
use batchsim::numeric::streams::Streams;
use batchsim::sweep::table::{self, Part};
use batchsim::units::{Span, Time};

use super::sweeps::{part, row};

const SCENARIO: &str = r#"
name = "small"
seed = 3
replications = 2
warmup = "1s"
[workload]
kind = "mmpp"
rates = [20.0, 200.0]
sojourns = [20.0, "5s"]
requests = 2000
duration = "1h 30min"
scale = 2.0
thin = 0.5
[profile]
memory_mb = [1024, 3072]
batch = [1, 8]
service_s = [[0.2, 0.9], [0.1, 0.35]]
service_cv = 0.1
init_s = [1, 0.5]
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
cold_starts = true
keep_alive = { mean = "6min", cv = 0.2 }
reuse = "most-recent"
concurrency = 1000
scaling_per_10s = 1000
runtime_init = "83ms"
provisioned = 2
retry = { attempts = 3, base = "1s", cap = "20s" }
[policy]
kind = "batch"
batch = 8
timeout = "100ms"
[slo]
percentile = 99
latency = "500ms"
max_violations = 0.01
[sweep]
memory_mb = { from = 1024, to = 3072, step = 512 }
batch = [1, 2, 4, 8]
timeout = { from = "0ms", to = "200ms", step = "50ms" }
[output]
hours = true
"#;

const SYSTEMS: &str = r#"
[[system]]
name = "functions"
kind = "lambda"
memory_mb = "largest"
policy = { kind = "planned", model = "exact", batch = [1, 2] }
[[system]]
name = "listed"
kind = "lambda"
policy = { kind = "listed", every = "1h", batch = 2, memory_mb = [1024, 2048], timeout = ["10ms", "20ms"] }
[[system]]
name = "endpoint"
kind = "endpoint"
instance = "sagemaker-ml.c5.xlarge"
profile = { workers = 2, batch = [1, 4], service_s = [0.1, 0.3] }
launch = { from = "3min", to = "5min" }
initial = 2
[[system]]
name = "mark"
kind = "mark"
memory_mb = "cheapest-within-slo"
forecast = { kind = "smoothed", alpha = 0.5, beta = 0.2 }
types = [{ instance = "sagemaker-ml.c5.xlarge", profile = { batch = [1], service_s = [0.1] }, initial = 8 }]
"#;

const SCHEDULE: &str = "[[segment]]\nduration = \"100s\"\nkind = \"poisson\"\nrate = 50\n\
    [[segment]]\nduration = \"1h\"\nkind = \"mmpp\"\nrates = [0, 20]\nsojourns = [1.0, 1.0]\n\
    [[segment]]\nduration = \"1s\"\nkind = \"map\"\nd0 = [[-12.0, 1.0], [2.0, -60.0]]\n\
    d1 = [[8.0, 3.0], [18.0, 40.0]]\n";

const PROFILE: &str = "model = \"m\"\nsource = \"s\"\nmemory_mb = [1000, 3000]\nbatch = [1, 2, 5]\n\
    service_s = [[2.0, 3.0, 6.0], [1.0, 2.0, 4.0]]\ninit_s = [4.0, 2.0]\nservice_cv = 0.1\nimage_mb = 9.5\n";

const INSTANCE: &str =
    "model = \"m\"\nworkers = 9\nbatch = [1, 4]\nservice_s = [0.46, 1.2]\nservice_cv = 0.1\n";

const BOOK: &str = include_str!("../../profiles/books/aws-2026.toml");

const LOG: &str = "START RequestId: 3f8e2a10-0000-4000-8000-00000000000a Version: $LATEST\n\
    2026-01-05T10:00:00Z 3f8e2a10-0000-4000-8000-00000000000a INFO served batch=8 minibatch=3\n\
    END RequestId: 3f8e2a10-0000-4000-8000-00000000000a\n\
    REPORT RequestId: 3f8e2a10-0000-4000-8000-00000000000a\tDuration: 812.50 ms\tBilled Duration: 1126 ms\t\
    Memory Size: 1792 MB\tMax Memory Used: 401 MB\tInit Duration: 312.45 ms\t\n";

const JSON_LOG: &str = "{\"time\":\"t\",\"type\":\"platform.report\",\"record\":{\"requestId\":\
    \"3f8e2a10-0000-4000-8000-00000000000a\",\"metrics\":{\"durationMs\":40.5,\"billedDurationMs\":41,\
    \"memorySizeMB\":512,\"maxMemoryUsedMB\":60,\"initDurationMs\":250},\"status\":\"success\"}}\n\
    {\"level\":\"INFO\",\"requestId\":\"3f8e2a10-0000-4000-8000-00000000000a\",\"message\":{\"batch\": 4}}\n";

const TUNING: &str = "{\"power\":\"512\",\"duration\":40.0,\"stats\":[{\"averageDuration\":160.5,\"value\":128},\
    {\"averageDuration\":40.0,\"value\":\"512\"}]}";

const INSIGHTS: &str = "@timestamp,@requestId,@duration,@memorySize,@initDuration,batch\n\
    2026-01-05 10:00:00.250,3f8e2a10-0000-4000-8000-00000000000a,345.58,1769000000,2911.59,4\n\
    2026-01-05 10:00:01.000,3f8e2a10-0000-4000-8000-00000000000b,292.57,1.769E9,,4\n";

const EVENTS: &str = "{\"events\":[{\"logStreamName\":\"2026/01/05/[$LATEST]ab\",\"timestamp\":1767607200000,\
    \"message\":\"REPORT RequestId: 3f8e2a10-0000-4000-8000-00000000000a\\tDuration: 100.00 ms\\tMemory Size: 1024 MB\\n\",\
    \"eventId\":\"1\"}]}\n[[{\"field\":\"@message\",\"value\":\"{\\\"batch\\\": 8}\"}]]\n\
    | @requestId | @duration |\n|---|---|\n| 3f8e2a10-0000-4000-8000-00000000000c | 12 |\n";

const LINK: &str = "https://lambda-power-tuning.show/#gAAABAAC;mpn1QXd3X0EAAIBA;Gs2LM0mLfDOXTxAz";

const PERF: &str = "Concurrency,Inferences/Second,Server Compute Infer,Client Recv,p50 latency\n1,40,20000,0,22000\n\
    Model,Batch,Concurrency,p99 Latency (ms)\nm,2,1,8.5\n";

const RAW: &str = "batch, memory_mb,service_s,init_s,note\n1,512,0.25,1.5,first\n2,512,0.4,,\n\
    1,1024,0.2,,\n2,1024,0.3,,\n4,1024,0.5,,\n4,512,0.7,,\n8,512,1.3,,\n";

const TEXT_TRACES: [(u8, &str, &str); 12] = [
    (0, "seconds", "timestamp\n0.5\n1\n2.25\n"),
    (2, "millis", "1700000000000\n1700000000500\n1700000002000\n"),
    (3, "micros", "# comment\r\n1\r\n2\r\n"),
    (4, "nanos", "5\n5\n9\n"),
    (1, "iso", "2026-01-31 18:17:03.25\n2026-01-31T18:17:04Z\n"),
    (5, "gaps", "iat_ms\n1.5\n0\n2e3\n"),
    (7, "counts", "3\n0\n12\n"),
    (15, "periods", "period,count\n0,2\n3,1\n"),
    (9, "dated", "date,requests\n2026-01-31 18:00:00,2\n2026-01-31 18:00:01,4\n"),
    (10, "azure2019", "HashOwner,HashApp,HashFunction,Trigger,1,2,3\na,b,f,http,2,0,5\n"),
    (12, "azure2021", "app,func,end_timestamp,duration\na,f,10.5,0.25\na,f,9,0.5\n"),
    (13, "column", "id;at;\"note; quoted\"\n1;2.5;\"a\"\"b\"\n2;3.5;x\n"),
];

const LINES: [(u8, &str, &str, &str); 7] = [
    (0, "json", "", "{\"ts\": 1.5, \"a\": {\"b\": 2}}\n[{\"ts\": 2}, {\"ts\": 3}]\nno json\n"),
    (5, "json-list", "a = 1", "[\n {\"ts\": 1,\n  \"a\": 1},\n {\"ts\": 2, \"a\": 2}\n]\n"),
    (
        5,
        "combined",
        "status < 500 and path = /a",
        "h - - [23/Nov/2026:00:00:01 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\" rt=0.1\n",
    ),
    (
        5,
        "msec",
        "",
        "1795442136.500 h \"GET /a HTTP/1.1\" 200 0.400\n1795442136.100 h \"GET /a HTTP/1.1\" 200 0.100\n",
    ),
    (3, "w3c", "", "#Fields: date time x-edge-location time-taken\n2026-11-23\t00:00:05\tF\t3.120\n"),
    (
        2,
        "elb",
        "",
        "2026-11-23T00:00:01.5Z lb h:1 h:2 0.1 0.1 0.1 200 200 0 29 \"GET http://x:80/ HTTP/1.1\" \"c\"\n",
    ),
    (12, "table", "what != x", "id;at;what\n1;0,5;\"a\nb\"\n2;0,25;x\n3;0,125;y\n"),
];

/// Saves an input: its target, its name, the bytes that choose how it is read, and its content.
type Save<'a> = &'a dyn Fn(&str, &str, &[u8], &[u8]);

/// Writes them to `root`, a folder for each target.
pub fn write_all(root: &Path) {
    let save = |target: &str, name: &str, head: &[u8], content: &[u8]| {
        let folder = root.join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), [head, content].concat()).expect("a seed");
    };
    for (choice, name, text) in TEXT_TRACES {
        save("trace", name, &[choice, 0], text.as_bytes());
        save("trace", &format!("{name}-window"), &[choice, 8 + 2 + 1], text.as_bytes());
    }
    for (choice, name, layout) in [
        (0, "poisson.csv", Layout::Timestamps),
        (0xd0, "poisson.csv.gz", Layout::Timestamps),
        (0xe5, "gaps.csv.zst", Layout::Interarrivals),
        (0xf0, "poisson.bin", Layout::Binary),
        (15, "counts.csv", Layout::Counts(Span::from_secs(1))),
    ] {
        let stream = Streams::new(4).stream("arrivals");
        let mut arrivals = MapArrivals::new(&Map::poisson(2.0), Time::ZERO, Time(10_000_000_000), stream);
        let path = root.join(name);
        write(&mut arrivals, layout, &path).expect("a trace");
        save("trace", name, &[choice, 0], &std::fs::read(&path).expect("the trace"));
        std::fs::remove_file(path).expect("the trace");
    }
    for (choice, name, filter, text) in LINES {
        let head = [&[choice, filter.len() as u8], filter.as_bytes()].concat();
        save("lines", name, &head, text.as_bytes());
    }
    documents(&save);
    measurements(&save);
    sweeps(&save);
}

fn documents(save: Save<'_>) {
    save("documents", "scenario", &[0], SCENARIO.as_bytes());
    save("documents", "systems", &[1], (SCENARIO.to_owned() + SYSTEMS).as_bytes());
    save("documents", "set", &[2], (SCENARIO.to_owned() + "\0policy.batch=4\0name=x y").as_bytes());
    save("documents", "schedule", &[4], SCHEDULE.as_bytes());
    save("documents", "profile", &[5], PROFILE.as_bytes());
    save("documents", "book", &[6], BOOK.as_bytes());
    save("documents", "instance", &[7], INSTANCE.as_bytes());
}

fn measurements(save: Save<'_>) {
    save("logs", "text", &[1], LOG.as_bytes());
    save("logs", "fixed", &[0], LOG.as_bytes());
    save("logs", "json", &[1], JSON_LOG.as_bytes());
    save("logs", "insights", &[1], INSIGHTS.as_bytes());
    save("logs", "events", &[1], EVENTS.as_bytes());
    save("logs", "link", &[3], LINK.as_bytes());
    save("logs", "perf", &[7], PERF.as_bytes());
    save("logs", "tuning", &[3], TUNING.as_bytes());
    save("logs", "raw", &[4], RAW.as_bytes());
}

const RUN: &str = r#"{ "scenario": "s", "seed": 1, "memory_mb": 1024, "batch": 8, "timeout_s": 0.2, "requests": 100,
    "settings": { "workload": { "rate": 5 } }, "simulated": { "latency_s": { "mean": 0.3, "p95": 0.5 },
    "latency_ci95_s": { "mean": [0.2, 0.4], "p95": [0.4, 0.6] }, "cost_usd_per_million": 2.5,
    "slo_violation_share": 0.04 }, "predicted": { "model": "exact", "latency_s": { "p95": 0.51 } } }"#;

/// As they were written, and as rows that the target signs.
fn sweeps(save: Save<'_>) {
    let rows = [row(1, 0.5), row(2, 0.25), row(3, 0.125)];
    let whole = table::whole(&part(), &rows);
    save("journal", "whole", &[0], whole.as_bytes());
    save("journal", "cut", &[0], &whole.as_bytes()[..whole.len() - 90]);
    let lines = table::lines(&part(), &rows);
    save("journal", "lines", &[1], lines.as_bytes());
    save("journal", "spliced", &[1], format!("{}{lines}", &lines[..50]).as_bytes());
    let unsigned = |line: &str| line.rsplit_once(',').map_or(String::new(), |(row, _)| format!("{row}\n"));
    let unsigned: String = lines.lines().map(unsigned).collect();
    save("journal", "signed", &[2], unsigned.as_bytes());

    let second = table::whole(&Part { shard: 2, rows: 1, ..part() }, &[row(4, 0.2)]);
    save("merge", "whole", &[128], format!("{whole}\0{second}").as_bytes());
    save("merge", "missing", &[128], whole.as_bytes());
    let other = unsigned.replace("1024,", "2048,");
    save("merge", "signed", &[2 + 4 + 8], format!("{unsigned}\0{other}").as_bytes());
    save("merge", "twice", &[2 + 4 + 8], format!("{unsigned}\0{unsigned}").as_bytes());

    let (all, _) = table::csv(&rows, 95.0);
    let (fewer, _) = table::csv(&rows[1..], 99.0);
    save("diff", "runs", &[0], format!("{RUN}\0{}", RUN.replace("0.5", "0.7")).as_bytes());
    save("diff", "sweeps", &[1], format!("{all}\0{fewer}").as_bytes());
    let plan = r#"{ "recommended": { "memory_mb": 1, "batch": 1, "timeout_s": 0.0, "predicted_percentile_s": 0.1,
        "predicted": { "cost_usd_per_million": 1.0 } }, "slo": { "percentile": 95 } }"#;
    save("diff", "plan", &[2], plan.as_bytes());
    let compared = r#"{ "a": { "simulated": { "cost_usd_per_million": 1.0 } } }"#;
    save("diff", "compared", &[3], compared.as_bytes());
    save("diff", "fit", &[4], br#"{ "trace": { "rate": 2.5 }, "best": "map2" }"#);
    save("diff", "max-rate", &[5], br#"{ "rate_per_s": 12.5 }"#);
}
