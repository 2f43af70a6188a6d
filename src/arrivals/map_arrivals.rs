//! Draws the arrivals of a Markovian process, in portions that any thread can draw.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use super::map::Map;
use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::matrix::Matrix;
use crate::numeric::streams::Stream;
use crate::units::Time;

/// A portion ends where so many arrivals and visits to phases are expected in it: enough for its own costs not to
/// matter, few enough for the cache.
const PORTION: f64 = (1_u32 << 16) as f64;

/// Draws the arrivals of a [`Map`] from its stationary phase law on.
///
/// First come the phases: the time until anything but an arrival that stays in the phase is exponential. Given
/// these visits, the arrivals within them are Poisson, so what happens before and after any time is independent.
/// Hence time is cut into portions: the visits of all are drawn from one stream, the arrivals of each from a stream
/// of its own, and a slowly changing MMPP costs one exponential draw an arrival.
#[derive(Debug, Clone)]
pub struct MapArrivals {
    phases: Vec<Phase>,
    end: Time,
    /// Where the next portion begins, in which phase, and when that phase ends.
    now: Time,
    phase: usize,
    phase_end: Time,
    /// Draws the visits.
    stream: Stream,
    /// Draws the arrivals of the next portion.
    portion_stream: Stream,
    /// What [`Arrivals::fill`] hands over.
    current: Option<Portion>,
}

/// The arrivals of a stretch of time, still to be drawn.
#[derive(Debug, Clone)]
pub struct Portion {
    /// In the order of time.
    visits: Vec<Visit>,
    /// The visit that is under way.
    visit: usize,
    /// The last arrival, or the start.
    now: Time,
    stream: Stream,
}

/// A visit to a phase, or a part of one.
#[derive(Debug, Clone, Copy)]
struct Visit {
    /// Mean gap of arrivals that stay in the phase [ns]; infinite where there are none.
    gap_ns: f64,
    end: Time,
    /// Does an arrival come with its end?
    arrival: bool,
}

#[derive(Debug, Clone)]
struct Phase {
    /// As of [`Visit`].
    gap_ns: f64,
    /// Mean sojourn [ns]; infinite where the phase is never left.
    sojourn_ns: f64,
    /// The ways out with their cumulative probabilities.
    exits: Vec<Exit>,
}

#[derive(Debug, Clone, Copy)]
struct Exit {
    up_to: f64,
    phase: usize,
    arrival: bool,
}

impl MapArrivals {
    /// The arrivals of `map` in `[start, end)`.
    pub fn new(map: &Map, start: Time, end: Time, mut stream: Stream) -> Self {
        let phases: Vec<Phase> = (0..map.order()).map(|i| Phase::of(map, i)).collect();
        let mut portion_stream = stream.clone();
        portion_stream.jump();
        let mut draw: f64 = stream.random();
        let law = map.phase_law();
        let last = law.len() - 1;
        let phase = law[..last].iter().position(|p| {
            draw -= p;
            draw < 0.0
        });
        let phase = phase.unwrap_or(last);
        let phase_end = later(start, phases[phase].sojourn_ns * exponential(&mut stream));
        Self { phases, end, now: start, phase, phase_end, stream, portion_stream, current: None }
    }

    /// The next portion; `None` at the end.
    fn next_portion(&mut self) -> Option<Portion> {
        if self.now >= self.end {
            return None;
        }
        let (start, mut visits, mut room) = (self.now, Vec::new(), PORTION);
        while self.now < self.end && room > 0.0 {
            let gap_ns = self.phases[self.phase].gap_ns;
            let until = later(self.now, room * gap_ns).min(self.end);
            room -= 1.0 + self.phase_end.min(until).since(self.now).0 as f64 / gap_ns;
            if until <= self.phase_end {
                self.now = until;
                visits.push(Visit { gap_ns, end: until, arrival: false });
            } else {
                let end = self.phase_end;
                visits.push(Visit { gap_ns, end, arrival: self.leave() });
            }
        }
        let stream = self.portion_stream.clone();
        self.portion_stream.jump();
        Some(Portion { visits, visit: 0, now: start, stream })
    }

    /// Leaves the current phase at its end; true if an arrival comes with that.
    fn leave(&mut self) -> bool {
        let draw: f64 = self.stream.random();
        let exits = &self.phases[self.phase].exits;
        let exit = *exits.iter().find(|exit| draw < exit.up_to).unwrap_or(&exits[exits.len() - 1]);
        self.now = self.phase_end;
        self.phase = exit.phase;
        self.phase_end = later(self.now, self.phases[exit.phase].sojourn_ns * exponential(&mut self.stream));
        exit.arrival
    }
}

