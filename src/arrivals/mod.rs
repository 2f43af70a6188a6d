//! Where requests come from: processes, schedules of them, and trace files. All stream.

pub mod convert;
pub mod map;
pub mod schedule;
pub mod trace;
pub mod transform;

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
    /// Errors: a trace file that cannot be read, with the line.
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError>;

    /// The bin of a source that only knows counts, from time 0 on: within it, the times are made up.
    fn bin(&self) -> Option<Span> {
        None
    }
}

impl Arrivals for Box<dyn Arrivals> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        (**self).fill(block)
    }

    fn bin(&self) -> Option<Span> {
        (**self).bin()
    }
}
