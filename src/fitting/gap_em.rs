//! Expectation-maximisation of a MAP(2) on inter-arrival times: Ryden's method for the MMPP, which
//! keeps every zero of its start and so fits the canonical MAP(2) too.
//!
//! Sources: T. Ryden, "An EM algorithm for estimation in Markov-modulated Poisson processes", Comp.
//! Stat. & Data Analysis 21 (1996); L. Breuer, "An EM algorithm for batch Markovian arrival processes
//! and its comparison to a simpler estimation procedure", Annals of OR 112 (2002).
//!
//! All runs in the eigenbasis of D0, which two phases make real: `D0 = V diag(-t1, -t2) W`, `W V = I`.
//! There `exp(D0 x)` is diagonal, the slower exponential cancels from every ratio, and the integral of
//! the E-step over the gap `x` is elementary: with `d = t2 - t1` and `e = exp(-d x)` (both times
//! `exp(t1 x)`), `x`, `x e` and `(1 - e) / d`. So a gap costs one exponential an iteration.

use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

type Pair = [f64; 2];
type Square = [[f64; 2]; 2];

/// Vectors are rescaled after so many gaps; each gap changes them by far less than `1e300^(1/16)`.
const RESCALE: usize = 16;

/// The likelihood may fall by rounding only, relative to its size.
const ROUNDING: f64 = 1e-9;

/// The eigenvalues of D0 differ by twice this share at least. At a share s, a double's rounding is 1e-16 / s^2 in the
/// eigenbasis of a D0 that is nearly defective; changing a rate by 2 s costs a likelihood at its top about s^2 a gap.
const APART: f64 = 1e-5;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// The most iterations.
    pub iterations: usize,
    /// Stop when so little log likelihood is left to gain, judged by the last two steps.
    pub gain: f64,
}

/// The working arrays of one fit: 32 bytes a gap.
pub(super) struct GapEm<'a> {
    gaps: &'a [f64],
    total: f64,
    /// Relative exponential of each gap, and the forward vector before it.
    decay: Vec<f64>,
    before: Vec<Pair>,
}

/// D0 and D1 with the law of the phase at the first gap's start.
#[derive(Debug, Clone, Copy)]
struct Params {
    start: Pair,
    d0: Square,
    d1: Square,
}

/// D0 in its eigenbasis: `to` is V, `from` is W, `jump` is `W D1 V`.
struct Basis {
    slow: f64,
    spread: f64,
    to: Square,
    from: Square,
    jump: Square,
    ones: Pair,
}

/// Expected arrivals by change of phase, and expected integrals over time of (i before, j after).
struct Expected {
    start: Pair,
    arrivals: Square,
    time: Square,
}

