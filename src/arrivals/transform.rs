//! Changes to any stream of arrivals: faster, thinner, fewer, shorter.

use rand::RngExt;

use super::Arrivals;
use super::map_arrivals::Portion;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::Time;

/// What comes at some time.
pub trait Timed: Copy {
    /// When.
    fn at(&self) -> Time;

    /// The same at another time.
    #[must_use]
    fn moved(self, at: Time) -> Self;
}

impl Timed for Time {
    #[inline]
    fn at(&self) -> Time {
        *self
    }

    #[inline]
    fn moved(self, at: Time) -> Time {
        at
    }
}

/// A stream that can be changed: of times alone, or of requests with all that belongs to them.
pub trait Flow: Send {
    /// What it hands over.
    type Item: Timed;

    /// Appends the next items, in non-decreasing order; appends nothing at the end.
    ///
    /// # Errors
    /// Those of the stream.
    fn next_block(&mut self, block: &mut Vec<Self::Item>) -> Result<(), InputError>;

    /// Changes or drops each item, order kept.
    #[must_use]
    fn each(
        self: Box<Self>,
        change: impl FnMut(Self::Item) -> Option<Self::Item> + Send + 'static,
    ) -> Box<Self>;

    /// Only what comes before `end`, and of this the first `requests`.
    #[must_use]
    fn cut(self: Box<Self>, end: Time, requests: u64) -> Box<Self>;
}

/// Multiplies the rate by `factor`: divides every time by it. A factor of 1 changes nothing.
/// Panics unless `factor` is positive and finite.
pub fn scale<S: Flow + ?Sized>(source: Box<S>, factor: f64) -> Box<S> {
    assert!(factor > 0.0 && factor.is_finite(), "a rate scale must be positive, is {factor}");
    match factor == 1.0 {
        true => source,
        false => source.each(move |item| Some(item.moved(Time(divide(item.at().0, factor))))),
    }
}

/// Keeps each arrival with probability `keep`. A probability of 1 changes nothing.
/// Panics unless `0 < keep <= 1`.
pub fn thin<S: Flow + ?Sized>(source: Box<S>, keep: f64, mut stream: Stream) -> Box<S> {
    assert!(keep > 0.0 && keep <= 1.0, "a thinning must be in (0, 1], is {keep}");
    match keep == 1.0 {
        true => source,
        false => source.each(move |item| stream.random_bool(keep).then_some(item)),
    }
}

/// Only the arrivals before `end`.
pub fn until<S: Flow + ?Sized>(source: Box<S>, end: Time) -> Box<S> {
    source.cut(end, u64::MAX)
}

/// Only the first `requests` arrivals.
pub fn limit<S: Flow + ?Sized>(source: Box<S>, requests: u64) -> Box<S> {
    source.cut(Time::NEVER, requests)
}

/// `nanos / factor` to the nearest nanosecond; exact to 1 part in 2^53.
fn divide(nanos: u64, factor: f64) -> u64 {
    (nanos as f64 / factor).round() as u64
}

/// A stream of which each item is changed or dropped.
pub(super) struct Each<S: ?Sized, F> {
    pub(super) source: Box<S>,
    pub(super) change: F,
}

impl<S: Flow + ?Sized, F: FnMut(S::Item) -> Option<S::Item>> Each<S, F> {
    #[inline]
    pub(super) fn next_block(&mut self, block: &mut Vec<S::Item>) -> Result<(), InputError> {
        let first = block.len();
        // Empty means the end, so go on until something is kept.
        while block.len() == first {
            self.source.next_block(block)?;
            if block.len() == first {
                break;
            }
            let mut kept = first;
            for i in first..block.len() {
                if let Some(item) = (self.change)(block[i]) {
                    block[kept] = item;
                    kept += 1;
                }
            }
            block.truncate(kept);
        }
        Ok(())
    }
}

/// The begin of a stream.
pub(super) struct Cut<S: ?Sized> {
    pub(super) source: Box<S>,
    pub(super) end: Time,
    pub(super) left: u64,
}

impl<S: Flow + ?Sized> Cut<S> {
    #[inline]
    pub(super) fn next_block(&mut self, block: &mut Vec<S::Item>) -> Result<(), InputError> {
        if self.left == 0 {
            return Ok(());
        }
        let first = block.len();
        self.source.next_block(block)?;
        let in_time = first + block[first..].partition_point(|item| item.at() < self.end);
        let keep = in_time.min(first.saturating_add(usize::try_from(self.left).unwrap_or(usize::MAX)));
        self.left -= (keep - first) as u64;
        if keep < block.len() {
            self.left = 0;
        }
        block.truncate(keep);
        Ok(())
    }
}

impl Flow for dyn Arrivals {
    type Item = Time;

    #[inline]
    fn next_block(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.fill(block)
    }

    fn each(self: Box<Self>, change: impl FnMut(Time) -> Option<Time> + Send + 'static) -> Box<dyn Arrivals> {
        Box::new(Each { source: self, change })
    }

    fn cut(self: Box<Self>, end: Time, requests: u64) -> Box<dyn Arrivals> {
        Box::new(Cut { source: self, end, left: requests })
    }
}

impl<F: FnMut(Time) -> Option<Time> + Send> Arrivals for Each<dyn Arrivals, F> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.next_block(block)
    }
}

impl Arrivals for Cut<dyn Arrivals> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.next_block(block)
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
        let tens = || -> Box<dyn Arrivals> { Box::new(Tens(0)) };
        assert_eq!(all(limit(tens(), 4)), [0, 10, 20, 30]);
        assert_eq!(all(until(tens(), Time(31))), [0, 10, 20, 30]);
        assert_eq!(all(scale(limit(tens(), 4), 2.0)), [0, 5, 10, 15]);
        let kept = all(thin(tens(), 0.25, Streams::new(1).stream("thin")));
        assert!((kept.len() as f64 - 2500.0).abs() < 5.0 * 43.3, "{}", kept.len());
    }
}
