//! The columns of a trace, and which format it can be.

use super::datetime::date_time;
use super::decimal::is_number;
use super::lines::{Fields, Lines, has_open_quote};
use super::names::{COUNT_NAMES, GAP_NAMES, PERIOD_NAMES, TIME_NAMES, Wanted, minutes_start, split_unit};
use super::quotes::unquoted_text;
use super::unit::{Chosen, by_magnitude};
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

impl Table {
    /// Looks at the first lines, which stay unread, but takes the header.
    pub(super) fn of(lines: &mut Lines) -> Result<Table, InputError> {
        let ready = lines.ready()?;
        let delimiter = delimiter(ready);
        let split = |text: &[u8]| -> Vec<String> {
            let fields = Fields::new(text, delimiter).map_while(Result::ok);
            let fields: Vec<String> = fields.map(|field| unquoted_text(text, &field)).collect();
            // A line that begins with an open quote is one field, so that every row has a first.
            if fields.is_empty() { vec![String::from_utf8_lossy(text).into_owned()] } else { fields }
        };
        let mut rows: Vec<Vec<String>> = records(ready, delimiter).take(SAMPLE_ROWS + 1).map(split).collect();
        let mut names = Vec::new();
        if rows.first().is_some_and(|row| is_header(row)) {
            names = rows.remove(0);
            lines.next_record(delimiter)?;
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

    /// The column that names functions or applications.
    pub(super) fn column_called(&self, wanted: Wanted) -> Option<String> {
        self.names.iter().find(|name| wanted.is_named(name)).cloned()
    }

    /// The names of the columns, or their numbers where there is no header.
    pub(super) fn all_names(&self) -> Vec<String> {
        match self.names.len() {
            0 => (1..=self.rows[0].len()).map(|number| number.to_string()).collect(),
            _ => self.names.clone(),
        }
    }

    /// Has the header a column of counts by its name?
    pub(super) fn has_counts(&self) -> bool {
        self.known(COUNT_NAMES).is_some_and(|count| self.period_column(&count).is_some())
    }

    /// What else could be read; empty if there is one column alone.
    pub(super) fn others(&self) -> String {
        match self.names.len().max(self.rows[0].len()) {
            0 | 1 => String::new(),
            _ => format!("set `column` to one of: {}", self.all_names().join(", ")),
        }
    }

    /// Columns of a date and of a time of day, which are one time together.
    pub(super) fn date_and_time(&self) -> Option<(Column, Column)> {
        let (date, time) = (self.known(&["date", "day"])?, self.known(&["time", "time_of_day", "hour"])?);
        let row = &self.rows[0];
        let (day, clock) = (row.get(date.index)?, row.get(time.index)?);
        let is_both = date_time(format!("{day} {clock}").as_bytes()).is_some();
        (is_both && date_time(clock.as_bytes()).is_none() && clock.contains(':')).then_some((date, time))
    }

    /// True for the first release of Huawei's traces: a day, seconds, and a column of counts for each function.
    pub(super) fn is_huawei_counts(&self) -> bool {
        let [day, time, functions @ ..] = &self.names[..] else { return false };
        let is_id = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        day == "day" && time == "time" && !functions.is_empty() && functions.iter().all(is_id)
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
        if let Some(index) = (format == TraceFormat::Timestamps).then(|| self.by_values()).flatten() {
            return Ok(self.column(index));
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

    /// The unit of a column: what the user says, its name, its layout, or its magnitude.
    pub(super) fn unit_of(&self, column: &Column, said: Option<Unit>) -> Chosen {
        let named = self.names.get(column.index).and_then(|name| split_unit(name).1);
        let has = |name: &str| self.names.iter().any(|known| known == name);
        let alibaba = has("traceid") && has("rpcid") && has("timestamp");
        let known = alibaba.then_some(Chosen::Layout(Unit::Millis, "Alibaba's microservices"));
        let first = self.rows[0].get(column.index).map_or("", String::as_str);
        let chosen = said.map(Chosen::Said).or(named.map(Chosen::Named)).or(known);
        chosen.unwrap_or_else(|| by_magnitude(first.as_bytes()))
    }

    /// The one column whose values are surely times: dates, or rising numbers with a fraction or since 1970.
    fn by_values(&self) -> Option<usize> {
        let column =
            |index: usize| self.rows.iter().map(move |row| row.get(index).map_or("", String::as_str));
        let dated = |index: &usize| column(*index).all(|text| date_time(text.as_bytes()).is_some());
        let mut indices = 0..self.rows[0].len();
        if let Some(index) = indices.clone().find(dated) {
            return Some(index);
        }
        let surety = |index: usize| {
            let values: Option<Vec<f64>> = column(index).map(|text| text.parse().ok()).collect();
            let values =
                values.filter(|values| values.len() > 2 && values.is_sorted() && values[0] >= 0.0)?;
            let since_1970 = values[0] >= 1e9;
            let has_fraction = values.iter().any(|value| value.fract() != 0.0);
            (values[0] < values[values.len() - 1])
                .then_some(u32::from(has_fraction) + 2 * u32::from(since_1970))
        };
        let best = indices.clone().filter_map(surety).max().filter(|surety| *surety > 0)?;
        let first = indices.find(|index| surety(*index) == Some(best))?;
        indices.all(|index| surety(index) != Some(best)).then_some(first)
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
        if self.is_huawei_counts() {
            return Ok(TraceFormat::Counts);
        }
        if has_column(self, "end_timestamp") && has_column(self, "duration") {
            return Ok(TraceFormat::Azure2021);
        }
        if minutes_start(&self.names).is_some() {
            return Ok(TraceFormat::Azure2019);
        }
        // Rising numbers in a column called arrivals or requests are points in time.
        let is_counts = |count: &Column| match self.period_column(count) {
            Some(_) => self.rows.iter().all(|row| row.get(count.index).is_none_or(|text| is_whole(text))),
            None => self.names.len() == 1 && !self.rising(),
        };
        if self.known(COUNT_NAMES).is_some_and(|count| is_counts(&count)) {
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
        if !single && self.by_values().is_some() {
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

fn is_whole(text: &str) -> bool {
    text.is_empty() || text.parse::<f64>().is_ok_and(|count| count.fract() == 0.0 && count >= 0.0)
}

/// What stands between the fields of the first lines: the first of tab, `,`, `;` and `|` that all of them have equally
/// often, else the first that the first line has, else blanks.
fn delimiter(ready: &[u8]) -> u8 {
    let lines = || records(ready, b',').take(SAMPLE_ROWS);
    let Some(first) = lines().next() else { return b',' };
    // A comma may stand before the fraction of a second, as Python writes it: then there is one column.
    let is_whole = |text: &[u8]| text.contains(&b',') && date_time(text).is_some();
    let header = usize::from(!is_whole(first) && !first.contains(&b','));
    if lines().nth(header).is_some() && lines().skip(header).all(is_whole) {
        return b'\t';
    }
    let count = |text: &[u8], delimiter: u8| Fields::new(text, delimiter).count();
    let present = |delimiter: &u8| first.contains(delimiter);
    let even = |delimiter: &u8| {
        let width = count(first, *delimiter);
        width > 1 && records(ready, *delimiter).take(SAMPLE_ROWS).all(|text| count(text, *delimiter) == width)
    };
    let all = *b"\t,;|";
    if let Some(found) = all.iter().filter(|d| present(d)).find(|d| even(d)) {
        return *found;
    }
    // Blanks also stand within dates, and commas within what stands between blanks.
    let is_date = date_time(first).is_some();
    let is_wide = first.split(|b| *b == b' ').filter(|field| !field.is_empty()).count() > 1;
    let is_text = first.contains(&b'"') || first.iter().all(|b| *b != b' ');
    let has_blank_columns = !is_date && is_wide && !is_text;
    match all.iter().find(|d| present(d)) {
        Some(_) if has_blank_columns && even(&b' ') => b' ',
        Some(found) => *found,
        None if has_blank_columns => b' ',
        None => b',',
    }
}

/// The records of a table, as far as they are at hand.
fn records(ready: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = ready;
    std::iter::from_fn(move || {
        loop {
            let mut length = memchr::memchr(b'\n', rest)?;
            let head = rest[..length].trim_ascii_end();
            if head.is_empty() || head[0] == b'#' {
                rest = &rest[length + 1..];
                continue;
            }
            let whole = length;
            while has_open_quote(&rest[..length], delimiter) {
                match memchr::memchr(b'\n', &rest[length + 1..]) {
                    Some(more) => length += more + 1,
                    None => {
                        length = whole;
                        break;
                    }
                }
            }
            let record = rest[..length].trim_ascii_end();
            rest = &rest[length + 1..];
            return Some(record);
        }
    })
}

/// A header has names where values could stand; `nan` is a bad value and no name.
fn is_header(row: &[String]) -> bool {
    let is_value = |field: &String| is_number(field.as_bytes()) || date_time(field.as_bytes()).is_some();
    let is_name = |field: &String| field.chars().any(char::is_alphabetic);
    let numbered = minutes_start(row).is_some() || row.starts_with(&["day".to_owned(), "time".to_owned()]);
    numbered
        || row.iter().any(is_name)
            && !row.iter().any(is_value)
            && row.iter().all(|field| field.is_empty() || is_name(field))
}
