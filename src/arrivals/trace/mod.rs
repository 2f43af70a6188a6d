//! Trace files: what a user says about one, and the readers of each format. All stream, except that the
//! azure-2021 layout is sorted in memory.
//!
//! Lines end in LF or CRLF; empty lines and lines that start with `#` are skipped (an empty line between
//! counts is an error). Arrivals at the same time are allowed. A header line is recognised by having names where
//! values would stand. Fields are separated by a tab, `,`, `;` or `|`, the first of these on the first line;
//! fields beyond the columns that are read may be missing. Compression (gzip, zstd) is recognised by content.
//!
//! So is Apache Parquet (in a build with the feature `parquet`): timestamps and inter-arrival times in a column of
//! INT32, INT64, FLOAT or DOUBLE, with the unit as in a text, or of TIMESTAMP, which has its own.

mod azure;
mod binary;
mod counts;
mod decimal;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod replay;
mod source;
mod stamps;
mod table;

use std::path::{Path, PathBuf};

pub(super) use binary::MAGIC;

use self::azure::{AzureRow, Invocations};
use self::binary::Binary;
use self::counts::{CountLines, Period, Periods, Spread};
use self::decimal::Kind;
use self::lines::Lines;
use self::replay::{Repeat, Window};
use self::stamps::{Meaning, Stamps};
use self::table::{Column, Table};
use super::Arrivals;
use crate::document::Section;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::Span;

/// What a trace file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceFormat {
    /// A line for each arrival: a number in the unit, or an ISO 8601 date-time.
    Timestamps,
    /// A line for each gap between two arrivals: n gaps are n + 1 arrivals, the first at time 0.
    Interarrivals,
    /// A count a line, or `period,count` with the bin's number or start; missing periods are empty bins.
    Counts,
    /// A row for each function, a column for each minute.
    Azure2019,
    /// A line for each invocation with its end and duration; arrival = end - duration. Sorted in memory.
    Azure2021,
    /// `BSIMTRC1`, then little-endian u64 nanoseconds in ascending order.
    Binary,
}

/// The unit of the numbers in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// What a user says about a trace; what is left out is taken from the file where it is unambiguous.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSpec {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// What the file holds.
    pub format: Option<TraceFormat>,
    /// The column to read: its name in the header, or its number from 1.
    pub column: Option<String>,
    /// The unit of numbers; by default the one in the column's name (`time_ms`), else seconds.
    /// With counts: periods are times in this unit instead of numbers of bins.
    pub unit: Option<Unit>,
    /// The length of a bin of counts; by default a minute for azure-2019, and for date-times the step
    /// from the first period to the second.
    pub bin: Option<Span>,
    /// The row of the azure-2019 layout: the value of its HashFunction column, else of its first.
    pub row: Option<String>,
    /// Where the replay starts, from the first arrival or bin.
    pub from: Span,
    /// Where the replay ends, from the first arrival or bin.
    pub until: Option<Span>,
    /// How often the trace is played, end to end. The length of one pass is that of the window, but
    /// not beyond the trace's own: for counts all bins, else the last arrival and a mean gap.
    pub repeat: u32,
}

/// What a Parquet file starts with.
const PARQUET: &[u8] = b"PAR1";

/// A trace that knows its own length.
trait Reader: Arrivals {
    /// The length, once everything has been read; not zero if it can be repeated.
    fn length(&self) -> Span;
}

impl TraceFormat {
    /// All formats with their names in files.
    pub const ALL: &'static [(&'static str, TraceFormat)] = &[
        ("timestamps", TraceFormat::Timestamps),
        ("interarrivals", TraceFormat::Interarrivals),
        ("counts", TraceFormat::Counts),
        ("azure-2019", TraceFormat::Azure2019),
        ("azure-2021", TraceFormat::Azure2021),
        ("binary", TraceFormat::Binary),
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map(|(name, _)| *name).expect("all are listed")
    }
}

impl Unit {
    /// All units with their names in files.
    pub const ALL: &'static [(&'static str, Unit)] =
        &[("s", Unit::Seconds), ("ms", Unit::Millis), ("us", Unit::Micros), ("ns", Unit::Nanos)];

    /// One is `10^digits` ns.
    fn digits(self) -> u32 {
        match self {
            Unit::Seconds => 9,
            Unit::Millis => 6,
            Unit::Micros => 3,
            Unit::Nanos => 0,
        }
    }

    fn kind(self) -> Kind {
        Kind::Number { digits: self.digits() }
    }
}

impl TraceSpec {
    /// A trace of which everything is found out from the file, replayed once as a whole.
    pub fn new(path: impl Into<PathBuf>) -> TraceSpec {
        TraceSpec {
            path: path.into(),
            format: None,
            column: None,
            unit: None,
            bin: None,
            row: None,
            from: Span::ZERO,
            until: None,
            repeat: 1,
        }
    }

