//! A queue by priority for what mostly comes in a few ascending sequences.
//!
//! What is planned the same span ahead is due in the order in which it was planned. So each span that returns, as that of a batch
//! size where service times are fixed, has a lane, in which what is new comes last; the least of the heads comes next.
//! What has no lane, as where times are random, is kept in order by a heap.

use std::collections::VecDeque;

use super::radix_heap::RadixHeap;

/// So many spans have a lane: few enough to look at the heads of all.
const MOST_LANES: usize = 16;
/// After so many spans without a lane it is looked at whether lanes pay.
const STRANGERS: u64 = 100;

/// What is ordered by when it is due.
pub trait Due: Ord + Copy {
    /// Later than any.
    const NEVER: Self;

    /// When it is due: no order but this among those of different times.
    fn due(&self) -> u64;
}

/// Items, of which the least comes next.
#[derive(Debug, Clone)]
pub struct Lanes<T> {
    /// The least, and the lane that it heads; none if it is in the heap.
    next: T,
    first: Option<usize>,
    lanes: Vec<Lane<T>>,
    /// The lane that was used last.
    recent: usize,
    others: RadixHeap<T>,
    /// Spans are random, and have no lanes.
    is_random: bool,
    strangers: u64,
    known: u64,
}

/// What was planned one span ahead.
#[derive(Debug, Clone)]
struct Lane<T> {
    span: u64,
    head: T,
    /// Those behind the head.
    queue: VecDeque<T>,
}

impl<T: Due> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        let (lanes, others) = (Vec::new(), RadixHeap::default());
        let (first, recent, is_random, strangers, known) = (None, 0, false, 0, 0);
        Lanes { next: T::NEVER, first, lanes, recent, others, is_random, strangers, known }
    }
}

impl<T: Due> Lanes<T> {
    /// The least, or what is later than any.
    #[inline]
    pub fn head(&self) -> T {
        self.next
    }

    /// The least.
    #[inline]
    pub fn peek(&self) -> Option<T> {
        (self.next != T::NEVER).then_some(self.next)
    }

    /// Adds an item that is planned so far ahead. Whatever the span, it comes in its order; where items of one span are planned in
    /// the order of time, it is found soon.
    #[inline]
    pub fn push(&mut self, span: u64, item: T) {
        let lane = self.lane(span);
        match lane {
            Some(lane) => self.lanes[lane].enter(item),
            None => self.others.push(item),
        }
        if item < self.next {
            (self.next, self.first) = (item, lane);
        }
    }

    /// Takes out the least.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.peek().map(|_| self.take())
    }

    /// Takes out the least, of one or more.
    #[inline]
    pub fn take(&mut self) -> T {
        let found = self.next;
        match self.first {
            Some(lane) => self.lanes[lane].advance(),
            None => drop(self.others.pop()),
        }
        (self.next, self.first) = (T::NEVER, None);
        for (number, lane) in self.lanes.iter().enumerate() {
            if lane.head < self.next {
                (self.next, self.first) = (lane.head, Some(number));
            }
        }
        if let Some(other) = self.others.peek()
            && other < self.next
        {
            (self.next, self.first) = (other, None);
        }
        found
    }

    /// The lane of a span, if it has one.
    #[inline]
    fn lane(&mut self, span: u64) -> Option<usize> {
        if self.lanes.get(self.recent).is_some_and(|lane| lane.span == span) {
            self.known += 1;
            return Some(self.recent);
        }
        if self.is_random { None } else { self.other_lane(span) }
    }

    fn other_lane(&mut self, span: u64) -> Option<usize> {
        match self.lanes.iter().position(|lane| lane.span == span) {
            Some(lane) => {
                self.known += 1;
                self.recent = lane;
                Some(lane)
            }
            None => self.stranger(span),
        }
    }

    /// A span that has no lane is given one, if there is room, and unless spans turn out to be random.
    #[cold]
    fn stranger(&mut self, span: u64) -> Option<usize> {
        self.strangers += 1;
        if self.strangers >= STRANGERS && self.known < 4 * self.strangers {
            let all = std::mem::take(&mut self.lanes).into_iter().flat_map(Lane::all);
            all.for_each(|item| self.others.push(item));
            (self.first, self.is_random) = (None, true);
            return None;
        }
        if self.lanes.len() == MOST_LANES {
            return None;
        }
        self.lanes.push(Lane { span, head: T::NEVER, queue: VecDeque::new() });
        Some(self.lanes.len() - 1)
    }
}

impl<T: Due> Lane<T> {
    #[inline]
    fn enter(&mut self, item: T) {
        let last = self.queue.back().copied().unwrap_or(self.head);
        if self.head == T::NEVER {
            self.head = item;
        } else if last < item {
            self.queue.push_back(item);
        } else {
            self.enter_before(item);
        }
    }

    /// Of two that were planned at one time, the least comes first.
    #[cold]
    fn enter_before(&mut self, item: T) {
        let item = if item < self.head { std::mem::replace(&mut self.head, item) } else { item };
        let at = self.queue.partition_point(|other| *other < item);
        self.queue.insert(at, item);
    }

    #[inline]
    fn advance(&mut self) {
        self.head = self.queue.pop_front().unwrap_or(T::NEVER);
    }

    /// Its items, in order.
    fn all(self) -> impl Iterator<Item = T> {
        std::iter::once(self.head).filter(|head| *head != T::NEVER).chain(self.queue)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Due for (u64, usize) {
        const NEVER: Self = (u64::MAX, usize::MAX);

        fn due(&self) -> u64 {
            self.0
        }
    }

    proptest! {
        /// Whatever the spans, few or many: what comes out is what a sorted list has.
        #[test]
        fn items_come_as_from_a_sorted_list(
            spans in 1_u64..60, steps in prop::collection::vec((any::<u64>(), any::<bool>()), 0..400),
        ) {
            let (mut lanes, mut listed) = (Lanes::default(), Vec::new());
            for (number, (span, takes)) in steps.into_iter().enumerate() {
                let item = (number as u64 / 4 + span % spans, number);
                lanes.push(span % spans, item);
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

    #[test]
    fn random_spans_are_left_to_the_heap() {
        let mut random = Lanes::default();
        (0..1_000).for_each(|i| random.push(2_000 + i * i, (2_000 + i * i + i, i as usize)));
        assert!(random.lanes.is_empty());
        assert_eq!(std::iter::from_fn(|| random.others.pop()).count(), 1_000);
        let mut fixed = Lanes::default();
        (0..1_000).for_each(|i| fixed.push(1_000 + i % 7, (1_000 + i % 7 + i, i as usize)));
        assert!(fixed.lanes.len() == 7 && fixed.others.peek().is_none());
    }
}
