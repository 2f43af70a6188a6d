//! Traces of many functions: the arrivals of each, one function after the other.
//!
//! A function's arrivals are those that a scenario with the same seed and only this function would replay (`row` or
//! `function` of `[workload]`). The rate and the bill of a function are by the length of the whole trace, not by the
//! time between its own first and last call.

mod held;
mod long;
mod wide;

use std::path::PathBuf;

pub use self::held::HeldFunctions;
use self::long::{IN_MEMORY, Long};
use self::wide::Wide;
use super::counts::{Bins, Spread};
use super::lines::Lines;
use super::names::minutes_start;
use super::order::{Instants, Raw};
use super::quotes::unquoted_text;
use super::reading::Reading;
use super::table::Table;
use super::{StampMode, Unit, coarse, source};
use crate::arrivals::memory::collect;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// How a trace of many functions is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionLayout {
    /// A row for each function, a column for each minute, as in the Azure Functions trace of 2019.
    Azure2019,
    /// A row for each call: a function and a time.
    Times,
    /// A row for each function and bin: a function, a period and a count.
    Counts,
}

impl FunctionLayout {
    /// All layouts with their names.
    pub const ALL: [(&'static str, FunctionLayout); 3] = [
        ("azure-2019", FunctionLayout::Azure2019),
        ("times", FunctionLayout::Times),
        ("counts", FunctionLayout::Counts),
    ];
}

/// What a user says about a trace of many functions; what is left out is taken from the header.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FunctionsSpec {
    /// The files: one, or several of calls or counts.
    pub paths: Vec<PathBuf>,
    /// How they are laid out.
    pub layout: Option<FunctionLayout>,
    /// The column of the functions.
    pub function: Option<String>,
    /// The column of the times, or of the periods of counts.
    pub time: Option<String>,
    /// The column of the counts.
    pub count: Option<String>,
    /// The unit of times that are numbers.
    pub unit: Option<Unit>,
    /// The length of a bin: by default a minute for azure-2019.
    pub bin: Option<Span>,
    /// Whether coarse time stamps are spread.
    pub stamps: StampMode,
}

/// Functions with their calls, one after the other.
pub trait Functions: Send {
    /// The next one.
    ///
    /// # Errors
    /// What is read is no trace, with the line.
    fn next(&mut self) -> Result<Option<Function>, InputError>;

    /// Passes over the next one, of which nothing is wanted; false if there is none.
    ///
    /// # Errors
    /// As [`Functions::next`], as far as it is looked at.
    fn skip(&mut self) -> Result<bool, InputError> {
        self.next().map(|function| function.is_some())
    }

    /// How long all of them were watched.
    fn length(&self) -> Span;

    /// What a reader of results must know of how they were read, once all were.
    fn notes(&self) -> Vec<String>;
}

/// A function and its calls.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its place in the trace, from 0.
    pub number: usize,
    /// Its name.
    pub name: String,
    calls: Calls,
}

#[derive(Debug, Clone)]
enum Calls {
    /// When they came.
    Held(Vec<Time>),
    /// Points in time \[ns\], ascending.
    Instants(Vec<i64>, StampMode),
    /// How many came in the bins that are not empty.
    Counts(Vec<(u64, u64)>, Span),
}

impl Function {
    /// A function whose calls are known.
    pub fn new(number: usize, name: String, calls: Vec<Time>) -> Function {
        Function { number, name, calls: Calls::Held(calls) }
    }

    /// Was it never called?
    pub fn is_silent(&self) -> bool {
        match &self.calls {
            Calls::Held(times) => times.is_empty(),
            Calls::Instants(times, _) => times.is_empty(),
            Calls::Counts(counts, _) => counts.is_empty(),
        }
    }

    /// Its arrivals; `stream` spreads counts in their bins and coarse stamps in their resolution.
    ///
    /// # Errors
    /// The calls are too many for their bin, or too far apart.
    pub fn arrivals(self, stream: Stream) -> Result<Vec<Time>, InputError> {
        match self.calls {
            Calls::Held(times) => Ok(times),
            Calls::Instants(times, stamps) => {
                let raw = Box::new(Ascending { name: self.name, times, at: 0 });
                collect(&mut *coarse::judged(Box::new(Instants::new(raw)), stamps, stream)?)
            }
            Calls::Counts(counts, bin) => {
                let all = counts.iter().map(|(_, count)| *count as usize).sum();
                let bins = Listed { name: self.name, counts: counts.into_iter() };
                let (mut spread, mut times) = (Spread::new(bins, bin, stream), Vec::with_capacity(all));
                while times.len() < all {
                    spread.fill(&mut times)?;
                }
                Ok(times)
            }
        }
    }
}

/// Points in time that are in order.
struct Ascending {
    name: String,
    times: Vec<i64>,
    at: usize,
}

impl Raw for Ascending {
    fn fill(&mut self, _floor: i64, block: &mut Vec<i64>) -> Result<(), InputError> {
        let end = (self.at + BLOCK).min(self.times.len());
        block.extend_from_slice(&self.times[self.at..end]);
        self.at = end;
        Ok(())
    }

