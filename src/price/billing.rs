//! What an invocation is billed: whole units of time at a memory size.

use crate::units::{MemoryMb, Span};

/// The rule by which a platform counts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillingRule {
    /// Time is billed per started granule of this length, a whole number of milliseconds.
    pub granule: Span,
    /// Is the initialisation of a new environment billed?
    pub init: InitBilling,
}

/// Is the initialisation of a new environment billed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitBilling {
    /// Together with the service time.
    Billed,
    /// Not at all.
    Free,
    /// Only so much of it is not: the runtime's, where the model is loaded within the first call.
    FreeFirst(Span),
}

/// The billed memory-time of one invocation [MB ms].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BilledMbMs {
    /// In all.
    pub total: u64,
    /// The part that a warm environment would not have cost.
    pub init: u64,
}

impl BillingRule {
    /// Bills an invocation.
    #[inline]
    pub fn bill(&self, memory: MemoryMb, init: Span, service: Span) -> BilledMbMs {
        let served = self.started_ms(service);
        let total = match self.init {
            InitBilling::Billed if init > Span::ZERO => self.started_ms(init + service),
            InitBilling::FreeFirst(free) if init > free => self.started_ms(Span(init.0 - free.0) + service),
            InitBilling::Billed | InitBilling::Free | InitBilling::FreeFirst(_) => served,
        };
        let mb = u64::from(memory.0);
        BilledMbMs { total: total * mb, init: (total - served) * mb }
    }

    /// Billed milliseconds of a duration.
    pub fn started_ms(&self, span: Span) -> u64 {
        span.0.div_ceil(self.granule.0) * (self.granule.0 / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn started_granules_count_whole() {
        let rule = |ms, init| BillingRule { granule: Span::from_millis(ms), init };
        let (init, service) = (Span(50_000_001), Span(100_000_001));
        let bill = |rule: BillingRule| rule.bill(MemoryMb(2), init, service);
        assert_eq!(bill(rule(1, InitBilling::Free)), BilledMbMs { total: 202, init: 0 });
        assert_eq!(bill(rule(1, InitBilling::Billed)), BilledMbMs { total: 302, init: 100 });
        // What is left after 20 ms: 30,000,001 ns.
        let first = InitBilling::FreeFirst(Span::from_millis(20));
        assert_eq!(bill(rule(1, first)), BilledMbMs { total: 262, init: 60 });
        assert_eq!(bill(rule(1, InitBilling::FreeFirst(init))), BilledMbMs { total: 202, init: 0 });
        assert_eq!(bill(rule(100, InitBilling::Billed)), BilledMbMs { total: 400, init: 0 });
        assert_eq!(rule(1, InitBilling::Free).started_ms(Span::from_millis(100)), 100);
    }
}
