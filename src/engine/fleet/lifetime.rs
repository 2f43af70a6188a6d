//! The life of an instance: launch, readiness, and an end by its owner or by the provider.

use rand::RngExt;

use super::instance::{Instance, Phase};
use super::state::{Event, State};
use crate::engine::observer::Observer;
use crate::numeric::streams::Stream;
use crate::platform::fleet::{FleetLoad, Order, Routing};
use crate::units::{Span, Time};

/// How an instance on the spot market ends against its owner's will.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Interruptions per instance and hour, at a constant rate [1/h].
    pub interruptions_per_hour: f64,
    /// From the notice to the end.
    pub notice: Span,
}

impl Spot {
    /// The time from launch to the notice: exponential; never if the rate is 0.
    pub fn draw(&self, stream: &mut Stream) -> Span {
        let uniform: f64 = stream.random();
        Span::from_secs_f64(-(-uniform).ln_1p() / self.interruptions_per_hour * 3600.0).unwrap_or(Span::MAX)
    }
}

impl State {
    pub(super) fn launch(&mut self, kind: usize, now: Time) {
        let (least, most) = self.kinds[kind].launch;
        let ready = now + Span(self.launches.random_range(least.0..=most.0));
        let new = self.add(kind, now, ready);
        self.plan((now, ready), Event::Ready, new);
    }

    pub(super) fn add(&mut self, kind: usize, launched: Time, ready: Time) -> usize {
        let index = self.instances.len();
        let mut reclaimed = Time::NEVER;
        if let Some(spot) = &self.kinds[kind].spot {
            let notice = launched + spot.draw(&mut self.interruptions);
            reclaimed = notice + spot.notice;
            if notice < Time::NEVER {
                self.plan((launched, notice), Event::Notice, index);
            }
        }
        let workers = self.kinds[kind].workers;
        self.instances.push(Instance::new(kind, workers, launched, ready, reclaimed));
        self.running[kind].push(index);
        self.counts[kind].launching += 1;
        index
    }

    pub(super) fn make_ready(&mut self, index: usize, now: Time) {
        let count = &mut self.counts[self.instances[index].kind];
        count.launching -= 1;
        count.ready += 1;
        self.ready.add(index, &mut self.instances);
        self.note(index, now);
    }

    pub(super) fn became_ready<O: Observer>(&mut self, index: usize, now: Time, observer: &mut O) {
        if self.instances[index].phase != Phase::Launching {
            return;
        }
        self.make_ready(index, now);
        if self.routing == Routing::SharedQueue {
            self.serve(index, now, observer);
            return;
        }
        while let Some(arrival) = self.waiting.pop_front() {
            self.instances[index].enqueue(arrival);
            self.serve(index, now, observer);
        }
    }

    pub(super) fn review(&mut self, now: Time) {
        let load = FleetLoad {
            arrivals: std::mem::take(&mut self.arrivals),
            served: std::mem::take(&mut self.served),
            late: std::mem::take(&mut self.late),
            instances: &self.counts,
        };
        for order in self.scaler.review(load) {
            match order {
                Order::Launch(kind) => self.launch(kind, now),
                Order::End(kind) => {
                    if let Some(youngest) = self.running[kind].last().copied() {
                        self.retire(youngest, now);
                    }
                }
            }
        }
    }

    /// It takes no more requests, and ends when it has served those it has.
    fn retire(&mut self, index: usize, now: Time) {
        let instance = &mut self.instances[index];
        let count = &mut self.counts[instance.kind];
        match instance.phase {
            Phase::Ready(slot) => {
                count.ready -= 1;
                self.ready.remove(slot);
            }
            _ => count.launching -= 1,
        }
        instance.phase = Phase::Draining;
        let running = &mut self.running[instance.kind];
        let place = running.partition_point(|older| *older < index);
        running.remove(place);
        self.end_if_drained(index, now);
    }

    pub(super) fn end_if_drained(&mut self, index: usize, now: Time) {
        let instance = &mut self.instances[index];
        let idle = instance.queue.is_empty() && instance.all_idle(now);
        if instance.phase == Phase::Draining && idle {
            (instance.phase, instance.ended) = (Phase::Ended, now);
        }
    }

    /// The provider wants it back: another of its type is launched, unless it was about to end anyway.
    pub(super) fn notice(&mut self, index: usize, now: Time) {
        let instance = &mut self.instances[index];
        if instance.phase == Phase::Ended {
            return;
        }
        instance.interrupted = true;
        let (kind, reclaimed) = (instance.kind, instance.reclaimed);
        self.plan((now, reclaimed), Event::Reclaim, index);
        if self.instances[index].phase != Phase::Draining {
            self.launch(kind, now);
            self.retire(index, now);
        }
    }

