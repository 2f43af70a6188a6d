//! What each record of a log is: a report, a start, a line of the function's own.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::super::SECONDS;
use super::super::container::{Fields, Origin, Record, instant, is_stream, leading_number};
use super::BatchSize;

/// The events of a log that matter, in its order, and a count of all others.
#[derive(Default)]
pub(super) struct Reader {
    field: Option<String>,
    pub events: Vec<Event>,
    pub skipped: BTreeMap<String, usize>,
    pub others: BTreeMap<&'static str, usize>,
    pub first_other: Option<String>,
    streams: BTreeMap<Rc<str>, u32>,
    /// Where the file began in `events`, and the lane of its lines without a stream.
    from: usize,
    files: u32,
    /// What had been taken before the file.
    taken: usize,
}

/// What happened, when, and in which lane: a log stream, or the lines of a file that name none.
pub(super) struct Event {
    pub at: Option<i64>,
    pub stream: Option<u32>,
    pub lane: (u32, u32),
    pub what: What,
}

pub(super) enum What {
    Start(String),
    End(String),
    Report(Report),
    /// The platform says that the request failed.
    Failed(String, String),
    Own(Own),
}

pub(super) struct Report {
    pub id: String,
    pub memory_mb: Option<u32>,
    pub duration_ms: f64,
    pub init_ms: Option<f64>,
    pub batch: Option<u32>,
    pub status: Status,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Status {
    Success,
    Unknown,
    Failed(String),
}

/// A line that the function or its runtime wrote.
#[derive(Default)]
pub(super) struct Own {
    /// Ids where runtimes and loggers put the request's own, the likeliest first.
    pub leads: Vec<String>,
    /// All ids of the line.
    pub ids: Vec<String>,
    pub batch: Option<u32>,
    pub failure: Option<String>,
}

const WITHOUT_FIELDS: &str = "with a field missing";
const IMPOSSIBLE: &str = "with an impossible time or memory size";

impl Reader {
    pub fn new(batch: &BatchSize) -> Reader {
        let field = match batch {
            BatchSize::Fixed(_) => None,
            BatchSize::Field(name) => Some(name.clone()),
        };
        Reader { field, ..Reader::default() }
    }

    /// Takes a record.
    pub fn record(&mut self, origin: &Origin, record: Record<'_>) {
        match record {
            Record::Line(line) => self.line(origin, line),
            Record::Json(value) => self.json(origin, value),
            Record::Row(fields) => self.row(origin, &fields),
            Record::Frame => self.other("header or rule of a table"),
        }
    }

    /// A query's result comes with the last call first: it is turned round.
    pub fn end_of_file(&mut self) {
        let taken =
            self.events.len() + self.others.values().sum::<usize>() + self.skipped.values().sum::<usize>();
        if taken == self.taken {
            self.other("file without a record");
        }
        self.taken = taken;
        let events = &mut self.events[self.from..];
        let times = || events.iter().filter_map(|event| event.at);
        if times().zip(times().skip(1)).all(|(a, b)| a >= b) && times().min() < times().max() {
            events.reverse();
        }
        self.from = self.events.len();
        self.files += 1;
    }

    fn push(&mut self, origin: &Origin, what: What) {
        let fresh = self.streams.len() as u32;
        let stream = origin.stream.as_ref().map(|name| *self.streams.entry(name.clone()).or_insert(fresh));
        let lane = stream.map_or((1, self.files), |stream| (0, stream));
        self.events.push(Event { at: origin.at, stream, lane, what });
    }

    fn other(&mut self, what: &'static str) {
        *self.others.entry(what).or_default() += 1;
    }

    fn report(&mut self, origin: &Origin, report: Option<Result<Report, &'static str>>) {
        match report {
            Some(Ok(report)) => self.push(origin, What::Report(report)),
            Some(Err(reason)) => *self.skipped.entry(reason.into()).or_default() += 1,
            None => *self.skipped.entry(WITHOUT_FIELDS.into()).or_default() += 1,
        }
    }

