//! The statistics of a MAP, exactly.

use crate::arrivals::map::Map;
use crate::numeric::matrix::{Matrix, dot};

/// What the statistics of one MAP are computed from.
///
/// With `M = (-D0)^-1`, `P = M D1`, `phi` the phase law just after an arrival (`phi P = phi`), `pi` the
/// one at an arbitrary time (`pi Q = 0`, `Q = D0 + D1`), `l` the rate and `Z = (e pi - Q)^-1`:
/// `E X^k = k! phi M^k e`, `E X_0 X_k = phi M P^k M e` (M. Neuts, "A versatile Markovian point process",
/// J. Appl. Prob. 16, 1979).
#[derive(Debug, Clone)]
pub struct MapStats {
    rate: f64,
    /// `E X`, `E X^2`, `E X^3`.
    moments: [f64; 3],
    /// `phi M` and `M e`.
    ends: (Vec<f64>, Vec<f64>),
    /// `phi` and `D0`.
    gap: (Vec<f64>, Matrix),
    embedded: Matrix,
    generator: Matrix,
    /// `pi D1 Z` and `Z D1 e`.
    deviation: (Vec<f64>, Vec<f64>),
    idc_limit: f64,
}

impl MapStats {
    /// Prepares the statistics of `map`.
    pub fn new(map: &Map) -> MapStats {
        let n = map.order();
        let inverse = map.d0().scaled(-1.0).inverse().expect("checked by Map's constructor");
        let embedded = &inverse * map.d1();
        let phi = embedded.stationary().expect("checked by Map's constructor");
        let e = vec![1.0; n];
        let once = inverse.right(&e);
        let twice = inverse.right(&once);
        let thrice = inverse.right(&twice);
        let moments = [dot(&phi, &once), 2.0 * dot(&phi, &twice), 6.0 * dot(&phi, &thrice)];

        let pi = map.phase_law();
        let generator = map.generator();
        let shifted = &Matrix::from_fn(n, |_, j| pi[j]) - &generator;
        let z = shifted.inverse().expect("e pi - Q of an irreducible Q is regular");
        let rates = map.d1().row_sums();
        let rate = dot(&pi, &rates);
        let deviation = (z.left(&map.d1().left(&pi)), z.right(&rates));
        let idc_limit = 1.0 - 2.0 * rate + 2.0 / rate * dot(&map.d1().left(&pi), &deviation.1);
        MapStats {
            rate,
            moments,
            ends: (inverse.left(&phi), once),
            gap: (phi, map.d0().clone()),
            embedded,
            generator,
            deviation,
            idc_limit,
        }
    }

    /// Arrivals a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The mean gap between arrivals, its second and third raw moment [s, s^2, s^3].
    pub fn moments(&self) -> [f64; 3] {
        self.moments
    }

    /// The squared coefficient of variation of the gaps.
    pub fn scv(&self) -> f64 {
        let [m1, m2, _] = self.moments;
        m2 / (m1 * m1) - 1.0
    }

    /// The skewness of the gaps.
    pub fn skewness(&self) -> f64 {
        skewness(self.moments)
    }

    /// The autocorrelation of gaps `lag` apart.
    pub fn autocorrelation(&self, lag: usize) -> f64 {
        let [m1, m2, _] = self.moments;
        let mut right = self.ends.1.clone();
        for _ in 0..lag {
            right = self.embedded.right(&right);
        }
        let product = dot(&self.ends.0, &right);
        if lag == 0 { 1.0 } else { (product - m1 * m1) / (m2 - m1 * m1) }
    }

    /// The index of dispersion for counts: variance over mean of the arrivals in `t` seconds.
    ///
    /// `IDC(t) = 1 - 2 l + (2/l) pi D1 Z D1 e - (2/(l t)) pi D1 (I - exp(Q t)) Z^2 D1 e`
    /// (W. Fischer and K. Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook",
    /// Performance Evaluation 18, 1993, there for the MMPP).
    pub fn idc(&self, t: f64) -> f64 {
        let exp = generator_exp(&self.generator, t);
        let rest = &Matrix::identity(exp.order()) - &exp;
        // Z commutes with exp(Q t), so that pi D1 (I - exp(Q t)) Z^2 D1 e = (pi D1 Z)(I - exp(Q t))(Z D1 e).
        let correction = dot(&rest.left(&self.deviation.0), &self.deviation.1);
        self.idc_limit - 2.0 / (self.rate * t) * correction
    }

    /// The share of gaps longer than `t` \[s\]: `phi exp(D0 t) e`.
    pub fn gap_tail(&self, t: f64) -> f64 {
        let (phi, d0) = &self.gap;
        absorbing_exp(d0, t).left(phi).iter().sum()
    }

    /// The limit of IDC(t).
    pub fn idc_limit(&self) -> f64 {
        self.idc_limit
    }
}

/// The skewness of a variable with these first three raw moments.
pub(super) fn skewness([m1, m2, m3]: [f64; 3]) -> f64 {
    let variance = m2 - m1 * m1;
    (m3 - 3.0 * m1 * m2 + 2.0 * m1 * m1 * m1) / variance.powf(1.5)
}

