//! What serves the requests: pools of function environments, and later instances.
//!
//! A platform knows no batching: it is asked to start an invocation of a known length.

pub mod endpoint;
pub mod fleet;
pub mod lambda;
pub mod mark;
pub mod running;
pub mod token_bucket;
pub mod warm;

use crate::units::{Span, Time};

/// The answer to an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It runs now; a new environment first initialises for `init`.
    Started {
        /// Is the environment new?
        cold: bool,
        /// Initialisation before the service; zero in a warm environment.
        init: Span,
        /// What the first call in a new environment takes longer; zero in a warm one.
        first_call: Span,
        /// Whose capacity it uses.
        capacity: Capacity,
        /// The environment's number, where they are told apart.
        environment: Option<u32>,
    },
    /// Refused for lack of capacity (HTTP status 429).
    Throttled,
}

/// Whose capacity an invocation uses, for its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// An environment that is paid while it serves.
    OnDemand,
    /// Provisioned concurrency.
    Provisioned,
    /// A rented instance, which is paid by time and not by what it serves.
    Instance,
}

impl Admission {
    /// It starts in an environment that was there.
    pub fn warm(capacity: Capacity, environment: Option<u32>) -> Admission {
        let (cold, init, first_call) = (false, Span::ZERO, Span::ZERO);
        Admission::Started { cold, init, first_call, capacity, environment }
    }
}

/// What a platform has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Environments that serve or initialise just now.
    pub busy: u64,
}

/// A platform that runs invocations.
pub trait Platform {
    /// Asks for an invocation that serves for `service`. Calls come in the order of time.
    fn invoke(&mut self, now: Time, service: Span) -> Admission;

    /// The function changes (another memory size): every environment is replaced, and loading the model
    /// takes `model_init` from now on.
    fn renew(&mut self, now: Time, model_init: Span);

    /// The load after the last invocation.
    fn load(&self) -> Load;
}
