//! One configuration that follows the batches of its (B, T).

use std::sync::Arc;

use super::calendar::Calendar;
use super::counted::Counted;
use super::each::{EachBook, cause, drawn};
use super::fixed::{Alike, Fixed, FixedBook};
use super::follow::{Common, Counting, Peaks};
use super::kept::{Kept, recorder};
use super::pool::Pool;
use super::solo::Solo;
use super::starts::Starts;
use super::waits::Waits;
use super::{Keep, Wanted};
use crate::engine::invoker::{Invoker, Left};
use crate::engine::recorder::Recorder;
use crate::engine::service::Luck;
use crate::platform::lambda::{KeepAlive, LambdaPool, PoolSettings, PoolState};
use crate::platform::token_bucket::TokenBucket;
use crate::policy::batch::BatchPolicy;
use crate::units::Span;

/// How a configuration follows.
pub enum Configuration<'a> {
    /// All environments are warm, and nobody asks how many.
    Still(Wanted<'a>, Fixed<'a>),
    /// By the shared counts of waits.
    Fixed(Wanted<'a>, Pool, Fixed<'a>, Option<Box<Recorder>>),
    /// Each request by itself.
    Each(Wanted<'a>, Pool, Kept),
    /// By the engine itself.
    Solo(Wanted<'a>, Box<Solo>),
}

/// Some batches, and what all configurations are to know of them.
pub struct Stretch<'a> {
    /// The batches.
    pub starts: Starts<'a>,
    /// With random service times or an overhead, the luck of each.
    pub luck: &'a [Luck],
    /// The right to invoke, before the first of them.
    pub requests: Option<TokenBucket>,
    /// The first that is refused for its number, or how many there are.
    pub until: usize,
}

impl<'a> Configuration<'a> {
    /// Has seen nothing.
    pub fn new(
        common: Common<'a>,
        wanted: Wanted<'a>,
        largest: usize,
        counting: &Counting,
        peaks: Peaks,
    ) -> Self {
        let kept = Kept::new(common.rules, wanted.keep);
        let pool = match common.pool {
            None => Some(Pool::always_warm()),
            Some(_) => Pool::new(&settings(common, wanted), common.rules.warmup),
        };
        let Some(pool) = pool else {
            let platform = LambdaPool::new(settings(common, wanted), common.streams);
            let platform = platform.counting_from(common.rules.warmup);
            return Configuration::Solo(wanted, Box::new(solo(common, wanted, platform, kept)));
        };
        let fixed = Fixed::new(common.rules, wanted.times, largest);
        let is_still = common.pool.is_none() && peaks == Peaks::Left && wanted.keep == Keep::Totals;
        match counting {
            Counting::Each(_) => Configuration::Each(wanted, pool, kept),
            Counting::Shared(_) if is_still => Configuration::Still(wanted, fixed),
            Counting::Shared(_) => {
                Configuration::Fixed(wanted, pool, fixed, recorder(common.rules, wanted.keep))
            }
        }
    }

