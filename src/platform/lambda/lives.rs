//! How many environments there were: those that serve, initialise or are idle.

use crate::units::Time;

/// Adds up the lives of environments by their beginnings and ends, in any order. What is before `from` does not count.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    from: Time,
    /// Ends less beginnings \[ns\].
    alive: i128,
    at_first: i64,
}

/// How many environments there were over a stretch of time; provisioned ones are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnvironmentLives {
    /// The sum of their lives within the stretch \[ns\].
    pub alive: u128,
    /// Those that were there when it began.
    ///
    /// The most that were there at once are these, or those that were busy at once: a new one comes only where none is idle.
    pub at_first: u64,
}

impl Lives {
    /// None has begun yet.
    pub fn from(from: Time) -> Lives {
        Lives { from, alive: 0, at_first: 0 }
    }

    /// An environment begins.
    pub fn begun(&mut self, at: Time) {
        self.alive -= i128::from(at.max(self.from).0);
        self.at_first += i64::from(at <= self.from);
    }

    /// An environment was there until then.
    pub fn ended(&mut self, at: Time) {
        self.alive += i128::from(at.max(self.from).0);
        self.at_first -= i64::from(at < self.from);
    }

    /// Where every one that began has ended.
    pub fn counted(self) -> EnvironmentLives {
        EnvironmentLives { alive: self.alive.unsigned_abs(), at_first: self.at_first.unsigned_abs() }
    }
}
