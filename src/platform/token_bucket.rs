//! A token bucket in integer arithmetic: how fast a platform lets something grow.

use crate::units::{Span, Time};

/// Holds at most `burst` tokens and regains `tokens` per `period`, continuously.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// Credit and its cap, in units of (tokens gained per period) x ns: one token is `period` ns.
    credit: u128,
    cap: u128,
    tokens: u64,
    period: Span,
    last: Time,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(burst: u64, tokens: u64, period: Span) -> Self {
        let cap = u128::from(burst) * u128::from(period.0);
        Self { credit: cap, cap, tokens, period, last: Time::ZERO }
    }

    /// Takes one token if there is a whole one at `now`. Calls come in the order of time.
    pub fn take(&mut self, now: Time) -> bool {
        let gained = u128::from(now.since(self.last).0) * u128::from(self.tokens);
        self.last = now;
        self.credit = (self.credit + gained).min(self.cap);
        let one = u128::from(self.period.0);
        let enough = self.credit >= one;
        if enough {
            self.credit -= one;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_burst_then_the_rate_and_never_saves_more_than_the_burst() {
        let mut bucket = TokenBucket::new(3, 2, Span::from_secs(1));
        let at = |ms: u64| Time::ZERO + Span::from_millis(ms);
        let taken = |bucket: &mut TokenBucket, ms| (0..10).filter(|_| bucket.take(at(ms))).count();
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 499), 0);
        assert_eq!(taken(&mut bucket, 500), 1);
        assert_eq!(taken(&mut bucket, 1500), 2);
        assert_eq!(taken(&mut bucket, 60_000), 3);
    }
}
