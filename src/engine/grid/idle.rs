//! Environments that are idle, by how long they stay warm.

use std::collections::VecDeque;

use crate::platform::Capacity;
use crate::platform::lambda::Lives;
use crate::platform::lambda::idle::Reuse;
use crate::units::{Span, Time};

/// Idle environments, by the rule of their reuse.
#[derive(Debug)]
pub enum Idle {
    /// There is always one.
    Always(AlwaysWarm),
    /// The most recent serves.
    Stack(Stack),
    /// Provisioned ones beside, or the least recent serves.
    Shelf(Shelf),
}

/// Idle environments.
pub trait IdleEnvironments {
    /// An environment becomes idle, if it does.
    fn put_if(&mut self, does: bool, finish: Time, capacity: Capacity);

    /// The one that serves next, if any is warm. Those that are dropped have ended.
    fn take(&mut self, now: Time, lives: &mut Lives) -> Option<Capacity>;

    /// There is a new one; so many are busy with it.
    fn grow(&mut self, busy: u64);
}

/// There is always a warm one.
#[derive(Debug)]
pub struct AlwaysWarm;

impl IdleEnvironments for AlwaysWarm {
    #[inline(always)]
    fn put_if(&mut self, _does: bool, _finish: Time, _capacity: Capacity) {}

    #[inline(always)]
    fn take(&mut self, _now: Time, _lives: &mut Lives) -> Option<Capacity> {
        Some(Capacity::OnDemand)
    }

    fn grow(&mut self, _busy: u64) {}
}

/// The one that became idle last serves next. Those below it have been idle for longer: once it has expired, all have.
#[derive(Debug)]
pub struct Stack {
    /// The first nanosecond at which each is cold; at the bottom one that never was warm.
    cold_from: Vec<u64>,
    /// So many are there, with the one at the bottom.
    top: usize,
    keep_alive: u64,
}

impl Stack {
    /// None is idle.
    pub fn new(keep_alive: Span) -> Stack {
        Stack { cold_from: vec![0; 2], top: 1, keep_alive: keep_alive.0 }
    }

    /// Until when each is warm, in ascending order.
    pub fn warm_until(&self) -> impl Iterator<Item = Time> {
        self.cold_from[1..self.top].iter().map(|from| Time(from - 1))
    }

    #[cold]
    fn drop_all(&mut self, lives: &mut Lives) {
        self.warm_until().for_each(|until| lives.ended(until));
        self.top = 1;
    }
}

impl IdleEnvironments for Stack {
    #[inline(always)]
    fn put_if(&mut self, does: bool, finish: Time, _capacity: Capacity) {
        // What is written above the top does no harm.
        self.cold_from[self.top] = finish.0.saturating_add(self.keep_alive).saturating_add(1);
        self.top += usize::from(does);
    }

    #[inline(always)]
    fn take(&mut self, now: Time, lives: &mut Lives) -> Option<Capacity> {
        if self.cold_from[self.top - 1] > now.0 {
            self.top -= 1;
            return Some(Capacity::OnDemand);
        }
        self.drop_all(lives);
        None
    }

    #[cold]
    fn grow(&mut self, busy: u64) {
        // All that are busy may become idle, and one more is written above them.
        self.cold_from.resize(self.cold_from.len().max(busy as usize + 2), 0);
    }
}

/// Idle environments in the order in which they became idle, and provisioned ones, which serve first.
#[derive(Debug)]
pub struct Shelf {
    warm_until: VecDeque<Time>,
    reuse: Reuse,
    keep_alive: Span,
    provisioned_free: u32,
}

impl Shelf {
    /// No environment but provisioned ones.
    pub fn new(reuse: Reuse, keep_alive: Span, provisioned: u32) -> Shelf {
        Shelf { warm_until: VecDeque::new(), reuse, keep_alive, provisioned_free: provisioned }
    }

    /// Until when each is warm, in ascending order, and the provisioned ones that are free.
    pub fn into_parts(self) -> (Vec<Time>, u32) {
        (self.warm_until.into(), self.provisioned_free)
    }
}

impl IdleEnvironments for Shelf {
    #[inline]
    fn put_if(&mut self, does: bool, finish: Time, capacity: Capacity) {
        match capacity {
            _ if !does => (),
            Capacity::Provisioned => self.provisioned_free += 1,
            _ => self.warm_until.push_back(Time(finish.0.saturating_add(self.keep_alive.0))),
        }
    }

    #[inline]
    fn take(&mut self, now: Time, lives: &mut Lives) -> Option<Capacity> {
        if self.provisioned_free > 0 {
            self.provisioned_free -= 1;
            return Some(Capacity::Provisioned);
        }
        // The oldest expire first; dropping them here keeps the queue short.
        while let Some(until) = self.warm_until.pop_front_if(|until| *until < now) {
            lives.ended(until);
        }
        let taken = match self.reuse {
            Reuse::LeastRecent => self.warm_until.pop_front(),
            _ => self.warm_until.pop_back(),
        };
        taken.map(|_| Capacity::OnDemand)
    }

    fn grow(&mut self, _busy: u64) {}
}
