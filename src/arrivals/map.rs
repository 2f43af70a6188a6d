//! Markovian arrival processes: Poisson (one phase), MMPP (diagonal D1) and general MAP(D0, D1).
//!
//! D0 holds the rates of phase changes without an arrival, D1 those with one; `D0 + D1` is the
//! generator of the phase. Source of the theory: D. Lucantoni, "New results on the single server queue
//! with a batch Markovian arrival process", Stochastic Models 7 (1991).

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use super::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::matrix::{Matrix, dot};
use crate::numeric::streams::Stream;
use crate::units::Time;

/// A validated Markovian arrival process with rates in 1/s.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    d0: Matrix,
    d1: Matrix,
}

/// Why a pair of matrices is no MAP.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MapError {
    /// Not square, empty or of different orders.
    #[error("d0 and d1 must be square matrices of the same order")]
    Shape,
    /// A rate that must not be negative is, or is no number.
    #[error("{matrix}[{row}][{column}] is {value}: only the diagonal of d0 may be negative")]
    Sign {
        /// `d0` or `d1`.
        matrix: &'static str,
        /// 0-based row.
        row: usize,
        /// 0-based column.
        column: usize,
        /// The offending cell.
        value: f64,
    },
    /// A row of D0 + D1 does not sum to zero.
    #[error("row {row} of d0 + d1 sums to {sum}, not to 0")]
    RowSum {
        /// 0-based row.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// The phases fall into parts that do not reach each other, or no arrival ever comes.
    #[error("the phases must form one connected process with arrivals")]
    Reducible,
}

/// How far a row's sum may be from zero, relative to its rate: published fits print six digits.
const ROW_TOLERANCE: f64 = 1e-4;

impl Map {
    /// A MAP of D0 and D1. Rows that sum to zero within the digits they were printed with are
    /// renormalised by their diagonal.
    pub fn new(mut d0: Matrix, d1: Matrix) -> Result<Map, MapError> {
        let order = d0.order();
        if d1.order() != order || order == 0 {
            return Err(MapError::Shape);
        }
        for row in 0..order {
            for column in 0..order {
                for (matrix, value) in [("d0", d0[(row, column)]), ("d1", d1[(row, column)])] {
                    let free = matrix == "d0" && row == column;
                    if !value.is_finite() || (value < 0.0 && !free) {
                        return Err(MapError::Sign { matrix, row, column, value });
                    }
                }
            }
            let rate = -d0[(row, row)];
            let sum: f64 = d0.row(row).iter().sum::<f64>() + d1.row(row).iter().sum::<f64>();
            if sum.abs() > ROW_TOLERANCE * rate.max(1e-300) {
                return Err(MapError::RowSum { row, sum });
            }
            d0[(row, row)] -= sum;
        }
        let map = Map { d0, d1 };
        let connected = map.generator().null_distribution().is_some_and(|pi| map.rate_in(&pi) > 0.0);
        if connected && map.d0.inverse().is_some() { Ok(map) } else { Err(MapError::Reducible) }
    }

    /// A Poisson process. Panics unless `rate` is positive and finite.
    pub fn poisson(rate: f64) -> Map {
        assert!(rate > 0.0 && rate.is_finite(), "a Poisson rate must be positive, is {rate}");
        let cell = |value| Matrix::from_fn(1, |_, _| value);
        Map { d0: cell(-rate), d1: cell(rate) }
    }

    /// An MMPP with arrival rates [1/s] and mean sojourns \[s\] by state; from each state the next is any
    /// other with the same probability (with two states: the other one).
    pub fn mmpp(rates: &[f64], sojourns: &[f64]) -> Result<Map, MapError> {
        let order = rates.len();
        if sojourns.len() != order || order == 0 {
            return Err(MapError::Shape);
        }
        let leave = |i: usize| if order == 1 { 0.0 } else { 1.0 / (sojourns[i] * (order - 1) as f64) };
        let d1 = Matrix::from_fn(order, |i, j| if i == j { rates[i] } else { 0.0 });
        let d0 = Matrix::from_fn(order, |i, j| match i == j {
            true => -(rates[i] + leave(i) * (order - 1) as f64),
            false => leave(i),
        });
        Map::new(d0, d1)
    }

