//! The state of the loop: instances with their queues, and the events to come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rand::RngExt;

use super::rental::Rental;
use super::{Fleet, Functions, HandOver, Kind, START};
use crate::engine::record::{Batch, Cause, Observer};
use crate::numeric::streams::Stream;
use crate::platform::fleet::{Count, FleetLoad, Order, Routing, Scaler};
use crate::platform::{Admission, Capacity};
use crate::units::{Span, Time};

/// In the order in which events of one instant happen; arrivals come before `Deadline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    WorkerFree,
    Ready,
    Deadline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Launching,
    Ready,
    Draining,
    Ended,
}

#[derive(Debug)]
struct Instance {
    kind: usize,
    phase: Phase,
    launched: Time,
    ready: Time,
    ended: Time,
    queue: VecDeque<Time>,
    /// When each worker is free.
    free: Vec<Time>,
    /// The deadline that is planned.
    deadline: Time,
}

pub struct State {
    kinds: Vec<Kind>,
    routing: Routing,
    scaler: Box<dyn Scaler>,
    functions: Vec<Functions>,
    slo: Span,
    launches: Stream,
    instances: Vec<Instance>,
    /// The indices of ready instances, in the order in which they became ready.
    ready: Vec<usize>,
    counts: Vec<Count>,
    /// Requests at the balancer: those without an instance, and all of a shared queue.
    waiting: VecDeque<Time>,
    events: BinaryHeap<Reverse<(Time, Event, u64, usize)>>,
    sequence: u64,
    turn: usize,
    busy: u64,
    arrivals: u64,
    served: u64,
    late: u64,
    last_finish: Time,
    batch: Vec<Time>,
}

impl State {
    pub fn new(fleet: Fleet) -> State {
        let Fleet { kinds, routing, scaler, functions, slo, launches } = fleet;
        let counts = vec![Count::default(); kinds.len()];
        let mut state = State {
            kinds,
            routing,
            scaler,
            functions,
            slo,
            launches,
            instances: Vec::new(),
            ready: Vec::new(),
            counts,
            waiting: VecDeque::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            turn: 0,
            busy: 0,
            arrivals: 0,
            served: 0,
            late: 0,
            last_finish: START,
            batch: Vec::new(),
        };
        for kind in 0..state.kinds.len() {
            for _ in 0..state.kinds[kind].initial {
                let new = state.add(kind, START, START);
                state.make_ready(new);
            }
        }
        state
    }

    fn add(&mut self, kind: usize, launched: Time, ready: Time) -> usize {
        let workers = self.kinds[kind].workers as usize;
        self.instances.push(Instance {
            kind,
            phase: Phase::Launching,
            launched,
            ready,
            ended: Time::NEVER,
            queue: VecDeque::new(),
            free: vec![START; workers],
            deadline: Time::NEVER,
        });
        self.counts[kind].launching += 1;
        self.instances.len() - 1
    }

    fn make_ready(&mut self, index: usize) {
        let instance = &mut self.instances[index];
        instance.phase = Phase::Ready;
        let count = &mut self.counts[instance.kind];
        count.launching -= 1;
        count.ready += 1;
        self.ready.push(index);
    }

    fn plan(&mut self, at: Time, event: Event, instance: usize) {
        self.sequence += 1;
        self.events.push(Reverse((at, event, self.sequence, instance)));
    }

    /// Everything that comes before an arrival at `now`.
    pub fn catch_up<O: Observer>(&mut self, now: Time, observer: &mut O) {
        while self.step((now, Event::Deadline), observer) {}
    }

    /// The next event before `(until, event)`, if there is one.
    fn step<O: Observer>(&mut self, before: (Time, Event), observer: &mut O) -> bool {
        let next = self.events.peek().map(|Reverse((at, event, ..))| (*at, *event));
        let review = (self.scaler.next_review(), Event::Ready);
        // A review comes after the instances that become ready at its time.
        if review < before && review.0 < Time::NEVER && next.is_none_or(|next| review < next) {
            self.review(review.0);
            return true;
        }
        let Some((at, event)) = next.filter(|next| *next < before) else { return false };
        let Some(Reverse((.., index))) = self.events.pop() else { return false };
        match event {
            Event::WorkerFree => {
                self.busy -= 1;
                self.serve(index, at, observer);
                self.end_if_drained(index, at);
            }
            Event::Ready => self.became_ready(index, at, observer),
            Event::Deadline => {
                self.instances[index].deadline = Time::NEVER;
                self.serve(index, at, observer);
            }
        }
        true
    }

