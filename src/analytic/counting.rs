//! V(t): the law of the number of arrivals in a time t together with the phases at both ends.

use std::ops::Range;

use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// What is counted: the rates of changes of phase without (`d0`) and with a counted arrival (`d1`). Where their rows
/// sum to less than 0, the count ends with an arrival that is not among them.
#[derive(Debug, Clone, Copy)]
pub(in crate::analytic) struct Counted<'a> {
    pub d0: &'a Matrix,
    pub d1: &'a Matrix,
}

impl<'a> From<&'a Map> for Counted<'a> {
    fn from(map: &'a Map) -> Counted<'a> {
        Counted { d0: map.d0(), d1: map.d1() }
    }
}

/// V_j(t) for `j < levels`: cell `(i * order + k) * levels + j` is the probability that t holds j arrivals and
/// ends in phase k, having begun in phase i.
///
/// As a polynomial in j it multiplies: `V(s + t) = V(s) V(t)`, cut off at `levels`.
#[derive(Debug, Clone)]
pub(in crate::analytic) struct Counting {
    order: usize,
    levels: usize,
    /// Levels from here on are zero.
    used: usize,
    cells: Vec<f64>,
}

/// Terms of the uniformisation below this are left out; so are levels whose cells all are.
const NEGLIGIBLE: f64 = 1e-18;
/// See [`Counting::trimmed`].
const TRIFLE: f64 = 1e-20;
/// The longest time that is uniformised [events]; longer ones are squares.
pub(in crate::analytic) const WIDEST: f64 = 4.0;

impl Counting {
    /// V(0): no arrival, no change of phase.
    pub fn identity(order: usize, levels: usize) -> Counting {
        let mut cells = vec![0.0; order * order * levels];
        // A batch of 1 needs no level at all.
        for i in (0..order).filter(|_| levels > 0) {
            cells[i * (order + 1) * levels] = 1.0;
        }
        Counting { order, levels, used: 1, cells }
    }

    /// V at each of some times, few events long: by closed form where there is one phase, else by uniformisation.
    pub fn each(of: Counted<'_>, times: &[f64], levels: usize) -> Vec<Counting> {
        match of.d0.order() {
            1 => times.iter().map(|time| Counting::poisson(of, *time, levels)).collect(),
            _ => Counting::uniformised(of, uniformisation_rate(of), times, levels),
        }
    }

    /// V(t), however long t is, to within 1e-13: by closed form where there is one phase, which is quicker.
    pub fn quick(of: Counted<'_>, t: f64, levels: usize) -> Counting {
        match of.d0.order() {
            1 => Counting::poisson(of, t, levels),
            _ => Counting::at(of, t, levels, 0.0).0,
        }
    }

    /// One phase: `e^(-rate t) (counted t)^j / j!`.
    fn poisson(of: Counted<'_>, t: f64, levels: usize) -> Counting {
        let (all, counted) = (-of.d0[(0, 0)] * t, of.d1[(0, 0)] * t);
        let mut cells = vec![0.0; levels];
        if all < 700.0 {
            let mut cell = (-all).exp();
            for (j, to) in cells.iter_mut().enumerate() {
                *to = cell;
                cell *= counted / (j + 1) as f64;
            }
        } else {
            // The first terms are too small for a number.
            let mut logarithm = -all;
            for (j, to) in cells.iter_mut().enumerate() {
                *to = logarithm.exp();
                logarithm += (counted / (j + 1) as f64).ln();
            }
        }
        let mut counting = Counting { order: 1, levels, used: levels, cells };
        counting.used = counting.count_used();
        counting
    }

    /// V at each of some times by uniformisation at the rate theta [1/s]: the sum over k of the Poisson probability
    /// of k events times `(P0 + z P1)^k`, `P0 = I + D0 / theta`, `P1 = D1 / theta` (A. Jensen, Skandinavisk Aktuarietidskrift
    /// 36, 1953; for a MAP: Lucantoni 1991). For theta t up to about 10.
    pub fn uniformised(of: Counted<'_>, theta: f64, times: &[f64], levels: usize) -> Vec<Counting> {
        let event = Counting::event(of, theta, levels);
        let mut power = Counting::identity(of.d0.order(), levels);
        let mut next = power.cells.clone();
        let zero = Counting { cells: vec![0.0; next.len()], ..power };
        let mut sums = vec![zero; times.len()];
        let most = times.iter().copied().fold(0.0, f64::max) * theta;
        let mut weights: Vec<f64> = times.iter().map(|t| (-theta * t).exp()).collect();
        for count in 1_u32.. {
            for (sum, weight) in sums.iter_mut().zip(&weights).filter(|(_, weight)| **weight > NEGLIGIBLE) {
                let powers = power.cells.chunks_exact(levels);
                for (cells, power_cells) in sum.cells.chunks_exact_mut(levels).zip(powers) {
                    add_scaled(cells, *weight, &power_cells[..power.used]);
                }
            }
            let events = f64::from(count);
            weights.iter_mut().zip(times).for_each(|(weight, t)| *weight *= theta * t / events);
            if events > most && weights.iter().all(|weight| *weight < NEGLIGIBLE) {
                break;
            }
            event.after(&power.cells, &mut next);
            std::mem::swap(&mut power.cells, &mut next);
            power.used = (power.used + 1).min(levels);
        }
        sums.iter_mut().for_each(|sum| sum.used = sum.count_used());
        sums
    }

