//! Which requests a buffer (B, T) puts together, found without a queue of events.
//!
//! A batch that opens at arrival i leaves full at arrival i + B - 1 if that comes by the deadline a_i + T,
//! else at the deadline with whatever came by then. What came before i does not matter.

use crate::policy::batch::BatchPolicy;
use crate::units::Time;

/// Batches that leave one after the other, their arrivals side by side.
#[derive(Debug, Clone, Copy)]
pub struct Batches<'a, A = Time> {
    /// The arrivals of all of them.
    pub times: &'a [A],
    /// Where the arrivals of the first begin.
    pub first: usize,
    /// Where the arrivals of each end.
    pub ends: &'a [usize],
    /// When each leaves.
    pub left: &'a [Time],
}

impl<'a, A: Copy> Batches<'a, A> {
    /// The first `count` and the others.
    pub fn split_at(self, count: usize) -> (Batches<'a, A>, Batches<'a, A>) {
        let Batches { times, first, ends, left } = self;
        let middle = ends[..count].last().copied().unwrap_or(first);
        let ((ends, later_ends), (left, later_left)) = (ends.split_at(count), left.split_at(count));
        (
            Batches { times, first, ends, left },
            Batches { times, first: middle, ends: later_ends, left: later_left },
        )
    }

    /// Those that leave at `warmup` or later.
    pub fn from(self, warmup: Time) -> Batches<'a, A> {
        self.split_at(self.left.partition_point(|left| *left < warmup)).1
    }

    /// The requests of each.
    pub fn sizes(self) -> impl Iterator<Item = usize> {
        let starts = std::iter::once(self.first).chain(self.ends.iter().copied());
        starts.zip(self.ends).map(|(start, end)| end - start)
    }
}

/// Room for batches that is used again.
#[derive(Debug, Default)]
pub struct Cuts {
    /// Where the arrivals of each end.
    pub ends: Vec<usize>,
    /// When each leaves.
    pub left: Vec<Time>,
}

impl Cuts {
    /// Forgets all batches.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.left.clear();
    }

    /// Adds a batch.
    #[inline(always)]
    pub fn push(&mut self, end: usize, left: Time) {
        self.ends.push(end);
        self.left.push(left);
    }

    /// Adds every batch from the one that opens at `open` on that `times` decides; where the next one opens.
    pub fn extend(&mut self, times: &[Time], mut open: usize, buffer: BatchPolicy) -> usize {
        if buffer.batch == 1 {
            self.ends.extend(open + 1..=times.len());
            self.left.extend_from_slice(&times[open..]);
            return times.len();
        }
        // Taken out, so that their lengths stay in registers.
        let (mut ends, mut lefts) = (std::mem::take(&mut self.ends), std::mem::take(&mut self.left));
        while let Some((end, left)) = closed(times, open, buffer) {
            ends.push(end);
            lefts.push(left);
            open = end;
        }
        (self.ends, self.left) = (ends, lefts);
        open
    }

    /// The batches from the `skip`-th on, of which the first begins at `first`.
    pub fn batches<'a, A>(&'a self, times: &'a [A], first: usize, skip: usize) -> Batches<'a, A> {
        Batches { times, first, ends: &self.ends[skip..], left: &self.left[skip..] }
    }
}

/// Where the arrivals of the batch that opens at `times[open]` end, and when it leaves; `None` as long as later
/// arrivals may join it.
#[inline(always)]
pub fn closed(times: &[Time], open: usize, buffer: BatchPolicy) -> Option<(usize, Time)> {
    let deadline = *times.get(open)? + buffer.timeout;
    let full = open + buffer.batch as usize;
    match times.get(full - 1) {
        Some(last) if *last <= deadline => Some((full, *last)),
        None if *times.last()? <= deadline => None,
        _ => Some((timed_out(times, open, full, deadline), deadline)),
    }
}

/// The batch that opens at `times[open]` when no more arrivals come; `None` if it never leaves.
pub fn last(times: &[Time], open: usize, buffer: BatchPolicy) -> Option<(usize, Time)> {
    let deadline = *times.get(open)? + buffer.timeout;
    // The engine's events end before the end of time.
    (deadline.0 < Time::NEVER.0 - 1).then_some((times.len(), deadline))
}

/// Where the arrivals up to `deadline` end, of those in `open..full`.
#[inline(always)]
fn timed_out(times: &[Time], open: usize, full: usize, deadline: Time) -> usize {
    let candidates = &times[open..full.min(times.len())];
    open + candidates.partition_point(|time| *time <= deadline)
}
