//! Renewal processes: gaps that are independent and alike, but not of phases.

use rand::RngExt;
use rand_distr::{Distribution, Gamma, LogNormal};
use statrs::function::gamma::ln_gamma;

use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::Time;

/// A renewal process that no process of phases is.
///
/// Processes of Erlang and hyperexponential gaps are Markovian: see [`super::map::Map::erlang`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Renewal {
    law: Law,
    /// Arrivals a second, before any are left out.
    rate: f64,
    /// The share of arrivals that is kept.
    keep: f64,
}

/// The law of the gaps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// All gaps are the same.
    Constant,
    /// Gamma of this shape.
    Gamma {
        /// `1 / cv^2`.
        shape: f64,
    },
    /// Weibull of this shape.
    Weibull {
        /// Below 1 burstier than Poisson, above 1 more regular.
        shape: f64,
    },
    /// Lognormal.
    LogNormal {
        /// The standard deviation of the gap's logarithm: `ln(1 + cv^2) = sigma^2`.
        sigma: f64,
    },
}

/// Coefficients of variation that can be drawn.
pub const VARIATION: std::ops::RangeInclusive<f64> = 0.01..=100.0;

impl Law {
    /// Gamma gaps with a coefficient of variation.
    pub fn gamma(cv: f64) -> Law {
        Law::Gamma { shape: cv.powi(-2) }
    }

    /// Lognormal gaps with a coefficient of variation.
    pub fn lognormal(cv: f64) -> Law {
        Law::LogNormal { sigma: (cv * cv).ln_1p().sqrt() }
    }

    /// Weibull gaps with a coefficient of variation: the shape by bisection, as the variation falls with it.
    pub fn weibull(cv: f64) -> Law {
        let (mut low, mut high) = (0.05_f64.ln(), 200.0_f64.ln());
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if (Law::Weibull { shape: middle.exp() }).cv() > cv { low = middle } else { high = middle }
        }
        Law::Weibull { shape: (0.5 * (low + high)).exp() }
    }

    /// The coefficient of variation of the gaps.
    pub fn cv(self) -> f64 {
        match self {
            Law::Constant => 0.0,
            Law::Gamma { shape } => shape.powf(-0.5),
            Law::LogNormal { sigma } => (sigma * sigma).exp_m1().sqrt(),
            // E X^n = scale^n Gamma(1 + n/shape).
            Law::Weibull { shape } => {
                (ln_gamma(1.0 + 2.0 / shape) - 2.0 * ln_gamma(1.0 + 1.0 / shape)).exp_m1().max(0.0).sqrt()
            }
        }
    }

    /// The name of its kind in files.
    pub fn name(self) -> &'static str {
        match self {
            Law::Constant => "constant",
            Law::Gamma { .. } => "gamma",
            Law::Weibull { .. } => "weibull",
            Law::LogNormal { .. } => "lognormal",
        }
    }

    /// A gap of mean 1.
    pub(super) fn gap(self, stream: &mut Stream) -> f64 {
        match self {
            Law::Constant => 1.0,
            Law::Gamma { shape } => gamma(shape, stream) / shape,
            Law::Weibull { shape } => {
                gamma(1.0, stream).powf(1.0 / shape) / ln_gamma(1.0 + 1.0 / shape).exp()
            }
            Law::LogNormal { sigma } => lognormal(-0.5 * sigma * sigma, sigma, stream),
        }
    }

    /// A gap, drawn by its length: the one that an instant chosen at random falls into.
    ///
    /// The density is `x f(x)`. Of a gamma it is a gamma of a shape one larger, of a lognormal one shifted by
    /// `sigma^2`; of a Weibull X the power `X^shape` is gamma of shape `1 + 1/shape`.
    pub(super) fn covering_gap(self, stream: &mut Stream) -> f64 {
        match self {
            Law::Constant => 1.0,
            Law::Gamma { shape } => gamma(shape + 1.0, stream) / shape,
            Law::Weibull { shape } => {
                gamma(1.0 + 1.0 / shape, stream).powf(1.0 / shape) / ln_gamma(1.0 + 1.0 / shape).exp()
            }
            Law::LogNormal { sigma } => lognormal(0.5 * sigma * sigma, sigma, stream),
        }
    }
}

fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    Gamma::new(shape, 1.0).expect("shapes are positive").sample(stream)
}

fn lognormal(mean: f64, deviation: f64, stream: &mut Stream) -> f64 {
    LogNormal::new(mean, deviation).expect("deviations are finite").sample(stream)
}

impl Renewal {
    /// A process of gaps of `law` with `rate` arrivals a second.
    pub fn new(law: Law, rate: f64) -> Renewal {
        Renewal { law, rate, keep: 1.0 }
    }

    /// The law of the gaps, before any arrivals are left out.
    pub fn law(&self) -> Law {
        self.law
    }

