//! Many configurations on the same arrivals, in one pass over them.
//!
//! What is done once for each (B, T), whatever number of memory sizes asks for it: requests are put together into
//! batches, with the engine's own rule; their waits are counted; with random service times, each batch's factor is
//! drawn. A memory size then sees batches, not requests: it follows which environments are busy, idle or new, and what
//! the shared counts do not say. Only a batch in a new environment changes latencies; everything else is the shared
//! histogram moved by the service time.
//!
//! Where a platform refuses a batch (concurrency, rate of scaling, rate of invocations), the configuration goes on by
//! itself from that batch on, with the engine's own rules for retries; where chance or the age of environments decides
//! which of them serves, it does so from the start. So every scenario is covered, and what is counted is bit by bit what
//! the engine counts; only percentiles are read off a histogram, as the engine's are.

mod calendar;
mod closed;
mod configuration;
mod counted;
mod each;
mod fixed;
mod follow;
mod idle;
mod kept;
mod later;
mod moved;
mod pool;
mod solo;
mod starts;
#[cfg(test)]
mod tests;
mod waits;

pub use self::counted::Counted;
use self::follow::{Common, Follower, Peaks, Workspace};
use super::Retry;
use super::observer::Observer;
use super::recorder::Record;
use super::simulate::{Unwatched, rules};
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::platform::lambda::PoolSettings;
use crate::platform::lambda::idle::Reuse;
use crate::policy::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;
use crate::units::{Span, Time};

/// Arrivals that every (B, T) sees before the next ones are drawn: few enough to stay in the cache.
const CHUNK: usize = 2 * BLOCK;
/// Counts of a (B, T) that take more memory take longer than one configuration by itself.
const MOST_BYTES: usize = 1 << 20;

/// One (B, T) and the functions on which it is wanted.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// When batches leave.
    pub buffer: BatchPolicy,
    /// The functions.
    pub wanted: Vec<Wanted<'a>>,
}

/// A function on which a (B, T) is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its memory size and service times, for batches up to B at least.
    pub times: &'a ServiceTimes,
    /// Environments that are always initialised; none where all are always warm.
    pub provisioned: u32,
    /// How long idle environments stay warm, if it is not as the scenario's platform has it.
    pub keep_alive: Option<Span>,
    /// What is kept of it.
    pub keep: Keep,
}

impl<'a> Wanted<'a> {
    /// The totals of a function, with what else the scenario's platform says.
    pub fn new(scenario: &Scenario, times: &'a ServiceTimes) -> Wanted<'a> {
        let provisioned = match &scenario.platform.environments {
            Environments::AlwaysWarm => 0,
            Environments::Pool(pool) => pool.provisioned,
        };
        Wanted { times, provisioned, keep_alive: None, keep: Keep::Totals }
    }
}

/// What is kept of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Its totals.
    Totals,
    /// Besides, all that the engine records, by hour and by slice: then its requests are counted one by one.
    Record,
}

