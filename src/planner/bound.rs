//! Which configurations of a grid need a trial where environments start cold.
//!
//! On environments that are always warm the same batches wait and serve as long, but nobody waits for an
//! initialisation and none is billed. So a trial there bounds the cost, the latency and the share of late requests of
//! the real one from below, request by request; and with fixed service times it is nearly free, as all memory sizes
//! share it. Trials then go from the least bound up, and end where the bound of the next is above what was found: the
//! rest cannot be better. Where the platform refused a batch the bound on the cost does not hold (what fails is not
//! billed), and everything is tried.

use std::collections::BTreeMap;

use super::constraint::{Constraint, Objective};
use super::search::Candidate;
use super::trial::{Trials, try_all};
use crate::engine::grid::Counted;
use crate::engine::summary::within_target;
use crate::error::InputError;
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};

/// So many trials at a time.
const AT_A_TIME: usize = 16;
/// The best of so many lines (memory size, batch, provisioned environments) are found, not only the best of all.
const LINES: usize = 6;

/// May bounds spare trials? Users must not answer to what is slower by sending less. Prices must not depend on the volume, and service times must be fixed, so that bounds are
/// cheap.
pub fn helps(scenario: &Scenario) -> bool {
    scenario.workload.closed().is_none()
        && matches!(scenario.platform.environments, Environments::Pool(_))
        && scenario.platform.tariff.is_flat()
        && !scenario.profile.is_random()
}

/// Tries those of `settings` that may be among the best; all of them if none meets what is asked.
///
/// # Errors
/// As those of trials.
pub fn trials(
    scenario: &Scenario,
    constraint: &Constraint,
    trials: &mut Trials<'_>,
    settings: &[Setting],
) -> Result<Vec<Candidate>, InputError> {
    let may_meet = bounds(scenario, constraint, trials, settings)?.into_iter().filter(|bound| bound.may_meet);
    let mut open: Vec<(f64, Setting)> = may_meet.map(|bound| (bound.score, bound.setting)).collect();
    open.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut tried: Vec<Candidate> = Vec::new();
    for group in open.chunks(AT_A_TIME) {
        if group[0].0 > enough(&tried) {
            break;
        }
        let wanted: Vec<Setting> = group.iter().map(|(_, setting)| *setting).collect();
        tried.extend(trials.of(&wanted)?);
        if tried.iter().any(|c| c.trial.is_some_and(|trial| trial.throttled > 0)) {
            return trials.of(settings);
        }
    }
    if tried.iter().any(|c| c.meets) { Ok(tried) } else { trials.of(settings) }
}

/// The score of the best of the last line that is wanted; infinite as long as there are fewer.
fn enough(tried: &[Candidate]) -> f64 {
    let mut best: BTreeMap<_, f64> = BTreeMap::new();
    for candidate in tried.iter().filter(|c| c.meets) {
        let Setting { memory, batch, provisioned, .. } = candidate.setting;
        let least = best.entry((memory, batch, provisioned)).or_insert(f64::INFINITY);
        *least = least.min(candidate.score);
    }
    let mut scores: Vec<f64> = best.into_values().collect();
    scores.sort_by(f64::total_cmp);
    scores.get(LINES - 1).copied().unwrap_or(f64::INFINITY)
}

/// What a configuration cannot be better than.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The configuration.
    pub setting: Setting,
    /// The least score.
    pub score: f64,
    /// The least cost of a request [$].
    pub cost: f64,
    /// The least share of requests over the latency target.
    pub late: f64,
    /// Is what is asked within these?
    pub may_meet: bool,
}

/// The bounds of configurations, in their order.
///
/// # Errors
/// As those of trials.
pub fn bounds(
    scenario: &Scenario,
    constraint: &Constraint,
    trials: &Trials<'_>,
    settings: &[Setting],
) -> Result<Vec<Bound>, InputError> {
    let mut warm = scenario.clone();
    warm.platform.environments = Environments::AlwaysWarm;
    let alone: Vec<Setting> = {
        let mut alone: Vec<Setting> = settings.iter().map(|s| Setting { provisioned: 0, ..*s }).collect();
        alone.sort();
        alone.dedup();
        alone
    };
    let mut provisioned: Vec<u32> = settings.iter().map(|setting| setting.provisioned).collect();
    provisioned.sort_unstable();
    provisioned.dedup();
    let bounds_of = |alone: Setting, counted: &Counted| {
        let bound = |p: &u32| bound(scenario, constraint, Setting { provisioned: *p, ..alone }, counted);
        Ok(provisioned.iter().map(bound).collect::<Vec<Bound>>())
    };
    let found = try_all(&warm, trials.arrivals(), &alone, bounds_of)?;
    let all = found.into_iter().flat_map(|(_, bounds)| bounds).map(|bound| (bound.setting, bound));
    let all: BTreeMap<Setting, Bound> = all.collect();
    Ok(settings.iter().map(|setting| all[setting]).collect())
}

/// By what was counted of the configuration with environments that are always warm, none of them provisioned.
fn bound(scenario: &Scenario, constraint: &Constraint, setting: Setting, counted: &Counted) -> Bound {
    let mut usage = counted.usage((setting.memory, setting.provisioned), scenario.warmup);
    if setting.provisioned > 0 {
        // At best, all of it is served by what is provisioned.
        usage.provisioned_mb_ms = usage.mb_ms;
    }
    let usd = scenario.platform.tariff.bill(&usage).total().as_f64();
    let cost = usd / counted.tally.requests.max(1) as f64 * BELOW;
    let late = if constraint.latency.is_some() { counted.violation_share() } else { 0.0 };
    let score = match constraint.objective() {
        Objective::Cost => cost,
        Objective::Latency => {
            let found = counted.quantile(scenario.slo.percentile).unwrap_or(0.0);
            within_target(found, &counted.tally, &scenario.slo) * BELOW
        }
    };
    let may_meet = constraint.affords(cost) && constraint.is_kept(late);
    Bound { setting, score, cost, late, may_meet }
}

/// Bounds are lowered by this for rounding.
const BELOW: f64 = 1.0 - 1e-9;
