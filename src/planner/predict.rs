//! A scenario's prediction at any configuration, by the exact law or the published approximation.
//!
//! A schedule is the mixture of its segments, each weighted by the requests that are expected of it.

use super::laws::{BatchLaws, batch_cost, variation};
use crate::arrivals::Arrivals;
use crate::arrivals::map::Map;
use crate::arrivals::schedule::Process;
use crate::error::InputError;
use crate::fitting::{FitError, OFF, Observed, Piece, ScaleFit, piecewise};
use crate::numeric::streams::Streams;
use crate::outcome::{Model, Predicted};
use crate::scenario::workload::{Source, Workload};
use crate::scenario::{Scenario, Setting};
use crate::units::Span;

/// A stretch of a workload with one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The requests expected of it; only the proportion among parts counts.
    pub requests: f64,
    /// What arrives.
    pub process: Map,
    /// How good it is, where it was fitted to a trace: its index of dispersion beside the trace's, by time scale.
    pub scales: Vec<ScaleFit>,
}

impl Part {
    /// A process that is known.
    pub fn known(requests: f64, process: Map) -> Part {
        Part { requests, process, scales: Vec::new() }
    }
}

/// Where fits miss the trace that they stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misfit {
    /// The time scale at which they do.
    pub scale: Span,
    /// The fitted index of dispersion over the measured one, where it is worst.
    pub ratio: f64,
    /// The share of the requests in whose hours the fit misses.
    pub share: f64,
}

impl Misfit {
    /// The worst of the scales that matter to a timeout: within a factor of 10 of it. `None` where the fits are within
    /// [`OFF`] of the trace there.
    fn of(parts: &[Part], timeout: Span) -> Option<Misfit> {
        let near =
            |scale: Span| scale.0 <= timeout.0.saturating_mul(10) && scale.0.saturating_mul(10) >= timeout.0;
        let off = |fit: &&ScaleFit| near(fit.scale) && !(1.0 / OFF..=OFF).contains(&fit.ratio);
        let worst = |part: &Part| {
            part.scales
                .iter()
                .filter(off)
                .copied()
                .max_by(|a, b| a.ratio.ln().abs().total_cmp(&b.ratio.ln().abs()))
        };
        let missing: Vec<(f64, ScaleFit)> =
            parts.iter().filter_map(|part| Some((part.requests, worst(part)?))).collect();
        let (_, fit) = missing.iter().max_by(|a, b| a.1.ratio.ln().abs().total_cmp(&b.1.ratio.ln().abs()))?;
        let all: f64 = parts.iter().map(|part| part.requests).sum();
        let share = missing.iter().map(|(requests, _)| requests).sum::<f64>() / all;
        Some(Misfit { scale: fit.scale, ratio: fit.ratio, share })
    }
}

/// The processes behind a workload; `None` for a trace, which has none until one is fitted, and where a process
/// without phases is part of it.
pub fn parts(workload: &Workload) -> Option<Vec<Part>> {
    match &workload.source {
        Source::Process(map) => Some(vec![Part::known(1.0, map.clone())]),
        Source::Trace(_) | Source::Memory(_) | Source::Renewal(_) | Source::Closed(_) => None,
        Source::Schedule(schedule) => {
            let maps = schedule.segments.iter().map(|segment| match &segment.process {
                Process::Map(map) => Some(Some(map)),
                Process::Silent => Some(None),
                Process::Renewal(_) => None,
            });
            let maps: Vec<Option<&Map>> = maps.collect::<Option<_>>()?;
            let (duration, requests) = match (workload.duration, workload.requests) {
                (None, None) => (schedule.total().as_secs_f64(), f64::INFINITY),
                (duration, requests) => (
                    duration.map_or(f64::INFINITY, Span::as_secs_f64),
                    requests.map_or(f64::INFINITY, |n| n as f64),
                ),
            };
            let (mut time_left, mut requests_left) = (duration, requests);
            let count = schedule.segments.len();
            let mut weights = vec![0.0; count];
            for i in 0.. {
                let segment = &schedule.segments[i % count];
                let rate = segment.process.rate();
                let in_requests = if rate > 0.0 { requests_left / rate } else { f64::INFINITY };
                let seconds = segment.duration.as_secs_f64().min(time_left).min(in_requests);
                if seconds <= 0.0 || requests_left <= 0.0 {
                    break;
                }
                time_left -= seconds;
                requests_left -= seconds * rate;
                weights[i % count] += seconds * rate;
            }
            let part = |(map, requests): (Option<&Map>, f64)| {
                map.filter(|_| requests > 0.0).map(|map| Part::known(requests, map.clone()))
            };
            Some(maps.into_iter().zip(weights).filter_map(part).collect())
        }
    }
}