/// Replays arrivals with every configuration, on the scenario's platform, with its SLO and warm-up. What is found is
/// what the engine finds with the same streams: for each pair, in the order of what is wanted of it.
///
/// # Errors
/// The arrivals cannot be read.
pub fn evaluate<A: Arrivals + ?Sized>(
    scenario: &Scenario,
    streams: Streams,
    arrivals: &mut A,
    pairs: &[Pair<'_>],
) -> Result<Vec<Vec<Counted>>, InputError> {
    pass(common(scenario, streams), arrivals, (pairs, Peaks::Followed), (CHUNK, &mut Unwatched))
}

/// As [`evaluate`], but where environments are always warm and service times fixed, `peak_concurrency` is left at zero:
/// then memory sizes cost nothing but a look at the counts.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_without_peaks<A: Arrivals + ?Sized>(
    scenario: &Scenario,
    streams: Streams,
    arrivals: &mut A,
    pairs: &[Pair<'_>],
) -> Result<Vec<Vec<Counted>>, InputError> {
    pass(common(scenario, streams), arrivals, (pairs, Peaks::Left), (CHUNK, &mut Unwatched))
}

/// Is one configuration replayed faster here than event by event?
pub(in crate::engine) fn records(scenario: &Scenario, wanted: Wanted<'_>, buffer: BatchPolicy) -> bool {
    is_fast(scenario)
        && matches!(scenario.platform.environments, Environments::Pool(_))
        && !wanted.times.is_random()
        && bytes(scenario, buffer) <= MOST_BYTES
}

/// Replays one configuration, and keeps all that the engine records. The observer is told how far the replay is.
///
/// # Errors
/// As [`evaluate`].
pub(in crate::engine) fn record<A: Arrivals + ?Sized, O: Observer>(
    scenario: &Scenario,
    (streams, arrivals): (Streams, &mut A),
    (buffer, wanted): (BatchPolicy, Wanted<'_>),
    observer: &mut O,
) -> Result<Record, InputError> {
    let wanted = Wanted { keep: Keep::Record, ..wanted };
    let pairs = [Pair { buffer, wanted: vec![wanted] }];
    let found = pass(common(scenario, streams), arrivals, (&pairs, Peaks::Followed), (CHUNK, observer))?;
    let record = found.into_iter().flatten().find_map(|counted| counted.record);
    Ok(*record.expect("a record was asked for"))
}

/// Does every memory size share most of the work? Else each configuration follows the platform by itself, from batches
/// that are shared.
pub fn is_fast(scenario: &Scenario) -> bool {
    match &scenario.platform.environments {
        Environments::AlwaysWarm => true,
        Environments::Pool(pool) => {
            let beside = scenario.profile.beside.clone();
            PoolSettings { beside, ..pool.clone() }.constants().is_some()
                && matches!(pool.reuse, Reuse::MostRecent | Reuse::LeastRecent)
        }
    }
}

/// The memory that a (B, T) takes, without what its configurations take.
pub fn bytes(scenario: &Scenario, buffer: BatchPolicy) -> usize {
    waits::bytes(buffer, shortest(scenario))
}

/// The profile's shortest service time: by it, and not by what else is evaluated, is decided how finely waits are
/// counted, so that a configuration's figures are the same in any company.
fn shortest(scenario: &Scenario) -> Span {
    let shortest = scenario.profile.service_s.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    Span::from_secs_f64(shortest).unwrap_or(Span::ZERO)
}

/// What all configurations of a scenario have in common.
fn common(scenario: &Scenario, streams: Streams) -> Common<'_> {
    let retry = scenario.platform.retry;
    Common {
        pool: match &scenario.platform.environments {
            Environments::AlwaysWarm => None,
            Environments::Pool(pool) => Some(pool),
        },
        retry: Retry { attempts: retry.attempts, base: retry.base, cap: retry.cap },
        rules: rules(scenario),
        streams,
        shortest: shortest(scenario),
    }
}

fn pass<A: Arrivals + ?Sized, O: Observer>(
    common: Common<'_>,
    arrivals: &mut A,
    (pairs, peaks): (&[Pair<'_>], Peaks),
    (chunk, observer): (usize, &mut O),
) -> Result<Vec<Vec<Counted>>, InputError> {
    if let Some(users) = arrivals.users() {
        return Ok(closed::each(&common, users, pairs));
    }
    let mut followers: Vec<_> = pairs.iter().map(|pair| Follower::new(common, pair, peaks)).collect();
    let mut workspace = Workspace::default();
    // An open batch holds fewer than B requests, so this many must outlive a chunk.
    let keep = pairs.iter().map(|pair| pair.buffer.batch as usize).max().unwrap_or(0);
    let mut times: Vec<Time> = Vec::with_capacity(chunk + BLOCK + keep);
    loop {
        let old = times.len().saturating_sub(keep);
        times.drain(..old);
        followers.iter_mut().for_each(|follower| follower.open -= old);
        let before = times.len();
        let more = fill(arrivals, &mut times, chunk)?;
        if let (Some(last), true) = (times.last(), times.len() > before) {
            observer.passed(*last, (times.len() - before) as u64);
        }
        for follower in &mut followers {
            follower.advance(&times, &mut workspace);
        }
        if !more {
            return Ok(followers
                .into_iter()
                .map(|follower| follower.finish(&times, &mut workspace))
                .collect());
        }
    }
}

/// Adds a chunk of arrivals; false at their end.
fn fill<A: Arrivals + ?Sized>(
    arrivals: &mut A,
    times: &mut Vec<Time>,
    chunk: usize,
) -> Result<bool, InputError> {
    let full = times.len() + chunk;
    while times.len() < full {
        let before = times.len();
        arrivals.fill(times)?;
        if times.len() == before {
            return Ok(false);
        }
    }
    Ok(true)
}
