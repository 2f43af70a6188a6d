//! Opens a trace: finds out what the files hold, and puts the stages together that make arrivals of it.

use std::path::Path;

use super::access::Access;
use super::azure::AzureRow;
use super::balancer::Balancer;
use super::binary::Binary;
use super::counts::{Blank, CountLines, Period, Periods, Spread};
use super::datetime::date_time;
use super::delimited::{Delimited, TimeColumns};
use super::filter::Filter;
use super::json::{Json, is_json};
use super::layout::{Layout, Records, sample};
use super::lines::Lines;
use super::names::Wanted;
use super::order::Sorted;
use super::reading::{Findings, Reading};
use super::replay::{Noted, Repeat, Window};
use super::spec::stem_extension;
use super::stages::Content;
use super::stamps::{Meaning, Stamps, Summed};
use super::table::{Column, Table};
use super::unit::Chosen;
use super::w3c::W3c;
use super::{Kind, MAGIC, PARQUET, Reader, TraceFormat, TraceSpec, Unit, source};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::Span;

impl TraceSpec {
    /// Opens the trace. `stream` spreads counts in their bins and coarse stamps in their resolution.
    ///
    /// # Errors
    /// A file cannot be read, holds no arrivals, its format is not clear or a field does not fit
    /// the format. What is wrong further down is reported by [`Arrivals::fill`], with the line.
    pub fn open(&self, stream: Stream) -> Result<Box<dyn Arrivals>, InputError> {
        self.open_noted(stream, &Findings::default())
    }

    /// As [`TraceSpec::open`]; what is found is left in `findings` when the arrivals are dropped.
    ///
    /// # Errors
    /// As [`TraceSpec::open`].
    pub fn open_noted(
        &self,
        mut stream: Stream,
        findings: &Findings,
    ) -> Result<Box<dyn Arrivals>, InputError> {
        if let Some((_, message)) = self.fault(self.format) {
            return Err(InputError::new(self.name(), message));
        }
        let inner = self.pass(stream.clone(), findings)?;
        if self.repeat == 1 {
            return Ok(inner);
        }
        if self.paths.iter().any(|path| source::is_standard_input(path)) {
            return Err(InputError::new(self.name(), "cannot be read again for `repeat`")
                .help("write it to a file first"));
        }
        stream.jump();
        let (spec, left, start, any) = (self.clone(), self.repeat - 1, Span::ZERO, false);
        Ok(Box::new(Repeat { spec, stream, inner, left, start, any, findings: findings.clone() }))
    }

    /// One pass through the window of the trace.
    pub(super) fn pass(&self, stream: Stream, findings: &Findings) -> Result<Box<dyn Reader>, InputError> {
        let inner = self.reader(stream)?;
        let inner = Box::new(Noted { inner, findings: findings.clone() });
        if self.from == Span::ZERO && self.until.is_none() {
            return Ok(inner);
        }
        let until = self.until.unwrap_or(Span::MAX);
        Ok(Box::new(Window { name: self.name(), inner, from: self.from, until, length: None }))
    }

    /// What a file holds, read as far as it shows what that is.
    pub(super) fn content(&self, path: &Path, stream: Stream) -> Result<Content, InputError> {
        let source = source::open(path)?;
        let name = source::name_of(path);
        if source.head.is_empty() {
            return Err(InputError::new(name, "is empty"));
        }
        let binary_by_name = stem_extension(path) == Some("bin") && self.format.is_none();
        if source.head == MAGIC || binary_by_name || self.format == Some(TraceFormat::Binary) {
            self.check(TraceFormat::Binary)?;
            return Ok(Content::Arrivals(Box::new(Binary::new(name, source.bytes)?)));
        }
        if source.head.starts_with(PARQUET) {
            return self.parquet(path);
        }
        let mut lines = Lines::new(name, source.bytes)?;
        if let Some(format) = self.log_format(&mut lines)? {
            self.check(format)?;
            return self.log(lines, format);
        }
        let table = Table::of(&mut lines)?;
        let format = self.format_of(&table, lines.name())?;
        self.table(lines, &table, format, stream)
    }

