//! What bad input gets: each row of the tables in docs/robustness.md, tried with the program itself.

#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = r#"seed = 3
[workload]
kind = "poisson"
rate = 50
requests = 500
[profile]
file = "profile.toml"
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
[policy]
kind = "batch"
batch = 8
timeout = "100ms"
[sweep]
memory_mb = [1024]
batch = [1, 8]
timeout = ["10ms", "20ms"]
"#;

const PROFILE: &str = "memory_mb = [1024, 3072]\nbatch = [1, 8]\nservice_s = [[0.2, 0.9], [0.1, 0.35]]\n";

const FUNCTIONS: &str = "[[system]]\nname = \"a\"\nkind = \"lambda\"\npolicy = { kind = \"unbatched\" }\n";

const REPORT: &str = "REPORT RequestId: 3f8e2a10-0000-4000-8000-00000000000a\tDuration: 812.50 ms\t\
    Billed Duration: 813 ms\tMemory Size: 1792 MB\tMax Memory Used: 401 MB\n";

/// One bad input: what it is, the file as (name, bytes), the command, its exit status, and parts of what it prints.
struct Case {
    what: &'static str,
    file: (&'static str, Vec<u8>),
    command: &'static str,
    status: i32,
    says: &'static [&'static str],
}

fn case(
    what: &'static str,
    name: &'static str,
    bytes: impl AsRef<[u8]>,
    command: &'static str,
    status: i32,
    says: &'static [&'static str],
) -> Case {
    Case { what, file: (name, bytes.as_ref().to_vec()), command, status, says }
}

