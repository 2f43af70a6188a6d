//! Expectation-maximisation on binned counts: a Poisson hidden Markov model of K states, whose state
//! holds for a whole bin.
//!
//! Source: L. Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77 (1989), scaled forward and
//! backward passes; the emission of a bin is Poisson.

use super::bins::{Bins, log_weight};
use super::exact_stats::generator_exp;
use super::gap_em::Stop;
use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// The likelihood may fall by rounding only, relative to its size.
const ROUNDING: f64 = 1e-9;
/// A bin whose likelihood, relative to that of its likeliest state, is less than this is scaled by itself.
const FAINT: f64 = 1e-200;
/// A state less probable than this before a bin is out of reach.
const UNREACHED: f64 = 1e-280;

/// A Poisson hidden Markov model: law of the first state, transitions from bin to bin, means a bin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hmm<const K: usize> {
    pub start: [f64; K],
    pub step: [[f64; K]; K],
    pub mean: [f64; K],
}

struct Expected<const K: usize> {
    start: [f64; K],
    moves: [[f64; K]; K],
    time: [f64; K],
    arrivals: [f64; K],
}

impl Bins {
    /// A start for K states: the sorted bins are cut at `shares` (K - 1 ascending cumulative shares)
    /// into states of equal sojourn `bins`.
    pub fn split<const K: usize>(&self, shares: &[f64], bins: f64) -> Hmm<K> {
        let total = self.len() as f64;
        let (mut state, mut seen) = (0, 0.0);
        let (mut weight, mut sum) = ([0.0; K], [0.0; K]);
        for value in &self.values {
            while state + 1 < K && seen >= shares[state] * total && weight[state] > 0.0 {
                state += 1;
            }
            seen += value.times;
            weight[state] += value.times;
            sum[state] += value.times * value.count;
        }
        let mean =
            std::array::from_fn(|k| if weight[k] > 0.0 { sum[k] / weight[k] } else { 2.0 * self.mean() });
        let leave = 1.0 / bins;
        let other = leave / (K as f64 - 1.0);
        let step = std::array::from_fn(|i| std::array::from_fn(|j| if i == j { 1.0 - leave } else { other }));
        Hmm { start: [1.0 / K as f64; K], step, mean }
    }
}

impl<const K: usize> Hmm<K> {
    /// The model of an MMPP observed in bins of `seconds`.
    pub fn of(map: &Map, seconds: f64) -> Hmm<K> {
        let law = map.phase_law();
        let step = generator_exp(&map.generator(), seconds);
        let rates = map.d1().row_sums();
        Hmm {
            start: std::array::from_fn(|i| law[i]),
            step: std::array::from_fn(|i| std::array::from_fn(|j| step[(i, j)])),
            mean: std::array::from_fn(|i| rates[i] * seconds),
        }
    }

    /// The MMPP that moves like this from bin to bin; `None` if a state is dead.
    ///
    /// The trace is closed to a ring for that: as many moves into a state as out of it, so that the
    /// stationary law is the estimated share of time, and the rate that of the trace.
    pub fn mmpp(&self, bins: &Bins) -> Option<Map> {
        let mut work = Work::new(bins.len());
        work.forward(self, bins);
        let mut expected = work.backward(self, bins);
        let last = work.forward[bins.len() - 1];
        for (moves, from) in expected.moves.iter_mut().zip(last) {
            for (moved, to) in moves.iter_mut().zip(expected.start) {
                *moved += from * to;
            }
        }
        let ring = self.maximised(&expected);
        let seconds = bins.seconds;
        let rates = generator_of(&ring.step, seconds, bins.len())?;
        let d1 = Matrix::from_fn(K, |i, j| if i == j { self.mean[i] / seconds } else { 0.0 });
        let d0 = Matrix::from_fn(K, |i, j| match i == j {
            true => -(d1[(i, i)] + (0..K).filter(|k| *k != i).map(|k| rates[i][k]).sum::<f64>()),
            false => rates[i][j],
        });
        Map::new(d0, d1).ok()
    }

    /// Iterates until little is left to gain. Panics if the likelihood falls by more than rounding.
    pub fn fit(self, bins: &Bins, stop: Stop) -> Hmm<K> {
        let mut work = Work::new(bins.len());
        let mut model = self;
        let mut last = work.forward(&model, bins);
        let mut step = 0.0;
        for _ in 0..stop.iterations {
            let next = model.maximised(&work.backward(&model, bins));
            let now = work.forward(&next, bins);
            if !now.is_finite() {
                // A state that explains almost no bin has become degenerate; the step before is the answer.
                break;
            }
            let gained = now - last;
            assert!(gained >= -ROUNDING * now.abs().max(1e3), "EM lost {gained} of {now}");
            (model, last) = (next, now);
            let ratio = (gained / step).min(0.999);
            step = gained;
            if gained * ratio / (1.0 - ratio) < stop.gain {
                break;
            }
        }
        model
    }

    /// The log likelihood of the counts.
    pub fn log_likelihood(&self, bins: &Bins) -> f64 {
        Work::new(bins.len()).forward(self, bins)
    }

