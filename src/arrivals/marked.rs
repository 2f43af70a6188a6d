//! Arrivals of several classes: Markovian processes whose arrivals carry a mark.
//!
//! A marked MAP is D0 and one matrix of arrival rates a class. Source: Q.-M. He and M. F. Neuts, "Markov chains with
//! marked transitions", Stochastic Processes and their Applications 74 (1998).

use super::map::{Map, MapError};
use crate::numeric::matrix::{Matrix, dot};

/// A validated marked Markovian arrival process with rates in 1/s.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedMap {
    d0: Matrix,
    by_class: Vec<Matrix>,
}

/// Why matrices are no marked MAP.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MarkedError {
    /// A class's matrix has another order than d0.
    #[error("d1_by_class[{class}] is not of the order of d0")]
    Shape {
        /// 0-based class.
        class: usize,
    },
    /// A class has a negative rate, or one that is no number.
    #[error("d1_by_class[{class}][{row}][{column}] is {value}: rates are not negative")]
    Sign {
        /// 0-based class.
        class: usize,
        /// 0-based row.
        row: usize,
        /// 0-based column.
        column: usize,
        /// The offending cell.
        value: f64,
    },
    /// No request of a class ever comes.
    #[error("d1_by_class[{class}] has no arrivals")]
    Silent {
        /// 0-based class.
        class: usize,
    },
    /// Together the classes are no MAP.
    #[error("{0}")]
    Together(MapError),
}

impl MarkedMap {
    /// The process of D0 and of the arrival rates of each class. Panics without a class.
    ///
    /// # Errors
    /// What is no such process, with the reason.
    pub fn new(d0: Matrix, by_class: Vec<Matrix>) -> Result<MarkedMap, MarkedError> {
        let order = d0.order();
        for (class, d1) in by_class.iter().enumerate() {
            if d1.order() != order {
                return Err(MarkedError::Shape { class });
            }
            let cells = d1.cells().iter().enumerate();
            if let Some((at, value)) = cells.into_iter().find(|(_, v)| !v.is_finite() || **v < 0.0) {
                let (row, column) = (at / order, at % order);
                return Err(MarkedError::Sign { class, row, column, value: *value });
            }
            if d1.cells().iter().all(|rate| *rate == 0.0) {
                return Err(MarkedError::Silent { class });
            }
        }
        let map = Map::new(d0, sum(&by_class)).map_err(MarkedError::Together)?;
        Ok(MarkedMap { d0: map.d0().clone(), by_class })
    }

    /// Each arrival of `map` is of class k with probability `shares[k]`, whatever came before.
    ///
    /// Panics unless the shares are positive and sum to 1.
    pub fn shared(map: &Map, shares: &[f64]) -> MarkedMap {
        let total: f64 = shares.iter().sum();
        assert!(shares.iter().all(|share| *share > 0.0), "a share of arrivals must be positive");
        assert!((total - 1.0).abs() < 1e-9, "shares of arrivals must sum to 1, not {total}");
        let by_class = shares.iter().map(|share| map.d1().scaled(*share)).collect();
        MarkedMap { d0: map.d0().clone(), by_class }
    }

    /// Independent processes side by side, each a class: their Kronecker sum. Panics without a process.
    pub fn merged(own: &[Map]) -> MarkedMap {
        let first = MarkedMap { d0: own[0].d0().clone(), by_class: vec![own[0].d1().clone()] };
        own[1..].iter().fold(first, |before, map| {
            let (old, new) = (Matrix::identity(before.order()), Matrix::identity(map.order()));
            let d0 = &kronecker(&before.d0, &new) + &kronecker(&old, map.d0());
            let mut by_class: Vec<Matrix> = before.by_class.iter().map(|d1| kronecker(d1, &new)).collect();
            by_class.push(kronecker(&old, map.d1()));
            MarkedMap { d0, by_class }
        })
    }

    /// Some of the classes: the arrivals of the others only change the phase. Panics without a class.
    pub fn only(&self, classes: &[usize]) -> MarkedMap {
        assert!(!classes.is_empty(), "a process needs a class");
        let others = (0..self.classes()).filter(|class| !classes.contains(class));
        let d0 = others.fold(self.d0.clone(), |sum, class| &sum + &self.by_class[class]);
        MarkedMap { d0, by_class: classes.iter().map(|class| self.by_class[*class].clone()).collect() }
    }

    /// Rates without an arrival.
    pub fn d0(&self) -> &Matrix {
        &self.d0
    }

    /// Rates with an arrival of a class.
    pub fn d1(&self, class: usize) -> &Matrix {
        &self.by_class[class]
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.by_class.len()
    }

    /// The number of phases.
    pub fn order(&self) -> usize {
        self.d0.order()
    }

    /// The arrivals without their marks.
    pub fn unmarked(&self) -> Map {
        Map::new(self.d0.clone(), sum(&self.by_class)).expect("checked when it was made")
    }

    /// The arrival rate of each class [1/s].
    pub fn rates(&self) -> Vec<f64> {
        let law = (&self.d0 + &sum(&self.by_class)).null_distribution().expect("checked when it was made");
        self.by_class.iter().map(|d1| dot(&law, &d1.row_sums())).collect()
    }
}

fn sum(matrices: &[Matrix]) -> Matrix {
    matrices[1..].iter().fold(matrices[0].clone(), |sum, matrix| &sum + matrix)
}

/// The Kronecker product.
fn kronecker(left: &Matrix, right: &Matrix) -> Matrix {
    let n = right.order();
    Matrix::from_fn(left.order() * n, |i, j| left[(i / n, j / n)] * right[(i % n, j % n)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_keep_their_rates_alone_and_together() {
        let own = [Map::mmpp(&[5.0, 50.0], &[1.0, 0.2]).unwrap(), Map::poisson(10.0)];
        let merged = MarkedMap::merged(&own);
        for (rate, map) in merged.rates().iter().zip(&own) {
            assert!((rate / map.rate() - 1.0).abs() < 1e-12);
        }
        assert_eq!(merged.order(), 2);
        let total = own[0].rate() + 10.0;
        assert!((merged.unmarked().rate() / total - 1.0).abs() < 1e-12);
        assert!((merged.only(&[1]).rates()[0] / 10.0 - 1.0).abs() < 1e-12);
        let shared = MarkedMap::shared(&own[0], &[0.25, 0.75]);
        assert!((shared.rates()[0] / own[0].rate() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_marked_process_is_refused_with_the_reason() {
        let cell = |value: f64| Matrix::from_fn(1, |_, _| value);
        let made = |d0, classes: Vec<Matrix>| MarkedMap::new(cell(d0), classes).map(|_| ()).unwrap_err();
        assert_eq!(made(-1.0, vec![cell(1.0), cell(0.0)]), MarkedError::Silent { class: 1 });
        let sign = MarkedError::Sign { class: 0, row: 0, column: 0, value: -1.0 };
        assert_eq!(made(-1.0, vec![cell(-1.0), cell(2.0)]), sign);
        assert_eq!(made(-1.0, vec![Matrix::identity(2)]), MarkedError::Shape { class: 0 });
        assert!(matches!(made(-1.0, vec![cell(2.0)]), MarkedError::Together(MapError::RowSum { .. })));
        assert!(MarkedMap::new(cell(-3.0), vec![cell(1.0), cell(2.0)]).is_ok());
    }
}
