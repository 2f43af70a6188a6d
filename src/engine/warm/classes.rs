//! The fast path where requests are of several classes and each batch leaves at the earliest deadline of its members.

use super::class_count::ClassCounter;
use super::cut::Cuts;
use crate::arrivals::BLOCK;
use crate::arrivals::class_streams::{ClassArrivals, Request};
use crate::engine::classes::{ClassRecord, ClassRules};
use crate::engine::observer::Observer;
use crate::error::InputError;
use crate::policy::classes::SharedBatch;
use crate::profile::ServiceTimes;
use crate::units::Time;

/// Batching of several classes without shared state.
#[derive(Debug, Clone)]
pub struct ClassBuffering<'a> {
    /// When batches leave.
    pub policy: SharedBatch,
    /// How long they run, up to the largest batch; without variation.
    pub times: &'a ServiceTimes,
    /// What is counted; requests have no sizes.
    pub rules: ClassRules,
}

/// Replays arrivals of several classes and records them, as [`crate::engine::classes::replay_classes`] does, bit by bit.
///
/// # Errors
/// The arrivals cannot be read.
pub fn replay_shared<A: ClassArrivals, O: Observer>(
    arrivals: &mut A,
    buffering: ClassBuffering<'_>,
    observer: &mut O,
) -> Result<ClassRecord, InputError> {
    let mut counter = ClassCounter::new(&buffering);
    let (mut cuts, mut open) = (Cuts::default(), Open { first: 0, seen: 0, deadline: Time::NEVER });
    let mut requests = Vec::with_capacity(2 * BLOCK);
    loop {
        // Moves an open batch to the front at most once a doubling.
        if 2 * open.first >= requests.len() {
            requests.drain(..open.first);
            open.seen -= open.first;
            open.first = 0;
        }
        let before = requests.len();
        arrivals.fill(&mut requests)?;
        cuts.clear();
        let first = open.first;
        let more = requests.len() > before;
        match more {
            true => open.cut(&requests, &buffering.policy, &mut cuts),
            false => open.close(&mut cuts),
        }
        counter.count(cuts.batches(&requests, first, 0));
        if !more {
            return Ok(counter.into_record());
        }
        observer.passed(requests[requests.len() - 1].at, (requests.len() - before) as u64);
    }
}

/// The open batch.
struct Open {
    /// Where its requests begin.
    first: usize,
    /// Where those end that it holds or may hold.
    seen: usize,
    /// When it leaves unless it is full before; never while it is empty.
    deadline: Time,
}

impl Open {
    /// Adds every batch that the requests decide.
    fn cut(&mut self, requests: &[Request], policy: &SharedBatch, cuts: &mut Cuts) {
        let batch = policy.batch as usize;
        let leaves = |request: &Request| request.at + policy.longest_wait[usize::from(request.class)];
        // Taken out, so that their lengths stay in registers.
        let mut found = std::mem::take(cuts);
        let Open { mut first, mut seen, mut deadline } = *self;
        while seen < requests.len() {
            // After a full batch comes another, mostly. Arrivals do not come earlier and deadlines not later as a batch
            // grows: if its last request comes by the deadline of the others, so does each.
            while first == seen
                && let Some([others @ .., last]) = requests.get(first..first + batch)
            {
                if others.iter().map(leaves).fold(Time::NEVER, Time::min) < last.at {
                    break;
                }
                seen += batch;
                found.push(seen, last.at);
                first = seen;
            }
            for request in &requests[seen..] {
                // A request that comes exactly at the deadline joins.
                if request.at > deadline {
                    found.push(seen, deadline);
                    (first, deadline) = (seen, Time::NEVER);
                }
                deadline = deadline.min(leaves(request));
                seen += 1;
                if seen - first == batch {
                    found.push(seen, request.at);
                    (first, deadline) = (seen, Time::NEVER);
                    break;
                }
            }
        }
        *cuts = found;
        *self = Open { first, seen, deadline };
    }

    /// Adds the last batch: no more requests come.
    fn close(&mut self, cuts: &mut Cuts) {
        // The engine's events end before the end of time.
        if self.first < self.seen && self.deadline.0 < Time::NEVER.0 - 1 {
            cuts.push(self.seen, self.deadline);
            self.first = self.seen;
        }
    }
}
