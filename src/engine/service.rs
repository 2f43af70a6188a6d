//! How long each batch is served.

use rand_distr::{Distribution, StandardNormal};

use crate::numeric::streams::Stream;
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span};

/// Draws service times: fixed, or lognormal about the profile's mean.
///
/// The draw is a factor common to all batch and memory sizes, so that runs with other settings see the
/// same luck: common random numbers.
#[derive(Debug)]
pub struct ServiceDraws {
    times: ServiceTimes,
    factors: Factors,
}

/// Draws the factors alone, one a batch in the order in which batches leave.
#[derive(Debug)]
pub struct Factors {
    /// Location and scale of the factor's logarithm: its mean is 1.
    log: Option<(f64, f64)>,
    stream: Stream,
}

/// A mean service time times a factor.
#[inline]
pub fn scaled(mean: Span, factor: f64) -> Span {
    Span((mean.0 as f64 * factor).round() as u64)
}

impl Factors {
    /// Draws factors of a coefficient of variation.
    pub fn new(cv: f64, stream: Stream) -> Self {
        // A lognormal of mean 1 and coefficient of variation c: s^2 = ln(1 + c^2), location -s^2/2.
        let square = cv.powi(2).ln_1p();
        Self { log: (cv > 0.0).then(|| (-square / 2.0, square.sqrt())), stream }
    }

    /// The factor of the next batch; `None` where times are fixed.
    #[inline]
    pub fn draw(&mut self) -> Option<f64> {
        let (location, scale) = self.log?;
        let normal: f64 = StandardNormal.sample(&mut self.stream);
        Some((location + scale * normal).exp())
    }
}

impl ServiceDraws {
    /// Draws for `times` from `stream`.
    pub fn new(times: ServiceTimes, stream: Stream) -> Self {
        Self { factors: Factors::new(times.cv, stream), times }
    }

    /// The service time of a batch of `n`.
    #[inline]
    pub fn draw(&mut self, n: u32) -> Span {
        let mean = self.times.of(n);
        self.factors.draw().map_or(mean, |factor| scaled(mean, factor))
    }

    /// The mean service time of a batch of `n`.
    pub fn mean(&self, n: u32) -> Span {
        self.times.of(n)
    }

    /// The memory size.
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
}
