//! What a simulated request costs: drawing it, batching it, counting it, on the fast path and in the engine.
//!
//! Run with `cargo bench --no-default-features --bench replay`; the time of an element is that of a request.

use std::hint::black_box;

use batchsim::arrivals::Arrivals;
use batchsim::arrivals::class_streams::drawn as drawn_classes;
use batchsim::arrivals::map::Map;
use batchsim::arrivals::map_arrivals::MapArrivals;
use batchsim::arrivals::memory::InMemory;
use batchsim::arrivals::transform::limit;
use batchsim::document::Document;
use batchsim::engine::Retry;
use batchsim::engine::classes::{ClassRecorder, ClassReplay, ClassRules, replay_classes};
use batchsim::engine::grid::{Keep, Pair, Wanted, evaluate, evaluate_without_peaks};
use batchsim::engine::recorder::{MOST_REQUESTS, Recorder, Rules};
use batchsim::engine::service::ServiceDraws;
use batchsim::engine::simulate::{Unwatched, run};
use batchsim::engine::warm::{Buffering, ClassBuffering, closed, replay, replay_in_turn, replay_shared};
use batchsim::numeric::histogram::Recording;
use batchsim::numeric::streams::Streams;
use batchsim::platform::warm::Warm;
use batchsim::policy;
use batchsim::policy::classes::SharedBatch;
use batchsim::profile::ServiceTimes;
use batchsim::scenario::{Scenario, Setting};
use batchsim::units::{MemoryMb, Span, Time};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const REQUESTS: u64 = 16_000_000;

/// The mean rate is 200/s.
fn mmpp() -> Map {
    Map::mmpp(&[100.0, 400.0], &[20.0, 10.0]).expect("a process")
}

fn generated() -> Box<dyn Arrivals> {
    Box::new(MapArrivals::new(&mmpp(), Time::ZERO, Time::NEVER, Streams::new(1).stream("arrivals")))
}

fn drawn() -> Vec<Time> {
    let (mut source, mut all) = (limit(generated(), REQUESTS), Vec::new());
    while all.len() < REQUESTS as usize {
        source.fill(&mut all).expect("a process has no file to fail on");
    }
    all
}

/// S(n) = 20 + 6 n ms at 1,024 MB.
fn scenario(platform: &str) -> Scenario {
    let text = format!(
        "[workload]\nkind = \"poisson\"\nrate = 1\nrequests = 1\n[profile]\nmemory_mb = [1024]\n\
         batch = [1, 128]\nservice_s = [[0.026, 0.788]]\n[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\n\
         memory_mb = 1024\n{platform}\n[policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"50ms\"\n"
    );
    Scenario::from_document(&Document::parse("bench.toml", &text).expect("TOML"), "bench")
        .expect("a scenario")
}

fn rules(scenario: &Scenario) -> Rules {
    let billing = scenario.platform.tariff.billing;
    Rules { billing, slo: Span::from_millis(100), warmup: Time::ZERO, stretch: MOST_REQUESTS }
}

const SETTINGS: [(u32, Span); 3] =
    [(1, Span::ZERO), (8, Span::from_millis(50)), (32, Span::from_millis(200))];

/// Functions that start cold.
const COLD: &str = "cold_starts = true\nconcurrency = 50";

fn parts(criterion: &mut Criterion) {
    let times = drawn();
    let mut group = group(criterion, "parts");
    group.bench_function("generation, MMPP", |b| {
        b.iter(|| {
            let (mut source, mut block, mut sum) = (limit(generated(), REQUESTS), Vec::new(), 0_u64);
            loop {
                block.clear();
                source.fill(&mut block).expect("a process has no file to fail on");
                match block.last() {
                    Some(last) => sum += last.0,
                    None => return sum,
                }
            }
        })
    });
    group.bench_function("read from memory", |b| {
        b.iter(|| times.iter().fold(0_u64, |sum, time| sum.wrapping_add(black_box(time.0))))
    });
    for (batch, timeout) in SETTINGS {
        let buffer = policy::batch::BatchPolicy { batch, timeout };
        group.bench_function(format!("batching, B {batch}"), |b| {
            b.iter(|| {
                let (mut open, mut sum) = (0, 0_u64);
                while let Some((end, left)) = closed(&times, open, buffer) {
                    (open, sum) = (end, sum.wrapping_add(left.0));
                }
                sum
            })
        });
    }
    let mut recording = Recording::default();
    group.bench_function("histogram", |b| {
        b.iter(|| {
            let latency = |time: &Time| 26_000_000 + (time.0 & 0x3F_FFFF);
            let mut counts = recording.counts();
            times.iter().for_each(|time| counts.count(latency(time)));
            recording.touch(26_000_000, 26_000_000 + 0x3F_FFFF);
            recording.drain().total()
        })
    });
    group.finish();
}

