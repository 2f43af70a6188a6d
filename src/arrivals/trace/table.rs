//! The columns of a trace, and which format it can be.

use super::decimal::{date_time, is_number};
use super::lines::{Fields, Lines};
use super::{TraceFormat, Unit};
use crate::error::{InputError, nearest};

/// The first rows of a trace, taken apart.
pub(super) struct Table {
    /// What stands between fields.
    pub(super) delimiter: u8,
    /// The names of the columns; empty if the text has no header.
    pub(super) names: Vec<String>,
    /// The first rows of values.
    pub(super) rows: Vec<Vec<String>>,
}

/// A column to read.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) index: usize,
    pub(super) delimiter: u8,
    /// How errors call it.
    pub(super) label: String,
}

/// Rows looked at to find out what a text is.
pub(super) const SAMPLE_ROWS: usize = 64;
/// Columns named in an error.
const SHOWN_NAMES: usize = 12;
/// So many different values in ascending order are taken for points in time.
const CONVINCING: usize = 8;

const TIME_NAMES: &[&str] = &[
    "timestamp",
    "timestamps",
    "time",
    "arrival",
    "arrivals",
    "arrival_time",
    "arrived_at",
    "datetime",
    "ts",
];
const GAP_NAMES: &[&str] = &[
    "interarrival",
    "interarrivals",
    "inter_arrival",
    "interarrival_time",
    "inter_arrival_time",
    "iat",
    "gap",
];
const COUNT_NAMES: &[&str] = &["count", "counts", "requests", "invocations", "arrivals"];
const PERIOD_NAMES: &[&str] =
    &["period", "bin", "bucket", "timestamp", "time", "date", "datetime", "second", "minute", "hour"];

impl Table {
    /// Looks at the first lines, which stay unread, but takes the header.
    pub(super) fn of(lines: &mut Lines) -> Result<Table, InputError> {
        let ready = lines.ready()?;
        let texts = ready.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
        let texts = texts.filter(|text| !text.is_empty() && text[0] != b'#');
        let texts: Vec<&[u8]> = texts.take(SAMPLE_ROWS + 1).collect();
        let has = |delimiter: &u8| texts.first().is_some_and(|text| text.contains(delimiter));
        let delimiter = *b"\t,;|".iter().find(|d| has(d)).unwrap_or(&b',');
        let split = |text: &[u8]| -> Vec<String> {
            let lossy = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
            let fields = Fields::new(text, delimiter).map_while(Result::ok);
            let fields: Vec<String> = fields.map(|field| lossy(&text[field])).collect();
            // A line that begins with an open quote is one field, so that every row has a first.
            if fields.is_empty() { vec![lossy(text)] } else { fields }
        };
        let mut rows: Vec<Vec<String>> = texts.iter().map(|text| split(text)).collect();
        let mut names = Vec::new();
        if rows.first().is_some_and(|row| is_header(row)) {
            names = rows.remove(0);
            lines.next()?;
        }
        if rows.is_empty() {
            return Err(InputError::new(lines.name(), "holds no arrivals")
                .help("a trace has one line for each arrival, gap or bin"));
        }
        Ok(Table { delimiter, names, rows })
    }

    /// The column called `wanted`, or its number from 1 where no header has that name.
    pub(super) fn named(&self, file: &str, wanted: &str) -> Result<Column, InputError> {
        let same = |name: &String| name.trim().eq_ignore_ascii_case(wanted.trim());
        if let Some(index) = self.names.iter().position(same) {
            return Ok(self.column(index));
        }
        let width = self.names.len().max(self.rows[0].len());
        match wanted.trim().parse::<usize>() {
            Ok(number) if (1..=width).contains(&number) => Ok(self.column(number - 1)),
            _ => Err(self.no_column(file, format!("has no column `{wanted}`"), wanted)),
        }
    }

    /// The first column whose name, without a unit, is one of `known`.
    fn known(&self, known: &[&str]) -> Option<Column> {
        let plain = |name: &String| split_unit(name).0;
        let index = self.names.iter().position(|name| known.contains(&plain(name).as_str()))?;
        Some(self.column(index))
    }

    fn column(&self, index: usize) -> Column {
        let label = match self.names.get(index) {
            Some(name) => format!("column `{name}`"),
            None => format!("column {}", index + 1),
        };
        Column { index, delimiter: self.delimiter, label }
    }

    /// The only column, the first of a table without a header, or the one with a telling name.
    pub(super) fn value_column(&self, file: &str, format: TraceFormat) -> Result<Column, InputError> {
        let known = match format {
            TraceFormat::Interarrivals => GAP_NAMES,
            TraceFormat::Counts => COUNT_NAMES,
            _ => TIME_NAMES,
        };
        if let Some(column) = self.known(known) {
            return Ok(column);
        }
        match (self.names.len(), self.rows[0].len(), format) {
            (0, 2.., TraceFormat::Counts) => Ok(self.column(1)),
            (0, ..) | (1, ..) => Ok(self.column(0)),
            _ => Err(self.no_column(file, format!("has no column named {}", known.join(", ")), known[0])),
        }
    }

