//! Classes of a scenario in one buffer, simulated: its replications, its figures, and those of each class.

use rayon::prelude::*;

use super::count::{Charged, ClassRecord, ClassRecorder, ClassRules};
use super::{ClassReplay, replay_classes};
use crate::engine::Retry;
use crate::engine::observer::{Detail, Observer};
use crate::engine::recorder::{Record, Tally};
use crate::engine::service::ServiceDraws;
use crate::engine::simulate::Unwatched;
use crate::engine::summary::{Context, summarise};
use crate::engine::warm::{ClassBuffering, replay_shared};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::{ClassFigures, Simulation};
use crate::platform::lambda::LambdaPool;
use crate::platform::warm::Warm;
use crate::policy::classes::SharedBatch;
use crate::profile::ServiceTimes;
use crate::scenario::class::{Classes, Group};
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// A simulated group.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSimulation {
    /// All its requests together.
    pub simulation: Simulation,
    /// Each of its classes.
    pub classes: Vec<ClassFigures>,
}

/// Simulates a group of the scenario's classes, all replications in parallel. The observer is shown the batches of the
/// first. Groups of one scenario see the same requests.
///
/// # Errors
/// The profile does not cover the group; a trace cannot be read; no request came.
pub fn simulate_group<O: Observer + Send>(
    scenario: &Scenario,
    classes: &Classes,
    group: &Group,
    observer: &mut O,
) -> Result<ClassSimulation, InputError> {
    let setting = Setting::new(group.memory, group.batch, Span::ZERO);
    let times = scenario.service(setting)?;
    let by_size = match classes.sizes {
        Some(_) => scenario.service_by_size(setting)?,
        None => Vec::new(),
    };
    let environments = &scenario.platform.environments;
    let run = Run { scenario, classes, group, times, by_size, environments };
    let first = || run.record(0, observer);
    let others = || {
        let rest = (1..u64::from(scenario.replications)).into_par_iter();
        rest.map(|index| run.record(index, &mut Unwatched)).collect::<Result<Vec<_>, _>>()
    };
    let (first, others) = rayon::join(first, others);
    let mut records = vec![first?];
    records.extend(others?);
    run.figures(&records)
}

/// The same on functions that are always warm, on which a batch of n takes `service[n - 1]` and costs `usd[n - 1]` [$].
///
/// # Errors
/// As [`simulate_group`].
pub fn simulate_on(
    scenario: &Scenario,
    classes: &Classes,
    group: &Group,
    (service, usd): (Vec<Span>, &[f64]),
) -> Result<ClassSimulation, InputError> {
    let times = ServiceTimes::fixed(group.memory, service);
    let (by_size, environments) = (Vec::new(), &Environments::AlwaysWarm);
    let run = Run { scenario, classes, group, times, by_size, environments };
    let replications = (0..u64::from(scenario.replications)).into_par_iter();
    let records =
        replications.map(|index| run.record(index, &mut Unwatched)).collect::<Result<Vec<_>, _>>()?;
    let mut found = run.figures(&records)?;
    let mut cost_usd = 0.0;
    for (at, class) in found.classes.iter_mut().enumerate() {
        let mut charged = Charged::default();
        records.iter().for_each(|record| charged.merge(&record.charged[at]));
        let paid = charged.usd(|n| usd[n as usize - 1]);
        cost_usd += paid;
        class.cost_usd_per_million = paid / (class.share * found.simulation.requests as f64) * 1e6;
    }
    let simulated = &mut found.simulation.simulated;
    (simulated.cost_usd, simulated.cost_usd_per_million_ci95) = (cost_usd, None);
    simulated.cost_usd_per_million = cost_usd / found.simulation.requests as f64 * 1e6;
    Ok(found)
}

/// A group with what it runs on.
struct Run<'a> {
    scenario: &'a Scenario,
    classes: &'a Classes,
    group: &'a Group,
    times: ServiceTimes,
    /// By the size of the largest request, where requests have sizes.
    by_size: Vec<ServiceTimes>,
    environments: &'a Environments,
}

