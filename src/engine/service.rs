//! How long each batch is served.

use rand::RngExt as _;
use rand_distr::{Distribution, StandardNormal};

use crate::numeric::streams::{Stream, Streams};
use crate::profile::ServiceTimes;
use crate::units::{MemoryMb, Span};

/// Draws service times: fixed, lognormal about the profile's mean, or by the profile's quantiles; and the overhead
/// between client and function.
///
/// The draw is a factor common to all batch and memory sizes, so that runs with other settings see the
/// same luck: common random numbers.
#[derive(Debug)]
pub struct ServiceDraws {
    times: ServiceTimes,
    factors: Factors,
}

/// Draws the luck alone, one a batch in the order in which batches leave.
#[derive(Debug)]
pub struct Factors {
    law: Law,
    stream: Stream,
    overhead: Option<(Law, f64, Stream)>,
}

/// The luck of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Luck {
    /// A factor of the mean service time or, with quantiles, the share of times that are shorter.
    pub service: f64,
    /// The way between client and function.
    pub overhead: Span,
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

impl Law {
    /// A lognormal law of mean 1 and coefficient of variation c: s^2 = ln(1 + c^2), location -s^2/2.
    fn about_1(cv: f64) -> Law {
        let square = cv.powi(2).ln_1p();
        if cv > 0.0 { Law::Lognormal(-square / 2.0, square.sqrt()) } else { Law::Fixed }
    }

    #[inline]
    fn draw(self, stream: &mut Stream) -> f64 {
        match self {
            Law::Fixed => 1.0,
            Law::Quantiles => stream.random(),
            Law::Lognormal(location, scale) => {
                let normal: f64 = StandardNormal.sample(stream);
                (location + scale * normal).exp()
            }
        }
    }
}

impl Factors {
    /// Draws the luck of such times.
    pub fn new(times: &ServiceTimes, streams: Streams) -> Self {
        let beside = &times.beside;
        let overhead = beside
            .has_overhead()
            .then(|| (Law::about_1(beside.overhead_cv), beside.overhead_s, streams.stream("overhead")));
        Self { overhead, ..Factors::of_service(times, streams.stream("service")) }
    }

    /// Draws the luck of the service alone.
    fn of_service(times: &ServiceTimes, stream: Stream) -> Self {
        let law = if times.shape.is_some() { Law::Quantiles } else { Law::about_1(times.cv) };
        Self { law, stream, overhead: None }
    }

    /// The luck of the next batch; `None` where nothing varies and nothing comes beside.
    #[inline]
    pub fn draw(&mut self) -> Option<Luck> {
        if let (Law::Fixed, None) = (self.law, &self.overhead) {
            return None;
        }
        let service = self.law.draw(&mut self.stream);
        let overhead = match &mut self.overhead {
            None => Span::ZERO,
            Some((law, mean, stream)) => Span::from_secs_f64(*mean * law.draw(stream)).unwrap_or(Span::MAX),
        };
        Some(Luck { service, overhead })
    }
}

impl ServiceDraws {
    /// Draws for `times` of a function.
    pub fn new(times: ServiceTimes, streams: Streams) -> Self {
        Self { factors: Factors::new(&times, streams), times }
    }

    /// Draws for `times` of something that clients have no way to: an instance.
    pub fn of_instance(times: ServiceTimes, stream: Stream) -> Self {
        Self { factors: Factors::of_service(&times, stream), times }
    }

    /// The service time of a batch of `n`, and the overhead.
    #[inline]
    pub fn draw(&mut self, n: u32) -> (Span, Span) {
        match (self.factors.law, &self.factors.overhead) {
            (Law::Fixed, None) => (self.times.of(n), Span::ZERO),
            _ => self.drawn(n),
        }
    }

    /// The same where the times are others that vary alike.
    pub fn draw_of(&mut self, times: &ServiceTimes, n: u32) -> (Span, Span) {
        match self.factors.draw() {
            Some(luck) => (served(times, n, luck.service), luck.overhead),
            None => (times.of(n), Span::ZERO),
        }
    }

