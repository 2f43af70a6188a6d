//! The idle environments and the rule by which one of them is reused.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;

use super::lives::{EnvironmentLives, Lives};
use crate::numeric::streams::Stream;
use crate::units::Time;

/// Which idle environment serves next. The rule changes the cold-start rate by an order of magnitude:
/// the most recent keeps few environments warm, the least recent keeps many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The one that became idle last.
    MostRecent,
    /// The one that was created last.
    Newest,
    /// The one that became idle first.
    LeastRecent,
    /// Any, with the same probability.
    Random,
}

impl Reuse {
    /// The rules by their names in a scenario.
    pub const NAMES: [(&str, Reuse); 4] = [
        ("most-recent", Reuse::MostRecent),
        ("newest", Reuse::Newest),
        ("least-recent", Reuse::LeastRecent),
        ("random", Reuse::Random),
    ];
}

/// An environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Environment {
    /// In the order of creation.
    pub number: u32,
    /// When it was created.
    pub born: Time,
}

/// Until when an idle environment stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// As long as the function has others, inclusive.
    pub spare: Time,
    /// As the only one, inclusive. Where that is earlier, it goes as soon as it is the only one.
    pub last: Time,
}

impl Stay {
    /// The same whether there are others or not.
    pub fn until(time: Time) -> Stay {
        Stay { spare: time, last: time }
    }
}

#[derive(Debug, Clone, Copy)]
struct Idle {
    environment: Environment,
    stay: Stay,
}

/// Idle environments; those whose keep-alive has passed are dropped when they are met.
#[derive(Debug)]
pub struct IdleSet {
    order: Order,
    /// Of those that are gone.
    lives: Lives,
}

#[derive(Debug)]
enum Order {
    /// In the order of becoming idle.
    MostRecent(VecDeque<Idle>),
    LeastRecent(VecDeque<Idle>),
    Newest(BTreeMap<Environment, Stay>),
    Random(Vec<Idle>, Box<Stream>),
}

impl IdleSet {
    /// An empty set.
    pub fn new(reuse: Reuse, stream: Stream) -> Self {
        let order = match reuse {
            Reuse::MostRecent => Order::MostRecent(VecDeque::new()),
            Reuse::LeastRecent => Order::LeastRecent(VecDeque::new()),
            Reuse::Newest => Order::Newest(BTreeMap::new()),
            Reuse::Random => Order::Random(Vec::new(), Box::new(stream)),
        };
        Self { order, lives: Lives::from(Time::ZERO) }
    }

    /// The lives of all environments of the pool: those that are busy begin, or end, here as well.
    pub fn lives(&mut self) -> &mut Lives {
        &mut self.lives
    }

    /// Adds an environment that stays that long.
    #[inline]
    pub fn put(&mut self, environment: Environment, stay: Stay) {
        let idle = Idle { environment, stay };
        match &mut self.order {
            Order::MostRecent(queue) | Order::LeastRecent(queue) => queue.push_back(idle),
            Order::Newest(map) => {
                map.insert(environment, stay);
            }
            Order::Random(list, _) => list.push(idle),
        }
    }

    /// Takes the environment that the rule names among those still warm at `now`, where others are busy or none is
    /// treated in another way for being the only one.
    #[inline]
    pub fn take(&mut self, now: Time) -> Option<Environment> {
        let lives = &mut self.lives;
        match &mut self.order {
            Order::MostRecent(queue) => {
                // The oldest expire first; dropping them here keeps the queue short.
                while let Some(idle) = queue.pop_front_if(|idle| idle.stay.spare < now) {
                    lives.ended(idle.stay.spare);
                }
                warm(std::iter::from_fn(|| queue.pop_back()), now, lives)
            }
            Order::LeastRecent(queue) => warm(std::iter::from_fn(|| queue.pop_front()), now, lives),
            Order::Newest(map) => {
                let newest = std::iter::from_fn(|| map.pop_last());
                warm(newest.map(|(environment, stay)| Idle { environment, stay }), now, lives)
            }
            Order::Random(list, stream) => {
                let any = || (!list.is_empty()).then(|| list.swap_remove(stream.random_range(0..list.len())));
                warm(std::iter::from_fn(any), now, lives)
            }
        }
    }

    /// The same where no environment is busy, so that the one that outlives the others may be the only one.
    ///
    /// It is from when the last of the others went. Then it stays until its own time as the only one, or goes at once if
    /// that has passed.
    pub fn take_where_none_is_busy(&mut self, now: Time) -> Option<Environment> {
        let all = self.all();
        if all.iter().filter(|idle| idle.stay.spare >= now).count() > 1 {
            return self.take(now);
        }
        self.empty();
        let mut ends: Vec<Time> = all.iter().map(|idle| idle.stay.spare).collect();
        let only = only(&all, &mut ends);
        let is_there = |at: &usize| now <= ends[*at];
        let one = only.filter(is_there);
        let others = (0..all.len()).filter(|at| Some(*at) != one);
        others.for_each(|at| self.lives.ended(ends[at]));
        one.map(|at| all[at].environment)
    }

