//! What becomes of a batch once it has left the buffer: it starts, or it is throttled and tries again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;

use super::Retry;
use super::observer::{Cause, Observer, StartedBatch};
use crate::numeric::streams::Stream;
use crate::platform::{Admission, Platform};
use crate::units::{MemoryMb, Span, Time};

/// A platform and the batches that wait for another try.
#[derive(Debug)]
pub(super) struct Invoker<L> {
    /// Where batches run.
    pub platform: L,
    retry: Retry,
    backoff: Stream,
    waiting: BinaryHeap<Reverse<Waiting>>,
    sequence: u64,
    /// Emptied lists of arrivals, kept so that a throttled batch allocates nothing.
    spare: Vec<Vec<Time>>,
}

/// A throttled batch. Ordered by its next try, then by its number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Time,
    sequence: u64,
    attempts: u32,
    left: Left,
    arrivals: Vec<Time>,
}

/// A batch that has left the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Left {
    /// When.
    pub at: Time,
    /// Why.
    pub cause: Cause,
    /// How long it will be served.
    pub service: Span,
    /// From the client to the function and back.
    pub overhead: Span,
}

impl<L: Platform> Invoker<L> {
    /// Nothing waits.
    pub fn new(platform: L, retry: Retry, backoff: Stream) -> Self {
        let (waiting, spare) = (BinaryHeap::new(), Vec::new());
        Invoker { platform, retry, backoff, waiting, sequence: 0, spare }
    }

    /// When a throttled batch tries again.
    #[inline(always)]
    pub fn next_try(&self) -> Time {
        self.waiting.peek().map_or(Time::NEVER, |Reverse(waiting)| waiting.at)
    }

    /// The batch whose turn is next tries again.
    pub fn try_again<O: Observer>(&mut self, memory: MemoryMb, observer: &mut O) {
        let Some(Reverse(waiting)) = self.waiting.pop() else { return };
        let Waiting { at, attempts, left, mut arrivals, .. } = waiting;
        self.attempt(at, left, (attempts + 1, memory), &mut arrivals, observer);
        self.spare.push(arrivals);
    }

    /// Tries to start a batch, for the first or a later time; leaves an empty list.
    #[inline]
    pub fn attempt<O: Observer>(
        &mut self,
        now: Time,
        left: Left,
        (attempts, memory): (u32, MemoryMb),
        arrivals: &mut Vec<Time>,
        observer: &mut O,
    ) {
        match self.platform.invoke(now, left.service) {
            Admission::Started { cold, init, first_call, capacity, environment } => {
                let batch = StartedBatch {
                    left: left.at,
                    cause: left.cause,
                    started: now,
                    cold,
                    init,
                    capacity,
                    service: left.service + first_call,
                    overhead: left.overhead,
                    environment,
                    memory,
                    concurrency: self.platform.load().busy,
                    attempts,
                };
                observer.started(&batch, arrivals);
            }
            Admission::Throttled if attempts < self.retry.attempts => {
                let at = now + self.back_off(attempts);
                self.sequence += 1;
                let arrivals = std::mem::replace(arrivals, self.spare.pop().unwrap_or_default());
                self.waiting.push(Reverse(Waiting { at, sequence: self.sequence, attempts, left, arrivals }));
            }
            Admission::Throttled => {
                observer.rejected(now, attempts, arrivals);
            }
        }
        arrivals.clear();
    }

    fn back_off(&mut self, attempts: u32) -> Span {
        let longest = self.retry.base.0.saturating_mul(1 << (attempts - 1).min(40)).min(self.retry.cap.0);
        // At least 1 ns, so that time moves on.
        Span(1 + self.backoff.random_range(0..=longest))
    }
}
