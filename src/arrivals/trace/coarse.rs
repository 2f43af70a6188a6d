//! Coarse time stamps: arrivals whose clock ticked too rarely are spread within its ticks.
//!
//! A log that stamps whole seconds makes bursts of what came in one second. Spread evenly within the second, as a
//! Poisson process would have them, the arrivals are what is most likely meant. A resolution is coarse if
//! 1. it is a tick of a clock above 1 ms: 10 or 100 ms, a second, a minute, an hour. Below that no latency shown changes;
//! 2. at least 1 % of the arrivals have the stamp of the one before them. Independent arrivals at rate r and ticks of
//!    d share about r d / 2 of them, so with fewer than that hardly any has another within a tick of it, and a timer
//!    with a steady beat, for which a tick is the truth, has none;
//! 3. there are at least eight different stamps: a few bursts show no clock.

use super::counts::{Bins, Spread};
use super::reading::{Reading, Stamps};
use super::{Reader, StampMode};
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// Arrivals by which the resolution is judged.
const JUDGED: usize = 1 << 16;
/// See rule 2.
const LEAST_EQUAL: f64 = 0.01;
/// See rule 3.
const LEAST_STAMPS: usize = 8;

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1000 * MILLI;
/// See rule 1; from the longest down.
const TICKS: [u64; 5] = [3600 * SECOND, 60 * SECOND, SECOND, 100 * MILLI, 10 * MILLI];

/// The arrivals of `inner`, spread if their stamps are coarse and `mode` allows it.
pub(super) fn judged(
    mut inner: Box<dyn Reader>,
    mode: StampMode,
    stream: Stream,
) -> Result<Box<dyn Reader>, InputError> {
    if mode == StampMode::Exact {
        return Ok(Box::new(Begun { first: Vec::new(), given: 0, inner }));
    }
    let mut first = Vec::new();
    while first.len() < JUDGED {
        let before = first.len();
        inner.fill(&mut first)?;
        if first.len() == before {
            inner.refuse_one_instant()?;
            break;
        }
    }
    if first.len() >= JUDGED {
        inner.refuse_one_instant()?;
    }
    let tick = coarse_tick(&first);
    let begun = Begun { first, given: 0, inner };
    let Some(tick) = tick else { return Ok(Box::new(begun)) };
    let ticks = Ticks { inner: begun, tick: tick.0, block: Vec::new(), at: 0 };
    Ok(Box::new(Spread::new(ticks, tick, stream)))
}

/// The tick of the clock, if it is coarse.
fn coarse_tick(times: &[Time]) -> Option<Span> {
    let tick = TICKS.into_iter().find(|tick| times.iter().all(|time| time.0.is_multiple_of(*tick)))?;
    let equal = times.windows(2).filter(|w| w[0] == w[1]).count();
    let stamps = times.len() - equal;
    let share = equal as f64 / (times.len().max(2) - 1) as f64;
    (stamps >= LEAST_STAMPS && share >= LEAST_EQUAL).then_some(Span(tick))
}

/// Arrivals of which the first have been read already.
struct Begun {
    first: Vec<Time>,
    given: usize,
    inner: Box<dyn Reader>,
}

impl Arrivals for Begun {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        if self.given == self.first.len() {
            return self.inner.fill(block);
        }
        let next = (self.given + BLOCK).min(self.first.len());
        block.extend_from_slice(&self.first[self.given..next]);
        self.given = next;
        Ok(())
    }
}

impl Reader for Begun {
    fn length(&self) -> Span {
        self.inner.length()
    }

    fn report(&self, reading: &mut Reading) {
        self.inner.report(reading);
        reading.stamps = Some(Stamps::Exact);
    }
}

/// The ticks of a clock and how many arrivals each has.
struct Ticks {
    inner: Begun,
    tick: u64,
    block: Vec<Time>,
    at: usize,
}