    fn became_ready<O: Observer>(&mut self, index: usize, now: Time, observer: &mut O) {
        if self.instances[index].phase != Phase::Launching {
            return;
        }
        self.make_ready(index);
        if self.routing == Routing::SharedQueue {
            self.serve(index, now, observer);
            return;
        }
        while let Some(arrival) = self.waiting.pop_front() {
            self.instances[index].queue.push_back(arrival);
            self.serve(index, now, observer);
        }
    }

    pub fn arrive<O: Observer>(&mut self, now: Time, observer: &mut O) {
        self.arrivals += 1;
        if self.hands_over(now) {
            self.invoke(now, observer);
            return;
        }
        match self.routing {
            Routing::SharedQueue => {
                self.waiting.push_back(now);
                let idle = |index: &&usize| self.instances[**index].free.iter().any(|at| *at <= now);
                if let Some(index) = self.ready.iter().find(idle).copied() {
                    self.serve(index, now, observer);
                }
            }
            _ => match self.route(now) {
                Some(index) => {
                    self.instances[index].queue.push_back(now);
                    self.serve(index, now, observer);
                }
                None => self.waiting.push_back(now),
            },
        }
    }

    fn hands_over(&self, now: Time) -> bool {
        let Some(functions) = self.functions.first() else { return false };
        match functions.rule {
            HandOver::Busy => {
                let idle = |index: &usize| {
                    let instance = &self.instances[*index];
                    instance.queue.is_empty() && instance.free.iter().any(|at| *at <= now)
                };
                !self.ready.iter().any(idle)
            }
            HandOver::Late(limit) => {
                let best = self.ready.iter().map(|index| self.finish_of_next(*index, now)).min();
                best.is_none_or(|finish| finish.since(now) > limit)
            }
        }
    }

    fn route(&mut self, now: Time) -> Option<usize> {
        let outstanding = |index: &usize| {
            let instance = &self.instances[*index];
            let busy = instance.free.iter().filter(|at| **at > now).count();
            let requests = (instance.queue.len() + busy) as u64;
            // Per worker, in 2^20ths, so that types of different size compare.
            (requests << 20) / instance.free.len() as u64
        };
        match self.routing {
            Routing::LeastOutstanding => self.ready.iter().copied().min_by_key(outstanding),
            Routing::RoundRobin => {
                self.turn += 1;
                self.ready.get(self.turn % self.ready.len().max(1)).copied()
            }
            Routing::EarliestFinish => {
                self.ready.iter().copied().min_by_key(|index| self.finish_of_next(*index, now))
            }
            Routing::SharedQueue => None,
        }
    }

    /// When an instance would answer a request that came now, at mean service times: after the full batches
    /// ahead of it, in a batch that waits for its deadline at most.
    fn finish_of_next(&self, index: usize, now: Time) -> Time {
        let instance = &self.instances[index];
        let kind = &self.kinds[instance.kind];
        let (ahead, size) = (instance.queue.len() as u64, u64::from(kind.batch.batch));
        let full = kind.service.mean(kind.batch.batch);
        let (batches, position) = (ahead / size, ahead % size + 1);
        let mut free: Vec<Time> = instance.free.clone();
        free.sort_unstable();
        let workers = free.len() as u64;
        let worker = free[(batches % workers) as usize];
        let rounds = Span(full.0.saturating_mul(batches / workers));
        let opened = match position {
            1 => now,
            _ => instance.queue[(batches * size) as usize],
        };
        let leaves = if position == size { now } else { opened + kind.batch.timeout };
        worker.max(now).max(leaves) + rounds + kind.service.mean(position as u32)
    }

    /// Starts as many batches as there are, or as there are workers for.
    fn serve<O: Observer>(&mut self, index: usize, now: Time, observer: &mut O) {
        loop {
            let instance = &mut self.instances[index];
            let kind = &mut self.kinds[instance.kind];
            let shared = self.routing == Routing::SharedQueue && instance.phase == Phase::Ready;
            let queue = if shared { &mut self.waiting } else { &mut instance.queue };
            let Some(first) = queue.front().copied() else { return };
            let Some(worker) = instance.free.iter().position(|at| *at <= now) else { return };
            let full = queue.len() >= kind.batch.batch as usize;
            let deadline = first + kind.batch.timeout;
            if !full && deadline > now {
                if instance.deadline != deadline {
                    instance.deadline = deadline;
                    self.plan(deadline, Event::Deadline, index);
                }
                return;
            }
            let n = queue.len().min(kind.batch.batch as usize);
            self.batch.clear();
            self.batch.extend(queue.drain(..n));
            let service = kind.service.draw(n as u32);
            instance.free[worker] = now + service;
            self.busy += 1;
            let cause = if full { Cause::Full } else { Cause::Timeout };
            let memory = kind.service.memory();
            self.plan(now + service, Event::WorkerFree, index);
            self.show(now, cause, Capacity::Instance, (Span::ZERO, service), memory, observer);
        }
    }

