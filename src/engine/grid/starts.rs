//! The batches of one stretch of arrivals, and which of them is the first to leave at or after a time.

use crate::engine::warm::Batches;
use crate::units::Time;

/// So many cells a batch.
const CELLS: u64 = 4;
/// Beyond so many batches a cell they are searched by halves.
const FEW: usize = 16;

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

/// Room for the index of batches by time, used again.
#[derive(Debug, Default)]
pub struct Places {
    origin: Time,
    shift: u32,
    /// For each cell of 2^shift ns the first batch that leaves in it or later.
    cells: Vec<u32>,
}

impl Places {
    /// Sorts batches that leave at these times.
    pub fn sort(&mut self, left: &[Time]) {
        self.cells.clear();
        let (Some(first), Some(last)) = (left.first(), left.last()) else { return };
        self.origin = *first;
        let length = last.0 - first.0;
        self.shift = (length / (CELLS * left.len() as u64)).checked_ilog2().unwrap_or(0);
        let cell = |time: &Time| ((time.0 - first.0) >> self.shift) as usize;
        for (place, time) in left.iter().enumerate() {
            let cell = cell(time);
            if self.cells.len() <= cell {
                self.cells.resize(cell + 1, place as u32);
            }
        }
        // The end, so that a cell's last batch is known.
        self.cells.push(left.len() as u32);
    }
}

impl<'a> Starts<'a> {
    /// Batches whose index by time is `places`.
    pub fn new(batches: Batches<'a>, sizes: &'a [u32], warmup: Time, places: &'a Places) -> Starts<'a> {
        let counted_from = batches.left.partition_point(|left| *left < warmup);
        Starts { batches, sizes, warmup, counted_from, places }
    }

    /// The first batch that leaves at `time` or later; `None` if the last of them leaves before.
    #[inline(always)]
    pub fn first_from(&self, time: Time) -> Option<usize> {
        let left = self.batches.left;
        let cell = (time.since(self.places.origin).0 >> self.places.shift) as usize;
        let [from, until] = *self.places.cells.get(cell..cell + 2)? else { return None };
        let (mut from, until) = (from as usize, until as usize);
        if until - from > FEW {
            return Some(from + left[from..until].partition_point(|left| *left < time))
                .filter(|at| *at < left.len());
        }
        while left.get(from)? < &time {
            from += 1;
        }
        Some(from)
    }

    /// The arrivals of a batch.
    pub fn arrivals(&self, batch: usize) -> &'a [Time] {
        let Batches { times, first, ends, .. } = self.batches;
        let start = if batch == 0 { first } else { ends[batch - 1] };
        &times[start..ends[batch]]
    }
}
