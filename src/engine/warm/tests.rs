//! The fast path leaves the engine's record, however it is cut.

use proptest::prelude::*;

use super::chunks::{self, Cut};
use super::{Buffering, ClassBuffering, replay_in_turn, replay_shared};
use crate::arrivals::class_streams::{ClassArrivals, Request, drawn};
use crate::arrivals::map::Map;
use crate::arrivals::map_arrivals::MapArrivals;
use crate::arrivals::transform::limit;
use crate::arrivals::{Arrivals, BLOCK};
use crate::engine::classes::{ClassRecord, ClassRecorder, ClassReplay, ClassRules, replay_classes};
use crate::engine::observer::{Detail, Observer};
use crate::engine::recorder::{Record, Recorder, Rules};
use crate::engine::service::ServiceDraws;
use crate::engine::simulate::Unwatched;
use crate::engine::{Replay, Retry, replay};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::platform::warm::Warm;
use crate::policy::batch::BatchPolicy;
use crate::policy::classes::SharedBatch;
use crate::price::billing::{BillingRule, InitBilling};
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span, Time};

/// Hands over given times, some at a time, and may fail after them.
struct Given {
    times: Vec<Time>,
    next: usize,
    step: usize,
    end: Result<(), InputError>,
}

impl Given {
    fn new(times: &[Time], step: usize) -> Given {
        Given { times: times.to_vec(), next: 0, step, end: Ok(()) }
    }
}

impl Arrivals for Given {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let end = (self.next + self.step).min(self.times.len());
        block.extend_from_slice(&self.times[self.next..end]);
        let ended = self.next == end;
        self.next = end;
        if ended { self.end.clone() } else { Ok(()) }
    }
}

fn engine(times: &[Time], buffering: Buffering<'_>) -> Record {
    let streams = Streams::new(1);
    let parts = Replay {
        policy: buffering.buffer,
        platform: Warm::default(),
        service: ServiceDraws::new(buffering.times.clone(), streams),
        retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
        backoff: streams.stream("back-off"),
    };
    let mut recorder = Recorder::new(buffering.rules);
    replay(&mut Given::new(times, 100), parts, &mut recorder).unwrap();
    recorder.into_record()
}

fn in_chunks(times: &[Time], step: usize, buffering: Buffering<'_>, cut: Cut) -> Record {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cut.threads).build().unwrap();
    let mut given = Given::new(times, step);
    pool.install(|| chunks::replay(&mut given, buffering, &mut Unwatched, cut)).unwrap()
}

fn times(gaps: &[u64]) -> Vec<Time> {
    let add = |now: &mut u64, gap: &u64| {
        *now += gap;
        Some(Time(*now))
    };
    gaps.iter().scan(0, add).collect()
}

fn rules(slo: u64, warmup: u64) -> Rules {
    let billing = BillingRule { granule: Span::from_millis(1), init: InitBilling::Billed };
    // Stretches of few requests, so that many are closed.
    Rules { billing, slo: Span(slo), warmup: Time(warmup), stretch: 100 }
}

fn service(mean: &[Span]) -> ServiceTimes {
    ServiceTimes::fixed(MemoryMb(512), mean.to_vec())
}

/// Gaps with ties, bursts and pauses: from nanoseconds to hours.
fn gaps() -> impl Strategy<Value = Vec<u64>> {
    let scale = prop_oneof![Just(100u64), Just(1_000_000), Just(300_000_000), Just(2_000_000_000_000)];
    scale.prop_flat_map(|scale| {
        let gap = prop_oneof![Just(0u64), 0..scale / 10, 0..scale, Just(scale)];
        prop::collection::vec(gap, 0..400)
    })
}

