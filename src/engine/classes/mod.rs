//! The event loop where requests are of several classes and each batch leaves at the earliest deadline of its members.
//!
//! It is the loop of [`super::replay`] with a class beside each arrival, a policy that needs one, and no reviews: kept
//! apart so that one class costs nothing. Events at one instant happen in the same order, and a property test holds the
//! two to the same bytes where all classes wait alike.

mod count;
pub mod simulate;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;

pub use self::count::{Charged, ClassRecord, ClassRecorder, ClassRules};
use super::Retry;
use super::observer::{Cause, StartedBatch};
use super::service::ServiceDraws;
use crate::arrivals::BLOCK;
use crate::arrivals::class_streams::{ClassArrivals, Request};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::platform::{Admission, Platform};
use crate::policy::Dispatch;
use crate::policy::classes::{Joined, SharedBatch};
use crate::profile::ServiceTimes;
use crate::units::{Span, Time};

/// Someone who is shown every batch with the classes of its requests, in the order of their starts.
pub trait ClassObserver {
    /// A batch starts; its requests in the order of their arrivals, at least one.
    fn started(&mut self, batch: &StartedBatch, members: &Members);

    /// A batch was throttled for the last time: its requests fail.
    fn rejected(&mut self, now: Time, attempts: u32, members: &Members);
}

/// The requests of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Members {
    /// When each came.
    pub arrivals: Vec<Time>,
    /// The class of each, or its mark where requests have sizes.
    pub classes: Vec<u16>,
}

impl Members {
    fn push(&mut self, request: Request) {
        self.arrivals.push(request.at);
        self.classes.push(request.class);
    }

    fn clear(&mut self) {
        self.arrivals.clear();
        self.classes.clear();
    }
}

/// What a replay is made of, besides its arrivals.
#[derive(Debug)]
pub struct ClassReplay<L> {
    /// When batches leave.
    pub policy: SharedBatch,
    /// Where they run.
    pub platform: L,
    /// How long they run.
    pub service: ServiceDraws,
    /// Where requests have sizes: how long batches run by their largest. A mark is then the class times the number of
    /// sizes, and the size.
    pub by_size: Vec<ServiceTimes>,
    /// What happens when they are throttled.
    pub retry: Retry,
    /// Draws the back-off.
    pub backoff: Stream,
}

/// Replays arrivals of several classes. Every batch is shown to the observer when it starts, or when its last try was
/// throttled.
///
/// # Errors
/// The arrivals cannot be read.
pub fn replay_classes<A: ClassArrivals, L: Platform, O: ClassObserver>(
    arrivals: &mut A,
    replay: ClassReplay<L>,
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
        for request in &block {
            if state.horizon <= request.at {
                state.catch_up(request.at, observer);
            }
            state.arrive(*request, observer);
        }
    }
    while state.horizon < Time::NEVER {
        state.catch_up(state.horizon, observer);
    }
    Ok(state.replay.platform)
}

struct State<L> {
    replay: ClassReplay<L>,
    /// The open batch.
    open: Members,
    deadline: Time,
    waiting: BinaryHeap<Reverse<Waiting>>,
    sequence: u64,
    /// No event but arrivals comes before this time.
    horizon: Time,
}

/// A throttled batch. Ordered by its next try, then by its number.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    at: Time,
    sequence: u64,
    attempts: u32,
    left: Left,
    members: Members,
}

/// A batch that has left the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Left {
    at: Time,
    cause: Cause,
    service: Span,
    overhead: Span,
}

impl<L: Platform> State<L> {
    fn new(replay: ClassReplay<L>) -> Self {
        State {
            replay,
            open: Members::default(),
            deadline: Time::NEVER,
            waiting: BinaryHeap::new(),
            sequence: 0,
            horizon: Time::NEVER,
        }
    }

    fn retry_at(&self) -> Time {
        self.waiting.peek().map_or(Time::NEVER, |Reverse(waiting)| waiting.at)
    }

    /// The deadline comes after the arrivals of its instant, new tries before.
    fn set_horizon(&mut self) {
        self.horizon = Time(self.deadline.0.saturating_add(1)).min(self.retry_at());
    }

    fn arrive<O: ClassObserver>(&mut self, request: Request, observer: &mut O) {
        self.open.push(request);
        let waiting = self.open.arrivals.len() as u32;
        let Request { at: now, class } = request;
        match self.replay.policy.joined(Joined { waiting, deadline: self.deadline, now, class }) {
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
    fn catch_up<O: ClassObserver>(&mut self, now: Time, observer: &mut O) {
        while self.horizon <= now {
            match self.retry_at() <= self.deadline {
                true => self.try_again(observer),
                false => self.dispatch(self.deadline, Cause::Timeout, observer),
            }
            self.set_horizon();
        }
    }

    fn dispatch<O: ClassObserver>(&mut self, now: Time, cause: Cause, observer: &mut O) {
        let (service, overhead) = self.draw();
        let left = Left { at: now, cause, service, overhead };
        let members = std::mem::take(&mut self.open);
        self.deadline = Time::NEVER;
        self.open = self.attempt(now, left, 1, members, observer);
        self.set_horizon();
    }

    /// How long the open batch will be served.
    fn draw(&mut self) -> (Span, Span) {
        let ClassReplay { service, by_size, .. } = &mut self.replay;
        let n = self.open.arrivals.len() as u32;
        match by_size.len() {
            0 => service.draw(n),
            sizes => {
                let size = |mark: &u16| usize::from(*mark) % sizes;
                let largest = self.open.classes.iter().map(size).max().unwrap_or(0);
                service.draw_of(&by_size[largest], n)
            }
        }
    }

    fn try_again<O: ClassObserver>(&mut self, observer: &mut O) {
        let Some(Reverse(waiting)) = self.waiting.pop() else { return };
        let Waiting { at, attempts, left, members, .. } = waiting;
        self.attempt(at, left, attempts + 1, members, observer);
    }

    /// Tries to start a batch; returns an empty list to use again.
    fn attempt<O: ClassObserver>(
        &mut self,
        now: Time,
        left: Left,
        attempts: u32,
        mut members: Members,
        observer: &mut O,
    ) -> Members {
        match self.replay.platform.invoke(now, left.service) {
            Admission::Started { init, first_call, capacity, cold, environment } => {
                let batch = StartedBatch {
                    left: left.at,
                    cause: left.cause,
                    started: now,
                    init,
                    cold,
                    capacity,
                    service: left.service + first_call,
                    overhead: left.overhead,
                    environment,
                    memory: self.replay.service.memory(),
                    concurrency: self.replay.platform.load().busy,
                    attempts,
                };
                observer.started(&batch, &members);
            }
            Admission::Throttled if attempts < self.replay.retry.attempts => {
                let at = now + self.back_off(attempts);
                self.sequence += 1;
                self.waiting.push(Reverse(Waiting { at, sequence: self.sequence, attempts, left, members }));
                return Members::default();
            }
            Admission::Throttled => observer.rejected(now, attempts, &members),
        }
        members.clear();
        members
    }

    fn back_off(&mut self, attempts: u32) -> Span {
        let Retry { base, cap, .. } = self.replay.retry;
        let longest = base.0.saturating_mul(1 << (attempts - 1).min(40)).min(cap.0);
        // At least 1 ns, so that time moves on.
        Span(1 + self.replay.backoff.random_range(0..=longest))
    }
}
