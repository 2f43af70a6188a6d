//! What batches are billed, by size.

use crate::engine::observer::StartedBatch;
use crate::price::billing::{BilledMbMs, BillingRule};
use crate::units::{MemoryMb, Span};

/// The last bill of each size: where service times are fixed it is worked out once.
#[derive(Debug, Default)]
pub struct Bills(Vec<Bill>);

#[derive(Debug, Clone, Copy, Default)]
struct Bill {
    of: (MemoryMb, Span, Span),
    billed: BilledMbMs,
}

impl Bills {
    /// Of a batch of so many.
    #[inline]
    pub fn of(&mut self, size: usize, batch: &StartedBatch, rule: BillingRule) -> BilledMbMs {
        let of = (batch.memory, batch.init, batch.service);
        match self.0.get(size) {
            Some(bill) if bill.of == of => bill.billed,
            _ => self.work_out(size, of, rule),
        }
    }

    fn work_out(&mut self, size: usize, of: (MemoryMb, Span, Span), rule: BillingRule) -> BilledMbMs {
        if self.0.len() <= size {
            self.0.resize(size + 1, Bill::default());
        }
        let (memory, init, service) = of;
        let billed = rule.bill(memory, init, service);
        self.0[size] = Bill { of, billed };
        billed
    }
}
