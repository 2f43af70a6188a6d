//! A configuration whose batches are refused, or whose environments chance chooses: the engine itself behind the
//! shared buffer.

use super::counted::Counted;
use super::kept::Kept;
use crate::engine::invoker::{Invoker, Left};
use crate::platform::lambda::LambdaPool;
use crate::units::{MemoryMb, Time};

/// A pool with the batches that wait for another try.
#[derive(Debug)]
pub struct Solo {
    invoker: Invoker<LambdaPool>,
    memory: MemoryMb,
    kept: Kept,
    spare: Vec<Time>,
}

impl Solo {
    /// Goes on from what was counted with a pool.
    pub fn new(invoker: Invoker<LambdaPool>, memory: MemoryMb, kept: Kept) -> Solo {
        Solo { invoker, memory, kept, spare: Vec::new() }
    }

    /// A batch leaves. Those whose next try is no later come before it.
    pub fn leave(&mut self, left: Left, arrivals: &[Time]) {
        self.try_again(left.at);
        self.spare.extend_from_slice(arrivals);
        self.invoker.attempt(left.at, left, (1, self.memory), &mut self.spare, &mut self.kept);
    }

    fn try_again(&mut self, until: Time) {
        while self.invoker.next_try() <= until {
            self.invoker.try_again(self.memory, &mut self.kept);
        }
    }

    /// No more batches leave.
    pub fn finish(mut self) -> Counted {
        self.try_again(Time(Time::NEVER.0 - 1));
        let platform = self.invoker.platform;
        self.kept.into_counted(|end| Some(platform.environments(end)))
    }
}
