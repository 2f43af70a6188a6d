//! The discrete-event loop: arrivals, a policy and a platform, on a clock of integer nanoseconds.
//!
//! Events at one instant happen in this order: environments finish; the policy reviews its settings;
//! throttled batches try again, the one that has waited for its turn longest first; requests arrive, in
//! the order of their trace; the open batch leaves at its deadline. So an arrival exactly at the deadline
//! joins the batch, and an environment that finishes just then can serve it.

pub mod classes;
pub mod fleet;
pub mod paired;
pub mod record;
pub mod recorder;
pub mod service;
pub mod simulate;
pub mod summary;
pub mod warm;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;

use self::record::{Batch, Cause, Observer};
use self::service::ServiceDraws;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::platform::{Admission, Platform};
use crate::policy::{Buffer, Dispatch, Policy};
use crate::units::{Span, Time};

/// What a client does when its invocation is throttled: exponential back-off with full jitter.
///
/// Before the k-th new try it waits a uniform share of `base x 2^(k-1)`, at most `cap`. Source: the
/// "standard" retry mode of the AWS SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, the first included; at least 1.
    pub attempts: u32,
    /// The longest wait before the first new try.
    pub base: Span,
    /// The longest wait before any try.
    pub cap: Span,
}

/// Replays arrivals through a policy on a platform. Every batch is shown to the observer when it starts,
/// or when its last try was throttled.
///
/// Errors: the arrivals cannot be read.
pub fn replay<A: Arrivals, P: Policy, L: Platform, O: Observer>(
    arrivals: &mut A,
    replay: Replay<P, L>,
    observer: &mut O,
) -> Result<L, InputError> {
    let mut state = State::new(replay);
    let mut block = Vec::with_capacity(BLOCK);
    loop {
        block.clear();
        arrivals.fill(&mut block)?;
        if block.is_empty() {
            break;
        }
        for arrival in &block {
            if state.horizon <= *arrival {
                state.catch_up(*arrival, observer);
            }
            state.arrive(*arrival, observer);
        }
    }
    state.drain(observer);
    Ok(state.platform)
}

/// What a replay is made of, besides its arrivals.
#[derive(Debug)]
pub struct Replay<P, L> {
    /// When batches leave.
    pub policy: P,
    /// Where they run.
    pub platform: L,
    /// How long they run.
    pub service: ServiceDraws,
    /// What happens when they are throttled.
    pub retry: Retry,
    /// Draws the back-off.
    pub backoff: Stream,
}

struct State<P, L> {
    policy: P,
    platform: L,
    service: ServiceDraws,
    retry: Retry,
    backoff: Stream,
    /// The open batch's arrivals.
    buffer: Vec<Time>,
    deadline: Time,
    waiting: BinaryHeap<Reverse<Waiting>>,
    sequence: u64,
    next_review: Time,
    /// No event but arrivals comes before this time.
    horizon: Time,
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
struct Left {
    at: Time,
    cause: Cause,
    service: Span,
}

impl<P: Policy, L: Platform> State<P, L> {
    fn new(replay: Replay<P, L>) -> Self {
        let Replay { policy, platform, service, retry, backoff } = replay;
        let mut state = State {
            next_review: policy.next_review(),
            policy,
            platform,
            service,
            retry,
            backoff,
            buffer: Vec::new(),
            deadline: Time::NEVER,
            waiting: BinaryHeap::new(),
            sequence: 0,
            horizon: Time::NEVER,
            spare: Vec::new(),
        };
        state.set_horizon();
        state
    }

    /// An event at the deadline comes after the arrivals of that instant, the others before.
    #[inline(always)]
    fn set_horizon(&mut self) {
        let after_deadline = Time(self.deadline.0.saturating_add(1));
        let retry = self.waiting.peek().map_or(Time::NEVER, |Reverse(waiting)| waiting.at);
        self.horizon = after_deadline.min(retry).min(self.next_review);
    }

