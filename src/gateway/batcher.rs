//! The open batch with what waits in it, by the simulator's own policies. It has no clock: whoever holds it says
//! what time it is, and times never go back.
//!
//! Events at one instant come in the engine's order: the policy reviews its settings, requests join, the open batch
//! leaves at its deadline. So a request that comes exactly at the deadline joins.

use crate::policy::batch::BatchPolicy;
use crate::policy::classes::{Joined, SharedBatch};
use crate::policy::open::Open;
use crate::policy::{Buffer, Dispatch, Policy};
use crate::profile::ServiceTimes;
use crate::units::Time;

/// Why a batch left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It held as many requests as the policy lets it.
    Full,
    /// Its first request had waited for the timeout.
    Timeout,
    /// The gateway shuts down.
    Drain,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 3] = [Cause::Full, Cause::Timeout, Cause::Drain];

    /// The name in the log and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Full => "full",
            Cause::Timeout => "timeout",
            Cause::Drain => "drain",
        }
    }
}

/// A request in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<T> {
    /// Its number among all that joined.
    pub id: u64,
    /// When it joined.
    pub arrived: Time,
    /// Its class; 0 where there is one.
    pub class: u16,
    /// What it is.
    pub item: T,
}

/// A batch that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left<T> {
    /// Its number, from 0.
    pub number: u64,
    /// When it left.
    pub left: Time,
    /// When it should have.
    pub due: Time,
    /// Why.
    pub cause: Cause,
    /// Its requests in the order of their arrival, at least one.
    pub members: Vec<Member<T>>,
}

/// The rule by which batches leave: a policy's, or that of classes.
#[derive(Debug)]
struct Ruled<P> {
    policy: P,
    /// Decides where there are classes.
    shared: Option<SharedBatch>,
}

impl<P: Policy> Policy for Ruled<P> {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        let Buffer { waiting, deadline, now, class, .. } = buffer;
        match &self.shared {
            None => self.policy.joined(buffer),
            Some(shared) => shared.joined(Joined { waiting, deadline, now, class }),
        }
    }

    fn left(&mut self, now: Time) {
        self.policy.left(now);
    }

    fn next_review(&self) -> Time {
        self.policy.next_review()
    }

    fn review(&mut self, now: Time) -> Option<ServiceTimes> {
        self.policy.review(now)
    }
}

/// The buffer of a policy `P` with requests `T`.
#[derive(Debug)]
pub struct Batcher<P, T> {
    open: Open<Ruled<P>, Member<T>>,
    joined: u64,
    batches: u64,
}

impl<P: Policy, T> Batcher<P, T> {
    /// An empty buffer.
    pub fn new(policy: P) -> Self {
        Batcher { open: Open::new(Ruled { policy, shared: None }), joined: 0, batches: 0 }
    }

    /// An empty buffer of several classes.
    pub fn of_classes(policy: P, shared: SharedBatch) -> Self {
        Batcher { open: Open::new(Ruled { policy, shared: Some(shared) }), joined: 0, batches: 0 }
    }

    /// When the open batch leaves at the latest.
    pub fn deadline(&self) -> Time {
        self.open.deadline()
    }

    /// The requests in the open batch.
    pub fn waiting(&self) -> usize {
        self.open.items().len()
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.open.policy().policy
    }

    /// The policy, to be changed.
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.open.policy_mut().policy
    }

    /// Lets everything happen that comes before an arrival at `now`; the batch that left, if one did.
    pub fn catch_up(&mut self, now: Time) -> Option<Left<T>> {
        let mut left = None;
        loop {
            let (review, deadline) = (self.open.policy().next_review(), self.open.deadline());
            if review <= now && review <= deadline {
                self.open.policy_mut().review(review);
            } else if deadline < now {
                left = self.leave(now, deadline, Cause::Timeout);
            } else {
                return left;
            }
        }
    }

    /// A request joins at `now`, which the buffer has caught up with. Its number, and the batch if that leaves.
    pub fn join(&mut self, now: Time, item: T) -> (u64, Option<Left<T>>) {
        self.join_as(now, 0, item)
    }

    /// As [`Batcher::join`], of a class.
    pub fn join_as(&mut self, now: Time, class: u16, item: T) -> (u64, Option<Left<T>>) {
        let id = self.joined;
        self.joined += 1;
        let full = self.open.join_as(now, class, Member { id, arrived: now, class, item });
        let left = if full { self.leave(now, now, Cause::Full) } else { None };
        (id, left)
    }

    /// Takes a request out of the open batch, which then is as if that had never come; `None` if it has left.
    pub fn withdraw(&mut self, id: u64) -> Option<T> {
        let place = self.open.items().iter().position(|member| member.id == id)?;
        let rest = || {
            let items = self.open.items().iter().enumerate();
            items.filter(|(other, _)| *other != place).map(|(_, member)| member)
        };
        let opened = rest().next().map_or(Time::ZERO, |first| first.arrived);
        let deadline = match &self.open.policy().shared {
            Some(shared) => {
                let due =
                    |member: &Member<T>| member.arrived + shared.longest_wait[usize::from(member.class)];
                rest().map(due).min().unwrap_or(Time::NEVER)
            }
            None => {
                let last = rest().last().map(|last| (rest().count() as u32, last.arrived));
                last.map_or(Time::NEVER, |(waiting, now)| {
                    let buffer = Buffer::of_one_class(waiting, opened, now);
                    match self.open.policy_mut().policy.joined(buffer) {
                        Dispatch::At(time) => time,
                        // A policy that wants fewer to leave now than it let wait just before.
                        Dispatch::Now => now,
                    }
                })
            }
        };
        Some(self.open.withdraw(place, opened, deadline).item)
    }

    /// The open batch leaves, if there is one: nothing more will come.
    pub fn drain(&mut self, now: Time) -> Option<Left<T>> {
        self.leave(now, now, Cause::Drain)
    }

    fn leave(&mut self, left: Time, due: Time, cause: Cause) -> Option<Left<T>> {
        if self.open.items().is_empty() {
            return None;
        }
        let number = self.batches;
        self.batches += 1;
        let open = self.open.leave(left);
        // The next batch is likely as large.
        let room = Vec::with_capacity(open.len());
        let members = std::mem::replace(open, room);
        Some(Left { number, left, due, cause, members })
    }
}

