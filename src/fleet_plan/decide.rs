//! One function: the configuration to use, and what it saves against the best that does not batch.
//!
//! Most functions of an account see less than a request a second, so cold starts decide and no law covers them: the
//! configurations race on the function's own arrivals. The race is exact, in that it finds what trying the whole grid
//! finds, for three reasons.
//! 1. *Twins are left out.* Where at most m requests come within a timeout, largest batches beyond the first above m make
//!    the same batches; where m is 1, a lone request only waits, so that not batching is better at the same cost.
//! 2. *Bounds go first.* On environments that are always warm the same batches wait and serve as long, but nobody waits
//!    for an initialisation and none is billed: a bound on cost and lateness from below that is nearly free, as all memory
//!    sizes share it ([`crate::planner::bound`]).
//! 3. *Trials go from the best bound up*, and end where the next bound is no better than what was found.

use super::row::{Planned, Reason, Row};
use crate::arrivals::trace::Function;
use crate::engine::summary::MONTH_S;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::planner::bound::{Bound, bounds};
use crate::planner::constraint::Constraint;
use crate::planner::replayed::Replayed;
use crate::planner::search::{Candidate, order};
use crate::planner::trial::Trials;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// So many trials at a time: neighbours share the cutting of batches.
const AT_A_TIME: usize = 8;

/// What holds for a function: its scenario, what is asked, and the configurations to choose from.
#[derive(Debug, Clone, Copy)]
pub struct Choices<'a> {
    /// The template with the function's profile.
    pub scenario: &'a Scenario,
    /// What is asked.
    pub constraint: &'a Constraint,
    /// What may be chosen.
    pub settings: &'a [Setting],
}

/// Decides on a function that was watched for `length`.
///
/// # Errors
/// The profile does not cover a configuration; none of its requests would be served.
pub fn decide(choices: Choices<'_>, function: Function, length: Span) -> Result<Row, InputError> {
    let (number, name) = (function.number, function.name.clone());
    let stream = Streams::new(choices.scenario.seed).part(0).stream("trace");
    let times = function.arrivals(stream)?;
    let (requests, seconds) = (times.len() as u64, length.as_secs_f64());
    let row = |planned, reason| Row {
        number,
        function: name.clone(),
        requests,
        rate_per_s: requests as f64 / seconds,
        planned,
        reason,
    };
    if times.is_empty() {
        return Ok(row(None, Reason::Silent));
    }
    let open = distinct(&times, choices.settings);
    let found = race(choices, &Replayed::of(choices.scenario, times), &open)?;
    let month = |c: &Candidate| {
        let served = c.trial.map_or(0, |trial| trial.served);
        c.cost * served as f64 / seconds * MONTH_S
    };
    let (best, alone) = (&found.best, found.unbatched.as_ref());
    let planned = Planned {
        setting: best.setting,
        p_slo_s: best.percentile_s.unwrap_or(f64::NAN),
        violation_share: best.late,
        usd_per_month: month(best),
        unbatched_usd_per_month: alone.map(month),
        cold_start_share: best.trial.map_or(0.0, |trial| trial.cold_starts),
    };
    Ok(row(Some(planned), reason(choices, &found, &open)))
}

/// What a race found.
#[derive(Debug)]
struct Found {
    best: Candidate,
    /// The best that does not batch, where that may be chosen.
    unbatched: Option<Candidate>,
    /// Does a configuration that batches keep what is asked, as far as is known?
    batching: Batching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batching {
    /// One does, or may.
    May,
    /// None does.
    Misses,
}

/// Meets what is asked, then its score; else how near it comes; then the cost.
type Key = [f64; 3];

fn key(candidate: &Candidate) -> Key {
    match candidate.meets {
        true => [0.0, candidate.score, candidate.cost],
        false => [1.0, candidate.late, candidate.cost],
    }
}

fn least_key(bound: &Bound) -> Key {
    match bound.may_meet {
        true => [0.0, bound.score, bound.cost],
        false => [1.0, bound.late, bound.cost],
    }
}

fn compare(a: &Key, b: &Key) -> std::cmp::Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.total_cmp(b))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// The better first; of equals, as a plan has it.
fn rank(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    compare(&key(a), &key(b)).then_with(|| order(a, b))
}

