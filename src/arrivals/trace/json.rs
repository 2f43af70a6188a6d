//! JSON lines, lists of objects, and objects over several lines: one record an object.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::Unit;
use super::datetime::date_time;
use super::decimal::{self, Kind};
use super::json_value::Value;
use super::layout::{Fault, Layout, Strictness, no_field, sample};
use super::lines::Lines;
use super::names::{Wanted, is_time_name, split_unit};
use super::reading::Reading;
use super::unit::{Chosen, by_magnitude};
use crate::error::InputError;

/// Objects looked at to find out what they hold.
const SAMPLE: usize = 64;
/// The longest object.
const LONGEST: usize = 1 << 20;
/// How deep fields are looked for.
const DEEPEST: usize = 4;

/// The layout of JSON objects.
pub(super) struct Json {
    time: Path,
    kind: Kind,
    unit: Chosen,
    /// The fields of the first objects.
    names: Vec<String>,
    keys: Vec<Path>,
    /// The rest of a line with several objects.
    waiting: VecDeque<Value>,
    /// The object at hand; null where the record is none.
    current: Value,
}

/// A field such as `request.time`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path(String);

impl Path {
    fn of<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let found =
            object.get(&self.0).or_else(|| self.0.split('.').try_fold(object, |inner, name| inner.get(name)));
        found.filter(|value| **value != Value::Null)
    }
}

/// Does a text that begins so hold JSON objects?
pub(super) fn is_json(lines: &[&[u8]]) -> bool {
    let Some(first) = lines.first() else { return false };
    let begins = |line: &[u8]| {
        let line = line.trim_ascii_start();
        line.starts_with(b"{")
            && line[1..].trim_ascii_start().first().is_none_or(|b| matches!(b, b'"' | b'}'))
    };
    let listed = first.strip_prefix(b"[").is_some_and(|rest| rest.is_empty() || begins(rest));
    listed || begins(first) || 2 * lines.iter().filter(|line| begins(line)).count() > lines.len()
}

impl Json {
    /// Looks at the first objects. `column` and `unit` are what the user says.
    pub(super) fn new(
        lines: &mut Lines,
        column: Option<&str>,
        unit: Option<Unit>,
    ) -> Result<Json, InputError> {
        let objects = first_objects(lines)?;
        let mut names = Vec::new();
        objects.iter().for_each(|object| collect(object, String::new(), 0, &mut names));
        if objects.is_empty() {
            return Err(InputError::new(lines.name(), "holds no JSON object")
                .help("JSON lines have an object on each line, such as {\"time\": 12.25}"));
        }
        let time = match column {
            Some(column) => Path(column.to_owned()),
            None => time_field(&objects, &names).ok_or_else(|| {
                InputError::new(lines.name(), "has JSON objects without a field that is a time by its name")
                    .help(format!("set `column` to one of: {}", names.join(", ")))
            })?,
        };
        let Some(first) = objects.iter().find_map(|object| time.of(object)) else {
            return Err(no_field(lines.name(), &time.0, &names));
        };
        let text = first.text().as_bytes();
        let (kind, unit) = match date_time(text) {
            Some(_) => (Kind::DateTime, Chosen::Dated),
            None => {
                let name = time.0.rsplit('.').next().unwrap_or(&time.0);
                let chosen = unit.map(Chosen::Said).or(split_unit(name).1.map(Chosen::Named));
                let chosen = chosen.or(known(&objects)).unwrap_or_else(|| by_magnitude(text));
                (chosen.unit().kind(), chosen)
            }
        };
        let (keys, waiting, current) = (Vec::new(), VecDeque::new(), Value::Null);
        Ok(Json { time, kind, unit, names, keys, waiting, current })
    }
}

impl Json {
    /// The field that names functions or applications.
    pub(super) fn field_called(&self, wanted: Wanted) -> Option<String> {
        self.names.iter().find(|name| wanted.is_named(name.rsplit('.').next().unwrap_or(name))).cloned()
    }
}

/// The unit of data sets that do not say it.
fn known(objects: &[Value]) -> Option<Chosen> {
    let has = |name: &str| objects[0].get(name).is_some();
    // Mooncake counts milliseconds; Bailian's otherwise like traces have chats, and seconds.
    let mooncake = has("hash_ids") && has("input_length") && !has("chat_id");
    let whole = |object: &Value| object.get("timestamp").is_some_and(Value::is_whole);
    (mooncake && objects.iter().all(whole)).then_some(Chosen::Layout(Unit::Millis, "Mooncake"))
}

/// The objects that the first lines hold.
fn first_objects(lines: &mut Lines) -> Result<Vec<Value>, InputError> {
    let texts = sample(lines)?;
    let (mut objects, mut text) = (VecDeque::new(), Vec::new());
    for line in texts {
        if line.starts_with(b"{\"") {
            text.clear();
        }
        text.extend_from_slice(line);
        text.push(b'\n');
        if depth(&text) <= i64::from(text.starts_with(b"[")) || opens_a_list(&text) {
            parse(&text, &mut objects);
            text.clear();
        }
    }
    // What is cut off by the sample still shows its fields.
    Ok(objects.into_iter().filter(Value::is_object).take(SAMPLE).collect())
}

