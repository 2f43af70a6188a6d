//! A row for each call, or for each function and bin: sorted by function and time, in runs on disk where they are many.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};

use super::super::counts::whole;
use super::super::datetime::date_time;
use super::super::decimal::{self, Kind};
use super::super::delimited::value;
use super::super::lines::Lines;
use super::super::names::Wanted;
use super::super::table::{Column, Table};
use super::super::unit::Chosen;
use super::super::{StampMode, TraceFormat};
use super::{Calls, Function, FunctionLayout, Functions, FunctionsSpec, checked, notes_of, opened};
use crate::error::InputError;
use crate::units::Span;

/// So many rows are sorted in memory at a time: 24 bytes each.
pub(super) const IN_MEMORY: usize = 1 << 22;

/// A row: the number of its function, its time \[ns\] or the time or number of its bin, and how many calls it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    function: u32,
    at: i64,
    calls: u64,
}

/// What a row's columns are.
struct Columns {
    function: Column,
    time: Column,
    count: Option<Column>,
    kind: Kind,
    remark: String,
}

/// The functions of a table, in the order in which they first appear.
pub struct Long {
    names: Vec<String>,
    runs: Vec<Run>,
    /// The next row of each run.
    heads: Vec<Option<Row>>,
    number: usize,
    meaning: Meaning,
    /// Of all rows.
    first: i64,
    last: i64,
    notes: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
enum Meaning {
    Times(StampMode),
    /// The length of a bin, and from one to the next in the values of the column.
    Bins(Span, i64),
}

enum Run {
    Kept(std::vec::IntoIter<Row>),
    Disk(BufReader<File>),
}

/// Rows as they are read.
struct Sorter {
    /// So many are sorted in memory at a time.
    in_memory: usize,
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
    rows: Vec<Row>,
    runs: Vec<Run>,
    first: i64,
    last: i64,
}

impl Long {
    /// Reads all rows; of more than `in_memory`, the others wait on disk.
    pub fn read(
        spec: &FunctionsSpec,
        layout: FunctionLayout,
        first: (Lines, Table),
        in_memory: usize,
    ) -> Result<Long, InputError> {
        let mut sorter = Sorter {
            in_memory,
            numbers: BTreeMap::new(),
            names: Vec::new(),
            rows: Vec::new(),
            runs: Vec::new(),
            first: i64::MAX,
            last: i64::MIN,
        };
        let (mut notes, mut kinds) = (Vec::new(), Vec::new());
        let (mut next, mut paths) = (Some(first), spec.paths[1..].iter());
        while let Some((mut lines, table)) = next {
            let columns = columns(spec, layout, &table, lines.name())?;
            sorter.read(&mut lines, table.delimiter, &columns)?;
            kinds.push(columns.kind);
            if !columns.remark.is_empty() && !notes.contains(&columns.remark) {
                notes.push(columns.remark);
            }
            notes.extend(notes_of(&lines));
            next = paths.next().map(|path| opened(path)).transpose()?;
        }
        let meaning = meaning(spec, layout, &kinds)?;
        let (names, runs, first, last) =
            (std::mem::take(&mut sorter.names), sorter.runs()?, sorter.first, sorter.last);
        let mut long = Long { names, heads: Vec::new(), runs, number: 0, meaning, first, last, notes };
        if long.length() == Span::ZERO {
            return Err(InputError::new(
                spec.file(),
                "has all its calls at one instant: nothing is known of a rate",
            )
            .help("name another column of times"));
        }
        for i in 0..long.runs.len() {
            let head = long.runs[i].next()?;
            long.heads.push(head);
        }
        Ok(long)
    }

