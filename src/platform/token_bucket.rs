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
    /// From when on it is surely full, if nothing is taken: then there is nothing to multiply.
    full_from: Time,
    /// How long it takes to regain a token.
    regain: Span,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(burst: u64, tokens: u64, period: Span) -> Self {
        let cap = u128::from(burst) * u128::from(period.0);
        let regain = if burst > 0 && tokens > 0 { Span(period.0.div_ceil(tokens)) } else { Span::MAX };
        let full_from = if regain == Span::MAX { Time::NEVER } else { Time::ZERO };
        Self { credit: cap, cap, tokens, period, last: Time::ZERO, full_from, regain }
    }

    /// Takes one token if there is a whole one at `now`. Calls come in the order of time.
    #[inline]
    pub fn take(&mut self, now: Time) -> bool {
        if now >= self.full_from {
            self.credit = self.cap - u128::from(self.period.0);
            self.last = now;
            self.full_from = now + self.regain;
            return true;
        }
        self.take_of_some(now)
    }

    fn take_of_some(&mut self, now: Time) -> bool {
        let gained = u128::from(now.since(self.last).0) * u128::from(self.tokens);
        self.last = now;
        self.credit = (self.credit + gained).min(self.cap);
        let one = u128::from(self.period.0);
        let enough = self.credit >= one;
        let is_full = enough && self.credit == self.cap && self.regain < Span::MAX;
        self.full_from = if is_full { now + self.regain } else { Time::NEVER };
        if enough {
            self.credit -= one;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        /// What a bucket gives is what counting all its credit at every call gives.
        #[test]
        fn a_full_bucket_needs_no_arithmetic(
            (burst, tokens, period) in (0_u64..4, 0_u64..5, 0_u64..9),
            gaps in prop::collection::vec(0_u64..20, 0..60),
        ) {
            let mut bucket = TokenBucket::new(burst, tokens, Span(period));
            let (mut credit, mut now) = (burst * period, 0);
            for gap in gaps {
                now += gap;
                credit = (credit + gap * tokens).min(burst * period);
                let enough = credit >= period;
                credit -= if enough { period } else { 0 };
                prop_assert_eq!(bucket.take(Time(now)), enough);
            }
        }
    }
}
