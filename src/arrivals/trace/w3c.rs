//! Logs in the W3C extended format, whose `#Fields:` line names the columns: CloudFront and IIS.
//!
//! Source: W3C working draft WD-logfile; CloudFront developer guide, "Standard logs". Both write a line when the
//! request is done, so what arrives is the time less `time-taken` (seconds; milliseconds with IIS).

use std::borrow::Cow;
use std::ops::Range;

use super::Unit;
use super::datetime::date_time;
use super::decimal;
use super::layout::{Fault, Grain, Layout, Strictness};
use super::reading::Reading;
use super::tokens;

/// The layout of a W3C log.
pub(super) struct W3c {
    names: Vec<String>,
    time: TimeField,
    grain: Grain,
    taken: Option<(usize, Unit)>,
    places: Vec<Range<usize>>,
    keys: Vec<usize>,
    /// The key that is the path of a URL with a query.
    path: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum TimeField {
    /// The columns of the date and of the time.
    Apart(usize, usize),
    /// One column with both, or with seconds since 1970.
    Together(usize),
}

impl W3c {
    /// The layout of a log that begins with `ready`, if a line there names its fields.
    pub(super) fn recognise(ready: &[u8]) -> Option<W3c> {
        let lines = || ready.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
        let fields = lines().take(16).find_map(|line| line.strip_prefix(b"#Fields:"))?;
        let names = String::from_utf8_lossy(fields);
        let names: Vec<String> = names.split_whitespace().map(str::to_ascii_lowercase).collect();
        let at = |name: &str| names.iter().position(|known| known == name);
        let time = match (at("date"), at("time"), at("timestamp")) {
            (Some(date), Some(time), _) => TimeField::Apart(date, time),
            (_, _, Some(both)) => TimeField::Together(both),
            _ => return None,
        };
        let unit = if at("x-edge-location").is_some() { Unit::Seconds } else { Unit::Millis };
        let taken = at("time-taken").map(|index| (index, unit));
        let (places, keys) = (Vec::new(), Vec::new());
        let mut layout = W3c { time, grain: Grain::Fine, taken, places, keys, path: None, names };
        let mut stamps = Vec::new();
        for line in lines().filter(|line| !line.is_empty() && line[0] != b'#').take(super::table::SAMPLE_ROWS)
        {
            if layout.take(line).is_ok() {
                stamps.extend(layout.stamp(line));
            }
        }
        layout.grain = Grain::of(&stamps);
        Some(layout)
    }

    /// The time of the record that was taken apart last.
    fn stamp(&self, record: &[u8]) -> Option<i64> {
        let text = |index: usize| self.places.get(index).map(|place| &record[place.clone()]);
        match self.time {
            TimeField::Apart(date, time) => date_time(&[text(date)?, b" ", text(time)?].concat()),
            TimeField::Together(index) => {
                let text = text(index)?;
                date_time(text).or_else(|| decimal::parse(text, Unit::Seconds.kind()).ok())
            }
        }
    }
}

impl Layout for W3c {
    fn take(&mut self, record: &[u8]) -> Result<(), &'static str> {
        self.places.clear();
        let mut at = 0;
        let is_blank = |b: &u8| *b == b'\t' || *b == b' ';
        while at < record.len() {
            let length = record[at..].iter().position(is_blank).unwrap_or(record.len() - at);
            if length > 0 {
                self.places.push(at..at + length);
            }
            at += length + 1;
        }
        if self.places.len() < self.names.len() { Err("have fewer fields than the header") } else { Ok(()) }
    }

    fn key(&mut self, name: &str) -> Result<usize, Vec<String>> {
        let lower = name.to_ascii_lowercase();
        let known = match lower.as_str() {
            "status" => "sc-status",
            "path" | "url" => "cs-uri-stem",
            "method" => "cs-method",
            "client" => "c-ip",
            other => other,
        };
        let Some(index) = self.names.iter().position(|name| name == known) else {
            return Err(["status", "path", "method"]
                .map(str::to_owned)
                .into_iter()
                .chain(self.names.clone())
                .collect());
        };
        self.keys.push(index);
        if lower == "path" {
            self.path = Some(self.keys.len() - 1);
        }
        Ok(self.keys.len() - 1)
    }

    fn value<'a>(&'a self, record: &'a [u8], key: usize) -> Option<Cow<'a, [u8]>> {
        let place = self.places.get(self.keys[key])?;
        let place = if self.path == Some(key) { tokens::path(record, place) } else { place.clone() };
        Some(&record[place]).filter(|text| *text != b"-").map(Cow::Borrowed)
    }

    fn arrival(&self, record: &[u8]) -> Result<i64, Fault> {
        let fault = |reason: &str| Fault { token: 0..record.len(), reason: reason.to_owned() };
        let done = self.stamp(record).ok_or_else(|| fault("have no date and time"))?;
        let Some((index, unit)) = self.taken else { return Ok(done) };
        let text = self.places.get(index).map(|place| &record[place.clone()]);
        let taken = text.and_then(|text| decimal::parse(text, unit.kind()).ok());
        Ok(done - self.grain.of_duration(taken.ok_or_else(|| fault("have no time-taken"))?))
    }

    fn strictness(&self) -> Strictness {
        Strictness::LeaveOut
    }

    fn others(&self) -> String {
        "the file reads as a log whose #Fields line names its columns; if it is none, set `format` and `column`".into()
    }

    fn describe(&self, reading: &mut Reading) {
        reading.format = "w3c";
        reading.times = match self.time {
            TimeField::Apart(..) => "the columns date and time".into(),
            TimeField::Together(_) => "the column timestamp".into(),
        };
        if self.taken.is_some() {
            reading.assume("Arrivals are the times of the log less time-taken".into());
        }
    }
}
