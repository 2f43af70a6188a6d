//! A row for each function, a column for each minute.

use super::super::azure::minute_counts;
use super::super::lines::Lines;
use super::super::names::minutes_start;
use super::super::table::Table;
use super::{Calls, Function, Functions, checked, notes_of};
use crate::error::InputError;
use crate::units::Span;

/// Rows as they come: only one is in memory.
pub struct Wide {
    lines: Lines,
    delimiter: u8,
    key: usize,
    first_minute: usize,
    minutes: usize,
    bin: Span,
    number: usize,
}

impl Wide {
    /// The rows of a text after its header.
    pub fn new(lines: Lines, table: &Table, bin: Option<Span>) -> Result<Wide, InputError> {
        let Some(first_minute) = minutes_start(&table.names) else {
            return Err(InputError::new(lines.name(), "has no columns 1, 2, 3, ... for the minutes").help(
                "the azure-2019 layout has a header such as HashOwner,HashApp,HashFunction,Trigger,1,2,3",
            ));
        };
        let key = table.names.iter().position(|name| name == "HashFunction").unwrap_or(0);
        let (delimiter, minutes) = (table.delimiter, table.names.len() - first_minute);
        let bin = bin.unwrap_or(Span::from_secs(60));
        Ok(Wide { lines, delimiter, key, first_minute, minutes, bin, number: 0 })
    }
}

impl Functions for Wide {
    fn next(&mut self) -> Result<Option<Function>, InputError> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        let field = self.lines.field(&line, self.delimiter, self.key, "the name of the function")?;
        let name = checked(&self.lines, &line, field)?;
        let shape = (self.delimiter, self.first_minute, self.minutes);
        let counts = minute_counts(&self.lines, &line, shape, &name)?;
        let filled = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
        let counts = filled.map(|(minute, count)| (minute as u64, count)).collect();
        self.number += 1;
        Ok(Some(Function { number: self.number - 1, name, calls: Calls::Counts(counts, self.bin) }))
    }

    fn skip(&mut self) -> Result<bool, InputError> {
        let is_there = self.lines.next()?.is_some();
        self.number += usize::from(is_there);
        Ok(is_there)
    }

    fn length(&self) -> Span {
        Span(self.bin.0.saturating_mul(self.minutes as u64))
    }

    fn notes(&self) -> Vec<String> {
        notes_of(&self.lines)
    }
}
