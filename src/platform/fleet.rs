//! Rented instances as their controller sees them: what ran, and what to change.
//!
//! A further controller is one file beside `endpoint` or `mark` that implements [`Scaler`], and its name where the
//! systems are listed (docs/compare.md says where).

use crate::units::Time;

/// Instances of one type that have not been told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Serving.
    pub ready: u32,
    /// Launched, not yet serving.
    pub launching: u32,
}

impl Count {
    /// Ready or launching.
    pub fn total(self) -> u32 {
        self.ready + self.launching
    }
}

/// What a controller may know: what happened since it last looked, and the instances now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetLoad<'a> {
    /// Requests that came, those handed over included.
    pub arrivals: u64,
    /// Requests that began to be served.
    pub served: u64,
    /// Those of them whose latency passes the SLO.
    pub late: u64,
    /// Instances by type.
    pub instances: &'a [Count],
}

/// A change of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Rent one more instance of a type.
    Launch(usize),
    /// End the youngest instance of a type: it takes no more requests and finishes those it has.
    End(usize),
}

/// Which instance takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// The one with the fewest requests per worker, the longest-running first.
    LeastOutstanding,
    /// One after the other.
    RoundRobin,
    /// None: one queue for all, each free worker takes from it.
    SharedQueue,
    /// The one that will answer first.
    EarliestFinish,
}

impl Routing {
    /// The rules by their names in a scenario.
    pub const NAMES: [(&str, Routing); 4] = [
        ("least-outstanding", Routing::LeastOutstanding),
        ("round-robin", Routing::RoundRobin),
        ("shared-queue", Routing::SharedQueue),
        ("earliest-finish", Routing::EarliestFinish),
    ];
}

/// Decides how many instances run.
pub trait Scaler: Send {
    /// When it wants to look next; never for a fixed fleet.
    fn next_review(&self) -> Time;

    /// Looks at the load. Called at the time that [`Scaler::next_review`] gave.
    fn review(&mut self, load: FleetLoad<'_>) -> Vec<Order>;
}

/// The fleet that was there at the start, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed;

impl Scaler for Fixed {
    fn next_review(&self) -> Time {
        Time::NEVER
    }

    fn review(&mut self, _load: FleetLoad<'_>) -> Vec<Order> {
        Vec::new()
    }
}
