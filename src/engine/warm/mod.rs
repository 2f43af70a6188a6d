//! The fast path: fixed batching on environments that are always warm, with fixed service times.
//!
//! Batches then share nothing: which requests they hold follows from the arrivals, and how long they take from
//! their sizes. So there are no events; blocks of arrivals are cut into batches and counted in tight loops, and a
//! long replay is cut into chunks for all threads. The record is that of [`crate::engine::replay`], bit by bit.

mod chunks;
mod class_count;
mod classes;
mod count;
mod cut;
mod frame;
mod running;
#[cfg(test)]
mod tests;

use self::count::Counter;
use super::observer::Observer;
use super::recorder::{Record, Rules, TimeSeries};
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::policy::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::units::Span;

pub use self::classes::{ClassBuffering, replay_shared};
pub use self::cut::{Batches, Cuts, closed, last};

/// Batching without shared state.
#[derive(Debug, Clone, Copy)]
pub struct Buffering<'a> {
    /// When batches leave.
    pub buffer: BatchPolicy,
    /// How long they run, up to the largest batch; without variation.
    pub times: &'a ServiceTimes,
    /// What is counted.
    pub rules: Rules,
}

impl<'a> Buffering<'a> {
    /// Service time by size.
    fn service(&self) -> &'a [Span] {
        &self.times.mean[..self.buffer.batch as usize]
    }
}

/// Replays arrivals on all threads of the pool and records them.
///
/// # Errors
/// The arrivals cannot be read.
pub fn replay<A: Arrivals, O: Observer + Send>(
    arrivals: &mut A,
    buffering: Buffering<'_>,
    observer: &mut O,
) -> Result<Record, InputError> {
    match rayon::current_num_threads() {
        1 => replay_in_turn(arrivals, buffering, observer),
        threads => {
            chunks::replay(arrivals, buffering, observer, chunks::Cut { threads, requests: chunks::CHUNK })
        }
    }
}

/// As [`replay`], on one thread.
///
/// # Errors
/// As [`replay`].
pub fn replay_in_turn<A: Arrivals, O: Observer>(
    arrivals: &mut A,
    buffering: Buffering<'_>,
    observer: &mut O,
) -> Result<Record, InputError> {
    let (mut counter, mut series) = (Counter::new(&buffering), TimeSeries::default());
    let mut cuts = Cuts::default();
    let mut times = Vec::with_capacity(2 * BLOCK);
    let mut open = 0;
    loop {
        // Moves an open batch to the front at most once a doubling.
        if 2 * open >= times.len() {
            times.drain(..open);
            open = 0;
        }
        let before = times.len();
        arrivals.fill(&mut times)?;
        cuts.clear();
        let first = open;
        let more = times.len() > before;
        if more {
            open = cuts.extend(&times, open, buffering.buffer);
        } else if let Some((end, left)) = last(&times, open, buffering.buffer) {
            cuts.push(end, left);
        }
        counter.count(cuts.batches(&times, first, 0));
        counter.counted().for_each(|stretch| series.add(stretch));
        if !more {
            counter.finish().into_iter().for_each(|stretch| series.add(stretch));
            return Ok(series.close());
        }
        let now = times[times.len() - 1];
        observer.passed(now, (times.len() - before) as u64);
    }
}
