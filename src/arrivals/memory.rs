//! Arrivals that are in memory already.

use std::fmt;
use std::sync::Arc;

use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

/// Arrivals that whoever uses the library holds in memory: a workload that is replayed as often as it is asked for,
/// by several threads at once.
pub trait Held: fmt::Debug + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Appends those from number `from` on, at most [`BLOCK`], in non-decreasing order; nothing at the end.
    ///
    /// # Errors
    /// They are out of order, or no times.
    fn copy(&self, from: usize, block: &mut Vec<Time>) -> Result<(), InputError>;
}

impl Held for Vec<Time> {
    fn count(&self) -> usize {
        self.len()
    }

    fn copy(&self, from: usize, block: &mut Vec<Time>) -> Result<(), InputError> {
        block.extend_from_slice(&self[from..self.len().min(from + BLOCK)]);
        Ok(())
    }
}

/// Hands over what is held, from the first on.
#[derive(Debug)]
pub struct Replayed {
    held: Arc<dyn Held>,
    at: usize,
}

impl Replayed {
    /// Has handed over nothing.
    pub fn new(held: Arc<dyn Held>) -> Replayed {
        Replayed { held, at: 0 }
    }
}

impl Arrivals for Replayed {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        self.held.copy(self.at, block)?;
        self.at += block.len() - before;
        Ok(())
    }
}

/// Hands over times that lie in memory, as often as one is made of them.
#[derive(Debug, Clone)]
pub struct InMemory<'a> {
    rest: &'a [Time],
    block: usize,
    bin: Option<Span>,
}

impl<'a> InMemory<'a> {
    /// Arrivals at `times`, which must not decrease.
    pub fn new(times: &'a [Time]) -> InMemory<'a> {
        InMemory::in_blocks(times, BLOCK)
    }

    /// As [`InMemory::new`], `block` at a time: 1 to [`BLOCK`].
    pub fn in_blocks(times: &'a [Time], block: usize) -> InMemory<'a> {
        assert!((1..=BLOCK).contains(&block), "a block of {block}");
        InMemory { rest: times, block, bin: None }
    }

    /// The same, of a source that only knew counts in bins.
    pub fn of_bins(self, bin: Option<Span>) -> InMemory<'a> {
        InMemory { bin, ..self }
    }
}

impl Arrivals for InMemory<'_> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let (next, rest) = self.rest.split_at(self.block.min(self.rest.len()));
        block.extend_from_slice(next);
        self.rest = rest;
        Ok(())
    }

    fn bin(&self) -> Option<Span> {
        self.bin
    }
}

/// All arrivals of a source that are left.
///
/// # Errors
/// They cannot be read.
pub fn collect<A: Arrivals + ?Sized>(arrivals: &mut A) -> Result<Vec<Time>, InputError> {
    let mut times = Vec::new();
    loop {
        let before = times.len();
        arrivals.fill(&mut times)?;
        if times.len() == before {
            return Ok(times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_memory_comes_in_blocks_and_whole() {
        let times: Vec<Time> = (0..10_000).map(Time).collect();
        for block in [1, 7, BLOCK] {
            let mut source = InMemory::in_blocks(&times, block);
            let mut first = Vec::new();
            source.fill(&mut first).unwrap();
            assert_eq!(first, times[..block]);
            assert_eq!(collect(&mut source).unwrap(), times[block..]);
        }
        let held: Arc<dyn Held> = Arc::new(times.clone());
        for _ in 0..2 {
            assert_eq!(collect(&mut Replayed::new(Arc::clone(&held))).unwrap(), times);
        }
    }
}