impl<'a> GapEm<'a> {
    /// Prepares for gaps in seconds.
    pub fn new(gaps: &'a [f64]) -> GapEm<'a> {
        let total = gaps.iter().sum();
        GapEm { gaps, total, decay: vec![0.0; gaps.len()], before: vec![[0.0; 2]; gaps.len()] }
    }

    /// The log likelihood of the gaps under a MAP(2).
    pub fn log_likelihood(&mut self, map: &Map) -> f64 {
        let params = Params::of(map);
        self.forward(&params, &params.basis())
    }

    /// Iterates from `start`.
    pub fn fit(&mut self, start: &Map, stop: Stop) -> Map {
        let mut params = Params::of(start);
        let mut basis = params.basis();
        let mut last = self.forward(&params, &basis);
        let mut step = 0.0;
        for _ in 0..stop.iterations {
            let expected = self.backward(&basis);
            let next = params.maximised(&expected);
            if next.map().is_none() {
                break;
            }
            let basis_next = next.basis();
            let now = self.forward(&next, &basis_next);
            let gained = now - last;
            let rounding = ROUNDING * now.abs().max(self.gaps.len() as f64).max(1e3);
            debug_assert!(gained >= -rounding, "EM lost {gained} of {now}");
            if gained < -rounding {
                self.forward(&params, &basis);
                break;
            }
            (params, basis) = (next, basis_next);
            last = now;
            // A geometric series of the last two steps: what is left is step r / (1 - r).
            let ratio = (gained / step).min(0.999);
            step = gained;
            if gained * ratio / (1.0 - ratio) < stop.gain {
                break;
            }
        }
        let balanced = params.balanced(&self.backward(&basis));
        balanced.map().or(params.map()).expect("checked at each step")
    }

    fn forward(&mut self, params: &Params, basis: &Basis) -> f64 {
        let jump = basis.jump;
        let mut a = row_times(params.start, basis.to);
        let mut log = 0.0;
        for ((gaps, decay), before) in
            self.gaps.chunks(RESCALE).zip(self.decay.chunks_mut(RESCALE)).zip(self.before.chunks_mut(RESCALE))
        {
            for (gap, e) in gaps.iter().zip(decay.iter_mut()) {
                *e = (-basis.spread * gap).exp();
            }
            for (e, slot) in decay.iter().zip(before.iter_mut()) {
                *slot = a;
                a = row_times([a[0], a[1] * e], jump);
            }
            let size = a[0] * basis.ones[0] + a[1] * basis.ones[1];
            log += size.ln();
            a = [a[0] / size, a[1] / size];
        }
        log - basis.slow * self.total
    }

    fn backward(&self, basis: &Basis) -> Expected {
        let jump = basis.jump;
        let per_spread = 1.0 / basis.spread;
        let mut b = basis.ones;
        let (mut time, mut arrivals) = ([[0.0; 2]; 2], [[0.0; 2]; 2]);
        let chunks =
            self.gaps.chunks(RESCALE).zip(self.decay.chunks(RESCALE)).zip(self.before.chunks(RESCALE));
        for ((gaps, decay), before) in chunks.rev() {
            for ((x, e), a) in gaps.iter().zip(decay).zip(before).rev() {
                let g = [jump[0][0] * b[0] + jump[0][1] * b[1], jump[1][0] * b[0] + jump[1][1] * b[1]];
                let reach = [a[0], a[1] * e];
                let weight = 1.0 / (reach[0] * g[0] + reach[1] * g[1]);
                let cross = (1.0 - e) * per_spread * weight;
                time[0][0] += a[0] * g[0] * x * weight;
                time[0][1] += a[0] * g[1] * cross;
                time[1][0] += a[1] * g[0] * cross;
                time[1][1] += reach[1] * g[1] * x * weight;
                arrivals[0][0] += reach[0] * b[0] * weight;
                arrivals[0][1] += reach[0] * b[1] * weight;
                arrivals[1][0] += reach[1] * b[0] * weight;
                arrivals[1][1] += reach[1] * b[1] * weight;
                b = [g[0], g[1] * e];
            }
            let size =
                basis.to[0][0] * b[0] + basis.to[0][1] * b[1] + basis.to[1][0] * b[0] + basis.to[1][1] * b[1];
            b = [b[0] / size, b[1] / size];
        }
        let start = [0, 1].map(|i| basis.to[i][0] * b[0] + basis.to[i][1] * b[1]);
        Expected { start, arrivals: basis.natural(arrivals), time: basis.natural(time) }
    }
}

impl Params {
    fn of(map: &Map) -> Params {
        assert_eq!(map.order(), 2, "EM on gaps is for two phases");
        let square = |m: &Matrix| [[m[(0, 0)], m[(0, 1)]], [m[(1, 0)], m[(1, 1)]]];
        let phi = map.embedded().stationary().expect("checked by Map's constructor");
        Params { start: [phi[0], phi[1]], d0: square(map.d0()), d1: square(map.d1()) }.told_apart()
    }

    /// The same with eigenvalues of D0 that differ, if need be with a phase that does all a little faster.
    fn told_apart(mut self) -> Params {
        let middle = (self.d0[0][0] + self.d0[1][1]) / 2.0;
        if self.half_spread() < APART * middle.abs() {
            let faster = if self.d0[0][0] < self.d0[1][1] { 0 } else { 1 };
            let rates = self.d0[faster].iter_mut().chain(&mut self.d1[faster]);
            rates.for_each(|rate| *rate *= 1.0 + 4.0 * APART);
        }
        self
    }

    /// Half the difference of the eigenvalues of D0.
    fn half_spread(&self) -> f64 {
        let [[a, b], [c, d]] = self.d0;
        ((a - d).powi(2) / 4.0 + b * c).sqrt()
    }

    /// The process; `None` if a phase died out.
    fn map(&self) -> Option<Map> {
        let matrix = |m: Square| Matrix::from_rows(&m.map(|row| row.to_vec())).expect("square");
        Map::new(matrix(self.d0), matrix(self.d1)).ok()
    }

    fn basis(&self) -> Basis {
        let [[a, b], [c, d]] = self.d0;
        let middle = (a + d) / 2.0;
        let half = self.half_spread();
        let roots = [middle + half, middle - half];
        // Columns of V: the rows of D0 - root I give (b, root - a) or (root - d, c).
        let column = |root: f64| {
            let (first, second) = ([b, root - a], [root - d, c]);
            let size = |v: &Pair| v[0].abs() + v[1].abs();
            let v = if size(&first) > size(&second) { first } else { second };
            [v[0] / size(&v), v[1] / size(&v)]
        };
        let (v0, v1) = (column(roots[0]), column(roots[1]));
        let to = [[v0[0], v1[0]], [v0[1], v1[1]]];
        let determinant = to[0][0] * to[1][1] - to[0][1] * to[1][0];
        let from = [
            [to[1][1] / determinant, -to[0][1] / determinant],
            [-to[1][0] / determinant, to[0][0] / determinant],
        ];
        let jump = product(product(from, self.d1), to);
        let ones = [from[0][0] + from[0][1], from[1][0] + from[1][1]];
        Basis { slow: -roots[0], spread: 2.0 * half, to, from, jump, ones }
    }

