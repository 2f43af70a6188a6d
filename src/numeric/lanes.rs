//! A queue by priority for what mostly comes in a few ascending sequences.
//!
//! Events that are planned a fixed span ahead are due in the order in which they are planned. So each such span has a lane, in
//! which what is new comes last; the least of the heads comes next. What fits no lane is kept in order by a heap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// So many lanes: few enough to look at the heads of all.
const MOST_LANES: usize = 12;

/// Items, of which the least comes next.
#[derive(Debug)]
pub struct Lanes<T> {
    lanes: Vec<VecDeque<T>>,
    others: BinaryHeap<Reverse<T>>,
    /// The least, and its lane; none if it is in the heap.
    least: Option<(T, Option<usize>)>,
}

impl<T: Ord + Copy> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        Lanes { lanes: Vec::new(), others: BinaryHeap::new(), least: None }
    }
}

impl<T: Ord + Copy> Lanes<T> {
    /// The least.
    #[inline]
    pub fn peek(&self) -> Option<T> {
        self.least.map(|(item, _)| item)
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, item: T) {
        let lane = self.lane(item);
        match lane {
            Some(lane) => self.lanes[lane].push_back(item),
            None => self.others.push(Reverse(item)),
        }
        if self.least.is_none_or(|(least, _)| item < least) {
            self.least = Some((item, lane));
        }
    }

    /// Takes out the least.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let (item, lane) = self.least?;
        match lane {
            Some(lane) => drop(self.lanes[lane].pop_front()),
            None => drop(self.others.pop()),
        }
        let mut least = self.others.peek().map(|Reverse(other)| (*other, None));
        for (number, lane) in self.lanes.iter().enumerate() {
            if let Some(head) = lane.front()
                && least.is_none_or(|(least, _)| *head < least)
            {
                least = Some((*head, Some(number)));
            }
        }
        self.least = least;
        Some(item)
    }

    /// The first lane whose last item comes before; so lanes with longer spans come first.
    #[inline]
    fn lane(&mut self, item: T) -> Option<usize> {
        let mut empty = None;
        for (number, lane) in self.lanes.iter().enumerate() {
            match lane.back() {
                Some(last) if *last <= item => return Some(number),
                Some(_) => {}
                None => empty = empty.or(Some(number)),
            }
        }
        if empty.is_none() && self.lanes.len() < MOST_LANES {
            self.lanes.push(VecDeque::new());
            return Some(self.lanes.len() - 1);
        }
        empty
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the spans, few or many: what comes out is what a sorted list has.
        #[test]
        fn items_come_as_from_a_sorted_list(
            spans in 1_u64..60, steps in prop::collection::vec((any::<u64>(), any::<bool>()), 0..400),
        ) {
            let (mut lanes, mut listed) = (Lanes::default(), Vec::new());
            for (number, (span, takes)) in steps.into_iter().enumerate() {
                let item = (number as u64 / 4 + span % spans, number);
                lanes.push(item);
                listed.push(item);
                prop_assert_eq!(lanes.peek(), listed.iter().copied().min());
                if takes {
                    let least = listed.iter().copied().min();
                    listed.retain(|other| Some(*other) != least);
                    prop_assert_eq!(lanes.pop(), least);
                }
            }
            listed.sort_unstable();
            let rest: Vec<(u64, usize)> = std::iter::from_fn(|| lanes.pop()).collect();
            prop_assert_eq!(rest, listed);
        }
    }
}
