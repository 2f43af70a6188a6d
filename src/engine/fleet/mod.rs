//! The discrete-event loop of rented instances: routing, batching at the instance, launches, hand-over to
//! functions.
//!
//! Events at one instant happen in this order: workers finish; instances become ready; the controller looks;
//! notices of interruption come; interrupted instances end; requests arrive; batches leave at their deadline.
//! Among equals, the one that was planned first.
//!
//! Requests that find no ready instance wait at the balancer for the first one. An instance that is told to
//! end takes no more requests, serves those it has, and is billed until then.
//!
//! An instance on the spot market is told of its end some time before. From then on it takes no more requests,
//! and another of its type is launched. What it has not answered at its end goes through routing again, ahead of
//! younger requests; latencies count from the first arrival.

mod balance;
mod instance;
pub mod lifetime;
pub mod loadtest;
mod ready;
pub mod rental;
mod state;

use self::lifetime::Spot;
use self::rental::Rental;
pub(super) use self::state::{Event, State};
use super::closed;
use super::observer::Observer;
use super::service::ServiceDraws;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::platform::Platform;
use crate::platform::fleet::{Routing, Scaler};
use crate::policy::batch::BatchPolicy;
use crate::units::Price;
use crate::units::{Span, Time};

/// A type of instance and how it serves.
#[derive(Debug)]
pub struct Kind {
    /// How long batches take, common to all instances of the type.
    pub service: ServiceDraws,
    /// Batches served at once.
    pub workers: u32,
    /// When a batch leaves the instance's queue for a free worker.
    pub batch: BatchPolicy,
    /// Shortest and longest time from launch to readiness, uniform between.
    pub launch: (Span, Span),
    /// Its price.
    pub per_hour: Price,
    /// The shortest time that is billed.
    pub least_billed: Span,
    /// Requests per second with every worker busy on full batches [1/s].
    pub capacity_per_s: f64,
    /// Instances that are ready at time 0.
    pub initial: u32,
    /// Present on the spot market.
    pub spot: Option<Spot>,
}

/// When a request goes to a function instead of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offload {
    /// If the chosen instance cannot answer it within this time.
    Late(Span),
    /// If no worker is idle.
    Busy,
}

/// The functions beside the instances; each request is an invocation of its own.
pub struct Functions {
    /// Which requests they take.
    pub rule: Offload,
    /// Where they run. A refused invocation fails: there is no time left to try again.
    pub platform: Box<dyn Platform + Send>,
    /// How long they run.
    pub service: ServiceDraws,
}

/// What a replay on instances is made of, besides its arrivals.
pub struct Fleet {
    /// The types of instances, at least one.
    pub kinds: Vec<Kind>,
    /// Which instance takes a request.
    pub routing: Routing,
    /// How many instances run.
    pub scaler: Box<dyn Scaler>,
    /// Functions beside them; an empty list for none, else one.
    pub functions: Vec<Functions>,
    /// A request over this counts as late for the controller.
    pub slo: Span,
    /// Draws the launch times.
    pub launches: Stream,
    /// Draws the interruptions.
    pub interruptions: Stream,
}

/// Replays arrivals on a fleet. Every batch is shown to the observer when it starts. Returns the instances in
/// the order of their launch; those that still ran are given back when the last request is answered.
///
/// # Errors
/// The arrivals cannot be read.
pub fn replay_fleet<A: Arrivals, O: Observer>(
    arrivals: &mut A,
    fleet: Fleet,
    observer: &mut O,
) -> Result<Vec<Rental>, InputError> {
    let mut state = State::new(fleet);
    if let Some(users) = arrivals.users() {
        return Ok(closed::replay_fleet(users, state, observer));
    }
    let mut block = Vec::with_capacity(BLOCK);
    loop {
        block.clear();
        arrivals.fill(&mut block)?;
        if block.is_empty() {
            break;
        }
        for arrival in &block {
            state.catch_up(*arrival, observer);
            state.arrive(*arrival, observer);
        }
    }
    state.drain(observer);
    Ok(state.into_rentals())
}

/// Never later than any event.
const START: Time = Time::ZERO;