    fn line(&mut self, origin: &Origin, line: &str) {
        let start = |mark: &str| line.find(mark).map(|at| &line[at + mark.len()..]);
        if let Some(rest) = start("REPORT RequestId:") {
            return self.report(origin, report_of_text(rest));
        }
        if let Some(rest) = start("START RequestId:") {
            self.other("START");
            return first_word(rest).into_iter().for_each(|id| self.push(origin, What::Start(id)));
        }
        if let Some(rest) = start("END RequestId:") {
            self.other("END");
            return first_word(rest).into_iter().for_each(|id| self.push(origin, What::End(id)));
        }
        if line.trim().is_empty() {
            return self.other("blank");
        }
        const PLATFORM: [&str; 8] = [
            "INIT_START",
            "INIT_REPORT",
            "RESTORE_START",
            "RESTORE_REPORT",
            "XRAY TraceId",
            "EXTENSION\t",
            "LOGS\t",
            "TELEMETRY\t",
        ];
        let text = after_prefix(line);
        if PLATFORM.iter().any(|mark| text.starts_with(mark)) {
            return self.other("other line of the platform");
        }
        let (lead, message) = lead_of_text(line);
        let own = Own {
            leads: lead.into_iter().collect(),
            ids: ids_of(line),
            batch: self.field.as_ref().and_then(|name| field_value(line, name)),
            failure: failure_of(message),
        };
        self.own(origin, own, line);
    }

    fn own(&mut self, origin: &Origin, own: Own, line: &str) {
        self.other("line of the function's own");
        if self.first_other.is_none() {
            self.first_other = Some(line.trim().chars().take(60).collect());
        }
        if own.batch.is_some() || own.failure.is_some() {
            self.push(origin, What::Own(own));
        }
    }

    fn json(&mut self, origin: &Origin, value: &Value) {
        let kind = value.get("type").and_then(Value::as_str).unwrap_or("");
        let Some(record) = value.get("record").filter(|_| kind.starts_with("platform.")) else {
            return self.own_json(origin, value);
        };
        let id = record.get("requestId").and_then(Value::as_str).map(str::to_owned);
        match kind {
            "platform.report" => self.report(origin, report_of_json(record)),
            "platform.start" => {
                self.other("START");
                id.into_iter().for_each(|id| self.push(origin, What::Start(id)));
            }
            "platform.runtimeDone" | "platform.fault" | "platform.end" => {
                self.other("END");
                let text = record.as_str().unwrap_or("");
                let id = id.or_else(|| lead_of_text(text).0);
                let status = match kind {
                    "platform.fault" => failure_of(lead_of_text(text).1),
                    _ => failed(record.get("status").and_then(Value::as_str)),
                };
                if let (Some(id), Some(reason)) = (id, status) {
                    self.push(origin, What::Failed(id, reason));
                }
            }
            _ => self.other("other line of the platform"),
        }
    }

    fn own_json(&mut self, origin: &Origin, value: &Value) {
        let text = value.to_string();
        let message = value.get("message").and_then(Value::as_str).unwrap_or("");
        let (lead, rest) = lead_of_text(message);
        let mut own = Own {
            leads: leads_of_json(value),
            ids: ids_of(&text),
            batch: self.field.as_ref().and_then(|name| field_of_json(value, name)),
            failure: failure_of(rest),
        };
        own.leads.extend(lead);
        self.own(origin, own, &text);
    }

    fn row(&mut self, origin: &Origin, row: &Fields<'_>) {
        let id = row.get(&["requestid"]).map(str::to_owned);
        let kind = row.get(&["type"]).unwrap_or("REPORT");
        let Some(duration_ms) = row.duration_ms() else {
            return match (kind, id) {
                ("START", Some(id)) => {
                    self.other("START");
                    self.push(origin, What::Start(id));
                }
                _ => self.other("row without a duration"),
            };
        };
        if !matches!(kind, "REPORT" | "platform.report") {
            return self.other("row that is no REPORT");
        }
        let own = self.field.as_ref().and_then(|name| leading_number(row.exact(name)?));
        let report = Report {
            id: id.unwrap_or_default(),
            memory_mb: None,
            duration_ms,
            init_ms: row.init_ms(),
            batch: own.filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u32),
            status: status_of(row.get(&["status"])),
        };
        self.report(origin, Some(checked(report, row.memory_mb())));
    }
}

