//! The state of the loop: instances with their queues, and the events to come.

use std::collections::VecDeque;

use super::instance::{Instance, Phase};
use super::ready::Ready;
use super::rental::{Market, Rental};
use super::{Fleet, Functions, Kind, START};
use crate::engine::observer::{Cause, Observer, StartedBatch};
use crate::numeric::lanes::{Due, Lanes};
use crate::numeric::streams::Stream;
use crate::platform::Capacity;
use crate::platform::fleet::{Count, Routing, Scaler};
use crate::units::{Span, Time};

/// In the order in which events of one instant happen; arrivals come before `Deadline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    WorkerFree,
    Ready,
    Notice,
    Reclaim,
    Deadline,
}

impl Due for (Time, Event, u64, usize) {
    const NEVER: Self = (Time::NEVER, Event::Deadline, u64::MAX, usize::MAX);

    #[inline]
    fn due(&self) -> u64 {
        self.0.0
    }
}

pub struct State {
    pub(super) kinds: Vec<Kind>,
    pub(super) routing: Routing,
    pub(super) scaler: Box<dyn Scaler>,
    pub(super) functions: Vec<Functions>,
    pub(super) slo: Span,
    pub(super) launches: Stream,
    pub(super) interruptions: Stream,
    pub(super) instances: Vec<Instance>,
    /// Those that are ready.
    pub(super) ready: Ready,
    /// The indices of those that launch or are ready, by type, the youngest last.
    pub(super) running: Vec<Vec<usize>>,
    pub(super) counts: Vec<Count>,
    /// Requests at the balancer: those without an instance, and all of a shared queue.
    pub(super) waiting: VecDeque<Time>,
    pub(super) events: Lanes<(Time, Event, u64, usize)>,
    pub(super) sequence: u64,
    pub(super) turn: usize,
    pub(super) busy: u64,
    pub(super) arrivals: u64,
    pub(super) served: u64,
    pub(super) late: u64,
    pub(super) last_finish: Time,
    pub(super) batch: Vec<Time>,
}

