//! Arrivals that are already in memory.

use std::sync::Arc;

use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

/// A stream over times in memory. Cloning starts anew and copies nothing.
#[derive(Debug)]
pub struct InMemory {
    times: Arc<Vec<Time>>,
    next: usize,
    bin: Option<Span>,
}

impl InMemory {
    /// The arrivals at `times`, which must not decrease.
    pub fn new(times: Vec<Time>) -> InMemory {
        debug_assert!(times.is_sorted());
        InMemory { times: Arc::new(times), next: 0, bin: None }
    }

    /// All that is left of `source`, with its bin; `None` if it holds more than `most` arrivals.
    ///
    /// Errors: the source cannot be read.
    pub fn of(source: &mut dyn Arrivals, most: usize) -> Result<Option<InMemory>, InputError> {
        let bin = source.bin();
        let mut times = Vec::new();
        loop {
            let before = times.len();
            source.fill(&mut times)?;
            if times.len() == before {
                return Ok(Some(InMemory { bin, ..InMemory::new(times) }));
            }
            if times.len() > most {
                return Ok(None);
            }
        }
    }

    /// All times.
    pub fn times(&self) -> &[Time] {
        &self.times
    }
}

impl Clone for InMemory {
    fn clone(&self) -> InMemory {
        InMemory { times: Arc::clone(&self.times), next: 0, bin: self.bin }
    }
}

impl Arrivals for InMemory {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let end = (self.next + BLOCK).min(self.times.len());
        block.extend_from_slice(&self.times[self.next..end]);
        self.next = end;
        Ok(())
    }

    fn bin(&self) -> Option<Span> {
        self.bin
    }
}
