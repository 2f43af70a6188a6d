//! The optimizer's search with the exact model, on one core.
//!
//! The paper's 1,372 configurations are 28 memory sizes x 49 timeouts at a largest batch of 20; its own solver,
//! with an approximate model, takes 6.6 to 8.3 s for one hour.

use std::hint::black_box;
use std::path::Path;

use batchsim::analytic::exact::{BatchLaw, LatencyLaw, Levels};
use batchsim::arrivals::map::Map;
use batchsim::document::{Document, Value};
use batchsim::numeric::matrix::Matrix;
use batchsim::profile::Profile;
use batchsim::units::{MemoryMb, Span};
use criterion::{Criterion, criterion_group, criterion_main};

const BATCH: u32 = 20;
const SLO: f64 = 5.0;

fn hours(file: &str) -> Vec<Map> {
    let document = Document::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let map = |segment: &Value<'_>| {
        let segment = segment.section().unwrap();
        let field = |name| Matrix::from_rows(&segment.required(name).unwrap().rows().unwrap()).unwrap();
        Map::new(field("d0"), field("d1")).unwrap()
    };
    document.root().required("segment").unwrap().list().unwrap().iter().map(map).collect()
}

fn services(file: &str) -> Vec<(u32, Vec<f64>)> {
    let profile = Profile::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let service = |memory| (1..=BATCH).map(|n| profile.service_s(MemoryMb(memory), n).unwrap()).collect();
    (1280..=3008).step_by(64).map(|memory| (memory, service(memory))).collect()
}

/// The least expected cost at p95 <= SLO over the paper's grid, with its configuration and p95 [s].
fn search(map: &Map, services: &[(u32, Vec<f64>)]) -> Option<(f64, u64, u32, f64)> {
    let mut best: Option<(f64, u64, u32, f64)> = None;
    for timeout in (10..500).step_by(10) {
        let levels = Levels::new(map, BATCH, Span::from_millis(timeout));
        let batches = BatchLaw::new(&levels, BATCH);
        for (memory, service) in services {
            let law = LatencyLaw::new(&batches, service, 0.0);
            let price = |_, seconds: f64| seconds * f64::from(*memory) / 1024.0 * 1.66667e-5 + 2e-7;
            let feasible = law.cdf(SLO) >= 0.95;
            let cost = law.per_request(price);
            if feasible && best.is_none_or(|(least, ..)| cost < least) {
                best = Some((cost, timeout, *memory, law.quantile(0.95)));
            }
        }
    }
    best
}

fn one_hour(c: &mut Criterion) {
    let (hours, services) = (hours("traces/twitter.toml"), services("profiles/inception-v4.toml"));
    println!("Twitter hour 1: {:?}", search(&hours[0], &services));
    c.bench_function("search, Twitter hour 1", |b| b.iter(|| search(black_box(&hours[0]), &services)));
}

fn two_days(c: &mut Criterion) {
    let hours = [hours("traces/twitter.toml"), hours("traces/nys.toml")].concat();
    let services = services("profiles/inception-v4.toml");
    let plan = || hours.iter().map(|hour| search(black_box(hour), &services)).collect::<Vec<_>>();
    c.bench_function("search, 48 hours", |b| b.iter(plan));
}

fn one_batch(c: &mut Criterion) {
    let bursty = Map::mmpp(&[1.0, 1000.0], &[60.0, 5.0]).unwrap();
    let law = |map: &Map, timeout| BatchLaw::new(&Levels::new(map, 128, timeout), 128);
    let minute = Span::from_secs(60);
    c.bench_function("law, B 128, T 60 s, 1000/s", |b| b.iter(|| law(&Map::poisson(1000.0), minute)));
    c.bench_function("law, B 128, T 60 s, bursty", |b| b.iter(|| law(&bursty, minute)));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = one_hour, two_days, one_batch
}
criterion_main!(benches);
