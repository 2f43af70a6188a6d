//! Lambda's REPORT lines, as text or in the JSON log format, from any export of CloudWatch Logs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::{Observation, Observations, SECONDS, read_text};
use crate::error::InputError;
use crate::profile::LARGEST_BATCH;

/// Where the batch size of an invocation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchSize {
    /// All invocations had this one.
    Fixed(u32),
    /// In the field of this name of a line that the function itself logs: `batch=8` or `"batch": 8`, on a line
    /// with the request's id, or between its START and END if no other request is under way.
    Field(String),
}

/// Reads the invocations of a log: plain text, JSON lines, or the JSON of `aws logs filter-log-events`; gzip or not.
pub fn read(path: &Path, batch: &BatchSize) -> Result<Observations, InputError> {
    Ok(parse(&read_text(path)?, batch))
}

/// The invocations in a log's text.
pub fn parse(text: &str, batch: &BatchSize) -> Observations {
    let mut log = Log { field: batch.clone(), ..Log::new() };
    match serde_json::from_str::<Value>(text).ok().as_ref().and_then(|v| v.get("events")?.as_array()) {
        Some(events) => events.iter().filter_map(|e| e.get("message")?.as_str()).for_each(|m| log.line(m)),
        None => text.lines().for_each(|line| log.line(line)),
    }
    log.join()
}

struct Log {
    field: BatchSize,
    reports: Vec<Report>,
    batches: BTreeMap<String, u32>,
    open: BTreeSet<String>,
    found: Observations,
}

struct Report {
    id: String,
    memory_mb: u32,
    duration_ms: f64,
    init_ms: Option<f64>,
}

impl Log {
    fn new() -> Log {
        Log {
            field: BatchSize::Fixed(1),
            reports: Vec::new(),
            batches: BTreeMap::new(),
            open: BTreeSet::new(),
            found: Observations::default(),
        }
    }

    fn line(&mut self, line: &str) {
        let json = line.find('{').and_then(|at| serde_json::from_str::<Value>(line[at..].trim_end()).ok());
        let kind = json.as_ref().and_then(|v| v.get("type")?.as_str()).unwrap_or("");
        let request = request_id(line);
        if kind == "platform.report" {
            self.report(json.as_ref().and_then(|v| report_of_json(v.get("record")?)));
        } else if let Some(at) = line.find("REPORT RequestId:") {
            self.report(report_of_text(&line[at..]));
        } else if kind == "platform.start" || line.contains("START RequestId:") {
            self.open.extend(request);
        } else if line.contains("END RequestId:") {
            if let Some(id) = request {
                self.open.remove(&id);
            }
        } else if !kind.starts_with("platform.") {
            self.own_line(line, request);
        }
    }

    /// A line that the function itself logged.
    fn own_line(&mut self, line: &str, request: Option<String>) {
        let BatchSize::Field(name) = &self.field else { return };
        let Some(size) = field_value(line, name) else { return };
        let only = || self.open.first().filter(|_| self.open.len() == 1).cloned();
        if let Some(id) = request.or_else(only) {
            self.batches.insert(id, size);
        }
    }

    fn report(&mut self, report: Option<Result<Report, String>>) {
        match report {
            Some(Ok(report)) => {
                self.open.remove(&report.id);
                self.reports.push(report);
            }
            Some(Err(reason)) => self.found.skip(reason),
            None => self.found.skip("with a field missing"),
        }
    }

    fn join(mut self) -> Observations {
        for report in std::mem::take(&mut self.reports) {
            let batch = match &self.field {
                BatchSize::Fixed(size) => Some(*size),
                BatchSize::Field(_) => self.batches.get(&report.id).copied(),
            };
            let Some(batch) = batch.filter(|b| *b > 0) else {
                self.found.skip("without a batch size");
                continue;
            };
            if batch > LARGEST_BATCH {
                self.found.skip(format!("with a batch of more than {LARGEST_BATCH}"));
                continue;
            }
            self.found.found.push(Observation {
                memory_mb: report.memory_mb,
                batch,
                service_s: report.duration_ms / 1e3,
                init_s: report.init_ms.map(|ms| ms / 1e3),
            });
        }
        self.found
    }
}

/// `REPORT RequestId: .. Duration: 8.1 ms Billed Duration: 9 ms Memory Size: 1024 MB .. Init Duration: 99 ms`.
fn report_of_text(line: &str) -> Option<Result<Report, String>> {
    if let Some(status) = after(line, "Status: ") {
        let status = status.split(char::is_whitespace).next().unwrap_or("");
        if status != "success" {
            return Some(Err(format!("with status {status}")));
        }
    }
    let number = |name: &str| after(line, name)?.split(char::is_whitespace).next()?.parse::<f64>().ok();
    // "Billed Duration" and "Init Duration" hold the same word: the plain one follows a tab or a space.
    let plain = line.match_indices("Duration: ").find(|(at, _)| {
        let before = line[..*at].trim_end();
        !["Billed", "Init", "Restore"].iter().any(|word| before.ends_with(word))
    })?;
    let duration_ms = line[plain.0 + plain.1.len()..].split(char::is_whitespace).next()?.parse().ok()?;
    let memory_mb = number("Memory Size: ")? as u32;
    let init_ms = number("Init Duration: ").or_else(|| number("Restore Duration: "));
    checked(Report { id: request_id(line)?, memory_mb, duration_ms, init_ms })
}

