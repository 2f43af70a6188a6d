//! How many batches run at once, where their finishes are known when they start.

use super::cut::Batches;
use crate::numeric::lanes::{Due, Lanes};
use crate::units::{Span, Time};

/// A batch that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// When it started.
    pub at: Time,
    /// When it finishes.
    pub finish: Time,
}

/// Follows the most batches that run at once.
///
/// More than p run just after the start of batch k only if batch k - p or an earlier one still runs, and none runs
/// longer than `longest`: so a start within `longest` of the one p before is looked at, the others are not. Nor
/// are the next m starts after one at which p - m ran. Where that looks at too many batches all the same, as while more and
/// more run, their finishes are followed one by one.
#[derive(Debug)]
pub struct BusyCount {
    longest: Span,
    /// In the order of their starts.
    at: Vec<Time>,
    finish: Vec<Time>,
    /// Those before have finished.
    oldest: usize,
    /// Those before have been seen.
    seen: usize,
    peak: usize,
    /// No start before can make a new peak.
    next_look: usize,
    /// So many batches more may be looked at before finishes are followed.
    allowance: usize,
    followed: Option<Lanes<Time>>,
    /// So many run, where they are followed.
    running: usize,
}

/// So many batches may be looked at for each that starts, and at first.
const LOOKS: usize = 32;
const FIRST_LOOKS: usize = 1 << 16;

impl Due for Time {
    const NEVER: Self = Time::NEVER;

    #[inline]
    fn due(&self) -> u64 {
        self.0
    }
}

impl BusyCount {
    /// None runs; none will run longer than `longest`.
    pub fn new(longest: Span) -> BusyCount {
        let (at, finish, followed) = (Vec::new(), Vec::new(), None);
        let (oldest, seen, peak, next_look) = (0, 0, 0, 0);
        let (allowance, running) = (FIRST_LOOKS, 0);
        BusyCount { longest, at, finish, oldest, seen, peak, next_look, allowance, followed, running }
    }

    /// Only `running` run, which came before.
    pub fn reset(&mut self, running: &[Started]) {
        self.at.clear();
        self.finish.clear();
        (self.oldest, self.seen, self.peak) = (0, 0, 0);
        (self.allowance, self.followed) = (FIRST_LOOKS, None);
        self.at.extend(running.iter().map(|batch| batch.at));
        self.finish.extend(running.iter().map(|batch| batch.finish));
        self.pass();
    }

    /// Batches start at these times, in order. The caller adds to what is handed out, when they start, how long
    /// they take.
    pub fn start(&mut self, at: &[Time]) -> &mut [Time] {
        let before = self.at.len();
        self.at.extend_from_slice(at);
        self.finish.extend_from_slice(at);
        &mut self.finish[before..]
    }

    /// Batches start that are left out of the peak; `service` is how long one of 1, 2, ... requests takes.
    pub fn skip<A: Copy>(&mut self, batches: Batches<'_, A>, service: &[Span]) {
        let finishes = self.start(batches.left).iter_mut();
        batches.sizes().zip(finishes).for_each(|(size, finish)| *finish += service[size - 1]);
        self.pass();
    }

    /// Leaves the batches that started since the last call out of the peak.
    fn pass(&mut self) {
        let peak = self.peak;
        self.follow();
        self.peak = peak;
        (self.seen, self.next_look) = (self.at.len(), self.at.len());
        self.forget();
    }

    /// Looks at the batches that started since the last call.
    pub fn see(&mut self) {
        self.allowance = self.allowance.saturating_add(LOOKS * (self.at.len() - self.seen));
        let mut next = self.seen.max(self.next_look);
        while self.followed.is_none()
            && let Some(batch) = self.candidate(next)
        {
            self.look(batch, self.at[batch]);
            next = self.next_look;
        }
        self.follow();
        self.seen = self.at.len();
        self.forget();
    }

    /// The first batch from `from` on that can make a new peak.
    fn candidate(&self, from: usize) -> Option<usize> {
        if self.peak == 0 {
            return (from < self.at.len()).then_some(from);
        }
        let from = from.max(self.peak);
        let (later, earlier) = (self.at.get(from..)?, &self.at[from - self.peak..]);
        let is_close = |(now, before): (&Time, &Time)| now.0 - before.0 < self.longest.0;
        later.iter().zip(earlier).position(is_close).map(|index| from + index)
    }

    /// The most that ran at once just after a start, of those seen since the last call.
    pub fn take_peak(&mut self) -> u64 {
        self.next_look = self.seen;
        std::mem::take(&mut self.peak) as u64
    }

