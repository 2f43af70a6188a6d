//! A scenario's arrivals, as often as they are asked for. A trace is read once.

use std::sync::OnceLock;

use super::predict::{Part, no_users, parts, parts_of, some};
use crate::arrivals::Arrivals;
use crate::arrivals::memory::InMemory;
use crate::engine::simulate::simulate_on;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::Simulation;
use crate::scenario::workload::Source;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// A trace with more arrivals is read anew each time: 8 bytes each.
const MOST_KEPT: usize = 1 << 25;

/// The arrivals of a scenario's first replication.
#[derive(Debug)]
pub struct Replayed<'a> {
    scenario: &'a Scenario,
    /// Times and, where the trace has counts, their bin.
    kept: Option<(Vec<Time>, Option<Span>)>,
    parts: OnceLock<Result<Vec<Part>, InputError>>,
}

impl<'a> Replayed<'a> {
    /// Reads the scenario's trace, if it has one.
    ///
    /// # Errors
    /// The trace cannot be read.
    pub fn new(scenario: &'a Scenario) -> Result<Replayed<'a>, InputError> {
        let mut replayed = Replayed { scenario, kept: None, parts: OnceLock::new() };
        if let Source::Trace(_) = scenario.workload.source {
            let mut trace = replayed.open()?;
            let (bin, mut times) = (trace.bin(), Vec::new());
            let mut before = usize::MAX;
            while times.len() != before && times.len() <= MOST_KEPT {
                before = times.len();
                trace.fill(&mut times)?;
            }
            drop(trace);
            replayed.kept = (times.len() <= MOST_KEPT).then_some((times, bin));
        }
        Ok(replayed)
    }

    /// These arrivals, whatever the scenario's workload is.
    pub fn of(scenario: &'a Scenario, times: Vec<Time>) -> Replayed<'a> {
        Replayed { scenario, kept: Some((times, None)), parts: OnceLock::new() }
    }

    /// All arrivals from the first on.
    ///
    /// # Errors
    /// The trace cannot be read.
    pub fn open(&self) -> Result<Box<dyn Arrivals + '_>, InputError> {
        match &self.kept {
            Some((times, bin)) => {
                Ok(self.scenario.workload.stop.watching(Box::new(InMemory::new(times).of_bins(*bin))))
            }
            None => self.scenario.workload.open(Streams::new(self.scenario.seed).part(0)),
        }
    }

    /// The processes behind the arrivals; a trace, or a process without phases, is fitted when it is first asked.
    ///
    /// # Errors
    /// The trace cannot be read, or says too little to fit.
    pub fn parts(&self) -> Result<&[Part], InputError> {
        let fitted =
            || no_users(self.scenario).and_then(|()| some(self.scenario, parts_of(&mut *self.open()?)?));
        let found = self.parts.get_or_init(|| parts(&self.scenario.workload).map_or_else(fitted, Ok));
        found.as_deref().map_err(InputError::clone)
    }

    /// How many there are: of a process, as many as are expected.
    pub fn requests(&self) -> f64 {
        let expected = || {
            let workload = &self.scenario.workload;
            let seconds = workload.duration.map_or(f64::INFINITY, |duration| duration.as_secs_f64());
            let asked = workload.requests.map_or(f64::INFINITY, |requests| requests as f64);
            match (&workload.source, parts(workload)) {
                (Source::Process(map), _) => (map.rate() * seconds).min(asked),
                (Source::Renewal(renewal), _) => (renewal.rate() * seconds).min(asked),
                (Source::Memory(memory), _) => (memory.held.count() as f64).min(asked),
                (Source::Closed(_), _) if asked.is_finite() => asked,
                (_, Some(parts)) => parts.iter().map(|part| part.requests).sum(),
                (_, None) => MOST_KEPT as f64,
            }
        };
        self.kept.as_ref().map_or_else(expected, |(times, _)| times.len() as f64)
    }

    /// Simulates a configuration on them.
    ///
    /// # Errors
    /// The profile does not cover the setting; the trace cannot be read; no request came.
    pub fn simulate(&self, scenario: &Scenario, setting: Setting) -> Result<Simulation, InputError> {
        simulate_on(scenario, setting, self.open()?)
    }
}
