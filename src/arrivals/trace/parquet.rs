//! Traces in Apache Parquet: one column of points in time or of gaps, read some rows at a time.
//!
//! Integers and TIMESTAMPs are exact. Doubles are taken at the value they have: of an epoch time in seconds,
//! that is within 120 ns of what was meant.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::decimal::{self, Kind, Refused};
use super::layout::too_late;
use super::order::Raw;
use super::reading::Reading;
use super::stamps::Meaning;
use super::table::{Column, SAMPLE_ROWS, Table};
use super::{PARQUET, Unit, source};
use crate::arrivals::BLOCK;
use crate::error::InputError;

/// Julian day number of 1970-01-01, from which INT96 counts days.
const EPOCH_DAY: i128 = 2_440_588;
const DAY_NANOS: i128 = 86_400_000_000_000;

/// An open file of which no values have been read.
pub(super) struct Columns {
    name: String,
    file: SerializedFileReader<File>,
}

/// One column of arrivals.
pub(super) struct Values {
    columns: Columns,
    leaf: usize,
    scale: Scale,
    label: String,
    others: String,
    /// The row group to open next, and the column of the one that is open.
    group: usize,
    open: Option<ColumnReader>,
    /// Rows read so far.
    rows: u64,
    batch: Batch,
}

/// What a column's values are.
#[derive(Clone, Copy)]
struct Scale {
    /// One is `10^digits` ns.
    digits: u32,
    /// Points in time, which may be before 1970.
    dated: bool,
    unsigned: bool,
}

/// A value as it is in the file.
#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Real(f64),
}

/// The values of some rows; a null has a level but no number.
#[derive(Default)]
struct Batch {
    levels: Vec<i16>,
    numbers: Vec<Number>,
}

impl Columns {
    /// Opens `path`, which starts as a Parquet file once it is decompressed.
    pub(super) fn open(path: &Path) -> Result<Columns, InputError> {
        let name = source::name_of(path);
        let refuse = |message: &str, mend: &str| Err(InputError::new(&name, message).help(mend));
        let io = |e: std::io::Error| InputError::new(&name, e.to_string());
        if source::is_standard_input(path) || !std::fs::metadata(path).map_err(io)?.is_file() {
            return refuse("is a Parquet file, which is read from its end", "write it to a file first");
        }
        let mut file = File::open(path).map_err(io)?;
        let mut head = Vec::new();
        file.by_ref().take(PARQUET.len() as u64).read_to_end(&mut head).map_err(io)?;
        if head != PARQUET {
            return refuse(
                "is a Parquet file inside another compression",
                "decompress it: the pages of a Parquet file are compressed by themselves",
            );
        }
        file.rewind().map_err(io)?;
        let file = guarded(&name, || SerializedFileReader::new(file))?;
        Ok(Columns { name, file })
    }

    /// The names of the columns, and the first values of the first column.
    pub(super) fn table(&self) -> Result<Table, InputError> {
        let names: Vec<String> = (0..self.width()).map(|leaf| self.column(leaf).path().string()).collect();
        let mut batch = Batch::default();
        let mut rows = 0;
        if self.file.num_row_groups() > 0 && !names.is_empty() {
            let mut first = self.values(0, 0)?;
            rows = match scale(self.column(0), Unit::Seconds) {
                Some(scale) => guarded(&self.name, || batch.read(&mut first, scale, SAMPLE_ROWS))?,
                None => self.rows().min(SAMPLE_ROWS as u64) as usize,
            };
        }
        if rows == 0 {
            return Err(InputError::new(&self.name, "holds no arrivals")
                .help("a trace has one row for each arrival or gap"));
        }
        let dated = scale(self.column(0), Unit::Seconds).is_some_and(|scale| scale.dated);
        let text = |number: &Number| match number {
            Number::Whole(nanos) if dated => Kind::DateTime.text(*nanos),
            number => number.to_string(),
        };
        let mut values = batch.numbers.iter().map(text);
        let row = |_| {
            let mut row = vec![String::new(); names.len()];
            row[0] = values.next().unwrap_or_default();
            row
        };
        let rows = (0..rows).map(row).collect();
        Ok(Table { delimiter: b',', names, rows })
    }

    /// The values of `column`.
    pub(super) fn stamps(
        self,
        column: &Column,
        unit: Unit,
        meaning: Meaning,
        others: String,
    ) -> Result<Values, InputError> {
        let descriptor = self.column(column.index);
        let Some(scale) = scale(descriptor, unit) else {
            let message = format!("{} holds {}, no times", column.label, type_name(descriptor));
            return Err(InputError::new(&self.name, message)
                .help("choose another `column`, or write it as INT64, DOUBLE or TIMESTAMP"));
        };
        if scale.dated && meaning == Meaning::Gap {
            let message = format!("{} holds points in time, no gaps", column.label);
            return Err(InputError::new(&self.name, message)
                .help("set `format` to timestamps, or choose another `column`"));
        }
        let (label, leaf, batch) = (column.label.clone(), column.index, Batch::default());
        Ok(Values { columns: self, leaf, scale, label, others, group: 0, open: None, rows: 0, batch })
    }