    /// Tells of the batch in `self.batch` that starts now.
    fn show<O: Observer>(
        &mut self,
        now: Time,
        cause: Cause,
        capacity: Capacity,
        (init, service): (Span, Span),
        memory: crate::units::MemoryMb,
        observer: &mut O,
    ) {
        let concurrency = self.busy + self.functions.first().map_or(0, |f| f.platform.load().busy);
        let batch = Batch {
            left: now,
            cause,
            started: now,
            init,
            capacity,
            service,
            memory,
            concurrency,
            attempts: 1,
        };
        let finish = batch.finish();
        self.served += self.batch.len() as u64;
        self.late += self.batch.iter().filter(|arrival| finish.since(**arrival) > self.slo).count() as u64;
        self.last_finish = self.last_finish.max(finish);
        observer.started(&batch, &self.batch);
    }

    fn invoke<O: Observer>(&mut self, now: Time, observer: &mut O) {
        let functions = &mut self.functions[0];
        let service = functions.service.draw(1);
        let memory = functions.service.memory();
        match functions.platform.invoke(now, service) {
            Admission::Started { init, capacity } => {
                self.batch.clear();
                self.batch.push(now);
                self.show(now, Cause::Full, capacity, (init, service), memory, observer);
            }
            Admission::Throttled => observer.rejected(now, 1, &[now]),
        }
    }

    fn review(&mut self, now: Time) {
        let load = FleetLoad {
            arrivals: std::mem::take(&mut self.arrivals),
            served: std::mem::take(&mut self.served),
            late: std::mem::take(&mut self.late),
            instances: &self.counts,
        };
        for order in self.scaler.review(load) {
            match order {
                Order::Launch(kind) => {
                    let (least, most) = self.kinds[kind].launch;
                    let ready = now + Span(self.launches.random_range(least.0..=most.0));
                    let new = self.add(kind, now, ready);
                    self.plan(ready, Event::Ready, new);
                }
                Order::End(kind) => self.end_youngest(kind, now),
            }
        }
    }

    fn end_youngest(&mut self, kind: usize, now: Time) {
        let runs = |i: &Instance| i.kind == kind && matches!(i.phase, Phase::Launching | Phase::Ready);
        let Some(index) = self.instances.iter().rposition(runs) else { return };
        let count = &mut self.counts[kind];
        match self.instances[index].phase {
            Phase::Launching => count.launching -= 1,
            _ => count.ready -= 1,
        }
        self.instances[index].phase = Phase::Draining;
        self.ready.retain(|ready| *ready != index);
        self.end_if_drained(index, now);
    }

    fn end_if_drained(&mut self, index: usize, now: Time) {
        let instance = &mut self.instances[index];
        let idle = instance.queue.is_empty() && instance.free.iter().all(|at| *at <= now);
        if instance.phase == Phase::Draining && idle {
            (instance.phase, instance.ended) = (Phase::Ended, now);
        }
    }

    /// Serves what is left. The controller goes on as long as requests wait.
    pub fn drain<O: Observer>(&mut self, observer: &mut O) {
        let waits = |state: &State| {
            let queued = |index: &Instance| !index.queue.is_empty();
            !state.waiting.is_empty() || state.busy > 0 || state.instances.iter().any(queued)
        };
        while waits(self) && self.step((Time::NEVER, Event::Deadline), observer) {}
    }

    pub fn into_rentals(self) -> Vec<Rental> {
        let end = self.last_finish;
        let rental = |i: &Instance| {
            let kind = &self.kinds[i.kind];
            Rental {
                launched: i.launched,
                ready: i.ready,
                ended: i.ended.min(end).max(i.launched),
                per_hour: kind.per_hour,
                least_billed: kind.least_billed,
                capacity_per_s: kind.capacity_per_s,
            }
        };
        self.instances.iter().map(rental).collect()
    }
}