    /// Reads the fields `file`, `format`, `column`, `unit`, `bin`, `row`, `from`, `until` and `repeat`;
    /// the section may have others. Errors point at the field.
    pub fn from_section(section: &Section) -> Result<TraceSpec, InputError> {
        let file = section.required("file")?;
        let path = if file.str()? == "-" { PathBuf::from("-") } else { file.file()? };
        let text = |name| section.optional(name).map(|v| v.str().map(str::to_owned)).transpose();
        let span = |name| section.optional(name).map(|v| v.span()).transpose();
        let spec = TraceSpec {
            path,
            format: section.optional("format").map(|v| v.choice(TraceFormat::ALL)).transpose()?,
            column: text("column")?,
            unit: section.optional("unit").map(|v| v.choice(Unit::ALL)).transpose()?,
            bin: span("bin")?,
            row: text("row")?,
            from: span("from")?.unwrap_or(Span::ZERO),
            until: span("until")?,
            repeat: section.optional("repeat").map(|v| v.integer()).transpose()?.unwrap_or(1),
        };
        if let Some((field, message)) = spec.fault(spec.format) {
            let place = section.optional(field).expect("a fault is in a field that is set");
            return Err(place.error(message));
        }
        Ok(spec)
    }

    /// Opens the trace. `stream` spreads counts in their bins; other formats draw nothing.
    ///
    /// Errors: the file cannot be read, holds no arrivals, its format is not clear or a field does not fit
    /// the format. What is wrong further down is reported by [`Arrivals::fill`], with the line.
    pub fn open(&self, mut stream: Stream) -> Result<Box<dyn Arrivals>, InputError> {
        if let Some((_, message)) = self.fault(self.format) {
            return Err(InputError::new(self.name(), message));
        }
        let inner = self.pass(stream.clone())?;
        if self.repeat == 1 {
            return Ok(inner);
        }
        if source::is_standard_input(&self.path) {
            return Err(InputError::new(self.name(), "cannot be read again for `repeat`")
                .help("write it to a file first"));
        }
        stream.jump();
        let (spec, left, start, any) = (self.clone(), self.repeat - 1, Span::ZERO, false);
        Ok(Box::new(Repeat { spec, stream, inner, left, start, any }))
    }

    /// One pass through the window of the trace.
    fn pass(&self, stream: Stream) -> Result<Box<dyn Reader>, InputError> {
        let inner = self.reader(stream)?;
        if self.from == Span::ZERO && self.until.is_none() {
            return Ok(inner);
        }
        let until = self.until.unwrap_or(Span::MAX);
        Ok(Box::new(Window { name: self.name(), inner, from: self.from, until, length: None }))
    }

    fn reader(&self, stream: Stream) -> Result<Box<dyn Reader>, InputError> {
        let source = source::open(&self.path)?;
        if source.head.is_empty() {
            return Err(InputError::new(self.name(), "is empty"));
        }
        let binary_by_name = self.stem_extension() == Some("bin") && self.format.is_none();
        if source.head == MAGIC || binary_by_name || self.format == Some(TraceFormat::Binary) {
            self.check(TraceFormat::Binary)?;
            return Ok(Box::new(Binary::new(self.name(), source.bytes)?));
        }
        if source.head.starts_with(PARQUET) {
            return self.parquet();
        }
        let mut lines = Lines::new(self.name(), source.bytes)?;
        let table = Table::of(&mut lines)?;
        let format = self.format_of(&table)?;
        Ok(match format {
            TraceFormat::Timestamps => Box::new(self.stamps(lines, &table, format, Meaning::Instant)?),
            TraceFormat::Interarrivals => Box::new(self.stamps(lines, &table, format, Meaning::Gap)?),
            TraceFormat::Counts => self.counts(lines, &table, stream)?,
            TraceFormat::Azure2019 => {
                let row = AzureRow::find(lines, &table, self.row.as_deref())?;
                Box::new(Spread::new(row, self.bin.unwrap_or(Span::from_secs(60)), stream))
            }
            TraceFormat::Azure2021 => {
                let kind = self.unit.unwrap_or(Unit::Seconds).kind();
                Box::new(Invocations::read(lines, &table, kind)?)
            }
            TraceFormat::Binary => unreachable!("read above"),
        })
    }

