//! Environments that see batches, not requests: the quick twin of the platform's pool, as long as nothing is refused.
//!
//! Of an environment only two things matter: when it finishes, and since when it is idle. A finish is needed no
//! earlier than the first batch that starts at or after it, and which batch that is can be looked up as soon as it is
//! known: so finishes lie in a calendar with a page for each batch, and no queue keeps them in order. The few of one
//! page are sorted when it is turned. Idle environments are a stack of times (the most recent is reused) or a queue
//! (the least recent).

use std::collections::VecDeque;

use super::starts::Starts;
use crate::platform::Capacity;
use crate::platform::lambda::idle::Reuse;
use crate::platform::lambda::{KeepAlive, PoolSettings};
use crate::platform::token_bucket::TokenBucket;
use crate::units::{Span, Time};

/// The environments of one configuration.
#[derive(Debug)]
pub struct Pool {
    idle: Idle,
    keep_alive: Span,
    init: Span,
    concurrency: u64,
    provisioned_free: u32,
    scaling: TokenBucket,
    busy: u64,
    /// Those that finish after the last batch seen.
    later: Vec<Run>,
}

/// An environment that is busy.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Until when.
    pub finish: Time,
    /// Whose capacity it is.
    pub capacity: Capacity,
}

/// Since when each idle environment is idle, in the order of time.
#[derive(Debug)]
enum Idle {
    /// There is always one.
    Always,
    MostRecent(Vec<Time>),
    LeastRecent(VecDeque<Time>),
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
pub trait Book {
    /// How long a batch is served.
    fn service(&self, starts: &Starts<'_>, batch: usize) -> Span;

    /// A batch starts.
    fn started(&mut self, starts: &Starts<'_>, batch: usize, start: Start);
}

/// Finishes by the batch that finds them; room that is used again.
#[derive(Debug, Default)]
pub struct Calendar {
    /// The first of each page.
    pages: Vec<u32>,
    entries: Vec<Entry>,
    few: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    run: Run,
    /// The next of its page.
    next: u32,
}

/// The end of a page.
const NONE: u32 = u32::MAX;

impl Calendar {
    fn open(&mut self, pages: usize) {
        self.pages.clear();
        self.pages.resize(pages, NONE);
        self.entries.clear();
    }

    #[inline(always)]
    fn enter(&mut self, page: usize, run: Run) {
        let next = std::mem::replace(&mut self.pages[page], self.entries.len() as u32);
        self.entries.push(Entry { run, next });
    }

    /// Takes out a page.
    fn page(&self, mut at: u32) -> impl Iterator<Item = Run> {
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize)?;
            at = entry.next;
            Some(entry.run)
        })
    }
}

impl Idle {
    #[inline(always)]
    fn put(&mut self, since: Time) {
        match self {
            Idle::Always => (),
            Idle::MostRecent(stack) => stack.push(since),
            Idle::LeastRecent(queue) => queue.push_back(since),
        }
    }

    /// Takes one that has been idle for at most `keep_alive`.
    #[inline(always)]
    fn take(&mut self, now: Time, keep_alive: Span) -> bool {
        let is_warm = |since: &Time| now.since(*since) <= keep_alive;
        match self {
            Idle::Always => true,
            Idle::MostRecent(stack) => match stack.pop() {
                Some(since) if is_warm(&since) => true,
                // The others are idle for longer.
                _ => {
                    stack.clear();
                    false
                }
            },
            Idle::LeastRecent(queue) => std::iter::from_fn(|| queue.pop_front()).any(|since| is_warm(&since)),
        }
    }
}

impl Pool {
    /// A cold pool whose environments initialise for `init`; `None` where chance or the age of environments decides.
    pub fn new(settings: &PoolSettings, init: Span, provisioned: u32) -> Option<Pool> {
        let idle = match settings.reuse {
            Reuse::MostRecent => Idle::MostRecent(Vec::new()),
            Reuse::LeastRecent => Idle::LeastRecent(VecDeque::new()),
            Reuse::Newest | Reuse::Random => return None,
        };
        let KeepAlive::Fixed(keep_alive) = settings.keep_alive else { return None };
        let limit = settings.scaling;
        Some(Pool {
            idle,
            keep_alive,
            init,
            concurrency: settings.concurrency,
            provisioned_free: provisioned,
            scaling: TokenBucket::new(limit.burst, limit.tokens, limit.period),
            busy: 0,
            later: Vec::new(),
        })
    }

