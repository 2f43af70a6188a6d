//! The buffer on the wall clock: requests join from any thread, and one thread keeps its deadlines.
//!
//! Every request gets one time stamp, in whole nanoseconds from the first arrival, under the buffer's lock; the deadline
//! is compared with the same integers. So the stamps alone say which requests shared a batch, and a replay of them by
//! the simulator finds the same batches.

use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard};

use tokio::sync::oneshot;

use super::batcher::{Batcher, Current, Left};
use super::clock::{Clock, SPIN, duration};
use super::deliver::{Answer, Route};
use super::protocol::Instances;
use crate::policy::batch::BatchPolicy;
use crate::policy::classes::SharedBatch;
use crate::units::{Span, Time};

/// A request that waits for its answer.
#[derive(Debug)]
pub struct Waiting {
    /// Where it goes.
    pub route: Route,
    /// Its class; 0 where there is one.
    pub class: u16,
    /// What it asks for.
    pub instances: Instances,
    /// Whoever waits for the answer; gone if the client has left.
    pub answer: oneshot::Sender<Answer>,
}

/// How much may be held at a time.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests, in the open batch and in those under way.
    pub requests: usize,
    /// Batches under way.
    pub batches: usize,
}

/// Why a request may not join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The gateway shuts down.
    Draining,
    /// It holds as many requests as it may.
    Requests,
    /// As many batches as may be are under way.
    Batches,
}

/// What is held at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests in the open batch.
    pub open: usize,
    /// Batches under way.
    pub batches: usize,
    /// What holds for the next batch.
    pub buffer: BatchPolicy,
}

/// Where a batch goes that leaves.
pub type Exit = Box<dyn Fn(Left<Waiting>) + Send + Sync>;

/// The buffer.
pub struct Hold {
    clock: Clock,
    limits: Limits,
    exit: Exit,
    state: Mutex<State>,
    /// The deadline is earlier than the keeper of the time knows, or there is nothing more to come.
    changed: Condvar,
}

struct State {
    batcher: Batcher<Current, Waiting>,
    /// The clock at the first arrival, which is time 0.
    epoch: Option<Time>,
    /// The last stamp.
    last: Time,
    /// When the keeper of the time wakes by itself.
    wakes: Time,
    held: usize,
    batches: usize,
    draining: bool,
    /// Who else wants to know the arrivals.
    arrivals: Option<Sender<Time>>,
}

impl State {
    /// The time since the first arrival.
    fn stamp(&mut self, clock: Clock) -> Time {
        self.stamp_of(clock.now())
    }

    /// The stamp of what the clock shows.
    fn stamp_of(&mut self, shown: Time) -> Time {
        let since = self.epoch.map_or(Span::ZERO, |epoch| shown.since(epoch));
        self.last = self.last.max(Time::ZERO + since);
        self.last
    }

    fn count_left(&mut self, left: &Option<Left<Waiting>>) {
        self.batches += usize::from(left.is_some());
    }
}

impl Hold {
    /// An empty buffer; `arrivals` is told the stamp of every request that joins.
    pub fn new(buffer: BatchPolicy, limits: Limits, arrivals: Option<Sender<Time>>, exit: Exit) -> Hold {
        Hold::holding(Batcher::new(Current::new(buffer)), limits, arrivals, exit)
    }

    /// An empty buffer of several classes.
    pub fn of_classes(shared: SharedBatch, limits: Limits, exit: Exit) -> Hold {
        let timeout = shared.longest_wait.iter().copied().max().unwrap_or(Span::ZERO);
        let buffer = BatchPolicy { batch: shared.batch, timeout };
        Hold::holding(Batcher::of_classes(Current::new(buffer), shared), limits, None, exit)
    }

