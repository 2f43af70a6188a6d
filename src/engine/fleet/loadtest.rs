//! The load test: how many requests per second an instance sustains within the SLO.

use super::{Fleet, Kind, replay_fleet};
use crate::arrivals::Arrivals;
use crate::arrivals::map::Map;
use crate::arrivals::map_arrivals::MapArrivals;
use crate::arrivals::transform;
use crate::engine::observer::{Observer, StartedBatch};
use crate::engine::service::ServiceDraws;
use crate::numeric::histogram::Recording;
use crate::numeric::streams::Streams;
use crate::platform::fleet::{Fixed, Routing};
use crate::policy;
use crate::profile::ServiceTimes;
use crate::units::Price;
use crate::units::{Span, Time};

/// Requests of one trial.
const REQUESTS: u64 = 20_000;
/// Halvings of the interval between no load and full load.
const HALVINGS: u32 = 14;

/// An instance to test.
#[derive(Debug, Clone)]
pub struct Tested {
    /// Its service times up to its largest batch.
    pub times: ServiceTimes,
    /// Batches served at once.
    pub workers: u32,
    /// Its batching.
    pub batch: policy::batch::BatchPolicy,
}

/// The largest rate [1/s] of Poisson arrivals at which the share `percentile` of requests stays within `slo` on
/// one instance, by bisection below its capacity; 0 if not even a lone request does. The same arrivals and the
/// same luck at every rate.
pub fn sustainable_rate(tested: &Tested, slo: Span, percentile: f64, streams: Streams) -> f64 {
    let size = tested.batch.batch;
    let full = tested.times.of(size).as_secs_f64();
    let (mut low, mut high) = (0.0, f64::from(tested.workers) * f64::from(size) / full);
    for _ in 0..HALVINGS {
        let rate = 0.5 * (low + high);
        if quantile_s(tested, rate, percentile, streams) <= slo.as_secs_f64() {
            low = rate
        } else {
            high = rate
        }
    }
    low
}

fn quantile_s(tested: &Tested, rate: f64, percentile: f64, streams: Streams) -> f64 {
    let map = Map::mmpp(&[rate], &[1.0]).expect("a positive rate");
    let arrivals: Box<dyn Arrivals> =
        Box::new(MapArrivals::new(&map, Time::ZERO, Time::NEVER, streams.stream("load-test")));
    let mut arrivals = transform::limit(arrivals, REQUESTS);
    let kind = Kind {
        service: ServiceDraws::of_instance(tested.times.clone(), streams.stream("load-test-service")),
        workers: tested.workers,
        batch: tested.batch,
        launch: (Span::ZERO, Span::ZERO),
        per_hour: Price(0),
        least_billed: Span::ZERO,
        capacity_per_s: 0.0,
        initial: 1,
        spot: None,
    };
    let fleet = Fleet {
        kinds: vec![kind],
        routing: Routing::LeastOutstanding,
        scaler: Box::new(Fixed),
        functions: Vec::new(),
        slo: Span::MAX,
        launches: streams.stream("launches"),
        interruptions: streams.stream("interruptions"),
    };
    let mut latencies = Latencies(Recording::default());
    replay_fleet(&mut arrivals, fleet, &mut latencies).expect("a process has no file to fail on");
    latencies.0.drain().quantile(percentile).unwrap_or(0.0) / 1e9
}

struct Latencies(Recording);

impl Observer for Latencies {
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        let finish = batch.finish();
        for arrival in arrivals {
            let latency = finish.since(*arrival).0;
            self.0.counts().count(latency);
            self.0.touch(latency, latency);
        }
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MemoryMb;

    #[test]
    fn a_single_worker_sustains_what_the_queue_m_d_1_allows() {
        let times = ServiceTimes::fixed(MemoryMb(0), vec![Span::from_millis(100)]);
        let tested = Tested { times, workers: 1, batch: policy::batch::BatchPolicy::UNBATCHED };
        let slo = |ms| sustainable_rate(&tested, Span::from_millis(ms), 0.95, Streams::new(3));
        assert_eq!(slo(90), 0.0);
        // M/D/1: P(W = 0) = 1 - rho, and within one service time P(W <= x) = (1 - rho) e^(lambda x) (Erlang).
        // A wait of at most 50 ms with probability 0.95 needs (1 - rho) e^(rho / 2) = 0.95: rho = 0.0952.
        assert!((slo(150) / 0.952 - 1.0).abs() < 0.08, "{}", slo(150));
        // With a long SLO, nearly the capacity of 10/s.
        assert!(slo(5_000) > 9.0 && slo(5_000) < 10.0, "{}", slo(5_000));
    }
}
