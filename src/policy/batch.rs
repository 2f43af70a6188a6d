//! The batching buffer (B, T), and no batching at all.

use super::{Buffer, Dispatch, Policy};
use crate::units::Span;

/// A batch leaves when it holds `batch` requests, or `timeout` after its first request.
///
/// A request that comes exactly at the deadline joins. `batch = 1` is no batching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPolicy {
    /// The largest batch, at least 1.
    pub batch: u32,
    /// The longest wait of a batch's first request.
    pub timeout: Span,
}

impl BatchPolicy {
    /// Every request leaves at once.
    pub const UNBATCHED: BatchPolicy = BatchPolicy { batch: 1, timeout: Span::ZERO };
}

impl Policy for BatchPolicy {
    #[inline(always)]
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        match buffer.waiting >= self.batch {
            true => Dispatch::Now,
            false => Dispatch::At(buffer.opened + self.timeout),
        }
    }

    fn fixed(&self) -> Option<BatchPolicy> {
        Some(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Time;

    #[test]
    fn leaves_when_full_or_at_the_deadline_of_the_first() {
        let mut policy = BatchPolicy { batch: 3, timeout: Span(100) };
        let buffer = |waiting, now| Buffer::of_one_class(waiting, Time(50), Time(now));
        assert_eq!(policy.joined(buffer(1, 50)), Dispatch::At(Time(150)));
        assert_eq!(policy.joined(buffer(2, 120)), Dispatch::At(Time(150)));
        assert_eq!(policy.joined(buffer(3, 130)), Dispatch::Now);
        let mut unbatched = BatchPolicy::UNBATCHED;
        assert_eq!(unbatched.joined(buffer(1, 50)), Dispatch::Now);
    }
}