impl Ticks {
    /// The tick of the next arrival, which is not taken; none at the end.
    fn peek(&mut self) -> Result<Option<u64>, InputError> {
        if self.at == self.block.len() {
            self.block.clear();
            self.at = 0;
            self.inner.fill(&mut self.block)?;
        }
        Ok(self.block.get(self.at).map(|time| time.0 / self.tick))
    }
}

impl Bins for Ticks {
    fn next(&mut self) -> Result<Option<(u64, u64)>, InputError> {
        let Some(tick) = self.peek()? else { return Ok(None) };
        let mut count = 0;
        while self.peek()? == Some(tick) {
            self.at += 1;
            count += 1;
        }
        Ok(Some((tick, count)))
    }

    fn name(&self) -> &str {
        "the trace"
    }

    fn report(&self, reading: &mut Reading) {
        self.inner.report(reading);
        (reading.stamps, reading.resolution) = (Some(Stamps::Spread), Some(Span(self.tick)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map::Map;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::arrivals::tests::drawn;
    use crate::numeric::streams::Streams;

    struct Listed(Vec<Time>);

    impl Arrivals for Listed {
        fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
            let count = self.0.len().min(BLOCK);
            block.extend(self.0.drain(..count));
            Ok(())
        }
    }

    impl Reader for Listed {
        fn length(&self) -> Span {
            Span::ZERO
        }
    }

    fn floored(rate: f64, tick: u64) -> Vec<Time> {
        let end = Time::ZERO + Span::from_secs_f64(3000.0 / rate).unwrap();
        let times =
            drawn(MapArrivals::new(&Map::poisson(rate), Time::ZERO, end, Streams::new(4).stream("arrivals")));
        let first = times[0].0 / tick * tick;
        times.into_iter().map(|time| Time(time.0 / tick * tick - first)).collect()
    }

    fn spread(times: &[Time], mode: StampMode) -> Vec<Time> {
        let reader = judged(Box::new(Listed(times.to_vec())), mode, Streams::new(5).stream("trace")).unwrap();
        drawn(reader as Box<dyn Arrivals>)
    }

    #[test]
    fn whole_seconds_are_spread_in_order_within_their_second() {
        let times = floored(3.0, SECOND);
        let all = spread(&times, StampMode::Auto);
        assert!(all.is_sorted() && all.len() == times.len());
        let seconds: Vec<Time> = all.iter().map(|time| Time(time.0 / SECOND * SECOND)).collect();
        assert_eq!(seconds, times);
        // Gaps of a Poisson process again: their squared coefficient of variation is 1.
        let gaps: Vec<f64> = all.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let square = gaps.iter().map(|gap| gap * gap).sum::<f64>() / gaps.len() as f64;
        assert!((square / (mean * mean) - 2.0).abs() < 0.2, "{square} {mean}");
        assert_eq!(spread(&times, StampMode::Exact), times);
        assert_eq!(spread(&times, StampMode::Auto), all);
    }

    #[test]
    fn the_rule_tells_clocks_from_traffic() {
        for (rate, tick) in [(3.0, SECOND), (0.03, SECOND), (5.0, 60 * SECOND), (10.0, 10 * MILLI)] {
            assert_eq!(coarse_tick(&floored(rate, tick)), Some(Span(tick)), "{rate}/s, {tick} ns");
        }
        // Milliseconds, also where many are equal; rare seconds; a steady beat; bursts that show no clock.
        assert_eq!(coarse_tick(&floored(20.0, MILLI)), None);
        assert_eq!(coarse_tick(&floored(2000.0, MILLI)), None);
        assert_eq!(coarse_tick(&floored(0.001, SECOND)), None);
        assert_eq!(coarse_tick(&(0..5000).map(|i| Time(i * 100 * MILLI)).collect::<Vec<_>>()), None);
        assert_eq!(coarse_tick(&(0..140).map(|i| Time(i / 20 * 10 * SECOND)).collect::<Vec<_>>()), None);
        assert_eq!(coarse_tick(&[Time(0); 140]), None);
        assert_eq!(coarse_tick(&[]), None);
    }
}
