//! The largest arrival rate that a scenario's own configuration carries within its SLO.
//!
//! With environments that are always warm the analytic model is asked: a higher rate fills batches faster, so
//! that the latency need not rise with it. The scales are therefore scanned by quarters of an octave, and the
//! edges of every range that keeps the SLO are bisected. With a pool, whose limits no analytic model covers, the
//! simulation is asked: by doubling or halving from the scenario's own rate, then by bisection.

use super::constraint::Constraint;
use super::plan::own_candidate;
use super::predict::parts;
use super::verify::Verdict;
use crate::engine::simulate::simulate_at;
use crate::error::InputError;
use crate::outcome::Simulation;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
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
/// last range below it, else of the first above.
///
/// Errors: as those of a plan and of a simulation.
pub fn max_rate(scenario: &Scenario, constraint: &Constraint) -> Result<MaxRate, InputError> {
    let warm = matches!(scenario.platform.environments, Environments::AlwaysWarm);
    match warm && parts(&scenario.workload).is_some() {
        true => by_prediction(scenario, constraint),
        false => by_simulation(scenario, constraint),
    }
}

fn scaled(scenario: &Scenario, scale: f64) -> Scenario {
    Scenario { workload: scenario.workload.scaled(scale), ..scenario.clone() }
}

fn simulated(
    scenario: &Scenario,
    constraint: &Constraint,
    scale: f64,
) -> Result<(Simulation, Verdict), InputError> {
    let simulation = simulate_at(&scaled(scenario, scale), scenario.setting())?;
    let verdict = Verdict::of(constraint, &simulation);
    Ok((simulation, verdict))
}

fn by_prediction(scenario: &Scenario, constraint: &Constraint) -> Result<MaxRate, InputError> {
    let mut asked = *constraint;
    let mut count = 0;
    loop {
        let ranges = predicted_ranges(scenario, &asked)?;
        let Some((_, scale)) = ranges.iter().copied().min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
        else {
            let end = End::Slo;
            return Ok(MaxRate { scale: None, end, ranges, simulation: None, simulated: count });
        };
        let reach = affordable(&scenario.workload).min(2_f64.powi(REACH));
        let end = if scale >= reach { End::Search } else { End::Slo };
        let scale = scale.min(reach);
        let (simulation, verdict) = simulated(scenario, constraint, scale)?;
        count += 1;
        if verdict.meets() || count > 5 {
            let confirmed = verdict.meets().then_some(scale);
            let simulation = Some((simulation, verdict));
            return Ok(MaxRate { scale: confirmed, end, ranges, simulation, simulated: count });
        }
        // As in a plan: what the simulation missed is asked of the prediction on top.
        asked.share = (asked.share + (verdict.late - verdict.allowed).max(0.0)).min(1.0);
        asked.budget *= (verdict.budget / verdict.cost).min(1.0);
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

fn by_simulation(scenario: &Scenario, constraint: &Constraint) -> Result<MaxRate, InputError> {
    let mut count = 1;
    let own = simulated(scenario, constraint, 1.0)?;
    let mut best = own.1.meets().then_some((1.0, own.clone()));
    let factor = if best.is_some() { 2.0 } else { 0.5 };
    let (mut scale, mut requests) = (1.0, own.0.requests);
    let mut out = best.is_none().then_some(1.0);
    // To the first scale on the other side of the SLO.
    while best.is_none() || out.is_none() {
        scale *= factor;
        requests = if factor > 1.0 { requests.saturating_mul(2) } else { requests };
        if !(2_f64.powi(-REACH)..=2_f64.powi(REACH)).contains(&scale) || requests > MOST_REQUESTS {
            break;
        }
        let tried = simulated(scenario, constraint, scale)?;
        count += 1;
        match tried.1.meets() {
            true => best = Some((scale, tried)),
            false => out = Some(scale),
        }
    }
    let (Some((mut low, mut found)), Some(mut high)) = (best.clone(), out) else {
        let end = if best.is_some() { End::Search } else { End::Slo };
        let (scale, simulation) = best.map_or((None, Some(own)), |(scale, s)| (Some(scale), Some(s)));
        return Ok(MaxRate { scale, end, ranges: Vec::new(), simulation, simulated: count });
    };
    for _ in 0..SIMULATED_HALVINGS {
        let middle = (low * high).sqrt();
        let tried = simulated(scenario, constraint, middle)?;
        count += 1;
        if tried.1.meets() { (low, found) = (middle, tried) } else { high = middle }
    }
    let (ranges, simulation) = (Vec::new(), Some(found));
    Ok(MaxRate { scale: Some(low), end: End::Slo, ranges, simulation, simulated: count })
}