    fn width(&self) -> usize {
        self.file.metadata().file_metadata().schema_descr().num_columns()
    }

    fn column(&self, leaf: usize) -> &ColumnDescriptor {
        let schema = self.file.metadata().file_metadata().schema_descr();
        &schema.columns()[leaf]
    }

    fn rows(&self) -> u64 {
        self.file.metadata().file_metadata().num_rows().max(0) as u64
    }

    fn values(&self, group: usize, leaf: usize) -> Result<ColumnReader, InputError> {
        guarded(&self.name, || self.file.get_row_group(group)?.get_column_reader(leaf))
    }
}

impl Values {
    /// Reads the next rows, none at the end of the file.
    fn read(&mut self) -> Result<(), InputError> {
        const MOST: usize = BLOCK;
        loop {
            let Some(open) = &mut self.open else {
                if self.group == self.columns.file.num_row_groups() {
                    return self.check_end();
                }
                self.open = Some(self.columns.values(self.group, self.leaf)?);
                self.group += 1;
                continue;
            };
            let rows = guarded(&self.columns.name, || self.batch.read(open, self.scale, MOST))?;
            if rows > self.batch.numbers.len() {
                let whole = self.columns.column(self.leaf).max_def_level();
                let null = self.batch.levels.iter().position(|level| *level < whole).unwrap_or(0);
                return Err(self.error(null, "is null").help("remove the rows without a value"));
            }
            if rows > 0 {
                return Ok(());
            }
            self.open = None;
        }
    }

    fn check_end(&self) -> Result<(), InputError> {
        let expected = self.columns.rows();
        if self.rows == expected {
            return Ok(());
        }
        let message = format!("ends after {} of its {expected} rows", self.rows);
        Err(InputError::new(&self.columns.name, message)
            .help("the file is damaged: copy or download it again"))
    }

    /// An error about a row of the batch.
    fn error(&self, index: usize, message: impl fmt::Display) -> InputError {
        let row = self.rows + index as u64 + 1;
        let column = self.columns.column(self.leaf).path().string();
        InputError::new(&self.columns.name, format!("row {row}, column `{column}`: {message}"))
    }

    fn refused(&self, index: usize, refused: Refused) -> InputError {
        let mend = match refused {
            Refused::TooLarge => "set `unit` to ms, us or ns",
            _ => "expected a time such as 12.25, or choose another `column` or `format`",
        };
        self.error(index, refused.reason(&self.batch.numbers[index].to_string())).help(mend)
    }
}

impl Raw for Values {
    fn fill(&mut self, floor: i64, block: &mut Vec<i64>) -> Result<(), InputError> {
        self.batch.numbers.clear();
        self.read()?;
        for (index, number) in self.batch.numbers.iter().enumerate() {
            let nanos = number.nanos(self.scale).map_err(|refused| self.refused(index, refused))?;
            if nanos < floor {
                let shown = if self.scale.dated { Kind::DateTime.text(nanos) } else { number.to_string() };
                return Err(too_late(self.error(index, format!("`{shown}`"))));
            }
            block.push(nanos);
        }
        self.rows += self.batch.numbers.len() as u64;
        Ok(())
    }

    fn report(&self, reading: &mut Reading) {
        reading.records += self.rows;
        reading.format = "parquet";
        reading.times = self.label.clone();
    }

    fn name(&self) -> &str {
        &self.columns.name
    }

    fn others(&self) -> String {
        self.others.clone()
    }
}

impl Batch {
    /// Reads the next rows, at most `most`, and gives their number.
    fn read(&mut self, column: &mut ColumnReader, scale: Scale, most: usize) -> Result<usize, ParquetError> {
        match column {
            ColumnReader::Int32ColumnReader(column) if scale.unsigned => {
                self.fill(column, most, |value| Number::Whole(i64::from(value as u32)))
            }
            ColumnReader::Int32ColumnReader(column) => {
                self.fill(column, most, |value| Number::Whole(i64::from(value)))
            }
            ColumnReader::Int64ColumnReader(column) if scale.unsigned => {
                self.fill(column, most, |value| Number::of(i128::from(value as u64)))
            }
            ColumnReader::Int64ColumnReader(column) => self.fill(column, most, Number::Whole),
            ColumnReader::FloatColumnReader(column) => {
                self.fill(column, most, |value| Number::Real(f64::from(value)))
            }
            ColumnReader::DoubleColumnReader(column) => self.fill(column, most, Number::Real),
            ColumnReader::Int96ColumnReader(column) => {
                self.fill(column, most, |value| Number::of(since_epoch(value)))
            }
            _ => unreachable!("no other type has a scale"),
        }
    }

