//! Access logs: common, combined, and what nginx, Apache, Envoy, S3 and HAProxy make of them.
//!
//! The columns are found by what they hold, as every site has a format of its own: the time is the first date in
//! brackets or elsewhere, or nginx's `$msec`; the request is the first text in quotes that is one; the status and the
//! bytes follow it. A number with three decimals after the request is `$request_time`: nginx writes a line when
//! the request is done, so what arrives is the time less that.

use std::borrow::Cow;
use std::ops::Range;

use super::Unit;
use super::datetime::date_time;
use super::decimal;
use super::layout::{Fault, Grain, Layout, Strictness};
use super::reading::Reading;
use super::tokens::{self, Mark, Request, Token};

/// The layout of an access log.
pub(super) struct Access {
    time: TimeField,
    grain: Grain,
    /// Which token is `$request_time`.
    request_time: Option<Part>,
    /// The keys of `key=value` in the first lines.
    pairs: Vec<String>,
    tokens: Vec<Token>,
    request: Option<(usize, Request)>,
    /// The names that are asked for, by key.
    keys: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeField {
    /// A date-time in this token.
    Date(usize),
    /// Seconds since 1970 with milliseconds in this token.
    Epoch(usize),
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// The token of this number.
    Token(usize),
    /// The token so many after the request.
    After(usize),
    /// What follows `key=` in a token that begins so.
    Pair(String),
    Method,
    Url,
    Path,
    /// The n-th text in quotes after the request.
    Quoted(usize),
}

impl Access {
    /// The layout of a log that begins with `lines`, if most of them are of an access log.
    pub(super) fn recognise(lines: &[&[u8]]) -> Option<Access> {
        let (mut found, mut pairs, mut stamps) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines {
            let mut taken = Vec::new();
            tokens::split(line, &mut taken);
            let request = request_of(line, &taken);
            let time = time_of(line, &taken);
            if let (Some(request), Some(time)) = (request, time) {
                found.push((time, request_time_of(line, &taken, request.0)));
                stamps.extend(stamp(line, &taken, time));
                pairs.extend(taken.iter().filter_map(|token| key_of(&line[token.place.clone()])));
            }
        }
        let (time, request_time) = found.first()?.clone();
        let alike = found.iter().filter(|(other, _)| *other == time).count();
        if 2 * alike <= lines.len() {
            return None;
        }
        // A column of times has one in every line.
        let request_time =
            request_time.filter(|part| found.iter().all(|(_, other)| other.as_ref() == Some(part)));
        let grain = Grain::of(&stamps);
        Some(Access { time, grain, request_time, pairs, tokens: Vec::new(), request: None, keys: Vec::new() })
    }