    /// The layout of a log, if the file has one: the one that is set, or that the first lines show.
    fn log_format(&self, lines: &mut Lines) -> Result<Option<TraceFormat>, InputError> {
        use TraceFormat::{AccessLog, Alb, JsonLines, Timestamps, W3c as Named};
        match self.format {
            Some(format @ (JsonLines | AccessLog | Alb | Named)) => return Ok(Some(format)),
            None | Some(Timestamps) => (),
            Some(_) => return Ok(None),
        }
        if W3c::recognise(lines.ready()?).is_some() {
            return Ok(Some(Named));
        }
        let first = sample(lines)?;
        Ok(if is_json(&first) {
            Some(JsonLines)
        } else if self.column.is_some() || first.is_empty() {
            None
        } else if Balancer::recognise(&first).is_some() {
            Some(Alb)
        } else {
            Access::recognise(&first).map(|_| AccessLog)
        })
    }

    fn log(&self, mut lines: Lines, format: TraceFormat) -> Result<Content, InputError> {
        let refuse = |lines: &Lines, what: &str| {
            InputError::new(lines.name(), format!("does not look like {what} in its first lines"))
                .help("leave out `format` to have it found out, or set `column` to read a table")
        };
        match format {
            TraceFormat::JsonLines => {
                let json = Json::new(&mut lines, self.column.as_deref(), self.unit)?;
                let filter = self.filter_of(lines.name(), &|wanted| json.field_called(wanted))?;
                self.records(lines, json, filter)
            }
            TraceFormat::Alb => match Balancer::recognise(&sample(&mut lines)?) {
                Some(layout) => self.records(lines, layout, self.filter.clone()),
                None => Err(refuse(&lines, "the log of a load balancer")),
            },
            TraceFormat::W3c => match W3c::recognise(lines.ready()?) {
                Some(layout) => self.records(lines, layout, self.filter.clone()),
                None => Err(refuse(&lines, "a log with a #Fields: line that names a date and a time")),
            },
            _ => match Access::recognise(&sample(&mut lines)?) {
                Some(layout) => self.records(lines, layout, self.filter.clone()),
                None => {
                    Err(refuse(&lines, "an access log, with a time and a request in quotes on each line"))
                }
            },
        }
    }

    /// The filter with the conditions that `function` and `app` stand for.
    fn filter_of(
        &self,
        file: &str,
        column: &dyn Fn(Wanted) -> Option<String>,
    ) -> Result<Option<Filter>, InputError> {
        let mut filter = self.filter.clone();
        for (wanted, value) in [(Wanted::Function, &self.function), (Wanted::App, &self.app)] {
            let Some(value) = value else { continue };
            let Some(name) = column(wanted) else {
                return Err(InputError::new(
                    file,
                    format!("has no column of {}s by its name", wanted.name()),
                )
                .help("name it in `where`, such as where = \"handler = resize\""));
            };
            let condition = Filter::equal(&name, value);
            filter = Some(match filter {
                Some(filter) => filter.and(condition),
                None => condition,
            });
        }
        Ok(filter)
    }

    /// The records of a layout, with their sizes and classes where these are read.
    fn records(
        &self,
        lines: Lines,
        layout: impl Layout + 'static,
        filter: Option<Filter>,
    ) -> Result<Content, InputError> {
        let marks = (self.size_column.as_ref(), self.class_column.as_ref());
        let records = Records::new(lines, layout, filter, marks)?.part(self.paths.len() > 1);
        Ok(match self.is_marked() {
            true => Content::Marked(Box::new(records)),
            false => Content::Stamps(Box::new(records)),
        })
    }