    fn report(&self, _reading: &mut Reading) {}

    fn name(&self) -> &str {
        &self.name
    }

    fn others(&self) -> String {
        String::new()
    }
}

/// The bins of one function.
struct Listed {
    name: String,
    counts: std::vec::IntoIter<(u64, u64)>,
}

impl Bins for Listed {
    fn next(&mut self) -> Result<Option<(u64, u64)>, InputError> {
        Ok(self.counts.next())
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn report(&self, _reading: &mut Reading) {}
}

impl FunctionsSpec {
    /// Opens the trace. Rows of calls and counts are put in order by function first, on disk where they are many.
    ///
    /// # Errors
    /// A file cannot be read, or its layout is not clear; with the line, if one is the cause.
    pub fn open(&self) -> Result<Box<dyn Functions>, InputError> {
        self.open_with(IN_MEMORY)
    }

    /// As [`FunctionsSpec::open`], with so many rows in memory at a time.
    fn open_with(&self, in_memory: usize) -> Result<Box<dyn Functions>, InputError> {
        let Some(first) = self.paths.first() else {
            return Err(InputError::new("the trace", "names no file"));
        };
        let (lines, table) = opened(first)?;
        let layout = match self.layout {
            Some(layout) => layout,
            None if minutes_start(&table.names).is_some() => FunctionLayout::Azure2019,
            None if self.count.is_some() || table.has_counts() => FunctionLayout::Counts,
            None => FunctionLayout::Times,
        };
        self.check(layout)?;
        match layout {
            FunctionLayout::Azure2019 => Ok(Box::new(Wide::new(lines, &table, self.bin)?)),
            FunctionLayout::Times | FunctionLayout::Counts => {
                Ok(Box::new(Long::read(self, layout, (lines, table), in_memory)?))
            }
        }
    }

    /// Every field acts, or is refused.
    fn check(&self, layout: FunctionLayout) -> Result<(), InputError> {
        use FunctionLayout::{Azure2019, Counts, Times};
        let uses: [(&str, bool, &[FunctionLayout]); 6] = [
            ("function", self.function.is_some(), &[Times, Counts]),
            ("time", self.time.is_some(), &[Times, Counts]),
            ("count", self.count.is_some(), &[Counts]),
            ("unit", self.unit.is_some(), &[Times]),
            ("bin", self.bin.is_some(), &[Azure2019, Counts]),
            ("stamps", self.stamps == StampMode::Exact, &[Times]),
        ];
        let name =
            FunctionLayout::ALL.iter().find(|(_, known)| *known == layout).map_or("", |(name, _)| *name);
        if let Some((field, ..)) = uses.iter().find(|(_, set, layouts)| *set && !layouts.contains(&layout)) {
            let message = format!("has the layout {name}, in which `{field}` cannot act");
            return Err(InputError::new(self.file(), message).help("leave it out, or give another layout"));
        }
        if self.bin == Some(Span::ZERO) {
            return Err(InputError::new(self.file(), "a bin must be longer than 0"));
        }
        if layout == Azure2019 && self.paths.len() > 1 {
            let message = "has a row for each function and minutes from 1 on, so one file is one day";
            return Err(InputError::new(self.file(), message)
                .help("plan each day by itself, or give a table of function, period and count"));
        }
        Ok(())
    }

    fn file(&self) -> String {
        self.paths.first().map_or_else(|| "the trace".to_owned(), |path| source::name_of(path))
    }
}

/// A file's lines after its header.
fn opened(path: &std::path::Path) -> Result<(Lines, Table), InputError> {
    let source = source::open(path)?;
    let name = source::name_of(path);
    if source.head.is_empty() {
        return Err(InputError::new(name, "is empty"));
    }
    if source.head.starts_with(super::PARQUET) || source.head == super::MAGIC {
        return Err(InputError::new(name, "is no text").help("give a CSV of function and time, or of counts"));
    }
    let mut lines = Lines::new(name, source.bytes)?;
    let table = Table::of(&mut lines)?;
    Ok((lines, table))
}

/// A function's name stands on one line wherever it is shown.
fn checked(
    lines: &Lines,
    place: &std::ops::Range<usize>,
    field: std::ops::Range<usize>,
) -> Result<String, InputError> {
    let name = unquoted_text(lines.text(place), &field);
    if name.is_empty() {
        return Err(lines
            .error(place, field, "a row without the name of a function".into())
            .help("name it, or remove the row"));
    }
    if name.len() > LONGEST_NAME || name.contains(|c: char| c.is_control()) {
        let message = format!("a function's name is at most {LONGEST_NAME} bytes, on one line");
        return Err(lines.error(place, field, message).help("shorten the name"));
    }
    Ok(name)
}

/// The longest name of a function \[bytes\].
const LONGEST_NAME: usize = 1000;

/// What a reader must know of lines that were skipped.
fn notes_of(lines: &Lines) -> Vec<String> {
    let mut reading = Reading::default();
    lines.report(&mut reading);
    reading.notes()
}

#[cfg(test)]
mod tests;