impl Portion {
    /// Draws the arrivals of a visit that are still to come, as many as there is room for; how many that are.
    fn stay(&mut self, visit: Visit, room: &mut [Time]) -> usize {
        let is_soon = visit.gap_ns < SOON_NS / LONGEST_DRAW && visit.end.0 >> 63 == 0;
        if is_soon { self.stay_by(visit, room, soon) } else { self.stay_by(visit, room, later) }
    }

    #[inline(always)]
    fn stay_by(&mut self, visit: Visit, room: &mut [Time], after: impl Fn(Time, f64) -> Time) -> usize {
        // Local, so that they stay in registers.
        let (mut stream, mut now) = (self.stream.clone(), self.now);
        let mut drawn = 0;
        for place in room {
            let next = after(now, visit.gap_ns * exponential(&mut stream));
            if next >= visit.end {
                break;
            }
            (now, *place) = (next, next);
            drawn += 1;
        }
        (self.stream, self.now) = (stream, now);
        drawn
    }
}

impl Phase {
    fn of(map: &Map, i: usize) -> Phase {
        // A cell may be written as -0.0, and its reciprocal would be minus infinity.
        let stay = map.d1()[(i, i)].abs();
        let others = |matrix: &Matrix, arrival| {
            let rates = matrix.row(i).iter().enumerate().filter(|(j, rate)| *j != i && **rate > 0.0);
            rates.map(|(phase, rate)| (*rate, phase, arrival)).collect::<Vec<_>>()
        };
        let ways = [others(map.d0(), false), others(map.d1(), true)].concat();
        // Not `sum`: of nothing that is -0.0, and the sojourn would be minus infinity.
        let leave: f64 = ways.iter().fold(0.0, |sum, (rate, ..)| sum + rate);
        let mut sum = 0.0;
        let exits = ways.into_iter().map(|(rate, phase, arrival)| {
            sum += rate / leave;
            Exit { up_to: sum, phase, arrival }
        });
        Phase { gap_ns: 1e9 / stay, sojourn_ns: 1e9 / leave, exits: exits.collect() }
    }
}

/// Neighbouring floats differ by 1 from here to the double, and so do their bits.
const UNIT_NS: f64 = (1_u64 << 52) as f64;
/// Times up to this can be added without checks.
const SOON_NS: f64 = UNIT_NS / 2.0;
/// Above any exponential draw of mean 1: the tail of the ziggurat starts at 7.7 and ends 53 ln 2 later.
const LONGEST_DRAW: f64 = 64.0;

/// An exponential draw of mean 1.
#[inline(always)]
fn exponential(stream: &mut Stream) -> f64 {
    Exp1.sample(stream)
}

/// The nearest nanosecond to `ns` after `from`; [`Time::NEVER`] if that is beyond the clock, or no number: an infinite
/// mean times a draw of zero.
#[inline(always)]
fn later(from: Time, ns: f64) -> Time {
    match ns < u64::MAX as f64 {
        true => Time(from.0.saturating_add(ns.round_ties_even() as u64)),
        false => Time::NEVER,
    }
}

/// As [`later`] for up to [`SOON_NS`] after a time in the clock's first half.
#[inline(always)]
fn soon(from: Time, ns: f64) -> Time {
    Time(from.0 + ((ns + UNIT_NS).to_bits() - UNIT_NS.to_bits()))
}

impl Arrivals for MapArrivals {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        while let Some(mut portion) = self.portion() {
            portion.fill(block)?;
            if block.len() > before {
                self.current = Some(portion);
                break;
            }
        }
        Ok(())
    }

    fn portion(&mut self) -> Option<Portion> {
        self.current.take().or_else(|| self.next_portion())
    }
}

impl Arrivals for Portion {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let mut filled = block.len();
        let full = filled + BLOCK;
        block.resize(full, Time::ZERO);
        while let Some(visit) = self.visits.get(self.visit).copied() {
            filled += self.stay(visit, &mut block[filled..]);
            if filled == full {
                break;
            }
            // The gap that crosses the visit's end is dropped: the exponential forgets.
            self.now = visit.end;
            self.visit += 1;
            if visit.arrival {
                block[filled] = visit.end;
                filled += 1;
            }
        }
        block.truncate(filled);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::tests::drawn;
    use crate::numeric::matrix::dot;
    use crate::numeric::streams::Streams;
    use crate::units::Span;
    use proptest::prelude::*;

    /// An order-2 MAP with every kind of transition.
    fn general() -> Map {
        let matrix = |rows: [[f64; 2]; 2]| Matrix::from_rows(&rows.map(Vec::from)).unwrap();
        Map::new(matrix([[-12.0, 1.0], [2.0, -60.0]]), matrix([[8.0, 3.0], [18.0, 40.0]])).unwrap()
    }