    fn table(
        &self,
        lines: Lines,
        table: &Table,
        format: TraceFormat,
        stream: Stream,
    ) -> Result<Content, InputError> {
        let named = |format: TraceFormat| Reading { format: format.name(), files: 1, ..Reading::default() };
        Ok(match format {
            TraceFormat::Timestamps | TraceFormat::Azure2021 => self.instants(lines, table, format)?,
            TraceFormat::Interarrivals => {
                let column = self.value_column(table, lines.name(), format)?;
                let unit = self.unit_of(table, &column);
                let raw = Stamps::new(lines, column, unit, Meaning::Gap, table.others());
                Content::Made(Box::new(Summed::new(raw)), named(format))
            }
            TraceFormat::Counts => Content::Made(self.counts(lines, table, stream)?, named(format)),
            TraceFormat::Azure2019 => {
                let row = AzureRow::find(lines, table, self.row.as_deref().or(self.function.as_deref()))?;
                let spread = Spread::new(row, self.bin.unwrap_or(Span::from_secs(60)), stream);
                Content::Made(Box::new(spread), named(format))
            }
            other => unreachable!("{} is no table", other.name()),
        })
    }

    /// The points in time of a table: by the quick reader if one plain column is all that is asked for.
    fn instants(&self, lines: Lines, table: &Table, format: TraceFormat) -> Result<Content, InputError> {
        let filter = self.filter_of(lines.name(), &|wanted| table.column_called(wanted))?;
        let (time, unit) = if format == TraceFormat::Azure2021 {
            let (end, duration) =
                (table.named(lines.name(), "end_timestamp")?, table.named(lines.name(), "duration")?);
            let unit = self.unit.map_or(Chosen::Layout(Unit::Seconds, "Azure 2021"), Chosen::Said);
            let time = TimeColumns::EndLess(end, duration, unit.unit().kind());
            // The lines are in the order of the ends, and an invocation may take days.
            return Ok(match self.records(lines, Delimited::new(table, time, unit), filter)? {
                Content::Stamps(raw) => Content::Stamps(Box::new(Sorted::new(raw))),
                Content::Marked(raw) => Content::Marked(Box::new(Sorted::new(raw))),
                other => other,
            });
        } else if let (None, Some((date, time))) = (&self.column, table.date_and_time()) {
            (TimeColumns::DateAndTime(date, time), Chosen::Dated)
        } else {
            let column = self.value_column(table, lines.name(), format)?;
            let unit = self.unit_of(table, &column);
            if filter.is_none() && !self.is_marked() {
                let stamps = Stamps::new(lines, column, unit, Meaning::Instant, table.others());
                return Ok(Content::Stamps(Box::new(stamps)));
            }
            let kind = if unit == Chosen::Dated { Kind::DateTime } else { unit.unit().kind() };
            (TimeColumns::One(column, kind), unit)
        };
        self.records(lines, Delimited::new(table, time, unit), filter)
    }