/// The names of all plain fields, `a.b` for those within others.
fn collect(value: &Value, prefix: String, level: usize, names: &mut Vec<String>) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(_) if level < DEEPEST => collect(value, name, level + 1, names),
            Value::List(_) | Value::Object(_) => (),
            _ if names.contains(&name) => (),
            _ => names.push(name),
        }
    }
}

/// The outermost field with the name of a time that holds one, else the first that holds a date.
fn time_field(objects: &[Value], names: &[String]) -> Option<Path> {
    let text =
        |name: &String| objects.iter().find_map(|object| Path(name.clone()).of(object)).map(Value::text);
    let is_time = |name: &&String| {
        let value = text(name);
        let is_value = value
            .is_some_and(|text| decimal::is_number(text.as_bytes()) || date_time(text.as_bytes()).is_some());
        is_time_name(name.rsplit('.').next().unwrap_or(name)) && is_value
    };
    let by_depth = |level: usize| names.iter().filter(move |name| name.matches('.').count() == level);
    let named = (0..=DEEPEST).find_map(|level| by_depth(level).find(is_time));
    let dated =
        || names.iter().find(|name| text(name).is_some_and(|text| date_time(text.as_bytes()).is_some()));
    named.or_else(dated).map(|name| Path(name.clone()))
}

/// How many braces and brackets are open at the end of `text`.
fn depth(text: &[u8]) -> i64 {
    let (mut depth, mut is_text, mut at) = (0, false, 0);
    while at < text.len() {
        match text[at] {
            b'\\' if is_text => at += 1,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth -= 1,
            _ => (),
        }
        at += 1;
    }
    depth
}

/// A line with a bracket alone: its list goes on over many lines, which are taken one by one.
fn opens_a_list(text: &[u8]) -> bool {
    matches!(text.trim_ascii(), b"[" | b"]" | b",")
}

/// The objects in `text`: one, or those of a list, or the only list in an object.
fn parse(text: &[u8], into: &mut VecDeque<Value>) {
    let text = text.trim_ascii().trim_ascii_start();
    let inner = text.strip_suffix(b",").unwrap_or(text);
    let candidates =
        [text, inner, inner.strip_prefix(b"[").unwrap_or(inner), inner.strip_suffix(b"]").unwrap_or(inner)];
    let Some(value) = candidates.iter().find_map(|text| Value::read(text)) else {
        return into.push_back(Value::Null);
    };
    let lists = |value: &Value| matches!(value, Value::List(list) if list.iter().any(Value::is_object));
    match value {
        Value::List(list) => into.extend(list),
        Value::Object(fields) if fields.len() == 1 && lists(&fields[0].1) => {
            fields.into_iter().for_each(|(_, list)| match list {
                Value::List(list) => into.extend(list),
                other => into.push_back(other),
            });
        }
        other => into.push_back(other),
    }
}

impl Layout for Json {
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Range<usize>>, InputError> {
        if let Some(next) = self.waiting.pop_front() {
            self.current = next;
            return Ok(Some(lines.kept()));
        }
        loop {
            let Some(mut place) = lines.next()? else { return Ok(None) };
            if opens_a_list(lines.text(&place)) {
                continue;
            }
            // `[{...},` opens a list whose other objects have lines of their own.
            let open = i64::from(lines.text(&place).starts_with(b"["));
            while depth(lines.text(&place)) > open && place.len() < LONGEST {
                // A line that begins an object ends one that was cut short.
                if lines.peek().starts_with(b"{\"") || !lines.extend(&mut place)? {
                    break;
                }
            }
            lines.keep(place.clone());
            parse(lines.text(&place), &mut self.waiting);
            if let Some(first) = self.waiting.pop_front() {
                self.current = first;
                return Ok(Some(place));
            }
        }
    }

    fn take(&mut self, _record: &[u8]) -> Result<(), &'static str> {
        if self.current.is_object() { Ok(()) } else { Err("are no JSON object") }
    }

    fn key(&mut self, name: &str) -> Result<usize, Vec<String>> {
        if !self.names.iter().any(|known| known == name) {
            return Err(self.names.clone());
        }
        self.keys.push(Path(name.to_owned()));
        Ok(self.keys.len() - 1)
    }

    fn value<'a>(&'a self, _record: &'a [u8], key: usize) -> Option<Cow<'a, [u8]>> {
        self.keys[key].of(&self.current).map(|value| match value {
            Value::Text(text) => Cow::Borrowed(text.as_bytes()),
            other => Cow::Borrowed(other.text().as_bytes()),
        })
    }

    fn arrival(&self, record: &[u8]) -> Result<i64, Fault> {
        let fault = |reason: String| Fault { token: 0..record.len(), reason };
        let value = self.time.of(&self.current).ok_or_else(|| fault(format!("have no `{}`", self.time.0)))?;
        let text = value.text();
        decimal::value(text.as_bytes(), self.kind)
            .map_err(|refused| fault(format!("have a `{}` that {}", self.time.0, refused.is())))
    }

    fn strictness(&self) -> Strictness {
        Strictness::LeaveOut
    }

    fn others(&self) -> String {
        format!("set `column` to one of: {}", self.names.join(", "))
    }

    fn describe(&self, reading: &mut Reading) {
        reading.format = "jsonl";
        reading.times = format!("field `{}`, {}", self.time.0, self.unit);
        reading.assume(self.unit.remark());
    }
}
