//! How many requests were late, as the adaptive policy learns it from what it sees: waiting and the mean service time.

use super::adaptive::Target;
use crate::profile::ServiceTimes;
use crate::units::Time;

/// Counts late requests.
#[derive(Debug, Clone)]
pub struct Lateness {
    target: Target,
    /// The service times now.
    pub times: ServiceTimes,
    /// When the requests of the open batch came.
    open: Vec<Time>,
    late: u64,
    seen: u64,
}

impl Lateness {
    /// Counts from zero.
    pub fn new(target: Target, times: ServiceTimes) -> Lateness {
        Lateness { target, times, open: Vec::new(), late: 0, seen: 0 }
    }

    /// A request has joined the open batch.
    #[inline]
    pub fn joined(&mut self, now: Time) {
        self.open.push(now);
    }

    /// The open batch leaves.
    pub fn left(&mut self, now: Time) {
        let Some(service) = self.open.len().checked_sub(1).map(|last| self.times.mean[last]) else { return };
        let done = now + service;
        self.late += self.open.partition_point(|came| done - *came > self.target.latency) as u64;
        self.seen += self.open.len() as u64;
        self.open.clear();
    }

    /// The share of late requests since the last time this was asked, over the allowed one; none without requests.
    pub fn take(&mut self) -> Option<f64> {
        let (late, seen) = (std::mem::take(&mut self.late), std::mem::take(&mut self.seen));
        (seen > 0).then(|| late as f64 / seen as f64 / self.target.allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{MemoryMb, Span};

    #[test]
    fn late_requests_are_those_that_waited_too_long_for_their_batch() {
        let target = Target { latency: Span(100), allowed: 0.25 };
        let mean = vec![Span(40), Span(60), Span(70)];
        let times = ServiceTimes::fixed(MemoryMb(512), mean);
        let mut lateness = Lateness::new(target, times);
        assert_eq!(lateness.take(), None);
        // Full at 50 with three: 70 more makes 120 for the first, 80 for the second, 70 for the third.
        [0, 40, 50].into_iter().for_each(|now| lateness.joined(Time(now)));
        lateness.left(Time(50));
        // Alone until its time is over: 60 + 40 is just not late. The fifth request is still waiting.
        lateness.joined(Time(100));
        lateness.left(Time(160));
        lateness.joined(Time(200));
        assert_eq!(lateness.take(), Some(1.0));
        assert_eq!(lateness.take(), None);
    }
}
