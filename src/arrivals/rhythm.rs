//! How slowly a workload varies: what is known of it before it is simulated.
//!
//! A run is evidence of as many bursts as it holds, however many requests come in each.

use super::map::Map;
use super::schedule::{Process, Schedule};
use crate::numeric::matrix::Matrix;
use crate::units::Span;

/// What is known of how a workload varies.
#[derive(Debug, Clone, PartialEq)]
pub enum Rhythm {
    /// One law throughout.
    Steady(Beat),
    /// Laws that take turns, each for some time, then from the first on again.
    Turns(Vec<(Span, Beat)>),
    /// A trace: one day of a law that nobody knows.
    Unknown,
}

/// The time scales of a process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Beat {
    /// What the phase is matters no more after a few times this; 0 without phases.
    pub relaxation_s: f64,
    /// The mean time from the beginning of one burst to that of the next; 0 without bursts.
    pub burst_s: f64,
}

/// Phases whose rates differ by less than this share make no bursts.
const ALIKE: f64 = 0.01;
/// Bursts with a smaller share of the requests, or that leave a smaller one to the rest, do not count.
const LEAST_SHARE: f64 = 0.01;
/// Squarings of the deviation matrix: its spectral radius is then known to order^(1/2^12).
const SQUARINGS: i32 = 12;

impl Rhythm {
    /// Of a schedule of processes.
    pub fn of_schedule(schedule: &Schedule) -> Rhythm {
        let beat = |process: &Process| match process {
            Process::Map(map) => Beat::of(map),
            // Gaps that are independent make no bursts.
            Process::Silent | Process::Renewal(_) => Beat::default(),
        };
        Rhythm::Turns(schedule.segments.iter().map(|s| (s.duration, beat(&s.process))).collect())
    }
}

impl Beat {
    /// Of a process.
    ///
    /// The relaxation time is 1 / |the second eigenvalue| of the phase's generator Q. It is the spectral radius of
    /// the deviation matrix (e pi - Q)^-1 - e pi (Aldous and Fill, "Reversible Markov Chains and Random Walks on
    /// Graphs", 2002, section 2.2). Bursts are passages from phases up to some arrival rate to phases above it, at
    /// the rate at which they are rarest; there are no more of them than one in 4 relaxation times, which is
    /// what an even on-off process has.
    pub fn of(process: &Map) -> Beat {
        let rates = process.d1().row_sums();
        let most = rates.iter().copied().fold(0.0, f64::max);
        if rates.iter().all(|rate| *rate >= (1.0 - ALIKE) * most) {
            return Beat::default();
        }
        let (generator, law) = (process.generator(), process.phase_law());
        let relaxation_s = relaxation_s(&generator, &law);
        let rarest = rates.iter().filter_map(|level| passages_s(&generator, &law, &rates, *level));
        Beat { relaxation_s, burst_s: rarest.fold(4.0 * relaxation_s, f64::max) }
    }
}

fn relaxation_s(generator: &Matrix, law: &[f64]) -> f64 {
    let ergodic = Matrix::from_fn(law.len(), |_, j| law[j]);
    // In units of the fastest phase, so that the inverse is well scaled.
    let scale = (0..law.len()).map(|i| -generator[(i, i)]).fold(0.0, f64::max);
    let Some(inverse) = (&ergodic - &generator.scaled(1.0 / scale)).inverse() else { return f64::INFINITY };
    let mut power = &inverse - &ergodic;
    let mut logarithm = 0.0;
    for k in 0..=SQUARINGS {
        let norm = power.cells().iter().map(|cell| cell.abs()).fold(0.0, f64::max);
        if norm == 0.0 {
            return 0.0;
        }
        logarithm += norm.ln() / f64::from(2_i32.pow(k as u32));
        let unit = power.scaled(1.0 / norm);
        power = &unit * &unit;
    }
    logarithm.exp() / scale
}

/// The mean time between passages from rates up to `level` to rates above it; `None` where too few requests come on
/// one side of it.
fn passages_s(generator: &Matrix, law: &[f64], rates: &[f64], level: f64) -> Option<f64> {
    let order = law.len();
    let requests: f64 = (0..order).map(|i| law[i] * rates[i]).sum();
    let below: f64 = (0..order).filter(|i| rates[*i] <= level).map(|i| law[i] * rates[i]).sum();
    let share = below / requests;
    if !(LEAST_SHARE..=1.0 - LEAST_SHARE).contains(&share) {
        return None;
    }
    let up = |i: usize| (0..order).filter(|j| rates[*j] > level).map(|j| generator[(i, j)]).sum::<f64>();
    let flow: f64 = (0..order).filter(|i| rates[*i] <= level).map(|i| law[i] * up(i)).sum();
    Some(1.0 / flow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-3, "{found} is not {expected}");
    }

    #[test]
    fn an_on_off_process_has_a_burst_each_cycle() {
        let beat = Beat::of(&Map::mmpp(&[10.0, 100.0], &[600.0, 60.0]).unwrap());
        close(beat.relaxation_s, 1.0 / (1.0 / 600.0 + 1.0 / 60.0));
        close(beat.burst_s, 660.0);
        let fast = Beat::of(&Map::mmpp(&[2.0, 200.0], &[0.5, 0.05]).unwrap());
        close(fast.burst_s, 0.55);
    }

    /// From each of three states the next is either other: generator eigenvalues are 0 and, twice, -3 / (2 s).
    #[test]
    fn three_states_relax_as_their_generator_does() {
        let beat = Beat::of(&Map::mmpp(&[1.0, 10.0, 100.0], &[8.0; 3]).unwrap());
        close(beat.relaxation_s, 2.0 * 8.0 / 3.0);
        // The law is even, so the passages above 10/s, and those above 1/s, come at (2 / 3) / 16 and (1 / 3) / 8.
        close(beat.burst_s, 24.0);
    }

    #[test]
    fn without_other_rates_there_are_no_bursts() {
        assert_eq!(Beat::of(&Map::poisson(3.0)), Beat::default());
        let even = Map::mmpp(&[5.0, 5.0], &[100.0, 1.0]).unwrap();
        assert_eq!(Beat::of(&even), Beat::default());
    }
}
