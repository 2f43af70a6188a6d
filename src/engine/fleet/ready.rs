//! The instances that are ready, found by what routing asks for without looking at each.

use super::instance::{FinishOfNext, Instance, Phase};
use super::{Kind, Offload};
use crate::numeric::tournament::{NONE, Tournament};
use crate::platform::fleet::Routing;
use crate::units::{Span, Time};

/// Ready instances in the order in which they became ready: each stands in a slot, later ones in later slots.
#[derive(Debug)]
pub struct Ready {
    /// The instance of each slot that was given away.
    slots: Vec<usize>,
    /// Slots whose instance is still ready.
    order: Vec<usize>,
    /// Slots there are before all are given out anew.
    room: usize,
    /// Requests per worker.
    loads: Option<Tournament>,
    /// Slots with an idle worker.
    idle: Option<Tournament>,
    /// Slots with an idle worker and no queue.
    unused: Option<Tournament>,
    finishes: Option<Finishes>,
}

const FIRST_ROOM: usize = 8;

impl Ready {
    /// No instance yet; only what `routing` and `rule` will ask for is kept.
    pub fn new(routing: Routing, rule: Option<Offload>) -> Ready {
        let tournament = |asked: bool| asked.then(|| Tournament::new(FIRST_ROOM));
        let late = matches!(rule, Some(Offload::Late(_)));
        Ready {
            slots: Vec::new(),
            order: Vec::new(),
            room: FIRST_ROOM,
            loads: tournament(routing == Routing::LeastOutstanding),
            idle: tournament(routing == Routing::SharedQueue),
            unused: tournament(rule == Some(Offload::Busy)),
            finishes: (late || routing == Routing::EarliestFinish).then(|| Finishes::new(FIRST_ROOM)),
        }
    }

    /// An instance becomes ready. [`Ready::note`] must follow.
    pub fn add(&mut self, index: usize, instances: &mut [Instance]) {
        if self.slots.len() == self.room {
            self.renumber(instances);
        }
        let slot = self.slots.len();
        self.slots.push(index);
        self.order.push(slot);
        instances[index].phase = Phase::Ready(slot);
    }

    /// The instance of a slot takes no more requests.
    pub fn remove(&mut self, slot: usize) {
        let place = self.order.partition_point(|other| *other < slot);
        self.order.remove(place);
        for tournament in [&mut self.loads, &mut self.idle, &mut self.unused].into_iter().flatten() {
            tournament.clear(slot);
        }
        if let Some(finishes) = &mut self.finishes {
            finishes.clear(slot);
        }
    }

    /// Something changed at the instance of a slot.
    pub fn note(&mut self, slot: usize, instance: &Instance, kind: &Kind, now: Time) {
        if let Some(loads) = &mut self.loads {
            loads.put(slot, instance.outstanding(now));
        }
        if let Some(finishes) = &mut self.finishes {
            finishes.put(slot, instance.finish_of_next(kind), now);
        }
        let idle = instance.has_idle_worker(now);
        mark(&mut self.idle, slot, idle);
        mark(&mut self.unused, slot, idle && instance.queue.is_empty());
    }

    /// The one with the fewest requests per worker, of those the first.
    pub fn least_loaded(&self) -> Option<usize> {
        let (_, slot) = self.loads.as_ref()?.first()?;
        Some(self.slots[slot])
    }

    /// The one after so many turns, going round.
    pub fn in_turn(&self, turn: usize) -> Option<usize> {
        self.order.get(turn % self.order.len().max(1)).map(|slot| self.slots[*slot])
    }

    /// The first with an idle worker.
    pub fn first_idle(&self) -> Option<usize> {
        let (_, slot) = self.idle.as_ref()?.first()?;
        Some(self.slots[slot])
    }

    /// Has any an idle worker and no queue?
    pub fn any_unused(&self) -> bool {
        self.unused.as_ref().is_some_and(|unused| unused.least().is_some())
    }

    /// When a request would be answered at the earliest. Calls come in the order of time.
    pub fn earliest_finish(&mut self, now: Time) -> Option<Time> {
        let finishes = self.finishes.as_mut()?;
        finishes.follow(now);
        finishes.earliest(now)
    }

    /// The one that would answer it then; of several the first. Calls come in the order of time.
    pub fn first_to_finish(&mut self, now: Time) -> Option<usize> {
        let finishes = self.finishes.as_mut()?;
        finishes.follow(now);
        finishes.first(now).map(|slot| self.slots[slot])
    }

