//! The batches of one stretch of arrivals, and which of them is the first to leave at or after a time.

use crate::engine::warm::Batches;
use crate::units::Time;

/// So many cells a batch.
const CELLS: u64 = 2;
/// So many batches of a cell are passed without a branch; further ones are searched by halves.
const STEPS: usize = 3;

/// Batches, in the order in which they leave.
#[derive(Debug, Clone, Copy)]
pub struct Starts<'a> {
    /// The batches.
    pub batches: Batches<'a>,
    /// The requests of each.
    pub sizes: &'a [u32],
    /// The end of the warm-up.
    pub warmup: Time,
    /// Those before leave within it.
    pub counted_from: usize,
    places: &'a Places,
}

/// The index of batches by time; room that is used again.
#[derive(Debug, Default)]
pub struct Places {
    origin: u64,
    shift: u32,
    /// For each cell of 2^shift ns the first batch that leaves in it or later.
    cells: Vec<u32>,
    /// When batches leave; a few at the end that never do.
    left: Vec<u64>,
}

impl Places {
    /// Sorts batches that leave at these times.
    pub fn sort(&mut self, left: &[Time]) {
        self.left.clear();
        self.left.extend(left.iter().map(|time| time.0));
        self.left.extend([u64::MAX; STEPS + 1]);
        self.cells.clear();
        let (first, last) =
            (left.first().copied().unwrap_or_default(), left.last().copied().unwrap_or_default());
        self.origin = first.0;
        self.shift = ((last.0 - first.0) / (CELLS * left.len().max(1) as u64)).checked_ilog2().unwrap_or(0);
        for (place, time) in left.iter().enumerate() {
            let cell = ((time.0 - first.0) >> self.shift) as usize;
            if self.cells.len() <= cell {
                self.cells.resize(cell + 1, place as u32);
            }
        }
        // Beyond the last cell there is none.
        self.cells.push(left.len() as u32);
    }

    /// The number of the first batch that leaves at `time` or later; the number of batches if there is none.
    #[inline(always)]
    fn first_from(&self, time: u64) -> usize {
        let cell = (time.saturating_sub(self.origin) >> self.shift).min(self.cells.len() as u64 - 1) as usize;
        let mut place = self.cells[cell] as usize;
        // No branch: which of the next it is cannot be foreseen.
        for _ in 0..STEPS {
            place += usize::from(self.left[place] < time);
        }
        if self.left[place] < time { self.search(cell, time) } else { place }
    }

    #[cold]
    fn search(&self, cell: usize, time: u64) -> usize {
        let (from, until) = (self.cells[cell] as usize, self.cells[cell + 1] as usize);
        from + self.left[from..until].partition_point(|left| *left < time)
    }
}

impl<'a> Starts<'a> {
    /// Batches whose index by time is `places`.
    pub fn new(batches: Batches<'a>, sizes: &'a [u32], warmup: Time, places: &'a Places) -> Starts<'a> {
        let counted_from = batches.left.partition_point(|left| *left < warmup);
        Starts { batches, sizes, warmup, counted_from, places }
    }

    /// The first batch that leaves at `time` or later; how many there are if none does.
    #[inline(always)]
    pub fn first_from(&self, time: Time) -> usize {
        self.places.first_from(time.0)
    }

    /// The arrivals of a batch.
    pub fn arrivals(&self, batch: usize) -> &'a [Time] {
        let Batches { times, first, ends, .. } = self.batches;
        let start = if batch == 0 { first } else { ends[batch - 1] };
        &times[start..ends[batch]]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_batch_is_that_of_a_search_from_the_start(
            gaps in prop::collection::vec(prop_oneof![5 => Just(0u64), 5 => 0u64..9, 1 => 0u64..100_000], 0..200),
            asked in prop::collection::vec(0u64..300_000, 1..50), origin in 0u64..50,
        ) {
            let mut now = origin;
            let left: Vec<Time> = gaps.iter().map(|gap| { now += gap; Time(now) }).collect();
            let mut places = Places::default();
            places.sort(&left);
            for time in asked.into_iter().chain(left.iter().flat_map(|time| [time.0, time.0 + 1])) {
                prop_assert_eq!(places.first_from(time), left.iter().take_while(|left| left.0 < time).count());
            }
        }
    }
}
