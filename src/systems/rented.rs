//! Systems with rented instances: an endpoint, a hybrid, MArk.

use super::choice::chosen;
use crate::arrivals::Arrivals;
use crate::arrivals::BLOCK;
use crate::engine::fleet::lifetime::Spot;
use crate::engine::fleet::loadtest::{Tested, sustainable_rate};
use crate::engine::fleet::{Fleet, Functions, Kind, Offload};
use crate::engine::service::ServiceDraws;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::platform::Platform;
use crate::platform::endpoint::autoscale::{AutoScaler, TargetTracking};
use crate::platform::fleet::{Fixed, Routing};
use crate::platform::lambda::LambdaPool;
use crate::platform::mark::forecast::RateForecast;
use crate::platform::mark::provision::Offer;
use crate::platform::mark::{Mark, MarkRules};
use crate::platform::warm::Warm;
use crate::policy::batch::BatchPolicy;
use crate::policy::mark::batching;
use crate::profile::instance::InstanceProfile;
use crate::scenario::platform::Environments;
use crate::scenario::system::{EndpointSpec, ForecastSpec, HybridSpec, MarkSpec, RentalTerms, RentedSpec};
use crate::scenario::{Scenario, Setting};
use crate::units::{MemoryMb, Span};

/// An endpoint, in words and as it starts.
///
/// # Errors
/// An instance does not keep the SLO at any load.
pub(super) fn endpoint(
    scenario: &Scenario,
    spec: &EndpointSpec,
    streams: Streams,
) -> Result<(String, Fleet), InputError> {
    let batch = BatchPolicy { batch: spec.batch, timeout: Span::ZERO };
    let kind = kind(scenario, &spec.rented, batch, streams)?;
    let sustainable = match spec.sustainable_per_s {
        Some(rate) => rate,
        None => load_test(scenario, &spec.rented, batch, streams)?,
    };
    if sustainable <= 0.0 {
        let message = format!("an instance {} sustains no load within the SLO", spec.rented.price.name);
        let help = "take a faster instance, or give `sustainable_per_s` by hand";
        return Err(InputError::new(&scenario.name, message).help(help));
    }
    let rules = TargetTracking {
        target: sustainable * spec.safety * spec.period.as_secs_f64(),
        period: spec.period,
        points_out: spec.points_out,
        points_in: spec.points_in,
        low: spec.low,
        cool_down: spec.cool_down,
        least: spec.bounds.0,
        most: spec.bounds.1,
    };
    let waiting = match spec.batch {
        1 => String::new(),
        n => format!(", up to {n} of those that wait at once"),
    };
    let words = format!(
        "{}{waiting}, sustains {:.2}/s, target {:.0} a period and instance",
        spec.rented.name(),
        sustainable,
        rules.target
    );
    let fleet = Fleet {
        kinds: vec![kind],
        routing: spec.routing,
        scaler: Box::new(AutoScaler::new(rules)),
        functions: Vec::new(),
        slo: scenario.slo.latency.unwrap_or(Span::MAX),
        launches: streams.stream("launches"),
        interruptions: streams.stream("interruptions"),
    };
    Ok((words, fleet))
}

/// A hybrid, in words and as it starts.
///
/// # Errors
/// The profile does not cover the functions.
pub(super) fn hybrid(
    scenario: &Scenario,
    spec: &HybridSpec,
    streams: Streams,
) -> Result<(String, Fleet), InputError> {
    let memory = chosen(scenario, spec.memory)?;
    let words = format!("{} x {}, the rest on {memory}", spec.rented.initial, spec.rented.name());
    let fleet = Fleet {
        kinds: vec![kind(scenario, &spec.rented, BatchPolicy::UNBATCHED, streams)?],
        routing: Routing::LeastOutstanding,
        scaler: Box::new(Fixed),
        functions: vec![beside(scenario, memory, Offload::Busy, streams)?],
        slo: scenario.slo.latency.unwrap_or(Span::MAX),
        launches: streams.stream("launches"),
        interruptions: streams.stream("interruptions"),
    };
    Ok((words, fleet))
}

