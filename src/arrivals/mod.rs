//! Where requests come from: processes, schedules of them, and trace files. All stream.

pub mod class_streams;
pub mod closed;
pub mod convert;
pub mod map;
pub mod map_arrivals;
pub mod marked;
pub mod memory;
mod merge;
pub mod renewal;
pub mod rhythm;
pub mod schedule;
pub mod sized;
pub mod stop;
pub mod trace;
pub mod transform;
mod zst;

use self::closed::Users;
use self::map_arrivals::Portion;
use crate::error::InputError;
use crate::units::{Span, Time};

/// The number of arrivals that a source hands over at a time.
pub const BLOCK: usize = 4096;

/// A stream of arrival times.
///
/// Arrivals are handed over in blocks, so that the call costs nothing beside the work, and a trace
/// never has to fit into memory.
pub trait Arrivals: Send {
    /// Appends the next arrivals, at most [`BLOCK`], in non-decreasing order; appends nothing at the end.
    ///
    /// # Errors
    /// A trace file that cannot be read, with the line.
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError>;

    /// Arrivals that follow, to be drawn by any thread with [`Arrivals::fill`], before or after later ones; `None` if
    /// there are no more, or if the source only hands them over in turn.
    fn portion(&mut self) -> Option<Portion> {
        None
    }

    /// So many of the arrivals to come are wanted at most. What [`Arrivals::fill`] hands over is cut there already, of
    /// the portions only as many are to be taken.
    fn wanted(&self) -> u64 {
        u64::MAX
    }

    /// The bin of a source that only knows counts, from time 0 on: within it, the times are made up.
    fn bin(&self) -> Option<Span> {
        None
    }

    /// The users behind the arrivals, where these depend on the answers; then there is nothing to hand over.
    fn users(&mut self) -> Option<&mut Users> {
        None
    }
}

impl Arrivals for Box<dyn Arrivals + '_> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        (**self).fill(block)
    }

    fn portion(&mut self) -> Option<Portion> {
        (**self).portion()
    }

    fn wanted(&self) -> u64 {
        (**self).wanted()
    }

    fn bin(&self) -> Option<Span> {
        (**self).bin()
    }

    fn users(&mut self) -> Option<&mut Users> {
        (**self).users()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// All arrivals of a source.
    pub fn drawn(mut source: impl Arrivals) -> Vec<Time> {
        all(|block| source.fill(block))
    }

    /// All that a stream hands over block by block.
    pub fn all<T>(mut fill: impl FnMut(&mut Vec<T>) -> Result<(), InputError>) -> Vec<T> {
        tried(&mut fill).unwrap()
    }

    /// The same, or its error.
    pub fn tried<T>(
        mut fill: impl FnMut(&mut Vec<T>) -> Result<(), InputError>,
    ) -> Result<Vec<T>, InputError> {
        let mut all = Vec::new();
        loop {
            let before = all.len();
            fill(&mut all)?;
            if all.len() == before {
                return Ok(all);
            }
        }
    }
}
