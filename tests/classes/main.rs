//! Several classes in one buffer: the law against independently computed figures, its limits, and the engine.

mod engine;
mod law;
mod table;

#[path = "../common/mod.rs"]
mod common;

use batchsim::arrivals::map::Map;
use batchsim::arrivals::marked::MarkedMap;
use batchsim::numeric::matrix::Matrix;
use batchsim::units::Span;

fn seconds(seconds: f64) -> Span {
    Span::from_secs_f64(seconds).unwrap()
}

fn spans(waits: &[f64]) -> Vec<Span> {
    waits.iter().map(|wait| seconds(*wait)).collect()
}

fn matrix(rows: &[&[f64]]) -> Matrix {
    Matrix::from_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
}

/// Poisson arrivals with a rate for each class.
fn poisson(rates: &[f64]) -> MarkedMap {
    MarkedMap::merged(&rates.iter().map(|rate| Map::poisson(*rate)).collect::<Vec<_>>())
}

/// Two phases, each with a rate for each class, and their mean sojourns [s].
fn mmpp(first: &[f64], second: &[f64], sojourns: [f64; 2]) -> MarkedMap {
    let by_class: Vec<Matrix> =
        first.iter().zip(second).map(|(a, b)| matrix(&[&[*a, 0.0], &[0.0, *b]])).collect();
    let leave = sojourns.map(|sojourn| 1.0 / sojourn);
    let diagonal = [first, second].map(|rates| rates.iter().sum::<f64>());
    let d0 = matrix(&[&[-diagonal[0] - leave[0], leave[0]], &[leave[1], -diagonal[1] - leave[1]]]);
    MarkedMap::new(d0, by_class).unwrap()
}

fn service(batch: u32) -> Vec<f64> {
    (1..=batch).map(|n| 0.020 + 0.006 * f64::from(n)).collect()
}

/// A process of so many classes and phases whose rates span two orders of magnitude.
fn random_process(order: usize, classes: usize, exponents: &[f64]) -> MarkedMap {
    let rate = |at: usize| 10_f64.powf(exponents[at % exponents.len()]);
    let d1: Vec<Matrix> = (0..classes)
        .map(|class| Matrix::from_fn(order, |i, k| rate(7 * class + 3 * i + k) / (classes * order) as f64))
        .collect();
    let mut d0 = Matrix::from_fn(order, |i, k| if i == k { 0.0 } else { rate(40 + 5 * i + k) / 30.0 });
    for i in 0..order {
        let out: f64 = d1.iter().map(|d1| d1.row(i).iter().sum::<f64>()).sum();
        d0[(i, i)] = -(d0.row(i).iter().sum::<f64>() + out);
    }
    MarkedMap::new(d0, d1).unwrap()
}
