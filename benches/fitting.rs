//! Speed of the fits: 1e6 arrivals, an hour of 2e5 arrivals, 528 hours of counts.

use std::time::Duration;

use batchsim::arrivals::Arrivals;
use batchsim::arrivals::map::Map;
use batchsim::arrivals::map_arrivals::MapArrivals;
use batchsim::fitting::{Counts, Method, Observed, fit, fit_window, piecewise};
use batchsim::numeric::streams::Streams;
use batchsim::units::{Span, Time};
use criterion::{Criterion, criterion_group, criterion_main};

fn draw(map: &Map, arrivals: usize) -> Vec<Time> {
    let mut source = MapArrivals::new(map, Time::ZERO, Time::NEVER, Streams::new(1).stream("arrivals"));
    let mut all = Vec::with_capacity(arrivals + 4096);
    while all.len() < arrivals {
        source.fill(&mut all).expect("a process has no errors");
    }
    all.truncate(arrivals);
    all
}

fn fits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fitting");
    group.sample_size(10).measurement_time(Duration::from_secs(8));
    let bursty = Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).expect("a process");
    let million = Observed::Arrivals(draw(&bursty, 1_000_000));
    group.bench_function("measure 1e6 arrivals", |b| b.iter(|| million.measure()));
    let trace = million.measure();
    group.bench_function("fit 1e6 arrivals", |b| b.iter(|| fit(&million, trace.clone(), Method::Auto)));
    let poisson = Observed::Arrivals(draw(&Map::poisson(50.0), 1_000_000));
    let trace = poisson.measure();
    group.bench_function("fit 1e6 Poisson arrivals", |b| {
        b.iter(|| fit(&poisson, trace.clone(), Method::Auto))
    });
    let hour = Observed::Arrivals(draw(&bursty.scaled(3.3), 200_000));
    group.bench_function("fit a window of 2e5 arrivals", |b| b.iter(|| fit_window(&hour)));
    let mut counts = Counts::of(&draw(&bursty, 1_000_000), Span::from_secs(1)).counts;
    counts.truncate(3600 * 16);
    let month = Observed::Counts(Counts { bin: Span::from_secs(1), counts: counts.repeat(33) });
    let one = Span::from_secs(3600);
    group.bench_function("fit 528 hours of counts a second", |b| b.iter(|| piecewise(&month, one)));
    group.finish();
}

criterion_group!(benches, fits);
criterion_main!(benches);
