//! One scenario, simulated: the platform it asks for, its replications, its figures.

use rayon::prelude::*;

use super::fleet::{Fleet, replay_fleet};
use super::grid;
use super::observer::{Detail, Observer};
use super::recorder::{MOST_REQUESTS, Record, Recorder, Rules};
use super::service::ServiceDraws;
use super::summary::{Context, summarise};
use super::warm::{self, Buffering};
use super::{Replay, Retry, replay};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::Simulation;
use crate::platform::lambda::LambdaPool;
use crate::platform::warm::Warm;
use crate::policy::Policy;
use crate::policy::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// Simulates a scenario at its own setting, all replications in parallel. The observer is shown the
/// batches of the first.
///
/// # Errors
/// The profile does not cover the setting; a trace cannot be read; no request came.
pub fn simulate<O: Observer + Send>(scenario: &Scenario, observer: &mut O) -> Result<Simulation, InputError> {
    let setting = scenario.setting();
    let times = scenario.service(setting)?;
    let policy = |_| Ok(BatchPolicy { batch: setting.batch, timeout: setting.timeout });
    simulate_with(scenario, &times, observer, policy).map(|(simulation, _)| simulation)
}

/// Simulates a scenario with a policy of its own for each replication, on functions that start with `times`; also the
/// policy of the first as it ended.
///
/// # Errors
/// As [`simulate`], and those of `policy`.
pub fn simulate_with<P: Policy, O: Observer + Send>(
    scenario: &Scenario,
    times: &ServiceTimes,
    observer: &mut O,
    policy: impl Fn(Streams) -> Result<P, InputError> + Sync,
) -> Result<(Simulation, P), InputError> {
    let setting = scenario.setting();
    let made = |index| policy(Streams::new(scenario.seed).part(index));
    let first = || {
        let mut policy = made(0)?;
        record(scenario, times, &mut policy, 0, observer).map(|record| (record, policy))
    };
    let others = || {
        let rest = (1..u64::from(scenario.replications)).into_par_iter();
        // Only the first one's hours and slices are shown, and those of a thousand would take gigabytes.
        let bare = |record| Record { hours: Vec::new(), slices: Vec::new(), ..record };
        rest.map(|index| record(scenario, times, &mut made(index)?, index, &mut Unwatched).map(bare))
            .collect::<Result<Vec<_>, _>>()
    };
    let (first, others) = rayon::join(first, others);
    let (first, policy) = first?;
    let mut records = vec![first];
    records.extend(others?);
    Ok((summary(scenario, setting, &records)?, policy))
}

/// Simulates a scenario at another setting, one replication.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_at(scenario: &Scenario, setting: Setting) -> Result<Simulation, InputError> {
    let arrivals = scenario.workload.open(Streams::new(scenario.seed).part(0))?;
    simulate_on(scenario, setting, arrivals)
}

/// As [`simulate_at`], on given arrivals: those of the first replication.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_on(
    scenario: &Scenario,
    setting: Setting,
    arrivals: Box<dyn Arrivals + '_>,
) -> Result<Simulation, InputError> {
    let streams = Streams::new(scenario.seed).part(0);
    let policy = BatchPolicy { batch: setting.batch, timeout: setting.timeout };
    let function = Function { times: scenario.service(setting)?, provisioned: setting.provisioned };
    let record = record_policy(scenario, (policy, function), (streams, arrivals), &mut Unwatched)?;
    summary(scenario, setting, &[record])
}

/// A function as it runs: at one memory size.
struct Function {
    times: ServiceTimes,
    provisioned: u32,
}

/// The figures of a scenario's replications at a setting.
///
/// # Errors
/// No request was served.
pub fn summary(scenario: &Scenario, setting: Setting, records: &[Record]) -> Result<Simulation, InputError> {
    let context = Context {
        tariff: &scenario.platform.tariff,
        memory: setting.memory,
        provisioned: setting.provisioned,
        slo: &scenario.slo,
        warmup: scenario.warmup,
        rhythm: scenario.workload.rhythm(),
    };
    summarise(records, &context).ok_or_else(|| nothing_served(scenario))
}

/// Why a run without a served request has no figures.
pub fn nothing_served(scenario: &Scenario) -> InputError {
    let help = "look at the workload's requests, duration, from and until, and at the warm-up";
    InputError::new(&scenario.name, "no request was served").help(help)
}

fn record<P: Policy, O: Observer + Send>(
    scenario: &Scenario,
    times: &ServiceTimes,
    policy: &mut P,
    index: u64,
    observer: &mut O,
) -> Result<Record, InputError> {
    let streams = Streams::new(scenario.seed).part(index);
    let function = Function { times: times.clone(), provisioned: scenario.setting().provisioned };
    let arrivals = scenario.workload.open(streams)?;
    record_policy(scenario, (policy, function), (streams, arrivals), observer)
}

