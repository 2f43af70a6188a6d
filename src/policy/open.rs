//! The open batch: where requests gather until their policy lets them go, in the simulator and in the gateway.
//!
//! It has no clock: whoever holds it says what time it is, an event loop or the wall clock, and times never go back.

use super::{Buffer, Dispatch, Policy};
use crate::units::Time;

/// The open batch of a policy `P` with requests `T`.
#[derive(Debug)]
pub struct Open<P, T> {
    policy: P,
    items: Vec<T>,
    /// When the first of them came.
    opened: Time,
    deadline: Time,
}

impl<P: Policy, T> Open<P, T> {
    /// Without requests.
    pub fn new(policy: P) -> Open<P, T> {
        Open { policy, items: Vec::new(), opened: Time::ZERO, deadline: Time::NEVER }
    }

    /// The policy.
    #[inline(always)]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The policy, to be told of things or changed.
    #[inline(always)]
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// The requests so far.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// When the batch leaves at the latest; never while it is empty.
    #[inline(always)]
    pub fn deadline(&self) -> Time {
        self.deadline
    }

    /// A request joins. Does the batch leave now?
    #[inline(always)]
    pub fn join(&mut self, now: Time, item: T) -> bool {
        self.join_as(now, 0, item)
    }

    /// As [`Open::join`], of a class.
    #[inline(always)]
    pub fn join_as(&mut self, now: Time, class: u16, item: T) -> bool {
        if self.items.is_empty() {
            self.opened = now;
        }
        self.items.push(item);
        let (waiting, deadline) = (self.items.len() as u32, self.deadline);
        match self.policy.joined(Buffer { waiting, opened: self.opened, now, class, deadline }) {
            Dispatch::Now => true,
            Dispatch::At(time) => {
                self.deadline = time;
                false
            }
        }
    }

    /// The batch leaves at `now`. Its requests, to be taken out: the next batch gathers in the list that is left, so that
    /// none is allocated anew.
    #[inline(always)]
    pub fn leave(&mut self, now: Time) -> &mut Vec<T> {
        self.deadline = Time::NEVER;
        self.policy.left(now);
        &mut self.items
    }

    /// Takes the request at a place out. The batch, whose first request came at `opened`, then leaves at `deadline`: never if
    /// no request is left.
    pub fn withdraw(&mut self, place: usize, opened: Time, deadline: Time) -> T {
        (self.opened, self.deadline) = (opened, deadline);
        self.items.remove(place)
    }
}