fn race(choices: Choices<'_>, arrivals: &Replayed<'_>, open: &[Setting]) -> Result<Found, InputError> {
    let Choices { scenario, constraint, .. } = choices;
    let mut trials = Trials::new(scenario, *constraint, arrivals);
    let mut bounds = bounds(scenario, constraint, &trials, open)?;
    bounds.sort_by(|a, b| compare(&least_key(a), &least_key(b)).then(a.setting.cmp(&b.setting)));
    let (alone, batches): (Vec<Bound>, Vec<Bound>) = bounds.into_iter().partition(|b| b.setting.batch == 1);
    let unbatched = best_of(&mut trials, &alone, None)?;
    let Some(best) = best_of(&mut trials, &batches, unbatched)? else {
        let message = "no configuration of the grid runs to its end on the platform";
        return Err(InputError::new(&scenario.name, message).help("take more memory, or smaller batches"));
    };
    let mut batching = Batching::Misses;
    for bound in batches.iter().filter(|bound| bound.may_meet) {
        if !trials.holds(&bound.setting) || trials.of(&[bound.setting])?[0].meets {
            batching = Batching::May;
            break;
        }
    }
    Ok(Found { best, unbatched, batching })
}

/// The best of those with these bounds, the least first, and of one that is known.
fn best_of(
    trials: &mut Trials<'_>,
    bounds: &[Bound],
    known: Option<Candidate>,
) -> Result<Option<Candidate>, InputError> {
    let mut best = known;
    for group in bounds.chunks(AT_A_TIME) {
        if best.as_ref().is_some_and(|best| compare(&least_key(&group[0]), &key(best)).is_gt()) {
            break;
        }
        let settings: Vec<Setting> = group.iter().map(|bound| bound.setting).collect();
        let mut found = trials.of(&settings)?;
        // Where calls fail, they are not billed: the bounds on the cost do not hold.
        if found.iter().any(|c| c.trial.is_some_and(|trial| trial.throttled > 0)) {
            let all: Vec<Setting> = bounds.iter().map(|bound| bound.setting).collect();
            found = trials.of(&all)?;
            return Ok(found.into_iter().chain(best).min_by(rank));
        }
        best = found.into_iter().chain(best).min_by(rank);
    }
    Ok(best)
}

fn reason(choices: Choices<'_>, found: &Found, open: &[Setting]) -> Reason {
    let best = &found.best;
    let batches = |settings: &[Setting]| settings.iter().any(|setting| setting.batch > 1);
    if !best.meets {
        let cold = best.trial.map_or(0.0, |trial| trial.cold_starts);
        let allowed = 1.0 - choices.constraint.share;
        return if cold > allowed { Reason::MissesCold } else { Reason::Misses };
    }
    match (best.setting.batch, batches(open), found.batching) {
        (2.., ..) => Reason::Batches,
        _ if !batches(choices.settings) => Reason::NotOffered,
        (_, false, _) => Reason::TooFarApart,
        (_, true, Batching::Misses) => Reason::WaitTooLong,
        (_, true, Batching::May) => Reason::NotWorth,
    }
}

/// The configurations without their twins, in their order.
pub fn distinct(times: &[Time], settings: &[Setting]) -> Vec<Setting> {
    let mut timeouts: Vec<Span> = settings.iter().map(|setting| setting.timeout).collect();
    timeouts.sort_unstable();
    timeouts.dedup();
    let mut sizes: Vec<u32> = settings.iter().map(|setting| setting.batch).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let enough = sizes.last().copied().unwrap_or(1) as usize;
    let together: Vec<usize> = timeouts.iter().map(|timeout| most_within(times, *timeout, enough)).collect();
    let is_distinct = |setting: &&Setting| {
        let at = timeouts.partition_point(|timeout| *timeout < setting.timeout);
        let size = sizes.partition_point(|size| *size < setting.batch);
        let smaller = size.checked_sub(1).map_or(1, |before| sizes[before]) as usize;
        setting.batch == 1 || (together[at] > 1 && smaller <= together[at])
    };
    settings.iter().filter(is_distinct).copied().collect()
}

/// The most arrivals that a timeout after one of them covers, that one included; at most `enough` are counted.
fn most_within(times: &[Time], timeout: Span, enough: usize) -> usize {
    let (mut first, mut most) = (0, 0);
    for (last, time) in times.iter().enumerate() {
        while *time > times[first] + timeout {
            first += 1;
        }
        most = most.max(last - first + 1);
        if most >= enough {
            break;
        }
    }
    most
}
