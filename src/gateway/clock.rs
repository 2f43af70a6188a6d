//! The one place where the gateway and the observer look at the wall clock.

use std::time::{Duration, Instant};

use crate::units::{Span, Time};

/// Counts nanoseconds from when it was made; it never goes back.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

/// The kernel wakes a sleeper some 60 us late; the rest of a wait is spent looking at the clock.
pub const SPIN: Span = Span(100_000);

impl Clock {
    /// A clock that shows zero.
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// What it shows.
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Keeps this thread busy until the clock shows `time`.
    pub fn spin_until(&self, time: Time) {
        while self.now() < time {
            std::hint::spin_loop();
        }
    }

    /// Blocks this thread until the clock shows `time`.
    pub fn wait_until(&self, time: Time) {
        let left = time.since(self.now());
        if left > SPIN {
            std::thread::sleep(duration(Span(left.0 - SPIN.0)));
        }
        self.spin_until(time);
    }
}

/// A span for the standard library.
pub fn duration(span: Span) -> Duration {
    Duration::from_nanos(span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_too_short() {
        let clock = Clock::start();
        for wait in [0, 20_000, 300_000, 2_000_000] {
            let until = clock.now() + Span(wait);
            clock.wait_until(until);
            assert!(clock.now() >= until);
        }
    }
}
