//! What runs, by when it finishes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::lambda::idle::Environment;
use crate::units::{Span, Time};

/// So many lengths have a queue of their own: few enough to look at the heads of all.
const MOST_LANES: usize = 16;
/// After so many lengths without a queue it is looked at whether queues pay.
const STRANGERS: u64 = 100;

/// Invocations that run.
///
/// Those that run for the same length finish in the order in which they start. So where service times are fixed, each length,
/// that of a batch size with or without initialisation, has a queue; the least of their heads comes next. What has no queue, as
/// where times are random, is kept in order by a heap.
#[derive(Debug, Clone)]
pub struct Running {
    busy: u64,
    /// What finishes next, and the lane that it heads; none if it is in the heap.
    next: Run,
    first: Option<usize>,
    lanes: Vec<Lane>,
    /// The lane that was used last.
    recent: usize,
    others: BinaryHeap<Reverse<Run>>,
    /// Lengths are random, and have no queues.
    is_random: bool,
    strangers: u64,
    known: u64,
}

/// When an environment finishes, and which: in the order of time, then of numbers.
type Run = (Time, Environment);

/// Later than any other.
const NONE: Run = (Time::NEVER, Environment { number: u32::MAX, born: Time::NEVER });

/// Those that run for one length.
#[derive(Debug, Clone)]
struct Lane {
    length: Span,
    head: Run,
    /// Those behind the head.
    queue: VecDeque<Run>,
}

impl Default for Running {
    fn default() -> Running {
        Running {
            busy: 0,
            next: NONE,
            first: None,
            lanes: Vec::new(),
            recent: 0,
            others: BinaryHeap::new(),
            is_random: false,
            strangers: 0,
            known: 0,
        }
    }
}

impl Running {
    /// How many run.
    #[inline]
    pub fn busy(&self) -> u64 {
        self.busy
    }

    /// Takes out the next that has finished by `now`, with when it did; of several the one with the least number.
    #[inline]
    pub fn next_finished(&mut self, now: Time) -> Option<(Time, Environment)> {
        if self.next.0 > now || self.busy == 0 { None } else { Some(self.finished()) }
    }

    /// Adds an environment that is busy from `now` to `until`. Calls come in the order of time.
    #[inline]
    pub fn start(&mut self, now: Time, until: Time, environment: Environment) {
        self.busy += 1;
        let run = (until, environment);
        let lane = self.lane(until.since(now));
        match lane {
            Some(lane) => self.lanes[lane].enter(run),
            None => self.others.push(Reverse(run)),
        }
        if run < self.next {
            (self.next, self.first) = (run, lane);
        }
    }

    fn finished(&mut self) -> Run {
        let found = self.next;
        match self.first {
            Some(lane) => self.lanes[lane].advance(),
            None => drop(self.others.pop()),
        }
        self.busy -= 1;
        (self.next, self.first) = (NONE, None);
        for (number, lane) in self.lanes.iter().enumerate() {
            if lane.head < self.next {
                (self.next, self.first) = (lane.head, Some(number));
            }
        }
        if let Some(Reverse(other)) = self.others.peek()
            && *other < self.next
        {
            (self.next, self.first) = (*other, None);
        }
        found
    }

    /// The queue of a length, if it has one.
    #[inline]
    fn lane(&mut self, length: Span) -> Option<usize> {
        if self.lanes.get(self.recent).is_some_and(|lane| lane.length == length) {
            self.known += 1;
            return Some(self.recent);
        }
        if self.is_random { None } else { self.other_lane(length) }
    }

    fn other_lane(&mut self, length: Span) -> Option<usize> {
        match self.lanes.iter().position(|lane| lane.length == length) {
            Some(lane) => {
                self.known += 1;
                self.recent = lane;
                Some(lane)
            }
            None => self.stranger(length),
        }
    }

    /// A length that has no queue is given one, if there is room, and unless lengths turn out to be random.
    #[cold]
    fn stranger(&mut self, length: Span) -> Option<usize> {
        self.strangers += 1;
        if self.strangers >= STRANGERS && self.known < 4 * self.strangers {
            let all = std::mem::take(&mut self.lanes).into_iter().flat_map(Lane::all);
            self.others.extend(all.map(Reverse));
            (self.first, self.is_random) = (None, true);
            return None;
        }
        if self.lanes.len() == MOST_LANES {
            return None;
        }
        self.lanes.push(Lane { length, head: NONE, queue: VecDeque::new() });
        Some(self.lanes.len() - 1)
    }
}

impl Lane {
    #[inline]
    fn enter(&mut self, run: Run) {
        let last = self.queue.back().copied().unwrap_or(self.head);
        if self.head == NONE {
            self.head = run;
        } else if last.0 < run.0 {
            self.queue.push_back(run);
        } else {
            self.enter_before(run);
        }
    }

    /// Of two that started at one time, the one with the least number comes first.
    #[cold]
    fn enter_before(&mut self, run: Run) {
        let run = if run < self.head { std::mem::replace(&mut self.head, run) } else { run };
        let at = self.queue.partition_point(|other| *other < run);
        self.queue.insert(at, run);
    }

    #[inline]
    fn advance(&mut self) {
        self.head = self.queue.pop_front().unwrap_or(NONE);
    }

    /// Those that run, in order.
    fn all(self) -> impl Iterator<Item = Run> {
        std::iter::once(self.head).filter(|head| *head != NONE).chain(self.queue)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few lengths, many, and so many that queues are given up: what finishes is what a sorted list has.
        #[test]
        fn finishes_come_as_from_a_sorted_list(
            lengths in 1_u64..400,
            starts in prop::collection::vec((0_u64..3, any::<u64>(), 0_u32..5), 0..600),
        ) {
            let mut running = Running::default();
            let mut listed: Vec<(Time, Environment)> = Vec::new();
            let mut now = Time::ZERO;
            for (gap, length, number) in starts {
                let environment = Environment { number, born: Time::ZERO };
                now += Span(gap);
                loop {
                    let next = listed.iter().copied().min().filter(|(finish, _)| *finish <= now);
                    prop_assert_eq!(running.next_finished(now), next);
                    let Some(next) = next else { break };
                    listed.remove(listed.iter().position(|other| *other == next).unwrap());
                }
                let until = now + Span(length % lengths);
                running.start(now, until, environment);
                listed.push((until, environment));
                prop_assert_eq!(running.busy(), listed.len() as u64);
            }
            listed.sort_unstable();
            let rest: Vec<(Time, Environment)> = std::iter::from_fn(|| running.next_finished(Time::NEVER)).collect();
            prop_assert_eq!(rest, listed);
        }
    }

    #[test]
    fn random_lengths_are_left_to_the_heap() {
        let mut running = Running::default();
        (0..1_000).for_each(|i| running.start(Time(i), Time(2_000 + i * i), Environment::default()));
        assert!(running.lanes.is_empty() && running.others.len() == 1_000);
        let mut fixed = Running::default();
        (0..1_000).for_each(|i| fixed.start(Time(i), Time(i + 1_000 + i % 7), Environment::default()));
        assert!(fixed.lanes.len() == 7 && fixed.others.is_empty());
    }
}