    /// The least row that is left.
    fn pop(&mut self, function: u32) -> Result<Option<Row>, InputError> {
        let heads = self.heads.iter().enumerate().filter_map(|(i, head)| head.map(|row| (row, i)));
        let Some((row, i)) = heads.min().filter(|(row, _)| row.function == function) else { return Ok(None) };
        self.heads[i] = self.runs[i].next()?;
        Ok(Some(row))
    }
}

impl Functions for Long {
    fn next(&mut self) -> Result<Option<Function>, InputError> {
        let number = self.number;
        let Some(name) = self.names.get(number).cloned() else { return Ok(None) };
        self.number += 1;
        let calls = match self.meaning {
            Meaning::Times(stamps) => {
                let mut times = Vec::new();
                while let Some(row) = self.pop(number as u32)? {
                    times.push(row.at);
                }
                Calls::Instants(times, stamps)
            }
            Meaning::Bins(bin, step) => {
                let mut counts: Vec<(u64, u64)> = Vec::new();
                while let Some(row) = self.pop(number as u32)? {
                    let past = row.at - self.first;
                    if past % step != 0 {
                        let message =
                            format!("`{name}` has a period that is no whole number of bins after the first");
                        return Err(InputError::new("the trace", message).help("check `--bin`"));
                    }
                    let at = (past / step) as u64;
                    match counts.last_mut().filter(|(last, _)| *last == at) {
                        Some((_, count)) => *count += row.calls,
                        None if row.calls > 0 => counts.push((at, row.calls)),
                        None => {}
                    }
                }
                Calls::Counts(counts, bin)
            }
        };
        Ok(Some(Function { number, name, calls }))
    }