    #[cfg(feature = "parquet")]
    fn parquet(&self, path: &Path) -> Result<Content, InputError> {
        let columns = super::parquet::Columns::open(path)?;
        let table = columns.table()?;
        let format = self.format_of(&table, &source::name_of(path))?;
        if self.filter.is_some() || self.function.is_some() || self.app.is_some() {
            return Err(InputError::new(source::name_of(path), "is a Parquet file, which is not filtered")
                .help("convert it to CSV to use `where`, `function` or `app`"));
        }
        if self.is_marked() {
            let message = "is a Parquet file, of which one column alone is read: no sizes and no classes";
            return Err(InputError::new(source::name_of(path), message)
                .help("convert it to CSV to use `size_column` and `class_column`"));
        }
        let column = self.value_column(&table, &source::name_of(path), format)?;
        let unit = self.unit_of(&table, &column).unit();
        match format {
            TraceFormat::Timestamps => Ok(Content::Stamps(Box::new(columns.stamps(
                &column,
                unit,
                Meaning::Instant,
                table.others(),
            )?))),
            TraceFormat::Interarrivals => {
                let values = columns.stamps(&column, unit, Meaning::Gap, table.others())?;
                let found = Reading { format: format.name(), files: 1, ..Reading::default() };
                Ok(Content::Made(Box::new(Summed::new(values)), found))
            }
            other => {
                let message = format!("is a Parquet file, from which {} are not read", other.name());
                Err(InputError::new(source::name_of(path), message)
                    .help("convert it to CSV, or set `format` to timestamps or interarrivals"))
            }
        }
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(&self, path: &Path) -> Result<Content, InputError> {
        Err(InputError::new(
            source::name_of(path),
            "is a Parquet file, and this build of sim has no reader for it",
        )
        .help("build with `--features parquet`, or convert it to CSV"))
    }

    /// The format that is set, or the one that the columns show.
    fn format_of(&self, table: &Table, file: &str) -> Result<TraceFormat, InputError> {
        let format = match (self.format, &self.column) {
            (Some(format), _) => format,
            (None, Some(_)) if self.bin.is_none() && !table.is_huawei_counts() => TraceFormat::Timestamps,
            _ => table.guess(file, self.bin.is_some())?,
        };
        self.check(format)?;
        Ok(format)
    }

    fn counts(&self, lines: Lines, table: &Table, stream: Stream) -> Result<Box<dyn Reader>, InputError> {
        let (count, blank) = match (&self.function, table.is_huawei_counts()) {
            (Some(function), true) => (table.named(lines.name(), function)?, Blank::Zero),
            (Some(_), false) => {
                return Err(InputError::new(lines.name(), "has no column for each function")
                    .help("leave out `function`, or set `column`"));
            }
            (None, true) if self.column.is_none() => {
                return Err(InputError::new(
                    lines.name(),
                    "has a column for each function; which one is not said",
                )
                .help(format!("set `function` to one of: {}", table.names[2..].join(", "))));
            }
            (None, huawei) => {
                let blank = if huawei { Blank::Zero } else { Blank::Refused };
                (self.value_column(table, lines.name(), TraceFormat::Counts)?, blank)
            }
        };
        let Some(column) = table.period_column(&count) else {
            let width = self.bin.ok_or_else(|| no_bin(lines.name()))?;
            let periods = Periods::Consecutive { next: 0 };
            return Ok(Box::new(Spread::new(CountLines { lines, count, blank, periods }, width, stream)));
        };
        let value = |row: usize| table.rows.get(row)?.get(column.index).map(String::as_bytes);
        let dated = value(0).is_some_and(|text| date_time(text).is_some());
        let unit = if table.is_huawei_counts() {
            Chosen::Layout(Unit::Seconds, "Huawei 2023")
        } else {
            self.unit_of(table, &column)
        };
        // Numbers are of bins, unless something says that they are times.
        let (kind, is_time) = match unit {
            _ if dated => (Kind::DateTime, true),
            Chosen::Assumed(_) => (Unit::Nanos.kind(), false),
            unit => (unit.unit().kind(), true),
        };
        let parse = |row| value(row).and_then(|text| super::decimal::parse(text, kind).ok());
        let step =
            parse(0).zip(parse(1)).and_then(|(a, b)| b.checked_sub(a)).filter(|step| *step > 0 && is_time);
        let width = self.bin.or(step.map(|step| Span(step as u64))).ok_or_else(|| no_bin(lines.name()))?;
        let step = if is_time { width.0 } else { 1 };
        let periods = Periods::Given(Period { column, kind, step, seen: None });
        Ok(Box::new(Spread::new(CountLines { lines, count, blank, periods }, width, stream)))
    }

    fn value_column(&self, table: &Table, file: &str, format: TraceFormat) -> Result<Column, InputError> {
        match &self.column {
            Some(name) => table.named(file, name),
            None => table.value_column(file, format),
        }
    }

    fn unit_of(&self, table: &Table, column: &Column) -> Chosen {
        let first = table.rows[0].get(column.index).map_or("", String::as_str);
        match date_time(first.as_bytes()) {
            Some(_) => Chosen::Dated,
            None => table.unit_of(column, self.unit),
        }
    }
}

fn no_bin(file: &str) -> InputError {
    InputError::new(file, "does not say how long a bin of its counts is")
        .help("set `bin`, such as \"1s\" or \"1min\"")
}
