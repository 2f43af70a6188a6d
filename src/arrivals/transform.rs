//! Changes of a stream of arrivals: thinned, at another rate, cut short.
//!
//! A [`Map`](super::map::Map) is better scaled and thinned itself: it is then a MAP again.

use rand::RngExt;

use super::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::Time;

/// Keeps each arrival with the same probability.
#[derive(Debug, Clone)]
pub struct Thin<A> {
    inner: A,
    keep: f64,
    stream: Stream,
}

/// Divides all times by a factor: the rate is `factor` times as high, the course of the trace faster.
#[derive(Debug, Clone)]
pub struct Scale<A> {
    inner: A,
    factor: f64,
}

/// Ends after a number of arrivals.
#[derive(Debug, Clone)]
pub struct Limit<A> {
    inner: A,
    left: u64,
}

/// Ends at a time: keeps what comes before it.
#[derive(Debug, Clone)]
pub struct Cut<A> {
    inner: A,
    end: Time,
    ended: bool,
}

impl<A: Arrivals> Thin<A> {
    /// Panics unless `0 < keep <= 1`.
    pub fn new(inner: A, keep: f64, stream: Stream) -> Self {
        assert!(keep > 0.0 && keep <= 1.0, "a thinning must be in (0, 1], is {keep}");
        Self { inner, keep, stream }
    }
}

impl<A: Arrivals> Scale<A> {
    /// Panics unless `factor` is positive and finite.
    pub fn new(inner: A, factor: f64) -> Self {
        assert!(factor > 0.0 && factor.is_finite(), "a rate scale must be positive, is {factor}");
        Self { inner, factor }
    }
}

impl<A: Arrivals> Limit<A> {
    /// At most `requests` arrivals.
    pub fn new(inner: A, requests: u64) -> Self {
        Self { inner, left: requests }
    }
}

impl<A: Arrivals> Cut<A> {
    /// The arrivals in `[0, end)`.
    pub fn new(inner: A, end: Time) -> Self {
        Self { inner, end, ended: false }
    }
}

impl<A: Arrivals> Arrivals for Thin<A> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        loop {
            self.inner.fill(block)?;
            if block.len() == before {
                return Ok(());
            }
            let mut kept = before;
            for i in before..block.len() {
                block[kept] = block[i];
                kept += usize::from(self.stream.random::<f64>() < self.keep);
            }
            block.truncate(kept);
            // An empty block would be taken for the end.
            if kept > before {
                return Ok(());
            }
        }
    }
}

impl<A: Arrivals> Arrivals for Scale<A> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        self.inner.fill(block)?;
        for time in &mut block[before..] {
            // Rounding is monotone, so the order stays; the cast saturates.
            time.0 = (time.0 as f64 / self.factor).round() as u64;
        }
        Ok(())
    }
}

impl<A: Arrivals> Arrivals for Limit<A> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        if self.left == 0 {
            return Ok(());
        }
        let before = block.len();
        self.inner.fill(block)?;
        let taken = ((block.len() - before) as u64).min(self.left);
        block.truncate(before + taken as usize);
        self.left -= taken;
        Ok(())
    }
}

impl<A: Arrivals> Arrivals for Cut<A> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        if self.ended {
            return Ok(());
        }
        let before = block.len();
        self.inner.fill(block)?;
        let within = before + block[before..].partition_point(|time| *time < self.end);
        self.ended = within < block.len();
        block.truncate(within);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::BLOCK;
    use crate::numeric::streams::Streams;

    /// An arrival at each of the first `end` multiples of a second.
    struct Clock {
        next: u64,
        end: u64,
    }

    impl Arrivals for Clock {
        fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
            let until = (self.next + BLOCK as u64).min(self.end);
            block.extend((self.next..until).map(|second| Time(second * 1_000_000_000)));
            self.next = until;
            Ok(())
        }
    }

    fn seconds(mut arrivals: impl Arrivals) -> Vec<f64> {
        let mut all = Vec::new();
        loop {
            let before = all.len();
            arrivals.fill(&mut all).unwrap();
            if all.len() == before {
                return all.iter().map(|time| time.as_secs_f64()).collect();
            }
        }
    }

    fn clock(end: u64) -> Clock {
        Clock { next: 0, end }
    }

    #[test]
    fn thinning_keeps_its_share_and_never_ends_early() {
        let stream = || Streams::new(2).stream("thin");
        let kept = seconds(Thin::new(clock(100_000), 0.25, stream()));
        // Binomial: 4.5 standard deviations.
        assert!((kept.len() as f64 - 25_000.0).abs() < 4.5 * (100_000.0 * 0.25 * 0.75_f64).sqrt());
        assert!(kept.is_sorted());
        let rare = seconds(Thin::new(clock(1_000_000), 1e-5, stream()));
        assert!((1..40).contains(&rare.len()), "{}", rare.len());
        assert_eq!(seconds(Thin::new(clock(10), 1.0, stream())).len(), 10);
    }

    #[test]
    fn scaling_limiting_and_cutting() {
        assert_eq!(seconds(Scale::new(clock(4), 2.0)), [0.0, 0.5, 1.0, 1.5]);
        for limit in [0, 1, BLOCK as u64, BLOCK as u64 + 1] {
            assert_eq!(seconds(Limit::new(clock(10_000), limit)).len() as u64, limit);
        }
        let end = Time(5000 * 1_000_000_000);
        assert_eq!(seconds(Cut::new(clock(10_000), end)).last(), Some(&4999.0));
        assert_eq!(seconds(Cut::new(clock(3), end)).len(), 3);
        assert_eq!(seconds(Cut::new(clock(3), Time::ZERO)).len(), 0);
    }
}