    fn maximised(&self, expected: &Expected) -> Params {
        let mut next = *self;
        let mass = expected.start[0] * self.start[0] + expected.start[1] * self.start[1];
        for i in 0..2 {
            next.start[i] = self.start[i] * expected.start[i] / mass;
            let stay = expected.time[i][i];
            let other = 1 - i;
            next.d0[i][other] = self.d0[i][other] * expected.time[i][other] / stay;
            for j in 0..2 {
                next.d1[i][j] = self.d1[i][j] * expected.arrivals[i][j] / stay;
            }
            next.d0[i][i] = -(next.d0[i][other] + next.d1[i][0] + next.d1[i][1]);
        }
        next.told_apart()
    }

    /// An MMPP of which as many changes lead into a state as out of it, so that its stationary law is the
    /// estimated share of time; other processes stay as they are.
    fn balanced(&self, expected: &Expected) -> Params {
        let mut next = *self;
        if self.d1[0][1] == 0.0 && self.d1[1][0] == 0.0 {
            let changes = self.d0[0][1] * expected.time[0][1] + self.d0[1][0] * expected.time[1][0];
            for i in 0..2 {
                next.d0[i][1 - i] = changes / 2.0 / expected.time[i][i];
                next.d0[i][i] = -(next.d0[i][1 - i] + next.d1[i][i]);
            }
        }
        next
    }
}

impl Basis {
    /// `sum_kl s[k][l] W[k][i] V[j][l]`: from the eigenbasis back to the phases.
    fn natural(&self, s: Square) -> Square {
        let cell = |i: usize, j: usize| {
            let term = |k: usize, l: usize| s[k][l] * self.from[k][i] * self.to[j][l];
            (term(0, 0) + term(0, 1) + term(1, 0) + term(1, 1)).max(0.0)
        };
        [[cell(0, 0), cell(0, 1)], [cell(1, 0), cell(1, 1)]]
    }
}

fn row_times(row: Pair, m: Square) -> Pair {
    [row[0] * m[0][0] + row[1] * m[1][0], row[0] * m[0][1] + row[1] * m[1][1]]
}

fn product(a: Square, b: Square) -> Square {
    [row_times(a[0], b), row_times(a[1], b)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::arrivals::tests::drawn;
    use crate::numeric::streams::Streams;
    use crate::units::{Span, Time};

    fn gaps_of(map: &Map, seconds: u64) -> Vec<f64> {
        let end = Time::ZERO + Span::from_secs(seconds);
        let all = drawn(MapArrivals::new(map, Time::ZERO, end, Streams::new(11).stream("arrivals")));
        all.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect()
    }

    #[test]
    fn the_likelihood_never_falls_from_a_far_start() {
        let gaps = gaps_of(&Map::mmpp(&[10.0, 100.0], &[2.0, 0.5]).unwrap(), 600);
        let mut em = GapEm::new(&gaps);
        let mut map = Map::mmpp(&[25.0, 35.0], &[1.0, 1.0]).unwrap();
        let mut last = em.log_likelihood(&map);
        for _ in 0..40 {
            let next = em.fit(&map, Stop { iterations: 1, gain: 0.0 });
            let now = em.log_likelihood(&next);
            assert!(now >= last - 0.2, "{now} {last}");
            (map, last) = (next, now);
        }
        assert!((map.d1()[(0, 0)] / 10.0 - 1.0).abs() < 0.05, "{map:?}");
        assert!((map.d1()[(1, 1)] / 100.0 - 1.0).abs() < 0.05, "{map:?}");
    }

    #[test]
    fn the_true_process_is_near_the_top() {
        let truth = Map::mmpp(&[10.0, 100.0], &[2.0, 0.5]).unwrap();
        let gaps = gaps_of(&truth, 600);
        let mut em = GapEm::new(&gaps);
        let at_truth = em.log_likelihood(&truth);
        let fitted = em.fit(&truth, Stop { iterations: 50, gain: 1e-4 });
        let top = em.log_likelihood(&fitted);
        // Twice the difference is chi squared with four degrees of freedom.
        assert!(top >= at_truth && top - at_truth < 12.0, "{top} {at_truth}");
    }

    #[test]
    fn zeros_stay_and_the_defective_case_is_no_trouble() {
        let matrix = |m: Square| Matrix::from_rows(&m.map(|row| row.to_vec())).unwrap();
        let d0 = matrix([[-20.0, 5.0], [0.0, -20.0]]);
        let truth = Map::new(d0, matrix([[0.0, 15.0], [12.0, 8.0]])).unwrap();
        let gaps = gaps_of(&truth, 1000);
        for part in 1..=10 {
            let gaps = &gaps[..gaps.len() * part / 10];
            let fitted = GapEm::new(gaps).fit(&truth, Stop { iterations: 30, gain: 1e-3 });
            assert_eq!(fitted.d1()[(0, 0)], 0.0);
            assert_eq!(fitted.d0()[(1, 0)], 0.0);
            let rate = gaps.len() as f64 / gaps.iter().sum::<f64>();
            assert!((fitted.rate() / rate - 1.0).abs() < 0.02, "{} {rate}", fitted.rate());
            assert!(GapEm::new(gaps).log_likelihood(&fitted) > GapEm::new(gaps).log_likelihood(&truth));
        }
    }
}