    fn fill<T: DataType>(
        &mut self,
        column: &mut ColumnReaderImpl<T>,
        most: usize,
        number: impl Fn(T::T) -> Number,
    ) -> Result<usize, ParquetError> {
        self.levels.clear();
        self.numbers.clear();
        let mut values = Vec::with_capacity(most);
        let (rows, ..) = column.read_records(most, Some(&mut self.levels), None, &mut values)?;
        self.numbers.extend(values.into_iter().map(number));
        Ok(rows)
    }
}

impl Number {
    /// A number beyond 64 bits becomes a double: it is refused and only shown.
    fn of(value: i128) -> Number {
        i64::try_from(value).map_or(Number::Real(value as f64), Number::Whole)
    }

    #[inline]
    fn nanos(self, scale: Scale) -> Result<i64, Refused> {
        match self {
            Number::Whole(value) if value < 0 && !scale.dated => Err(Refused::Negative),
            Number::Whole(value) => value.checked_mul(10_i64.pow(scale.digits)).ok_or(Refused::TooLarge),
            Number::Real(value) => decimal::scaled(value, scale.digits),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(value) => value.fmt(f),
            Number::Real(value) => value.fmt(f),
        }
    }
}

/// What the values of a column are; none if they are no times. `unit` is that of plain numbers.
fn scale(column: &ColumnDescriptor, unit: Unit) -> Option<Scale> {
    use ConvertedType as Old;
    let plain = Scale { digits: unit.digits(), dated: false, unsigned: false };
    let unsigned = Scale { unsigned: true, ..plain };
    let dated = |digits| Scale { digits, dated: true, unsigned: false };
    if column.max_rep_level() > 0 {
        return None;
    }
    match (column.physical_type(), column.logical_type_ref(), column.converted_type()) {
        (Type::INT96, ..) => Some(dated(0)),
        (Type::FLOAT | Type::DOUBLE, None, _) => Some(plain),
        (Type::INT64, Some(LogicalType::Timestamp(stamp)), _) => Some(dated(match stamp.unit {
            TimeUnit::MILLIS => 6,
            TimeUnit::MICROS => 3,
            TimeUnit::NANOS => 0,
        })),
        (Type::INT32 | Type::INT64, Some(LogicalType::Integer(integer)), _) => {
            Some(if integer.is_signed { plain } else { unsigned })
        }
        // Files of older writers have only the converted type.
        (Type::INT64, None, Old::TIMESTAMP_MILLIS) => Some(dated(6)),
        (Type::INT64, None, Old::TIMESTAMP_MICROS) => Some(dated(3)),
        (Type::INT32 | Type::INT64, None, Old::UINT_8 | Old::UINT_16 | Old::UINT_32 | Old::UINT_64) => {
            Some(unsigned)
        }
        (Type::INT32 | Type::INT64, None, Old::NONE) => Some(plain),
        (Type::INT32 | Type::INT64, None, Old::INT_8 | Old::INT_16 | Old::INT_32 | Old::INT_64) => {
            Some(plain)
        }
        _ => None,
    }
}

/// How errors call the type of a column.
fn type_name(column: &ColumnDescriptor) -> String {
    let (physical, old) = (column.physical_type(), column.converted_type());
    match column.logical_type_ref() {
        _ if column.max_rep_level() > 0 => "lists".to_owned(),
        Some(logical) => {
            let logical = format!("{logical:?}");
            format!("{physical} ({})", logical.split('(').next().unwrap_or(""))
        }
        None if old != ConvertedType::NONE => format!("{physical} ({old})"),
        None => physical.to_string(),
    }
}

/// Nanoseconds since 1970 of the older form of a point in time: nanoseconds of a day, and the Julian day.
fn since_epoch(value: Int96) -> i128 {
    let data = value.data();
    let nanos = u64::from(data[1]) << 32 | u64::from(data[0]);
    (i128::from(data[2] as i32) - EPOCH_DAY) * DAY_NANOS + i128::from(nanos)
}

/// What `read` gives, a call of the library: there is damage that makes it panic.
fn guarded<T>(name: &str, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, InputError> {
    let panicked = |_| Err(ParquetError::General("the reader gave up".into()));
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(panicked).map_err(|error| {
        InputError::new(name, format!("is a Parquet file that cannot be read: {error}"))
            .help("if it is cut short or damaged, copy or download it again; else convert it to CSV")
    })
}