/// ` .. Duration: 8.1 ms Billed Duration: 9 ms Memory Size: 1024 MB .. Init Duration: 99 ms`, after `RequestId:`.
fn report_of_text(text: &str) -> Option<Result<Report, &'static str>> {
    let text = text.replace("\\t", "\t");
    let number = |name: &str| leading_number(after(&text, name)?);
    // "Billed Duration" and "Init Duration" hold the same word: the plain one follows none of these.
    let plain = text.match_indices("Duration: ").find(|(at, _)| {
        let before = text[..*at].trim_end();
        !["Billed", "Init", "Restore"].iter().any(|word| before.ends_with(word))
    })?;
    // What is no number is no missing field either.
    let duration_ms = leading_number(&text[plain.0 + plain.1.len()..]).unwrap_or(f64::NAN);
    let first = |name: &str| number(name).filter(|ms| *ms != 0.0);
    let restore = || {
        let at =
            text.match_indices("Restore Duration: ").find(|(at, _)| !text[..*at].ends_with("Billed "))?;
        leading_number(&text[at.0 + at.1.len()..]).filter(|ms| *ms != 0.0)
    };
    let report = Report {
        id: first_word(&text)?,
        memory_mb: None,
        duration_ms,
        init_ms: first("Init Duration: ").or_else(restore),
        batch: None,
        status: status_of(after(&text, "Status: ").and_then(|rest| rest.split_whitespace().next())),
    };
    Some(checked(report, Some(number("Memory Size: ")?)))
}

/// The `record` of a `platform.report` event.
fn report_of_json(record: &Value) -> Option<Result<Report, &'static str>> {
    let metrics = record.get("metrics")?;
    let number = |name: &str| metrics.get(name)?.as_f64();
    let first = |name: &str| number(name).filter(|ms| *ms != 0.0);
    let report = Report {
        id: record.get("requestId")?.as_str()?.to_owned(),
        memory_mb: None,
        duration_ms: number("durationMs")?,
        init_ms: first("initDurationMs").or_else(|| first("restoreDurationMs")),
        batch: None,
        status: status_of(record.get("status").and_then(Value::as_str)),
    };
    Some(checked(report, Some(number("memorySizeMB")?)))
}

fn checked(report: Report, memory_mb: Option<f64>) -> Result<Report, &'static str> {
    let possible = |ms: f64| SECONDS.contains(&(ms / 1e3));
    let memory = memory_mb.map(f64::round);
    let usable = memory.is_none_or(|mb| (1.0..=f64::from(u32::MAX)).contains(&mb))
        && possible(report.duration_ms)
        && report.init_ms.is_none_or(possible);
    let memory_mb = memory.map(|mb| mb as u32);
    if usable { Ok(Report { memory_mb, ..report }) } else { Err(IMPOSSIBLE) }
}

fn status_of(status: Option<&str>) -> Status {
    match (status, failed(status)) {
        (_, Some(reason)) => Status::Failed(reason),
        (Some(_), None) => Status::Success,
        (None, None) => Status::Unknown,
    }
}

fn failed(status: Option<&str>) -> Option<String> {
    status.filter(|status| *status != "success").map(|status| format!("status {status}"))
}

/// What the runtime writes of a request that it gave up, at the start of a message.
fn failure_of(message: &str) -> Option<String> {
    let message = message.trim_start();
    let begins = |mark: &str| message.starts_with(mark);
    let reason = if begins("Task timed out after") {
        "status timeout (\"Task timed out\")"
    } else if message.contains("Runtime.OutOfMemory") || message.contains("signal: killed") {
        "the runtime killed (out of memory)"
    } else if begins("Error: Runtime") || begins("Runtime exited") || begins("Runtime.ExitError") {
        "the runtime exited"
    } else if begins("Process exited before completing") {
        "the process exited"
    } else if begins("Invoke Error") || begins("Uncaught Exception") || begins("Unhandled Promise Rejection")
    {
        "an error that the function did not handle"
    } else if unhandled_of_python(message) {
        "an error that the function did not handle"
    } else {
        return None;
    };
    Some(reason.into())
}