impl State {
    pub fn new(fleet: Fleet) -> State {
        let Fleet { kinds, routing, scaler, functions, slo, launches, interruptions } = fleet;
        let counts = vec![Count::default(); kinds.len()];
        let running = vec![Vec::new(); kinds.len()];
        let ready = Ready::new(routing, functions.first().map(|functions| functions.rule));
        let mut state = State {
            kinds,
            routing,
            scaler,
            functions,
            slo,
            launches,
            interruptions,
            instances: Vec::new(),
            ready,
            running,
            counts,
            waiting: VecDeque::new(),
            events: Lanes::default(),
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
                state.make_ready(new, START);
            }
        }
        state
    }

    /// Plans an event of an instance; between the two times is a span that others of its kind have as well.
    pub(super) fn plan(&mut self, (from, at): (Time, Time), event: Event, instance: usize) {
        self.sequence += 1;
        self.events.push(at.since(from).0, (at, event, self.sequence, instance));
    }

    /// Everything that comes before an arrival at `now`.
    pub fn catch_up<O: Observer>(&mut self, now: Time, observer: &mut O) {
        while self.step((now, Event::Deadline), observer) {}
    }

    /// The next event before `(until, event)`, if there is one.
    pub fn step<O: Observer>(&mut self, before: (Time, Event), observer: &mut O) -> bool {
        let next = self.events.peek().map(|(at, event, ..)| (at, event));
        let review = (self.scaler.next_review(), Event::Ready);
        // A review comes after the instances that become ready at its time.
        if review < before && review.0 < Time::NEVER && next.is_none_or(|next| review < next) {
            self.review(review.0);
            return true;
        }
        let Some((at, event)) = next.filter(|next| *next < before) else { return false };
        let Some((.., index)) = self.events.pop() else { return false };
        match event {
            Event::WorkerFree => {
                self.busy -= 1;
                self.serve(index, at, observer);
                self.end_if_drained(index, at);
            }
            Event::Ready => self.became_ready(index, at, observer),
            Event::Notice => self.notice(index, at),
            Event::Reclaim => self.reclaim(index, at, observer),
            Event::Deadline => {
                let deadline = &mut self.instances[index].deadline;
                // Of a batch that left full in the meantime nothing is left to do, but who looks may find a shared queue's next.
                if *deadline == at || self.routing == Routing::SharedQueue {
                    *deadline = Time::NEVER;
                    self.serve(index, at, observer);
                }
            }
        }
        true
    }

    /// Serves what an instance has, after a change at it.
    pub(super) fn serve<O: Observer>(&mut self, index: usize, now: Time, observer: &mut O) {
        self.start_batches(index, now, observer);
        self.note(index, now);
    }

    /// Routing has to know what changed at an instance.
    pub(super) fn note(&mut self, index: usize, now: Time) {
        let instance = &self.instances[index];
        if let Phase::Ready(slot) = instance.phase {
            self.ready.note(slot, instance, &self.kinds[instance.kind], now);
        }
    }

    /// Starts as many batches as there are, or as there are workers for.
    fn start_batches<O: Observer>(&mut self, index: usize, now: Time, observer: &mut O) {
        loop {
            let instance = &mut self.instances[index];
            if !instance.has_idle_worker(now) {
                return;
            }
            let kind = &mut self.kinds[instance.kind];
            let shared = self.routing == Routing::SharedQueue && matches!(instance.phase, Phase::Ready(_));
            let queue = if shared { &mut self.waiting } else { &mut instance.queue };
            let Some(first) = queue.front().copied() else { return };
            let full = queue.len() >= kind.batch.batch as usize;
            let deadline = first + kind.batch.timeout;
            if !full && deadline > now {
                if instance.deadline != deadline {
                    instance.deadline = deadline;
                    self.plan((first, deadline), Event::Deadline, index);
                }
                return;
            }
            let n = queue.len().min(kind.batch.batch as usize);
            self.batch.clear();
            self.batch.extend(queue.drain(..n));
            let (service, _) = kind.service.draw(n as u32);
            self.busy += 1;
            instance.occupy(now + service);
            if now + service > instance.reclaimed {
                instance.lost.append(&mut self.batch);
                instance.lost_batches += 1;
                continue;
            }
            let cause = if full { Cause::Full } else { Cause::Timeout };
            let memory = kind.service.memory();
            self.plan((now, now + service), Event::WorkerFree, index);
            let times = (Span::ZERO, service, Span::ZERO);
            self.show(now, cause, (Capacity::Instance, false), times, memory, observer);
        }
    }

    /// Tells of the batch in `self.batch` that starts now.
    pub(super) fn show<O: Observer>(
        &mut self,
        now: Time,
        cause: Cause,
        (capacity, cold): (Capacity, bool),
        (init, service, overhead): (Span, Span, Span),
        memory: crate::units::MemoryMb,
        observer: &mut O,
    ) {
        let concurrency = self.busy + self.functions.first().map_or(0, |f| f.platform.load().busy);
        let batch = StartedBatch {
            left: now,
            cause,
            started: now,
            cold,
            init,
            capacity,
            service,
            overhead,
            environment: None,
            memory,
            concurrency,
            attempts: 1,
        };
        let (finish, answered) = (batch.finish(), batch.answered());
        self.served += self.batch.len() as u64;
        self.late += self.batch.iter().filter(|arrival| answered.since(**arrival) > self.slo).count() as u64;
        self.last_finish = self.last_finish.max(finish);
        observer.started(&batch, &self.batch);
    }

    /// Serves what is left. The controller goes on as long as requests wait.
    pub fn drain<O: Observer>(&mut self, observer: &mut O) {
        while self.holds_requests() && self.step((Time::NEVER, Event::Deadline), observer) {}
    }

    /// Does a request wait, or is one served?
    pub fn holds_requests(&self) -> bool {
        let queued = |index: &Instance| !index.queue.is_empty();
        !self.waiting.is_empty() || self.busy > 0 || self.instances.iter().any(queued)
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
                market: if kind.spot.is_some() { Market::Spot } else { Market::OnDemand },
                interrupted: i.interrupted && i.ended <= end,
            }
        };
        self.instances.iter().map(rental).collect()
    }
}
