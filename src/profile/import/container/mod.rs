//! What logs come in: exports, query results, subscription payloads, tables. All are taken off until records are left.

mod fields;
mod tables;
mod time;

use std::rc::Rc;

use serde_json::{Map, Value};

pub(super) use fields::{Fields, leading_number};
pub(super) use time::{instant, is_stream, prefix};

use super::text::payload;

/// What the wrapping says of a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Origin {
    /// When it was logged [ns since 1970].
    pub at: Option<i64>,
    /// The log stream: one execution environment.
    pub stream: Option<Rc<str>>,
}

/// One record of a log.
pub(super) enum Record<'a> {
    /// A line of text.
    Line(&'a str),
    /// A JSON object of the platform or of the function.
    Json(&'a Value),
    /// A row of a query's result that holds no message.
    Row(Fields<'a>),
    /// A line of the wrapping: a header or rule of a table.
    Frame,
}

/// Takes the records, one after the other.
pub(super) type Sink<'s> = &'s mut dyn FnMut(&Origin, Record<'_>);

/// Wrappings within wrappings beyond this are taken as lines.
const DEEPEST: u32 = 24;
/// The first letters of gzip in base64.
const PACKED: &str = "H4sI";
/// Keys under which exports hold their records.
const LISTS: [&str; 7] = ["events", "logEvents", "results", "Records", "records", "queryResults", "logs"];
/// Keys of a log event that no line of a function has.
const EVENT_KEYS: [&str; 4] = ["eventId", "ingestionTime", "logStreamName", "@ptr"];

/// Unwraps a file's text.
pub(super) fn unwrap(text: &str, sink: Sink<'_>) {
    Unwrapper { depth: 0 }.text(text, &Origin::default(), sink);
}

#[derive(Clone, Copy)]
struct Unwrapper {
    depth: u32,
}

impl Unwrapper {
    fn text(self, text: &str, origin: &Origin, sink: Sink<'_>) {
        if self.depth > DEEPEST {
            text.lines().for_each(|line| sink(origin, Record::Line(line)));
            return;
        }
        let inner = Unwrapper { depth: self.depth + 1 };
        if self.depth == 0
            && let Some(table) = tables::delimited(text)
        {
            table.rows(&mut |row| match row {
                Some(fields) => inner.row(fields, origin, sink),
                None => sink(origin, Record::Frame),
            });
            return;
        }
        let mut table = tables::Drawn::default();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            let line = rest[..end].trim_end_matches(['\n', '\r']);
            if let Some((at, value, length)) = json_of(rest, line) {
                inner.value(&value, &origin.with_prefix(&line[..at]), sink);
                rest = rest[at + length..].trim_start_matches([' ', ',', ']', '}', '\r']);
                rest = rest.strip_prefix('\n').unwrap_or(rest);
                continue;
            }
            rest = &rest[end..];
            inner.line(line, &mut table, origin, sink);
        }
    }

    fn line(self, line: &str, table: &mut tables::Drawn, origin: &Origin, sink: Sink<'_>) {
        match table.line(line) {
            tables::Drawing::Row(fields) => return self.row(fields, origin, sink),
            tables::Drawing::Rule => return sink(origin, Record::Frame),
            tables::Drawing::Outside => {}
        }
        if line.trim_start().starts_with(PACKED)
            && let Some(text) = payload(line)
        {
            return self.text(&text, origin, sink);
        }
        sink(&origin.with_prefix(line), Record::Line(line));
    }

    fn value(self, value: &Value, origin: &Origin, sink: Sink<'_>) {
        match value {
            _ if self.depth > DEEPEST => sink(origin, Record::Json(value)),
            Value::String(text) => self.text(text, origin, sink),
            Value::Array(items) => match Fields::of_pairs(items) {
                Some(fields) => self.row(fields, origin, sink),
                None => items.iter().for_each(|item| self.deeper().value(item, origin, sink)),
            },
            Value::Object(object) => self.object(value, object, origin, sink),
            _ => sink(origin, Record::Json(value)),
        }
    }

    fn deeper(self) -> Unwrapper {
        Unwrapper { depth: self.depth + 1 }
    }

    fn object(self, value: &Value, object: &Map<String, Value>, origin: &Origin, sink: Sink<'_>) {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let origin = origin.with_object(object);
        let kind = text("type").unwrap_or("");
        if kind.starts_with("platform.") {
            return sink(&origin, Record::Json(value));
        }
        if let ("function" | "extension", Some(record)) = (kind, object.get("record")) {
            return self.deeper().value(record, &origin, sink);
        }
        if let Some(packed) = object.get("awslogs").or(object.get("kinesis")) {
            return self.deeper().value(packed, &origin, sink);
        }
        if let Some(plain) = text("data").or(text("Data")).and_then(payload) {
            return self.deeper().text(&plain, &origin, sink);
        }
        if !is_of_function(object)
            && let Some(list) = LISTS.iter().find_map(|name| object.get(*name).filter(|v| v.is_array()))
        {
            return self.deeper().value(list, &origin, sink);
        }
        if object.keys().any(|name| name.starts_with('@')) {
            return self.row(Fields::of_object(object), &origin, sink);
        }
        match object.get("message") {
            Some(message) if is_event(object) => return self.deeper().value(message, &origin, sink),
            _ => {}
        }
        match object.values().filter_map(Value::as_str).find(|text| of_platform(text)) {
            Some(line) => self.deeper().text(line, &origin, sink),
            None => sink(&origin, Record::Json(value)),
        }
    }

    /// A row with a message is that message, unless the row itself has a call's figures and the message none.
    fn row(self, fields: Fields<'_>, origin: &Origin, sink: Sink<'_>) {
        let origin = Origin {
            at: fields.instant().or(origin.at),
            stream: fields.stream().map(Rc::from).or_else(|| origin.stream.clone()),
        };
        match fields.message() {
            Some(message) if of_platform(message) || !fields.is_report() => {
                self.deeper().text(message, &origin, sink);
            }
            _ => sink(&origin, Record::Row(fields)),
        }
    }
}

impl Origin {
    /// With the time and the stream that a line starts with.
    fn with_prefix(&self, line: &str) -> Origin {
        let (at, stream) = prefix(line);
        Origin { at: self.at.or(at), stream: self.stream.clone().or_else(|| stream.map(Rc::from)) }
    }

    /// With an object's own time and stream. `time` is the platform's own and finer than what the wrapping says.
    fn with_object(&self, object: &Map<String, Value>) -> Origin {
        let get = |names: &[&str]| names.iter().find_map(|name| object.get(*name));
        let stream = get(&["logStreamName", "logStream", "@logStream"]).and_then(Value::as_str);
        let at = |value: &Value| match value {
            Value::String(text) => instant(text),
            other => instant(&other.to_string()),
        };
        let of_platform = object.get("time").filter(|_| object.contains_key("record")).and_then(at);
        let own = get(&["timestamp", "@timestamp"]).and_then(at);
        Origin {
            at: of_platform.or(self.at).or(own),
            stream: stream.map(Rc::from).or_else(|| self.stream.clone()),
        }
    }
}

/// Where the line's JSON starts, its value and its length, which may span lines: an object or a list that the line is,
/// or that follows its time and stream; or a text in quotes that the line is.
fn json_of(rest: &str, line: &str) -> Option<(usize, Value, usize)> {
    let first = line.len() - line.trim_start().len();
    let at = match line.as_bytes().get(first)? {
        b'[' | b'"' | b'{' => first,
        _ => line.find('{').filter(|at| time::is_prefix(&line[..*at]))?,
    };
    let mut values = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let length = values.byte_offset();
    // What follows on the line may only close a list that was cut out of a larger one, or be the next document.
    let after = rest[at + length..].lines().next().unwrap_or("");
    let after = after.trim_start_matches([' ', '\t', ',', ']', '}', '\r']);
    (after.is_empty() || after.starts_with(['{', '['])).then_some((at, value, length))
}

/// A line of the function's own: it has a level or names its request.
fn is_of_function(object: &Map<String, Value>) -> bool {
    object.keys().any(|name| matches!(name.as_str(), "level" | "requestId" | "function_request_id"))
}

/// An event of an export: a message with what the log service adds, or with a time alone.
fn is_event(object: &Map<String, Value>) -> bool {
    let bare = |name: &String| matches!(name.as_str(), "message" | "timestamp" | "id" | "time" | "logStream");
    EVENT_KEYS.iter().any(|name| object.contains_key(*name)) || object.keys().all(bare)
}

/// A line of the platform's, as text or as JSON.
fn of_platform(text: &str) -> bool {
    let marks = ["REPORT RequestId:", "START RequestId:", "END RequestId:", "\"platform."];
    marks.iter().any(|mark| text.contains(mark))
}