/// MArk, in words and as it starts.
///
/// # Errors
/// No SLO; a type on which a lone request takes longer than that; a trace that cannot be read.
pub(super) fn mark(
    scenario: &Scenario,
    spec: &MarkSpec,
    streams: Streams,
) -> Result<(String, Fleet), InputError> {
    let memory = chosen(scenario, spec.memory)?;
    let Some(limit) = scenario.slo.latency else {
        return Err(InputError::new(&scenario.name, "MArk needs [slo] latency: its longest response time"));
    };
    let (mut kinds, mut offers, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for rented in &spec.types {
        let name = rented.name();
        let all = rented.profile.at(rented.profile.largest_batch());
        let all = all.map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
        let rule = batching(&all, rented.profile.workers, limit).ok_or_else(|| {
            let message = format!("a lone request takes longer than the SLO on {name}");
            InputError::new(&scenario.name, message).help("leave the type out, or take a faster one")
        })?;
        kinds.push(kind(scenario, rented, rule.batch, streams)?);
        let (usd_per_hour, launch) = (rented.per_hour().as_f64(), rented.launch.1);
        offers.push(Offer { usd_per_hour, capacity_per_s: rule.capacity_per_s, launch });
        words.push(format!("{name} ({:.1}/s in batches of {})", rule.capacity_per_s, rule.batch.batch));
    }
    let forecast = match spec.forecast {
        ForecastSpec::Last => RateForecast::last(),
        ForecastSpec::Largest(factor) => RateForecast::largest(factor),
        ForecastSpec::Smoothed(alpha, beta) => RateForecast::smoothed(alpha, beta),
        ForecastSpec::Oracle => RateForecast::oracle(rates(scenario, spec.step, streams)?),
    };
    let rules = MarkRules {
        offers,
        step: spec.step,
        ahead: spec.ahead,
        horizon: spec.horizon,
        cool_down: spec.cool_down,
        late: spec.late,
        smoothing: MONITOR_WEIGHT,
        monitor_pause: spec.monitor_pause,
    };
    let fleet = Fleet {
        kinds,
        routing: Routing::EarliestFinish,
        scaler: Box::new(Mark::new(rules, forecast)),
        functions: vec![beside(scenario, memory, Offload::Late(limit), streams)?],
        slo: limit,
        launches: streams.stream("launches"),
        interruptions: streams.stream("interruptions"),
    };
    Ok((format!("{}, the rest on {memory}", words.join(", ")), fleet))
}

/// Weight of the newest minute in the monitor's moving average. Not published; a stated choice.
const MONITOR_WEIGHT: f64 = 0.5;

/// The rate [1/s] of each step of the arrivals to come.
fn rates(scenario: &Scenario, step: Span, streams: Streams) -> Result<Vec<f64>, InputError> {
    let mut arrivals = scenario.workload.open(streams)?;
    let (mut counts, mut block) = (Vec::<u64>::new(), Vec::with_capacity(BLOCK));
    loop {
        block.clear();
        arrivals.fill(&mut block)?;
        if block.is_empty() {
            return Ok(counts.iter().map(|count| *count as f64 / step.as_secs_f64()).collect());
        }
        for arrival in &block {
            let number = (arrival.0 / step.0) as usize;
            counts.resize(counts.len().max(number + 1), 0);
            counts[number] += 1;
        }
    }
}

/// Functions that take what the instances do not.
fn beside(
    scenario: &Scenario,
    memory: MemoryMb,
    rule: Offload,
    streams: Streams,
) -> Result<Functions, InputError> {
    let times = scenario.service(Setting::new(memory, 1, Span::ZERO))?;
    let platform: Box<dyn Platform + Send> = match &scenario.platform.environments {
        Environments::AlwaysWarm => Box::new(Warm::default()),
        Environments::Pool(pool) => {
            Box::new(LambdaPool::new(pool.serving(&times, pool.provisioned), streams))
        }
    };
    Ok(Functions { rule, platform, service: ServiceDraws::new(times, streams) })
}

fn kind(
    scenario: &Scenario,
    rented: &RentedSpec,
    batch: BatchPolicy,
    streams: Streams,
) -> Result<Kind, InputError> {
    let times = rented.profile.at(batch.batch).map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    let workers = rented.profile.workers;
    let spot = match rented.market {
        RentalTerms::OnDemand => None,
        RentalTerms::Spot { interruptions_per_hour, notice, .. } => {
            Some(Spot { interruptions_per_hour, notice })
        }
    };
    let purpose = format!("service {}", rented.name());
    Ok(Kind {
        capacity_per_s: InstanceProfile::capacity_per_s(workers, batch.batch, times.of(batch.batch)),
        service: ServiceDraws::of_instance(times, streams.stream(&purpose)),
        workers,
        batch,
        launch: rented.launch,
        per_hour: rented.per_hour(),
        least_billed: rented.price.least_billed,
        initial: rented.initial,
        spot,
    })
}

fn load_test(
    scenario: &Scenario,
    rented: &RentedSpec,
    batch: BatchPolicy,
    streams: Streams,
) -> Result<f64, InputError> {
    let times = rented.profile.at(batch.batch).map_err(|e| InputError::new(&scenario.name, e.to_string()))?;
    let Some(slo) = scenario.slo.latency else {
        return Err(InputError::new(&scenario.name, "a load test needs [slo] latency")
            .help("add it, or give the system `sustainable_per_s`"));
    };
    let tested = Tested { times, workers: rented.profile.workers, batch };
    Ok(sustainable_rate(&tested, slo, scenario.slo.percentile, streams))
}
