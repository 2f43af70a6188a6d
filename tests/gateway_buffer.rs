//! The gateway's buffer and the engine, held to each other: the same arrivals, the same policy, the same batches.

#![cfg(feature = "serve")]

use batchsim::arrivals::memory::InMemory;
use batchsim::engine::observer::{Observer, StartedBatch as Started};
use batchsim::engine::service::ServiceDraws;
use batchsim::engine::{Replay, Retry, replay};
use batchsim::gateway::batcher::{Batcher, Left};
use batchsim::numeric::streams::Streams;
use batchsim::platform::warm::Warm;
use batchsim::policy::Policy;
use batchsim::policy::batch::BatchPolicy;
use batchsim::policy::scheduled::{Scheduled, Step};
use batchsim::profile::ServiceTimes;
use batchsim::units::{MemoryMb, Span, Time};
use proptest::prelude::*;

/// The arrivals of every batch.
#[derive(Default)]
struct Batches(Vec<Vec<Time>>);

impl Observer for Batches {
    fn started(&mut self, _batch: &Started, arrivals: &[Time]) {
        self.0.push(arrivals.to_vec());
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
        unreachable!("always warm");
    }
}

const LARGEST: u32 = 6;

fn times() -> ServiceTimes {
    let mean = (1..=u64::from(LARGEST)).map(Span).collect();
    ServiceTimes::fixed(MemoryMb(1024), mean)
}

fn by_engine(arrivals: &[Time], policy: impl Policy) -> Vec<Vec<Time>> {
    let streams = Streams::new(1);
    let retry = Retry { attempts: 1, base: Span(1), cap: Span(1) };
    let service = ServiceDraws::new(times(), streams);
    let all = Replay { policy, platform: Warm::default(), service, retry, backoff: streams.stream("b") };
    let mut batches = Batches::default();
    replay(&mut InMemory::in_blocks(arrivals, 7), all, &mut batches).unwrap();
    batches.0
}

/// As the gateway does it; `wakes` are moments at which its timer looks at the buffer besides.
fn by_gateway(arrivals: &[Time], policy: impl Policy, wakes: &[Time]) -> Vec<Vec<Time>> {
    let mut buffer = Batcher::new(policy);
    let mut batches = Vec::new();
    let mut wakes = wakes.to_vec();
    wakes.sort_unstable();
    let mut keep = |left: Option<Left<()>>| {
        batches.extend(left.map(|left| left.members.iter().map(|member| member.arrived).collect::<Vec<_>>()));
    };
    let mut next = 0;
    for arrival in arrivals {
        while wakes.get(next).is_some_and(|wake| wake <= arrival) {
            keep(buffer.catch_up(wakes[next]));
            next += 1;
        }
        keep(buffer.catch_up(*arrival));
        keep(buffer.join(*arrival, ()).1);
    }
    keep(buffer.drain(Time::NEVER));
    batches
}

/// Few values, so that arrivals, deadlines and changes often coincide.
fn arrivals() -> impl Strategy<Value = Vec<Time>> {
    proptest::collection::vec(0_u64..8, 1..60).prop_map(|gaps| {
        let sums = gaps.iter().scan(0, |sum, gap| {
            *sum += gap;
            Some(Time(*sum))
        });
        sums.collect()
    })
}

fn wakes() -> impl Strategy<Value = Vec<Time>> {
    proptest::collection::vec((0_u64..240).prop_map(Time), 0..40)
}

fn buffer() -> impl Strategy<Value = BatchPolicy> {
    (1..=LARGEST, 0_u64..20).prop_map(|(batch, timeout)| BatchPolicy { batch, timeout: Span(timeout) })
}

proptest! {
    #[test]
    fn fixed_settings(arrivals in arrivals(), wakes in wakes(), batch in buffer()) {
        prop_assert_eq!(by_gateway(&arrivals, batch, &wakes), by_engine(&arrivals, batch));
    }

    #[test]
    fn settings_that_change(arrivals in arrivals(), wakes in wakes(), first in buffer(), later in proptest::collection::vec((1_u64..40, buffer()), 0..6)) {
        let mut from = 0;
        let mut steps = vec![Step { from: Time::ZERO, batch: first, times: times() }];
        for (gap, batch) in later {
            from += gap;
            steps.push(Step { from: Time(from), batch, times: times() });
        }
        let policy = Scheduled::new(steps);
        let batches = by_engine(&arrivals, policy.clone());
        prop_assert_eq!(by_gateway(&arrivals, policy, &wakes), batches.clone());
        prop_assert_eq!(batches.concat(), arrivals);
    }

    #[test]
    fn those_who_withdraw_leave_no_trace(arrivals in arrivals(), batch in buffer(), leavers in proptest::collection::vec(any::<bool>(), 60)) {
        // Who leaves does so at once, while its batch is still open.
        let mut buffer = Batcher::new(batch);
        let mut batches: Vec<Vec<Time>> = Vec::new();
        let mut stayed = Vec::new();
        for (arrival, leaves) in arrivals.iter().zip(leavers) {
            let due = buffer.catch_up(*arrival);
            let (id, full) = buffer.join(*arrival, ());
            let was_open = full.is_none();
            for left in due.into_iter().chain(full) {
                batches.push(left.members.iter().map(|member| member.arrived).collect());
            }
            if leaves && was_open {
                prop_assert_eq!(buffer.withdraw(id), Some(()));
            } else {
                stayed.push(*arrival);
            }
        }
        batches.extend(buffer.drain(Time::NEVER).map(|left| left.members.iter().map(|m| m.arrived).collect()));
        prop_assert_eq!(batches, by_engine(&stayed, batch));
    }
}
