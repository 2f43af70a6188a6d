//! Configurations that users answer to: each has arrivals of its own, so none shares work with another.

use super::kept::Kept;
use super::{Common, Counted, Pair, Wanted};
use crate::arrivals::closed::Users;
use crate::engine::service::ServiceDraws;
use crate::engine::{Replay, closed};
use crate::platform::lambda::{KeepAlive, LambdaPool, PoolSettings};
use crate::platform::warm::Warm;
use crate::policy::batch::BatchPolicy;

/// Simulates every configuration on its own, each with the same users: they think as long, one answer after another.
pub fn each(common: &Common<'_>, users: &Users, pairs: &[Pair<'_>]) -> Vec<Vec<Counted>> {
    let of =
        |pair: &Pair<'_>| pair.wanted.iter().map(|wanted| one(common, users, pair.buffer, wanted)).collect();
    pairs.iter().map(of).collect()
}

fn one(common: &Common<'_>, users: &Users, policy: BatchPolicy, wanted: &Wanted<'_>) -> Counted {
    let (mut users, mut kept) = (users.clone(), Kept::new(common.rules, wanted.keep));
    let streams = common.streams;
    let service = ServiceDraws::new(wanted.times.clone(), streams);
    let (retry, backoff) = (common.retry, streams.stream("back-off"));
    match common.pool {
        None => {
            let platform = Warm::default();
            closed::replay(&mut users, Replay { policy, platform, service, retry, backoff }, &mut kept);
            kept.into_counted(|_| None)
        }
        Some(pool) => {
            let keep_alive = wanted.keep_alive.map_or(pool.keep_alive, KeepAlive::Fixed);
            let settings = PoolSettings { keep_alive, ..pool.serving(wanted.times, wanted.provisioned) };
            let platform = LambdaPool::new(settings, streams).counting_from(common.rules.warmup);
            let replay_of = Replay { policy, platform, service, retry, backoff };
            let pool = closed::replay(&mut users, replay_of, &mut kept);
            kept.into_counted(|end| Some(pool.environments(end)))
        }
    }
}