/// A buffer whose settings are changed from outside: from the next batch on.
#[derive(Debug, Clone, Copy)]
pub struct Current {
    open: BatchPolicy,
    next: BatchPolicy,
}

impl Current {
    /// Starts with `batch`.
    pub fn new(batch: BatchPolicy) -> Current {
        Current { open: batch, next: batch }
    }

    /// What holds for the next batch.
    pub fn next(&self) -> BatchPolicy {
        self.next
    }

    /// Sets what holds for the next batch.
    pub fn change(&mut self, batch: BatchPolicy) {
        self.next = batch;
    }
}

impl Policy for Current {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        if buffer.waiting == 1 {
            self.open = self.next;
        }
        self.open.joined(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    fn batcher(batch: u32, timeout: u64) -> Batcher<Current, char> {
        Batcher::new(Current::new(BatchPolicy { batch, timeout: Span(timeout) }))
    }

    #[test]
    fn a_batch_of_classes_leaves_at_the_earliest_deadline_of_those_who_stay() {
        let shared = SharedBatch { batch: 3, longest_wait: vec![Span(5), Span(100)] };
        let mut buffer = Batcher::of_classes(Current::new(BatchPolicy::UNBATCHED), shared);
        let (slow, _) = buffer.join_as(Time(0), 1, 'a');
        assert_eq!(buffer.deadline(), Time(100));
        let (quick, _) = buffer.join_as(Time(10), 0, 'b');
        assert_eq!(buffer.deadline(), Time(15));
        assert_eq!(buffer.withdraw(quick), Some('b'));
        assert_eq!(buffer.deadline(), Time(100));
        assert_eq!(buffer.withdraw(slow), Some('a'));
        assert_eq!(buffer.deadline(), Time::NEVER);
        for (at, item) in [(20, 'c'), (21, 'd')] {
            assert!(buffer.join_as(Time(at), 1, item).1.is_none());
        }
        let full = buffer.join_as(Time(22), 0, 'e').1.unwrap();
        assert_eq!((full.cause, full.members.len(), full.members[2].class), (Cause::Full, 3, 0));
    }

    /// Joins at a time after catching up: the batches that left.
    fn join(batcher: &mut Batcher<Current, char>, now: u64, item: char) -> Vec<(u64, Cause, String)> {
        let due = batcher.catch_up(Time(now));
        let (_, full) = batcher.join(Time(now), item);
        let shown = |left: Left<char>| {
            (left.left.0, left.cause, left.members.iter().map(|member| member.item).collect())
        };
        due.into_iter().chain(full).map(shown).collect()
    }

    #[test]
    fn an_arrival_at_the_deadline_joins_and_one_after_it_does_not() {
        let mut buffer = batcher(3, 10);
        assert_eq!(join(&mut buffer, 5, 'a'), []);
        assert_eq!(join(&mut buffer, 15, 'b'), []);
        assert_eq!(join(&mut buffer, 16, 'c'), [(16, Cause::Timeout, "ab".into())]);
        assert_eq!(join(&mut buffer, 17, 'd'), []);
        assert_eq!(join(&mut buffer, 17, 'e'), [(17, Cause::Full, "cde".into())]);
        assert_eq!(buffer.deadline(), Time::NEVER);
    }

    #[test]
    fn one_who_leaves_might_as_well_never_have_come() {
        let mut buffer = batcher(3, 10);
        join(&mut buffer, 0, 'a');
        join(&mut buffer, 4, 'b');
        assert_eq!(buffer.withdraw(0), Some('a'));
        assert_eq!((buffer.deadline(), buffer.waiting()), (Time(14), 1));
        join(&mut buffer, 9, 'c');
        assert_eq!(join(&mut buffer, 14, 'd'), [(14, Cause::Full, "bcd".into())]);
        assert_eq!(buffer.withdraw(3), None, "it has left");
        join(&mut buffer, 20, 'e');
        assert_eq!(buffer.withdraw(4), Some('e'));
        assert_eq!((buffer.deadline(), buffer.drain(Time(21))), (Time::NEVER, None));
    }

    #[test]
    fn a_change_holds_from_the_next_batch_on() {
        let mut buffer = batcher(3, 10);
        join(&mut buffer, 0, 'a');
        buffer.policy_mut().change(BatchPolicy { batch: 2, timeout: Span(1) });
        assert_eq!(join(&mut buffer, 9, 'b'), []);
        assert_eq!(join(&mut buffer, 10, 'c'), [(10, Cause::Full, "abc".into())]);
        assert_eq!(join(&mut buffer, 11, 'd'), []);
        assert_eq!(join(&mut buffer, 12, 'e'), [(12, Cause::Full, "de".into())]);
    }
}