    /// Arrivals a second.
    pub fn rate(&self) -> f64 {
        self.rate * self.keep
    }

    /// The process at `factor` times its rate.
    pub fn scaled(&self, factor: f64) -> Renewal {
        Renewal { rate: self.rate * factor, ..*self }
    }

    /// The process of which each arrival is kept with probability `keep`.
    pub fn thinned(&self, keep: f64) -> Renewal {
        Renewal { keep: self.keep * keep, ..*self }
    }
}

/// Draws the arrivals of a renewal process that began long ago.
#[derive(Debug, Clone)]
pub struct RenewalArrivals {
    process: Renewal,
    /// The next arrival, and the part of a nanosecond by which it is later.
    next: Time,
    rest: f64,
    end: Time,
    stream: Stream,
}

impl RenewalArrivals {
    /// The arrivals of `process` in `[start, end)`. The first comes after the rest of a gap that `start` fell into.
    pub fn new(process: &Renewal, start: Time, end: Time, mut stream: Stream) -> Self {
        let share: f64 = stream.random();
        let first = process.law.covering_gap(&mut stream) * share;
        let mut arrivals = RenewalArrivals { process: *process, next: start, rest: 0.0, end, stream };
        arrivals.advance(first);
        arrivals
    }

    fn advance(&mut self, gap: f64) {
        let nanos = self.rest + gap / self.process.rate * 1e9;
        self.next = match nanos < u64::MAX as f64 {
            true => Time(self.next.0.saturating_add(nanos as u64)),
            false => Time::NEVER,
        };
        self.rest = nanos.fract();
    }
}

impl Arrivals for RenewalArrivals {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        while block.len() < full && self.next < self.end {
            if self.process.keep == 1.0 || self.stream.random_bool(self.process.keep) {
                block.push(self.next);
            }
            let gap = self.process.law.gap(&mut self.stream);
            self.advance(gap);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::tests::drawn;
    use crate::numeric::streams::Streams;
    use crate::units::Span;

    fn times(process: &Renewal, seconds: u64, seed: u64) -> Vec<f64> {
        let end = Time::ZERO + Span::from_secs(seconds);
        let all =
            drawn(RenewalArrivals::new(process, Time::ZERO, end, Streams::new(seed).stream("arrivals")));
        all.iter().map(|time| time.as_secs_f64()).collect()
    }

    #[test]
    fn gaps_have_their_mean_and_variation() {
        for (law, cv) in [
            (Law::Constant, 0.0),
            (Law::gamma(0.5), 0.5),
            (Law::gamma(2.0), 2.0),
            (Law::weibull(0.5), 0.5),
            (Law::weibull(1.0), 1.0),
            (Law::weibull(2.5), 2.5),
            (Law::lognormal(0.7), 0.7),
            (Law::lognormal(2.0), 2.0),
        ] {
            assert!((law.cv() - cv).abs() < 1e-9, "{law:?} {}", law.cv());
            let all = times(&Renewal::new(law, 50.0), 8000, 3);
            let gaps: Vec<f64> = all.windows(2).map(|w| w[1] - w[0]).collect();
            let n = gaps.len() as f64;
            let mean = gaps.iter().sum::<f64>() / n;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
            // Four standard errors of 4e5 gaps; the fourth moment of the lognormal is large.
            assert!((mean * 50.0 - 1.0).abs() < 4.0 * cv.max(1e-7) / n.sqrt(), "{law:?} {mean}");
            assert!((variance.sqrt() / mean - cv).abs() < 0.03 * cv + 1e-6, "{law:?} {variance}");
        }
        // Shape 1 is exponential.
        assert!(matches!(Law::weibull(1.0), Law::Weibull { shape } if (shape - 1.0).abs() < 1e-9));
    }

    #[test]
    fn the_first_arrival_is_that_of_a_process_which_began_long_ago() {
        // The mean rest of a gap is (1 + cv^2) / 2 of the mean gap.
        for law in [Law::Constant, Law::gamma(0.5), Law::weibull(2.0), Law::lognormal(0.8)] {
            let firsts = (0..4000).map(|seed| times(&Renewal::new(law, 1.0), 100, seed)[0]);
            let mean = firsts.sum::<f64>() / 4000.0;
            let expected = 0.5 * (1.0 + law.cv().powi(2));
            assert!((mean / expected - 1.0).abs() < 0.12, "{law:?} {mean} {expected}");
        }
    }

    #[test]
    fn thinning_and_scaling_change_the_rate() {
        let process = Renewal::new(Law::Constant, 40.0).thinned(0.25).scaled(2.0);
        assert_eq!(process.rate(), 20.0);
        let count = times(&process, 1000, 1).len() as f64;
        assert!((count - 20_000.0).abs() < 4.0 * (80_000.0_f64 * 0.25 * 0.75).sqrt(), "{count}");
    }
}