/// The `record` of a `platform.report` event.
fn report_of_json(record: &Value) -> Option<Result<Report, String>> {
    if let Some(status) = record.get("status").and_then(Value::as_str).filter(|s| *s != "success") {
        return Some(Err(format!("with status {status}")));
    }
    let metrics = record.get("metrics")?;
    let number = |name: &str| metrics.get(name)?.as_f64();
    let id = record.get("requestId")?.as_str()?.to_owned();
    let memory_mb = number("memorySizeMB")? as u32;
    let init_ms = number("initDurationMs").or_else(|| number("restoreDurationMs"));
    checked(Report { id, memory_mb, duration_ms: number("durationMs")?, init_ms })
}

fn checked(report: Report) -> Option<Result<Report, String>> {
    let possible = |ms: f64| SECONDS.contains(&(ms / 1e3));
    let usable = report.memory_mb > 0 && possible(report.duration_ms) && report.init_ms.is_none_or(possible);
    Some(if usable { Ok(report) } else { Err("with an impossible time or memory size".into()) })
}

fn after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.find(name).map(|at| &line[at + name.len()..])
}

/// The first word of the shape of a request id (8-4-4-4-12 hexadecimal digits).
fn request_id(line: &str) -> Option<String> {
    let words = line.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
    let shape = |word: &&str| word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    words.into_iter().find(shape).map(str::to_owned)
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

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3f8e2a10-0000-4000-8000-00000000000a";
    const B: &str = "3f8e2a10-0000-4000-8000-00000000000b";

    fn text() -> String {
        format!(
            "START RequestId: {A} Version: $LATEST\n\
             2026-01-05T10:00:00Z {A} INFO served batch=8 minibatch=3\n\
             END RequestId: {A}\n\
             REPORT RequestId: {A}\tDuration: 812.50 ms\tBilled Duration: 1126 ms\tMemory Size: 1792 MB\t\
             Max Memory Used: 401 MB\tInit Duration: 312.45 ms\t\n\
             START RequestId: {B} Version: $LATEST\nbatch: 2\n\
             REPORT RequestId: {B}\tDuration: 220.00 ms\tBilled Duration: 220 ms\tMemory Size: 1792 MB\t\
             Max Memory Used: 401 MB\n\
             REPORT RequestId: 3f8e2a10-0000-4000-8000-00000000000c\tDuration: 3000.00 ms\t\
             Billed Duration: 3000 ms\tMemory Size: 1792 MB\tMax Memory Used: 1 MB\tStatus: timeout\n\
             REPORT RequestId: 3f8e2a10-0000-4000-8000-00000000000d\tDuration: 1.00 ms\tMemory Size: 1792 MB\n\
             REPORT RequestId: cut\n"
        )
    }

    #[test]
    fn text_reports_are_joined_with_the_functions_own_lines() {
        let all = parse(&text(), &BatchSize::Field("batch".into()));
        let cold = Observation { memory_mb: 1792, batch: 8, service_s: 0.8125, init_s: Some(0.31245) };
        let warm = Observation { memory_mb: 1792, batch: 2, service_s: 0.22, init_s: None };
        assert_eq!(all.found, [cold, warm]);
        assert_eq!(
            all.summary(),
            "2 records used, 3 skipped: 1 with a field missing, 1 with status timeout, 1 without a batch size"
        );
    }

    #[test]
    fn json_reports_and_exported_events() {
        let report = format!(
            "{{\"time\":\"t\",\"type\":\"platform.report\",\"record\":{{\"requestId\":\"{A}\",\"metrics\":{{\
             \"durationMs\":40.5,\"billedDurationMs\":41,\"memorySizeMB\":512,\"maxMemoryUsedMB\":60,\
             \"initDurationMs\":250}},\"status\":\"success\"}}}}"
        );
        let own = format!("{{\"level\":\"INFO\",\"requestId\":\"{A}\",\"message\":{{\"batch\": 4}}}}");
        let wanted = Observation { memory_mb: 512, batch: 4, service_s: 0.0405, init_s: Some(0.25) };
        let field = BatchSize::Field("batch".into());
        assert_eq!(parse(&format!("{report}\n{own}\n"), &field).found, [wanted]);
        let events = serde_json::json!({ "events": [{ "message": own }, { "message": report }] });
        assert_eq!(parse(&events.to_string(), &field).found, [wanted]);
        let fixed = parse(&report, &BatchSize::Fixed(2)).found;
        assert_eq!((fixed[0].batch, fixed.len()), (2, 1));
    }

    #[test]
    fn a_line_without_an_id_is_not_guessed_while_two_requests_are_open() {
        let text = text().replace("END RequestId", "unrelated").replacen("REPORT RequestId", "gone", 1);
        let all = parse(&text, &BatchSize::Field("batch".into()));
        assert!(all.found.is_empty(), "{:?}", all.found);
    }
}
