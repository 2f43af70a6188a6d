//! The largest arrival rate that a scenario's own configuration carries within its SLO.
//!
//! With environments that are always warm the analytic model is asked: a higher rate fills batches faster, so
//! that the latency need not rise with it. The scales are therefore scanned by quarters of an octave, and the
//! edges of every range that keeps the SLO are bisected. With a pool, whose limits no analytic model covers, the
//! simulation is asked: by doubling or halving from the scenario's own rate, then by bisection.

use super::chooser::{evidence, is_exact};
use super::constraint::Constraint;
use super::plan::{one_configuration, own_candidate};
use super::predict::{no_users, parts};
use super::verify::{Evidence, Verdict};
use crate::engine::simulate::simulate_at;
use crate::error::InputError;
use crate::outcome::Simulation;
use crate::scenario::Scenario;
use crate::scenario::workload::{Source, Workload};
use crate::units::Span;

/// Scales from 2^-REACH to 2^REACH are looked at.
const REACH: i32 = 10;
/// Steps of the scan in an octave.
const STEPS: i32 = 4;
/// Bisections of an edge between scanned scales.
const PREDICTED_HALVINGS: u32 = 20;
/// Bisections by simulation.
const SIMULATED_HALVINGS: u32 = 6;
/// Steps into a predicted range whose edge the simulation does not confirm.
const INWARD: u32 = 8;
/// A simulation of more requests than this is not begun.
const MOST_REQUESTS: u64 = 100_000_000;

/// What a configuration carries.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxRate {
    /// The largest scale that the simulation confirms; absent if none was found.
    pub scale: Option<f64>,
    /// Does it end where the search does?
    pub end: End,
    /// The ranges of scales that keep the SLO by prediction; one range by simulation.
    pub ranges: Vec<(f64, f64)>,
    /// The simulation at the scale.
    pub simulation: Option<(Simulation, Verdict)>,
    /// How many simulations it took.
    pub simulated: usize,
}

/// What ends the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The SLO, beyond the scale.
    Slo,
    /// The search: larger scales were not simulated.
    Search,
}

/// Finds the largest scale of the arrival rate: of the range that holds the scenario's own rate, else of the
/// last range below it, else of the first above. The own rate is never denied where its own run keeps what is asked.
///
/// # Errors
/// As those of a plan and of a simulation.
pub fn max_rate(scenario: &Scenario, constraint: &Constraint) -> Result<MaxRate, InputError> {
    one_configuration(scenario)?;
    no_users(scenario)?;
    let mut search = Search { scenario, constraint, simulated: 0 };
    match is_exact(scenario) {
        true => search.by_prediction(),
        false => search.by_simulation(),
    }
}

/// The simulations of a search.
struct Search<'a> {
    scenario: &'a Scenario,
    constraint: &'a Constraint,
    simulated: usize,
}

/// A scale with its simulation.
type Tried = (f64, (Simulation, Verdict));

fn scaled(scenario: &Scenario, scale: f64) -> Scenario {
    Scenario { workload: scenario.workload.scaled(scale), ..scenario.clone() }
}