fn fast_path(criterion: &mut Criterion) {
    let (times, scenario) = (drawn(), scenario("cold_starts = false"));
    let mut group = group(criterion, "fast path");
    for (batch, timeout) in SETTINGS {
        let setting = Setting::new(MemoryMb(1024), batch, timeout);
        let service = scenario.service(setting).expect("covered");
        let buffer = policy::batch::BatchPolicy { batch, timeout };
        let buffering = Buffering { buffer, times: &service, rules: rules(&scenario) };
        group.bench_function(format!("MMPP, B {batch}"), |b| {
            b.iter(|| replay_in_turn(&mut limit(generated(), REQUESTS), buffering, &mut Unwatched))
        });
        group.bench_function(format!("trace in memory, B {batch}"), |b| {
            b.iter(|| replay_in_turn(&mut InMemory::new(&times), buffering, &mut Unwatched))
        });
    }
    group.finish();
}

/// One replay on one thread and on two.
fn threads(criterion: &mut Criterion) {
    let (times, scenario) = (drawn(), scenario("cold_starts = false"));
    let setting = Setting::new(MemoryMb(1024), 8, Span::from_millis(50));
    let service = scenario.service(setting).expect("covered");
    let buffer = policy::batch::BatchPolicy { batch: 8, timeout: setting.timeout };
    let buffering = Buffering { buffer, times: &service, rules: rules(&scenario) };
    let mut group = group(criterion, "threads");
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        group.bench_function(format!("MMPP, {threads}"), |b| {
            b.iter(|| {
                let mut source = limit(generated(), REQUESTS);
                pool.install(|| replay(&mut source, buffering, &mut Unwatched))
            })
        });
        group.bench_function(format!("trace in memory, {threads}"), |b| {
            b.iter(|| pool.install(|| replay(&mut InMemory::new(&times), buffering, &mut Unwatched)))
        });
    }
    group.finish();
}

/// The engine on what the fast path can do too, and with cold starts, keep-alive and limits.
fn engine(criterion: &mut Criterion) {
    let mut group = group(criterion, "engine");
    for (name, platform) in [("always warm", "cold_starts = false"), ("cold starts", COLD)] {
        let scenario = scenario(platform);
        for (batch, timeout) in SETTINGS {
            let setting = Setting::new(MemoryMb(1024), batch, timeout);
            group.bench_function(format!("{name}, B {batch}"), |b| {
                b.iter(|| {
                    let mut recorder = Recorder::new(rules(&scenario));
                    let mut source = limit(generated(), REQUESTS);
                    run(&scenario, setting, Streams::new(1), &mut source, &mut recorder).expect("a process");
                    recorder.into_record()
                })
            });
        }
    }
    group.finish();
}

/// Buffers of one and two classes, on the fast path and in the event loop; beside them one that knows no classes. All on
/// the same requests.
fn classes(criterion: &mut Criterion) {
    let mut group = group(criterion, "classes");
    let (batch, timeout) = SETTINGS[1];
    let scenario = scenario("cold_starts = false");
    let setting = Setting::new(MemoryMb(1024), batch, timeout);
    let times = scenario.service(setting).expect("covered");
    let all = || limit(generated(), REQUESTS);
    let buffering = Buffering {
        buffer: policy::batch::BatchPolicy { batch, timeout },
        times: &times,
        rules: rules(&scenario),
    };
    group.bench_function("fast path, none", |b| {
        b.iter(|| replay_in_turn(&mut all(), buffering, &mut Unwatched))
    });
    group.bench_function("event loop, none", |b| {
        b.iter(|| {
            let mut recorder = Recorder::new(rules(&scenario));
            run(&scenario, setting, Streams::new(1), &mut all(), &mut recorder).expect("a process");
            recorder.into_record()
        })
    });
    for shares in [&[1.0][..], &[0.5, 0.5]] {
        let classes = shares.len();
        let marked = || drawn_classes(all(), shares, Streams::new(1).stream("classes"));
        let policy = SharedBatch { batch, longest_wait: vec![timeout; classes] };
        let Rules { billing, slo, warmup, .. } = rules(&scenario);
        let rules = ClassRules { billing, slo: vec![slo; classes], warmup, sizes: Vec::new() };
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            group.bench_function(format!("fast path, {classes}, {threads} threads"), |b| {
                b.iter(|| {
                    let buffering =
                        ClassBuffering { policy: policy.clone(), times: &times, rules: rules.clone() };
                    pool.install(|| replay_shared(&mut marked(), buffering, &mut Unwatched))
                })
            });
        }
        group.bench_function(format!("event loop, {classes}"), |b| {
            b.iter(|| {
                let mut unwatched = Unwatched;
                let mut recorder = ClassRecorder::new(rules.clone(), &mut unwatched);
                let replay = ClassReplay {
                    policy: policy.clone(),
                    platform: Warm::default(),
                    service: ServiceDraws::new(times.clone(), Streams::new(1)),
                    by_size: Vec::new(),
                    retry: Retry { attempts: 1, base: Span::ZERO, cap: Span::ZERO },
                    backoff: Streams::new(1).stream("back-off"),
                };
                replay_classes(&mut marked(), replay, &mut recorder).expect("a process");
                recorder.into_record()
            })
        });
    }
    group.finish();
}