/// Replays arrivals with a policy: by a fast path where one applies and nobody wants to see each batch.
fn record_policy<P: Policy, O: Observer + Send>(
    scenario: &Scenario,
    (policy, function): (P, Function),
    (streams, mut arrivals): (Streams, Box<dyn Arrivals + '_>),
    observer: &mut O,
) -> Result<Record, InputError> {
    let times = &function.times;
    let rules = rules(scenario);
    let is_warm = matches!(scenario.platform.environments, Environments::AlwaysWarm) && !times.is_random();
    match policy.fixed() {
        Some(buffer) if arrivals.users().is_none() && observer.detail() == Detail::Progress => {
            if is_warm {
                return warm::replay(&mut arrivals, Buffering { buffer, times, rules }, observer);
            }
            let provisioned = function.provisioned;
            let wanted = grid::Wanted { provisioned, ..grid::Wanted::new(scenario, times) };
            match grid::records(scenario, wanted, buffer) {
                true => grid::record(scenario, (streams, &mut arrivals), (buffer, wanted), observer),
                false => record_events(scenario, (policy, function), (streams, arrivals), observer),
            }
        }
        _ => record_events(scenario, (policy, function), (streams, arrivals), observer),
    }
}

/// Replays arrivals with a policy, event by event.
fn record_events<P: Policy, O: Observer>(
    scenario: &Scenario,
    (policy, function): (P, Function),
    (streams, mut arrivals): (Streams, Box<dyn Arrivals + '_>),
    observer: &mut O,
) -> Result<Record, InputError> {
    let mut recorder = Recorder::new(rules(scenario));
    let mut observers = (&mut recorder, observer);
    let pool = run_policy(scenario, (policy, function), streams, &mut arrivals, &mut observers)?;
    let record = recorder.into_record();
    Ok(Record { environments: pool.map(|pool| pool.environments(record.last_finish)), ..record })
}

/// Replays arrivals at a setting on the scenario's platform.
///
/// # Errors
/// The profile does not cover the setting; the arrivals cannot be read.
pub fn run<A: Arrivals, O: Observer>(
    scenario: &Scenario,
    setting: Setting,
    streams: Streams,
    arrivals: &mut A,
    observer: &mut O,
) -> Result<(), InputError> {
    let function = Function { times: scenario.service(setting)?, provisioned: setting.provisioned };
    let policy = BatchPolicy { batch: setting.batch, timeout: setting.timeout };
    run_policy(scenario, (policy, function), streams, arrivals, observer).map(drop)
}

/// Also the pool as it ended, where environments come and go.
fn run_policy<P: Policy, A: Arrivals, O: Observer>(
    scenario: &Scenario,
    (policy, function): (P, Function),
    streams: Streams,
    arrivals: &mut A,
    observer: &mut O,
) -> Result<Option<LambdaPool>, InputError> {
    let retry = scenario.platform.retry;
    let Function { times, provisioned } = function;
    let service = ServiceDraws::new(times.clone(), streams);
    let retry = Retry { attempts: retry.attempts, base: retry.base, cap: retry.cap };
    let backoff = streams.stream("back-off");
    match &scenario.platform.environments {
        Environments::AlwaysWarm => {
            let platform = Warm::default();
            replay(arrivals, Replay { policy, platform, service, retry, backoff }, observer)?;
            Ok(None)
        }
        Environments::Pool(pool) => {
            let platform = LambdaPool::new(pool.serving(&times, provisioned), streams);
            let platform = platform.counting_from(Time::ZERO + scenario.warmup);
            let replay_of = Replay { policy, platform, service, retry, backoff };
            Ok(Some(replay(arrivals, replay_of, observer)?))
        }
    }
}

/// Simulates a scenario's workload on rented instances; one replication.
///
/// # Errors
/// A trace cannot be read; no request came.
pub fn simulate_fleet<O: Observer>(
    scenario: &Scenario,
    fleet: Fleet,
    observer: &mut O,
) -> Result<Simulation, InputError> {
    let streams = Streams::new(scenario.seed).part(0);
    let mut arrivals = scenario.workload.open(streams)?;
    let mut recorder = Recorder::new(rules(scenario));
    let rentals = replay_fleet(&mut arrivals, fleet, &mut (&mut recorder, observer))?;
    let record = Record { rentals, ..recorder.into_record() };
    summary(scenario, scenario.setting(), &[record])
}

/// What is counted of a scenario, and how.
pub(super) fn rules(scenario: &Scenario) -> Rules {
    Rules {
        billing: scenario.platform.tariff.billing,
        slo: scenario.slo.latency.unwrap_or(Span::MAX),
        warmup: Time::ZERO + scenario.warmup,
        stretch: MOST_REQUESTS,
    }
}

/// Nobody looks.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn detail(&self) -> Detail {
        Detail::Progress
    }

    fn started(&mut self, _batch: &super::observer::StartedBatch, _arrivals: &[Time]) {}
    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}
