//! How much chance there is in what was observed: the block bootstrap.
//!
//! Calls are drawn again in blocks of neighbours, so that what lasts longer than a call (a slow host, a burst) stays
//! together. Source: Kuensch, Annals of Statistics 17(3), 1989; blocks that wrap round, Politis and Romano 1992; a length
//! of 2 n^(1/3) calls.

use rand::RngExt as _;

use super::predict::{Figures, Played};
use super::stats;
use crate::numeric::streams::Streams;

/// The middle 95 % of each of [`super::predict::NAMES`] over calls that are drawn again.
pub fn noise(calls: &[Played], price: &dyn Fn(f64, f64) -> f64, streams: Streams) -> [(f64, f64); 7] {
    let n = calls.len();
    let mut stream = streams.stream("bootstrap");
    let length = (2.0 * (n as f64).cbrt()).ceil() as usize;
    let samples = (20_000_000 / n.max(1)).clamp(60, 400);
    let mut found: Vec<[f64; 7]> = Vec::with_capacity(samples);
    for _ in 0..samples {
        let starts: Vec<usize> = (0..n.div_ceil(length)).map(|_| stream.random_range(0..n)).collect();
        let drawn = starts.iter().flat_map(|start| (0..length).map(move |i| &calls[(start + i) % n])).take(n);
        found.push(Figures::of(drawn, price).named());
    }
    std::array::from_fn(|at| {
        let all = stats::sorted(found.iter().map(|figures| figures[at]).collect());
        (stats::quantile(&all, 0.025), stats::quantile(&all, 0.975))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_that_of_independent_calls() {
        let call = |service: f64| Played {
            arrived: vec![0.0],
            sent: 0.0,
            timed_out: false,
            cold: service > 1.9,
            init: 0.0,
            service,
            overhead: 0.0,
            mb_ms: service,
        };
        // One interval is only known to a tenth or two: its width hangs on the 2,000 calls that were seen.
        let (mut means, mut colds) = (0.0, 0.0);
        for seed in 0..20 {
            let mut stream = Streams::new(seed).stream("calls");
            let calls: Vec<Played> = (0..2000).map(|_| call(stream.random_range(1.0..2.0))).collect();
            let found = noise(&calls, &|mb_ms, _| mb_ms, Streams::new(100 + seed));
            means += (found[4].1 - found[4].0) / 20.0;
            colds += (found[6].1 - found[6].0) / 20.0;
        }
        // Uniform on [1, 2]: a deviation of 1 / sqrt 12 by sqrt 2000; 200 cold starts with one of sqrt(200 x .9).
        let mean = 2.0 * 1.96 / 12_f64.sqrt() / 2000_f64.sqrt();
        assert!((means / mean - 1.0).abs() < 0.08, "{means} {mean}");
        let cold = 2.0 * 1.96 * 180_f64.sqrt();
        assert!((colds / cold - 1.0).abs() < 0.08, "{colds} {cold}");
    }
}
