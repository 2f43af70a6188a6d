//! What the engine tells of each batch, and who listens.

use crate::platform::Capacity;
use crate::units::{MemoryMb, Span, Time};

/// Why a batch left the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It held as many requests as the policy lets it.
    Full,
    /// Its first request had waited for the timeout.
    Timeout,
}

/// A batch that starts to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartedBatch {
    /// When it left the buffer.
    pub left: Time,
    /// Why it left.
    pub cause: Cause,
    /// When its invocation was admitted: later than `left` if it was throttled first.
    pub started: Time,
    /// Is its environment new?
    pub cold: bool,
    /// Initialisation of a new environment; zero in a warm one.
    pub init: Span,
    /// Whose capacity it uses.
    pub capacity: Capacity,
    /// Service time; in a new environment with what the first call takes longer.
    pub service: Span,
    /// From the client to the function and back.
    pub overhead: Span,
    /// The number of its environment, where environments are told apart.
    pub environment: Option<u32>,
    /// Memory size of the function.
    pub memory: MemoryMb,
    /// Environments busy just after it started.
    pub concurrency: u64,
    /// Tries, the successful one included.
    pub attempts: u32,
}

impl StartedBatch {
    /// When its environment has done with it.
    pub fn finish(&self) -> Time {
        self.started + self.init + self.service
    }

    /// When its requests are answered, as their clients see it.
    pub fn answered(&self) -> Time {
        self.finish() + self.overhead
    }
}

/// What an observer wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// How far the replay is.
    Progress,
    /// Every batch.
    Batches,
}

/// Someone who is shown every batch, in the order of their starts, or only how far the replay is.
pub trait Observer {
    /// What it wants to see.
    fn detail(&self) -> Detail {
        Detail::Batches
    }

    /// In place of batches, where nobody wants to see those: `requests` more have come, up to `now`.
    fn passed(&mut self, _now: Time, _requests: u64) {}

    /// A batch starts; `arrivals` holds its requests' arrival times, in order, at least one.
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]);

    /// A batch was throttled for the last time: its requests fail.
    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]);
}

/// Two observers side by side.
impl<A: Observer, B: Observer> Observer for (&mut A, &mut B) {
    fn detail(&self) -> Detail {
        self.0.detail().max(self.1.detail())
    }

    fn passed(&mut self, now: Time, requests: u64) {
        self.0.passed(now, requests);
        self.1.passed(now, requests);
    }

    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        self.0.started(batch, arrivals);
        self.1.started(batch, arrivals);
    }

    fn rejected(&mut self, now: Time, attempts: u32, arrivals: &[Time]) {
        self.0.rejected(now, attempts, arrivals);
        self.1.rejected(now, attempts, arrivals);
    }
}
