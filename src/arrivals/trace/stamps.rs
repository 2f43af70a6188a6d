//! Traces with a line for each arrival: points in time, or gaps between them.

use memchr::{memchr, memchr2};

use super::decimal::{self, Kind};
use super::delimited::value;
use super::layout::too_late;
use super::lines::Lines;
use super::order::Raw;
use super::reading::Reading;
use super::table::Column;
use super::unit::Chosen;
use super::{Reader, Unit};
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

/// What a value of the column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A point in time.
    Instant,
    /// The gap between two arrivals. n gaps are between n + 1 arrivals, the first at time 0.
    Gap,
}

/// Reads one column of a text.
pub(super) struct Stamps {
    lines: Lines,
    column: Column,
    unit: Chosen,
    kind: Kind,
    meaning: Meaning,
    /// What else could be read.
    others: String,
    records: u64,
}

impl Stamps {
    pub(super) fn new(
        lines: Lines,
        column: Column,
        unit: Chosen,
        meaning: Meaning,
        others: String,
    ) -> Stamps {
        let kind = match (unit, meaning) {
            (Chosen::Dated, Meaning::Instant) => Kind::DateTime,
            // A date is no gap, which its line will say.
            (Chosen::Dated, Meaning::Gap) => Unit::Seconds.kind(),
            (unit, _) => unit.unit().kind(),
        };
        Stamps { lines, column, unit, kind, meaning, others, records: 0 }
    }

    /// Takes plain numbers from the lines at hand until anything else comes.
    fn fill_fast(&mut self, floor: i64, block: &mut Vec<i64>, full: usize) -> Result<usize, InputError> {
        let Kind::Number { digits } = self.kind else { return Ok(0) };
        let floor = u64::try_from(floor).unwrap_or(0);
        let Column { index, delimiter, .. } = self.column;
        let text = self.lines.ready()?;
        // Quotes may hold delimiters and line breaks; of blanks several are one.
        let is_plain = self.others.is_empty() || memchr(b'"', text).is_none();
        if !is_plain || (delimiter == b' ' && index > 0) {
            return Ok(0);
        }
        let (mut at, before) = (0, block.len());
        while block.len() < full {
            let Some(start) = skip_fields(text, at, delimiter, index) else { break };
            let Some((value, length)) = decimal::prefix(&text[start..], digits) else { break };
            let end = start + length;
            if value < floor {
                break;
            }
            at = match text[end] {
                b'\n' => end + 1,
                b'\r' if text[end + 1] == b'\n' => end + 2,
                other if other == delimiter => match memchr(b'\n', &text[end..]) {
                    Some(rest) => end + rest + 1,
                    None => break,
                },
                _ => break,
            };
            block.push(value as i64);
        }
        let taken = block.len() - before;
        self.lines.take(at, taken);
        Ok(taken)
    }

    /// Takes the next line, whatever it holds; false at the end.
    fn take_line(&mut self, floor: i64, block: &mut Vec<i64>) -> Result<bool, InputError> {
        let Column { index, delimiter, ref label } = self.column;
        let Some(line) = self.lines.next_record(delimiter)? else { return Ok(false) };
        let field = self.lines.field(&line, delimiter, index, label)?;
        let text = &self.lines.text(&line)[field.clone()];
        let value = value(text, self.kind, delimiter).map_err(|reason| {
            let mend = match self.kind {
                Kind::Number { .. } if reason.contains("beyond") => "set `unit` to ms, us or ns",
                Kind::Number { .. } => {
                    "expected a number such as 12.25, or choose another `column` or `format`"
                }
                Kind::DateTime => "the first line has a date-time, so all must",
            };
            self.lines.error(&line, field.clone(), reason).help(mend)
        })?;
        if value < floor {
            let shown = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
            return Err(too_late(self.lines.error(&line, field, format!("`{shown}`"))));
        }
        block.push(value);
        Ok(true)
    }
}

/// Where field `index` of the line at `at` starts, if all before it are there and unquoted.
#[inline]
fn skip_fields(text: &[u8], mut at: usize, delimiter: u8, index: usize) -> Option<usize> {
    for _ in 0..index {
        let end = at + memchr2(delimiter, b'\n', &text[at..])?;
        if text[end] == b'\n' {
            return None;
        }
        at = end + 1;
    }
    (at < text.len()).then_some(at)
}

impl Raw for Stamps {
    fn fill(&mut self, floor: i64, block: &mut Vec<i64>) -> Result<(), InputError> {
        let (before, full) = (block.len(), block.len() + BLOCK);
        // Gaps have no order.
        let floor = if self.meaning == Meaning::Gap { i64::MIN } else { floor };
        while block.len() < full {
            if self.fill_fast(floor, block, full)? == 0 && !self.take_line(floor, block)? {
                break;
            }
        }
        self.records += (block.len() - before) as u64;
        Ok(())
    }

    fn report(&self, reading: &mut Reading) {
        reading.records += self.records;
        self.lines.report(reading);
        (reading.format, reading.times) = match self.meaning {
            Meaning::Instant => ("timestamps", format!("{}, {}", self.column.label, self.unit)),
            Meaning::Gap => ("interarrivals", format!("{}, {}", self.column.label, self.unit)),
        };
        reading.assume(self.unit.remark());
    }

    fn name(&self) -> &str {
        self.lines.name()
    }

    fn others(&self) -> String {
        self.others.clone()
    }
}

/// The arrivals between which gaps are: one more than gaps, the first at time 0.
pub(super) struct Summed<R> {
    gaps: R,
    /// Gaps that have been read, and how many of them are used.
    values: Vec<i64>,
    at: usize,
    last: u64,
    count: u64,
}

impl<R: Raw> Summed<R> {
    pub(super) fn new(gaps: R) -> Summed<R> {
        Summed { gaps, values: Vec::new(), at: 0, last: 0, count: 0 }
    }
}

impl<R: Raw> Arrivals for Summed<R> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        if self.at == self.values.len() {
            (self.at, self.values) = (0, Vec::new());
            self.gaps.fill(i64::MIN, &mut self.values)?;
        }
        if self.count == 0 && !self.values.is_empty() {
            block.push(Time::ZERO);
            self.count = 1;
        }
        while block.len() < full && self.at < self.values.len() {
            let next =
                self.last.checked_add(self.values[self.at] as u64).filter(|next| *next <= i64::MAX as u64);
            let Some(next) = next else {
                let message =
                    format!("has gaps that add up to more than 292 years, after {} arrivals", self.count);
                return Err(InputError::new(self.gaps.name(), message).help("set `unit` to ms, us or ns"));
            };
            block.push(Time(next));
            (self.last, self.at, self.count) = (next, self.at + 1, self.count + 1);
        }
        Ok(())
    }
}

impl<R: Raw> Reader for Summed<R> {
    /// Until the last arrival and a mean gap after it.
    fn length(&self) -> Span {
        Span(self.last + self.last / self.count.saturating_sub(1).max(1))
    }

    fn report(&self, reading: &mut Reading) {
        self.gaps.report(reading);
    }
}