    fn length(&self) -> Span {
        let between = self.last.saturating_sub(self.first).max(0) as u64;
        match self.meaning {
            Meaning::Times(_) => Span(between),
            Meaning::Bins(bin, step) => Span((between / step as u64 + 1).saturating_mul(bin.0)),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// What rows mean: the same in all files.
fn meaning(spec: &FunctionsSpec, layout: FunctionLayout, kinds: &[Kind]) -> Result<Meaning, InputError> {
    if kinds.iter().any(|kind| *kind != kinds[0]) {
        let message = "some files have date-times, some numbers, or numbers in other units";
        return Err(InputError::new(spec.file(), message).help("give files of one kind, or `--unit`"));
    }
    if layout == FunctionLayout::Times {
        return Ok(Meaning::Times(spec.stamps));
    }
    let Some(bin) = spec.bin else {
        return Err(InputError::new(spec.file(), "does not say how long a bin of its counts is")
            .help("give `--bin`, such as 1s or 1min"));
    };
    let step = if kinds[0] == Kind::DateTime { bin.0 as i64 } else { 1 };
    Ok(Meaning::Bins(bin, step))
}

fn columns(
    spec: &FunctionsSpec,
    layout: FunctionLayout,
    table: &Table,
    file: &str,
) -> Result<Columns, InputError> {
    let named = |name: &Option<String>| name.as_deref().map(|name| table.named(file, name)).transpose();
    let usual = || table.column_called(Wanted::Function).map(|name| table.named(file, &name)).transpose();
    let Some(function) = named(&spec.function)?.map_or_else(usual, |column| Ok(Some(column)))? else {
        return Err(InputError::new(file, "has no column of functions by its name")
            .help(format!("name it with `--function`: {}", table.all_names().join(", "))));
    };
    if layout == FunctionLayout::Times {
        let time = match named(&spec.time)? {
            Some(column) => column,
            None => table.value_column(file, TraceFormat::Timestamps)?,
        };
        let first = table.rows[0].get(time.index).map_or("", String::as_str);
        let unit = match date_time(first.as_bytes()) {
            Some(_) => Chosen::Dated,
            None => table.unit_of(&time, spec.unit),
        };
        let kind = if unit == Chosen::Dated { Kind::DateTime } else { unit.unit().kind() };
        return Ok(Columns { function, time, count: None, kind, remark: unit.remark() });
    }
    let count = match named(&spec.count)? {
        Some(column) => column,
        None => table.value_column(file, TraceFormat::Counts)?,
    };
    let Some(time) = named(&spec.time)?.or_else(|| table.period_column(&count)) else {
        return Err(InputError::new(file, "has no column that says which bin a count is of")
            .help("name it with `--time`: numbers of bins, or date-times"));
    };
    let first = table.rows[0].get(time.index).map_or("", String::as_str);
    let kind = match date_time(first.as_bytes()) {
        Some(_) => Kind::DateTime,
        None => Kind::Number { digits: 0 },
    };
    Ok(Columns { function, time, count: Some(count), kind, remark: String::new() })
}

impl Sorter {
    fn read(&mut self, lines: &mut Lines, delimiter: u8, columns: &Columns) -> Result<(), InputError> {
        while let Some(line) = lines.next_record(delimiter)? {
            let field = lines.field(&line, delimiter, columns.function.index, &columns.function.label)?;
            let name = checked(lines, &line, field)?;
            let field = lines.field(&line, delimiter, columns.time.index, &columns.time.label)?;
            let text = &lines.text(&line)[field.clone()];
            // A number of a bin is a whole one.
            let parsed = match columns.kind {
                Kind::Number { digits: 0 } if columns.count.is_some() => whole(text).map(|n| n as i64),
                kind => value(text, kind, delimiter).or_else(|_| decimal::parse(text, kind)),
            };
            let at = parsed
                .map_err(|reason| lines.error(&line, field, reason).help("mend the row, or remove it"))?;
            let calls = match &columns.count {
                None => 1,
                Some(column) => {
                    let field = lines.field(&line, delimiter, column.index, &column.label)?;
                    whole(&lines.text(&line)[field.clone()]).map_err(|reason| {
                        lines
                            .error(&line, field, reason)
                            .help("a count is a whole number of calls, 0 or more")
                    })?
                }
            };
            self.add(name, at, calls)
                .map_err(|e| InputError::new(lines.name(), format!("cannot be sorted on disk: {e}")))?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, at: i64, calls: u64) -> std::io::Result<()> {
        let function = match self.numbers.get(&name) {
            Some(number) => *number,
            None => {
                let number = self.names.len() as u32;
                self.names.push(name.clone());
                self.numbers.insert(name, number);
                number
            }
        };
        (self.first, self.last) = (self.first.min(at), self.last.max(at));
        self.rows.push(Row { function, at, calls });
        if self.rows.len() >= self.in_memory {
            self.rows.sort_unstable();
            let run = spill(&self.rows)?;
            self.runs.push(Run::Disk(run));
            self.rows.clear();
        }
        Ok(())
    }

    fn runs(&mut self) -> Result<Vec<Run>, InputError> {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_unstable();
        let mut runs = std::mem::take(&mut self.runs);
        runs.push(Run::Kept(rows.into_iter()));
        Ok(runs)
    }
}

fn spill(rows: &[Row]) -> std::io::Result<BufReader<File>> {
    let mut file = BufWriter::new(tempfile::tempfile()?);
    for row in rows {
        file.write_all(&row.function.to_le_bytes())?;
        file.write_all(&row.at.to_le_bytes())?;
        file.write_all(&row.calls.to_le_bytes())?;
    }
    let mut file = file.into_inner()?;
    file.rewind()?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

impl Run {
    fn next(&mut self) -> Result<Option<Row>, InputError> {
        let file = match self {
            Run::Kept(rows) => return Ok(rows.next()),
            Run::Disk(file) => file,
        };
        let (mut function, mut at, mut calls) = ([0; 4], [0; 8], [0; 8]);
        match file.read_exact(&mut function) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other.and_then(|()| file.read_exact(&mut at)).and_then(|()| file.read_exact(&mut calls)),
        }
        .map_err(|e| InputError::new("the trace", format!("cannot be sorted on disk: {e}")))?;
        Ok(Some(Row {
            function: u32::from_le_bytes(function),
            at: i64::from_le_bytes(at),
            calls: u64::from_le_bytes(calls),
        }))
    }
}