/// Do the laws cover the workload? They cover processes of phases, and traces by those that are fitted to them.
pub fn is_covered(workload: &Workload) -> bool {
    workload.source.is_recorded() || parts(workload).is_some()
}

/// The processes behind a scenario's workload. To a trace, and to a process without phases, a process is fitted for each of its hours.
///
/// # Errors
/// A trace that cannot be read, or to which no process can be fitted.
pub fn scenario_parts(scenario: &Scenario) -> Result<Vec<Part>, InputError> {
    some(scenario, fitted_parts(scenario)?)
}

/// At least one process.
///
/// # Errors
/// There is none.
pub fn some(scenario: &Scenario, parts: Vec<Part>) -> Result<Vec<Part>, InputError> {
    if parts.is_empty() { Err(too_few(scenario)) } else { Ok(parts) }
}

/// Why nothing is fitted.
pub fn too_few(scenario: &Scenario) -> InputError {
    let help = "look at the workload's from, until and duration";
    InputError::new(&scenario.name, "the trace has too few arrivals to predict").help(help)
}

/// As [`scenario_parts`], but empty where no process can be fitted.
///
/// # Errors
/// A trace that cannot be read.
pub fn fitted_parts(scenario: &Scenario) -> Result<Vec<Part>, InputError> {
    no_users(scenario)?;
    if let Some(parts) = parts(&scenario.workload) {
        return Ok(parts);
    }
    parts_of(&mut *scenario.workload.open(Streams::new(scenario.seed).part(0))?)
}

/// Refuses users, whose arrivals follow from answers.
///
/// # Errors
/// The workload is a closed loop.
pub fn no_users(scenario: &Scenario) -> Result<(), InputError> {
    match scenario.workload.closed() {
        None => Ok(()),
        Some(_) => {
            let message = "no law covers users, whose arrivals follow from the answers";
            let help = "leave out --predict-only, --model and --max-rate: `sim run`, `sim sweep` and `sim plan` simulate \
                        users; or give [workload] a process";
            Err(InputError::new(&scenario.name, message).help(help))
        }
    }
}

/// Fits a process to each hour of arrivals; empty where none can be fitted.
///
/// # Errors
/// They cannot be read.
pub fn parts_of(arrivals: &mut dyn Arrivals) -> Result<Vec<Part>, InputError> {
    Ok(hours(arrivals)?.into_iter().filter_map(|(_, part)| part).collect())
}

/// The hours of arrivals from their beginning on: how long each is, and the process that is fitted to it, if one can
/// be; a Poisson process where the hour has few.
///
/// # Errors
/// They cannot be read.
pub fn hours(arrivals: &mut dyn Arrivals) -> Result<Vec<(Span, Option<Part>)>, InputError> {
    let (_, observed) = Observed::read(arrivals)?;
    let part = |piece: &Piece| match &piece.fit {
        Ok(fit) => {
            let requests = fit.trace.arrivals as f64;
            let best = fit.best();
            Some(Part { requests, process: best.map.clone(), scales: best.scales.clone() })
        }
        Err(FitError::TooFew { arrivals, .. }) if *arrivals > 0 => {
            let requests = *arrivals as f64;
            Some(Part::known(requests, Map::poisson(requests / piece.duration.as_secs_f64())))
        }
        Err(_) => None,
    };
    Ok(piecewise(&observed, HOUR).iter().map(|piece| (piece.duration, part(piece))).collect())
}

