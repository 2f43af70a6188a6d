//! Settings that change at given times, such as those of a plan made for each hour.

use super::batch::BatchPolicy;
use super::{Buffer, Dispatch, Policy};
use crate::profile::ServiceTimes;
use crate::units::Time;

/// What holds from a time on.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// From when on.
    pub from: Time,
    /// The buffer.
    pub batch: BatchPolicy,
    /// The service times at its memory size, up to its largest batch at least.
    pub times: ServiceTimes,
}

/// The steps in the order of time. A batch that is open at a change keeps its size and its deadline.
#[derive(Debug, Clone)]
pub struct Scheduled {
    steps: Vec<Step>,
    current: usize,
    /// What holds for the open batch.
    open: BatchPolicy,
}

impl Scheduled {
    /// Panics unless there is a first step at time 0 and the others follow in order.
    pub fn new(steps: Vec<Step>) -> Scheduled {
        assert!(steps.first().is_some_and(|step| step.from == Time::ZERO), "a first step at time 0");
        assert!(steps.windows(2).all(|w| w[0].from < w[1].from), "steps in the order of time");
        let open = steps[0].batch;
        Scheduled { steps, current: 0, open }
    }

    /// The service times at the start.
    pub fn first_times(&self) -> ServiceTimes {
        self.steps[0].times.clone()
    }
}

impl Policy for Scheduled {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        if buffer.waiting == 1 {
            self.open = self.steps[self.current].batch;
        }
        self.open.joined(buffer)
    }

    fn next_review(&self) -> Time {
        self.steps.get(self.current + 1).map_or(Time::NEVER, |step| step.from)
    }

    fn review(&mut self, _now: Time) -> Option<ServiceTimes> {
        let before = &self.steps[self.current].times;
        self.current += 1;
        let after = &self.steps[self.current].times;
        (after != before).then(|| after.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{MemoryMb, Span};

    #[test]
    fn each_step_holds_from_its_time_on() {
        let times = |mb| ServiceTimes::fixed(MemoryMb(mb), vec![Span(1), Span(2)]);
        let step = |from, batch, mb| Step {
            from: Time(from),
            batch: BatchPolicy { batch, timeout: Span(5) },
            times: times(mb),
        };
        let mut policy = Scheduled::new(vec![step(0, 2, 128), step(10, 1, 128), step(20, 1, 256)]);
        let one = Buffer::of_one_class(1, Time(0), Time(0));
        assert_eq!(policy.joined(one), Dispatch::At(Time(5)));
        assert_eq!((policy.next_review(), policy.review(Time(10))), (Time(10), None));
        assert_eq!(policy.joined(one), Dispatch::Now);
        assert_eq!(policy.review(Time(20)), Some(times(256)));
        assert_eq!(policy.next_review(), Time::NEVER);
    }
    #[test]
    fn an_open_batch_keeps_its_size_and_its_deadline() {
        let times = ServiceTimes::fixed(MemoryMb(128), vec![Span(1); 3]);
        let step = |from, batch, timeout| Step {
            from: Time(from),
            batch: BatchPolicy { batch, timeout: Span(timeout) },
            times: times.clone(),
        };
        let mut policy = Scheduled::new(vec![step(0, 3, 20), step(10, 2, 1)]);
        let buffer = |waiting, now| Buffer::of_one_class(waiting, Time(5), Time(now));
        assert_eq!(policy.joined(buffer(1, 5)), Dispatch::At(Time(25)));
        policy.review(Time(10));
        // Under the new settings it would have had to leave at 6, before this request came.
        assert_eq!(policy.joined(buffer(2, 12)), Dispatch::At(Time(25)));
        assert_eq!(policy.joined(buffer(3, 13)), Dispatch::Now);
        assert_eq!(policy.joined(Buffer::of_one_class(1, Time(14), Time(14))), Dispatch::At(Time(15)));
    }
}
