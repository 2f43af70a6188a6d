//! The discrete-event loop: arrivals, a policy and a platform, on a clock of integer nanoseconds.
//!
//! Events at one instant happen in this order: environments finish; the policy reviews its settings;
//! throttled batches try again, the one that has waited for its turn longest first; requests arrive, in
//! the order of their trace; the open batch leaves at its deadline. So an arrival exactly at the deadline
//! joins the batch, and an environment that finishes just then can serve it.

pub mod classes;
pub mod crossing;
pub mod fleet;
pub mod grid;
pub mod intervals;
mod invoker;
pub mod keep_alive;
pub mod paired;
pub mod record;
pub mod recorder;
pub mod service;
pub mod simulate;
pub mod summary;
pub mod warm;

use self::invoker::{Invoker, Left};
use self::record::{Cause, Observer};
use self::service::ServiceDraws;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::platform::Platform;
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
    Ok(state.invoker.platform)
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
    service: ServiceDraws,
    invoker: Invoker<L>,
    /// The open batch's arrivals.
    buffer: Vec<Time>,
    deadline: Time,
    next_review: Time,
    /// No event but arrivals comes before this time.
    horizon: Time,
}

impl<P: Policy, L: Platform> State<P, L> {
    fn new(replay: Replay<P, L>) -> Self {
        let Replay { policy, platform, service, retry, backoff } = replay;
        let mut state = State {
            next_review: policy.next_review(),
            policy,
            service,
            invoker: Invoker::new(platform, retry, backoff),
            buffer: Vec::new(),
            deadline: Time::NEVER,
            horizon: Time::NEVER,
        };
        state.set_horizon();
        state
    }

    /// An event at the deadline comes after the arrivals of that instant, the others before.
    #[inline(always)]
    fn set_horizon(&mut self) {
        let after_deadline = Time(self.deadline.0.saturating_add(1));
        self.horizon = after_deadline.min(self.invoker.next_try()).min(self.next_review);
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
            let retry = self.invoker.next_try();
            if self.next_review <= retry && self.next_review <= self.deadline {
                self.review();
            } else if retry <= self.deadline {
                self.invoker.try_again(self.service.memory(), observer);
            } else {
                self.dispatch(self.deadline, Cause::Timeout, observer);
            }
            self.set_horizon();
        }
    }

    fn review(&mut self) {
        if let Some(times) = self.policy.review(self.next_review) {
            self.invoker.platform.renew(times.init);
            self.service.change(times);
        }
        let next = self.policy.next_review();
        assert!(next > self.next_review, "a policy's next review must be later than the last");
        self.next_review = next;
    }

    #[inline]
    fn dispatch<O: Observer>(&mut self, now: Time, cause: Cause, observer: &mut O) {
        let service = self.service.draw(self.buffer.len() as u32);
        let left = Left { at: now, cause, service };
        self.deadline = Time::NEVER;
        self.invoker.attempt(now, left, (1, self.service.memory()), &mut self.buffer, observer);
        self.set_horizon();
    }

    /// Lets the open batch and the throttled ones leave after the last arrival; reviews are over.
    fn drain<O: Observer>(&mut self, observer: &mut O) {
        self.next_review = Time::NEVER;
        self.set_horizon();
        while self.horizon < Time::NEVER {
            self.catch_up(self.horizon, observer);
        }
    }
}
