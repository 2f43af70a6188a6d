//! Functions whose calls are in memory.

use super::super::StampMode;
use super::{Calls, Function, Functions};
use crate::error::InputError;
use crate::units::Span;

/// Functions by name, in their order.
#[derive(Debug)]
pub struct HeldFunctions {
    rest: std::iter::Enumerate<std::vec::IntoIter<(String, Vec<i64>)>>,
    length: Span,
}

impl HeldFunctions {
    /// Functions by name with their calls \[ns\], in any order; all were watched for `length`, or from the first call to
    /// the last.
    ///
    /// # Errors
    /// Nothing is known of a rate; `length` is shorter than what was seen.
    pub fn new(
        mut named: Vec<(String, Vec<i64>)>,
        length: Option<Span>,
    ) -> Result<HeldFunctions, InputError> {
        named.iter_mut().for_each(|(_, calls)| calls.sort_unstable());
        let first = named.iter().filter_map(|(_, calls)| calls.first()).min();
        let last = named.iter().filter_map(|(_, calls)| calls.last()).max();
        let seen = first.zip(last).map_or(Span::ZERO, |(first, last)| Span(last.abs_diff(*first)));
        let length = length.unwrap_or(seen);
        if length < seen {
            let message = format!("of {length} is shorter than from the first call to the last: {seen}");
            return Err(InputError::new("length", message).help("give how long all functions were watched"));
        }
        if length == Span::ZERO {
            return Err(InputError::new(
                "the functions",
                "have all their calls at one instant: nothing is known of a rate",
            )
            .help("give how long they were watched"));
        }
        Ok(HeldFunctions { rest: named.into_iter().enumerate(), length })
    }
}

impl Functions for HeldFunctions {
    fn next(&mut self) -> Result<Option<Function>, InputError> {
        let next = self.rest.next();
        Ok(next.map(|(number, (name, calls))| Function {
            number,
            name,
            calls: Calls::Instants(calls, StampMode::Auto),
        }))
    }

    fn length(&self) -> Span {
        self.length
    }

    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
