//! The idle environments and the rule by which one of them is reused.

use std::collections::{BTreeMap, VecDeque};

use rand::RngExt;

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

#[derive(Debug, Clone, Copy)]
struct Idle {
    environment: u32,
    warm_until: Time,
}

/// Idle environments; those whose keep-alive has passed are dropped when they are met.
#[derive(Debug)]
pub struct IdleSet {
    order: Order,
}

#[derive(Debug)]
enum Order {
    /// In the order of becoming idle.
    MostRecent(VecDeque<Idle>),
    LeastRecent(VecDeque<Idle>),
    Newest(BTreeMap<u32, Time>),
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
        Self { order }
    }

    /// Adds an environment that stays warm until `warm_until`, inclusive.
    #[inline]
    pub fn put(&mut self, environment: u32, warm_until: Time) {
        let idle = Idle { environment, warm_until };
        match &mut self.order {
            Order::MostRecent(queue) | Order::LeastRecent(queue) => queue.push_back(idle),
            Order::Newest(map) => {
                map.insert(environment, warm_until);
            }
            Order::Random(list, _) => list.push(idle),
        }
    }

    /// Takes the environment that the rule names among those still warm at `now`.
    #[inline]
    pub fn take(&mut self, now: Time) -> Option<u32> {
        match &mut self.order {
            Order::MostRecent(queue) => {
                // The oldest expire first; dropping them here keeps the queue short.
                while queue.front().is_some_and(|idle| idle.warm_until < now) {
                    queue.pop_front();
                }
                warm(std::iter::from_fn(|| queue.pop_back()), now)
            }
            Order::LeastRecent(queue) => warm(std::iter::from_fn(|| queue.pop_front()), now),
            Order::Newest(map) => {
                let newest = std::iter::from_fn(|| map.pop_last());
                warm(newest.map(|(environment, warm_until)| Idle { environment, warm_until }), now)
            }
            Order::Random(list, stream) => {
                let any = || (!list.is_empty()).then(|| list.swap_remove(stream.random_range(0..list.len())));
                warm(std::iter::from_fn(any), now)
            }
        }
    }

    /// Drops every environment.
    pub fn clear(&mut self) {
        match &mut self.order {
            Order::MostRecent(queue) | Order::LeastRecent(queue) => queue.clear(),
            Order::Newest(map) => map.clear(),
            Order::Random(list, _) => list.clear(),
        }
    }
}

#[inline]
fn warm(mut candidates: impl Iterator<Item = Idle>, now: Time) -> Option<u32> {
    candidates.find(|idle| idle.warm_until >= now).map(|idle| idle.environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::streams::Streams;

    /// Environments 0, 2, 1 become idle in this order; the rule takes all three.
    fn order(reuse: Reuse) -> Vec<u32> {
        let mut set = IdleSet::new(reuse, Streams::new(3).stream("reuse"));
        for environment in [0, 2, 1] {
            set.put(environment, Time(10));
        }
        std::iter::from_fn(|| set.take(Time(10))).collect()
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
            set.put(0, Time(20));
            set.put(1, Time(9));
            assert_eq!(set.take(Time(10)), Some(0), "{reuse:?}");
            assert_eq!(set.take(Time(10)), None, "{reuse:?}");
        }
    }
}