impl Search<'_> {
    fn at(&mut self, scale: f64) -> Result<Tried, InputError> {
        self.simulated += 1;
        let simulation = simulate_at(&scaled(self.scenario, scale), self.scenario.setting())?;
        let verdict = Verdict::of(self.constraint, &simulation, evidence(self.scenario));
        Ok((scale, (simulation, verdict)))
    }

    fn by_prediction(&mut self) -> Result<MaxRate, InputError> {
        let ranges = predicted_ranges(self.scenario, self.constraint)?;
        let nearest = ranges.iter().copied().min_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        let reach = affordable(&self.scenario.workload).min(2_f64.powi(REACH));
        let (mut end, mut found, mut out) = (End::Slo, None, None);
        if let Some((low, high)) = nearest {
            end = if high >= reach { End::Search } else { End::Slo };
            let high = high.min(reach);
            // At the edge chance decides, so that some way into the range may be needed.
            for step in 0..=INWARD {
                let share = f64::from(step) / f64::from(INWARD);
                let tried = self.at(high * (low.max(high / 16.0) / high).powf(share))?;
                if tried.1.1.meets() {
                    found = Some(tried);
                    break;
                }
                (out, end) = (Some(tried.0), End::Slo);
            }
        }
        let found = match (found, out) {
            (Some(found), Some(out)) => Some(self.bisected(found, out)?),
            (found, _) => found,
        };
        self.answer(found, end, ranges)
    }

    fn by_simulation(&mut self) -> Result<MaxRate, InputError> {
        let own = self.at(1.0)?;
        let requests = own.1.0.requests.max(1) as f64;
        // A lower rate fills batches more slowly, so that both directions may do where the own rate does not.
        let directions: &[f64] = if own.1.1.meets() { &[2.0] } else { &[0.5, 2.0] };
        let (mut found, mut out) = if own.1.1.meets() { (Some(own), None) } else { (None, Some(1.0)) };
        'search: for step in 1..=REACH {
            for factor in directions {
                let scale = factor.powi(step);
                if scale * requests > MOST_REQUESTS as f64 {
                    continue;
                }
                let tried = self.at(scale)?;
                match (tried.1.1.meets(), found.is_some()) {
                    (true, true) => found = Some(tried),
                    (true, false) => {
                        // What is above the range misses: nearer to the own rate, if it lies below.
                        out = (*factor < 1.0).then_some(2.0 * scale);
                        found = Some(tried);
                        break 'search;
                    }
                    (false, true) => {
                        out = Some(scale);
                        break 'search;
                    }
                    (false, false) => {}
                }
            }
        }
        let end = if out.is_none() && found.is_some() { End::Search } else { End::Slo };
        let found = match (found, out) {
            (Some(found), Some(out)) => Some(self.bisected(found, out)?),
            (found, _) => found,
        };
        self.answer(found, end, Vec::new())
    }

    /// The largest scale between one that keeps what is asked and one that does not.
    fn bisected(&mut self, mut found: Tried, mut out: f64) -> Result<Tried, InputError> {
        for _ in 0..SIMULATED_HALVINGS {
            let tried = self.at((found.0 * out).sqrt())?;
            if tried.1.1.meets() { found = tried } else { out = tried.0 }
        }
        Ok(found)
    }

    fn answer(
        &mut self,
        found: Option<Tried>,
        end: End,
        ranges: Vec<(f64, f64)>,
    ) -> Result<MaxRate, InputError> {
        let found = match found {
            Some(found) if found.0 >= 1.0 => Ok(found),
            other => {
                let (scale, (simulation, _)) = self.at(1.0)?;
                let counted = Verdict::of(self.constraint, &simulation, Evidence::Counts);
                let own = (scale, (simulation, counted));
                if counted.meets() { Ok(own) } else { other.ok_or(own) }
            }
        };
        let simulated = self.simulated;
        let (scale, simulation) = match found {
            Ok((scale, simulation)) => (Some(scale), simulation),
            Err((_, own)) => (None, own),
        };
        Ok(MaxRate { scale, end, ranges, simulation: Some(simulation), simulated })
    }
}

/// The scale at which a simulation would have [`MOST_REQUESTS`], of a workload with known processes.
fn affordable(workload: &Workload) -> f64 {
    if workload.requests.is_some() {
        return f64::INFINITY; // as many at any rate
    }
    let seconds = workload.duration.map_or(0.0, Span::as_secs_f64);
    let expected = match &workload.source {
        Source::Process(map) => map.rate() * seconds,
        Source::Renewal(renewal) => renewal.rate() * seconds,
        _ => parts(workload).iter().flatten().map(|part| part.requests).sum(),
    };
    MOST_REQUESTS as f64 / expected
}

/// How far a range is from the scenario's own rate, on a logarithmic scale; those below come first.
fn distance((low, high): (f64, f64)) -> f64 {
    match (low <= 1.0, high >= 1.0) {
        (true, true) => 0.0,
        (true, false) => -high.ln(),
        _ => 1e3 + low.ln(),
    }
}

fn predicted_ranges(scenario: &Scenario, constraint: &Constraint) -> Result<Vec<(f64, f64)>, InputError> {
    let meets = |scale| own_candidate(&scaled(scenario, scale), constraint).map(|c| c.meets);
    let mut ranges: Vec<(f64, f64)> = Vec::new();
    let mut before: Option<f64> = None;
    let mut open = false;
    for step in -REACH * STEPS..=REACH * STEPS {
        let scale = 2_f64.powf(f64::from(step) / f64::from(STEPS));
        let kept = meets(scale)?;
        match (kept, open) {
            (true, false) => {
                let low = before.map_or(Ok(scale), |out| edge(&meets, scale, out))?;
                ranges.push((low, scale));
            }
            (true, true) => ranges.last_mut().expect("a range is open").1 = scale,
            (false, true) => {
                let last = ranges.last_mut().expect("a range is open");
                last.1 = edge(&meets, last.1, scale)?;
            }
            (false, false) => {}
        }
        (open, before) = (kept, Some(scale));
    }
    Ok(ranges)
}

/// The scale nearest to `out` that still keeps the SLO, as `kept` does.
fn edge(
    meets: &impl Fn(f64) -> Result<bool, InputError>,
    mut kept: f64,
    mut out: f64,
) -> Result<f64, InputError> {
    for _ in 0..PREDICTED_HALVINGS {
        let middle = (kept * out).sqrt();
        if meets(middle)? { kept = middle } else { out = middle }
    }
    Ok(kept)
}
