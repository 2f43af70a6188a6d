//! Tables of query results: CSV, and drawn with `|`.

use std::borrow::Cow;

use super::fields::{Fields, plain};

/// Columns that make a line a header: the log service's own.
const KNOWN: [&str; 14] = [
    "message",
    "timestamp",
    "requestid",
    "duration",
    "durationms",
    "billedduration",
    "memorysize",
    "memorysizemb",
    "maxmemoryused",
    "initduration",
    "restoreduration",
    "logstream",
    "logstreamname",
    "type",
];
/// At least one of these is among them: what a call is known by.
const TELLING: [&str; 3] = ["message", "duration", "durationms"];

/// A text of delimited columns under a header.
pub struct Delimited<'a> {
    text: &'a str,
    delimiter: u8,
}

/// `text` as a table if its first line is a header of log columns.
pub fn delimited(text: &str) -> Option<Delimited<'_>> {
    let text = text.trim_start();
    let first = text.lines().next().filter(|line| !line.starts_with(['{', '[', '|']))?;
    let delimiter = [',', ';', '\t']
        .into_iter()
        .find(|delimiter| is_header(first.split(*delimiter).map(|name| name.trim().trim_matches('"'))))?;
    Some(Delimited { text, delimiter: delimiter as u8 })
}

fn is_header<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let names: Vec<String> = names.map(plain).collect();
    let known = names.iter().filter(|name| KNOWN.contains(&name.as_str())).count();
    let telling = names.iter().any(|name| TELLING.contains(&name.as_str()));
    // A sentence with commas is no header: half of the names at least are known.
    telling && 2 * known >= names.len() || names.len() <= 40 && telling && known >= 2
}

impl Delimited<'_> {
    /// Calls `row` for each row, with `None` for the header and where a page's header comes again.
    pub fn rows(&self, row: &mut dyn FnMut(Option<Fields<'_>>)) {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(self.text.as_bytes());
        let mut names: Vec<String> = Vec::new();
        let mut record = csv::StringRecord::new();
        // Bytes are UTF-8 and rows of any length are taken, so that no row fails.
        while reader.read_record(&mut record).unwrap_or(false) {
            if names.is_empty() || is_header(record.iter().map(str::trim)) {
                names = record.iter().map(|name| name.trim().to_owned()).collect();
                row(None);
                continue;
            }
            let named = names.iter().map(|name| Cow::from(name.as_str()));
            row(Some(Fields::new(named.zip(record.iter().map(Cow::from)).collect())));
        }
    }
}

/// The lines of a drawn table, as far as it was seen.
#[derive(Default)]
pub struct Drawn {
    names: Vec<String>,
}

/// What a line is in a drawn table.
pub enum Drawing<'a> {
    /// A row under a header.
    Row(Fields<'a>),
    /// A header or a rule.
    Rule,
    /// No line of a table.
    Outside,
}

impl Drawn {
    /// Takes the next line.
    pub fn line<'a>(&'a mut self, line: &'a str) -> Drawing<'a> {
        let text = line.trim();
        if text.len() >= 3 && text.bytes().all(|b| b"|-+:= ".contains(&b)) {
            return Drawing::Rule;
        }
        if !(text.starts_with('|') && text.ends_with('|')) {
            return Drawing::Outside;
        }
        let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
        if is_header(cells.iter().copied()) {
            self.names = cells.iter().map(|name| (*name).to_owned()).collect();
            return Drawing::Rule;
        }
        if self.names.is_empty() {
            return Drawing::Outside;
        }
        // A message may hold bars of its own: what is too much belongs to it.
        let extra = cells.len().saturating_sub(self.names.len());
        let message = self.names.iter().position(|name| plain(name) == "message").unwrap_or(0);
        let mut at = 0;
        let cell = |index: usize| {
            let width = if index == message { 1 + extra } else { 1 };
            let text = cells.get(at..at + width).map_or(Cow::from(""), |cells| joined(cells));
            at += width;
            text
        };
        let texts: Vec<Cow<'a, str>> = (0..self.names.len()).map(cell).collect();
        let names = self.names.iter().map(|name| Cow::from(name.as_str()));
        Drawing::Row(Fields::new(names.zip(texts).collect()))
    }
}

fn joined<'a>(cells: &[&'a str]) -> Cow<'a, str> {
    match cells {
        [one] => Cow::from(*one),
        many => Cow::from(many.join(" | ")),
    }
}