    /// The lives of all, those of the set included, until then; `knows_the_last` where none is busy, and the only one is
    /// treated in another way.
    pub fn counted(&self, until: Time, knows_the_last: bool) -> EnvironmentLives {
        let mut lives = self.lives;
        let all = self.all();
        let mut ends: Vec<Time> = all.iter().map(|idle| idle.stay.spare).collect();
        if knows_the_last && ends.iter().filter(|end| **end >= until).count() <= 1 {
            only(&all, &mut ends);
        }
        ends.iter().for_each(|end| lives.ended(until.min(*end)));
        lives.counted()
    }

    fn all(&self) -> Vec<Idle> {
        match &self.order {
            Order::MostRecent(queue) | Order::LeastRecent(queue) => queue.iter().copied().collect(),
            Order::Newest(map) => map
                .iter()
                .map(|(environment, stay)| Idle { environment: *environment, stay: *stay })
                .collect(),
            Order::Random(list, _) => list.clone(),
        }
    }

    /// Every environment goes.
    pub fn clear(&mut self, now: Time) {
        let all = self.all();
        all.iter().for_each(|idle| self.lives.ended(now.min(idle.stay.spare)));
        self.empty();
    }

    fn empty(&mut self) {
        match &mut self.order {
            Order::MostRecent(queue) | Order::LeastRecent(queue) => queue.clear(),
            Order::Newest(map) => map.clear(),
            Order::Random(list, _) => list.clear(),
        }
    }
}

#[inline]
fn warm(mut candidates: impl Iterator<Item = Idle>, now: Time, lives: &mut Lives) -> Option<Environment> {
    let is_warm = |idle: &Idle| {
        let is_warm = idle.stay.spare >= now;
        if !is_warm {
            lives.ended(idle.stay.spare);
        }
        is_warm
    };
    candidates.find(is_warm).map(|idle| idle.environment)
}

/// Where none is busy: the one that outlives the others, if there is any; its end becomes that of the only one.
fn only(all: &[Idle], ends: &mut [Time]) -> Option<usize> {
    let outlives = (0..all.len()).max_by_key(|at| all[*at].stay.spare)?;
    let others = (0..all.len()).filter(|at| *at != outlives);
    let alone_from = others.map(|at| all[at].stay.spare).max().unwrap_or(Time::ZERO);
    ends[outlives] = all[outlives].stay.last.max(alone_from);
    Some(outlives)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;

    fn environment_of(number: u32) -> Environment {
        Environment { number, born: Time::ZERO }
    }

    /// Environments 0, 2, 1 become idle in this order; the rule takes all three.
    fn order(reuse: Reuse) -> Vec<u32> {
        let mut set = IdleSet::new(reuse, Streams::new(3).stream("reuse"));
        for environment in [0, 2, 1] {
            set.put(environment_of(environment), Stay::until(Time(10)));
        }
        std::iter::from_fn(|| set.take(Time(10)).map(|e| e.number)).collect()
    }

    #[test]
    fn each_rule_takes_its_own_order() {
        assert_eq!(order(Reuse::MostRecent), [1, 2, 0]);
        assert_eq!(order(Reuse::LeastRecent), [0, 2, 1]);
        assert_eq!(order(Reuse::Newest), [2, 1, 0]);
        let mut random = order(Reuse::Random);
        random.sort_unstable();
        assert_eq!(random, [0, 1, 2]);
    }

    #[test]
    fn the_expired_are_passed_over_by_every_rule() {
        for (_, reuse) in Reuse::NAMES {
            let mut set = IdleSet::new(reuse, Streams::new(3).stream("reuse"));
            set.put(environment_of(0), Stay::until(Time(20)));
            set.put(environment_of(1), Stay::until(Time(9)));
            assert_eq!(set.take(Time(10)).map(|e| e.number), Some(0), "{reuse:?}");
            assert_eq!(set.take(Time(10)), None, "{reuse:?}");
        }
    }

    #[test]
    fn the_only_one_goes_by_a_time_of_its_own_and_not_before_it_is_the_only_one() {
        // (spare, last) of each, idle since 0 and 5; when one is still there.
        let cases: [(&[(u64, u64)], u64); 5] = [
            (&[(30, 20)], 20),           // alone all the time
            (&[(30, 40)], 40),           // the only one may stay longer
            (&[(30, 20), (35, 25)], 30), // alone from 30, when its own time has passed
            (&[(30, 20), (35, 33)], 33), // alone from 30
            (&[(30, 20), (60, 25)], 30),
        ];
        for (_, reuse) in Reuse::NAMES {
            for (stays, until) in cases {
                for (now, is_there) in [(until, true), (until + 1, false)] {
                    let mut set = IdleSet::new(reuse, Streams::new(3).stream("reuse"));
                    for (number, (spare, last)) in (0..).zip(stays) {
                        set.put(environment_of(number), Stay { spare: Time(*spare), last: Time(*last) });
                    }
                    let found = set.take_where_none_is_busy(Time(now));
                    assert_eq!(found.is_some(), is_there, "{reuse:?} {stays:?} at {now}");
                }
            }
        }
    }
}
