//! Arrivals that are in memory already.

use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

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
/// Errors: they cannot be read.
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
    }
}