    #[cfg(feature = "parquet")]
    fn parquet(&self) -> Result<Box<dyn Reader>, InputError> {
        let columns = parquet::Columns::open(&self.path)?;
        let table = columns.table()?;
        let format = self.format_of(&table)?;
        let meaning = match format {
            TraceFormat::Timestamps => Meaning::Instant,
            TraceFormat::Interarrivals => Meaning::Gap,
            other => {
                let message = format!("is a Parquet file, from which {} are not read", other.name());
                return Err(InputError::new(self.name(), message)
                    .help("convert it to CSV, or set `format` to timestamps or interarrivals"));
            }
        };
        let column = self.value_column(&table, format)?;
        columns.arrivals(&column, self.unit_of(&table, &column), meaning)
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(&self) -> Result<Box<dyn Reader>, InputError> {
        Err(InputError::new(self.name(), "is a Parquet file, and this build of sim has no reader for it")
            .help("build with `--features parquet`, or convert it to CSV"))
    }

    /// The format that is set, or the one that the columns show.
    fn format_of(&self, table: &Table) -> Result<TraceFormat, InputError> {
        let format = match (self.format, &self.column) {
            (Some(format), _) => format,
            (None, Some(_)) if self.bin.is_none() => TraceFormat::Timestamps,
            _ => table.guess(&self.name(), self.bin.is_some())?,
        };
        self.check(format)?;
        Ok(format)
    }

    fn stamps(
        &self,
        lines: Lines,
        table: &Table,
        format: TraceFormat,
        meaning: Meaning,
    ) -> Result<Stamps, InputError> {
        let column = self.value_column(table, format)?;
        let first = table.rows[0].get(column.index).map_or("", String::as_str);
        let dated = meaning == Meaning::Instant && decimal::date_time(first.as_bytes()).is_some();
        let kind = if dated { Kind::DateTime } else { self.unit_of(table, &column).kind() };
        Ok(Stamps::new(lines, column, kind, meaning))
    }

    fn counts(&self, lines: Lines, table: &Table, stream: Stream) -> Result<Box<dyn Reader>, InputError> {
        let count = self.value_column(table, TraceFormat::Counts)?;
        let Some(column) = table.period_column(&count) else {
            let width = self.bin.ok_or_else(|| self.no_bin())?;
            let periods = Periods::Consecutive { next: 0 };
            return Ok(Box::new(Spread::new(CountLines { lines, count, periods }, width, stream)));
        };
        let value = |row: usize| table.rows.get(row)?.get(column.index).map(String::as_bytes);
        let dated = value(0).is_some_and(|text| decimal::date_time(text).is_some());
        let numbered = Unit::Nanos.kind();
        let (kind, width) = if dated {
            let times = value(0).and_then(decimal::date_time).zip(value(1).and_then(decimal::date_time));
            let step = times.and_then(|(a, b)| b.checked_sub(a)).filter(|step| *step > 0);
            let width = self.bin.or(step.map(|step| Span(step as u64)));
            (Kind::DateTime, width.ok_or_else(|| self.no_bin())?)
        } else {
            (self.unit.map_or(numbered, Unit::kind), self.bin.ok_or_else(|| self.no_bin())?)
        };
        let step = if kind == numbered && self.unit.is_none() { 1 } else { width.0 };
        let periods = Periods::Given(Period { column, kind, step, seen: None });
        Ok(Box::new(Spread::new(CountLines { lines, count, periods }, width, stream)))
    }

    fn value_column(&self, table: &Table, format: TraceFormat) -> Result<Column, InputError> {
        match &self.column {
            Some(name) => table.named(&self.name(), name),
            None => table.value_column(&self.name(), format),
        }
    }

    fn unit_of(&self, table: &Table, column: &Column) -> Unit {
        self.unit.or(table.unit_of(column)).unwrap_or(Unit::Seconds)
    }

    fn check(&self, format: TraceFormat) -> Result<(), InputError> {
        match self.fault(Some(format)) {
            Some((_, message)) => Err(InputError::new(self.name(), message)),
            None => Ok(()),
        }
    }

    /// The first field that cannot be, alone or with `format`, and why.
    fn fault(&self, format: Option<TraceFormat>) -> Option<(&'static str, String)> {
        use TraceFormat::{Azure2019, Azure2021, Counts, Interarrivals, Timestamps};
        let uses: [(&str, bool, &[TraceFormat]); 4] = [
            ("column", self.column.is_some(), &[Timestamps, Interarrivals, Counts]),
            ("unit", self.unit.is_some(), &[Timestamps, Interarrivals, Counts, Azure2021]),
            ("bin", self.bin.is_some(), &[Counts, Azure2019]),
            ("row", self.row.is_some(), &[Azure2019]),
        ];
        let misfit = |format: TraceFormat| {
            let (field, ..) = uses.iter().find(|(_, set, formats)| *set && !formats.contains(&format))?;
            Some((*field, format!("`{field}` does not apply to the format {}", format.name())))
        };
        if self.repeat == 0 {
            Some(("repeat", "`repeat` must be 1 or more".into()))
        } else if self.until.is_some_and(|until| until <= self.from) {
            Some(("until", "`until` must be later than `from`".into()))
        } else if self.bin == Some(Span::ZERO) {
            Some(("bin", "`bin` must be longer than 0".into()))
        } else {
            format.and_then(misfit)
        }
    }

    fn no_bin(&self) -> InputError {
        InputError::new(self.name(), "does not say how long a bin of its counts is")
            .help("set `bin`, such as \"1s\" or \"1min\"")
    }

    fn name(&self) -> String {
        source::name_of(&self.path)
    }

    /// The extension, that of compression left out.
    fn stem_extension(&self) -> Option<&str> {
        let extension = self.path.extension()?.to_str()?;
        match extension {
            "gz" | "zst" => Path::new(self.path.file_stem()?).extension()?.to_str(),
            _ => Some(extension),
        }
    }
}

#[cfg(test)]
mod tests;