/// Changes one line of the scenario.
fn scenario(from: &str, to: &str) -> String {
    assert!(SCENARIO.contains(from), "{from}");
    SCENARIO.replacen(from, to, 1)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn seconds(count: u32) -> String {
    (0..count).map(|i| format!("{i}.{:03}\n", (i * 7919) % 1000)).collect()
}

// A case a line.
#[rustfmt::skip]
fn traces() -> Vec<Case> {
    let packed = gzip(seconds(2000).as_bytes());
    let stamps = "sim trace info t.csv --format timestamps";
    vec![
        case("empty", "t.csv", "", "sim trace info t.csv", 1, &["t.csv: is empty"]),
        case("a header alone", "t.csv", "timestamp\n", "sim trace info t.csv", 1, &["t.csv: holds no arrivals"]),
        case("absent", "other.csv", "1\n", "sim trace info t.csv", 1, &["t.csv: No such file"]),
        case("a folder", "t.csv/x", "1\n", "sim trace info t.csv", 1, &["t.csv: is a folder", "name a trace file"]),
        case("no permission", "locked.csv", "1\n", "sim trace info locked.csv", 1, &["locked.csv: Permission denied"]),
        case("UTF-16", "t.csv", b"\xff\xfe1\0\n\0", "sim trace info t.csv", 1, &["t.csv: is UTF-16 text", "save it as UTF-8"]),
        case("bytes that are no UTF-8", "t.csv", b"timestamp\n1\n\xff\xfe\n2\n", "sim trace info t.csv", 1, &["t.csv:3:", "is no number", "expected a number such as 12.25"]),
        case("not sorted", "t.csv", "1\n3\n2\n", stamps, 0, &["1 of 3 records were earlier than the one before them; they are sorted"]),
        case("negative", "t.csv", "1\n-2\n", stamps, 1, &["t.csv:2: `-2` is negative"]),
        case("NaN", "t.csv", "1\nNaN\n", stamps, 1, &["t.csv:2: `NaN` is not finite"]),
        case("infinite", "t.csv", "1\ninf\n", stamps, 1, &["t.csv:2: `inf` is not finite"]),
        case("a huge number", "t.csv", "1\n1e30\n", stamps, 1, &["t.csv:2: `1e30` is beyond 292 years", "set `unit` to ms, us or ns"]),
        case("a word among numbers", "t.csv", "1\n2\nlast\n", stamps, 1, &["t.csv:3: `last` is no number"]),
        case("a row that is too short", "t.csv", "id,at\n1,2.5\n2\n", "sim trace info t.csv --column at", 1, &["t.csv:3: this row has 1 fields, but column `at` is number 2"]),
        case("a quote that never ends", "t.csv", "id,at\n1,2.5\n\"2,3\n", "sim trace info t.csv --column at", 1, &["t.csv:3: a quoted field does not end on its line"]),
        case("a column that is not there", "t.csv", "id,at\n1,2.5\n", "sim trace info t.csv --column time", 1, &["t.csv: has no column `time`", "set `column` to one of: id, at"]),
        case("times of one kind, then another", "t.csv", "2026-01-31 18:17:03\n5\n", stamps, 1, &["t.csv:2: `5` is no date-time", "the first line has a date-time, so all must"]),
        case("numbers that can be anything", "t.csv", "3\n1\n4\n", "sim trace info t.csv", 1, &["t.csv: does not show by itself which kind of trace it is", "set `format` to one of"]),
        case("several columns of numbers", "t.csv", "id,at\n1,2\n2,5\n", "sim trace info t.csv", 1, &["t.csv: does not show by itself which kind of trace it is", "set `column` to the times among id, at"]),
        case("a negative count", "t.csv", "count\n3\n-1\n", "sim trace info t.csv --bin 1s", 1, &["t.csv:3: `-1` is negative", "a count is a whole number"]),
        case("a count of more than one a nanosecond", "t.csv", "count\n3\n1700000000000\n", "sim trace info t.csv --bin 1s", 1, &["t.csv: bin 1 has 1700000000000 arrivals in 1 s", "is this a column of counts?"]),
        case("a period twice", "t.csv", "period,count\n0,3\n0,4\n", "sim trace info t.csv --bin 1s", 1, &["t.csv:3: period `0` does not come after the one before it", "sort the file by period"]),
        case("a line of 5 MB", "t.csv", "1".repeat(5 << 20), "sim trace info t.csv", 1, &["t.csv: line 1 is longer than 4194304 bytes", "is this a text file?"]),
        case("gzip, cut short", "t.csv.gz", &packed[..packed.len() / 2], "sim trace info t.csv.gz", 1, &["t.csv.gz: the compressed data ends in the middle", "copy or download it again"]),
        case("plain text called .gz", "t.csv.gz", "1\n2\n", "sim trace info t.csv.gz", 1, &["t.csv.gz: is no gzip file, although its name ends in .gz", "rename it"]),
        case("binary, cut short", "t.bin", b"BSIMTRC1aaaaaaaabbb", "sim trace info t.bin", 1, &["t.bin: arrival 2 (byte 16) has 3 of its 8 bytes", "the file is cut short"]),
        case("text called .bin", "t.bin", "1\n2\n", "sim trace info t.bin", 1, &["t.bin: is no binary trace", "a binary trace starts with BSIMTRC1"]),
        case("Parquet, cut short", "t.parquet", b"PAR1\x15\x04\x15", "sim trace info t.parquet", 1, &["t.parquet: is a Parquet file", "convert it to CSV"]),
        case("a window after the end", "t.csv", "timestamp\n1\n2\n3\n", "sim trace info t.csv --from 1h", 1, &["t.csv: ends at 3 s, before `from` = 1h", "choose an earlier `from`"]),
        case("CRLF line ends", "t.csv", "timestamp\r\n1\r\n2\r\n3\r\n", "sim trace info t.csv", 0, &["arrivals                 3"]),
        case("a byte-order mark", "t.csv", "\u{feff}timestamp\n1\n2\n3\n", "sim trace info t.csv", 0, &["arrivals                 3"]),
        case("the same time twice", "t.csv", "timestamp\n1\n1\n3\n", "sim trace info t.csv", 0, &["arrivals                 3"]),
        case("gzip called .csv", "t.csv", gzip(b"timestamp\n1\n2\n3\n"), "sim trace info t.csv", 0, &["arrivals                 3"]),
        case("no end of the last line", "t.csv", "timestamp\n1\n2\n3", "sim trace info t.csv", 0, &["arrivals                 3"]),
    ]
}

// A case a line.
#[rustfmt::skip]
fn scenarios() -> Vec<Case> {
    let run = "sim run s.toml";
    let sweep = "sim sweep s.toml";
    vec![
        case("empty", "s.toml", "", run, 1, &["s.toml:1: the top level lacks `workload`", "add a line"]),
        case("absent", "other.toml", "", run, 1, &["s.toml: No such file"]),
        case("a folder", "s.toml/x", "", run, 1, &["s.toml: is a folder"]),
        case("no permission", "locked.toml", SCENARIO, "sim run locked.toml", 1, &["locked.toml: Permission denied"]),
        case("bytes that are no UTF-8", "s.toml", b"seed = 3\nname = \"\xff\"\n", run, 1, &["s.toml: line 2 is not UTF-8", "save the file as UTF-8 text"]),
        case("larger than 64 MB", "s.toml", " ".repeat((64 << 20) + 1), run, 1, &["s.toml: is larger than 64 MB"]),
        case("cut short", "s.toml", "seed = 3\n[workload\n", run, 1, &["s.toml:2:"]),
        case("a field twice", "s.toml", scenario("rate = 50", "rate = 50\nrate = 60"), run, 1, &["s.toml:5: duplicate key"]),
        case("an unknown field", "s.toml", scenario("timeout =", "timout ="), run, 1, &["s.toml:", "`timout`", "`timeout`"]),
        case("a rate of zero", "s.toml", scenario("rate = 50", "rate = 0"), run, 1, &["s.toml:4: `workload.rate`: must be above 0, is 0"]),
        case("a negative rate", "s.toml", scenario("rate = 50", "rate = -5"), run, 1, &["s.toml:4: `workload.rate`: must be above 0, is -5"]),
        case("a rate that is no number", "s.toml", scenario("rate = 50", "rate = nan"), run, 1, &["s.toml:4: `workload.rate`: expected a finite number"]),
        case("a rate beyond the clock", "s.toml", scenario("rate = 50", "rate = 1e300"), run, 1, &["s.toml:4: `workload.rate`: has a phase with"]),
        case("a string for a number", "s.toml", scenario("rate = 50", "rate = \"50\""), run, 1, &["s.toml:4: `workload.rate`: expected a number, found a string"]),
        case("a number for a duration", "s.toml", scenario("\"100ms\"", "100"), run, 1, &["`policy.timeout`: expected a string in quotes, found a number", "such as \"200ms\""]),
        case("no end", "s.toml", scenario("requests = 500", ""), run, 1, &["[workload] has no end", "give `requests = 400000` or `duration = \"24h\"`"]),
        case("a duration beyond the clock", "s.toml", scenario("requests = 500", "duration = \"150000d\""), run, 1, &["s.toml:5: `workload.duration`: 3600000 h is beyond the 292 years that can be simulated"]),
        case("a batch of 4e9", "s.toml", scenario("batch = 8", "batch = 4000000000"), run, 1, &["`policy.batch`: must be 1 to 1024, is 4000000000"]),
        case("a batch that the profile lacks", "s.toml", scenario("batch = 8", "batch = 12"), run, 1, &["`policy.batch`: batch size 12 is outside the profile", "which covers 1 to 8", "take a batch size from 1 to 8, or measure 12 too"]),
        case("a memory size that the profile lacks", "s.toml", scenario("memory_mb = 1024", "memory_mb = 4096"), run, 1, &["s.toml:11: `platform.memory_mb`: memory 4096 is outside the profile", "which covers 1024 to 3072", "take a memory from 1024 to 3072, or measure 4096 too"]),
        case("a memory size that the platform lacks", "s.toml", scenario("memory_mb = 1024", "memory_mb = 64"), run, 1, &["s.toml:11: `platform.memory_mb`: aws-2026 offers 128 to 10,240 MB"]),
        case("1e18 repeats", "s.toml", scenario("kind = \"poisson\"\nrate = 50", "kind = \"trace\"\nfile = \"t.csv\"\nrepeat = 1000000000000000000"), run, 1, &["`workload.repeat`: 1000000000000000000 is out of range"]),
        case("1e9 replications", "s.toml", scenario("seed = 3", "replications = 1000000000"), run, 1, &["s.toml:1: `replications`: must be 1 to 1000, is 1000000000"]),
        case("replications of a trace", "s.toml", scenario("seed = 3", "replications = 2").replace("kind = \"poisson\"\nrate = 50", "kind = \"trace\"\nfile = \"t.csv\""), run, 1, &["s.toml:1: `replications`: has no meaning for a trace: each would be the same requests", "leave it out"]),
        case("a grid of 1e12 points", "s.toml", scenario("memory_mb = [1024]\nbatch = [1, 8]\ntimeout = [\"10ms\", \"20ms\"]", "memory_mb = { from = 128, to = 10127, step = 1 }\nbatch = { from = 1, to = 1000, step = 1 }\ntimeout = { from = \"1us\", to = \"20ms\", step = \"1us\" }"), sweep, 1, &["has 200000000000 configurations, more than 5000000", "choose larger steps"]),
        case("an axis of 1e11 points", "s.toml", scenario("timeout = [\"10ms\", \"20ms\"]", "timeout = { from = \"0s\", to = \"100s\", step = \"1ns\" }"), sweep, 1, &["`sweep.timeout`: has more than 20000 points", "choose a larger step"]),
        case("a batch of 4e9 in a grid", "s.toml", scenario("batch = [1, 8]", "batch = [1, 4000000000]"), sweep, 1, &["`sweep.batch`: a batch is 1 to 1024"]),
        case("a trace that is not there", "s.toml", scenario("kind = \"poisson\"\nrate = 50", "kind = \"trace\"\nfile = \"none.csv\""), run, 1, &["none.csv: No such file"]),
        case("no grid", "s.toml", SCENARIO.split("[sweep]").next().unwrap(), sweep, 1, &["the scenario has no [sweep]", "add [sweep]"]),
        case("a text without quotes", "s.toml", scenario("\"poisson\"", "poisson"), run, 1, &["s.toml:3:", "write kind = \"poisson\": a text is in quotes"]),
        case("a duration without quotes", "s.toml", scenario("\"100ms\"", "100ms"), run, 1, &["s.toml:15:", "write timeout = \"100ms\": a text is in quotes"]),
        case("a Windows path", "s.toml", scenario("\"profile.toml\"", r#""C:\data\m.toml""#), run, 1, &["s.toml:7:", r#"`\` begins an escape in double quotes: write file = "C:/data/m.toml" or file = 'C:\data\m.toml'"#]),
        case("a Windows path of valid escapes", "s.toml", scenario("\"profile.toml\"", r#""C:\temp\new.toml""#), run, 1, &["s.toml:7: `profile.file`: is a path with a control character", "write `/`, or use 'single quotes'"]),
        case("an ONNX model as a profile", "s.toml", scenario("profile.toml", "m.onnx"), run, 1, &["m.onnx: is an ONNX model", "run `sim profile m.onnx` on it first, and give the profile that it writes"]),
        case("a duration as a number", "s.toml", scenario("[sweep]", "[slo]\nlatency = 0.5\n[sweep]"), run, 1, &["s.toml:17: `slo.latency`: expected a string in quotes, found a number", "did you mean \"0.5s\"?"]),
        case("a percentile as a share", "s.toml", scenario("[sweep]", "[slo]\nlatency = \"1s\"\npercentile = 0.99\n[sweep]"), run, 1, &["s.toml:18: `slo.percentile`: is in percent", "did you mean 99?"]),
        case("a share in percent", "s.toml", scenario("[sweep]", "[slo]\nlatency = \"1s\"\nmax_violations = 5\n[sweep]"), run, 1, &["s.toml:18: `slo.max_violations`: is a share of requests below 1, not 5", "did you mean 0.05?"]),
        case("two systems of one name", "s.toml", format!("{SCENARIO}{FUNCTIONS}{FUNCTIONS}"), "sim compare s.toml", 1, &["s.toml:25: `system[1].name`: two systems are called `a`", "give each a name of its own"]),
        case("a value to remove that is not there", "s.toml", SCENARIO, "sim run s.toml --set policy.window=", 1, &["--set: there is no `policy.window` to remove"]),
        case("a blank in a duration", "s.toml", scenario("\"100ms\"", "\"100 ms\""), run, 0, &["within 100 ms"]),
        case("arrivals at one instant", "t.csv", "timestamp\n5\n5\n5\n", "sim run s.toml --set workload.kind=trace --set workload.rate= --set workload.file=t.csv --set workload.format=timestamps", 0, &["Not predicted: no process can be fitted to a trace whose arrivals are too few, or all at one instant"]),
        case("a column of one time", "t.csv", "id,at\n7,1\n7,2\n7,3\n", "sim trace info t.csv --column id", 0, &["All arrivals are at one instant", "is this the column of their times?"]),
        case("CRLF line ends", "s.toml", SCENARIO.replace('\n', "\r\n"), run, 0, &["500 requests"]),
        case("a byte-order mark", "s.toml", format!("\u{feff}{SCENARIO}"), run, 0, &["500 requests"]),
    ]
}

/// Fields of the platform.
fn platform(fields: &str) -> String {
    scenario("memory_mb = 1024\n", &format!("memory_mb = 1024\n{fields}\n"))
}

// A case a line.
#[rustfmt::skip]
fn settings() -> Vec<Case> {
    let run = "sim run s.toml";
    let compare = "sim compare s.toml";
    let inline = "memory_mb = [1024]\nbatch = [1, 8]\nservice_s = [[0.2, 0.9]]\ninit_s = 2.0";
    let instance = "profile = { batch = [1, 8], service_s = [0.1, 0.4] }";
    let hybrid = |rest: &str| format!("{SCENARIO}[[system]]\nname = \"h\"\nkind = \"hybrid\"\ninstance = \"sagemaker-ml.c5.xlarge\"\n{rest}\n");
    const WARM: &str = "cannot act: environments are always warm, and always enough (cold_starts = false, the default)";
    const MEND: &str = "add cold_starts = true to [platform], or remove the field";
    let slow = PROFILE.replacen("0.9", "1200", 1);
    vec![
        case("`keep_alive` without cold starts", "s.toml", platform("keep_alive = \"5min\""), run, 1, &["s.toml:12: `platform.keep_alive`:", WARM, MEND]),
        case("`reuse` without cold starts", "s.toml", platform("reuse = \"random\""), run, 1, &["s.toml:12: `platform.reuse`:", WARM, MEND]),
        case("`concurrency` without cold starts", "s.toml", platform("concurrency = 100"), run, 1, &["s.toml:12: `platform.concurrency`:", WARM, MEND]),
        case("`scaling_per_10s` without cold starts", "s.toml", platform("scaling_per_10s = 10"), run, 1, &["s.toml:12: `platform.scaling_per_10s`:", WARM, MEND]),
        case("`runtime_init` without cold starts", "s.toml", platform("runtime_init = \"1s\""), run, 1, &["s.toml:12: `platform.runtime_init`:", WARM, MEND]),
        case("`retry` without cold starts", "s.toml", platform("retry = { attempts = 1 }"), run, 1, &["s.toml:12: `platform.retry`:", WARM, MEND]),
        case("`provisioned` without cold starts", "s.toml", platform("provisioned = 2"), run, 1, &["s.toml:12: `platform.provisioned`: needs cold_starts = true"]),
        case("`init_s` in the scenario without cold starts", "s.toml", scenario("file = \"profile.toml\"", inline), run, 1, &["s.toml:10: `profile.init_s`: cannot act: environments are always warm", "add cold_starts = true to [platform], or remove it"]),
        case("a field beside the profile's file", "s.toml", scenario("[platform]", "init_s = 2.0\n[platform]"), run, 1, &["s.toml:8: `profile.init_s`: cannot act: `file` gives the whole profile", "change it there"]),
        case("`batch` without batching", "s.toml", scenario("\"batch\"", "\"unbatched\""), run, 1, &["s.toml:14: `policy.batch`: cannot act: kind = \"unbatched\" takes no batch and no timeout", "remove it, or choose kind = \"batch\""]),
        case("`window` of a policy that does not adapt", "s.toml", scenario("[sweep]", "window = \"1h\"\n[sweep]"), run, 1, &["s.toml:16: `policy.window`: cannot act: only kind = \"adaptive\" plans anew"]),
        case("a field of another kind of arrivals", "s.toml", scenario("\"poisson\"", "\"mmpp\""), run, 1, &["s.toml:4: `workload.rate`: cannot act: it belongs to kind = \"poisson\", not to \"mmpp\""]),
        case("a file for a process", "s.toml", scenario("rate = 50", "rate = 50\nfile = \"t.csv\""), run, 1, &["s.toml:5: `workload.file`: cannot act: kind = \"poisson\" reads no file"]),
        case("more provisioned than may be busy", "s.toml", platform("cold_starts = true\nconcurrency = 4\nprovisioned = 5"), run, 1, &["s.toml:14: `platform.provisioned`: 5 environments are kept ready, but only 4 may be busy at once"]),
        case("a grid that the platform does not offer", "s.toml", scenario("memory_mb = [1024]", "memory_mb = [1024, 1100]"), "sim sweep s.toml --set platform.book=aws-2020", 1, &["[sweep] memory_mb: aws-2020 offers 128 to 3,008 MB in steps of 64, not 1100", "choose sizes on offer"]),
        case("tiers of a book with one price", "s.toml", platform("tiered_prices = true"), "sim run s.toml --set platform.book=aws-2020", 1, &["s.toml:12: `platform.tiered_prices`: cannot act: aws-2020 has one price for all usage"]),
        case("a warm-up as long as the run", "s.toml", scenario("seed = 3", "warmup = \"10s\""), "sim run s.toml --set workload.duration=10s", 1, &["s.toml:1: `warmup`: 10 s is not shorter than the run of 10 s"]),
        case("a memory size for a planned system", "s.toml", format!("{SCENARIO}{FUNCTIONS}memory_mb = 1024\n").replace("\"unbatched\"", "\"planned\""), compare, 1, &["s.toml:24: `system[0].memory_mb`: cannot act: a planned system chooses its memory size from [sweep]"]),
        case("batches at a hybrid's instances", "s.toml", hybrid(instance), compare, 1, &["s.toml:24: `system[0].profile`: has batches that cannot act", "batch = [1]"]),
        case("a launch that never comes", "s.toml", hybrid("launch = \"4min\"\nprofile = { batch = [1], service_s = [0.1] }"), compare, 1, &["s.toml:24: `system[0].launch`: cannot act", "remove it, or add `spot`"]),
        case("a call beyond the book's longest run", "profile.toml", slow, run, 1, &["model at 1,024 MB takes 1028.6 s for a batch of 7, but aws-2026 ends a call after 15 min", "take more memory or a smaller batch"]),
        case("`init_s` in a profile's file without cold starts", "profile.toml", format!("{PROFILE}init_s = 2.0\n"), run, 0, &["always warm (cold_starts = false): the profile's init_s is not used"]),
        case("a timeout for batches of 1", "s.toml", scenario("batch = 8", "batch = 1"), run, 0, &["A batch of 1 leaves at once: the timeout of 100 ms never runs out"]),
        case("segments shorter than the timeout", "c.toml", "[[segment]]\nduration = \"50ms\"\nkind = \"poisson\"\nrate = 50\n", "sim run s.toml --set workload.kind=schedule --set workload.rate= --set workload.file=c.toml", 0, &["Caution: 1 of the schedule's 1 segments are shorter than the timeout of 100 ms"]),
        case("another policy by `--set`", "s.toml", SCENARIO, "sim run s.toml --set policy.kind=unbatched", 0, &["at 1,024 MB, unbatched"]),
        case("no cold starts by `--set`", "s.toml", platform("cold_starts = true\nconcurrency = 1\nprovisioned = 1"), "sim run s.toml --set platform.cold_starts=false", 0, &["Environments are always warm"]),
    ]
}

// A case a line.
#[rustfmt::skip]
fn profiles() -> Vec<Case> {
    let run = "sim run s.toml";
    let with = |from: &str, to: &str| {
        assert!(PROFILE.contains(from), "{from}");
        PROFILE.replacen(from, to, 1)
    };
    vec![
        case("empty", "profile.toml", "", run, 1, &["profile.toml:1: the top level lacks `memory_mb`"]),
        case("a time of zero", "profile.toml", with("0.9", "0"), run, 1, &["profile.toml:3: `service_s`: service times must be above 0 s and at most 1e6 s, one is 0"]),
        case("a negative time", "profile.toml", with("0.9", "-0.9"), run, 1, &["profile.toml:3: `service_s`: service times must be above 0 s", "one is -0.9"]),
        case("a time that is no number", "profile.toml", with("0.9", "nan"), run, 1, &["profile.toml:3: `service_s[0][1]`: expected a finite number"]),
        case("a huge time", "profile.toml", with("0.9", "1e300"), run, 1, &["profile.toml:3: `service_s`", "at most 1e6 s"]),
        case("a row that is too short", "profile.toml", with("0.2, 0.9", "0.2"), run, 1, &["profile.toml:3: `service_s`: expected rows of equal length"]),
        case("a row too few", "profile.toml", with(", [0.1, 0.35]", ""), run, 1, &["profile.toml:3: `service_s`: is 1 rows of 2 columns", "expected 2 rows (memory_mb) of 2 columns (batch)"]),
        case("not sorted", "profile.toml", with("[1, 8]", "[8, 1]"), run, 1, &["profile.toml:2: `batch`: expected whole numbers above 0 in ascending order"]),
        case("a size twice", "profile.toml", with("[1, 8]", "[8, 8]"), run, 1, &["profile.toml:2: `batch`: expected whole numbers above 0 in ascending order"]),
        case("a batch of 4e9", "profile.toml", with("[1, 8]", "[1, 4000000000]"), run, 1, &["profile.toml:2: `batch`: batches are of at most 1024 requests, one is 4000000000"]),
        case("an unknown field", "profile.toml", with("service_s", "service_ms"), run, 1, &["profile.toml:", "lacks `service_s`", "did you write `service_ms` for `service_s`?"]),
        case("a book without its prices", "book.toml", "name = \"b\"\ndate = 2026-01-01\n", "sim run s.toml --set platform.book='book.toml'", 1, &["book.toml:", "lacks `lambda`"]),
        case("CRLF line ends", "profile.toml", PROFILE.replace('\n', "\r\n"), run, 0, &["500 requests"]),
    ]
}

// A case a line.
#[rustfmt::skip]
fn logs() -> Vec<Case> {
    let lambda = "sim import lambda-logs l.log --batch 1";
    let tuning = "sim import power-tuning t.json";
    let csv = "sim import csv m.csv";
    let packed = gzip(REPORT.repeat(500).as_bytes());
    vec![
        case("an empty log", "l.log", "", lambda, 1, &["l.log: holds no usable measurement", "expected Lambda REPORT lines"]),
        case("an absent log", "x.log", "", lambda, 1, &["l.log: No such file"]),
        case("a folder", "l.log/x", "", lambda, 1, &["l.log: is a folder"]),
        case("no permission", "locked.log", REPORT, "sim import lambda-logs locked.log --batch 1", 1, &["locked.log: Permission denied"]),
        case("a REPORT line that is cut short", "l.log", &REPORT[..60], lambda, 1, &["l.log: holds no usable measurement (0 records used, 1 skipped: 1 with a field missing)"]),
        case("a negative duration", "l.log", REPORT.replace("812.50", "-812.50"), lambda, 1, &["1 with an impossible time or memory size"]),
        case("a duration that is no number", "l.log", REPORT.replace("812.50", "NaN"), lambda, 1, &["1 with an impossible time or memory size"]),
        case("no batch size in the log", "l.log", REPORT, "sim import lambda-logs l.log", 1, &["1 without a batch size", "--batch N"]),
        case("gzip, cut short", "l.log", &packed[..packed.len() / 2], lambda, 1, &["l.log: ", "the gzip file seems cut short"]),
        case("a log with bytes that are no UTF-8", "l.log", [b"\xff\xfe\n", REPORT.as_bytes()].concat(), lambda, 0, &["1 records used, 0 skipped"]),
        case("a log with CRLF line ends", "l.log", REPORT.replace('\n', "\r\n"), lambda, 0, &["1 records used, 0 skipped"]),
        case("Power Tuning: no JSON", "t.json", "{\"power\": 512,\n\"duration\"", tuning, 1, &["t.json:2: is no JSON", "save the execution's output as it is"]),
        case("Power Tuning: other JSON", "t.json", "{\"other\": 1}", tuning, 1, &["t.json: is no result of AWS Lambda Power Tuning", "expected {"]),
        case("Power Tuning: a negative duration", "t.json", "{\"power\": 512, \"duration\": -4}", tuning, 1, &["1 without a memory size and a duration above 0"]),
        case("CSV: a column is missing", "m.csv", "memory,batch,service_s\n512,1,0.2\n", csv, 1, &["m.csv:1: the header lacks `memory_mb`"]),
        case("CSV: a negative time", "m.csv", "memory_mb,batch,service_s\n512,1,-0.2\n", csv, 1, &["m.csv:2: `service_s` is `-0.2`", "expected seconds above 0"]),
        case("CSV: a time that is no number", "m.csv", "memory_mb,batch,service_s\n512,1,nan\n", csv, 1, &["m.csv:2: `service_s` is `nan`"]),
        case("CSV: a row that is too short", "m.csv", "memory_mb,batch,service_s\n512,1\n", csv, 1, &["m.csv:2: this row has 2 fields, the header 3", "mend the row"]),
        case("CSV: a batch of 4e9", "m.csv", "memory_mb,batch,service_s\n512,4000000000,0.2\n", csv, 1, &["m.csv:2: `batch` is `4000000000`", "1 to 1024"]),
        case("CSV with CRLF and a byte-order mark", "m.csv", "\u{feff}memory_mb,batch,service_s\r\n512,1,0.2\r\n", csv, 0, &["1 records used, 0 skipped"]),
        case("a shard that is none", "p.csv", "memory_mb,batch\n", "sim merge p.csv", 1, &["p.csv: is no part of a sweep", "written by `sim sweep`"]),
    ]
}

/// The sections of the document with their cases.
fn sections() -> [(&'static str, Vec<Case>); 5] {
    [
        ("Traces", traces()),
        ("Scenarios", scenarios()),
        ("Settings that cannot act", settings()),
        ("Profiles and price books", profiles()),
        ("Logs, measurements, parts of a sweep", logs()),
    ]
}

fn row(case: &Case) -> String {
    let code = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        format!("`` {} ``", words.join(" "))
    };
    let says: Vec<String> = case.says.iter().map(|part| code(part)).collect();
    format!("| {} | `{}` | {} | {} |", case.what, case.command, case.status, says.join(" … "))
}

/// Root may read anything, so the program runs as somebody else then; `None` if that cannot be.
fn as_nobody(mut command: Command, folder: &Path) -> Option<Output> {
    const NOBODY: u32 = 65_534;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    if fs::metadata(folder).unwrap().uid() == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().ok()
}

fn fails(case: &Case) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.toml"), SCENARIO).unwrap();
    fs::write(folder.path().join("profile.toml"), PROFILE).unwrap();
    fs::write(folder.path().join("t.csv"), "timestamp\n1\n2\n").unwrap();
    for name in ["s.toml", "t.csv"] {
        if !case.what.starts_with("1e18") && (case.file.0.starts_with(name) || case.what.contains("absent")) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
    let path = folder.path().join(case.file.0);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &case.file.1).unwrap();
    let words = case.command.replace('\'', "");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.current_dir(folder.path()).args(words.split(' ').skip(1));
    let output = match case.what {
        "no permission" => {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
            let Some(output) = as_nobody(command, folder.path()) else {
                eprintln!("`{}` is not tried: nobody cannot run the program", case.command);
                return None;
            };
            output
        }
        _ => command.output().unwrap(),
    };
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let mut rest = text.as_str();
    let all = case.says.iter().all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    });
    let right = output.status.code() == Some(case.status) && all && !text.contains("panicked");
    (!right).then(|| format!("{}: {:?}, {}\n{text}", case.what, output.status.code(), row(case)))
}

#[test]
fn bad_input_gets_what_the_document_says() {
    let failed: Vec<String> =
        sections().iter().flat_map(|(_, cases)| cases.iter().filter_map(fails)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n---\n"));
}

#[test]
fn the_document_has_these_rows_and_no_others() {
    let root = env!("CARGO_MANIFEST_DIR");
    let document = fs::read_to_string(format!("{root}/docs/robustness.md")).unwrap();
    let table = |(title, cases): (&str, Vec<Case>)| {
        let rows: String = cases.iter().map(|case| row(case) + "\n").collect();
        format!("### {title}\n| input | command | exit | message |\n|---|---|---|---|\n{rows}\n")
    };
    let lacks: String = sections().into_iter().map(table).filter(|table| !document.contains(table)).collect();
    assert!(lacks.is_empty(), "docs/robustness.md should have:\n{lacks}");
}
