//! The shapes of traces that are read without a word, or with one setting: each row of the table of docs/traces.md is
//! a file that is read here, and the table is what these rows make. `BLESS=1` writes it.

#[path = "common/streams.rs"]
mod streams;

use std::path::Path;

use batchsim::arrivals::Arrivals;
use batchsim::arrivals::trace::{Findings, Reading, TraceSpec};
use batchsim::document::Document;
use batchsim::error::InputError;
use batchsim::numeric::streams::Streams;
use batchsim::units::Time;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/traces.md");
const BEGIN: &str = "<!-- shapes: written by tests/trace_shapes.rs -->\n";
const END: &str = "<!-- end of shapes -->\n";

/// A file, what is set beside its name, and the arrivals that it holds.
struct Shape {
    name: &'static str,
    /// The line that the table shows.
    line: &'static str,
    /// Fields of [workload].
    set: &'static str,
    text: String,
    /// Milliseconds after the first arrival.
    arrivals: &'static [u64],
    /// What is read, for people.
    read: &'static str,
    /// What the notes must hold.
    notes: &'static [&'static str],
}

fn shape(name: &'static str, text: impl Into<String>, arrivals: &'static [u64], read: &'static str) -> Shape {
    Shape { name, line: "", set: "", text: text.into(), arrivals, read, notes: &[] }
}

impl Shape {
    fn set(self, set: &'static str) -> Shape {
        Shape { set, ..self }
    }

    fn line(self, line: &'static str) -> Shape {
        Shape { line, ..self }
    }

    fn notes(self, notes: &'static [&'static str]) -> Shape {
        Shape { notes, ..self }
    }

    fn row(&self) -> String {
        let shown = if self.line.is_empty() {
            let mut lines = self.text.lines().filter(|line| !line.trim().is_empty());
            let (first, second) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
            // A short header says little without a row.
            if first.len() < 16 { format!("{first} ⏎ {second}") } else { first.to_owned() }
        } else {
            self.line.to_owned()
        };
        let cut: String = shown.chars().take(72).collect::<String>().trim_end().to_owned();
        let more = if cut.len() < shown.len() { " ..." } else { "" };
        let line = format!("{cut}{more}").replace('|', "\\|").replace('\t', " → ");
        let set =
            if self.set.is_empty() { String::new() } else { format!("`{}`", self.set.replace('\n', "`, `")) };
        format!("| {} | `{line}` | {set} | {} |\n", self.name, self.read)
    }
}

fn read(folder: &Path, shape: &Shape) -> Result<(Vec<Time>, Reading), InputError> {
    std::fs::write(folder.join("trace"), &shape.text).unwrap();
    let scenario = format!("file = \"trace\"\n{}", shape.set);
    std::fs::write(folder.join("s.toml"), scenario).unwrap();
    let document = Document::read(&folder.join("s.toml"))?;
    let spec = TraceSpec::from_section(&document.root())?;
    let findings = Findings::default();
    let mut arrivals = spec.open_noted(Streams::new(1).stream("trace"), &findings)?;
    let all = streams::all(|block| arrivals.fill(block))?;
    drop(arrivals);
    Ok((all, findings.get().unwrap()))
}

const UA: &str = "\"-\" \"curl/8.5\"";

