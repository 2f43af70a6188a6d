//! The paper's platform: an environment is always warm and there are always enough of them.

use super::lambda::idle::Environment;
use super::running::Running;
use super::{Admission, Capacity, Load, Platform};
use crate::units::{Span, Time};

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

    fn renew(&mut self, _now: Time, _model_init: Span) {}

    #[inline]
    fn load(&self) -> Load {
        Load { busy: self.running.busy() }
    }
}