impl Run<'_> {
    fn record<O: Observer + Send>(&self, index: u64, observer: &mut O) -> Result<ClassRecord, InputError> {
        let Run { scenario, classes, group, .. } = *self;
        let streams = Streams::new(scenario.seed).part(index);
        let times = self.times.clone();
        let mut arrivals = classes.open(&scenario.workload, streams, &group.members)?;
        let slo = |member: &usize| classes.list[*member].slo.map_or(Span::MAX, |slo| slo.latency);
        let rules = ClassRules {
            billing: scenario.platform.tariff.billing,
            slo: group.members.iter().map(slo).collect(),
            warmup: Time::ZERO + scenario.warmup,
            sizes: classes.sizes.as_ref().map_or_else(Vec::new, |sizes| sizes.values.clone()),
        };
        // Each size of a class has a mark of its own.
        let marks = rules.sizes.len().max(1);
        let waits = group.longest_wait.iter().flat_map(|wait| std::iter::repeat_n(*wait, marks));
        let by_size = self.by_size.clone();
        let policy = SharedBatch { batch: group.batch, longest_wait: waits.collect() };
        let is_warm = matches!(self.environments, Environments::AlwaysWarm) && !times.is_random();
        if is_warm && rules.sizes.is_empty() && observer.detail() == Detail::Progress {
            return replay_shared(&mut arrivals, ClassBuffering { policy, times: &times, rules }, observer);
        }
        let mut recorder = ClassRecorder::new(rules, observer);
        let retry = scenario.platform.retry;
        let retry = Retry { attempts: retry.attempts, base: retry.base, cap: retry.cap };
        let backoff = streams.stream("back-off");
        let service = ServiceDraws::new(times.clone(), streams);
        match self.environments {
            Environments::AlwaysWarm => {
                let platform = Warm::default();
                let replay = ClassReplay { policy, platform, service, by_size, retry, backoff };
                replay_classes(&mut arrivals, replay, &mut recorder)?;
                Ok(recorder.into_record())
            }
            Environments::Pool(pool) => {
                let platform = LambdaPool::new(pool.serving(&times, pool.provisioned), streams);
                let platform = platform.counting_from(Time::ZERO + scenario.warmup);
                let replay = ClassReplay { policy, platform, service, by_size, retry, backoff };
                let pool = replay_classes(&mut arrivals, replay, &mut recorder)?;
                let mut record = recorder.into_record();
                record.all.environments = Some(pool.environments(record.all.last_finish));
                Ok(record)
            }
        }
    }

    fn figures(&self, records: &[ClassRecord]) -> Result<ClassSimulation, InputError> {
        let Run { scenario, classes, group, .. } = *self;
        let context = Context {
            tariff: &scenario.platform.tariff,
            memory: group.memory,
            provisioned: scenario.platform.environments.provisioned(),
            slo: &scenario.slo,
            warmup: scenario.warmup,
            rhythm: scenario.workload.rhythm(),
        };
        let none = |what: &str| {
            let help = "look at the workload's requests, duration, from and until, and at the warm-up";
            InputError::new(&scenario.name, format!("no request{what} was served")).help(help)
        };
        let all: Vec<Record> = records.iter().map(|record| record.all.clone()).collect();
        let mut simulation = summarise(&all, &context).ok_or_else(|| none(""))?;
        let mut parts = Vec::new();
        for (at, member) in group.members.iter().enumerate() {
            let own: Vec<Record> = records.iter().map(|record| record.classes[at].clone()).collect();
            let name = &classes.list[*member].name;
            let summary = summarise(&own, &context).ok_or_else(|| none(&format!(" of class `{name}`")))?;
            let mut charged = Charged::default();
            records.iter().for_each(|record| charged.merge(&record.charged[at]));
            let padding: f64 = records.iter().map(|record| record.padding[at]).sum();
            let padding = classes.sizes.as_ref().map(|_| padding / summary.requests as f64);
            parts.push((summary, charged.marginal_usd(context.tariff), tally(&own), padding));
        }
        // What is paid beside the invocations themselves is shared as these are.
        let marginal: f64 = parts.iter().map(|(_, usd, ..)| usd).sum();
        let (cost, requests) = (simulation.simulated.cost_usd, simulation.requests as f64);
        let asked = requests + simulation.simulated.rejected as f64;
        simulation.simulated.slo_violations = parts.iter().map(|(_, _, tally, _)| tally.violations).sum();
        simulation.simulated.slo_violation_share = simulation.simulated.slo_violations as f64 / asked;
        simulation.simulated.slo_violation_share_ci95 = None;
        let class = |(at, (summary, usd, _, padding)): (usize, (Simulation, f64, Tally, Option<f64>))| {
            let class = &classes.list[group.members[at]];
            let own = summary.simulated;
            ClassFigures {
                name: class.name.clone(),
                share: summary.requests as f64 / requests,
                longest_wait_s: group.longest_wait[at].as_secs_f64(),
                latency_s: own.latency_s,
                latency_ci95_s: own.latency_ci95_s,
                slo_violation_share: class.slo.map(|_| own.slo_violation_share),
                slo_violation_share_ci95: own.slo_violation_share_ci95.filter(|_| class.slo.is_some()),
                cost_usd_per_million: cost * usd / marginal / summary.requests as f64 * 1e6,
                padding,
            }
        };
        Ok(ClassSimulation { simulation, classes: parts.into_iter().enumerate().map(class).collect() })
    }
}

fn tally(records: &[Record]) -> Tally {
    let mut sum = Tally::default();
    records.iter().for_each(|record| sum.add(&record.total.tally));
    sum
}