fn web_logs() -> Vec<Shape> {
    let common = |at: &str, path: &str, status: u16, rest: &str| {
        format!("10.0.0.7 - - [23/Nov/2026:00:00:0{at} +0000] \"POST {path} HTTP/1.1\" {status} 93{rest}\n")
    };
    let alb = |time: &str, created: &str, status: u16| {
        format!(
            "https 2026-11-23T00:00:{time}Z app/ml/50dc 10.0.0.7:601 10.0.1.9:80 0.001 0.150 0.049 {status} {status} 34 366 \
             \"POST https://ml.example.com:443/v1/embed?x=1 HTTP/1.1\" \"curl/8.5\" ECDHE TLSv1.2 arn:aws:tg \"Root=1-67\" \
             \"ml.example.com\" \"-\" 0 {created} \"forward\" \"-\" \"-\" \"10.0.1.9:80\" \"200\" \"-\" \"-\"\n"
        )
    };
    let created = |at: &str| format!("2026-11-23T00:00:{at}Z");
    vec![
        shape("common log", [common("1", "/a", 200, ""), common("3", "/b", 200, ""), common("7", "/a", 500, "")].concat(),
            &[0, 2000, 6000], "the date of each line"),
        shape("combined log, filtered", [common("1", "/a", 200, &format!(" {UA}")), common("3", "/b?q=1", 200, &format!(" {UA}")),
            common("4", "/b", 500, &format!(" {UA}")), common("7", "/b", 204, &format!(" {UA}"))].concat(), &[0, 4000],
            "the date of each line; lines that do not meet `where` are counted")
            .set("where = \"path = /b and status < 500\"").notes(&["2 lines that do not meet `path = /b and status < 500`"]),
        shape("nginx, date with milliseconds", [common("1.250", "/a", 200, ""), common("1.500", "/a", 200, "")].concat(),
            &[0, 250], "the date of each line"),
        shape("nginx with `$msec` and `$request_time`", "1795442136.500 10.0.0.7 \"POST /a HTTP/1.1\" 200 0.400 0.390\n\
            1795442136.600 10.0.0.7 \"POST /a HTTP/1.1\" 200 0.100 0.090\n1795442137.100 10.0.0.7 \"POST /a HTTP/1.1\" 200 1.050 1.0\n",
            &[0, 50, 450], "`$msec` less `$request_time`, sorted").notes(&["less the time that each request took", "1 of 3 records were earlier"]),
        shape("nginx with `rt=`", [common("1", "/a", 200, " rt=2.000"), common("4", "/a", 200, " rt=0.100")].concat(),
            &[0, 5000], "the date less the named time, in whole seconds as the date is").notes(&["less the time that each request took"]),
        shape("Apache with a name of the host first", "ml.example.com:443 10.0.0.7 - bob [23/Nov/2026:00:00:01 +0100] \"GET /a HTTP/2\" 200 5\n\
            ml.example.com:443 10.0.0.7 - bob [22/Nov/2026:23:00:03 +0000] \"GET /a HTTP/2\" 200 5\n", &[0, 2000], "the date, with its zone"),
        shape("Envoy", "[2026-11-23T00:00:00.513Z] \"POST /v1 HTTP/1.1\" 200 - 93 12 25 24 \"-\" \"curl\"\n\
            [2026-11-23T00:00:00.600Z] \"POST /v1 HTTP/1.1\" 200 - 93 12 25 24 \"-\" \"curl\"\n", &[0, 87], "the start time of each line"),
        shape("ALB", [alb("00.900000", &created("00.700000"), 200), alb("00.950000", &created("00.100000"), 200),
            alb("01.300000", &created("01.100000"), 503)].concat(), &[0, 600, 1000], "`request_creation_time`, sorted")
            .notes(&["request_creation_time", "1 of 3 records were earlier"]),
        shape("ALB without creation times", [alb("00.900000", "-", 200), alb("01.400000", "-", 200)].concat(), &[0, 500],
            "`time` less the three processing times"),
        shape("classic ELB", "2026-11-23T00:00:01.5Z lb 10.0.0.7:28 10.0.0.1:80 0.0001 0.001 0.0001 200 200 0 29 \"GET http://x:80/ HTTP/1.1\" \"curl\" - -\n\
            2026-11-23T00:00:02.0Z lb 10.0.0.7:28 10.0.0.1:80 0.0001 0.001 0.0001 200 200 0 29 \"GET http://x:80/ HTTP/1.1\" \"curl\" - -\n",
            &[0, 500], "`time`: when the request was received"),
        shape("CloudFront", "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs-uri-stem sc-status time-taken\n\
            2026-11-23\t00:00:05\tFRA56\t93\t10.0.0.7\tPOST\t/v1\t200\t3.120\n2026-11-23\t00:00:04\tFRA56\t93\t10.0.0.7\tPOST\t/v1\t200\t0.120\n",
            &[0, 2000], "date and time less `time-taken`, in whole seconds, sorted").line("#Fields: date time x-edge-location ...")
            .notes(&["less time-taken", "2 lines that begin with #"]),
        shape("IIS", "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time cs-method cs-uri-stem sc-status time-taken\n\
            2026-11-23 00:00:05 GET /a 200 3120\n2026-11-23 00:00:09 GET /a 200 120\n", &[0, 7000],
            "date and time less `time-taken` (milliseconds)").line("#Fields: date time cs-method ..."),
    ]
}

