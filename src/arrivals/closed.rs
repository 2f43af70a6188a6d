//! Closed-loop clients: users who think, send one request, wait for its answer, and think again.
//!
//! What arrives depends on when it is answered, so these arrivals cannot be listed beforehand. They offer themselves by
//! [`Arrivals::users`] to an event loop that tells them of answers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand::RngExt;

use super::Arrivals;
use super::renewal::Law;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// A number of users who are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    /// How many; at least 1.
    pub users: u32,
    /// The mean time from an answer to the user's next request.
    pub think: Span,
    /// The law of these times.
    pub law: Law,
}

impl Closed {
    /// What a reader of results must know.
    pub fn words(&self) -> String {
        let Closed { users, think, law } = self;
        let thinking = match think.0 {
            0 => "each sends again as soon as it is answered".to_owned(),
            _ => format!("each sends again {think} after its answer, on average (cv {})", law.cv()),
        };
        format!(
            "Closed loop: {users} users, {thinking}. No law covers arrivals that follow from answers: nothing is predicted."
        )
    }
}

/// The users of one replication.
#[derive(Debug, Clone)]
pub struct Users {
    closed: Closed,
    /// When those who think will send.
    sends: BinaryHeap<Reverse<Time>>,
    /// Requests that may still be sent.
    left: u64,
    end: Time,
    stream: Stream,
}

impl Users {
    /// Users who began long ago: at time 0 each is somewhere within a time of thinking. Without one, all send at once.
    /// They send at most `requests`, and none at `end` or later.
    pub fn new(closed: Closed, requests: u64, end: Time, mut stream: Stream) -> Users {
        let sends = BinaryHeap::with_capacity(closed.users as usize);
        let first = |stream: &mut Stream| {
            let share: f64 = stream.random();
            closed.law.covering_gap(stream) * share
        };
        let gaps: Vec<f64> = (0..closed.users).map(|_| first(&mut stream)).collect();
        let mut users = Users { closed, sends, left: requests, end, stream };
        gaps.into_iter().for_each(|gap| users.think(Time::ZERO, gap));
        users
    }

    /// When the next request is sent; `None` as long as nobody will send unless answered first.
    #[inline]
    pub fn next(&self) -> Option<Time> {
        self.sends.peek().map(|Reverse(at)| *at).filter(|_| self.left > 0)
    }

    /// The next request is sent.
    #[inline]
    pub fn send(&mut self) {
        self.sends.pop();
        self.left = self.left.saturating_sub(1);
    }

    /// So many users are answered at a time, or told that their request failed.
    pub fn answered(&mut self, at: Time, users: usize) {
        for _ in 0..users {
            let gap = self.closed.law.gap(&mut self.stream);
            self.think(at, gap);
        }
    }

    fn think(&mut self, from: Time, gap: f64) {
        let nanos = gap * self.closed.think.0 as f64;
        let at = Time(from.0.saturating_add(nanos as u64));
        if at < self.end {
            self.sends.push(Reverse(at));
        }
    }
}

impl Arrivals for Users {
    fn fill(&mut self, _block: &mut Vec<Time>) -> Result<(), InputError> {
        let message =
            "users send when they are answered, so that their requests cannot be known before a simulation";
        let help = "`sim run`, `sim sweep`, `sim plan` and `sim compare` simulate them, where nothing asks for the \
                    arrivals beforehand; or take an open workload, such as kind = \"poisson\"";
        Err(InputError::new("[workload] kind = \"closed\"", message).help(help))
    }

    fn users(&mut self) -> Option<&mut Users> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;

    fn users(closed: Closed, requests: u64, end: Time) -> Users {
        Users::new(closed, requests, end, Streams::new(5).stream("arrivals"))
    }

    #[test]
    fn each_user_has_one_request_under_way() {
        let closed = Closed { users: 3, think: Span::from_secs(2), law: Law::gamma(1.0) };
        let mut three = users(closed, u64::MAX, Time::NEVER);
        for _ in 0..3 {
            assert!(three.next().is_some());
            three.send();
        }
        assert_eq!(three.next(), None);
        three.answered(Time(7), 1);
        assert!(three.next().is_some_and(|at| at >= Time(7)));
    }

    #[test]
    fn they_send_no_more_than_they_may_and_nothing_at_the_end() {
        let closed = Closed { users: 3, think: Span::ZERO, law: Law::Constant };
        let mut two = users(closed, 2, Time::NEVER);
        two.send();
        assert_eq!(two.next(), Some(Time::ZERO));
        two.send();
        assert_eq!(two.next(), None);
        let mut late = users(closed, u64::MAX, Time(10));
        (0..3).for_each(|_| late.send());
        late.answered(Time(9), 1);
        late.answered(Time(10), 1);
        assert_eq!(late.next(), Some(Time(9)));
        late.send();
        assert_eq!(late.next(), None);
    }

    /// The rest of a gap that began long ago is (1 + cv^2) / 2 of the mean on average.
    #[test]
    fn at_first_each_is_somewhere_within_a_time_of_thinking() {
        for law in [Law::Constant, Law::gamma(1.0), Law::gamma(2.0)] {
            let closed = Closed { users: 40_000, think: Span::from_secs(1), law };
            let all = users(closed, u64::MAX, Time::NEVER).sends;
            let mean = all.iter().map(|Reverse(at)| at.as_secs_f64());
            let mean = mean.sum::<f64>() / 40_000.0;
            let expected = 0.5 * (1.0 + law.cv().powi(2));
            assert!((mean / expected - 1.0).abs() < 0.05, "{law:?} {mean} {expected}");
        }
    }
}
