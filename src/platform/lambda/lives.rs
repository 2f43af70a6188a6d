//! How many environments there were: those that serve, initialise or are idle.

use crate::units::Time;

/// Adds up the lives of environments, each once it has ended. A life counts from `from` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    from: Time,
    counted: EnvironmentLives,
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
    /// None has ended yet.
    pub fn from(from: Time) -> Lives {
        Lives { from, counted: EnvironmentLives::default() }
    }

    /// An environment was there from `born` until `gone`.
    #[inline]
    pub fn ended(&mut self, born: Time, gone: Time) {
        self.counted.alive += u128::from(gone.0.saturating_sub(born.max(self.from).0));
        self.counted.at_first += u64::from(born <= self.from && self.from < gone && self.from > Time::ZERO);
    }

    pub fn counted(self) -> EnvironmentLives {
        self.counted
    }
}
