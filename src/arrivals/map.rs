//! Markovian arrival processes: Poisson (one phase), MMPP (diagonal D1) and general MAP(D0, D1).
//!
//! D0 holds the rates of phase changes without an arrival, D1 those with one; `D0 + D1` is the
//! generator of the phase. Source of the theory: D. Lucantoni, "New results on the single server queue
//! with a batch Markovian arrival process", Stochastic Models 7 (1991).

use crate::numeric::matrix::{Matrix, dot};

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

    /// Gaps that are the sum of `phases` exponential ones: more regular than Poisson, of variation `1/sqrt(phases)`.
    /// Panics unless `rate` is positive and finite and there is a phase.
    pub fn erlang(rate: f64, phases: usize) -> Map {
        assert!(rate > 0.0 && rate.is_finite() && phases > 0, "no Erlang process: {rate}, {phases}");
        let fast = rate * phases as f64;
        let next = |i: usize| (i + 1) % phases;
        let d0 = Matrix::from_fn(phases, |i, j| match j {
            _ if i == j => -fast,
            _ if i + 1 < phases && j == next(i) => fast,
            _ => 0.0,
        });
        let d1 = Matrix::from_fn(phases, |i, j| if i + 1 == phases && j == next(i) { fast } else { 0.0 });
        Map { d0, d1 }
    }

    /// Gaps that are exponential with one of two rates: burstier than Poisson, of variation `cv` above 1, with balanced
    /// means (both kinds of gaps fill half of the time; H. Tijms, "A First Course in Stochastic Models", 2003, appendix B).
    /// Panics unless `rate` is positive and finite and `cv` above 1.
    pub fn hyperexponential(rate: f64, cv: f64) -> Map {
        assert!(rate > 0.0 && rate.is_finite() && cv > 1.0, "no hyperexponential process: {rate}, {cv}");
        let square = cv * cv;
        let first = 0.5 * (1.0 + ((square - 1.0) / (square + 1.0)).sqrt());
        let share = [first, 1.0 - first];
        let rates = share.map(|share| 2.0 * share * rate);
        let d0 = Matrix::from_fn(2, |i, j| if i == j { -rates[i] } else { 0.0 });
        let d1 = Matrix::from_fn(2, |i, j| rates[i] * share[j]);
        Map { d0, d1 }
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
        &self.idle() * &self.d1
    }

    /// The mean times in each phase until the next arrival \[s\]: `(-D0)^-1`.
    pub(crate) fn idle(&self) -> Matrix {
        self.d0.scaled(-1.0).inverse().expect("checked by the constructor")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        Matrix::from_rows(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
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
    fn erlang_and_hyperexponential_gaps_have_their_moments() {
        // E X^k = k! phi (-D0)^-k e.
        let moments = |map: &Map| {
            let inverse = map.d0().scaled(-1.0).inverse().unwrap();
            let phi = map.embedded().stationary().unwrap();
            let once = inverse.right(&vec![1.0; map.order()]);
            (dot(&phi, &once), 2.0 * dot(&phi, &inverse.right(&once)))
        };
        for (map, rate, scv) in [
            (Map::erlang(20.0, 1), 20.0, 1.0),
            (Map::erlang(20.0, 4), 20.0, 0.25),
            (Map::hyperexponential(8.0, 3.0), 8.0, 9.0),
        ] {
            assert_eq!(Map::new(map.d0().clone(), map.d1().clone()).as_ref(), Ok(&map));
            let (m1, m2) = moments(&map);
            assert!((m1 * rate - 1.0).abs() < 1e-9 && (map.rate() / rate - 1.0).abs() < 1e-9, "{m1}");
            assert!((m2 / (m1 * m1) - 1.0 - scv).abs() < 1e-9, "{m2} {scv}");
        }
    }

    #[test]
    fn scaling_and_thinning_change_the_rate_alike() {
        let map = Map::mmpp(&[8.0, 40.0], &[1.0, 0.5]).unwrap();
        assert!((map.scaled(0.25).rate() / map.rate() - 0.25).abs() < 1e-12);
        assert!((map.thinned(0.25).rate() / map.rate() - 0.25).abs() < 1e-12);
    }
}