/// `exp(Q t)` of a generator: uniformisation of `Q t / 2^k`, squared `k` times. All terms are positive.
pub(super) fn generator_exp(generator: &Matrix, t: f64) -> Matrix {
    let n = generator.order();
    let fastest = (0..n).map(|i| -generator[(i, i)]).fold(0.0, f64::max);
    if fastest * t == 0.0 {
        return Matrix::identity(n);
    }
    let squarings = (fastest * t).log2().ceil().max(0.0) as u32;
    let mean = fastest * t / f64::from(squarings).exp2();
    let step = &generator.scaled(1.0 / fastest) + &Matrix::identity(n);
    let mut weight = (-mean).exp();
    let mut power = Matrix::identity(n);
    let mut sum = power.scaled(weight);
    for k in 1..=24 {
        power = &power * &step;
        weight *= mean / f64::from(k);
        sum = &sum + &power.scaled(weight);
    }
    for _ in 0..squarings {
        sum = &sum * &sum;
        let totals = sum.row_sums();
        sum = Matrix::from_fn(n, |i, j| sum[(i, j)] / totals[i]);
    }
    sum
}

/// `exp(D0 t)`: the part of the generator with one more phase, into which arrivals lead.
pub(super) fn absorbing_exp(d0: &Matrix, t: f64) -> Matrix {
    let n = d0.order();
    let whole = Matrix::from_fn(n + 1, |i, j| match (i < n, j < n) {
        (true, true) => d0[(i, j)],
        (true, false) => -d0.row(i).iter().sum::<f64>(),
        _ => 0.0,
    });
    let exp = generator_exp(&whole, t);
    Matrix::from_fn(n, |i, j| exp[(i, j)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(d0: [[f64; 2]; 2], d1: [[f64; 2]; 2]) -> MapStats {
        let matrix = |m: [[f64; 2]; 2]| Matrix::from_rows(&[m[0].to_vec(), m[1].to_vec()]).unwrap();
        MapStats::new(&Map::new(matrix(d0), matrix(d1)).unwrap())
    }

    #[track_caller]
    fn near(value: f64, printed: f64, half_digit: f64) {
        assert!((value - printed).abs() <= half_digit, "{value} is not {printed}");
    }

    #[test]
    fn the_two_synthetic_workloads_of_the_paper() {
        let w14 = two([[-10.05, 0.05], [0.05, -120.05]], [[10.0, 0.0], [0.0, 120.0]]);
        near(w14.rate(), 65.0, 1e-9);
        near(w14.scv(), 6.01, 0.005);
        near(w14.skewness(), 7.3, 0.05);
        near(w14.autocorrelation(1), 0.415, 0.0005);
        near(w14.idc(1.0), 46.0, 0.5);
        near(w14.idc(60.0), 777.0, 0.5);
        near(w14.idc_limit(), 932.0, 0.5);
        let w16 = two([[-10.01, 0.01], [0.01, -200.01]], [[10.0, 0.0], [0.0, 200.0]]);
        near(w16.rate(), 105.0, 1e-9);
        near(w16.scv(), 10.0, 0.05);
        near(w16.skewness(), 9.5, 0.05);
        near(w16.autocorrelation(1), 0.450, 0.0005);
        near(w16.idc(1.0), 86.0, 0.5);
        near(w16.idc(60.0), 3591.0, 0.5);
        near(w16.idc_limit(), 8596.0, 0.5);
    }

    #[test]
    fn a_bursty_mmpp() {
        let stats = MapStats::new(&Map::mmpp(&[10.0, 100.0], &[60.0, 5.0]).unwrap());
        near(stats.scv(), 2.146, 0.0005);
        near(stats.autocorrelation(1), 0.266, 0.0005);
        near(stats.idc(1.0), 32.7, 0.05);
        near(stats.idc(60.0), 290.6, 0.05);
        near(stats.idc_limit(), 314.7, 0.05);
    }

    #[test]
    fn the_published_near_poisson_fits() {
        let twitter =
            two([[-14.625001, 0.0], [0.0, -35.171226]], [[0.051020, 14.573981], [0.063796, 35.107429]]);
        near(twitter.rate(), 35.08, 0.005);
        near(twitter.scv(), 1.007, 0.0005);
        near(twitter.skewness(), 2.05, 0.005);
        near(twitter.autocorrelation(1), 0.0, 0.00005);
        near(twitter.idc_limit(), 1.007, 0.0005);
        let nys =
            two([[-55.650135, 0.0], [0.0, -105.957535]], [[16.609367, 39.040768], [22.869309, 83.088226]]);
        near(nys.rate(), 87.37, 0.005);
        near(nys.scv(), 1.200, 0.0005);
        near(nys.skewness(), 2.61, 0.005);
        near(nys.autocorrelation(1), 0.0069, 0.00005);
        near(nys.idc_limit(), 1.218, 0.0005);
    }

    #[test]
    fn a_poisson_process_has_ones() {
        let stats = MapStats::new(&Map::poisson(7.0));
        near(stats.scv(), 1.0, 1e-12);
        near(stats.skewness(), 2.0, 1e-12);
        near(stats.autocorrelation(3), 0.0, 1e-12);
        near(stats.idc(0.3), 1.0, 1e-12);
        near(stats.idc_limit(), 1.0, 1e-12);
    }

    #[test]
    fn the_gaps_of_a_poisson_process_are_exponential() {
        let stats = MapStats::new(&Map::poisson(7.0));
        for t in [1e-3, 0.14, 0.15, 3.0] {
            near(stats.gap_tail(t) / (-7.0 * t).exp(), 1.0, 1e-10);
        }
    }

    #[test]
    fn the_exponential_of_a_two_state_generator_has_its_closed_form() {
        let q = Matrix::from_rows(&[vec![-0.7, 0.7], vec![0.2, -0.2]]).unwrap();
        for t in [1e-6, 0.1, 3.0, 500.0] {
            let left = generator_exp(&q, t)[(0, 1)];
            let exact = 0.7 / 0.9 * -(-0.9 * t).exp_m1();
            assert!((left / exact - 1.0).abs() < 1e-10, "{t}: {left} {exact}");
        }
    }
}