/// `[ERROR] KeyError: 'x'`: Python's runtime, where the function's own logger writes tabs.
fn unhandled_of_python(message: &str) -> bool {
    let name = message.strip_prefix("[ERROR] ").and_then(|rest| rest.split_once(':')).map(|(name, _)| name);
    name.is_some_and(|name| {
        let kinds = ["Error", "Exception", "Exit", "Interrupt"];
        !name.contains(char::is_whitespace) && kinds.iter().any(|kind| name.ends_with(kind))
    })
}

fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.find(name).map(|at| &text[at + name.len()..])
}

fn first_word(text: &str) -> Option<String> {
    let word =
        text.split(|c: char| c.is_whitespace() || "|\",\\".contains(c)).find(|word| !word.is_empty())?;
    Some(word.to_owned())
}

/// The shape of a request id: 8-4-4-4-12 hexadecimal digits.
fn is_id(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

fn ids_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').filter(|word| is_id(word));
    let mut ids: Vec<String> = words.map(str::to_owned).collect();
    ids.dedup();
    ids
}

/// The line without the time and stream that it starts with.
fn after_prefix(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(word) = rest.split_whitespace().next() {
        let dated = word.len() == 10 && instant(&format!("{word} 00:00")).is_some();
        let timed = word.len() > 5 && word.as_bytes()[2] == b':' && word.as_bytes()[0].is_ascii_digit();
        if !(dated || timed || is_stream(word) || instant(word).is_some()) {
            break;
        }
        rest = rest[word.len()..].trim_start();
    }
    rest
}

/// The id where a runtime puts the request's own, before the message, and the message.
///
/// `time id LEVEL message` (Node.js), `[LEVEL] time id message` (Python), `time id Task timed out ..`,
/// `RequestId: id Error: ..` (the platform).
fn lead_of_text(line: &str) -> (Option<String>, &str) {
    let mut rest = after_prefix(line);
    let mut lead = None;
    while let Some(word) = rest.split_whitespace().next() {
        let level = ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"];
        let tabbed = rest[word.len()..].starts_with('\t');
        let bare = word.trim_matches(['[', ']']);
        if is_id(word) && lead.is_none() {
            lead = Some(word.to_owned());
        } else if !(word == "RequestId:" || level.contains(&bare) && (tabbed || !word.starts_with('['))) {
            break;
        }
        rest = after_prefix(&rest[word.len()..]);
    }
    (lead, rest)
}

/// The ids of fields in which loggers put the request's own, at the top or one level below.
fn leads_of_json(value: &Value) -> Vec<String> {
    const NAMES: [&str; 7] = [
        "functionrequestid",
        "awsrequestid",
        "lambdarequestid",
        "requestid",
        "faasinvocationid",
        "faasexecution",
        "invocationid",
    ];
    let Some(object) = value.as_object() else { return Vec::new() };
    let below = object.values().filter_map(Value::as_object);
    let all: Vec<(String, &str)> = [object]
        .into_iter()
        .chain(below)
        .flatten()
        .filter_map(|(name, value)| {
            let plain = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
            Some((plain.collect(), value.as_str()?))
        })
        .collect();
    let of =
        |name: &'static str| all.iter().filter(move |(own, _)| own == name).map(|(_, id)| (*id).to_owned());
    NAMES.into_iter().flat_map(of).collect()
}

/// The whole number of a field of this name, at any depth, also within texts.
fn field_of_json(value: &Value, name: &str) -> Option<u32> {
    match value {
        Value::Object(object) => {
            let own = object.get(name).and_then(|value| match value {
                Value::String(text) => text.trim().parse().ok(),
                other => other.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u32),
            });
            own.or_else(|| object.values().find_map(|value| field_of_json(value, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| field_of_json(item, name)),
        Value::String(text) => field_value(text, name),
        _ => None,
    }
}

/// The whole number of `name=8`, `name: 8`, `"name": 8` or `\"name\":8`.
fn field_value(line: &str, name: &str) -> Option<u32> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).find_map(|(at, _)| {
        let (before, rest) = (&line[..at], &line[at + name.len()..]);
        let value = rest.trim_start_matches(['\\', '"', '\'', ' ']);
        let value = value.strip_prefix([':', '='])?.trim_start_matches(['\\', '"', '\'', ' ']);
        let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
        let whole = !before.ends_with(word) && !value[digits..].starts_with(['.']);
        value[..digits].parse().ok().filter(|_| whole)
    })
}
