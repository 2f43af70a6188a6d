//! The calls that were found, and what they say together.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Observation, Observations};
use crate::profile::LARGEST_BATCH;

/// One call of the function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The request's id; empty where a query left it out.
    pub id: String,
    /// Memory size \[MB\], where it was logged.
    pub memory_mb: Option<u32>,
    /// Requests in the batch, where it is known.
    pub batch: Option<u32>,
    /// Time in the handler \[s\].
    pub duration_s: f64,
    /// Time to initialise or to restore \[s\], where it was an environment's first call.
    pub init_s: Option<f64>,
    /// When the handler started [ns since 1970].
    pub started: Option<i64>,
    /// The environment that served it.
    pub stream: Option<u32>,
    /// Why it failed, if it did: its duration is no service time.
    pub failure: Option<String>,
}

/// All calls of the logs that were read, in the order of their REPORTs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calls {
    /// The calls.
    pub calls: Vec<Call>,
    /// How many REPORTs were skipped, by reason.
    pub skipped: BTreeMap<String, usize>,
    /// How many lines were something else, by what they were.
    pub others: BTreeMap<&'static str, usize>,
    /// The first line that is none of the platform's.
    pub first_other: Option<String>,
}

impl Calls {
    /// What can be used as service times; `memory_mb` stands in where a query left the memory size out.
    pub fn observations(&self, memory_mb: Option<u32>) -> Observations {
        let mut all = Observations { skipped: self.skipped.clone(), ..Observations::default() };
        for call in &self.calls {
            if let Some(reason) = &call.failure {
                all.failed += 1;
                all.skip(format!("with {reason}"));
                continue;
            }
            let Some(batch) = call.batch.filter(|b| *b > 0) else {
                all.skip("without a batch size");
                continue;
            };
            if batch > LARGEST_BATCH {
                all.skip(format!("with a batch of more than {LARGEST_BATCH}"));
                continue;
            }
            let Some(memory_mb) = call.memory_mb.or(memory_mb) else {
                all.skip("without a memory size: add @memorySize to the query, or say it with --memory");
                continue;
            };
            all.found.push(Observation { memory_mb, batch, service_s: call.duration_s, init_s: call.init_s });
        }
        all.others = self.others.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
        all.first_other = self.first_other.clone();
        all.notes = self.notes();
        all
    }

    /// When the calls started [ns since 1970], ascending, and how many calls have no time.
    pub fn starts(&self) -> (Vec<i64>, usize) {
        let mut starts: Vec<i64> = self.calls.iter().filter_map(|call| call.started).collect();
        starts.sort_unstable();
        let missing = self.calls.len() - starts.len();
        (starts, missing)
    }

    /// What a reader should know of the calls together, a sentence each.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let total = self.calls.len();
        let first = self.calls.iter().filter(|call| call.init_s.is_some()).count();
        if total > 0 {
            let share = 100.0 * first as f64 / total as f64;
            let environments: BTreeSet<u32> = self.calls.iter().filter_map(|call| call.stream).collect();
            let known = match environments.len() {
                0 => "the log does not name its log streams, so their environments are not known".into(),
                1 => "1 environment (log stream)".into(),
                n => format!("{n} environments (log streams)"),
            };
            notes.push(format!("cold starts: {first} of {total} calls ({share:.3} %); {known}"));
        }
        notes.extend(self.surcharge());
        notes
    }

    /// How much longer first calls take in the handler, beside their initialisation.
    fn surcharge(&self) -> Option<String> {
        let good = || self.calls.iter().filter(|call| call.failure.is_none());
        let mut warm = BTreeMap::<(Option<u32>, Option<u32>), (f64, usize)>::new();
        for call in good().filter(|call| call.init_s.is_none()) {
            let sum = warm.entry((call.memory_mb, call.batch)).or_default();
            *sum = (sum.0 + call.duration_s, sum.1 + 1);
        }
        let beside = |call: &Call| {
            let (sum, count) = warm.get(&(call.memory_mb, call.batch))?;
            Some((call.duration_s, sum / *count as f64))
        };
        let pairs: Vec<(f64, f64)> = good().filter(|call| call.init_s.is_some()).filter_map(beside).collect();
        let n = pairs.len() as f64;
        let [first, warm] =
            [pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n];
        (!pairs.is_empty()).then(|| {
            let percent = 100.0 * (first / warm - 1.0);
            format!(
                "first calls take {:.1} ms in the handler, later ones {:.1} ms: a surcharge of {:+.1} ms ({percent:+.1} %) beside the initialisation",
                1e3 * first,
                1e3 * warm,
                1e3 * (first - warm)
            )
        })
    }
}