    /// The column that says which bin a count is of; none if the counts follow each other.
    pub(super) fn period_column(&self, count: &Column) -> Option<Column> {
        let other = |column: &Column| column.index != count.index;
        if self.names.is_empty() {
            return (self.rows[0].len() > 1).then(|| self.column(0)).filter(other);
        }
        self.known(PERIOD_NAMES).filter(other)
    }

    /// The unit in the name of a column, such as `time_ms`.
    pub(super) fn unit_of(&self, column: &Column) -> Option<Unit> {
        split_unit(self.names.get(column.index)?).1
    }

    fn no_column(&self, file: &str, message: String, wanted: &str) -> InputError {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let meant =
            nearest(wanted, &names).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
        let list = match names.len() {
            0 => {
                format!("the file has no header: name the column by its number, 1 to {}", self.rows[0].len())
            }
            _ => format!("set `column` to one of: {}", self.shown_names()),
        };
        InputError::new(file, message).help(format!("{meant}{list}"))
    }

    /// The names of the columns, or the first of many.
    fn shown_names(&self) -> String {
        match self.names.len() {
            n if n > SHOWN_NAMES => format!("{}, ... ({n} in all)", self.names[..SHOWN_NAMES].join(", ")),
            _ => self.names.join(", "),
        }
    }

    /// The one format that the rows can be; else an error that names the choices.
    pub(super) fn guess(&self, file: &str, has_bin: bool) -> Result<TraceFormat, InputError> {
        if has_column(self, "end_timestamp") && has_column(self, "duration") {
            return Ok(TraceFormat::Azure2021);
        }
        if minutes_start(&self.names).is_some() {
            return Ok(TraceFormat::Azure2019);
        }
        let count = self.known(COUNT_NAMES);
        if count.is_some_and(|count| self.names.len() == 1 || self.period_column(&count).is_some())
            && !self.rising()
        {
            return Ok(TraceFormat::Counts);
        }
        if self.known(GAP_NAMES).is_some() {
            return Ok(TraceFormat::Interarrivals);
        }
        if self.known(TIME_NAMES).is_some() {
            return Ok(TraceFormat::Timestamps);
        }
        if has_bin && self.rows[0].len() <= 2 {
            return Ok(TraceFormat::Counts);
        }
        let single = self.rows.iter().all(|row| row.len() == 1);
        if single && (self.rising() || date_time(self.rows[0][0].as_bytes()).is_some()) {
            return Ok(TraceFormat::Timestamps);
        }
        Err(self.ambiguous(file))
    }

    /// True if the first column is one of points in time by its values.
    fn rising(&self) -> bool {
        let values: Vec<Option<f64>> = self.rows.iter().map(|row| row[0].parse().ok()).collect();
        let mut distinct = values.clone();
        distinct.dedup();
        distinct.len() >= CONVINCING.min(values.len()).max(2)
            && values.windows(2).all(|w| matches!((w[0], w[1]), (Some(a), Some(b)) if a <= b))
            && values.len() > 2
    }

    fn ambiguous(&self, file: &str) -> InputError {
        let whole = self.rows.iter().all(|row| row.iter().all(|field| field.parse::<u64>().is_ok()));
        let likely =
            if whole { " (whole numbers: likely counts, which need `bin`, such as \"1s\")" } else { "" };
        let choices: Vec<&str> = TraceFormat::ALL.iter().map(|(name, _)| *name).collect();
        let formats = format!("`format` to one of: {}{likely}", choices.join(", "));
        let help = match self.names.len() {
            0 | 1 => format!("set {formats}"),
            _ => format!(
                "set `column` to the times among {}; if there are none, {formats}",
                self.shown_names()
            ),
        };
        InputError::new(file, "does not show by itself which kind of trace it is").help(help)
    }
}

/// True if the table has a column of exactly this name.
fn has_column(table: &Table, name: &str) -> bool {
    table.names.iter().any(|known| known == name)
}

/// Where the columns `1, 2, 3, ...` of an Azure 2019 header start.
pub(super) fn minutes_start(names: &[String]) -> Option<usize> {
    let start = names.iter().position(|name| name == "1")?;
    let consecutive = names[start..].iter().enumerate().all(|(i, name)| *name == (i + 1).to_string());
    (start > 0 && names.len() > start + 1 && consecutive).then_some(start)
}

/// A header has names where values could stand; `nan` is a bad value and no name.
fn is_header(row: &[String]) -> bool {
    let name = |field: &String| {
        let starts_as_name = field.chars().next().is_none_or(|c| c.is_alphabetic() || c == '_');
        starts_as_name && !is_number(field.as_bytes())
    };
    row.iter().any(|field| !field.is_empty()) && (row.iter().all(name) || minutes_start(row).is_some())
}

/// `time_ms` and `time (ms)` are `time` in ms.
fn split_unit(name: &str) -> (String, Option<Unit>) {
    let lower = name.trim().to_ascii_lowercase();
    for (suffix, unit) in Unit::ALL {
        for end in
            [format!("_{suffix}"), format!(" ({suffix})"), format!("({suffix})"), format!(" [{suffix}]")]
        {
            if let Some(plain) = lower.strip_suffix(&end) {
                return (plain.to_owned(), Some(*unit));
            }
        }
    }
    (lower, None)
}