fn spans() -> impl Strategy<Value = Span> {
    prop_oneof![Just(0u64), 0u64..3_000, 0u64..100_000_000, 0u64..4_000_000_000_000].prop_map(Span)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_way_leaves_the_engine_s_record(
        gaps in gaps(),
        (batch, timeout) in (prop_oneof![1u32..=9, Just(40)], spans()),
        mean in prop::collection::vec(spans(), 40),
        (slo, warmup) in (spans(), prop_oneof![Just(Span::ZERO), spans()]),
        (step, requests, threads) in (1usize..50, 1usize..120, 2usize..=4),
    ) {
        let (times, service) = (times(&gaps), service(&mean));
        let rules = rules(slo.0, warmup.0);
        let buffering = Buffering { buffer: BatchPolicy { batch, timeout }, times: &service, rules };
        let expected = engine(&times, buffering);
        let in_turn = replay_in_turn(&mut Given::new(&times, step), buffering, &mut Unwatched).unwrap();
        prop_assert_eq!(&in_turn, &expected);
        let in_chunks = in_chunks(&times, step, buffering, Cut { threads, requests });
        prop_assert_eq!(&in_chunks, &expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Portions of a process are drawn out of turn, and only so many of their requests are wanted.
    #[test]
    fn a_process_leaves_the_same_record_on_any_threads(
        rates in prop::collection::vec(prop_oneof![Just(0.0), 10.0f64..5e3], 2..4),
        sojourn in prop_oneof![1e-3f64..1e-1, 1.0f64..300.0],
        (end, requests) in (1u64..400, prop_oneof![0u64..400_000, Just(65_536), Just(u64::MAX)]),
        (batch, threads) in (1u32..=9, 2usize..=4),
    ) {
        let Ok(map) = Map::mmpp(&rates, &vec![sojourn; rates.len()]) else { return Ok(()) };
        let arrivals = || {
            let end = Time::ZERO + Span::from_secs(end);
            let stream = Streams::new(3).stream("arrivals");
            let all: Box<dyn Arrivals> = Box::new(MapArrivals::new(&map, Time::ZERO, end, stream));
            limit(all, requests)
        };
        let service = service(&(1..=9).map(|n| Span::from_millis(10 + 3 * n)).collect::<Vec<_>>());
        let buffer = BatchPolicy { batch, timeout: Span::from_millis(20) };
        let buffering = Buffering { buffer, times: &service, rules: rules(40_000_000, 0) };
        let expected = replay_in_turn(&mut arrivals(), buffering, &mut Unwatched).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let cut = Cut { threads, requests: chunks::CHUNK };
        let mut progress = Progress::default();
        let found = pool.install(|| chunks::replay(&mut arrivals(), buffering, &mut progress, cut)).unwrap();
        prop_assert_eq!(progress.requests, expected.total.tally.requests);
        prop_assert!(found == expected);
    }
}

#[test]
fn long_replays_with_many_chunks_are_the_engine_s() {
    let draw = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let gaps: Vec<u64> = (0..300_000).map(|i| draw(i) * if i % 5_000 < 2_500 { 1 } else { 40 }).collect();
    let (times, mean) = (times(&gaps), (1..=8).map(|n| Span::from_millis(20 + 6 * n)).collect::<Vec<_>>());
    let service = service(&mean);
    for (batch, timeout) in [(1, Span::ZERO), (8, Span::from_millis(50)), (3, Span::from_secs(60))] {
        let rules = rules(70_000_000, 1_000_000_000);
        let buffering = Buffering { buffer: BatchPolicy { batch, timeout }, times: &service, rules };
        let expected = engine(&times, buffering);
        for (requests, threads) in [(1, 3), (BLOCK, 2), (20_000, 5)] {
            let found = in_chunks(&times, BLOCK, buffering, Cut { threads, requests });
            assert!(found == expected, "B {batch}, chunks of {requests} on {threads} threads");
        }
    }
}

/// Adds up what it is told.
#[derive(Default)]
struct Progress {
    now: Time,
    requests: u64,
}

impl Observer for Progress {
    fn detail(&self) -> Detail {
        Detail::Progress
    }

    fn passed(&mut self, now: Time, requests: u64) {
        assert!(now >= self.now, "chunks come in order");
        self.now = now;
        self.requests += requests;
    }

    fn started(&mut self, _batch: &crate::engine::observer::StartedBatch, _arrivals: &[Time]) {
        unreachable!("only progress is asked for")
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {
        unreachable!("only progress is asked for")
    }
}

#[test]
fn progress_is_shown_in_order_and_an_error_ends_the_replay() {
    let (times, service) = (times(&[10; 5_000]), service(&[Span(7); 4]));
    let buffer = BatchPolicy { batch: 4, timeout: Span(25) };
    let buffering = Buffering { buffer, times: &service, rules: rules(100, 0) };
    let cut = Cut { threads: 3, requests: 64 };
    let mut progress = Progress::default();
    chunks::replay(&mut Given::new(&times, 50), buffering, &mut progress, cut).unwrap();
    assert_eq!((progress.now, progress.requests), (times[4_999], 5_000));
    let end = || Err(InputError::new("trace.csv", "line 5001 is no number"));
    let failing = || Given { end: end(), ..Given::new(&times, 50) };
    let found = chunks::replay(&mut failing(), buffering, &mut Unwatched, cut).unwrap_err();
    assert_eq!(found.message, "line 5001 is no number");
    let found = replay_in_turn(&mut failing(), buffering, &mut Unwatched).unwrap_err();
    assert_eq!(found.message, "line 5001 is no number");
}

/// Hands over given requests of several classes, some at a time.
struct GivenClasses {
    requests: Vec<Request>,
    next: usize,
    step: usize,
}

impl ClassArrivals for GivenClasses {
    fn fill(&mut self, block: &mut Vec<Request>) -> Result<(), InputError> {
        let end = (self.next + self.step).min(self.requests.len());
        block.extend_from_slice(&self.requests[self.next..end]);
        self.next = end;
        Ok(())
    }
}

fn shared_engine(given: GivenClasses, buffering: ClassBuffering<'_>) -> ClassRecord {
    let ClassBuffering { policy, times, rules } = buffering;
    let streams = Streams::new(1);
    let replay = ClassReplay {
        policy,
        platform: Warm::default(),
        service: ServiceDraws::new(times.clone(), streams),
        by_size: Vec::new(),
        retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
        backoff: streams.stream("back-off"),
    };
    let mut nobody = Unwatched;
    let mut recorder = ClassRecorder::new(rules, &mut nobody);
    let mut given = given;
    replay_classes(&mut given, replay, &mut recorder).unwrap();
    recorder.into_record()
}

proptest! {
    #[test]
    fn a_shared_buffer_leaves_the_record_of_the_event_loop(
        requests in prop::collection::vec((prop_oneof![0_u64..40, 0_u64..4_000, 0_u64..1_000_000_000_000], 0_u16..24), 0..400),
        classes in 1_usize..24,
        longest_wait in prop::collection::vec(prop_oneof![Just(0_u64), 1_u64..600, Just(u64::MAX)], 24),
        batch in 1_u32..12,
        service in prop::collection::vec(1_u64..3_000_000, 12),
        slo in prop::collection::vec(prop_oneof![0_u64..3_000_000, Just(u64::MAX)], 24),
        warmup in prop_oneof![Just(0_u64), 1_u64..100_000],
        step in 1_usize..70,
    ) {
        let mut now = 0_u64;
        let requests: Vec<Request> = requests
            .iter()
            .map(|(gap, class)| {
                now += gap;
                Request { at: Time(now), class: class % classes as u16 }
            })
            .collect();
        let service = service[..batch as usize].iter().map(|each| Span(*each)).collect();
        let times = ServiceTimes::fixed(MemoryMb(512), service);
        let rules = ClassRules {
            billing: BillingRule { granule: Span::from_millis(1), init: InitBilling::Billed },
            slo: slo[..classes].iter().map(|each| Span(*each)).collect(),
            warmup: Time(warmup),
            sizes: Vec::new(),
        };
        let policy = SharedBatch { batch, longest_wait: longest_wait[..classes].iter().map(|each| Span(*each)).collect() };
        let buffering = ClassBuffering { policy, times: &times, rules };
        let given = |step| GivenClasses { requests: requests.clone(), next: 0, step };
        let fast = replay_shared(&mut given(step), buffering.clone(), &mut Unwatched).unwrap();
        prop_assert_eq!(fast, shared_engine(given(100), buffering));
    }
}

/// Long enough for slices to be widened, hours to end, and a block to be filled many times.
#[test]
fn a_long_run_of_two_classes_leaves_the_record_of_the_event_loop() {
    let map = Map::mmpp(&[5.0, 50.0], &[10.0, 1.0]).unwrap();
    let end = Time::ZERO + Span::from_secs(9_000);
    let source = || {
        let arrivals = MapArrivals::new(&map, Time::ZERO, end, Streams::new(9).stream("arrivals"));
        drawn(Box::new(arrivals), &[0.1, 0.9], Streams::new(9).stream("classes"))
    };
    let service = (1..=8).map(|n| Span::from_millis(20 + 6 * n)).collect();
    let times = ServiceTimes::fixed(MemoryMb(512), service);
    let millis = |each: [u64; 2]| each.map(Span::from_millis).to_vec();
    let rules = ClassRules {
        billing: BillingRule { granule: Span::from_millis(1), init: InitBilling::Billed },
        slo: millis([100, 250]),
        warmup: Time::ZERO + Span::from_secs(60),
        sizes: Vec::new(),
    };
    let policy = SharedBatch { batch: 8, longest_wait: millis([50, 200]) };
    let buffering = ClassBuffering { policy, times: &times, rules };
    let mut requests = Vec::new();
    let mut all = source();
    loop {
        let before = requests.len();
        all.fill(&mut requests).unwrap();
        if requests.len() == before {
            break;
        }
    }
    assert!(requests.len() > 10 * BLOCK);
    let engine = shared_engine(GivenClasses { requests, next: 0, step: 100 }, buffering.clone());
    assert_eq!(engine.all.hours.len(), 3);
    assert!(engine.classes.iter().all(|class| class.total.tally.violations > 0));
    assert_eq!(replay_shared(&mut source(), buffering, &mut Unwatched).unwrap(), engine);
}