    /// Rates without an arrival.
    pub fn d0(&self) -> &Matrix {
        &self.d0
    }

    /// Rates with an arrival.
    pub fn d1(&self) -> &Matrix {
        &self.d1
    }

    /// The number of phases.
    pub fn order(&self) -> usize {
        self.d0.order()
    }

    /// The generator of the phase, D0 + D1.
    pub fn generator(&self) -> Matrix {
        &self.d0 + &self.d1
    }

    /// The stationary law of the phase at an arbitrary time.
    pub fn phase_law(&self) -> Vec<f64> {
        self.generator().null_distribution().expect("checked by the constructor")
    }

    /// The phase change from just after one arrival to just after the next: `(-D0)^-1 D1`.
    pub fn embedded(&self) -> Matrix {
        let inverse = self.d0.scaled(-1.0).inverse().expect("checked by the constructor");
        &inverse * &self.d1
    }

    /// The arrival rate [1/s].
    pub fn rate(&self) -> f64 {
        self.rate_in(&self.phase_law())
    }

    fn rate_in(&self, phase_law: &[f64]) -> f64 {
        dot(phase_law, &self.d1.row_sums())
    }

    /// The same process run `factor` times as fast. Panics unless `factor` is positive and finite.
    pub fn scaled(&self, factor: f64) -> Map {
        assert!(factor > 0.0 && factor.is_finite(), "a rate scale must be positive, is {factor}");
        Map { d0: self.d0.scaled(factor), d1: self.d1.scaled(factor) }
    }

    /// The process of which each arrival is kept with probability `keep`: a MAP again.
    /// Panics unless `0 < keep <= 1`.
    pub fn thinned(&self, keep: f64) -> Map {
        assert!(keep > 0.0 && keep <= 1.0, "a thinning must be in (0, 1], is {keep}");
        Map { d0: &self.d0 + &self.d1.scaled(1.0 - keep), d1: self.d1.scaled(keep) }
    }
}

/// Draws the arrivals of a [`Map`] from its stationary phase law on.
///
/// Per visit to a phase: the sojourn until anything but an arrival that stays in the phase is
/// exponential, and the arrivals within it are Poisson. So a slowly changing MMPP costs one
/// exponential draw an arrival.
#[derive(Debug, Clone)]
pub struct MapArrivals {
    phases: Vec<Phase>,
    phase: usize,
    /// The last arrival, or the start.
    now: Time,
    /// When the current phase ends.
    phase_end: Time,
    end: Time,
    stream: Stream,
}

