//! The waits in a buffer that always fills before its timeout.
//!
//! A batch of B then holds, by the number r of requests that come after it, one request that waits until r have come. With
//! `beta_r` the phase just after that request, `beta_{B-1}` that of the opener and `beta_{r-1} = beta_r E`, the requests per
//! batch that wait at most w are `G(w) = B - sum over q of gamma_q V_q(w) e`, where `gamma_q` is the sum of `beta_r` over
//! `r > q`: T does not enter, and there are no pairs of w and T - w.
//!
//! By uniformisation (see [`Counting::uniformised`](crate::analytic::counting)) `V(w)` is the sum over k of the Poisson
//! probability of k events times `(P0 + z P1)^k`. So G at every w follows from the numbers
//! `s_k = sum over q of gamma_q ((P0 + z P1)^k)_q e`, the requests that still wait after k events.

use super::nodes::dot_in_lanes;
use crate::analytic::counting::{Counted, Counting, add_scaled, uniformisation_rate};
use crate::arrivals::map::Map;
use crate::numeric::matrix::Matrix;

/// G in full batches, for every wait.
#[derive(Debug, Clone)]
pub(super) struct Filling {
    batch: f64,
    /// Events a second.
    theta: f64,
    /// By the number of events: requests per batch that still wait.
    waiting: Vec<f64>,
}

/// Probabilities below this are nothing.
const NOTHING: f64 = 1e-22;
/// Requests below this are nothing.
const NOBODY: f64 = 1e-18;
/// So many events a request, at most, are followed; beyond them a walk from node to node is quicker.
const MOST: f64 = 32.0;

impl Filling {
    /// Are waits up to `horizon` \[s\] quickly known, for batches of this size?
    pub fn is_quick(map: &Map, batch: usize, horizon: f64) -> bool {
        uniformisation_rate(Counted::from(map)) * horizon <= MOST * batch as f64
    }

    /// For batches that open in the phases `opening`; waits are up to `horizon` \[s\].
    pub fn new(map: &Map, batch: usize, opening: &[f64], horizon: f64) -> Filling {
        let theta = uniformisation_rate(Counted::from(map));
        let gamma = still_waiting(&map.embedded(), batch, opening);
        let mut counts = Counts::new(map, theta, batch - 1);
        let most = theta * horizon;
        let last = most + 9.0 * most.sqrt() + 60.0;
        let mut waiting = Vec::new();
        while (waiting.len() as f64) < last {
            let now = counts.weighed(&gamma);
            if now < NOBODY * batch as f64 {
                break;
            }
            waiting.push(now);
            counts.step();
        }
        Filling { batch: batch as f64, theta, waiting }
    }

    /// Requests per batch that wait at most `wait` \[s\], for one wait only: that takes less than the sums for all of them. Every
    /// request of a full batch sees the phases of the opener, to within what is taken as full, so that those who still wait are
    /// the sum over q of `(B - 1 - q) alpha V_q(w) e`; and `V(w) = V(w/2) V(w/2)`.
    pub fn once(map: &Map, batch: usize, opening: &[f64], wait: f64) -> f64 {
        let (order, levels) = (map.order(), batch - 1);
        let (half, _) = Counting::at(map.into(), wait / 2.0, levels, 0.0);
        let line = |i: usize, k: usize| &half.cells()[(i * order + k) * levels..][..levels];
        let mut waiting = 0.0;
        let (mut first, mut missing) = (vec![0.0; levels], vec![0.0; levels]);
        for k in 0..order {
            first.fill(0.0);
            opening.iter().enumerate().for_each(|(i, share)| add_scaled(&mut first, *share, line(i, k)));
            // By those that are missing after the first half, from the most down: how many of them still are after the second.
            let (mut fewer, mut sum) = (0.0, 0.0);
            for (b, missing) in missing.iter_mut().rev().enumerate() {
                fewer += (0..order).map(|l| line(k, l)[b]).sum::<f64>();
                sum += fewer;
                *missing = sum;
            }
            waiting += dot_in_lanes(&first, &missing);
        }
        batch as f64 - waiting
    }

    /// Requests per batch that wait at most `wait` \[s\].
    pub fn within(&self, wait: f64) -> f64 {
        // Poisson probabilities over that of the likeliest number of events.
        let mean = self.theta * wait;
        let mode = mean.floor() as usize;
        let at = |events: usize| self.waiting.get(events).copied().unwrap_or(0.0);
        let (mut total, mut waiting) = (1.0, at(mode));
        let mut weight = 1.0;
        for events in (0..mode).rev() {
            weight *= (events + 1) as f64 / mean;
            if weight < NOBODY {
                break;
            }
            total += weight;
            waiting += weight * at(events);
        }
        weight = 1.0;
        for events in mode + 1.. {
            weight *= mean / events as f64;
            if weight < NOBODY {
                break;
            }
            total += weight;
            waiting += weight * at(events);
        }
        self.batch - waiting / total
    }
}