    fn place(&self, record: &[u8], part: &Part) -> Option<Range<usize>> {
        let token = |index: usize| self.tokens.get(index).map(|token| token.place.clone());
        let request = self.request.as_ref();
        match part {
            Part::Token(index) => token(*index),
            Part::After(count) => token(request?.0 + count),
            Part::Method => Some(request?.1.method.clone()),
            Part::Url => Some(request?.1.url.clone()),
            Part::Path => Some(request?.1.path.clone()),
            Part::Quoted(n) => {
                let quoted =
                    self.tokens.iter().skip(request?.0 + 1).filter(|token| token.mark == Mark::Quotes);
                quoted.map(|token| token.place.clone()).nth(*n)
            }
            Part::Pair(key) => self.tokens.iter().find_map(|token| pair(record, token, key)),
        }
    }
}

/// The time of a line [ns].
fn stamp(line: &[u8], taken: &[Token], field: TimeField) -> Option<i64> {
    let (TimeField::Date(index) | TimeField::Epoch(index)) = field;
    let text = &line[taken.get(index)?.place.clone()];
    match field {
        TimeField::Date(_) => date_time(text),
        TimeField::Epoch(_) => seconds(text),
    }
}

fn seconds(text: &[u8]) -> Option<i64> {
    decimal::parse(text, Unit::Seconds.kind()).ok()
}

/// The key of `key=value`.
fn key_of(text: &[u8]) -> Option<String> {
    let key = &text[..memchr::memchr(b'=', text)?];
    let is_name =
        key.first()?.is_ascii_alphabetic() && key.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    is_name.then(|| String::from_utf8_lossy(key).into_owned())
}

fn pair(record: &[u8], token: &Token, key: &str) -> Option<Range<usize>> {
    let text = &record[token.place.clone()];
    let value = text.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
    let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let end = token.place.end - usize::from(quoted.is_some());
    Some(end - quoted.unwrap_or(value).len()..end)
}

fn request_of(line: &[u8], taken: &[Token]) -> Option<(usize, Request)> {
    let quoted = taken.iter().enumerate().filter(|(_, token)| token.mark == Mark::Quotes);
    quoted.filter_map(|(i, token)| tokens::request(line, &token.place).map(|request| (i, request))).next()
}

fn time_of(line: &[u8], taken: &[Token]) -> Option<TimeField> {
    let text = |token: &Token| &line[token.place.clone()];
    let epoch = |token: &Token| token.mark == Mark::Plain && millis(text(token)).is_some_and(|s| s >= 1e9);
    if let Some(index) = taken.iter().position(epoch) {
        return Some(TimeField::Epoch(index));
    }
    let dated = |token: &Token| token.mark != Mark::Quotes && date_time(text(token)).is_some();
    taken.iter().position(dated).map(TimeField::Date)
}

/// `$request_time`: by its name, else the first number with milliseconds after the request.
fn request_time_of(line: &[u8], taken: &[Token], request: usize) -> Option<Part> {
    for key in ["request_time", "rt"] {
        let named = taken.iter().find_map(|token| pair(line, token, key));
        if named.is_some_and(|place| millis(&line[place]).is_some()) {
            return Some(Part::Pair(key.into()));
        }
    }
    let after = taken[request..].iter().position(|token| {
        let value = millis(&line[token.place.clone()]);
        token.mark != Mark::Brackets && value.is_some_and(|seconds| seconds < 1e6)
    });
    after.map(Part::After)
}

/// A number with exactly three decimals, as nginx writes times.
fn millis(text: &[u8]) -> Option<f64> {
    let dot = text.len().checked_sub(4)?;
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let is = text[dot] == b'.' && digits(&text[..dot]) && digits(&text[dot + 1..]);
    is.then(|| fast_float2::parse(text).ok()).flatten()
}

impl Layout for Access {
    fn take(&mut self, record: &[u8]) -> Result<(), &'static str> {
        tokens::split(record, &mut self.tokens);
        self.request = request_of(record, &self.tokens);
        Ok(())
    }

    fn key(&mut self, name: &str) -> Result<usize, Vec<String>> {
        let part = match name {
            "remote" | "host" => Part::Token(0),
            "user" => Part::Token(2),
            "request" => Part::After(0),
            "method" => Part::Method,
            "url" | "uri" => Part::Url,
            "path" => Part::Path,
            "status" => Part::After(1),
            "bytes" => Part::After(2),
            "referer" => Part::Quoted(0),
            "agent" | "user_agent" => Part::Quoted(1),
            "request_time" if self.request_time.is_some() => self.request_time.clone().expect("just seen"),
            _ => match name.parse::<usize>() {
                Ok(number @ 1..) => Part::Token(number - 1),
                _ if self.pairs.iter().any(|pair| pair == name) => Part::Pair(name.to_owned()),
                _ => {
                    let names =
                        ["remote", "user", "method", "path", "url", "status", "bytes", "referer", "agent"];
                    return Err(names.map(str::to_owned).into_iter().chain(self.pairs.clone()).collect());
                }
            },
        };
        self.keys.push(part);
        Ok(self.keys.len() - 1)
    }

    fn value<'a>(&'a self, record: &'a [u8], key: usize) -> Option<Cow<'a, [u8]>> {
        self.place(record, &self.keys[key]).map(|place| Cow::Borrowed(&record[place]))
    }

    fn arrival(&self, record: &[u8]) -> Result<i64, Fault> {
        let fault = |reason: &str| Fault { token: 0..record.len(), reason: reason.to_owned() };
        let done = stamp(record, &self.tokens, self.time);
        let done = done.ok_or_else(|| fault("have no time where the first lines have it"))?;
        let Some(part) = &self.request_time else { return Ok(done) };
        let taken = self.place(record, part).and_then(|place| seconds(&record[place]));
        let taken = taken.ok_or_else(|| fault("have no request time"))?;
        Ok(done - self.grain.of_duration(taken))
    }

    fn strictness(&self) -> Strictness {
        Strictness::LeaveOut
    }

    fn others(&self) -> String {
        "the file reads as an access log; if it is none, set `format` and `column`".into()
    }

    fn describe(&self, reading: &mut Reading) {
        reading.format = "access-log";
        reading.times = match self.time {
            TimeField::Date(_) => "the date of each line".into(),
            TimeField::Epoch(_) => "seconds since 1970 with milliseconds ($msec)".into(),
        };
        if self.request_time.is_some() {
            reading.assume("Arrivals are the times of the log less the time that each request took".into());
        }
    }
}