    /// Gives out the slots anew, with at least as many free ones as are taken.
    fn renumber(&mut self, instances: &mut [Instance]) {
        self.room = FIRST_ROOM.max((2 * self.order.len()).next_power_of_two());
        for tournament in [&mut self.loads, &mut self.idle, &mut self.unused].into_iter().flatten() {
            *tournament = tournament.moved(&self.order, self.room);
        }
        if let Some(finishes) = &mut self.finishes {
            *finishes = finishes.moved(&self.order, self.room);
        }
        self.slots = self.order.iter().map(|slot| self.slots[*slot]).collect();
        self.order = (0..self.slots.len()).collect();
        for (slot, index) in self.slots.iter().enumerate() {
            instances[*index].phase = Phase::Ready(slot);
        }
    }
}

fn mark(tournament: &mut Option<Tournament>, slot: usize, marked: bool) {
    match tournament {
        Some(tournament) if marked => tournament.put(slot, 0),
        Some(tournament) => tournament.clear(slot),
        None => {}
    }
}

/// When each slot would answer the next request. That is a fixed time at first, while the request would find workers busy or
/// join a batch that waits; from some time on it is a span from now. Each slot moves once from the one to the other.
#[derive(Debug)]
struct Finishes {
    fixed: Tournament,
    /// When those move that have a fixed time.
    moves: Tournament,
    from_now: Tournament,
    /// The span from now of every slot, once it has moved.
    spans: Vec<Span>,
}

/// What is never is later than all else, but there.
fn key(nanos: u64) -> u64 {
    nanos.min(NONE - 1)
}

impl Finishes {
    fn new(slots: usize) -> Finishes {
        let (fixed, moves, from_now) =
            (Tournament::new(slots), Tournament::new(slots), Tournament::new(slots));
        Finishes { fixed, moves, from_now, spans: vec![Span::ZERO; slots] }
    }

    fn put(&mut self, slot: usize, next: FinishOfNext, now: Time) {
        self.spans[slot] = next.wait + next.takes;
        if next.from < now + next.wait {
            self.move_over(slot);
        } else {
            self.fixed.put(slot, key((next.from + next.takes).0));
            self.moves.put(slot, key(next.from.0 - next.wait.0.min(next.from.0)));
            self.from_now.clear(slot);
        }
    }

    fn move_over(&mut self, slot: usize) {
        self.fixed.clear(slot);
        self.moves.clear(slot);
        self.from_now.put(slot, key(self.spans[slot].0));
    }

    fn clear(&mut self, slot: usize) {
        self.fixed.clear(slot);
        self.moves.clear(slot);
        self.from_now.clear(slot);
    }

    /// Moves those whose time has come.
    fn follow(&mut self, now: Time) {
        while self.moves.least().is_some_and(|at| at < now.0) {
            let Some((_, slot)) = self.moves.first() else { return };
            self.move_over(slot);
        }
    }

    fn least(&self, now: Time) -> [Option<Time>; 2] {
        [self.fixed.least().map(Time), self.from_now.least().map(|span| now + Span(span))]
    }

    fn earliest(&self, now: Time) -> Option<Time> {
        self.least(now).into_iter().flatten().min()
    }

    fn first(&self, now: Time) -> Option<usize> {
        let earliest = self.earliest(now);
        let [fixed, from_now] = self.least(now);
        let slot = |tournament: &Tournament| tournament.first().map(|(_, slot)| slot);
        let fixed = if fixed == earliest { slot(&self.fixed) } else { None };
        let from_now = if from_now == earliest { slot(&self.from_now) } else { None };
        fixed.into_iter().chain(from_now).min()
    }