    /// Where finishes are followed: counts those that run just after each start since the last call.
    fn follow(&mut self) {
        let Some(lanes) = &mut self.followed else { return };
        for batch in self.seen..self.at.len() {
            let (now, finish) = (self.at[batch], self.finish[batch]);
            while lanes.head() <= now {
                lanes.take();
                self.running -= 1;
            }
            lanes.push(finish.0 - now.0, finish);
            self.running += 1;
            self.peak = self.peak.max(self.running);
        }
    }

    /// Follows finishes from the next start on.
    #[cold]
    fn start_following(&mut self, batch: usize) {
        let mut lanes = Lanes::default();
        let running = (self.oldest..=batch).filter(|each| self.finish[*each] > self.at[batch]);
        self.running =
            running.map(|each| lanes.push(self.finish[each].0 - self.at[each].0, self.finish[each])).count();
        (self.followed, self.seen) = (Some(lanes), batch + 1);
    }

    /// Counts those that run just after a start.
    fn look(&mut self, batch: usize, now: Time) {
        while self.oldest < batch && self.at[self.oldest] + self.longest <= now {
            self.oldest += 1;
        }
        let earlier = self.finish[self.oldest..batch].iter().filter(|finish| **finish > now).count();
        self.peak = self.peak.max(earlier + 1);
        self.next_look = batch + 1 + (self.peak - earlier - 1);
        match self.allowance.checked_sub(batch - self.oldest) {
            Some(left) => self.allowance = left,
            None => self.start_following(batch),
        }
    }

    /// Drops what has finished, at most once a doubling.
    fn forget(&mut self) {
        let Some(now) = self.at.last().copied() else { return };
        self.oldest += self.at[self.oldest..self.seen].partition_point(|at| *at + self.longest <= now);
        if 2 * self.oldest > self.at.len() {
            self.at.drain(..self.oldest);
            self.finish.drain(..self.oldest);
            self.seen -= self.oldest;
            self.next_look = self.next_look.saturating_sub(self.oldest);
            self.oldest = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Looked at or followed from some batch on, in blocks and stretches of any length: the peaks are those of a count of all.
        #[test]
        fn peaks_are_those_of_a_count_of_all(
            batches in prop::collection::vec((0_u64..20, 1_u64..400), 1..300),
            blocks in prop::collection::vec((1_usize..40, 0_u8..4), 1..60),
            allowance in prop_oneof![Just(0_usize), 1_usize..2_000, Just(FIRST_LOOKS)],
            running in prop::collection::vec(1_u64..400, 0..20),
        ) {
            let mut now = 0;
            let started: Vec<Started> = batches
                .iter()
                .map(|(gap, service)| {
                    now += gap;
                    Started { at: Time(now), finish: Time(now + service) }
                })
                .collect();
            let before: Vec<Started> =
                running.iter().map(|finish| Started { at: Time(0), finish: Time(*finish) }).collect();
            let all = [&*before, &*started].concat();
            let count = |batch: usize| {
                let at = all[batch].at;
                all[..=batch].iter().filter(|other| other.finish > at).count() as u64
            };
            let mut busy = BusyCount::new(Span(400));
            busy.reset(&before);
            busy.allowance = allowance;
            let (mut next, mut peak) = (before.len(), 0);
            for (length, kind) in blocks {
                let end = (next + length).min(all.len());
                let at: Vec<Time> = all[next..end].iter().map(|batch| batch.at).collect();
                busy.start(&at).iter_mut().zip(&all[next..end]).for_each(|(finish, batch)| *finish = batch.finish);
                match kind {
                    0 => busy.pass(),
                    _ => {
                        busy.see();
                        peak = (next..end).map(count).max().unwrap_or(0).max(peak);
                    }
                }
                if kind == 1 {
                    prop_assert_eq!(busy.take_peak(), std::mem::take(&mut peak));
                }
                next = end;
            }
            prop_assert_eq!(busy.take_peak(), peak);
        }
    }

    /// Ever more run: each start makes a new peak.
    #[test]
    fn finishes_are_followed_while_more_and_more_run() {
        let mut busy = BusyCount::new(Span(1_000_000));
        let at: Vec<Time> = (0..100_000).map(Time).collect();
        busy.start(&at).iter_mut().for_each(|finish| *finish += Span(1_000_000));
        busy.see();
        assert!(busy.followed.is_some());
        assert_eq!(busy.take_peak(), 100_000);
    }
}
