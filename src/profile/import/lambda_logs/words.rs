//! Words of a line: ids, fields, and what runtimes write of requests that failed.

use serde_json::Value;

use super::super::container::{instant, is_stream};

/// What the runtime writes of a request that it gave up, at the start of a message.
pub(super) fn failure_of(message: &str) -> Option<String> {
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
    } else if unhandled_of_node(message) || unhandled_of_python(message) {
        "an error that the function did not handle"
    } else {
        return None;
    };
    Some(reason.into())
}

/// What Node.js's runtime writes after the level.
fn unhandled_of_node(message: &str) -> bool {
    ["Invoke Error", "Uncaught Exception", "Unhandled Promise Rejection"]
        .iter()
        .any(|mark| message.starts_with(mark))
}

/// `[ERROR] KeyError: 'x'`: Python's runtime, where the function's own logger writes tabs.
fn unhandled_of_python(message: &str) -> bool {
    let name = message.strip_prefix("[ERROR] ").and_then(|rest| rest.split_once(':')).map(|(name, _)| name);
    name.is_some_and(|name| {
        let kinds = ["Error", "Exception", "Exit", "Interrupt"];
        !name.contains(char::is_whitespace) && kinds.iter().any(|kind| name.ends_with(kind))
    })
}

pub(super) fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.find(name).map(|at| &text[at + name.len()..])
}

pub(super) fn first_word(text: &str) -> Option<String> {
    let word =
        text.split(|c: char| c.is_whitespace() || "|\",\\".contains(c)).find(|word| !word.is_empty())?;
    Some(word.to_owned())
}

/// The shape of a request id: 8-4-4-4-12 hexadecimal digits.
fn is_id(word: &str) -> bool {
    word.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

pub(super) fn ids_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit() && c != '-').filter(|word| is_id(word));
    let mut ids: Vec<String> = words.map(str::to_owned).collect();
    ids.dedup();
    ids
}

/// The line without the time and stream that it starts with.
pub(super) fn after_prefix(line: &str) -> &str {
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
pub(super) fn lead_of_text(line: &str) -> (Option<String>, &str) {
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
pub(super) fn leads_of_json(value: &Value) -> Vec<String> {
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
pub(super) fn field_of_json(value: &Value, name: &str) -> Option<u32> {
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
pub(super) fn field_value(line: &str, name: &str) -> Option<u32> {
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
