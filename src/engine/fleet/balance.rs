//! Where a request goes: to an instance, to a function, or to the balancer's queue.

use super::Offload;
use super::instance::insert_by_age;
use super::state::State;
use crate::engine::observer::{Cause, Observer};
use crate::platform::Admission;
use crate::platform::fleet::Routing;
use crate::units::Time;

impl State {
    /// A request comes.
    pub fn arrive<O: Observer>(&mut self, now: Time, observer: &mut O) {
        self.arrivals += 1;
        self.dispatch(now, now, observer);
    }

    /// Sends a request that came at `arrival` on its way, now.
    pub(super) fn dispatch<O: Observer>(&mut self, arrival: Time, now: Time, observer: &mut O) {
        if self.hands_over(arrival, now) {
            self.invoke(arrival, now, observer);
            return;
        }
        match self.routing {
            Routing::SharedQueue => {
                insert_by_age(&mut self.waiting, arrival);
                if let Some(index) = self.ready.first_idle() {
                    self.serve(index, now, observer);
                }
            }
            _ => match self.route(now) {
                Some(index) => {
                    self.instances[index].enqueue(arrival);
                    self.serve(index, now, observer);
                }
                None => insert_by_age(&mut self.waiting, arrival),
            },
        }
    }

    fn hands_over(&mut self, arrival: Time, now: Time) -> bool {
        let Some(functions) = self.functions.first() else { return false };
        match functions.rule {
            Offload::Busy => !self.ready.any_unused(),
            Offload::Late(limit) => {
                let best = self.ready.earliest_finish(now);
                best.is_none_or(|finish| finish.since(arrival) > limit)
            }
        }
    }

    fn route(&mut self, now: Time) -> Option<usize> {
        match self.routing {
            Routing::LeastOutstanding => self.ready.least_loaded(),
            Routing::RoundRobin => {
                self.turn += 1;
                self.ready.in_turn(self.turn)
            }
            Routing::EarliestFinish => self.ready.first_to_finish(now),
            Routing::SharedQueue => None,
        }
    }

    fn invoke<O: Observer>(&mut self, arrival: Time, now: Time, observer: &mut O) {
        let functions = &mut self.functions[0];
        let (service, overhead) = functions.service.draw(1);
        let memory = functions.service.memory();
        match functions.platform.invoke(now, service) {
            Admission::Started { cold, init, first_call, capacity, .. } => {
                self.batch.clear();
                self.batch.push(arrival);
                let times = (init, service + first_call, overhead);
                self.show(now, Cause::Full, (capacity, cold), times, memory, observer);
            }
            Admission::Throttled => observer.rejected(now, 1, &[arrival]),
        }
    }
}
