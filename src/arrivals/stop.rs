//! Ends a replay that takes too long for whoever began it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Arrivals;
use super::map_arrivals::Portion;
use crate::error::InputError;
use crate::units::Span;

/// A way to end all replays of a workload: their next arrivals are an error. By default there is none.
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<AtomicBool>>);

/// Says nothing: how a run may be ended is no part of what it depends on.
impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}

impl Stop {
    /// A new one, whose clones are the same.
    pub fn new() -> Stop {
        Stop(Some(Arc::default()))
    }

    /// Ends the replays.
    pub fn stop(&self) {
        if let Some(stopped) = &self.0 {
            stopped.store(true, Ordering::Relaxed);
        }
    }

    /// Were they ended?
    pub fn is_stopped(&self) -> bool {
        self.0.as_ref().is_some_and(|stopped| stopped.load(Ordering::Relaxed))
    }

    /// Arrivals that can be ended.
    pub fn watching<'a>(&self, source: Box<dyn Arrivals + 'a>) -> Box<dyn Arrivals + 'a> {
        match self.0 {
            Some(_) => Box::new(Stoppable { source, stop: self.clone() }),
            None => source,
        }
    }

    /// # Errors
    /// The replays were ended.
    pub fn check(&self) -> Result<(), InputError> {
        match self.is_stopped() {
            true => Err(InputError::new("the replay", "was interrupted")),
            false => Ok(()),
        }
    }
}

struct Stoppable<'a> {
    source: Box<dyn Arrivals + 'a>,
    stop: Stop,
}

impl Arrivals for Stoppable<'_> {
    fn fill(&mut self, block: &mut Vec<crate::units::Time>) -> Result<(), InputError> {
        self.stop.check()?;
        self.source.fill(block)
    }

    fn portion(&mut self) -> Option<Portion> {
        // Without one, they are asked for by `fill`, which fails.
        if self.stop.is_stopped() { None } else { self.source.portion() }
    }

    fn wanted(&self) -> u64 {
        self.source.wanted()
    }

    fn bin(&self) -> Option<Span> {
        self.source.bin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::map::Map;
    use crate::arrivals::map_arrivals::MapArrivals;
    use crate::arrivals::memory::{InMemory, collect};
    use crate::numeric::streams::Streams;
    use crate::units::Time;

    #[test]
    fn what_was_stopped_hands_over_nothing_more() {
        let times: Vec<Time> = (0..10_000).map(Time).collect();
        let stop = Stop::new();
        let source = || stop.watching(Box::new(InMemory::new(&times)));
        assert_eq!(collect(&mut *source()).unwrap(), times);
        let process =
            MapArrivals::new(&Map::poisson(1.0), Time::ZERO, Time::NEVER, Streams::new(1).stream("arrivals"));
        let mut process = stop.watching(Box::new(process));
        assert!(process.portion().is_some());
        stop.clone().stop();
        assert!(process.portion().is_none());
        assert!(process.fill(&mut Vec::new()).is_err());
        assert!(collect(&mut *source()).is_err());
        assert!(collect(&mut *Stop::default().watching(Box::new(InMemory::new(&times)))).is_ok());
    }
}
