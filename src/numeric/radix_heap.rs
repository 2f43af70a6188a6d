//! A queue by time for a clock that does not go back.
//!
//! What is due is kept by the highest binary digit in which its time differs from that of what was taken last: in each of 64
//! buckets the times are later than in those before. When the first bucket that holds anything is opened, what is in it moves to
//! buckets before it. So an item moves at most once a digit, always next to its neighbours, where a binary heap of a hundred thousand
//! jumps about in memory at each step. A few thousand, which the cache holds, are faster in a binary heap. Source: R. K. Ahuja, K. Mehlhorn, J. B. Orlin and R. E. Tarjan, "Faster algorithms for the
//! shortest path problem", Journal of the ACM 37 (1990).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::lanes::Due;

/// More than these are kept in buckets, and less than a quarter of them are not.
const MANY: usize = 1 << 14;

/// Items, of which the least comes next. They come in their order whatever is added when; fast is what is due later than what was taken
/// last.
#[derive(Debug, Clone)]
pub struct RadixHeap<T> {
    /// The time of what was taken last, where there are many; else the end of time.
    last: u64,
    /// What is due by then.
    near: BinaryHeap<Reverse<T>>,
    buckets: Vec<Bucket<T>>,
    /// Items in buckets, and how many are many.
    far: usize,
    many: usize,
    /// A bit for each bucket that holds something.
    held: u64,
}

#[derive(Debug, Clone)]
struct Bucket<T> {
    least: T,
    items: Vec<T>,
}

impl<T: Due> Default for RadixHeap<T> {
    fn default() -> Self {
        RadixHeap::new(MANY)
    }
}

impl<T: Due> RadixHeap<T> {
    fn new(many: usize) -> Self {
        let empty = || Bucket { least: T::NEVER, items: Vec::new() };
        let buckets = std::iter::repeat_with(empty).take(u64::BITS as usize).collect();
        RadixHeap { last: u64::MAX, near: BinaryHeap::new(), buckets, far: 0, many, held: 0 }
    }

    /// The least.
    #[inline]
    pub fn peek(&self) -> Option<T> {
        match self.near.peek() {
            Some(Reverse(item)) => Some(*item),
            None if self.held == 0 => None,
            None => Some(self.buckets[self.held.trailing_zeros() as usize].least),
        }
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, item: T) {
        if item.due() > self.last {
            self.push_far(item);
            return;
        }
        self.near.push(Reverse(item));
        if self.near.len() > self.many && self.last == u64::MAX {
            self.spread();
        }
    }

    #[inline]
    fn push_far(&mut self, item: T) {
        let number = (item.due() ^ self.last).ilog2();
        let bucket = &mut self.buckets[number as usize];
        bucket.items.push(item);
        bucket.least = bucket.least.min(item);
        self.held |= 1 << number;
        self.far += 1;
    }

    /// Puts what is not due at once into buckets.
    #[cold]
    fn spread(&mut self) {
        self.last = self.near.peek().map_or(0, |Reverse(least)| least.due());
        std::mem::take(&mut self.near).into_iter().for_each(|Reverse(item)| self.push(item));
    }

    /// Takes out the least.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.near.is_empty() && self.far > 0 {
            self.open();
        }
        self.near.pop().map(|Reverse(item)| item)
    }

    /// Opens the first bucket, or all where few are left.
    fn open(&mut self) {
        let few = self.far < self.many / 4;
        let number = self.held.trailing_zeros() as usize;
        self.last = if few { u64::MAX } else { self.buckets[number].least.due() };
        for number in number..if few { self.buckets.len() } else { number + 1 } {
            let mut items = std::mem::take(&mut self.buckets[number].items);
            self.buckets[number].least = T::NEVER;
            self.held &= !(1 << number);
            self.far -= items.len();
            items.drain(..).for_each(|item| self.push(item));
            self.buckets[number].items = items;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Near and far, at one time and before the last: what comes out is what a sorted list has.
        #[test]
        fn items_come_as_from_a_sorted_list(
            steps in prop::collection::vec((any::<u64>(), 0_u32..64, any::<bool>(), 0_u8..3), 0..400),
            many in prop_oneof![Just(0), 1_usize..40, Just(MANY)],
        ) {
            let mut now = 0_u64;
            let (mut heap, mut listed) = (RadixHeap::new(many), Vec::new());
            for (number, (far, shift, is_late, takes)) in steps.into_iter().enumerate() {
                let due = if is_late { far >> shift } else { now.saturating_add(far >> shift) };
                // Two of every three are the same.
                let item = (due.min(u64::MAX - 1), number / 3);
                heap.push(item);
                listed.push(item);
                listed.sort_unstable();
                for _ in 0..takes.min(listed.len() as u8) {
                    prop_assert_eq!(heap.peek(), Some(listed[0]));
                    prop_assert_eq!(heap.pop(), Some(listed[0]));
                    now = now.max(listed.remove(0).0);
                }
            }
            let rest: Vec<(u64, usize)> = std::iter::from_fn(|| heap.pop()).collect();
            prop_assert_eq!(rest, listed);
        }
    }
}