/// By phase and q: `gamma_q`.
fn still_waiting(embedded: &Matrix, batch: usize, opening: &[f64]) -> Vec<Vec<f64>> {
    let mut gamma = vec![vec![0.0; batch - 1]; opening.len()];
    let (mut phase, mut next, mut sum) = (opening.to_vec(), opening.to_vec(), vec![0.0; opening.len()]);
    for q in (0..batch - 1).rev() {
        for ((gamma, sum), share) in gamma.iter_mut().zip(&mut sum).zip(&phase) {
            *sum += share;
            gamma[q] = *sum;
        }
        embedded.left_into(&phase, &mut next);
        std::mem::swap(&mut phase, &mut next);
    }
    gamma
}

/// The number of arrivals among some events, by the phase at the start.
struct Counts {
    /// The changes of phase at an event without and with an arrival.
    events: [Vec<Vec<f64>>; 2],
    /// By phase and number, as far as that is below the levels: the probability.
    now: Vec<Vec<f64>>,
    next: Vec<Vec<f64>>,
    /// Numbers from here on, and below that, are something.
    from: usize,
    to: usize,
}

impl Counts {
    fn new(map: &Map, theta: f64, levels: usize) -> Counts {
        let order = map.order();
        let rows = |matrix: &Matrix, stays: f64| {
            let cell = |i: usize, k: usize| matrix[(i, k)] / theta + if i == k { stays } else { 0.0 };
            (0..order).map(|i| (0..order).map(|k| cell(i, k)).collect()).collect()
        };
        let mut now = vec![vec![0.0; levels]; order];
        now.iter_mut().for_each(|line| line[0] = 1.0);
        let next = now.clone();
        Counts { events: [rows(map.d0(), 1.0), rows(map.d1(), 0.0)], now, next, from: 0, to: 1 }
    }

    fn weighed(&self, gamma: &[Vec<f64>]) -> f64 {
        let within = self.from..self.to;
        let lines = gamma.iter().zip(&self.now);
        lines.map(|(gamma, line)| dot_in_lanes(&gamma[within.clone()], &line[within.clone()])).sum()
    }

    /// One event more: the first of them.
    fn step(&mut self) {
        let (from, to) = (self.from, self.to);
        let end = (to + 1).min(self.next[0].len());
        let [without, with] = &self.events;
        for (i, next) in self.next.iter_mut().enumerate() {
            next[from..end].fill(0.0);
            for (l, line) in self.now.iter().enumerate() {
                if without[i][l] != 0.0 {
                    add_scaled(&mut next[from..to], without[i][l], &line[from..to]);
                }
                if with[i][l] != 0.0 {
                    add_scaled(&mut next[from + 1..end.max(from + 1)], with[i][l], &line[from..to]);
                }
            }
        }
        std::mem::swap(&mut self.now, &mut self.next);
        let is_something = |at: &usize| self.now.iter().any(|line| line[*at] > NOTHING);
        self.from = (from..end).find(is_something).unwrap_or(end);
        self.to = (self.from..end).rev().find(is_something).map_or(self.from, |last| last + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytic::exact::{BatchLaw, Levels};
    use crate::units::Span;

    fn map(d0: [[f64; 2]; 2], d1: [[f64; 2]; 2]) -> Map {
        let matrix = |rows: [[f64; 2]; 2]| Matrix::from_rows(&rows.map(|row| row.to_vec())).unwrap();
        Map::new(matrix(d0), matrix(d1)).unwrap()
    }

    #[test]
    fn one_phase_waits_for_arrivals_of_a_poisson_process() {
        let (rate, batch, wait) = (40.0, 80, 1.5);
        let mean: f64 = rate * wait;
        // The sum over r of the probability that r arrivals have come.
        let (mut weight, mut missing, mut within) = ((-mean).exp(), 1.0, 0.0);
        for r in 0..batch {
            within += missing;
            missing -= weight;
            weight *= mean / f64::from(r + 1);
        }
        let map = Map::poisson(rate);
        let filling = Filling::new(&map, batch as usize, &[1.0], 6.0);
        for found in [filling.within(wait), Filling::once(&map, batch as usize, &[1.0], wait)] {
            assert!((found - within).abs() < 1e-10, "{found} {within}");
        }
    }

    #[test]
    fn waits_of_one_time_are_those_of_pairs_of_times() {
        let modulated = map([[-63.0, 3.0], [1.0, -201.0]], [[60.0, 0.0], [0.0, 200.0]]);
        let general = map([[-70.0, 2.0], [5.0, -160.0]], [[48.0, 20.0], [35.0, 120.0]]);
        for map in [modulated, general, Map::poisson(90.0)] {
            let (batch, timeout) = (90, 4.0);
            let law = BatchLaw::new(&Levels::new(&map, 120, Span::from_secs_f64(timeout).unwrap()), batch);
            assert!(law.timed_out() < 1e-10, "the timeout counts: {}", law.timed_out());
            for step in 0..80 {
                let wait = 0.0499 * f64::from(step);
                let (found, pairs) = (law.within(90, wait), law.between(90, wait));
                assert!((found - pairs).abs() < 1e-8 * 90.0, "{wait}: {found} {pairs}");
                // Nobody has asked for waits of this one.
                let fresh =
                    BatchLaw::new(&Levels::new(&map, 120, Span::from_secs_f64(timeout).unwrap()), batch);
                let once = fresh.full_within(wait).expect("it fills");
                assert!((found - once).abs() < 1e-8 * 90.0, "{wait}: {found} {once}");
            }
        }
    }
}