    fn source(map: &Map, seconds: u64) -> MapArrivals {
        let end = Time::ZERO + Span::from_secs(seconds);
        MapArrivals::new(map, Time::ZERO, end, Streams::new(1).stream("arrivals"))
    }

    fn draw(map: &Map, seconds: u64) -> Vec<Time> {
        drawn(source(map, seconds))
    }

    #[test]
    fn drawn_gaps_have_the_first_two_moments_and_lag_one_of_the_process() {
        let map = general();
        let all = draw(&map, 40_000);
        assert!(all.windows(2).all(|w| w[0] <= w[1]));
        let gaps: Vec<f64> = all.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
        let n = gaps.len() as f64;
        let m1 = gaps.iter().sum::<f64>() / n;
        let m2 = gaps.iter().map(|g| g * g).sum::<f64>() / n;
        let lag = gaps.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / (n - 1.0);
        // Moments of a MAP: E X^k = k! phi (-D0)^-k e, E X0 X1 = phi (-D0)^-1 P (-D0)^-1 e.
        let inverse = map.d0().scaled(-1.0).inverse().unwrap();
        let phi = map.embedded().stationary().unwrap();
        let e = vec![1.0; 2];
        let once = inverse.right(&e);
        let exact1 = dot(&phi, &once);
        let exact2 = 2.0 * dot(&phi, &inverse.right(&once));
        let exact_lag = dot(&inverse.left(&phi), &map.embedded().right(&once));
        assert!((m1 / exact1 - 1.0).abs() < 0.005, "{m1} {exact1}");
        assert!((m2 / exact2 - 1.0).abs() < 0.01, "{m2} {exact2}");
        assert!((lag / exact_lag - 1.0).abs() < 0.01, "{lag} {exact_lag}");
        assert!((1.0 / exact1 / map.rate() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_process_of_one_phase_is_poisson_and_minus_zero_is_zero() {
        let gaps: Vec<f64> =
            draw(&Map::poisson(50.0), 4_000).windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let square = gaps.iter().map(|g| g * g).sum::<f64>() / n;
        assert!((mean * 50.0 - 1.0).abs() < 0.01, "{mean}");
        assert!((square / (mean * mean) - 2.0).abs() < 0.04, "{square}");
        let silent = Map::mmpp(&[-0.0, 10.0], &[1.0, 1.0]).unwrap();
        let count = draw(&silent, 4_000).len() as f64;
        assert!((count / 20_000.0 - 1.0).abs() < 0.1, "{count}");
    }

    #[test]
    fn quick_rounding_is_the_careful_one() {
        let edges = [0.0, 0.5, 0.999, 1.0, 1.5, 2.5, 1e9, SOON_NS - 0.5, SOON_NS];
        let odd = (0..100_000).map(|i| (f64::from(i) * 0.618 % 51.0).exp2());
        for ns in edges.into_iter().chain(odd) {
            assert_eq!(soon(Time(7), ns), later(Time(7), ns), "{ns}");
        }
        assert_eq!(later(Time(7), f64::INFINITY), Time::NEVER);
        assert_eq!(later(Time(7), f64::NAN), Time::NEVER);
        let tail = 7.697_117_470_131_05 + 53.0 * std::f64::consts::LN_2;
        assert!(tail < LONGEST_DRAW);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        /// Rates from silence to a flood, sojourns from below a gap to beyond the end.
        #[test]
        fn portions_drawn_apart_are_what_is_handed_over_in_turn(
            rates in prop::collection::vec(prop_oneof![Just(0.0), 0.01f64..10.0, 1e3f64..1e5], 2..4),
            sojourn in prop_oneof![1e-4f64..1e-2, 1.0f64..100.0],
            taken in 0usize..3,
        ) {
            let sojourns = vec![sojourn; rates.len()];
            let Ok(map) = Map::mmpp(&rates, &sojourns) else { return Ok(()) };
            let in_turn = draw(&map, 20);
            let mut apart = source(&map, 20);
            let mut blocks = Vec::new();
            for _ in 0..taken {
                apart.fill(&mut blocks).unwrap();
            }
            let portions: Vec<Portion> = std::iter::from_fn(|| apart.portion()).collect();
            let sizes: Vec<Vec<Time>> = portions.into_iter().rev().map(drawn).collect();
            prop_assert!(sizes.iter().all(|some| some.len() < 2 * PORTION as usize));
            blocks.extend(sizes.into_iter().rev().flatten());
            prop_assert!(in_turn.is_sorted());
            prop_assert_eq!(in_turn, blocks);
        }
    }
}