    /// Always enough warm environments.
    pub fn always_warm() -> Pool {
        Pool {
            idle: Idle::Always,
            keep_alive: Span::MAX,
            init: Span::ZERO,
            concurrency: u64::MAX,
            provisioned_free: 0,
            scaling: TokenBucket::new(0, 0, Span::ZERO),
            busy: 0,
            later: Vec::new(),
        }
    }

    /// Starts the batches before the one numbered `until`; the first that is refused, which is `until` at the latest.
    pub fn advance<B: Book>(
        &mut self,
        starts: &Starts<'_>,
        until: usize,
        calendar: &mut Calendar,
        book: &mut B,
    ) -> Option<usize> {
        let left = starts.batches.left;
        calendar.open(left.len());
        let mut later = std::mem::take(&mut self.later);
        later.retain(|run| match starts.first_from(run.finish) {
            Some(page) => {
                calendar.enter(page, *run);
                false
            }
            None => true,
        });
        self.later = later;
        for (batch, now) in left[..until].iter().enumerate() {
            self.turn(batch, calendar);
            let Some((cold, capacity)) = self.place(*now) else {
                self.put_back(batch, calendar);
                return Some(batch);
            };
            self.busy += 1;
            let service = book.service(starts, batch);
            let init = if cold { self.init } else { Span::ZERO };
            book.started(starts, batch, Start { cold, init, service, capacity, busy: self.busy });
            let run = Run { finish: *now + init + service, capacity };
            match starts.first_from(run.finish).map(|page| page.max(batch + 1)) {
                Some(page) if page < left.len() => calendar.enter(page, run),
                _ => self.later.push(run),
            }
        }
        if until < left.len() {
            self.put_back(until, calendar);
            return Some(until);
        }
        None
    }

    /// Lets finish what a batch finds finished.
    #[inline(always)]
    fn turn(&mut self, batch: usize, calendar: &mut Calendar) {
        let first = std::mem::replace(&mut calendar.pages[batch], NONE);
        let Some(entry) = calendar.entries.get(first as usize) else { return };
        if entry.next == NONE {
            self.finish(entry.run);
            return;
        }
        let mut few = std::mem::take(&mut calendar.few);
        few.extend(calendar.page(first));
        few.sort_unstable_by_key(|run| run.finish);
        few.drain(..).for_each(|run| self.finish(run));
        calendar.few = few;
    }

    #[inline(always)]
    fn finish(&mut self, run: Run) {
        self.busy -= 1;
        match run.capacity {
            Capacity::Provisioned => self.provisioned_free += 1,
            _ => self.idle.put(run.finish),
        }
    }

    /// Places a batch: in a new environment or not, and whose; `None` if it is refused.
    #[inline(always)]
    fn place(&mut self, now: Time) -> Option<(bool, Capacity)> {
        if self.busy >= self.concurrency {
            return None;
        }
        if self.provisioned_free > 0 {
            self.provisioned_free -= 1;
            return Some((false, Capacity::Provisioned));
        }
        if self.idle.take(now, self.keep_alive) {
            return Some((false, Capacity::OnDemand));
        }
        self.scaling.take(now).then_some((true, Capacity::OnDemand))
    }

    /// Keeps what the pages from one batch on hold.
    fn put_back(&mut self, batch: usize, calendar: &Calendar) {
        let runs = calendar.pages[batch..].iter().flat_map(|first| calendar.page(*first));
        self.later.extend(runs);
    }

    /// What runs, since when the idle ones are idle, the provisioned ones that are free, and the right to grow.
    pub fn into_parts(self) -> (Vec<Run>, Vec<Time>, u32, TokenBucket) {
        let idle = match self.idle {
            Idle::Always => Vec::new(),
            Idle::MostRecent(stack) => stack,
            Idle::LeastRecent(queue) => queue.into(),
        };
        (self.later, idle, self.provisioned_free, self.scaling)
    }
}
