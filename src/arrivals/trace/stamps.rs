//! Traces with a line for each arrival: points in time, or gaps between them.

use memchr::memchr;

use super::decimal::Kind;
use super::delimited::value;
use super::layout::too_late;
use super::lines::Lines;
use super::order::Raw;
use super::plain::{Ahead, Helper, Plain};
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
    helper: Option<Helper>,
    /// What the helper and this one have read.
    ahead: Ahead,
}

/// Blocks that two read are so large that waiting for one another takes little of the time, and so small that what is read
/// of them stays in the cache.
const SHARED_BYTES: usize = 1 << 19;
/// A text of so many bytes is read by two.
const WORTH: usize = 1 << 16;

impl Stamps {
    pub(super) fn new(
        mut lines: Lines,
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
        let (helper, ahead) = (Helper::new(), Ahead::default());
        if helper.is_some() {
            lines.widen(SHARED_BYTES);
        }
        Stamps { lines, column, unit, kind, meaning, others, records: 0, helper, ahead }
    }

    /// Takes plain numbers from the lines at hand until anything else comes.
    fn fill_fast(&mut self, floor: i64, block: &mut Vec<i64>, full: usize) -> Result<usize, InputError> {
        let Kind::Number { digits } = self.kind else { return Ok(0) };
        let Column { index, delimiter, .. } = self.column;
        if self.ahead.is_empty() {
            let is_new = self.lines.is_new_block()?;
            let text = self.lines.ready()?;
            // Quotes may hold delimiters and line breaks; of blanks several are one.
            let is_plain = self.others.is_empty() || memchr(b'"', text).is_none();
            if !is_plain || (delimiter == b' ' && index > 0) {
                return Ok(0);
            }
            let plain = Plain { index, delimiter, digits };
            if let Some(helper) = self.helper.as_mut().filter(|_| is_new && text.len() >= WORTH) {
                helper.read(plain, text, &mut self.ahead);
            }
            if self.ahead.is_empty() {
                return self.fill_in_turn(plain, floor, (block, full));
            }
        }
        let (taken, bytes) = self.ahead.give(floor, full - block.len(), block);
        self.lines.take(bytes, taken);
        Ok(taken)
    }

    fn fill_in_turn(
        &mut self,
        plain: Plain,
        floor: i64,
        (block, full): (&mut Vec<i64>, usize),
    ) -> Result<usize, InputError> {
        let (mut at, before) = (0, block.len());
        let text = self.lines.ready()?;
        while block.len() < full {
            let Some((value, end)) = plain.next(text, at).filter(|(value, _)| *value >= floor) else { break };
            block.push(value);
            at = end;
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
