//! What each record of a log is: a report, a start, a line of the function's own.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use super::super::SECONDS;
use super::super::container::{Fields, Origin, Record, leading_number};
use super::BatchSize;
use super::words::{
    after, after_prefix, failure_of, field_of_json, field_value, first_word, ids_of, lead_of_text,
    leads_of_json,
};

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
    // What is no number of milliseconds is no missing field either.
    let duration = text[plain.0 + plain.1.len()..].trim_start();
    let unit = duration.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.eE".contains(c)).trim_start();
    let is_ms = unit.is_empty() || unit.starts_with("ms");
    let duration_ms = leading_number(duration).filter(|_| is_ms).unwrap_or(f64::NAN);
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