fn json() -> Vec<Shape> {
    vec![
        shape("JSON lines", "{\"ts\": \"2026-11-23T00:00:00.5Z\", \"status\": 200}\n{\"ts\": \"2026-11-23T00:00:00.75Z\", \"status\": 500}\n",
            &[0, 250], "the field that is a time by its name"),
        shape("JSON lines, a field within another", "{\"request\": {\"at\": 12.5, \"id\": 1}}\n{\"request\": {\"at\": 13, \"id\": 2}}\n",
            &[0, 500], "the field").set("column = \"request.at\""),
        shape("JSON lines among others", "starting\n{\"time\": 1.5, \"path\": \"/a\"}\n{\"level\": \"info\"}\n{\"time\": 2.5, \"path\": \"/b\"}\n{\"time\": 4,",
            &[0, 1000], "lines without the field, and lines that are no objects, are counted")
            .line("{\"time\": 1.5, \"path\": \"/a\"}").notes(&["2 lines that are no JSON object", "1 line that has no `time`"]),
        shape("a list of objects", "[\n  {\"timestamp\": 1795442136250,\n   \"n\": [1, {\"a\": \"}\"}]},\n  {\"timestamp\": 1795442136500, \"n\": []}\n]\n",
            &[0, 250], "each object; milliseconds by their magnitude").line("[ {\"timestamp\": 1795442136250, ...}, ...]").notes(&["milliseconds since 1970"]),
        shape("Mooncake", "{\"timestamp\": 100, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1]}\n\
            {\"timestamp\": 350, \"input_length\": 7322, \"output_length\": 490, \"hash_ids\": [0, 2]}\n", &[0, 250],
            "milliseconds").notes(&["those of Mooncake"]),
        shape("Caddy", "{\"level\":\"info\",\"ts\":1795442136.25,\"request\":{\"method\":\"GET\",\"uri\":\"/\"},\"status\":200}\n\
            {\"level\":\"info\",\"ts\":1795442136.75,\"request\":{\"method\":\"GET\",\"uri\":\"/x\"},\"status\":404}\n", &[0, 500],
            "seconds since 1970"),
        shape("JSON lines of many functions", "{\"t\": 1, \"function\": \"a\"}\n{\"t\": 2, \"function\": \"b\"}\n{\"t\": 4, \"function\": \"a\"}\n",
            &[0, 3000], "those of the function").set("function = \"a\"").notes(&["1 line that does not meet `function = a`"]),
    ]
}

fn tables() -> Vec<Shape> {
    vec![
        shape("one column", "12.5\n13\n14.25\n", &[0, 500, 1750], "seconds"),
        shape(
            "epoch milliseconds",
            "t\n1795442136250\n1795442136500\n",
            &[0, 250],
            "milliseconds, by their magnitude",
        )
        .notes(&["milliseconds since 1970"]),
        shape(
            "epoch microseconds",
            "t\n1795442136250000\n1795442136500000\n",
            &[0, 250],
            "microseconds, by their magnitude",
        )
        .notes(&["microseconds since 1970"]),
        shape(
            "epoch nanoseconds",
            "t\n1795442136250000000\n1795442136500000000\n",
            &[0, 250],
            "nanoseconds, by their magnitude",
        )
        .notes(&["nanoseconds since 1970"]),
        shape("a unit in the header", "id,Time [ms]\n1,700\n2,950\n", &[0, 250], "the unit of the name"),
        shape(
            "a header with @",
            "@timestamp,@message\n2026-11-23 00:00:01.500,\"a\nb\"\n2026-11-23 00:00:01.250,c\n",
            &[0, 250],
            "the date; fields in quotes may have line breaks; the newest may come first",
        )
        .notes(&["1 of 2 records were earlier"]),
        shape(
            "columns between blanks",
            "929840891 1194892620.250 http://example.org/wiki/A,_B -\n\
            929840892   1194892620.500 http://example.org/wiki/C -\n929840893 1194892621.250 http://example.org/wiki/D -\n",
            &[0, 250, 1000],
            "the column of seconds since 1970",
        ),
        shape("`;` and decimal commas", "zeit;wert;at\nx;1,5;0,250\ny;2,5;0,500\n", &[0, 250], "the column")
            .set("column = \"at\""),
        shape("tabs", "at\tpath\n1.5\t/a b\n1.75\t/c\n", &[0, 250], "the column").set("column = \"at\""),
        shape(
            "date and time apart",
            "date,time,what\n2026-11-23,23:59:59.5,a\n2026-11-24,00:00:00.25,b\n",
            &[0, 750],
            "both columns together",
        ),
        shape(
            "RFC 2822",
            "date\n\"Mon, 23 Nov 2026 00:00:00 +0100\"\n\"Sun, 22 Nov 2026 23:00:05 GMT\"\n",
            &[0, 5000],
            "the date, with its zone",
        ),
        shape(
            "a comma before the fraction",
            "2026-11-23 00:00:00;x\n2026-11-23 00:00:00,250;y\n",
            &[0, 250],
            "the date",
        )
        .set("column = \"1\""),
        shape(
            "Python's logging times",
            "asctime\n2026-11-23 00:00:00,250\n2026-11-23 00:00:01,500\n",
            &[0, 1250],
            "the date, with its milliseconds",
        ),
        shape("dates with `/`", "2026/11/23 00:00:01 a\n", &[0], "the date of a table of one column")
            .set("format = \"timestamps\"\ncolumn = \"1\"")
            .line("2026/11/23 00:00:01"),
        shape(
            "in no order",
            "t\n9\n1\n5\n2\n8\n3\n7\n4\n6\n0\n10\n11\n15\n14\n13\n12\n19\n18\n16\n17\n",
            &[
                0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000, 12000, 13000, 14000,
                15000, 16000, 17000, 18000, 19000,
            ],
            "sorted as a whole",
        )
        .set("sort = true"),
        shape("gaps", "interarrival_ms\n250\n500\n", &[0, 250, 750], "the times between arrivals"),
    ]
}

