//! The likelihood of gaps under a MAP of any order.

use super::exact_stats::absorbing_exp;
use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// The number of entries of each of the two tables.
const STEPS: usize = 1024;
/// A step of the finer table times the fastest rate.
const STEP: f64 = 0.02;

/// The log likelihood of the gaps [s] under `map`: `ln(phi exp(D0 x1) D1 exp(D0 x2) D1 ... e)`.
///
/// `exp(D0 x)` comes from two tables (multiples of a step, and of 1,024 steps) and three terms of the
/// series for the rest of `x`, which is below 0.02 of the shortest mean time: exact to 1e-8 a gap.
pub(super) fn log_likelihood(map: &Map, gaps: &[f64]) -> f64 {
    match map.order() {
        1 => Tables::<1>::new(map).log_likelihood(map, gaps),
        2 => Tables::<2>::new(map).log_likelihood(map, gaps),
        3 => Tables::<3>::new(map).log_likelihood(map, gaps),
        4 => Tables::<4>::new(map).log_likelihood(map, gaps),
        order => panic!("fits have at most four phases, not {order}"),
    }
}

struct Tables<const K: usize> {
    step: f64,
    fine: Vec<[[f64; K]; K]>,
    coarse: Vec<[[f64; K]; K]>,
    d0: [[f64; K]; K],
    d1: [[f64; K]; K],
}

impl<const K: usize> Tables<K> {
    fn new(map: &Map) -> Tables<K> {
        let fastest = (0..K).map(|i| -map.d0()[(i, i)]).fold(0.0, f64::max);
        let step = STEP / fastest;
        let powers = |seconds: f64| {
            let one = absorbing_exp(map.d0(), seconds);
            let all = std::iter::successors(Some(Matrix::identity(K)), |m| Some(m * &one));
            all.take(STEPS).map(|m| array(&m)).collect()
        };
        let (fine, coarse) = (powers(step), powers(step * STEPS as f64));
        Tables { step, fine, coarse, d0: array(map.d0()), d1: array(map.d1()) }
    }

    fn log_likelihood(&self, map: &Map, gaps: &[f64]) -> f64 {
        let phi = map.embedded().stationary().expect("checked by Map's constructor");
        let mut law: [f64; K] = std::array::from_fn(|k| phi[k]);
        let mut log = 0.0;
        for gap in gaps {
            law = self.over(law, *gap, &mut log);
            law = times(law, &self.d1);
            log += scale(&mut law);
        }
        log
    }

    /// `law exp(D0 gap)` up to a factor whose logarithm is added to `log`.
    fn over(&self, mut law: [f64; K], gap: f64, log: &mut f64) -> [f64; K] {
        let mut steps = (gap / self.step) as usize;
        let rest = gap - steps as f64 * self.step;
        while steps >= STEPS * STEPS {
            law = times(law, &self.coarse[STEPS - 1]);
            *log += scale(&mut law);
            steps -= STEPS * (STEPS - 1);
        }
        if steps >= STEPS {
            law = times(law, &self.coarse[steps / STEPS]);
        }
        law = times(law, &self.fine[steps % STEPS]);
        let mut sum = law;
        let mut term = law;
        for k in 1..=3_u32 {
            term = times(term, &self.d0).map(|x| x * rest / f64::from(k));
            sum.iter_mut().zip(term).for_each(|(s, t)| *s += t);
        }
        sum
    }
}

/// Scales to a sum of one; returns the logarithm of what was taken out.
fn scale<const K: usize>(law: &mut [f64; K]) -> f64 {
    // A gap far beyond every phase's reach leaves nothing: as unlikely as a number can say.
    let size = law.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    *law = law.map(|x| x / size);
    if law.iter().all(|x| *x == 0.0) {
        *law = [1.0 / K as f64; K];
    }
    size.ln()
}

fn times<const K: usize>(row: [f64; K], m: &[[f64; K]; K]) -> [f64; K] {
    std::array::from_fn(|j| (0..K).map(|i| row[i] * m[i][j]).sum())
}

fn array<const K: usize>(m: &Matrix) -> [[f64; K]; K] {
    std::array::from_fn(|i| std::array::from_fn(|j| m[(i, j)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitting::gap_em::GapEm;

    #[test]
    fn tables_agree_with_the_eigenbasis() {
        let map = Map::mmpp(&[10.0, 100.0], &[6.0, 0.5]).unwrap();
        let gaps: Vec<f64> = (1..3000).map(|i| (f64::from(i) * 0.37).sin().powi(4) * 0.3 + 1e-5).collect();
        let by_tables = log_likelihood(&map, &gaps);
        let by_basis = GapEm::new(&gaps).log_likelihood(&map);
        assert!((by_tables - by_basis).abs() < 1e-5, "{by_tables} {by_basis}");
        let poisson = log_likelihood(&Map::poisson(3.0), &gaps);
        let exact = gaps.iter().map(|x| 3_f64.ln() - 3.0 * x).sum::<f64>();
        assert!((poisson - exact).abs() < 1e-5, "{poisson} {exact}");
    }
}
