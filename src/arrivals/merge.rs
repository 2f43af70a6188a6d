//! Streams side by side, in the order of time.

use super::BLOCK;
use super::transform::Timed;
use crate::error::InputError;

/// Appends the next items of a stream; nothing at the end.
pub type Fill<T> = Box<dyn FnMut(&mut Vec<T>) -> Result<(), InputError> + Send>;

/// Several streams.
pub struct Merge<T> {
    heads: Vec<Head<T>>,
}

struct Head<T> {
    fill: Fill<T>,
    block: Vec<T>,
    next: usize,
}

impl<T: Timed> Head<T> {
    /// The next item, which stays.
    fn peek(&mut self) -> Result<Option<T>, InputError> {
        if self.next == self.block.len() {
            self.block.clear();
            self.next = 0;
            (self.fill)(&mut self.block)?;
        }
        Ok(self.block.get(self.next).copied())
    }
}

impl<T: Timed> Merge<T> {
    /// Of streams, each in the order of time.
    pub fn new(streams: Vec<Fill<T>>) -> Merge<T> {
        let heads = streams.into_iter().map(|fill| Head { fill, block: Vec::new(), next: 0 });
        Merge { heads: heads.collect() }
    }

    /// Shows the next items, at most a block, each with the number of its stream; none at the end. Of equal times the lower
    /// number comes first.
    ///
    /// # Errors
    /// Those of the streams.
    pub fn next_block(&mut self, mut show: impl FnMut(T, u16)) -> Result<(), InputError> {
        let mut items = self.heads.iter_mut().map(Head::peek).collect::<Result<Vec<_>, _>>()?;
        for _ in 0..BLOCK {
            let known = items.iter().enumerate().filter_map(|(number, item)| Some((item.as_ref()?, number)));
            let Some((item, number)) = known.min_by_key(|(item, number)| (item.at(), *number)) else { break };
            show(*item, number as u16);
            self.heads[number].next += 1;
            items[number] = self.heads[number].peek()?;
        }
        Ok(())
    }
}