    fn holding(
        batcher: Batcher<Current, Waiting>,
        limits: Limits,
        arrivals: Option<Sender<Time>>,
        exit: Exit,
    ) -> Hold {
        let state = State {
            batcher,
            epoch: None,
            last: Time::ZERO,
            wakes: Time::ZERO,
            held: 0,
            batches: 0,
            draining: false,
            arrivals,
        };
        Hold { clock: Clock::start(), limits, exit, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the buffer")
    }

    /// Seconds from the first arrival, on which all stamps count.
    pub fn now(&self) -> Time {
        self.state().stamp(self.clock)
    }

    /// A request joins. Its number, by which it can be withdrawn, and its stamp.
    ///
    /// # Errors
    /// Why it may not.
    pub fn join(&self, waiting: Waiting) -> Result<(u64, Time), Refusal> {
        let mut state = self.state();
        if state.draining {
            return Err(Refusal::Draining);
        }
        if state.held >= self.limits.requests {
            return Err(Refusal::Requests);
        }
        let shown = self.clock.now();
        state.epoch.get_or_insert(shown);
        let now = state.stamp_of(shown);
        let due = state.batcher.catch_up(now);
        state.count_left(&due);
        if state.batches >= self.limits.batches {
            drop(state);
            due.into_iter().for_each(&self.exit);
            return Err(Refusal::Batches);
        }
        state.held += 1;
        if let Some(arrivals) = &state.arrivals {
            // Whoever listened has ended: then nobody wants to know.
            let _ = arrivals.send(now);
        }
        let (id, full) = state.batcher.join_as(now, waiting.class, waiting);
        state.count_left(&full);
        if state.batcher.deadline() < state.wakes {
            state.wakes = state.batcher.deadline();
            self.changed.notify_one();
        }
        drop(state);
        due.into_iter().chain(full).for_each(&self.exit);
        Ok((id, now))
    }

    /// A client has left: its request too, unless its batch is under way. When, if it was still in the open batch.
    pub fn withdraw(&self, id: u64) -> Option<Time> {
        let mut state = self.state();
        let withdrawn = state.batcher.withdraw(id);
        withdrawn.map(|_| {
            state.held -= 1;
            state.stamp(self.clock)
        })
    }

    /// A batch of so many requests is answered.
    pub fn finished(&self, requests: usize) {
        let mut state = self.state();
        state.held -= requests;
        state.batches -= 1;
    }

    /// From now on requests are refused; the open batch leaves.
    pub fn drain(&self) {
        let mut state = self.state();
        state.draining = true;
        state.arrivals = None;
        let now = state.stamp(self.clock);
        let left = state.batcher.drain(now);
        state.count_left(&left);
        self.changed.notify_one();
        drop(state);
        left.into_iter().for_each(&self.exit);
    }

    /// The buffer of the batches to come. When it takes effect.
    pub fn change(&self, buffer: BatchPolicy) -> Time {
        let mut state = self.state();
        state.batcher.policy_mut().change(buffer);
        state.stamp(self.clock)
    }

    /// What is held now.
    pub fn load(&self) -> Load {
        let state = self.state();
        Load { open: state.batcher.waiting(), batches: state.batches, buffer: state.batcher.policy().next() }
    }

    /// Lets batches leave at their deadlines until the buffer drains: the work of a thread of its own.
    ///
    /// The thread sleeps to shortly before the deadline and then looks at the clock. It is not woken for later deadlines
    /// than the one it sleeps to, which at a high rate are most.
    pub fn keep_time(&self) {
        let mut state = self.state();
        while !state.draining {
            let deadline = state.batcher.deadline();
            if deadline == Time::NEVER {
                state.wakes = Time::NEVER;
                state = self.changed.wait(state).expect("nothing panics while it holds the buffer");
                continue;
            }
            let now = state.stamp(self.clock);
            let left = (deadline + Span(1)).since(now);
            if left > SPIN {
                state.wakes = deadline;
                let sleep = duration(Span(left.0 - SPIN.0));
                let woken = self.changed.wait_timeout(state, sleep);
                state = woken.expect("nothing panics while it holds the buffer").0;
                state.wakes = Time::ZERO;
                continue;
            }
            let epoch = state.epoch.unwrap_or_default();
            drop(state);
            self.clock.spin_until(epoch + Span(deadline.0 + 1));
            state = self.state();
            let now = state.stamp(self.clock);
            let left = state.batcher.catch_up(now);
            state.count_left(&left);
            drop(state);
            left.into_iter().for_each(&self.exit);
            state = self.state();
        }
    }
}
