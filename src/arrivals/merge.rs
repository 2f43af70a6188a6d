//! Streams side by side, in the order of time.

use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::Time;

/// Several streams.
pub struct Merge {
    heads: Vec<Head>,
}

struct Head {
    source: Box<dyn Arrivals>,
    block: Vec<Time>,
    next: usize,
}

impl Head {
    /// The next arrival, which stays.
    fn peek(&mut self) -> Result<Option<Time>, InputError> {
        if self.next == self.block.len() {
            self.block.clear();
            self.next = 0;
            self.source.fill(&mut self.block)?;
        }
        Ok(self.block.get(self.next).copied())
    }
}

impl Merge {
    /// Of streams, each in the order of time.
    pub fn new(sources: Vec<Box<dyn Arrivals>>) -> Merge {
        let heads = sources.into_iter().map(|source| Head { source, block: Vec::new(), next: 0 });
        Merge { heads: heads.collect() }
    }

    /// Shows the next arrivals, at most a block, each with the number of its stream; none at the end. Of equal times the lower
    /// number comes first.
    ///
    /// # Errors
    /// Those of the streams.
    pub fn next_block(&mut self, mut show: impl FnMut(Time, u16)) -> Result<(), InputError> {
        let mut times = self.heads.iter_mut().map(Head::peek).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..BLOCK {
            let known = times.iter().enumerate().filter_map(|(number, at)| Some(((*at)?, number)));
            let Some((at, number)) = known.min() else { break };
            show(at, number as u16);
            self.heads[number].next += 1;
            times[number] = self.heads[number].peek()?;
        }
        Ok(())
    }
}
