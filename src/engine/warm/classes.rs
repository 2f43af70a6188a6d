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

/// So many blocks are drawn while those before are counted: enough for the hand-over not to matter.
const AHEAD: usize = 8;

/// Replays arrivals of several classes and records them, as [`crate::engine::classes::replay_classes`] does, bit by bit. While
/// requests are counted the next ones are drawn, where there is a thread for it.
///
/// # Errors
/// The arrivals cannot be read.
pub fn replay_shared<A: ClassArrivals, O: Observer + Send>(
    arrivals: &mut A,
    buffering: ClassBuffering<'_>,
    observer: &mut O,
) -> Result<ClassRecord, InputError> {
    let blocks = if rayon::current_num_threads() > 1 { AHEAD } else { 1 };
    let mut counter = ClassCounter::new(&buffering);
    let (mut cuts, mut open) = (Cuts::default(), Open { first: 0, seen: 0, deadline: Time::NEVER });
    let (mut requests, mut next) = (Vec::new(), Vec::new());
    let mut more = fill(arrivals, &mut requests, blocks * BLOCK)?;
    loop {
        let (before, last) = (open.seen, requests.last().map(|request: &Request| request.at));
        cuts.clear();
        open.cut(&requests, &buffering.policy, &mut cuts);
        if !more {
            open.close(&mut cuts);
        }
        next.clear();
        next.extend_from_slice(&requests[open.first..]);
        // Moves an open batch at most once a doubling.
        let wanted = (blocks * BLOCK).max(2 * next.len());
        let mut draw = || if more { fill(arrivals, &mut next, wanted) } else { Ok(false) };
        let mut count = || {
            counter.count(cuts.batches(&requests, 0, 0));
            last.into_iter().for_each(|now| observer.passed(now, (requests.len() - before) as u64));
        };
        let (drawn, ()) = if blocks == 1 { (draw(), count()) } else { rayon::join(draw, count) };
        if !std::mem::replace(&mut more, drawn?) {
            return Ok(counter.into_record());
        }
        std::mem::swap(&mut requests, &mut next);
        open.seen -= std::mem::take(&mut open.first);
    }
}

/// Draws until there are so many requests; false if no more come.
fn fill<A: ClassArrivals>(
    arrivals: &mut A,
    requests: &mut Vec<Request>,
    wanted: usize,
) -> Result<bool, InputError> {
    while requests.len() < wanted {
        let before = requests.len();
        arrivals.fill(requests)?;
        if requests.len() == before {
            return Ok(false);
        }
    }
    Ok(true)
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
        let shortest = policy.longest_wait.iter().copied().min().unwrap_or_default();
        // Taken out, so that their lengths stay in registers.
        let mut found = std::mem::take(cuts);
        let Open { mut first, mut seen, mut deadline } = *self;
        while seen < requests.len() {
            // After a full batch comes another, mostly.
            while first == seen
                && let Some(full) = requests.get(first..first + batch)
            {
                // Arrivals do not come earlier and deadlines not later as a batch grows: if its last request comes by the
                // deadline of the others, so does each. The first one tells mostly.
                let [opener, last] = [&full[0], &full[batch - 1]];
                if last.at > opener.at + shortest
                    && full[..batch - 1].iter().any(|request| leaves(request) < last.at)
                {
                    break;
                }
                seen += batch;
                found.push(seen, last.at);
                first = seen;
            }
            // A request that comes exactly at the deadline joins.
            let room = batch - (seen - first);
            let before = seen;
            for request in requests[before..].iter().take(room) {
                if request.at > deadline {
                    break;
                }
                deadline = deadline.min(leaves(request));
                seen += 1;
            }
            if seen - before == room {
                found.push(seen, requests[seen - 1].at);
            } else if seen < requests.len() {
                found.push(seen, deadline);
            } else {
                break;
            }
            (first, deadline) = (seen, Time::NEVER);
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