/// 20 (B, T) in one pass, for any number of memory sizes.
fn sweep(criterion: &mut Criterion) {
    let scenario = scenario("cold_starts = false");
    let service = scenario.profile.at(MemoryMb(1024), 20).expect("covered");
    let buffers = (1..=20).map(|batch| policy::batch::BatchPolicy { batch, timeout: Span::from_millis(100) });
    let pairs = pairs(buffers, std::slice::from_ref(&service));
    let mut group = criterion.benchmark_group("sweep");
    group.throughput(Throughput::Elements(REQUESTS * pairs.len() as u64)).sample_size(10);
    group.bench_function("pass, 20 (B, T)", |b| {
        b.iter(|| {
            let mut source = limit(generated(), REQUESTS);
            evaluate_without_peaks(&scenario, Streams::new(1), &mut source, &pairs).map(|found| found.len())
        })
    });
    group.finish();
}

/// Memory sizes whose service times differ by a little.
fn sizes(scenario: &Scenario) -> Vec<ServiceTimes> {
    let times = scenario.profile.at(MemoryMb(1024), 32).expect("covered");
    let slower = |by: u32| {
        let mean = times.mean.iter().map(|span| Span(span.0 + span.0 * u64::from(by) / 28)).collect();
        ServiceTimes { memory: MemoryMb(1024 - by), mean, ..times.clone() }
    };
    (0..28).map(slower).collect()
}

fn pairs(
    buffers: impl Iterator<Item = policy::batch::BatchPolicy>,
    services: &[ServiceTimes],
) -> Vec<Pair<'_>> {
    let wanted = |times| Wanted { times, provisioned: 0, keep_alive: None, keep: Keep::Totals };
    buffers.map(|buffer| Pair { buffer, wanted: services.iter().map(wanted).collect() }).collect()
}

/// Three (B, T) at 28 memory sizes with cold starts, in one pass and each by itself: the time of an element is that of
/// a request of a configuration.
fn cold_grid(criterion: &mut Criterion) {
    const FEWER: u64 = REQUESTS / 32;
    let scenario = scenario(COLD);
    let services = sizes(&scenario);
    let buffers = || {
        SETTINGS
            .iter()
            .map(|(batch, timeout)| policy::batch::BatchPolicy { batch: *batch, timeout: *timeout })
    };
    let mut group = group(criterion, "cold grid");
    let pairs = pairs(buffers(), &services);
    group.throughput(Throughput::Elements(FEWER * (pairs.len() * services.len()) as u64));
    group.bench_function("one pass", |b| {
        b.iter(|| {
            let mut source = limit(generated(), FEWER);
            evaluate(&scenario, Streams::new(1), &mut source, &pairs).map(|found| found.len())
        })
    });
    group.throughput(Throughput::Elements(FEWER * SETTINGS.len() as u64));
    group.bench_function("each by itself", |b| {
        b.iter(|| {
            for (batch, timeout) in SETTINGS {
                let setting = Setting::new(MemoryMb(1024), batch, timeout);
                let mut recorder = Recorder::new(rules(&scenario));
                let mut source = limit(generated(), FEWER);
                run(&scenario, setting, Streams::new(1), &mut source, &mut recorder).expect("a process");
                black_box(recorder.into_record());
            }
        })
    });
    group.finish();
}

fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
) -> BenchmarkGroup<'a, criterion::measurement::WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(REQUESTS)).sample_size(10);
    group
        .measurement_time(std::time::Duration::from_secs(1))
        .warm_up_time(std::time::Duration::from_millis(200));
    group
}

criterion_group!(benches, parts, fast_path, threads, engine, classes, sweep, cold_grid);
criterion_main!(benches);
