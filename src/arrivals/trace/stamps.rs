//! Traces with a line for each arrival: points in time, or gaps between them.

use memchr::{memchr, memchr2};

use super::Reader;
use super::decimal::{self, Kind};
use super::lines::Lines;
use super::table::Column;
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

/// Turns the values of a column into arrivals, of which the first is at time 0.
pub(super) struct Clock {
    kind: Kind,
    meaning: Meaning,
    /// The first value; unknown until it is read.
    zero: Option<i64>,
    last: u64,
    count: u64,
}

impl Clock {
    pub(super) fn new(kind: Kind, meaning: Meaning) -> Clock {
        Clock { kind, meaning, zero: None, last: 0, count: 0 }
    }

    /// Appends the arrival of the next value; the first gap gives two. False if it cannot come next.
    #[inline]
    pub(super) fn push(&mut self, nanos: i64, block: &mut Vec<Time>) -> bool {
        let next = match self.meaning {
            Meaning::Instant => {
                let zero = *self.zero.get_or_insert(nanos);
                nanos.checked_sub(zero).and_then(|next| u64::try_from(next).ok())
            }
            Meaning::Gap => {
                if self.zero.is_none() {
                    self.zero = Some(0);
                    self.count = 1;
                    block.push(Time::ZERO);
                }
                self.last.checked_add(nanos as u64).filter(|next| *next <= i64::MAX as u64)
            }
        };
        let Some(next) = next.filter(|next| *next >= self.last) else { return false };
        self.last = next;
        self.count += 1;
        block.push(Time(next));
        true
    }

    /// Why the value that is written as `shown` cannot come next, and the mend.
    pub(super) fn not_next(&self, shown: &str) -> (String, &'static str) {
        if self.meaning == Meaning::Gap {
            return ("the gaps add up to more than 292 years".into(), "set `unit` to ms, us or ns");
        }
        let before = self.kind.text(self.zero.unwrap_or(0).saturating_add(self.last as i64));
        (
            format!("`{shown}` is earlier than the arrival before it, {before}"),
            "sort the file by this column; or set `format`, if these are no points in time (interarrivals, counts)",
        )
    }

    /// The last arrival and a mean gap after it.
    pub(super) fn length(&self) -> Span {
        Span(self.last + self.last / self.count.saturating_sub(1).max(1))
    }
}

/// Reads one column of a text.
pub(super) struct Stamps {
    lines: Lines,
    column: Column,
    clock: Clock,
}

impl Stamps {
    pub(super) fn new(lines: Lines, column: Column, kind: Kind, meaning: Meaning) -> Stamps {
        Stamps { lines, column, clock: Clock::new(kind, meaning) }
    }

    /// Takes plain numbers in order from the lines at hand until anything else comes.
    fn fill_fast(&mut self, block: &mut Vec<Time>, full: usize, digits: u32) -> Result<usize, InputError> {
        let Some(zero) = self.clock.zero else { return Ok(0) };
        let base = match self.clock.meaning {
            Meaning::Instant => zero as u64,
            Meaning::Gap => 0,
        };
        let Column { index, delimiter, .. } = self.column;
        let text = self.lines.ready()?;
        if index > 0 && memchr(b'"', text).is_some() {
            return Ok(0);
        }
        let (mut at, mut last, before) = (0, self.clock.last, block.len());
        while block.len() < full {
            let Some(start) = skip_fields(text, at, delimiter, index) else { break };
            let Some((value, length)) = decimal::prefix(&text[start..], digits) else { break };
            let end = start + length;
            let next = match self.clock.meaning {
                Meaning::Instant if value >= base => value - base,
                Meaning::Gap => last.saturating_add(value),
                Meaning::Instant => break,
            };
            if next < last || next > i64::MAX as u64 {
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
            last = next;
            block.push(Time(next));
        }
        let taken = block.len() - before;
        self.lines.take(at, taken);
        self.clock.last = last;
        self.clock.count += taken as u64;
        Ok(taken)
    }

    /// Takes the next line, whatever it holds; false at the end.
    fn take_line(&mut self, block: &mut Vec<Time>) -> Result<bool, InputError> {
        let Some(line) = self.lines.next()? else { return Ok(false) };
        let Column { index, delimiter, ref label } = self.column;
        let field = self.lines.field(&line, delimiter, index, label)?;
        let text = &self.lines.text(&line)[field.clone()];
        let shown = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
        let value = decimal::parse(text, self.clock.kind).map_err(|reason| {
            let mend = match self.clock.kind {
                Kind::Number { .. } if reason.contains("beyond") => "set `unit` to ms, us or ns",
                Kind::Number { .. } => {
                    "expected a number such as 12.25, or choose another `column` or `format`"
                }
                Kind::DateTime => "the first line has a date-time, so all must",
            };
            self.lines.error(&line, field.clone(), reason).help(mend)
        })?;
        if !self.clock.push(value, block) {
            let (message, mend) = self.clock.not_next(&shown);
            return Err(self.lines.error(&line, field, message).help(mend));
        }
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

impl Arrivals for Stamps {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        // The first gap gives two arrivals.
        while block.len() + 1 < full {
            let taken = match self.clock.kind {
                Kind::Number { digits } => self.fill_fast(block, full, digits)?,
                Kind::DateTime => 0,
            };
            if taken == 0 && !self.take_line(block)? {
                break;
            }
        }
        Ok(())
    }
}

impl Reader for Stamps {
    fn length(&self) -> Span {
        self.clock.length()
    }
}
