//! What makes a log doubtful: calls of another function, and change within it.

use std::collections::BTreeMap;

use super::call::Log;
use super::idle::seen;
use super::stats;
use crate::units::MemoryMb;

/// Environments of two functions differ by this much at least, and by as many deviations within one.
const APART: (f64, f64) = (1.15, 2.5);
/// Environments with fewer calls say nothing.
const FEWEST: usize = 5;
/// A smaller share of the calls may be anything.
const SHARE: f64 = 0.02;

/// Why the calls are those of more than one function, in a sentence each.
pub fn mixed(log: &Log) -> Vec<String> {
    let mut reasons = Vec::new();
    if log.functions.len() > 1 {
        let names: Vec<&str> = log.functions.keys().map(String::as_str).take(4).collect();
        reasons.push(format!("it names {} functions ({})", log.functions.len(), names.join(", ")));
    }
    let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
    log.calls.iter().filter_map(|call| call.memory).for_each(|m| *sizes.entry(m.0).or_default() += 1);
    let common = |count: &&usize| **count as f64 >= SHARE * log.calls.len() as f64;
    if sizes.values().filter(common).count() > 1 {
        let list: Vec<String> = sizes.keys().map(|mb| MemoryMb(*mb).to_string()).collect();
        reasons.push(format!("its calls ran at {}", list.join(" and ")));
    }
    let found = seen(&log.calls);
    let overlaps = found.overlaps;
    if found.born_again >= 3 {
        reasons.push(format!(
            "an environment is new once, and {} are new again under the number of another",
            found.born_again
        ));
    }
    if overlaps >= 3 && overlaps * 200 >= log.calls.len() {
        reasons.push(format!(
            "an environment serves one call at a time, and {overlaps} calls overlap another in theirs"
        ));
    }
    reasons.extend(by_environment(log));
    reasons
}

/// Two groups of environments whose service times are apart.
fn by_environment(log: &Log) -> Option<String> {
    let mut durations: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for call in log.calls.iter().filter(|call| !call.is_cold()) {
        if let Some(environment) = call.environment {
            durations.entry(environment).or_default().push(call.duration / call.members.len() as f64);
        }
    }
    let mut groups: Vec<(f64, f64, usize)> = durations
        .into_values()
        .filter(|all| all.len() >= FEWEST)
        .map(|all| {
            let (count, deviation) = (all.len(), stats::deviation(&all));
            (stats::quantile(&stats::sorted(all), 0.5), deviation, count)
        })
        .collect();
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    let calls: usize = groups.iter().map(|(.., count)| count).sum();
    let mut below = 0;
    for pair in groups.windows(2) {
        let [(low, within, count), (high, other, _)] = pair else { continue };
        below += count;
        let share = below as f64 / calls as f64;
        let apart = high / low >= APART.0 && high - low >= APART.1 * within.max(*other);
        if apart && (SHARE..=1.0 - SHARE).contains(&share) {
            return Some(format!(
                "its environments fall in two groups: {:.1} % of the calls are served in about {:.0} ms, the others in {:.0} ms and more",
                100.0 * share,
                1e3 * low,
                1e3 * high
            ));
        }
    }
    None
}

/// A change of the service times within the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// When \[s\].
    pub at: f64,
    /// The median after it over the median before it.
    pub ratio: f64,
    /// The probability of such a statistic without a change.
    pub p: f64,
}

/// Groups of consecutive calls that are compared; their means hardly depend on each other.
const GROUPS: usize = 400;

/// The change point of the service times in warm environments, by Pettitt's rank test: K = max |U_t| with U_t the sum of
/// sign(x_i - x_j) over i <= t < j, and p = 2 exp(-6 K^2 / (n^3 + n^2)). Source: Pettitt, Applied Statistics 28(2), 1979.
pub fn change(log: &Log) -> Option<Change> {
    let warm: Vec<(f64, f64)> = log
        .calls
        .iter()
        .filter(|call| !call.is_cold())
        .map(|call| (call.sent, call.duration / call.members.len() as f64))
        .collect();
    let size = warm.len().div_ceil(GROUPS).max(5);
    let means: Vec<(f64, f64)> = warm
        .chunks_exact(size)
        .map(|part| (part[0].0, stats::quantile(&stats::sorted(part.iter().map(|c| c.1).collect()), 0.5)))
        .collect();
    let n = means.len();
    if n < 10 {
        return None;
    }
    let rank = |x: f64| {
        let sign = |y: f64| (x > y) as i64 - (x < y) as i64;
        means.iter().map(|(_, y)| sign(*y)).sum::<i64>()
    };
    // U_t is the sum of the signs of the first t against all: those among the first t cancel.
    let (mut sum, mut most) = (0, (0_i64, 0));
    for (t, (_, x)) in means.iter().enumerate().take(n - 1) {
        sum += rank(*x);
        if sum.abs() > most.0 {
            most = (sum.abs(), t + 1);
        }
    }
    let (k, m) = (most.0 as f64, n as f64);
    let p = (2.0 * (-6.0 * k * k / (m.powi(3) + m.powi(2))).exp()).min(1.0);
    let median =
        |part: &[(f64, f64)]| stats::quantile(&stats::sorted(part.iter().map(|x| x.1).collect()), 0.5);
    let ratio = median(&means[most.1..]) / median(&means[..most.1]);
    Some(Change { at: means[most.1].0, ratio, p })
}

impl Change {
    /// Is it beyond chance, and large enough to matter?
    pub fn is_real(&self) -> bool {
        self.p < 1e-3 && (self.ratio - 1.0).abs() > 0.01
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::backtest::call::{Call, Member};
    use crate::numeric::streams::Streams;

    fn log(durations: impl Iterator<Item = (u32, f64)>) -> Log {
        let call = |(i, (environment, duration)): (usize, (u32, f64))| {
            let sent = 10.0 * i as f64;
            let members = vec![Member { arrived: sent, latency: duration }];
            let (ended, billed, cold, init, memory) = (sent + duration, None, Some(false), None, None);
            let environment = Some(environment);
            Call { members, sent, ended, duration, billed, cold, init, environment, memory }
        };
        Log { calls: durations.enumerate().map(call).collect(), ..Log::default() }
    }

    #[test]
    fn a_change_of_service_times_is_found_where_it_is_and_none_where_there_is_none() {
        let mut stream = Streams::new(8).stream("durations");
        let mut durations = |shift: f64| -> Vec<(u32, f64)> {
            (0..2000)
                .map(|i| (0, stream.random_range(1.0..1.2) * if i >= 1200 { 1.0 + shift } else { 1.0 }))
                .collect()
        };
        let found = change(&log(durations(0.03).into_iter())).unwrap();
        assert!(found.is_real() && (found.at / 12_000.0 - 1.0).abs() < 0.05, "{found:?}");
        assert!(!change(&log(durations(0.0).into_iter())).unwrap().is_real());
    }

    #[test]
    fn two_functions_are_told_by_their_environments() {
        let mut stream = Streams::new(9).stream("durations");
        let mut of = |long: f64| -> Vec<(u32, f64)> {
            (0..600)
                .map(|i| (i % 6, stream.random_range(1.0..1.1) * if i % 6 == 5 { long } else { 1.0 }))
                .collect()
        };
        let mixture = log(of(1.5).into_iter());
        assert!(mixed(&mixture)[0].contains("two groups"), "{:?}", mixed(&mixture));
        // Hosts differ a little.
        assert!(mixed(&log(of(1.05).into_iter())).is_empty());
    }
}
