//! Environments that see batches, not requests: the quick twin of the platform's pool, as long as nothing is refused.
//!
//! Of an environment only two things matter: when it finishes, and how long it stays warm then. A finish is needed no
//! earlier than the first batch that starts at or after it, and which batch that is can be looked up as soon as it is
//! known: so finishes lie in a calendar with a page for each batch, and no queue keeps them in order.

use super::calendar::{Calendar, Page};
use super::idle::{AlwaysWarm, Idle, IdleEnvironments, Shelf, Stack};
use super::later::Later;
use super::starts::Starts;
use crate::platform::Capacity;
use crate::platform::lambda::idle::Reuse;
use crate::platform::lambda::{EnvironmentLives, Lives, PoolSettings};
use crate::platform::token_bucket::TokenBucket;
use crate::price::RateLimit;
use crate::units::{Span, Time};

/// The environments of one configuration.
#[derive(Debug)]
pub struct Pool {
    idle: Idle,
    growth: Growth,
    /// Those that finish after the last batch seen.
    later: Later,
}

/// Busy environments, and new ones.
#[derive(Debug)]
struct Growth {
    busy: u64,
    concurrency: u64,
    scaling: TokenBucket,
    init: Span,
    keep_alive: Span,
    lives: Lives,
}

/// An environment that is busy.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Until when.
    pub finish: Time,
    /// Whose capacity it is.
    pub capacity: Capacity,
}

/// Where and how a batch starts.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Is its environment new?
    pub cold: bool,
    /// Initialisation.
    pub init: Span,
    /// Service time.
    pub service: Span,
    /// Whose capacity it uses.
    pub capacity: Capacity,
    /// Environments busy just after.
    pub busy: u64,
}

/// Someone who knows how long batches take and is told how they start.
pub trait Ledger {
    /// How long a batch is served.
    fn service(&self, starts: &Starts<'_>, batch: usize) -> Span;

    /// A batch starts.
    fn started(&mut self, starts: &Starts<'_>, batch: usize, start: Start);
}

impl Pool {
    /// A cold pool, whose environments count from a time on; `None` where chance or the age of environments decides.
    pub fn new(settings: &PoolSettings, from: Time) -> Option<Pool> {
        let provisioned = settings.provisioned;
        let (keep_alive, init) = settings.constants()?;
        let idle = match (settings.reuse, provisioned) {
            (Reuse::MostRecent, 0) => Idle::Stack(Stack::new(keep_alive)),
            (Reuse::MostRecent | Reuse::LeastRecent, _) => {
                Idle::Shelf(Shelf::new(settings.reuse, keep_alive, provisioned))
            }
            (Reuse::Newest | Reuse::Random, _) => return None,
        };
        let RateLimit { burst, tokens, period } = settings.scaling;
        let scaling = TokenBucket::new(burst, tokens, period);
        let (concurrency, lives) = (settings.concurrency, Lives::from(from));
        let growth = Growth { busy: 0, concurrency, scaling, init, keep_alive, lives };
        Some(Pool { idle, growth, later: Later::default() })
    }

    /// Always enough warm environments.
    pub fn always_warm() -> Pool {
        let scaling = TokenBucket::new(0, 0, Span::ZERO);
        let (none, lives) = (Span::ZERO, Lives::from(Time::ZERO));
        let growth = Growth { busy: 0, concurrency: u64::MAX, scaling, init: none, keep_alive: none, lives };
        Pool { idle: Idle::Always(AlwaysWarm), growth, later: Later::default() }
    }

    /// Starts the batches before the one numbered `until`; the first that is refused, which is `until` at the latest.
    pub fn advance<B: Ledger>(
        &mut self,
        starts: &Starts<'_>,
        until: usize,
        calendar: &mut Calendar,
        book: &mut B,
    ) -> Option<usize> {
        calendar.open(starts, &mut self.later);
        let growth = &mut self.growth;
        let refused = match &mut self.idle {
            Idle::Always(idle) => advance((idle, growth), starts, until, calendar, book),
            Idle::Stack(idle) => advance((idle, growth), starts, until, calendar, book),
            Idle::Shelf(idle) => advance((idle, growth), starts, until, calendar, book),
        };
        self.later.suit(starts.batches.left);
        // The page of the refused batch has been turned.
        calendar.keep(refused.map_or(until, |refused| refused + 1), &mut self.later);
        refused.or((until < starts.sizes.len()).then_some(until))
    }

    /// What runs, until when the idle ones are warm, the provisioned ones that are free, the right to grow, and the lives
    /// so far.
    pub fn into_parts(self) -> (Vec<Run>, Vec<Time>, u32, TokenBucket, Lives) {
        let (idle, provisioned) = match self.idle {
            Idle::Always(_) => (Vec::new(), 0),
            Idle::Stack(stack) => (stack.warm_until().collect(), 0),
            Idle::Shelf(shelf) => shelf.into_parts(),
        };
        (self.later.into_runs(), idle, provisioned, self.growth.scaling, self.growth.lives)
    }

    /// The environments that were there until `end`, when all have finished; `None` where they are always warm.
    pub fn environments(self, end: Time) -> Option<EnvironmentLives> {
        if let Idle::Always(_) = self.idle {
            return None;
        }
        let keep_alive = self.growth.keep_alive.0;
        let (running, idle, _, _, mut lives) = self.into_parts();
        let running = running.iter().filter(|run| run.capacity == Capacity::OnDemand);
        let until = running.map(|run| Time(run.finish.0.saturating_add(keep_alive)));
        until.chain(idle).for_each(|until| lives.ended(until.min(end)));
        Some(lives.counted())
    }
}

/// Starts batches; the first that is refused.
fn advance<I: IdleEnvironments, B: Ledger>(
    (idle, growth): (&mut I, &mut Growth),
    starts: &Starts<'_>,
    until: usize,
    calendar: &mut Calendar,
    book: &mut B,
) -> Option<usize> {
    for (batch, now) in starts.batches.left[..until].iter().enumerate() {
        match calendar.page(batch) {
            // How many have finished cannot be foreseen, so there is no branch.
            Page::Few(runs) => {
                for (does, run) in runs {
                    growth.busy -= u64::from(does);
                    idle.put_if(does, run.finish, run.capacity);
                }
            }
            Page::Many => {
                let runs = calendar.sorted(batch);
                growth.busy -= runs.len() as u64;
                runs.iter().for_each(|run| idle.put_if(true, run.finish, run.capacity));
            }
        }
        if growth.busy >= growth.concurrency {
            return Some(batch);
        }
        let (cold, capacity) = match idle.take(*now, &mut growth.lives) {
            Some(capacity) => (false, capacity),
            None if growth.scaling.take(*now) => (true, Capacity::OnDemand),
            None => return Some(batch),
        };
        growth.busy += 1;
        let mut init = Span::ZERO;
        if cold {
            init = growth.init;
            growth.lives.begun(*now);
            idle.grow(growth.busy);
        }
        let service = book.service(starts, batch);
        book.started(starts, batch, Start { cold, init, service, capacity, busy: growth.busy });
        let finish = *now + init + service;
        calendar.enter(starts.first_from(finish).max(batch + 1), batch, Run { finish, capacity });
    }
    None
}
