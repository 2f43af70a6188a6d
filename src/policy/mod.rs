//! When a request leaves for the platform: at once, or in a batch.
//!
//! A policy sees requests and the clock. It knows no prices and no environments; the engine connects it
//! to a platform. A new policy is a new file here, a variant of `scenario::policy::PolicySpec`, and one arm in
//! `systems::functions`.

pub mod adaptive;
pub mod batch;
pub mod classes;
pub mod forecast;
pub mod lateness;
pub mod mark;
pub mod open;
pub mod scheduled;
mod watch;

use self::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::units::Time;

/// What becomes of the buffer after a request has joined it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatch {
    /// The batch leaves now.
    Now,
    /// The batch leaves at this time unless a later request makes it leave earlier.
    At(Time),
}

/// The buffer just after a request has joined it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Requests in it, at least one.
    pub waiting: u32,
    /// When its first request came.
    pub opened: Time,
    /// The clock: when the last request came.
    pub now: Time,
    /// The class of the last request; 0 where there is one class.
    pub class: u16,
    /// When the batch would have left without it; never if it is the first.
    pub deadline: Time,
}

impl Buffer {
    /// Where there is one class.
    pub fn of_one_class(waiting: u32, opened: Time, now: Time) -> Buffer {
        Buffer { waiting, opened, now, class: 0, deadline: Time::NEVER }
    }
}

/// A batch that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finished {
    /// When it left the buffer.
    pub left: Time,
    /// When its first request came.
    pub opened: Time,
    /// Its requests.
    pub size: u32,
}

/// A batching policy.
pub trait Policy: Send {
    /// Decides after a request has joined.
    fn joined(&mut self, buffer: Buffer) -> Dispatch;

    /// The open batch left at `now`.
    #[inline(always)]
    fn left(&mut self, _now: Time) {}

    /// Does the policy want to be told what becomes of batches that have left?
    fn listens(&self) -> bool {
        false
    }

    /// A batch was answered at `now`; only where the policy [listens](Policy::listens).
    fn finished(&mut self, _now: Time, _batch: Finished) {}

    /// The buffer, if it is one whose settings never change.
    fn fixed(&self) -> Option<BatchPolicy> {
        None
    }

    /// When the policy wants to look at its settings next; never for fixed settings.
    fn next_review(&self) -> Time {
        Time::NEVER
    }

    /// Looks at its settings. Returns the service times of the new memory size if that changes: then all
    /// environments are new.
    fn review(&mut self, _now: Time) -> Option<ServiceTimes> {
        None
    }
}

/// A policy that the caller keeps.
impl<P: Policy> Policy for &mut P {
    #[inline(always)]
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        (**self).joined(buffer)
    }

    #[inline(always)]
    fn left(&mut self, now: Time) {
        (**self).left(now);
    }

    fn listens(&self) -> bool {
        (**self).listens()
    }

    fn finished(&mut self, now: Time, batch: Finished) {
        (**self).finished(now, batch);
    }

    fn fixed(&self) -> Option<BatchPolicy> {
        (**self).fixed()
    }

    fn next_review(&self) -> Time {
        (**self).next_review()
    }

    fn review(&mut self, now: Time) -> Option<ServiceTimes> {
        (**self).review(now)
    }
}