    /// The provider takes it back: what it has not answered goes elsewhere.
    pub(super) fn reclaim<O: Observer>(&mut self, index: usize, now: Time, observer: &mut O) {
        let instance = &mut self.instances[index];
        if instance.phase == Phase::Ended {
            return;
        }
        (instance.phase, instance.ended) = (Phase::Ended, now);
        let mut unanswered = std::mem::take(&mut instance.lost);
        unanswered.extend(std::mem::take(&mut instance.queue));
        unanswered.sort_unstable();
        self.busy -= std::mem::take(&mut instance.lost_batches);
        for arrival in unanswered {
            self.dispatch(arrival, now, observer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::Arrivals;
    use crate::engine::fleet::rental::{Market, Rental, bill};
    use crate::engine::fleet::{Fleet, Functions, Kind, Offload, replay_fleet};
    use crate::engine::observer::StartedBatch;
    use crate::engine::service::ServiceDraws;
    use crate::error::InputError;
    use crate::numeric::streams::Streams;
    use crate::platform::fleet::Fixed;
    use crate::platform::warm::Warm;
    use crate::policy;
    use crate::profile::ServiceTimes;
    use crate::units::{MemoryMb, Price, Usd};

    const SPOT: Spot = Spot { interruptions_per_hour: 1.0, notice: Span::from_secs(3) };

    struct Given(Vec<Time>);

    impl Arrivals for Given {
        fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
            block.append(&mut self.0);
            Ok(())
        }
    }

    /// Latencies in whole seconds, by arrival.
    struct Latencies(Vec<(Time, u64)>);

    impl Observer for Latencies {
        fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
            let finish = batch.finish();
            self.0.extend(arrivals.iter().map(|at| (*at, finish.since(*at).0 / 1_000_000_000)));
        }

        fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
    }

    fn service(seconds: u64, streams: Streams) -> ServiceDraws {
        let mean = vec![Span::from_secs(seconds)];
        let times = ServiceTimes::fixed(MemoryMb(0), mean);
        ServiceDraws::of_instance(times, streams.stream("service"))
    }

    /// One instance that serves a request in 4 s, told of its end after the time that is returned first.
    /// Requests come 2 s and 1 s before the notice, and 1 s after it.
    fn interrupted(functions: Vec<Functions>) -> (Time, Vec<u64>, Vec<Rental>) {
        let streams = Streams::new(11);
        let notice = Time::ZERO + SPOT.draw(&mut streams.stream("interruptions"));
        let kind = Kind {
            service: service(4, streams),
            workers: 1,
            batch: policy::batch::BatchPolicy::UNBATCHED,
            launch: (Span::from_secs(30), Span::from_secs(30)),
            per_hour: Price::parse("0.36").unwrap(),
            least_billed: Span::ZERO,
            capacity_per_s: 0.25,
            initial: 1,
            spot: Some(SPOT),
        };
        let fleet = Fleet {
            kinds: vec![kind],
            routing: Routing::LeastOutstanding,
            scaler: Box::new(Fixed),
            functions,
            slo: Span::MAX,
            launches: streams.stream("launches"),
            interruptions: streams.stream("interruptions"),
        };
        let second = Span::from_secs(1).0;
        let arrivals = vec![Time(notice.0 - 2 * second), Time(notice.0 - second), Time(notice.0 + second)];
        let mut seen = Latencies(Vec::new());
        let rentals = replay_fleet(&mut Given(arrivals), fleet, &mut seen).unwrap();
        seen.0.sort_unstable();
        (notice, seen.0.into_iter().map(|(_, latency)| latency).collect(), rentals)
    }

    #[test]
    fn an_interrupted_instance_is_replaced_and_its_requests_come_back() {
        let (notice, latencies, rentals) = interrupted(Vec::new());
        let after = |seconds| notice + Span::from_secs(seconds);
        // The first is answered at +2, before the end at +3. The second starts at +2, is cut off at +3, waits for
        // the replacement, ready at +30, and is answered at +34. The third follows it, until +38.
        assert_eq!(latencies, [4, 35, 37]);
        let [old, new] = rentals.as_slice() else { panic!("{rentals:?}") };
        assert_eq!((old.launched, old.ended, old.interrupted), (Time::ZERO, after(3), true));
        assert_eq!((new.launched, new.ready, new.ended), (notice, after(30), after(38)));
        assert!(!new.interrupted);
        // 0.36 $/h is 1e-4 $/s: the first until +3, the second for 38 s.
        let cost = bill(&rentals, Market::Spot, Time::ZERO).as_f64();
        assert!((cost / ((notice.as_secs_f64() + 41.0) * 1e-4) - 1.0).abs() < 1e-9);
        assert_eq!(bill(&rentals, Market::OnDemand, Time::ZERO), Usd(0));
    }

    #[test]
    fn functions_take_over_what_an_interruption_would_make_late() {
        let functions = Functions {
            rule: Offload::Late(Span::from_secs(10)),
            platform: Box::new(Warm::default()),
            service: service(1, Streams::new(11)),
        };
        // The second is cut off at +3 and answered at +4, 5 s after it came; the third finds no instance.
        let (_, latencies, _) = interrupted(vec![functions]);
        assert_eq!(latencies, [4, 5, 1]);
    }

    #[test]
    fn times_to_a_notice_have_the_mean_of_their_rate() {
        let mut stream = Streams::new(5).stream("interruptions");
        let spot = Spot { interruptions_per_hour: 0.5, ..SPOT };
        let hours: f64 = (0..10_000).map(|_| spot.draw(&mut stream).as_secs_f64() / 3600.0).sum();
        assert!((hours / 10_000.0 - 2.0).abs() < 0.08, "{hours}");
        assert_eq!(Spot { interruptions_per_hour: 0.0, ..SPOT }.draw(&mut stream), Span::MAX);
    }
}
