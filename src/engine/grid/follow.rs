//! One (B, T): its batches cut once, and every configuration that sees them.

use std::sync::Arc;

use super::calendar::Calendar;
use super::configuration::{Configuration, Stretch};
use super::counted::Counted;
use super::starts::{Places, Starts};
use super::waits::Waits;
use super::{Pair, Wanted};
use crate::engine::Retry;
use crate::engine::recorder::Rules;
use crate::engine::service::{Factors, Luck};
use crate::engine::warm::{Cuts, last};
use crate::numeric::streams::Streams;
use crate::platform::lambda::PoolSettings;
use crate::platform::token_bucket::TokenBucket;
use crate::policy::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::units::{Span, Time};

/// What all configurations have in common.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// The functions' settings; `None` where all are always warm.
    pub pool: Option<&'a PoolSettings>,
    /// What a throttled client does.
    pub retry: Retry,
    /// What is counted.
    pub rules: Rules,
    /// Where chance comes from.
    pub streams: Streams,
    /// No latency is shorter, as far as quantiles are to be exact.
    pub shortest: Span,
}

/// Whether the most environments that are busy at once are followed where all are always warm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peaks {
    /// They are.
    Followed,
    /// They are not, which saves most of the time.
    Left,
}

/// Room that every (B, T) uses in turn.
#[derive(Debug, Default)]
pub struct Workspace {
    cuts: Cuts,
    sizes: Vec<u32>,
    places: Places,
    calendar: Calendar,
    luck: Vec<Luck>,
}

/// How requests are counted.
pub enum Counting {
    /// Their waits, for all configurations.
    Shared(Waits),
    /// Each configuration by itself, with random service times.
    Each(Factors),
}

/// A (B, T) that follows the arrivals.
pub struct Follower<'a> {
    common: Common<'a>,
    buffer: BatchPolicy,
    /// Where the open batch begins.
    pub open: usize,
    counting: Counting,
    /// The right to invoke, as long as nothing was refused for its number.
    requests: Option<TokenBucket>,
    configurations: Vec<Configuration<'a>>,
}

impl<'a> Follower<'a> {
    /// Has seen nothing.
    pub fn new(common: Common<'a>, pair: &Pair<'a>, peaks: Peaks) -> Follower<'a> {
        let largest = pair.buffer.batch as usize;
        // What leaves at once waits for no timeout.
        let timeout = if largest == 1 { Span::ZERO } else { pair.buffer.timeout };
        let buffer = BatchPolicy { timeout, ..pair.buffer };
        let random = pair.wanted.first().map(|wanted| wanted.times).filter(|times| times.is_random());
        let law = |times: &ServiceTimes| {
            (times.cv, times.shape.is_some(), times.beside.overhead_s, times.beside.overhead_cv)
        };
        let same = |wanted: &Wanted<'_>| law(wanted.times) == law(pair.wanted[0].times);
        assert!(pair.wanted.iter().all(same), "one variation for all memory sizes");
        let counting = match random {
            Some(times) => Counting::Each(Factors::new(times, common.streams)),
            None => {
                let services = pair.wanted.iter().map(|wanted| &wanted.times.mean[..largest]);
                Counting::Shared(Waits::new(buffer, common.shortest, common.rules.slo, services))
            }
        };
        let configuration = |wanted| Configuration::new(common, wanted, largest, &counting, peaks);
        let configurations = pair.wanted.iter().copied().map(configuration).collect();
        let bucket = |pool: &PoolSettings| {
            TokenBucket::new(pool.requests.burst, pool.requests.tokens, pool.requests.period)
        };
        Follower { common, buffer, open: 0, counting, requests: common.pool.map(bucket), configurations }
    }

    /// Sees every batch whose end is decided by `times`.
    pub fn advance(&mut self, times: &[Time], workspace: &mut Workspace) {
        workspace.cuts.clear();
        let first = self.open;
        self.open = workspace.cuts.extend(times, first, self.buffer);
        self.see(times, first, workspace);
    }

    /// The batch that is still open after the last arrival leaves at its deadline.
    pub fn finish(mut self, times: &[Time], workspace: &mut Workspace) -> Vec<Counted> {
        workspace.cuts.clear();
        if let Some((end, left)) = last(times, self.open, self.buffer) {
            workspace.cuts.push(end, left);
            self.see(times, self.open, workspace);
        }
        let waits = match self.counting {
            Counting::Shared(mut waits) => {
                waits.close();
                Some(Arc::new(waits))
            }
            Counting::Each(_) => None,
        };
        let counted = |configuration: Configuration<'_>| configuration.counted(self.common, waits.as_ref());
        self.configurations.into_iter().map(counted).collect()
    }

    /// Sees the batches that were cut.
    fn see(&mut self, times: &[Time], first: usize, workspace: &mut Workspace) {
        let Workspace { cuts, sizes, places, calendar, luck } = workspace;
        let batches = cuts.batches(times, first, 0);
        let warmup = self.common.rules.warmup;
        if self.configurations.iter().any(|follows| !matches!(follows, Configuration::Still(..))) {
            sizes.clear();
            match self.buffer.batch {
                1 => sizes.resize(batches.left.len(), 1),
                _ => sizes.extend(batches.sizes().map(|size| size as u32)),
            }
            places.sort(batches.left);
            let starts = Starts::new(batches, sizes, warmup, places);
            luck.clear();
            if let Counting::Each(draws) = &mut self.counting {
                luck.extend(batches.left.iter().filter_map(|_| draws.draw()));
            }
            let requests = self.requests.clone();
            let refused = self.requests.as_mut().and_then(|requests| refused(requests, batches.left));
            let until = refused.unwrap_or(batches.left.len());
            let stretch = Stretch { starts, luck, requests, until };
            let what = (self.common, self.buffer);
            let advanced =
                |follows: Configuration<'a>| follows.advance(what, &self.counting, &stretch, calendar);
            self.configurations =
                std::mem::take(&mut self.configurations).into_iter().map(advanced).collect();
            if refused.is_some() {
                // Each counts for itself now.
                self.requests = None;
            }
        }
        if let Counting::Shared(waits) = &mut self.counting {
            waits.count(batches.from(warmup));
        }
    }
}

/// The first batch that is refused for its number.
fn refused(requests: &mut TokenBucket, left: &[Time]) -> Option<usize> {
    left.iter().position(|left| !requests.take(*left))
}
