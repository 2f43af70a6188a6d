//! How fast a rented instance serves a model: its workers and their service times by batch size.

use super::{OutOfRange, Profile, ServiceTimes};
use crate::units::{MemoryMb, Span};

/// An instance has no memory size to choose; its batches are recorded at this one.
pub const NO_MEMORY: MemoryMb = MemoryMb(0);

/// What is known of a model on an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceProfile {
    /// Batches that it serves at once, each at the table's speed.
    pub workers: u32,
    /// Its service times, at one memory size: [`NO_MEMORY`].
    pub table: Profile,
}

impl InstanceProfile {
    /// The service times of batches of 1 to `largest`.
    ///
    /// # Errors
    /// The profile does not cover `largest`.
    pub fn at(&self, largest: u32) -> Result<ServiceTimes, OutOfRange> {
        self.table.at(NO_MEMORY, largest)
    }

    /// The largest batch that the profile covers.
    pub fn largest_batch(&self) -> u32 {
        self.table.batch.last().copied().unwrap_or(1)
    }

    /// Requests per second with every worker busy on batches of `n` [1/s].
    pub fn capacity_per_s(workers: u32, n: u32, service: Span) -> f64 {
        f64::from(workers) * f64::from(n) / service.as_secs_f64()
    }
}