    fn drawn(&mut self, n: u32) -> (Span, Span) {
        match self.factors.draw() {
            Some(luck) => (served(&self.times, n, luck.service), luck.overhead),
            None => (self.times.of(n), Span::ZERO),
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
    use crate::profile::beside::Beside;

    #[test]
    fn draws_have_the_profile_s_mean_and_variation() {
        let fixed = ServiceTimes::fixed(MemoryMb(1024), vec![Span::from_millis(100)]);
        let mut draws = ServiceDraws::new(ServiceTimes { cv: 0.2, ..fixed }, Streams::new(5));
        let n = 200_000;
        let all: Vec<f64> = (0..n).map(|_| draws.draw(1).0.as_secs_f64()).collect();
        let mean = all.iter().sum::<f64>() / f64::from(n);
        let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!((mean / 0.1 - 1.0).abs() < 0.002, "{mean}");
        assert!((variance.sqrt() / mean / 0.2 - 1.0).abs() < 0.01, "{variance}");
    }

    #[test]
    fn the_overhead_has_its_mean_and_variation_and_leaves_the_service_s_luck_alone() {
        let alone =
            ServiceTimes { cv: 0.2, ..ServiceTimes::fixed(MemoryMb(1024), vec![Span::from_millis(100)]) };
        let beside = Beside { overhead_s: 0.03, overhead_cv: 0.5, ..Beside::default() };
        let mut draws = ServiceDraws::new(ServiceTimes { beside, ..alone.clone() }, Streams::new(5));
        let mut without = ServiceDraws::new(alone, Streams::new(5));
        let n = 100_000;
        let mut sums = (0.0, 0.0);
        for _ in 0..n {
            let (service, overhead) = draws.draw(1);
            assert_eq!(service, without.draw(1).0);
            sums = (sums.0 + overhead.as_secs_f64(), sums.1 + overhead.as_secs_f64().powi(2));
        }
        let mean = sums.0 / f64::from(n);
        let cv = (sums.1 / f64::from(n) - mean * mean).sqrt() / mean;
        assert!((mean / 0.03 - 1.0).abs() < 0.01 && (cv / 0.5 - 1.0).abs() < 0.02, "{mean} {cv}");
    }

    #[test]
    fn quantiles_are_drawn_by_one_uniform_for_all_batch_sizes() {
        let profile = "memory_mb = [1000, 2000]\nbatch = [1, 3]\nservice_s = [[1.0, 2.0], [0.5, 1.0]]\n\
            service_quantiles = { shares = [0, 0.9, 1], service_s = [\n\
            [0.5, 1.0, 3.5], [1.9, 2.0, 2.1], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0]] }\n";
        let document = crate::document::Document::parse("p.toml", profile).unwrap();
        let profile = crate::profile::Profile::from_document(&document).unwrap();
        let times = profile.at(MemoryMb(1000), 3).unwrap();
        let mut draws = ServiceDraws::new(times.clone(), Streams::new(5));
        let n = 100_000;
        let all: Vec<f64> = (0..n).map(|_| draws.draw(1).0.as_secs_f64()).collect();
        // By hand: the cell's quantiles have the mean .9 x .75 + .1 x 2.25 = .9, and are scaled to a mean of 1.
        let mean = all.iter().sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.005, "{mean}");
        let below = all.iter().filter(|s| **s <= 1.0 / 0.9).count() as f64 / f64::from(n);
        assert!((below - 0.9).abs() < 0.003, "{below}");
        let mut three = ServiceDraws::new(times, Streams::new(5));
        let order = |list: &[f64]| {
            let mut ranks: Vec<usize> = (0..list.len()).collect();
            ranks.sort_by(|a, b| list[*a].total_cmp(&list[*b]));
            ranks
        };
        let batches: Vec<f64> = (0..100).map(|_| three.draw(3).0.as_secs_f64()).collect();
        assert_eq!(order(&batches), order(&all[..100]));
        let fixed = profile.at(MemoryMb(2000), 3).unwrap();
        let mut fixed = ServiceDraws::new(fixed, Streams::new(5));
        assert_eq!(fixed.draw(2), (Span::from_millis(750), Span::ZERO));
    }
}