#[derive(Debug, Clone)]
struct Phase {
    /// Mean gap of arrivals that stay in the phase [ns]; infinite where there are none.
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
        let mut draw: f64 = stream.random();
        let law = map.phase_law();
        let last = law.len() - 1;
        let phase = law[..last].iter().position(|p| {
            draw -= p;
            draw < 0.0
        });
        let mut arrivals =
            Self { phases, phase: phase.unwrap_or(last), now: start, phase_end: start, end, stream };
        arrivals.phase_end = after(start, arrivals.phases[arrivals.phase].sojourn_ns, &mut arrivals.stream);
        arrivals
    }

    /// Draws the arrivals before `stop` that stay in the phase, as many as there is room for; how many that are.
    fn stay(&mut self, stop: Time, room: &mut [Time]) -> usize {
        let gap_ns = self.phases[self.phase].gap_ns;
        // Local, so that they stay in registers.
        let (mut stream, mut now) = (self.stream.clone(), self.now);
        let mut drawn = 0;
        for place in room {
            let next = after(now, gap_ns, &mut stream);
            if next >= stop {
                break;
            }
            (now, *place) = (next, next);
            drawn += 1;
        }
        (self.stream, self.now) = (stream, now);
        drawn
    }

    /// Leaves the current phase at its end; true if an arrival comes with that.
    fn leave(&mut self) -> bool {
        let draw: f64 = self.stream.random();
        let exits = &self.phases[self.phase].exits;
        let exit = *exits.iter().find(|exit| draw < exit.up_to).unwrap_or(&exits[exits.len() - 1]);
        self.now = self.phase_end;
        self.phase = exit.phase;
        self.phase_end = after(self.now, self.phases[exit.phase].sojourn_ns, &mut self.stream);
        exit.arrival
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

/// An exponential time of mean `mean_ns` after `from`.
#[inline(always)]
fn after(from: Time, mean_ns: f64, stream: &mut Stream) -> Time {
    let draw: f64 = Exp1.sample(stream);
    // Saturates: an infinite mean gives `Time::NEVER`.
    Time(from.0.saturating_add(whole(draw * mean_ns + 0.5)))
}

/// `value as u64` of a value that is not negative, without the conversion's checks.
#[inline(always)]
fn whole(value: f64) -> u64 {
    // From here to its double, neighbouring floats differ by 1, and so do their bits.
    const UNIT: f64 = (1_u64 << 52) as f64;
    if value < UNIT {
        let nearest = value + UNIT;
        nearest.to_bits() - UNIT.to_bits() - u64::from(nearest - UNIT > value)
    } else {
        value as u64
    }
}

impl Arrivals for MapArrivals {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let mut filled = block.len();
        let full = filled + BLOCK;
        block.resize(full, Time::ZERO);
        while filled < full && self.now < self.end {
            filled += self.stay(self.phase_end.min(self.end), &mut block[filled..]);
            if filled == full {
                break;
            }
            // The gap that crosses the phase's end is dropped: the exponential forgets.
            if self.phase_end >= self.end {
                self.now = self.end;
            } else if self.leave() {
                block[filled] = self.now;
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
    use crate::numeric::streams::Streams;
    use crate::units::Span;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        Matrix::from_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
    }

    /// An order-2 MAP with every kind of transition.
    fn general() -> Map {
        let d0 = matrix(&[&[-12.0, 1.0], &[2.0, -60.0]]);
        let d1 = matrix(&[&[8.0, 3.0], &[18.0, 40.0]]);
        Map::new(d0, d1).unwrap()
    }

    fn draw(map: &Map, seconds: u64) -> Vec<Time> {
        let mut all = Vec::new();
        let end = Time::ZERO + Span::from_secs(seconds);
        let mut source = MapArrivals::new(map, Time::ZERO, end, Streams::new(1).stream("arrivals"));
        loop {
            let before = all.len();
            source.fill(&mut all).unwrap();
            if all.len() == before {
                return all;
            }
        }
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
    fn whole_nanoseconds_are_those_of_a_conversion() {
        let edges = [
            0.0,
            0.5,
            0.999,
            1.0,
            1.5,
            2.5,
            1e9,
            4503599627370495.5,
            4503599627370496.0,
            1e19,
            f64::INFINITY,
        ];
        let odd = (0..100_000).map(|i| (f64::from(i) * 0.618).exp2() % 1e16);
        edges.into_iter().chain(odd).for_each(|value| assert_eq!(whole(value), value as u64, "{value}"));
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
    fn what_is_no_map_is_refused_with_the_reason() {
        let d1 = matrix(&[&[1.0, 0.0], &[0.0, 2.0]]);
        let apart = Map::new(matrix(&[&[-1.0, 0.0], &[0.0, -2.0]]), d1.clone());
        assert_eq!(apart, Err(MapError::Reducible));
        let unbalanced = Map::new(matrix(&[&[-2.0, 0.5], &[0.5, -2.5]]), d1.clone());
        assert!(matches!(unbalanced, Err(MapError::RowSum { row: 0, .. })));
        let negative = Map::new(matrix(&[&[-0.5, -0.5], &[0.5, -2.5]]), d1);
        assert!(matches!(negative, Err(MapError::Sign { matrix: "d0", row: 0, column: 1, .. })));
        assert!(matches!(Map::mmpp(&[1.0], &[1.0, 2.0]), Err(MapError::Shape)));
    }

    #[test]
    fn scaling_and_thinning_change_the_rate_alike() {
        let map = general();
        assert!((map.scaled(0.25).rate() / map.rate() - 0.25).abs() < 1e-12);
        assert!((map.thinned(0.25).rate() / map.rate() - 0.25).abs() < 1e-12);
    }
}