fn data_sets() -> Vec<Shape> {
    vec![
        shape("Azure LLM inference", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.2299600,3180,8\n",
            &[0, 250], "the date"),
        shape("BurstGPT", "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n\
            9,ChatGPT,1087,230,1317,Conversation log\n", &[0, 4000], "seconds"),
        shape("Alibaba microservices", ",traceid,timestamp,rpcid,um,rpctype,dm,interface,rt\n0,0b1,219678,0.1,a,mc,b,,0\n1,0b2,219600,0.1,a,mc,b,,0\n\
            2,0b3,219690,0.1,a,mc,b,,0\n", &[0, 78, 90], "milliseconds, sorted").notes(&["those of Alibaba", "1 of 3 records were earlier"]),
        shape("Azure Functions 2021", "app,func,end_timestamp,duration\na,f,9,1\na,g,8,4\nb,f,2,3\n", &[0, 9000],
            "end less duration, sorted as a whole; of one function or app, if asked").set("function = \"f\"").notes(&["1 line that does not meet `func = f`"]),
        shape("Huawei 2025 requests", "time_worker,time_frontend,requestID,clusterName,funcName,podID\n5.2,5.1,a,1,296,p\n5.3,5.25,b,1,7,p\n6.2,6.1,c,1,296,p\n",
            &[0, 1000], "`time_frontend`, of one function if asked").set("function = \"296\""),
    ]
}

fn all_lines() -> Vec<Shape> {
    [tables(), json(), web_logs(), data_sets()].into_iter().flatten().collect()
}