    /// The probability of each state in each bin, given all counts.
    pub fn smoothed(&self, bins: &Bins) -> Vec<[f64; K]> {
        let mut work = Work::new(bins.len());
        work.forward(self, bins);
        let mut law = Vec::with_capacity(bins.len());
        work.backward_with(self, bins, |_, state| law.push(state));
        law.reverse();
        law
    }

    fn emissions(&self, bins: &Bins) -> (Vec<[f64; K]>, f64) {
        let mut log = 0.0;
        let table = bins.values.iter().map(|value| {
            let (weights, most) = self.log_weights(value.count);
            log += value.times * (most - value.log_factorial);
            weights.map(|w| (w - most).exp())
        });
        let table = table.collect();
        (table, log)
    }

    /// The logarithm of each state's emission, and the largest.
    fn log_weights(&self, count: f64) -> ([f64; K], f64) {
        let weights = self.mean.map(|mean| log_weight(count, mean));
        (weights, weights.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    /// The emission of a bin that the states within reach hardly explain, scaled to the likeliest of
    /// those; and the logarithm of that scale.
    fn faint_emission(&self, law: &[f64; K], count: f64) -> ([f64; K], f64) {
        let (weights, most) = self.log_weights(count);
        let within = |k: usize| if law[k] > UNREACHED { law[k].ln() + weights[k] } else { f64::NEG_INFINITY };
        let top = (0..K).map(within).fold(f64::NEG_INFINITY, f64::max);
        let emission = |k: usize| if law[k] > UNREACHED { (weights[k] - top).exp() } else { 0.0 };
        (std::array::from_fn(emission), top - most)
    }

    fn maximised(&self, expected: &Expected<K>) -> Hmm<K> {
        let mut next = *self;
        next.start = expected.start;
        for i in 0..K {
            let leaving: f64 = expected.moves[i].iter().sum();
            if leaving > 0.0 {
                next.step[i] = expected.moves[i].map(|moves| moves / leaving);
            }
            if expected.time[i] > 0.0 {
                next.mean[i] = expected.arrivals[i] / expected.time[i];
            }
        }
        next
    }
}

/// The rates of the state [1/s]: `log(step) / seconds`, with what is not a rate cut off.
fn generator_of<const K: usize>(step: &[[f64; K]; K], seconds: f64, bins: usize) -> Option<[[f64; K]; K]> {
    let p = Matrix::from_fn(K, |i, j| step[i][j]);
    // The series of log(I - R) converges where the state holds for a bin more often than not;
    // elsewhere the bins do not show more than that it changes within them.
    let rest = &Matrix::identity(K) - &p;
    let mut power = rest.clone();
    let mut sum = rest.clone();
    for k in 2..400_u32 {
        power = &power * &rest;
        sum = &sum + &power.scaled(1.0 / f64::from(k));
    }
    let converged = sum.cells().iter().all(|cell| cell.abs() < 20.0);
    let logarithm = if converged { sum } else { rest };
    // A change that was not seen once is as rare as one in all the bins.
    let least = 0.5 / bins as f64;
    let rates = std::array::from_fn(|i| {
        std::array::from_fn(|j| if i == j { 0.0 } else { (-logarithm[(i, j)]).max(least) / seconds })
    });
    let alive = (0..K).all(|i| step[i].iter().all(|p| p.is_finite()));
    alive.then_some(rates)
}

/// The arrays of the passes.
struct Work<const K: usize> {
    forward: Vec<[f64; K]>,
    /// By value, relative to the likeliest state.
    emissions: Vec<[f64; K]>,
    /// By bin, ascending, where that would be lost to rounding.
    faint: Vec<(usize, [f64; K])>,
}

impl<const K: usize> Work<K> {
    fn new(bins: usize) -> Work<K> {
        Work { forward: vec![[0.0; K]; bins], emissions: Vec::new(), faint: Vec::new() }
    }

    /// Fills the filtered law of the state, given the counts up to each bin.
    fn forward(&mut self, model: &Hmm<K>, bins: &Bins) -> f64 {
        let (emissions, mut log) = model.emissions(bins);
        self.faint.clear();
        let mut law = model.start;
        let mut product = 1.0_f64;
        for (n, (at, slot)) in bins.at.iter().zip(&mut self.forward).enumerate() {
            let emission = &emissions[*at as usize];
            let mut reach: [f64; K] = std::array::from_fn(|k| law[k] * emission[k]);
            let mut total: f64 = reach.iter().sum();
            if total < FAINT {
                let (emission, scale) = model.faint_emission(&law, bins.values[*at as usize].count);
                self.faint.push((n, emission));
                log += scale;
                reach = std::array::from_fn(|k| law[k] * emission[k]);
                total = reach.iter().sum();
            }
            product *= total;
            if !(1e-20..1e20).contains(&product) {
                log += product.ln();
                product = 1.0;
            }
            let scale = 1.0 / total;
            *slot = reach.map(|r| r * scale);
            law = std::array::from_fn(|j| (0..K).map(|i| slot[i] * model.step[i][j]).sum());
        }
        self.emissions = emissions;
        log + product.ln()
    }

    fn emission(&self, bin: usize, value: u32) -> &[f64; K] {
        match self.faint.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Ok(i) => &self.faint[i].1,
            Err(_) => &self.emissions[value as usize],
        }
    }

    fn backward(&self, model: &Hmm<K>, bins: &Bins) -> Expected<K> {
        let (mut time, mut arrivals, mut start) = ([0.0; K], [0.0; K], [0.0; K]);
        let moves = self.backward_with(model, bins, |count, state| {
            for k in 0..K {
                time[k] += state[k];
                arrivals[k] += state[k] * count;
            }
            start = state;
        });
        Expected { start, moves, time, arrivals }
    }

    /// Calls `each` with the count and the smoothed law of each bin, last first; returns expected moves.
    fn backward_with(
        &self,
        model: &Hmm<K>,
        bins: &Bins,
        mut each: impl FnMut(f64, [f64; K]),
    ) -> [[f64; K]; K] {
        let mut moves = [[0.0; K]; K];
        let mut ahead = [1.0; K];
        for (n, (at, law)) in bins.at.iter().zip(&self.forward).enumerate().rev() {
            if n + 1 < bins.at.len() {
                let emission = self.emission(n + 1, bins.at[n + 1]);
                let seen: [f64; K] = std::array::from_fn(|j| emission[j] * ahead[j]);
                let mut back: [f64; K] =
                    std::array::from_fn(|i| (0..K).map(|j| model.step[i][j] * seen[j]).sum());
                let total: f64 = (0..K).map(|i| law[i] * back[i]).sum();
                let scale = 1.0 / total;
                for i in 0..K {
                    for j in 0..K {
                        moves[i][j] += law[i] * model.step[i][j] * seen[j] * scale;
                    }
                    back[i] *= scale;
                }
                ahead = back;
            }
            each(bins.values[*at as usize].count, std::array::from_fn(|k| law[k] * ahead[k]));
        }
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::super::Counts;
    use super::*;
    use crate::units::Span;

    /// Counts that follow a fixed pattern of two levels.
    fn two_levels() -> Counts {
        let level = |i: u32| if i % 100 < 80 { 10 } else { 50 };
        let counts = (0..20_000).map(|i: u32| level(i) + (i * i + i / 3) % 7 - 3).collect();
        Counts { bin: Span::from_secs(1), counts }
    }

    #[test]
    fn the_likelihood_never_falls_and_two_levels_are_told_apart() {
        let bins = Bins::new(&two_levels(), 1);
        let mut model = bins.split::<2>(&[0.5], 30.0);
        let mut last = model.log_likelihood(&bins);
        for _ in 0..20 {
            let next = model.fit(&bins, Stop { iterations: 1, gain: 0.0 });
            let now = next.log_likelihood(&bins);
            assert!(now >= last - 1e-6, "{now} {last}");
            (model, last) = (next, now);
        }
        let map = model.mmpp(&bins).unwrap();
        assert!((map.d1()[(0, 0)] - 9.7).abs() < 0.1, "{map:?}");
        assert!((map.d1()[(1, 1)] - 49.7).abs() < 0.1, "{map:?}");
        // 80 and 20 bins on average from change to change seen: a little less with the unseen changes.
        assert!((1.0 / map.d0()[(0, 1)] - 77.5).abs() < 1.0, "{map:?}");
        assert!((1.0 / map.d0()[(1, 0)] - 19.4).abs() < 0.5, "{map:?}");
        assert!((map.rate() / bins.mean() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn levels_so_far_apart_that_emissions_underflow_keep_the_likelihood_monotone() {
        let level = |i: u32| [3, 4000, 90_000][(i / 50 % 3) as usize] + i * 7 % 3;
        let counts = Counts { bin: Span::from_secs(60), counts: (0..3000).map(level).collect() };
        let bins = Bins::new(&counts, 1);
        // `fit` panics where the likelihood falls.
        let model = bins.split::<2>(&[0.5], 10.0).fit(&bins, Stop { iterations: 50, gain: 1e-6 });
        assert!(model.log_likelihood(&bins) > bins.poisson_log_likelihood());
        let model = bins.split::<3>(&[0.33, 0.67], 10.0).fit(&bins, Stop { iterations: 50, gain: 1e-6 });
        assert!((model.mean[1] - 4001.0).abs() < 1.0 && (model.mean[2] - 90_001.0).abs() < 1.0);
    }

    #[test]
    fn one_state_is_poisson() {
        let bins = Bins::new(&two_levels(), 1);
        let one = Hmm::<1>::of(&Map::poisson(bins.mean()), 1.0);
        let direct = bins.poisson_log_likelihood();
        assert!((one.log_likelihood(&bins) / direct - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_state_is_known_where_the_levels_are_far_apart() {
        let bins = Bins::new(&two_levels(), 1);
        let map = Map::mmpp(&[10.0, 50.0], &[80.0, 20.0]).unwrap();
        let law = Hmm::<2>::of(&map, 1.0).smoothed(&bins);
        assert!(law[40][0] > 0.999 && law[90][1] > 0.999);
    }
}
