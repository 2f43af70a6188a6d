//! The adaptive policy beside the requests: it is shown every arrival and plans on a thread of its own.
//!
//! The policy runs in a buffer of stamps only, as in the simulator, so it decides what a replay of the log decides. Its
//! plan takes effect with the next batch that opens once it is made; until then requests go on under the last one.

use std::sync::mpsc::{Receiver, RecvTimeoutError};

use super::batcher::Batcher;
use super::clock::duration;
use super::hold::Hold;
use crate::policy::Policy as _;
use crate::policy::adaptive::{Adaptive, Decision};
use crate::units::{Span, Time};

/// Between looks at the clock: the end of `arrivals` is also noticed.
const LONGEST_WAIT: Span = Span::from_secs(1);

/// Plans until `arrivals` ends; `made` is told each plan and when it took effect. First `change` sees to the function's
/// memory size: where it says that this failed, the plan for another one does not take effect.
pub fn follow(
    policy: Adaptive,
    arrivals: &Receiver<Time>,
    hold: &Hold,
    mut change: impl FnMut(&Decision) -> bool,
    mut made: impl FnMut(&Decision, Time),
) {
    let mut shadow: Batcher<Adaptive, ()> = Batcher::new(policy);
    let mut known = 0;
    loop {
        let review = shadow.policy().next_review();
        let wait = Span(review.since(hold.now()).0.clamp(1, LONGEST_WAIT.0));
        match arrivals.recv_timeout(duration(wait)) {
            Ok(arrival) => show(&mut shadow, arrival),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                // Stamps are sent under the lock that this takes: those up to now have been.
                let now = hold.now();
                while let Ok(arrival) = arrivals.try_recv() {
                    show(&mut shadow, arrival);
                }
                shadow.catch_up(now);
            }
        }
        let decisions = shadow.policy().decisions();
        for decision in &decisions[known..] {
            if change(decision) {
                made(decision, hold.change(decision.buffer));
            }
        }
        known = decisions.len();
    }
}

fn show(shadow: &mut Batcher<Adaptive, ()>, arrival: Time) {
    shadow.catch_up(arrival);
    shadow.join(arrival, ());
}