    fn moved(&self, from: &[usize], slots: usize) -> Finishes {
        let mut spans: Vec<Span> = from.iter().map(|slot| self.spans[*slot]).collect();
        spans.resize(slots, Span::ZERO);
        let [fixed, moves, from_now] =
            [&self.fixed, &self.moves, &self.from_now].map(|tournament| tournament.moved(from, slots));
        Finishes { fixed, moves, from_now, spans }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::service::ServiceDraws;
    use crate::numeric::streams::Streams;
    use crate::policy::batch::BatchPolicy;
    use crate::profile::ServiceTimes;
    use crate::units::{MemoryMb, Price};

    fn kind(batch: u32, timeout: u64) -> Kind {
        let mean = (1..=u64::from(batch)).map(|n| Span(3 + n)).collect();
        let (memory, beside) = (MemoryMb(0), Default::default());
        let times = ServiceTimes { memory, mean, cv: 0.0, shape: None, init: Span::ZERO, beside };
        Kind {
            service: ServiceDraws::of_instance(times, Streams::new(1).stream("service")),
            workers: 2,
            batch: BatchPolicy { batch, timeout: Span(timeout) },
            launch: (Span::ZERO, Span::ZERO),
            per_hour: Price(0),
            least_billed: Span::ZERO,
            capacity_per_s: 0.0,
            initial: 0,
            spot: None,
        }
    }

    /// What was done to the fleet: launch, end, queue a request, start a batch, or nothing.
    #[derive(Debug, Clone, Copy)]
    enum Act {
        Launch(u32),
        End(usize),
        Enqueue(usize),
        Start(usize, u64),
        Pass(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            2 => (1_u32..4).prop_map(Act::Launch),
            1 => (0_usize..64).prop_map(Act::End),
            6 => (0_usize..64).prop_map(Act::Enqueue),
            4 => (0_usize..64, 0_u64..20).prop_map(|(which, takes)| Act::Start(which, takes)),
            4 => (0_u64..6).prop_map(Act::Pass),
        ]
    }

    /// The first of the least by a scan, as routing is defined.
    fn scan<K: Ord>(ready: &[usize], key: impl Fn(usize) -> K) -> Option<usize> {
        ready.iter().copied().min_by_key(|index| key(*index))
    }

    proptest! {
        /// Instances with workers, queues and batches of all shapes, as time goes by: each question is answered as a scan of
        /// all would.
        #[test]
        fn what_routing_asks_is_answered_as_by_a_scan(
            batch in 1_u32..4,
            timeout in 0_u64..9,
            acts in prop::collection::vec(act(), 1..200),
        ) {
            let kind = kind(batch, timeout);
            let mut now = Time(5);
            let mut instances: Vec<Instance> = Vec::new();
            let mut scanned: Vec<usize> = Vec::new();
            let mut load = Ready::new(Routing::LeastOutstanding, Some(Offload::Busy));
            let mut finish = Ready::new(Routing::EarliestFinish, None);
            let mut shared = Ready::new(Routing::SharedQueue, Some(Offload::Late(Span(1))));
            for act in acts {
                let at = |which: usize| scanned.get(which % scanned.len().max(1)).copied();
                let mut changed = None;
                match act {
                    Act::Launch(workers) => {
                        let index = instances.len();
                        instances.push(Instance::new(0, workers, now, now, Time::NEVER));
                        scanned.push(index);
                        for ready in [&mut load, &mut finish, &mut shared] {
                            ready.add(index, &mut instances);
                        }
                        changed = Some(index);
                    }
                    Act::End(which) => if let Some(index) = at(which) {
                        scanned.retain(|other| *other != index);
                        let Phase::Ready(slot) = instances[index].phase else { panic!("it is ready") };
                        for ready in [&mut load, &mut finish, &mut shared] {
                            ready.remove(slot);
                        }
                    },
                    Act::Enqueue(which) => changed = at(which).inspect(|index| instances[*index].enqueue(now)),
                    Act::Start(which, takes) => if let Some(index) = at(which).filter(|i| instances[*i].has_idle_worker(now)) {
                        instances[index].queue.pop_front();
                        instances[index].occupy(now + Span(takes));
                        changed = Some(index);
                    },
                    Act::Pass(span) => now += Span(span),
                }
                // A worker that finishes is noted, as by its event.
                let noted: Vec<usize> = if matches!(act, Act::Pass(_)) { scanned.clone() } else { changed.into_iter().collect() };
                for index in noted {
                    let Phase::Ready(slot) = instances[index].phase else { panic!("it is ready") };
                    load.note(slot, &instances[index], &kind, now);
                    shared.note(slot, &instances[index], &kind, now);
                    // Finishes follow the clock by themselves.
                    if changed == Some(index) {
                        finish.note(slot, &instances[index], &kind, now);
                    }
                }
                let idle = |index: usize| instances[index].has_idle_worker(now);
                let earliest = scan(&scanned, |i| instances[i].finish_of_next(&kind).at(now));
                prop_assert_eq!(load.least_loaded(), scan(&scanned, |i| instances[i].outstanding(now)));
                prop_assert_eq!(load.any_unused(), scanned.iter().any(|i| idle(*i) && instances[*i].queue.is_empty()));
                prop_assert_eq!(shared.first_idle(), scanned.iter().copied().find(|i| idle(*i)));
                prop_assert_eq!(finish.first_to_finish(now), earliest);
                let time = earliest.map(|i| instances[i].finish_of_next(&kind).at(now));
                prop_assert_eq!(shared.earliest_finish(now), time);
                prop_assert_eq!(shared.first_to_finish(now), earliest);
                prop_assert_eq!(load.in_turn(7), scanned.get(7 % scanned.len().max(1)).copied());
            }
        }
    }
}