    #[inline(always)]
    fn arrive<O: Observer>(&mut self, now: Time, observer: &mut O) {
        self.buffer.push(now);
        let buffer = Buffer { waiting: self.buffer.len() as u32, opened: self.buffer[0], now };
        match self.policy.joined(buffer) {
            Dispatch::Now => self.dispatch(now, Cause::Full, observer),
            Dispatch::At(time) => {
                if time != self.deadline {
                    self.deadline = time;
                    self.set_horizon();
                }
            }
        }
    }

    /// Handles every event that comes before an arrival at `now`.
    fn catch_up<O: Observer>(&mut self, now: Time, observer: &mut O) {
        while self.horizon <= now {
            let retry = self.waiting.peek().map_or(Time::NEVER, |Reverse(waiting)| waiting.at);
            if self.next_review <= retry && self.next_review <= self.deadline {
                self.review();
            } else if retry <= self.deadline {
                self.try_again(observer);
            } else {
                self.dispatch(self.deadline, Cause::Timeout, observer);
            }
            self.set_horizon();
        }
    }

    fn review(&mut self) {
        if let Some(times) = self.policy.review(self.next_review) {
            self.platform.renew(times.init);
            self.service.change(times);
        }
        let next = self.policy.next_review();
        assert!(next > self.next_review, "a policy's next review must be later than the last");
        self.next_review = next;
    }

    fn dispatch<O: Observer>(&mut self, now: Time, cause: Cause, observer: &mut O) {
        let service = self.service.draw(self.buffer.len() as u32);
        let left = Left { at: now, cause, service };
        let arrivals = std::mem::take(&mut self.buffer);
        self.deadline = Time::NEVER;
        self.buffer = self.attempt(now, left, 1, arrivals, observer);
        self.set_horizon();
    }

    fn try_again<O: Observer>(&mut self, observer: &mut O) {
        let Some(Reverse(waiting)) = self.waiting.pop() else { return };
        let Waiting { at, attempts, left, arrivals, .. } = waiting;
        let emptied = self.attempt(at, left, attempts + 1, arrivals, observer);
        self.spare.push(emptied);
    }

    /// Tries to start a batch; returns an empty list to use again.
    #[inline]
    fn attempt<O: Observer>(
        &mut self,
        now: Time,
        left: Left,
        attempts: u32,
        mut arrivals: Vec<Time>,
        observer: &mut O,
    ) -> Vec<Time> {
        let batch = |started, init, capacity, concurrency| Batch {
            left: left.at,
            cause: left.cause,
            started,
            init,
            capacity,
            service: left.service,
            memory: self.service.memory(),
            concurrency,
            attempts,
        };
        match self.platform.invoke(now, left.service) {
            Admission::Started { init, capacity } => {
                observer.started(&batch(now, init, capacity, self.platform.load().busy), &arrivals);
            }
            Admission::Throttled if attempts < self.retry.attempts => {
                let at = now + self.back_off(attempts);
                self.sequence += 1;
                self.waiting.push(Reverse(Waiting { at, sequence: self.sequence, attempts, left, arrivals }));
                return self.spare.pop().unwrap_or_default();
            }
            Admission::Throttled => {
                observer.rejected(now, attempts, &arrivals);
            }
        }
        arrivals.clear();
        arrivals
    }

    fn back_off(&mut self, attempts: u32) -> Span {
        let longest = self.retry.base.0.saturating_mul(1 << (attempts - 1).min(40)).min(self.retry.cap.0);
        // At least 1 ns, so that time moves on.
        Span(1 + self.backoff.random_range(0..=longest))
    }

    /// Lets the open batch and the throttled ones leave after the last arrival; reviews are over.
    fn drain<O: Observer>(&mut self, observer: &mut O) {
        self.next_review = Time::NEVER;
        self.set_horizon();
        while self.horizon < Time::NEVER {
            self.catch_up(self.horizon, observer);
        }
        self.platform.finish();
    }
}
