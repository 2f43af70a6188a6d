//! A buffer that does not wait through a lull: a batch leaves when full, at its timeout, or when nothing has come for a while.

use super::batch::Batch;
use super::{Buffer, Dispatch, Policy};
use crate::units::Span;

/// A buffer with a longest lull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterLull {
    /// Largest batch and longest wait.
    pub buffer: Batch,
    /// A batch leaves if nothing has come for so long.
    pub lull: Span,
}

impl Policy for AfterLull {
    fn joined(&mut self, buffer: Buffer) -> Dispatch {
        match self.buffer.joined(buffer) {
            Dispatch::At(timeout) => Dispatch::At(timeout.min(buffer.now + self.lull)),
            Dispatch::Now => Dispatch::Now,
        }
    }
}
