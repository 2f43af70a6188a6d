//! One instance: its queue, its workers, its end.

use std::collections::VecDeque;

use super::{Kind, START};
use crate::units::{Span, Time};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Launching,
    /// Its slot among those that are ready.
    Ready(usize),
    /// Takes no more requests and serves those it has.
    Draining,
    Ended,
}

#[derive(Debug)]
pub struct Instance {
    pub kind: usize,
    pub phase: Phase,
    pub launched: Time,
    pub ready: Time,
    pub ended: Time,
    /// When the provider takes it back; never, on demand.
    pub reclaimed: Time,
    /// It was told so.
    pub interrupted: bool,
    pub queue: VecDeque<Time>,
    /// When workers are free, the earliest first.
    free: Vec<Time>,
    /// The deadline that is planned.
    pub deadline: Time,
    /// Requests of batches that it will not finish.
    pub lost: Vec<Time>,
    /// Such batches.
    pub lost_batches: u64,
}

impl Instance {
    pub fn new(kind: usize, workers: u32, launched: Time, ready: Time, reclaimed: Time) -> Instance {
        Instance {
            kind,
            phase: Phase::Launching,
            launched,
            ready,
            ended: Time::NEVER,
            reclaimed,
            interrupted: false,
            queue: VecDeque::new(),
            free: vec![START; workers as usize],
            deadline: Time::NEVER,
            lost: Vec::new(),
            lost_batches: 0,
        }
    }

    pub fn has_idle_worker(&self, now: Time) -> bool {
        self.free[0] <= now
    }

    pub fn all_idle(&self, now: Time) -> bool {
        self.free[self.free.len() - 1] <= now
    }

    /// Its idle worker is busy until `finish`. Which one does not matter: all were free before.
    pub fn occupy(&mut self, finish: Time) {
        let until = self.free.partition_point(|at| *at <= finish);
        self.free.copy_within(1..until, 0);
        self.free[until - 1] = finish;
    }

    /// Requests and busy workers per worker, in 2^20ths, so that types of different size compare.
    pub fn outstanding(&self, now: Time) -> u64 {
        let busy = self.free.len() - self.free.partition_point(|at| *at <= now);
        (((self.queue.len() + busy) as u64) << 20) / self.free.len() as u64
    }

    pub fn enqueue(&mut self, arrival: Time) {
        insert_by_age(&mut self.queue, arrival);
    }

    /// When it would answer a request that came now, at mean service times: after the full batches ahead of
    /// it, in a batch that waits for its deadline at most.
    pub fn finish_of_next(&self, kind: &Kind) -> FinishOfNext {
        let (ahead, size) = (self.queue.len() as u64, u64::from(kind.batch.batch));
        let full = kind.service.mean(kind.batch.batch);
        let (batches, position) = (ahead / size, ahead % size + 1);
        let workers = self.free.len() as u64;
        let worker = self.free[(batches % workers) as usize];
        let rounds = Span(full.0.saturating_mul(batches / workers));
        let timeout = kind.batch.timeout;
        let (from, wait) = match position {
            position if position == size => (worker, Span::ZERO),
            1 => (worker, timeout),
            _ => (worker.max(self.queue[(batches * size) as usize] + timeout), Span::ZERO),
        };
        FinishOfNext { from, wait, takes: rounds + kind.service.mean(position as u32) }
    }
}

/// When an instance would answer the next request, for as long as nothing changes at it: it begins at the later of `from` and
/// `wait` from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishOfNext {
    pub from: Time,
    pub wait: Span,
    pub takes: Span,
}

impl FinishOfNext {
    #[cfg(test)]
    pub fn at(&self, now: Time) -> Time {
        self.from.max(now + self.wait) + self.takes
    }
}

/// Puts a request behind the older ones: a request that comes back from an interrupted instance goes ahead.
pub fn insert_by_age(queue: &mut VecDeque<Time>, arrival: Time) {
    if queue.back().is_none_or(|last| *last <= arrival) {
        queue.push_back(arrival);
        return;
    }
    let at = queue.partition_point(|other| *other <= arrival);
    queue.insert(at, arrival);
}