    /// `P0 + z P1`.
    fn event(of: Counted<'_>, theta: f64, levels: usize) -> Counting {
        let mut event = Counting::identity(of.d0.order(), levels);
        event.used = levels.min(2);
        for i in 0..event.order {
            for k in 0..event.order {
                let at = (i * event.order + k) * levels;
                event.cells[at] += of.d0[(i, k)] / theta;
                if levels > 1 {
                    event.cells[at + 1] = of.d1[(i, k)] / theta;
                }
            }
        }
        event
    }

    /// V(t), or V of the first halving of t at which `levels` arrivals have surely come, and that time [s]:
    /// surely is with all but the probability `never`, from whatever phase.
    pub fn at(of: Counted<'_>, t: f64, levels: usize, never: f64) -> (Counting, f64) {
        let theta = uniformisation_rate(of);
        let halvings = halvings(theta * t);
        let mut time = t / 2f64.powi(halvings as i32);
        let mut counting = Counting::uniformised(of, theta, &[time], levels).remove(0);
        for _ in 0..halvings {
            if counting.survival() < never {
                break;
            }
            counting = counting.times(&counting);
            time *= 2.0;
        }
        (counting, time)
    }

    /// V(s + t) of V(s) and V(t).
    pub fn times(&self, other: &Counting) -> Counting {
        let mut product = Counting { cells: vec![0.0; self.cells.len()], ..*self };
        other.after(&self.cells, &mut product.cells);
        product.used = product.count_used();
        product
    }

    /// Writes V(s + t) to `to` from V(s) in `from`; self is V(t). Both slices are laid out like the cells.
    pub fn after(&self, from: &[f64], to: &mut [f64]) {
        let all = 0..self.levels;
        self.after_within((from, &all), (to, &all));
    }

    /// The same where `from` is zero outside some levels, and what was in `to` before; returns those outside which it now is.
    pub fn after_within(
        &self,
        (from, reach): (&[f64], &Range<usize>),
        (to, stale): (&mut [f64], &Range<usize>),
    ) -> Range<usize> {
        let (order, levels) = (self.order, self.levels);
        to.chunks_exact_mut(levels).for_each(|line| line[stale.clone()].fill(0.0));
        let mut written = levels..0;
        let mut product = Product::default();
        for (line, row) in from.chunks_exact(levels).enumerate() {
            let (i, l) = (line / order, line % order);
            let left = something(row, reach);
            if left.is_empty() {
                continue;
            }
            product.take(&row[left.clone()], levels);
            for k in 0..order {
                let right = &self.cells[(l * order + k) * levels..][..self.used];
                let range = match right.len() {
                    0..=FEW => 0..right.iter().rposition(|cell| *cell > 0.0).map_or(0, |last| last + 1),
                    _ => something(right, &(0..right.len())),
                };
                let least = (left.start + range.start).min(levels);
                written = written.start.min(least)..written.end.max(left.end + range.end).min(levels);
                let out = &mut to[(i * order + k) * levels + least..][..levels - least];
                product.add(out, &right[range]);
            }
        }
        if written.is_empty() { 0..0 } else { written }
    }

    /// The same with what is far below the error of a product taken from the end of each line: off the diagonal, and in
    /// phases with few arrivals, levels end sooner than in others.
    pub fn trimmed(mut self) -> Counting {
        for line in self.cells.chunks_exact_mut(self.levels) {
            let end = line.iter().rposition(|cell| *cell > TRIFLE).map_or(0, |last| last + 1);
            line[end..].fill(0.0);
        }
        self
    }

    /// The largest probability, over the phase at the start, that `levels` arrivals have not come yet.
    pub fn survival(&self) -> f64 {
        let rows = self.cells.chunks_exact(self.order * self.levels);
        rows.map(|row| row.iter().sum::<f64>()).fold(0.0, f64::max)
    }

    /// All cells, in the order given above.
    pub fn cells(&self) -> &[f64] {
        &self.cells
    }

    fn count_used(&self) -> usize {
        let last = |cells: &[f64]| cells.iter().rposition(|cell| *cell > NEGLIGIBLE).map_or(0, |at| at + 1);
        self.cells.chunks_exact(self.levels).map(last).max().unwrap_or(0)
    }
}

/// So many levels are all looked at: to find those that are something would take longer.
const FEW: usize = 64;

