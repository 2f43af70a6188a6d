//! What a simulated request costs: drawing it, batching it, counting it, on the fast path and in the engine.
//!
//! Run with `cargo bench --no-default-features --bench replay`; the time of an element is that of a request.

use std::hint::black_box;

use batchsim::arrivals::map::Map;
use batchsim::arrivals::map_arrivals::MapArrivals;
use batchsim::arrivals::transform::limit;
use batchsim::arrivals::{Arrivals, BLOCK};
use batchsim::document::Document;
use batchsim::engine::recorder::{Recorder, Rules};
use batchsim::engine::simulate::{Unwatched, run};
use batchsim::engine::warm::{Buffering, closed, replay, replay_in_turn};
use batchsim::error::InputError;
use batchsim::numeric::histogram::Recording;
use batchsim::numeric::streams::Streams;
use batchsim::policy;
use batchsim::scenario::{Scenario, Setting};
use batchsim::sweep::shared_pass::pass;
use batchsim::units::{MemoryMb, Span, Time};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

const REQUESTS: u64 = 16_000_000;

/// The mean rate is 200/s.
fn mmpp() -> Map {
    Map::mmpp(&[100.0, 400.0], &[20.0, 10.0]).expect("a process")
}

fn generated() -> MapArrivals {
    MapArrivals::new(&mmpp(), Time::ZERO, Time::NEVER, Streams::new(1).stream("arrivals"))
}

/// A trace in memory.
struct Memory<'a>(std::slice::Chunks<'a, Time>);

impl Arrivals for Memory<'_> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        block.extend_from_slice(self.0.next().unwrap_or_default());
        Ok(())
    }
}

fn drawn() -> Vec<Time> {
    let (mut source, mut all) = (limit(Box::new(generated()), REQUESTS), Vec::new());
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
    Rules { billing: scenario.platform.tariff.billing, slo: Span::from_millis(100), warmup: Time::ZERO }
}

const SETTINGS: [(u32, Span); 3] =
    [(1, Span::ZERO), (8, Span::from_millis(50)), (32, Span::from_millis(200))];

fn parts(criterion: &mut Criterion) {
    let times = drawn();
    let mut group = group(criterion, "parts");
    group.bench_function("generation, MMPP", |b| {
        b.iter(|| {
            let (mut source, mut block, mut sum) =
                (limit(Box::new(generated()), REQUESTS), Vec::new(), 0_u64);
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
        let buffer = policy::batch::Batch { batch, timeout };
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
        let buffer = policy::batch::Batch { batch, timeout };
        let buffering = Buffering { buffer, times: &service, rules: rules(&scenario) };
        group.bench_function(format!("MMPP, B {batch}"), |b| {
            b.iter(|| replay_in_turn(&mut limit(Box::new(generated()), REQUESTS), buffering, &mut Unwatched))
        });
        group.bench_function(format!("trace in memory, B {batch}"), |b| {
            b.iter(|| replay_in_turn(&mut Memory(times.chunks(BLOCK)), buffering, &mut Unwatched))
        });
    }
    group.finish();
}

/// One replay on one thread and on two.
fn threads(criterion: &mut Criterion) {
    let (times, scenario) = (drawn(), scenario("cold_starts = false"));
    let setting = Setting::new(MemoryMb(1024), 8, Span::from_millis(50));
    let service = scenario.service(setting).expect("covered");
    let buffer = policy::batch::Batch { batch: 8, timeout: setting.timeout };
    let buffering = Buffering { buffer, times: &service, rules: rules(&scenario) };
    let mut group = group(criterion, "threads");
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        group.bench_function(format!("MMPP, {threads}"), |b| {
            b.iter(|| {
                let mut source = limit(Box::new(generated()), REQUESTS);
                pool.install(|| replay(&mut source, buffering, &mut Unwatched))
            })
        });
        group.bench_function(format!("trace in memory, {threads}"), |b| {
            b.iter(|| pool.install(|| replay(&mut Memory(times.chunks(BLOCK)), buffering, &mut Unwatched)))
        });
    }
    group.finish();
}

/// The engine on what the fast path can do too, and with cold starts, keep-alive and limits.
fn engine(criterion: &mut Criterion) {
    let mut group = group(criterion, "engine");
    let cold = "cold_starts = true\nconcurrency = 50";
    for (name, platform) in [("always warm", "cold_starts = false"), ("cold starts", cold)] {
        let scenario = scenario(platform);
        for (batch, timeout) in SETTINGS {
            let setting = Setting::new(MemoryMb(1024), batch, timeout);
            group.bench_function(format!("{name}, B {batch}"), |b| {
                b.iter(|| {
                    let mut recorder = Recorder::new(rules(&scenario));
                    let mut source = limit(Box::new(generated()), REQUESTS);
                    run(&scenario, setting, Streams::new(1), &mut source, &mut recorder).expect("a process");
                    recorder.into_record()
                })
            });
        }
    }
    group.finish();
}

/// 20 (B, T) in one pass, for any number of memory sizes.
fn sweep(criterion: &mut Criterion) {
    let settings: Vec<(u32, Span)> = (1..=20).map(|batch| (batch, Span::from_millis(100))).collect();
    let mut group = criterion.benchmark_group("sweep");
    group.throughput(Throughput::Elements(REQUESTS * settings.len() as u64)).sample_size(10);
    group.bench_function("pass, 20 (B, T)", |b| {
        b.iter(|| {
            pass(&mut limit(Box::new(generated()), REQUESTS), &settings, Span::from_millis(26), Time::ZERO)
                .map(|w| w.len())
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

criterion_group!(benches, parts, fast_path, threads, engine, sweep);
criterion_main!(benches);
