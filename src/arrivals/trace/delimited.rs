//! Tables read record by record: with a filter, with a time in several columns, or less the duration in another.

use std::borrow::Cow;
use std::ops::Range;

use super::datetime::date_time;
use super::decimal::{self, Kind};
use super::layout::{Fault, Layout, Strictness};
use super::lines::{Fields, Lines};
use super::quotes::unquoted;
use super::reading::Reading;
use super::table::{Column, Table};
use super::unit::Chosen;
use crate::error::InputError;

/// The layout of a table.
pub(super) struct Delimited {
    time: TimeColumns,
    unit: Chosen,
    delimiter: u8,
    names: Vec<String>,
    others: String,
    fields: Vec<Range<usize>>,
    keys: Vec<usize>,
}

/// Where a table has the time of an arrival.
#[derive(Debug, Clone)]
pub(super) enum TimeColumns {
    /// In one column.
    One(Column, Kind),
    /// A date and a time of day.
    DateAndTime(Column, Column),
    /// An end and a duration.
    EndLess(Column, Column, Kind),
}

impl Delimited {
    pub(super) fn new(table: &Table, time: TimeColumns, unit: Chosen) -> Delimited {
        let (fields, keys) = (Vec::new(), Vec::new());
        let (names, others) = (table.all_names(), table.others());
        Delimited { time, unit, delimiter: table.delimiter, names, others, fields, keys }
    }

    fn text<'a>(&self, record: &'a [u8], column: &Column) -> Result<(Range<usize>, &'a [u8]), Fault> {
        let count = self.fields.len();
        let short = || {
            let reason =
                format!("this row has {count} fields, but {} is number {}", column.label, column.index + 1);
            Fault { token: 0..record.len(), reason }
        };
        let place = self.fields.get(column.index).ok_or_else(short)?.clone();
        Ok((place.clone(), &record[place]))
    }

    fn number(&self, record: &[u8], column: &Column, kind: Kind) -> Result<i64, Fault> {
        let (token, text) = self.text(record, column)?;
        value(text, kind, self.delimiter).map_err(|reason| Fault { token, reason })
    }
}

/// A value of a table: where `;` is between columns, a comma may be the sign of decimals.
pub(super) fn value(text: &[u8], kind: Kind, delimiter: u8) -> Result<i64, String> {
    let is_decimal = delimiter == b';' && matches!(kind, Kind::Number { .. });
    let parsed = decimal::parse(text, kind);
    match parsed {
        Err(_) if is_decimal && memchr::memchr_iter(b',', text).count() == 1 => {
            let point: Vec<u8> = text.iter().map(|b| if *b == b',' { b'.' } else { *b }).collect();
            decimal::parse(&point, kind).or(parsed)
        }
        parsed => parsed,
    }
}

impl Layout for Delimited {
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Range<usize>>, InputError> {
        lines.next_record(self.delimiter)
    }

    fn take(&mut self, record: &[u8]) -> Result<(), &'static str> {
        self.fields.clear();
        for field in Fields::new(record, self.delimiter) {
            self.fields.push(
                field.map_err(
                    |_| "has a quoted field that does not end on its line, nor on those that follow",
                )?,
            );
        }
        Ok(())
    }

    fn key(&mut self, name: &str) -> Result<usize, Vec<String>> {
        let same = |known: &String| known.trim().eq_ignore_ascii_case(name.trim());
        let by_name = self.names.iter().position(same);
        let by_number =
            || name.parse::<usize>().ok().filter(|n| (1..=self.names.len()).contains(n)).map(|n| n - 1);
        let Some(index) = by_name.or_else(by_number) else { return Err(self.names.clone()) };
        self.keys.push(index);
        Ok(self.keys.len() - 1)
    }

    fn value<'a>(&'a self, record: &'a [u8], key: usize) -> Option<Cow<'a, [u8]>> {
        self.fields.get(self.keys[key]).map(|place| unquoted(record, place))
    }

    /// Where `;` is between columns, a comma may be the sign of decimals.
    fn number(&self, text: &[u8]) -> Option<f64> {
        let text = text.trim_ascii();
        let comma = (self.delimiter == b';').then(|| memchr::memchr(b',', text)).flatten();
        let parsed = match comma {
            Some(comma) => {
                let mut point = text.to_vec();
                point[comma] = b'.';
                fast_float2::parse(point)
            }
            None => fast_float2::parse(text),
        };
        parsed.ok().filter(|number: &f64| number.is_finite())
    }

    fn arrival(&self, record: &[u8]) -> Result<i64, Fault> {
        match &self.time {
            TimeColumns::One(column, kind) => self.number(record, column, *kind),
            TimeColumns::EndLess(end, duration, kind) => {
                Ok(self.number(record, end, *kind)? - self.number(record, duration, *kind)?)
            }
            TimeColumns::DateAndTime(date, time) => {
                let ((token, date), (_, time)) = (self.text(record, date)?, self.text(record, time)?);
                let text = [date, b" ", time].concat();
                let reason = || format!("`{}` is no date and time", String::from_utf8_lossy(&text));
                date_time(&text).ok_or_else(|| Fault { token, reason: reason() })
            }
        }
    }

    fn strictness(&self) -> Strictness {
        Strictness::Refuse
    }

    fn others(&self) -> String {
        self.others.clone()
    }

    fn describe(&self, reading: &mut Reading) {
        (reading.format, reading.times) = match &self.time {
            TimeColumns::One(column, _) => ("timestamps", format!("{}, {}", column.label, self.unit)),
            TimeColumns::DateAndTime(date, time) => {
                ("timestamps", format!("{} and {}", date.label, time.label))
            }
            TimeColumns::EndLess(end, duration, _) => {
                ("azure-2021", format!("{} less {}, {}", end.label, duration.label, self.unit))
            }
        };
        reading.assume(self.unit.remark());
    }
}
