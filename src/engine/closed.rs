//! The event loops where users wait for their answers before they send again.
//!
//! When a batch starts it is known when its requests will be answered, so its users are told at once; what they send then
//! comes after everything that happens before. Events are therefore taken one at a time: each may let a user send
//! sooner. At one instant their order is that of the open loops.

use super::fleet::rental::Rental;
use super::fleet::{Event, State as Fleet};
use super::observer::{Detail, Observer, StartedBatch};
use super::{Replay, State};
use crate::arrivals::closed::Users;
use crate::platform::Platform;
use crate::policy::Policy;
use crate::units::Time;

/// Tells users of their answers, and someone else of everything.
struct Told<'a, O> {
    users: &'a mut Users,
    observer: &'a mut O,
}

impl<O: Observer> Observer for Told<'_, O> {
    fn detail(&self) -> Detail {
        Detail::Batches
    }

    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        self.users.answered(batch.finish(), arrivals.len());
        self.observer.started(batch, arrivals);
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        self.users.answered(now, arrivals.len());
        self.observer.rejected(now, attempts, arrivals);
    }
}

/// As [`super::replay`], with users.
pub fn replay<P: Policy, L: Platform, O: Observer>(
    users: &mut Users,
    replay: Replay<P, L>,
    observer: &mut O,
) -> L {
    let mut state = State::new(replay);
    let mut told = Told { users, observer };
    loop {
        match told.users.next() {
            Some(at) if at < state.horizon => {
                told.users.send();
                state.arrive(at, &mut told);
            }
            None if !state.holds_requests() => break,
            _ => state.step(&mut told),
        }
    }
    state.drain(&mut told);
    state.invoker.platform
}

/// As [`super::fleet::replay_fleet`], with users.
pub fn replay_fleet<O: Observer>(users: &mut Users, mut state: Fleet, observer: &mut O) -> Vec<Rental> {
    let mut told = Told { users, observer };
    loop {
        match told.users.next() {
            Some(at) => {
                if !state.step((at, Event::Deadline), &mut told) {
                    told.users.send();
                    state.arrive(at, &mut told);
                }
            }
            None if state.holds_requests() && state.step((Time::NEVER, Event::Deadline), &mut told) => {}
            None => break,
        }
    }
    state.into_rentals()
}
