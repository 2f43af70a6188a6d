//! What a log says of idle environments: how long each had been idle when it was reused, or was passed over.
//!
//! A request that finds an environment idle and takes it says that it was still there. One that is served by a new
//! environment, or by one that has been idle for longer, says under reuse of the most recent that those passed over were
//! gone, if they are never seen again. So an idle time is known up to a bound: current-status data, of which reuse is the
//! censored part.

use std::collections::{BTreeMap, BTreeSet};

use super::call::Call;

/// An environment when a request came by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// It had been idle for so long \[s\].
    pub idle: f64,
    /// It had been created so long ago \[s\].
    pub age: f64,
    /// Was it there?
    pub is_there: bool,
    /// Had the function another environment, busy or idle?
    pub has_others: bool,
    /// When \[s\].
    pub at: f64,
}

/// The choice among idle environments that a call made: how many there were, and which was taken by each order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// It took the one that became idle last.
    pub most_recent: bool,
    /// It took the one that became idle first.
    pub least_recent: bool,
    /// It took the one that was created last.
    pub newest: bool,
}

/// All that was seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Idle environments, in the order of time.
    pub sights: Vec<Sight>,
    /// Choices among two or more that were there.
    pub votes: Vec<Vote>,
    /// Calls that overlap another in the same environment.
    pub overlaps: usize,
    /// New environments with the number of one that was there already.
    pub born_again: usize,
    /// How old those were, at their last call, that had not been passed over at the end \[s\].
    pub left: Vec<f64>,
}

/// Environments that have just become idle may not be known to be: the log's clocks are those of the functions.
const SETTLED: f64 = 1.0;

#[derive(Debug, Clone, Copy)]
struct Environment {
    born: f64,
    /// When its last call so far ended.
    ended: f64,
    /// When its next call is sent; infinite if there is none.
    next: f64,
}

/// Reads the environments off the calls, which are in the order in which they were sent.
pub fn seen(calls: &[Call]) -> Seen {
    let next = next_uses(calls);
    let mut known: BTreeMap<u32, Environment> = BTreeMap::new();
    let mut seen = Seen::default();
    let mut ever = BTreeSet::new();
    for (call, next) in calls.iter().zip(next) {
        let Some(number) = call.environment else { continue };
        let now = call.sent;
        seen.born_again += usize::from(call.is_cold() && ever.contains(&number));
        ever.insert(number);
        let own = known.get(&number).copied().filter(|_| !call.is_cold());
        if own.is_some_and(|own| own.ended - now > SETTLED) {
            seen.overlaps += 1;
        }
        let taken_since = own.map_or(f64::NEG_INFINITY, |own| own.ended);
        look(&mut known, number, (now, taken_since), &mut seen);
        if let Some(own) = own.filter(|own| own.ended <= now) {
            choose(&known, number, own, now, &mut seen);
            let has_others = others(&known, number, now);
            let (idle, age) = (now - own.ended, now - own.born);
            seen.sights.push(Sight { idle, age, is_there: true, has_others, at: now });
        }
        let born = own.map_or(now, |own| own.born);
        known.insert(number, Environment { born, ended: call.ended, next });
    }
    seen.left = known.values().map(|left| left.ended - left.born).collect();
    seen
}

/// When each call's environment is called next.
fn next_uses(calls: &[Call]) -> Vec<f64> {
    let mut later: BTreeMap<u32, f64> = BTreeMap::new();
    let mut next = vec![f64::INFINITY; calls.len()];
    for (at, call) in calls.iter().enumerate().rev() {
        if let Some(number) = call.environment {
            next[at] = later.get(&number).copied().unwrap_or(f64::INFINITY);
            match call.is_cold() {
                // What comes before a first use is another environment of that number.
                true => later.remove(&number),
                false => later.insert(number, call.sent),
            };
        }
    }
    next
}

/// Those that became idle after the one that is taken, and are never seen again, are gone.
fn look(known: &mut BTreeMap<u32, Environment>, taken: u32, (now, taken_since): (f64, f64), seen: &mut Seen) {
    let gone = |number: &u32, other: &Environment| {
        *number != taken
            && other.next == f64::INFINITY
            && other.ended > taken_since
            && now - other.ended > SETTLED
    };
    let passed: Vec<u32> =
        known.iter().filter(|(number, other)| gone(number, other)).map(|(n, _)| *n).collect();
    for number in passed {
        let has_others = others(known, number, now);
        // What was passed over once says nothing any more.
        if let Some(other) = known.remove(&number) {
            let (idle, age) = (now - other.ended, now - other.born);
            seen.sights.push(Sight { idle, age, is_there: false, has_others, at: now });
        }
    }
}

/// Is there another environment: busy, or idle and used again later?
fn others(known: &BTreeMap<u32, Environment>, number: u32, now: f64) -> bool {
    known.iter().any(|(other, environment)| {
        *other != number && (environment.ended > now || environment.next < f64::INFINITY)
    })
}

/// The choice among those that are there for sure: each is used again.
fn choose(known: &BTreeMap<u32, Environment>, number: u32, own: Environment, now: f64, seen: &mut Seen) {
    let settled = |environment: &Environment| now - environment.ended > SETTLED;
    let rivals: Vec<Environment> = known
        .iter()
        .filter(|(other, environment)| {
            **other != number && environment.next < f64::INFINITY && settled(environment)
        })
        .map(|(_, environment)| *environment)
        .collect();
    if rivals.is_empty() || !settled(&own) {
        return;
    }
    seen.votes.push(Vote {
        most_recent: rivals.iter().all(|rival| rival.ended <= own.ended),
        least_recent: rivals.iter().all(|rival| rival.ended >= own.ended),
        newest: rivals.iter().all(|rival| rival.born <= own.born),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::call::Member;

    fn call(sent: f64, environment: u32, cold: bool) -> Call {
        Call {
            members: vec![Member { arrived: sent, latency: 2.0 }],
            sent,
            ended: sent + 2.0,
            duration: 2.0,
            billed: None,
            cold: Some(cold),
            init: None,
            environment: Some(environment),
            memory: None,
        }
    }

    #[test]
    fn reuse_and_passing_over_are_read_off_a_hand_made_log() {
        // 0 and 1 at once; 1 is taken after 8 s idle, with 0 beside it; 0 after 18; then a new one at 300: both are gone.
        let calls = [
            call(0.0, 0, true),
            call(0.5, 1, true),
            call(10.5, 1, false),
            call(20.0, 0, false),
            call(300.0, 2, true),
        ];
        let seen = seen(&calls);
        let sight = |idle, age, is_there, has_others, at| Sight { idle, age, is_there, has_others, at };
        assert_eq!(
            seen.sights,
            [
                sight(8.0, 10.0, true, true, 10.5),
                // 1 became idle later than 0, which is taken, and never serves again.
                sight(7.5, 19.5, false, true, 20.0),
                sight(18.0, 20.0, true, false, 20.0),
                sight(278.0, 300.0, false, false, 300.0),
            ]
        );
        assert_eq!(seen.votes, [Vote { most_recent: true, least_recent: false, newest: true }]);
        assert_eq!(seen.overlaps, 0);
        let twice = [call(0.0, 0, true), call(0.5, 0, false)];
        assert_eq!(super::seen(&twice).overlaps, 1);
    }
}