/// The levels within a reach that are something: in a long time, few arrivals are as improbable as very many.
fn something(cells: &[f64], reach: &Range<usize>) -> Range<usize> {
    if cells.len() <= FEW {
        return reach.clone();
    }
    let within = &cells[reach.clone()];
    let end = within.iter().rposition(|cell| *cell > NEGLIGIBLE).map_or(0, |last| last + 1);
    let start = within[..end].iter().position(|cell| *cell > NEGLIGIBLE).unwrap_or(end);
    reach.start + start..reach.start + end
}

/// Multiplies one polynomial by several.
#[derive(Debug, Default)]
struct Product<'a> {
    from: &'a [f64],
    /// The same between zeros, where it is long: then several factors are taken at once.
    padded: Vec<f64>,
}

/// Factors that are taken at once, so that a sum is read and written once for all of them.
const AT_ONCE: usize = 8;
/// So few levels take longer with zeros around them.
const SHORT: usize = 16;

impl<'a> Product<'a> {
    fn take(&mut self, from: &'a [f64], levels: usize) {
        self.from = from;
        self.padded.clear();
        if levels >= SHORT {
            self.padded.resize(AT_ONCE - 1, 0.0);
            self.padded.extend_from_slice(from);
            self.padded.resize(from.len() + 2 * (AT_ONCE - 1), 0.0);
        }
    }

    /// `to += from factors`, as far as `to` goes.
    fn add(&self, to: &mut [f64], factors: &[f64]) {
        if self.padded.is_empty() {
            let few = factors.iter().take(to.len()).enumerate();
            few.for_each(|(q, factor)| add_scaled(&mut to[q..], *factor, self.from));
            return;
        }
        for (block, some) in factors.chunks(AT_ONCE).enumerate() {
            let mut factors = [0.0; AT_ONCE];
            factors[..some.len()].copy_from_slice(some);
            let Some(to) = to.get_mut(block * AT_ONCE..) else { break };
            add_several(to, &factors, &self.padded);
        }
    }
}

/// What [`add_scaled`] of each factor would add one after the other, in the same order.
#[inline(never)]
fn add_several(to: &mut [f64], factors: &[f64; AT_ONCE], padded: &[f64]) {
    let count = to.len().min(padded.len() - (AT_ONCE - 1));
    let (to, padded) = (&mut to[..count], &padded[..count + AT_ONCE - 1]);
    for (at, to) in to.iter_mut().enumerate() {
        let mut sum = *to;
        for (q, factor) in factors.iter().enumerate() {
            sum += factor * padded[at + AT_ONCE - 1 - q];
        }
        *to = sum;
    }
}

/// The rate of the events of a uniformisation [1/s].
pub(in crate::analytic) fn uniformisation_rate(of: Counted<'_>) -> f64 {
    (0..of.d0.order()).map(|i| -of.d0[(i, i)]).fold(0.0, f64::max)
}

/// How often so many events must be halved to be few enough for a uniformisation.
pub(in crate::analytic) fn halvings(events: f64) -> usize {
    (events / WIDEST).log2().ceil().max(0.0) as usize
}

/// `to += factor * from`, as far as `to` goes.
pub(in crate::analytic) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    for (sum, term) in to.iter_mut().zip(from) {
        *sum += factor * term;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_phase_has_the_same_levels_by_closed_form() {
        let one = |rate: f64| Matrix::from_rows(&[vec![rate]]).unwrap();
        let (d0, d1) = (one(-7.0), one(5.5));
        let of = Counted { d0: &d0, d1: &d1 };
        for (t, levels) in [(0.0, 3), (0.4, 12), (30.0, 300), (120.0, 1000)] {
            let (found, wanted) = (Counting::quick(of, t, levels), Counting::at(of, t, levels, 0.0).0);
            for (a, b) in found.cells().iter().zip(wanted.cells()) {
                assert!((a - b).abs() < 1e-13, "{t}: {a} {b}");
            }
        }
    }

    #[test]
    fn levels_are_the_blocks_of_a_matrix_exponential() {
        let matrix = |rows: [[f64; 2]; 2]| Matrix::from_rows(&rows.map(|row| row.to_vec())).unwrap();
        let map = Map::new(matrix([[-12.0, 1.0], [2.0, -60.0]]), matrix([[8.0, 3.0], [18.0, 40.0]])).unwrap();
        let (levels, t) = (9, 0.31);
        // Block bidiagonal: D0 on the diagonal, D1 above it.
        let generator = nalgebra::DMatrix::from_fn(2 * levels, 2 * levels, |row, column| {
            let cell = (row % 2, column % 2);
            match (column / 2).checked_sub(row / 2) {
                Some(0) => map.d0()[cell] * t,
                Some(1) => map.d1()[cell] * t,
                _ => 0.0,
            }
        });
        let oracle = generator.exp();
        let (counting, time) = Counting::at((&map).into(), t, levels, 0.0);
        assert_eq!(time, t);
        for i in 0..2 {
            for k in 0..2 {
                for j in 0..levels {
                    let found = counting.cells()[(i * 2 + k) * levels + j];
                    assert!((found - oracle[(i, 2 * j + k)]).abs() < 1e-13, "{i} {k} {j}");
                }
            }
        }
    }
}
