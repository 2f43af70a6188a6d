//! The paper's platform: an environment is always warm and there are always enough of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::lambda::idle::Environment;
use super::{Admission, Capacity, Load, Platform};
use crate::units::{Span, Time};

/// Invocations that run, with the integral of their number over time.
#[derive(Debug, Clone, Default)]
pub struct Running {
    finishes: BinaryHeap<Reverse<(Time, Environment)>>,
    load: Load,
    clock: Time,
}

impl Running {
    /// Takes out the next environment that has finished by `now`, with when it did.
    #[inline]
    pub fn next_finished(&mut self, now: Time) -> Option<(Time, Environment)> {
        let Reverse((at, environment)) = *self.finishes.peek()?;
        if at > now {
            return None;
        }
        self.finishes.pop();
        self.advance(at);
        self.load.busy -= 1;
        Some((at, environment))
    }

    /// Adds an environment that is busy from `now` to `until`.
    #[inline]
    pub fn start(&mut self, now: Time, until: Time, environment: Environment) {
        self.advance(now);
        self.load.busy += 1;
        self.finishes.push(Reverse((until, environment)));
    }

    /// The load up to the last event.
    pub fn load(&self) -> Load {
        self.load
    }

    fn advance(&mut self, now: Time) {
        self.load.area += u128::from(self.load.busy) * u128::from(now.since(self.clock).0);
        self.clock = now;
    }
}

/// Unlimited warm environments.
#[derive(Debug, Clone, Default)]
pub struct Warm {
    running: Running,
}

impl Platform for Warm {
    #[inline]
    fn invoke(&mut self, now: Time, service: Span) -> Admission {
        while self.running.next_finished(now).is_some() {}
        self.running.start(now, now + service, Environment::default());
        Admission::warm(Capacity::OnDemand, None)
    }

    fn renew(&mut self, _model_init: Span) {}

    fn load(&self) -> Load {
        self.running.load()
    }

    fn finish(&mut self) {
        while self.running.next_finished(Time::NEVER).is_some() {}
    }
}
