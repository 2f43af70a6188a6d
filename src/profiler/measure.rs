//! The measurement protocol for one model at one batch size: pure of processes and runtimes.

use super::clock::{Lap, Scope, Stopwatch};

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// The 95 % interval of the median is to be within this share of it.
    pub precision: f64,
    /// Stop after this long \[s\] in any case.
    pub limit_s: f64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// CPU times of the kept repetitions \[s\], ascending, for one run of the model.
    pub cpu_s: Vec<f64>,
    /// Wall times of the kept repetitions \[s\], ascending.
    pub wall_s: Vec<f64>,
    /// Repetitions dropped because something else ran meanwhile.
    pub dropped: usize,
    /// Half the 95 % interval of the median, as a share of it.
    pub half_width: f64,
}

/// A repetition whose wall time exceeds its CPU time by more than this factor was interfered with.
const INTERFERED: f64 = 1.1;
/// A repetition lasts at least this long [s], so that reading the clocks (under 1 us) does not count.
const LEAST_S: f64 = 200e-6;
const FEWEST: usize = 15;
const MOST: usize = 5000;
/// Two-sided 95 % quantile of the normal distribution.
const Z95: f64 = 1.96;

/// Warms up, then repeats `run` until the median's interval is narrow enough or time is up.
///
/// With one thread the median is of CPU time and interference shows as wall time beyond CPU time; with several it is
/// of wall time, and repetitions that took more than 1.5 times the least are dropped. Where all was interfered with,
/// everything counts: `dropped` is then as large as the number kept.
pub fn repeat(
    effort: Effort,
    threads: usize,
    mut run: impl FnMut() -> Result<(), String>,
) -> Result<Series, String> {
    let scope = if threads == 1 { Scope::Thread } else { Scope::Process };
    let inner = warm_up(effort, &mut run)?;
    let watch = Stopwatch::start(scope);
    let mut laps = Vec::new();
    let mut check_at = FEWEST;
    loop {
        let lap = Stopwatch::start(scope);
        for _ in 0..inner {
            run()?;
        }
        let Lap { wall_s, cpu_s } = lap.lap();
        laps.push(Lap { wall_s: wall_s / inner as f64, cpu_s: cpu_s / inner as f64 });
        let late = watch.lap().wall_s > effort.limit_s;
        if laps.len() >= check_at || late {
            let series = sift(&laps, threads);
            let precise = series.cpu_s.len() >= FEWEST && series.half_width <= effort.precision;
            if precise || late || laps.len() >= MOST {
                return Ok(series);
            }
            check_at = laps.len() + laps.len() / 4 + 1;
        }
    }
}

/// Runs for a tenth of a second or thrice, whichever is longer; how many runs make a repetition.
fn warm_up(effort: Effort, run: &mut impl FnMut() -> Result<(), String>) -> Result<usize, String> {
    let watch = Stopwatch::start(Scope::Thread);
    let mut fastest = f64::INFINITY;
    let mut runs = 0;
    loop {
        let lap = Stopwatch::start(Scope::Thread);
        run()?;
        fastest = fastest.min(lap.lap().wall_s);
        runs += 1;
        let spent = watch.lap().wall_s;
        if (runs >= 3 && spent >= 0.1) || spent > effort.limit_s / 2.0 {
            return Ok(((LEAST_S / fastest.max(1e-9)).ceil() as usize).max(1));
        }
    }
}

fn sift(laps: &[Lap], threads: usize) -> Series {
    let least = laps.iter().map(|lap| lap.wall_s).fold(f64::INFINITY, f64::min);
    let clean = |lap: &&Lap| match threads {
        1 => lap.wall_s <= INTERFERED * lap.cpu_s,
        _ => lap.wall_s <= 1.5 * least,
    };
    let mut kept: Vec<Lap> = laps.iter().filter(clean).copied().collect();
    let dropped = laps.len() - kept.len();
    if kept.len() < FEWEST.min(dropped) {
        kept = laps.to_vec();
    }
    let sorted = |of: fn(&Lap) -> f64| {
        let mut times: Vec<f64> = kept.iter().map(of).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (cpu_s, wall_s) = (sorted(|l| l.cpu_s), sorted(|l| l.wall_s));
    let half_width = half_width(if threads == 1 { &cpu_s } else { &wall_s });
    Series { cpu_s, wall_s, dropped, half_width }
}

/// Half the distribution-free 95 % interval of the median as a share of it: the order statistics of ranks
/// `n/2 -+ 0.98 sqrt(n)` (normal approximation to the binomial; Conover 1999, section 3.2). Infinite below 6 values.
fn half_width(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let reach = Z95 / 2.0 * n.sqrt();
    let (low, high) = ((n / 2.0 - reach).floor(), (n / 2.0 + reach).ceil());
    if n < 6.0 || low < 0.0 || high > n - 1.0 {
        return f64::INFINITY;
    }
    let middle = sorted[sorted.len() / 2];
    (sorted[high as usize] - sorted[low as usize]) / 2.0 / middle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfered_repetitions_are_dropped_unless_there_are_no_others() {
        let good = Lap { wall_s: 1.0, cpu_s: 0.99 };
        let bad = Lap { wall_s: 1.5, cpu_s: 1.05 };
        let mut laps = vec![good; 20];
        laps.extend([bad; 5]);
        let series = sift(&laps, 1);
        assert_eq!((series.cpu_s.len(), series.dropped, series.half_width), (20, 5, 0.0));
        let all = sift(&[bad; 30], 1);
        assert_eq!((all.cpu_s.len(), all.dropped), (30, 30));
    }

    #[test]
    fn the_interval_of_the_median_covers_it_and_shrinks() {
        let sorted = |n: usize| (0..n).map(|i| 1.0 + i as f64 / n as f64).collect::<Vec<_>>();
        // For a uniform sample on [1, 2] the ranks' distance is 1.96 sqrt(n) / n, here 0.196 / 1.5 / 2.
        assert!((half_width(&sorted(100)) - 0.0667).abs() < 0.01, "{}", half_width(&sorted(100)));
        assert!(half_width(&sorted(10_000)) < 0.01);
        assert_eq!(half_width(&sorted(5)), f64::INFINITY);
    }

    #[test]
    fn repeating_stops_at_the_limit() {
        let effort = Effort { precision: 0.0, limit_s: 0.05 };
        let series = repeat(effort, 1, || {
            std::hint::black_box((0..2000).map(|x| f64::from(x).sqrt()).sum::<f64>());
            Ok(())
        });
        assert!(!series.unwrap().cpu_s.is_empty());
        assert_eq!(repeat(effort, 1, || Err("broken".into())).unwrap_err(), "broken");
    }
}