    /// Sees some batches; as it follows the next ones.
    pub fn advance(
        self,
        (common, buffer): (Common<'a>, BatchPolicy),
        counting: &Counting,
        stretch: &Stretch<'_>,
        calendar: &mut Calendar,
    ) -> Self {
        let (starts, until) = (&stretch.starts, stretch.until);
        let (wanted, pool, kept, from) = match (self, counting) {
            (Configuration::Fixed(wanted, mut pool, mut fixed, mut recorder), Counting::Shared(waits)) => {
                let (recorder_now, alike) = (recorder.as_deref_mut(), Alike::default());
                let mut book = FixedBook { fixed: &mut fixed, waits, recorder: recorder_now, alike };
                let refused = pool.advance(starts, until, calendar, &mut book);
                book.show_alike(starts);
                let Some(from) = refused else {
                    return Configuration::Fixed(wanted, pool, fixed, recorder);
                };
                let counted = fixed.counted(&before(waits, starts, from), init(common, wanted));
                (wanted, pool, Kept::after(common.rules, counted, recorder), from)
            }
            (Configuration::Each(wanted, mut pool, mut kept), _) => {
                let (times, luck, largest) = (wanted.times, stretch.luck, buffer.batch);
                let mut book = EachBook { times, largest, luck, kept: &mut kept };
                let Some(from) = pool.advance(starts, until, calendar, &mut book) else {
                    return Configuration::Each(wanted, pool, kept);
                };
                (wanted, pool, kept, from)
            }
            (Configuration::Solo(wanted, mut solo), _) => {
                see(&mut solo, wanted, buffer, stretch, 0);
                return Configuration::Solo(wanted, solo);
            }
            (still, _) => return still,
        };
        let platform = resumed(common, wanted, pool, stretch, from);
        let mut solo = solo(common, wanted, platform, kept);
        see(&mut solo, wanted, buffer, stretch, from);
        Configuration::Solo(wanted, Box::new(solo))
    }

    /// What it gave; `waits` are there where they were shared.
    pub fn counted(self, common: Common<'_>, waits: Option<&Arc<Waits>>) -> Counted {
        match (self, waits) {
            (Configuration::Still(wanted, fixed), Some(waits)) => fixed.counted(waits, init(common, wanted)),
            (Configuration::Fixed(wanted, pool, fixed, recorder), Some(waits)) => {
                fixed.counted(waits, init(common, wanted)).with(recorder, |end| pool.environments(end))
            }
            (Configuration::Each(_, pool, kept), _) => kept.into_counted(|end| pool.environments(end)),
            (Configuration::Solo(_, solo), _) => solo.finish(),
            (Configuration::Still(..) | Configuration::Fixed(..), None) => {
                unreachable!("fixed service times share their waits")
            }
        }
    }
}

/// The waits of what left before a batch.
fn before(waits: &Waits, starts: &Starts<'_>, batch: usize) -> Arc<Waits> {
    let mut waits = waits.clone();
    waits.count(starts.batches.split_at(batch).0.from(starts.warmup));
    waits.close();
    Arc::new(waits)
}

/// Lets the engine see the batches from one on.
fn see(solo: &mut Solo, wanted: Wanted<'_>, buffer: BatchPolicy, stretch: &Stretch<'_>, from: usize) {
    let Stretch { starts, luck, .. } = stretch;
    for batch in from..starts.sizes.len() {
        let size = starts.sizes[batch];
        let (service, overhead) = drawn(wanted.times, size, luck.get(batch));
        let left =
            Left { at: starts.batches.left[batch], cause: cause(size, buffer.batch), service, overhead };
        solo.leave(left, starts.arrivals(batch));
    }
}

fn solo(common: Common<'_>, wanted: Wanted<'_>, platform: LambdaPool, kept: Kept) -> Solo {
    let invoker = Invoker::new(platform, common.retry, common.streams.stream("back-off"));
    Solo::new(invoker, wanted.times.memory, kept)
}

/// The platform's pool with what is in the quick one just before a batch.
fn resumed(
    common: Common<'_>,
    wanted: Wanted<'_>,
    pool: Pool,
    stretch: &Stretch<'_>,
    from: usize,
) -> LambdaPool {
    let left = stretch.starts.batches.left;
    let mut requests = stretch.requests.clone().expect("only a pool refuses");
    for left in &left[..from] {
        requests.take(*left);
    }
    let (running, warm_until, provisioned_free, scaling, lives) = pool.into_parts();
    let running = running.into_iter().map(|run| (run.finish, run.capacity)).collect();
    let state = PoolState { running, warm_until, provisioned_free, scaling, requests, lives };
    LambdaPool::resumed(settings(common, wanted), common.streams, left[from], state)
}

fn settings(common: Common<'_>, wanted: Wanted<'_>) -> PoolSettings {
    let settings = common.pool.expect("only a pool has settings");
    let keep_alive = wanted.keep_alive.map_or(settings.keep_alive, KeepAlive::Fixed);
    PoolSettings { keep_alive, ..settings.clone() }.serving(wanted.times, wanted.provisioned)
}

fn init(common: Common<'_>, wanted: Wanted<'_>) -> Span {
    common.pool.map_or(Span::ZERO, |pool| pool.runtime_init + wanted.times.init)
}
