//! The published approximation reproduces what the SC20 paper's optimizer chose.

use std::path::Path;

use batchsim::analytic::published::{BatchLaw, LatencyLaw};
use batchsim::arrivals::map::Map;
use batchsim::document::Document;
use batchsim::numeric::matrix::Matrix;
use batchsim::profile::Profile;
use batchsim::units::{MemoryMb, Span};

fn hours(file: &str) -> Vec<Map> {
    let document = Document::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let matrix = |rows: Vec<Vec<f64>>| Matrix::from_rows(&rows).unwrap();
    let segments = document.root().required("segment").unwrap().list().unwrap();
    let map = |segment: &batchsim::document::Value<'_>| {
        let segment = segment.section().unwrap();
        let field = |name| matrix(segment.required(name).unwrap().rows().unwrap());
        Map::new(field("d0"), field("d1")).unwrap()
    };
    segments.iter().map(map).collect()
}

/// The configuration with the least cost at a p95 below 5 s: timeout [10 ms] and memory [MB].
fn cheapest(map: &Map, services: &[(u32, Vec<f64>)]) -> (u64, u32) {
    let mut best = (f64::INFINITY, (0, 0));
    for timeout in 1..50 {
        let batches = BatchLaw::new(map, 20, Span::from_millis(10 * timeout)).unwrap();
        for (memory, service) in services {
            let law = LatencyLaw::new(&batches, service);
            let cost = |_, s: f64| s * f64::from(*memory) / 1024.0 * 1.66667e-5 + 2e-7;
            let cost = law.per_request(0.95, cost);
            if law.quantile(0.95) < 5.0 && cost < best.0 {
                best = (cost, (timeout, *memory));
            }
        }
    }
    best.1
}

#[test]
fn figure_15_is_reproduced() {
    let timeouts = [12, 18, 21, 19, 9, 4, 2, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 3, 4, 5, 7];
    let memories = [
        2496, 2560, 2560, 2560, 2112, 2112, 2432, 2112, 2112, 2880, 2432, 2432, 2432, 2880, 2880, 2112, 2432,
        2432, 2880, 2432, 2432, 2432, 2496, 2496,
    ];
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/resnet-v2.toml");
    let profile = Profile::read(&profile).unwrap();
    let services: Vec<(u32, Vec<f64>)> = (1280..=3008)
        .step_by(64)
        .map(|memory| (memory, (1..=20).map(|n| profile.service_s(MemoryMb(memory), n).unwrap()).collect()))
        .collect();
    let chosen: Vec<(u64, u32)> =
        hours("traces/nys.toml").iter().map(|map| cheapest(map, &services)).collect();
    assert_eq!(chosen.iter().map(|(timeout, _)| *timeout).collect::<Vec<_>>(), timeouts);
    let same = chosen.iter().zip(memories).filter(|((_, found), paper)| found == paper).count();
    assert!(same >= 22, "{same} of 24: {chosen:?}");
}

#[test]
fn an_arrival_process_outside_the_formulas_is_refused() {
    // Phase 1 is left with each arrival, phase 0 never.
    let d0 = Matrix::from_rows(&[vec![-1.0, 0.0], vec![0.0, -2.0]]).unwrap();
    let d1 = Matrix::from_rows(&[vec![1.0, 0.0], vec![2.0, 0.0]]).unwrap();
    let map = Map::new(d0, d1).unwrap();
    let error = BatchLaw::new(&map, 4, Span::from_millis(100)).unwrap_err();
    assert!(error.to_string().contains("phase 0 never is"), "{error}");
}

#[test]
fn poisson_batch_sizes_are_exact_and_waits_uniform() {
    let batches = BatchLaw::new(&Map::poisson(40.0), 3, Span::from_millis(50)).unwrap();
    let (one, two) = ((-2.0_f64).exp(), 2.0 * (-2.0_f64).exp());
    for (found, exact) in batches.batch_size().iter().zip([one, two, 1.0 - one - two]) {
        assert!((found - exact).abs() < 1e-12);
    }
    let law = LatencyLaw::new(&batches, &[0.1, 0.2, 0.3]);
    let mean = batches.mean_batch();
    assert_eq!(law.cdf(0.0999), 0.0);
    assert!((law.cdf(0.12) - 0.4 * one / mean).abs() < 1e-12);
    assert!((law.cdf(0.17) - one / mean).abs() < 1e-12);
    // Two gaps of 25 ms fill the batch just at the timeout.
    assert!((law.cdf(0.31) - (one + 2.0 * two + 0.6 * (1.0 - one - two)) / mean).abs() < 1e-12);
    assert!((law.cdf(0.35) - 1.0).abs() < 1e-12);
}
