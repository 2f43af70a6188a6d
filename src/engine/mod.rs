//! The discrete-event loop: arrivals, a policy and a platform, on a clock of integer nanoseconds.
//!
//! Events at one instant happen in this order: environments finish, and a policy that listens is told; the policy reviews its settings;
//! throttled batches try again, the one that has waited for its turn longest first; requests arrive, in
//! the order of their trace; the open batch leaves at its deadline. So an arrival exactly at the deadline
//! joins the batch, and an environment that finishes just then can serve it.

pub mod classes;
pub mod closed;
pub mod crossing;
pub mod fleet;
pub mod grid;
pub mod intervals;
mod invoker;
pub mod keep_alive;
pub mod observer;
pub mod paired;
pub mod recorder;
pub mod service;
pub mod simulate;
pub mod summary;
pub mod warm;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::invoker::{Invoker, Left};
use self::observer::{Cause, Observer, StartedBatch};
use self::service::ServiceDraws;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::platform::Platform;
use crate::policy::open::Open;
use crate::policy::{Finished, Policy};
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
/// # Errors
/// The arrivals cannot be read.
pub fn replay<A: Arrivals, P: Policy, L: Platform, O: Observer>(
    arrivals: &mut A,
    replay: Replay<P, L>,
    observer: &mut O,
) -> Result<L, InputError> {
    if let Some(users) = arrivals.users() {
        return Ok(closed::replay(users, replay, observer));
    }
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
    service: ServiceDraws,
    invoker: Invoker<L>,
    open: Open<P, Time>,
    next_review: Time,
    /// Batches under way, where the policy listens.
    under_way: Option<UnderWay>,
    /// No event but arrivals comes before this time.
    horizon: Time,
}

impl<P: Policy, L: Platform> State<P, L> {
    fn new(replay: Replay<P, L>) -> Self {
        let Replay { policy, platform, service, retry, backoff } = replay;
        let mut state = State {
            next_review: policy.next_review(),
            under_way: policy.listens().then(UnderWay::default),
            open: Open::new(policy),
            service,
            invoker: Invoker::new(platform, retry, backoff),
            horizon: Time::NEVER,
        };
        state.set_horizon();
        state
    }

    /// An event at the deadline comes after the arrivals of that instant, the others before.
    #[inline(always)]
    fn set_horizon(&mut self) {
        let after_deadline = Time(self.open.deadline().0.saturating_add(1));
        self.horizon = after_deadline.min(self.invoker.next_try()).min(self.next_review);
        if let Some(under_way) = &self.under_way {
            self.horizon = self.horizon.min(under_way.next());
        }
    }

    #[inline(always)]
    fn arrive<O: Observer>(&mut self, now: Time, observer: &mut O) {
        let deadline = self.open.deadline();
        if self.open.join(now, now) {
            self.dispatch(now, Cause::Full, observer);
        } else if self.open.deadline() != deadline {
            self.set_horizon();
        }
    }

    /// Handles every event that comes before an arrival at `now`.
    fn catch_up<O: Observer>(&mut self, now: Time, observer: &mut O) {
        while self.horizon <= now {
            self.step(observer);
        }
    }

    /// Handles the next event that is not an arrival; there must be one.
    #[inline]
    fn step<O: Observer>(&mut self, observer: &mut O) {
        let (retry, deadline) = (self.invoker.next_try(), self.open.deadline());
        let finish = self.under_way.as_ref().map_or(Time::NEVER, UnderWay::next);
        if finish <= self.next_review && finish <= retry && finish <= deadline && finish < Time::NEVER {
            self.finish();
        } else if self.next_review <= retry && self.next_review <= deadline {
            self.review();
        } else if retry <= deadline {
            match &mut self.under_way {
                None => self.invoker.try_again(self.service.memory(), observer),
                Some(all) => self.invoker.try_again(self.service.memory(), &mut (all, &mut *observer)),
            }
        } else {
            self.dispatch(deadline, Cause::Timeout, observer);
        }
        self.set_horizon();
    }

    /// The policy is told of the next batch that is answered.
    fn finish(&mut self) {
        if let Some((now, batch)) = self.under_way.as_mut().and_then(UnderWay::take) {
            self.open.policy_mut().finished(now, batch);
        }
    }

    /// Does a request wait in the open batch, or for another try?
    fn holds_requests(&self) -> bool {
        self.open.deadline() < Time::NEVER || self.invoker.next_try() < Time::NEVER
    }

    fn review(&mut self) {
        if let Some(times) = self.open.policy_mut().review(self.next_review) {
            self.invoker.platform.renew(self.next_review, times.init);
            self.service.change(times);
        }
        let next = self.open.policy().next_review();
        assert!(next > self.next_review, "a policy's next review must be later than the last");
        self.next_review = next;
    }

    #[inline]
    fn dispatch<O: Observer>(&mut self, now: Time, cause: Cause, observer: &mut O) {
        let (service, overhead) = self.service.draw(self.open.items().len() as u32);
        let left = Left { at: now, cause, service, overhead };
        let first = (1, self.service.memory());
        let arrivals = self.open.leave(now);
        match &mut self.under_way {
            None => self.invoker.attempt(now, left, first, arrivals, observer),
            Some(all) => self.invoker.attempt(now, left, first, arrivals, &mut (all, &mut *observer)),
        }
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

/// Batches that were started and not yet answered, by the time of their answer and then of their start.
#[derive(Debug, Default)]
struct UnderWay(BinaryHeap<Reverse<(Time, u64, Finished)>>, u64);

impl UnderWay {
    fn next(&self) -> Time {
        self.0.peek().map_or(Time::NEVER, |Reverse((at, ..))| *at)
    }

    fn take(&mut self) -> Option<(Time, Finished)> {
        self.0.pop().map(|Reverse((at, _, batch))| (at, batch))
    }
}

impl Observer for UnderWay {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        let finished = Finished { left: batch.left, opened: arrivals[0], size: arrivals.len() as u32 };
        self.1 += 1;
        self.0.push(Reverse((batch.finish(), self.1, finished)));
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}