/// A process is fitted to so much of a trace.
pub const HOUR: Span = Span::from_secs(3600);

/// The published model knows no way between client and function.
///
/// # Errors
/// The scenario has one, and the model is the published one.
pub fn knows_the_overhead(scenario: &Scenario, model: Model) -> Result<(), InputError> {
    match model == Model::Published && scenario.profile.beside.has_overhead() {
        true => Err(InputError::new("--model published", "knows no overhead_s")
            .help("take the exact model, or leave the overhead out of [profile]")),
        false => Ok(()),
    }
}

/// Predicts a scenario at a setting, a trace by the fits of its hours; `None` for an adaptive policy, which has no
/// one setting, and for a trace to which no process can be fitted: it has one arrival, or all at one instant.
///
/// # Errors
/// The profile does not cover the setting, or the model the process.
pub fn predict(
    scenario: &Scenario,
    setting: Setting,
    model: Model,
) -> Result<Option<Prediction>, InputError> {
    predict_fitted(scenario, setting, model, POINTS)
}

/// As [`predict`], without the distribution, which takes most of the time where service times are random.
///
/// # Errors
/// As [`predict`].
pub fn predict_figures(
    scenario: &Scenario,
    setting: Setting,
    model: Model,
) -> Result<Option<Prediction>, InputError> {
    predict_fitted(scenario, setting, model, 0)
}

/// Steps of a distribution that is drawn.
const POINTS: u32 = 400;

fn predict_fitted(
    scenario: &Scenario,
    setting: Setting,
    model: Model,
    points: u32,
) -> Result<Option<Prediction>, InputError> {
    if !scenario.policy.is_fixed() {
        return Ok(None);
    }
    let parts = fitted_parts(scenario)?;
    match parts.is_empty() {
        true => Ok(None),
        false => predict_with(scenario, &parts, (setting, model), points).map(Some),
    }
}

/// Predicts given processes at a setting.
///
/// # Errors
/// The profile does not cover the setting, or the model the processes.
pub fn predict_parts(
    scenario: &Scenario,
    parts: &[Part],
    setting: Setting,
    model: Model,
) -> Result<Prediction, InputError> {
    predict_with(scenario, parts, (setting, model), POINTS)
}

fn predict_with(
    scenario: &Scenario,
    parts: &[Part],
    (setting, model): (Setting, Model),
    points: u32,
) -> Result<Prediction, InputError> {
    knows_the_overhead(scenario, model)?;
    let times = scenario.service(setting)?;
    let service: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
    let laws = BatchLaws::of(parts, model, &[setting.batch], setting.timeout)?;
    let variation = variation(&times);
    let law = laws[0].latency(&service, &variation);
    let cost = batch_cost(&scenario.platform.tariff, &times);
    let slo = scenario.slo.latency.map(Span::as_secs_f64);
    let predicted = law.predicted(model, scenario.slo.percentile, cost, slo);
    let mut cdf = Vec::new();
    if points > 0 {
        let longest = law.quantile(0.9999).max(1e-6);
        let steps = (0..=points).map(|i| longest * f64::from(i) / f64::from(points));
        cdf.extend(steps.map(|x| (x, law.cdf(x))));
    }
    Ok(Prediction {
        predicted,
        cdf,
        misfit: Misfit::of(parts, setting.timeout).filter(|_| setting.batch > 1),
    })
}

/// A prediction with its latency distribution for the chart: (seconds, share).
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The figures.
    pub predicted: Predicted,
    /// The distribution, where it was asked for.
    pub cdf: Vec<(f64, f64)>,
    /// Where the fits behind it miss the trace, at the time scales of the timeout.
    pub misfit: Option<Misfit>,
}