/// Shapes of counts: (name, line, set, text, counts by bin, bin [ms], read).
type Counted = (&'static str, &'static str, &'static str, &'static str, &'static [u64], u64);

fn counted() -> Vec<Counted> {
    vec![
        ("counts, a bin a line", "3", "bin = \"1s\"\nformat = \"counts\"", "3\n0\n2\n", &[3, 0, 2], 1000),
        (
            "counts by date",
            "period,count",
            "",
            "period,count\n2026-11-23 00:00:00,2\n2026-11-23 00:01:00,1\n2026-11-23 00:03:00,1\n",
            &[2, 1, 0, 1],
            60_000,
        ),
        (
            "OpenDC serverless",
            "Timestamp [ms],Invocations,Avg Exec time per Invocation,...",
            "",
            "Timestamp [ms],Invocations,Avg Exec time per Invocation\n0,2,100\n60000,0,100\n120000,3,100\n",
            &[2, 0, 3],
            60_000,
        ),
        (
            "Huawei 2023",
            "day,time,0,1,2",
            "function = \"1\"",
            "day,time,0,1,2\n0,0,5,2,\n0,60,5,,1\n0,120,5,1,1\n",
            &[2, 0, 1],
            60_000,
        ),
        (
            "Azure Functions 2019",
            "HashOwner,HashApp,HashFunction,Trigger,1,2,3",
            "function = \"f1\"",
            "HashOwner,HashApp,HashFunction,Trigger,1,2,3\no,a,f1,http,1,0,2\no,a,f2,timer,0,4,0\n",
            &[1, 0, 2],
            60_000,
        ),
    ]
}

#[test]
fn every_shape_is_read_as_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    for shape in all_lines() {
        let (all, reading) = read(folder.path(), &shape).unwrap_or_else(|e| panic!("{}: {e}", shape.name));
        let millis: Vec<u64> = all.iter().map(|time| time.0 / 1_000_000).collect();
        assert_eq!(millis, shape.arrivals, "{}", shape.name);
        let notes = reading.notes().join(" ");
        for part in shape.notes {
            assert!(notes.contains(part), "{}: `{part}` is not in: {notes}", shape.name);
        }
        let left: u64 =
            reading.left_out.iter().filter(|left| !left.reason.contains('#')).map(|left| left.lines).sum();
        assert_eq!(
            reading.records,
            all.len() as u64 + left - u64::from(reading.format == "interarrivals"),
            "{}",
            shape.name
        );
    }
    for (name, _, set, text, counts, bin) in counted() {
        let shape = shape(name, text, &[], "").set(set);
        let (all, _) = read(folder.path(), &shape).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut found = vec![0; counts.len()];
        all.iter().for_each(|time| found[(time.0 / 1_000_000 / bin) as usize] += 1);
        assert_eq!(found, counts, "{name}");
    }
}

#[test]
fn the_table_of_the_docs_is_that_of_these_rows() {
    let mut table = String::from("| shape | a line of it | set | what is read |\n|---|---|---|---|\n");
    all_lines().iter().for_each(|shape| table += &shape.row());
    for (name, line, set, ..) in counted() {
        table += &shape(name, "", &[], "counts, spread evenly within their bin").line(line).set(set).row();
    }
    let docs = std::fs::read_to_string(DOCS).unwrap();
    let (head, rest) = docs.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let fresh = format!("{head}{BEGIN}{table}{END}{tail}");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(DOCS, &fresh).unwrap();
    }
    assert!(
        docs == fresh || std::env::var_os("BLESS").is_some(),
        "docs/traces.md is out of date: run with BLESS=1"
    );
}

/// The text, what is set, and what the message must hold.
type Mistake = (&'static str, &'static str, &'static [&'static str]);

#[test]
fn mistakes_are_named_with_their_mend() {
    let log = "10.0.0.7 - - [23/Nov/2026:00:00:01 +0000] \"GET /a HTTP/1.1\" 200 93\n";
    let mistakes: &[Mistake] = &[
        (log, "where = \"statsu < 500\"", &["has no field `statsu`", "did you mean `status`?"]),
        (
            log,
            "where = \"status < 100\"",
            &["has no record that can be used: of 1, 1 do not meet `status < 100`"],
        ),
        (log, "where = \"status\"", &["`where`: `status` is no condition such as"]),
        (log, "where = \"status = 1 or status = 2\"", &["joined by `and` only"]),
        ("{\"ts\": 1}\n", "column = \"tss\"", &["has no field `tss`", "did you mean `ts`?"]),
        (
            "{\"a\": \"x\", \"b\": \"y\"}\n",
            "",
            &["without a field that is a time", "set `column` to one of: a, b"],
        ),
        ("t,status\n1,200\n", "where = \"stats = 200\"", &["has no field `stats`", "did you mean `status`?"]),
        ("t,status\n1,200\n2,x\nbad,200\n", "where = \"status = 200\"", &["trace:4: `bad` is no number"]),
        (
            "a,b\n1,2\n",
            "function = \"f\"\ncolumn = \"a\"",
            &["has no column of functions", "name it in `where`"],
        ),
        (
            "day,time,0,1\n0,0,1,2\n0,60,1,2\n",
            "",
            &["has a column for each function", "set `function` to one of: 0, 1"],
        ),
        ("x y z\n", "format = \"access-log\"", &["does not look like an access log"]),
        ("t\n1\n2\n", "stamps = \"exakt\"", &["did you mean `exact`?"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (text, set, parts) in mistakes {
        let shape = shape("mistake", *text, &[], "").set(set);
        let error = read(folder.path(), &shape).expect_err(set).to_string();
        for part in *parts {
            assert!(error.contains(part), "{set}: `{part}` is not in: {error}");
        }
    }
}
