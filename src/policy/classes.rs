//! The batching buffer that several classes share.

use super::Dispatch;
use crate::units::{Span, Time};

/// A batch leaves when it holds `batch` requests, or at the earliest (arrival + longest wait) of its members.
///
/// A request that comes exactly at that time joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedBatch {
    /// The largest batch, at least 1.
    pub batch: u32,
    /// The longest wait of each class.
    pub longest_wait: Vec<Span>,
}

/// The buffer just after a request has joined it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// Requests in it, at least one.
    pub waiting: u32,
    /// When it was to leave before; never if it was empty.
    pub deadline: Time,
    /// The clock: when the last request came.
    pub now: Time,
    /// The class of the last request.
    pub class: u16,
}

impl SharedBatch {
    /// Decides after a request has joined.
    #[inline(always)]
    pub fn joined(&self, buffer: Joined) -> Dispatch {
        match buffer.waiting >= self.batch {
            true => Dispatch::Now,
            false => {
                Dispatch::At(buffer.deadline.min(buffer.now + self.longest_wait[usize::from(buffer.class)]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_when_full_or_at_the_earliest_deadline_of_its_members() {
        let policy = SharedBatch { batch: 4, longest_wait: vec![Span(100), Span(900)] };
        let joined = |waiting, deadline, now, class| {
            policy.joined(Joined { waiting, deadline: Time(deadline), now: Time(now), class })
        };
        assert_eq!(joined(1, u64::MAX, 50, 1), Dispatch::At(Time(950)));
        assert_eq!(joined(2, 950, 70, 1), Dispatch::At(Time(950)));
        assert_eq!(joined(2, 950, 70, 0), Dispatch::At(Time(170)));
        assert_eq!(joined(3, 950, 900, 0), Dispatch::At(Time(950)));
        assert_eq!(joined(4, 950, 940, 0), Dispatch::Now);
    }
}
