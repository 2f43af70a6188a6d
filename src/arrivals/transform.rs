//! Changes to any stream of arrivals: faster, thinner, fewer, shorter.

use rand::RngExt;

use super::Arrivals;
use super::map_arrivals::Portion;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::Time;

/// Multiplies the rate by `factor`: divides every time by it. A factor of 1 changes nothing.
/// Panics unless `factor` is positive and finite.
pub fn scale(source: Box<dyn Arrivals>, factor: f64) -> Box<dyn Arrivals> {
    assert!(factor > 0.0 && factor.is_finite(), "a rate scale must be positive, is {factor}");
    match factor == 1.0 {
        true => source,
        false => Box::new(Each { source, change: move |time: Time| Some(Time(divide(time.0, factor))) }),
    }
}

/// Keeps each arrival with probability `keep`. A probability of 1 changes nothing.
/// Panics unless `0 < keep <= 1`.
pub fn thin(source: Box<dyn Arrivals>, keep: f64, mut stream: Stream) -> Box<dyn Arrivals> {
    assert!(keep > 0.0 && keep <= 1.0, "a thinning must be in (0, 1], is {keep}");
    match keep == 1.0 {
        true => source,
        false => {
            let kept = move |time| stream.random_bool(keep).then_some(time);
            Box::new(Each { source, change: kept })
        }
    }
}

/// Only the arrivals before `end`.
pub fn until(source: Box<dyn Arrivals>, end: Time) -> Box<dyn Arrivals> {
    Box::new(Cut { source, end, left: u64::MAX })
}

/// Only the first `requests` arrivals.
pub fn limit(source: Box<dyn Arrivals>, requests: u64) -> Box<dyn Arrivals> {
    Box::new(Cut { source, end: Time::NEVER, left: requests })
}

/// `nanos / factor` to the nearest nanosecond; exact to 1 part in 2^53.
pub(super) fn divide(nanos: u64, factor: f64) -> u64 {
    (nanos as f64 / factor).round() as u64
}

/// Changes or drops each arrival, order kept.
struct Each<F> {
    source: Box<dyn Arrivals>,
    change: F,
}

impl<F: FnMut(Time) -> Option<Time> + Send> Arrivals for Each<F> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let first = block.len();
        // Empty means the end, so go on until something is kept.
        while block.len() == first {
            self.source.fill(block)?;
            if block.len() == first {
                break;
            }
            let mut kept = first;
            for i in first..block.len() {
                if let Some(time) = (self.change)(block[i]) {
                    block[kept] = time;
                    kept += 1;
                }
            }
            block.truncate(kept);
        }
        Ok(())
    }
}

struct Cut {
    source: Box<dyn Arrivals>,
    end: Time,
    left: u64,
}

impl Arrivals for Cut {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        if self.left == 0 {
            return Ok(());
        }
        let first = block.len();
        self.source.fill(block)?;
        let in_time = first + block[first..].partition_point(|time| *time < self.end);
        let keep = in_time.min(first.saturating_add(usize::try_from(self.left).unwrap_or(usize::MAX)));
        self.left -= (keep - first) as u64;
        if keep < block.len() {
            self.left = 0;
        }
        block.truncate(keep);
        Ok(())
    }

    fn portion(&mut self) -> Option<Portion> {
        if self.end == Time::NEVER && self.left > 0 { self.source.portion() } else { None }
    }

    fn wanted(&self) -> u64 {
        self.left.min(self.source.wanted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::tests::drawn;
    use crate::numeric::streams::Streams;

    /// 0, 10, 20, ... ns in blocks of three.
    struct Tens(u64);

    impl Arrivals for Tens {
        fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
            let next = (self.0 + 3).min(10_000);
            block.extend((self.0..next).map(|i| Time(i * 10)));
            self.0 = next;
            Ok(())
        }
    }

    fn all(source: Box<dyn Arrivals>) -> Vec<u64> {
        drawn(source).into_iter().map(|time| time.0).collect()
    }

    #[test]
    fn each_change_does_what_it_says() {
        let tens = || Box::new(Tens(0));
        assert_eq!(all(limit(tens(), 4)), [0, 10, 20, 30]);
        assert_eq!(all(until(tens(), Time(31))), [0, 10, 20, 30]);
        assert_eq!(all(scale(limit(tens(), 4), 2.0)), [0, 5, 10, 15]);
        let kept = all(thin(tens(), 0.25, Streams::new(1).stream("thin")));
        assert!((kept.len() as f64 - 2500.0).abs() < 5.0 * 43.3, "{}", kept.len());
    }
}
