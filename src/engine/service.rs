//! How long each batch is served.

use rand::RngExt as _;
use rand_distr::{Distribution, StandardNormal};

use crate::numeric::streams::Stream;
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span};

/// Draws service times: fixed, lognormal about the profile's mean, or by the profile's quantiles.
///
/// The draw is a factor common to all batch and memory sizes, so that runs with other settings see the
/// same luck: common random numbers.
#[derive(Debug)]
pub struct ServiceDraws {
    times: ServiceTimes,
    factors: Factors,
}

/// Draws the luck alone, one a batch in the order in which batches leave: a factor of the mean, or the share of times
/// that are shorter.
#[derive(Debug)]
pub struct Factors {
    law: Law,
    stream: Stream,
}

#[derive(Debug, Clone, Copy)]
enum Law {
    Fixed,
    /// Location and scale of the factor's logarithm: its mean is 1.
    Lognormal(f64, f64),
    /// By quantiles: a uniform share.
    Quantiles,
}

/// The service time of a batch of `n` with the luck that was drawn for it.
#[inline]
pub fn served(times: &ServiceTimes, n: u32, luck: f64) -> Span {
    let factor = times.shape.as_ref().map_or(luck, |shape| shape.factor(n, luck));
    Span((times.of(n).0 as f64 * factor).round() as u64)
}

impl Factors {
    /// Draws the luck of such times.
    pub fn new(times: &ServiceTimes, stream: Stream) -> Self {
        // A lognormal of mean 1 and coefficient of variation c: s^2 = ln(1 + c^2), location -s^2/2.
        let square = times.cv.powi(2).ln_1p();
        let law = match &times.shape {
            Some(_) => Law::Quantiles,
            None if times.cv > 0.0 => Law::Lognormal(-square / 2.0, square.sqrt()),
            None => Law::Fixed,
        };
        Self { law, stream }
    }

    /// The luck of the next batch; `None` where times are fixed.
    #[inline]
    pub fn draw(&mut self) -> Option<f64> {
        match self.law {
            Law::Fixed => None,
            Law::Quantiles => Some(self.stream.random()),
            Law::Lognormal(location, scale) => {
                let normal: f64 = StandardNormal.sample(&mut self.stream);
                Some((location + scale * normal).exp())
            }
        }
    }
}

impl ServiceDraws {
    /// Draws for `times` from `stream`.
    pub fn new(times: ServiceTimes, stream: Stream) -> Self {
        Self { factors: Factors::new(&times, stream), times }
    }

    /// The service time of a batch of `n`.
    #[inline]
    pub fn draw(&mut self, n: u32) -> Span {
        if let Law::Fixed = self.factors.law { self.times.of(n) } else { self.drawn(n) }
    }

    fn drawn(&mut self, n: u32) -> Span {
        match self.factors.draw() {
            Some(luck) => served(&self.times, n, luck),
            None => self.times.of(n),
        }
    }

    /// The mean service time of a batch of `n`.
    pub fn mean(&self, n: u32) -> Span {
        self.times.of(n)
    }

    /// The memory size.
    #[inline]
    pub fn memory(&self) -> MemoryMb {
        self.times.memory
    }

    /// Goes on with the times of another memory size.
    pub fn change(&mut self, times: ServiceTimes) {
        self.times = times;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;

    #[test]
    fn draws_have_the_profile_s_mean_and_variation() {
        let times = ServiceTimes {
            memory: MemoryMb(1024),
            mean: vec![Span::from_millis(100)],
            cv: 0.2,
            shape: None,
            init: Span::ZERO,
        };
        let mut draws = ServiceDraws::new(times, Streams::new(5).stream("service"));
        let n = 200_000;
        let all: Vec<f64> = (0..n).map(|_| draws.draw(1).as_secs_f64()).collect();
        let mean = all.iter().sum::<f64>() / f64::from(n);
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!((mean / 0.1 - 1.0).abs() < 0.002, "{mean}");
        assert!((variance.sqrt() / mean / 0.2 - 1.0).abs() < 0.01, "{variance}");
    }

    #[test]
    fn quantiles_are_drawn_by_one_uniform_for_all_batch_sizes() {
        let profile = "memory_mb = [1000, 2000]\nbatch = [1, 3]\nservice_s = [[1.0, 2.0], [0.5, 1.0]]\n\
            service_quantiles = { shares = [0, 0.9, 1], service_s = [\n\
            [0.5, 1.0, 3.5], [1.9, 2.0, 2.1], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]] }\n";
        let document = crate::document::Document::parse("p.toml", profile).unwrap();
        let profile = crate::profile::Profile::from_document(&document).unwrap();
        let times = profile.at(MemoryMb(1000), 3).unwrap();
        let mut draws = ServiceDraws::new(times.clone(), Streams::new(5).stream("service"));
        let n = 100_000;
        let all: Vec<f64> = (0..n).map(|_| draws.draw(1).as_secs_f64()).collect();
        // By hand: the cell's quantiles have the mean .9 x .75 + .1 x 2.25 = .9, and are scaled to a mean of 1.
        let mean = all.iter().sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.005, "{mean}");
        let below = all.iter().filter(|s| **s <= 1.0 / 0.9).count() as f64 / f64::from(n);
        assert!((below - 0.9).abs() < 0.003, "{below}");
        let mut three = ServiceDraws::new(times, Streams::new(5).stream("service"));
        let order = |list: &[f64]| {
            let mut ranks: Vec<usize> = (0..list.len()).collect();
            ranks.sort_by(|a, b| list[*a].total_cmp(&list[*b]));
            ranks
        };
        let batches: Vec<f64> = (0..100).map(|_| three.draw(3).as_secs_f64()).collect();
        assert_eq!(order(&batches), order(&all[..100]));
        let fixed = profile.at(MemoryMb(2000), 3).unwrap();
        let mut fixed = ServiceDraws::new(fixed, Streams::new(5).stream("service"));
        assert_eq!(fixed.draw(2), Span::from_millis(750));
    }
}
