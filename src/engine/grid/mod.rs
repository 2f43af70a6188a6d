//! Many configurations on the same arrivals, in one pass over them.

mod counted;
mod totals;

pub use self::counted::Counted;
use self::totals::Totals;
use super::service::ServiceDraws;
use super::simulate::rules;
use super::{Replay, Retry, replay};
use crate::arrivals::Arrivals;
use crate::arrivals::memory::{InMemory, collect};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::platform::lambda::{LambdaPool, PoolSettings};
use crate::platform::warm::Warm;
use crate::policy::batch::Batch;
use crate::profile::ServiceTimes;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;

/// One (B, T) and the functions on which it is wanted.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// When batches leave.
    pub buffer: Batch,
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
}

/// Replays arrivals with every configuration, on the scenario's platform, with its SLO and warm-up. What is found is
/// what the engine finds with the same streams: for each pair, in the order of what is wanted of it.
///
/// Errors: the arrivals cannot be read.
pub fn evaluate<A: Arrivals + ?Sized>(
    scenario: &Scenario,
    streams: Streams,
    arrivals: &mut A,
    pairs: &[Pair<'_>],
) -> Result<Vec<Vec<Counted>>, InputError> {
    let times = collect(arrivals)?;
    let each = |pair: &Pair<'_>| {
        pair.wanted
            .iter()
            .map(|wanted| one(scenario, streams, &mut InMemory::new(&times), pair.buffer, *wanted))
            .collect()
    };
    pairs.iter().map(each).collect()
}

fn one<A: Arrivals>(
    scenario: &Scenario,
    streams: Streams,
    arrivals: &mut A,
    policy: Batch,
    wanted: Wanted<'_>,
) -> Result<Counted, InputError> {
    let mut totals = Totals::new(rules(scenario));
    let retry = scenario.platform.retry;
    let retry = Retry { attempts: retry.attempts, base: retry.base, cap: retry.cap };
    let (service, backoff) =
        (ServiceDraws::new(wanted.times.clone(), streams.stream("service")), streams.stream("back-off"));
    match &scenario.platform.environments {
        Environments::AlwaysWarm => {
            let platform = Warm::default();
            replay(arrivals, Replay { policy, platform, service, retry, backoff }, &mut totals)?;
        }
        Environments::Pool(pool) => {
            let (model_init, provisioned) = (wanted.times.init, wanted.provisioned);
            let platform = LambdaPool::new(PoolSettings { model_init, provisioned, ..pool.clone() }, streams);
            replay(arrivals, Replay { policy, platform, service, retry, backoff }, &mut totals)?;
        }
    }
    Ok(totals.into_counted())
}
