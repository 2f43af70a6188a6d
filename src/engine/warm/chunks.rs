//! One replay on several threads, with exactly the sequential result.
//!
//! Arrivals come in chunks: a portion of a process is drawn by the thread that takes it, a trace is read by one
//! thread at a time. Each thread cuts its chunk into batches as if one opened at its first arrival. Then, in the order
//! of the chunks, the batch that was open before is closed, and batches are cut anew only until one ends where one of
//! the chunk's own ends: from there on both are the same. The counting of the chunk, most of the work, is parallel
//! again.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};

use super::Buffering;
use super::count::Counter;
use super::cut::{Batches, Cuts, closed, last};
use super::running::Started;
use crate::arrivals::Arrivals;
use crate::engine::observer::Observer;
use crate::engine::recorder::{Record, Stretch, TimeSeries};
use crate::error::InputError;
use crate::policy::batch::BatchPolicy;
use crate::units::{Span, Time};

/// Requests of a chunk that is read in turn: enough for its own costs not to matter, few enough for the cache.
pub const CHUNK: usize = 1 << 16;
/// So many chunks a thread may be ahead of the slowest.
const AHEAD: usize = 4;

/// How a replay is cut.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// Threads at most.
    pub threads: usize,
    /// Requests at least of a chunk that is read in turn.
    pub requests: usize,
}

/// Replays arrivals on several threads.
///
/// # Errors
/// As [`super::replay`].
pub fn replay<A: Arrivals, O: Observer + Send>(
    arrivals: &mut A,
    buffering: Buffering<'_>,
    observer: &mut O,
    cut: Cut,
) -> Result<Record, InputError> {
    let line = Line { turn: 0, wanted: arrivals.wanted(), open: Vec::new(), running: Vec::new(), observer };
    let shared = Shared {
        buffering,
        cut,
        source: Mutex::new(Source { arrivals, next: 0, ended: Ok(false) }),
        line: Mutex::new(line),
        moved: Condvar::new(),
        merger: Mutex::new(Merger { next: 0, early: BTreeMap::new(), series: TimeSeries::default() }),
        written: Condvar::new(),
    };
    // No thread waits for work that has not begun: whoever takes a chunk finishes it without rayon's help.
    rayon::scope(|scope| {
        for _ in 1..cut.threads {
            scope.spawn(|_| shared.work());
        }
        shared.work();
    });
    inner(shared.source).ended?;
    Ok(inner(shared.merger).series.close())
}

struct Shared<'a, A, O> {
    buffering: Buffering<'a>,
    cut: Cut,
    source: Mutex<Source<'a, A>>,
    line: Mutex<Line<'a, O>>,
    moved: Condvar,
    merger: Mutex<Merger>,
    written: Condvar,
}

/// Where chunks come from.
struct Source<'a, A> {
    arrivals: &'a mut A,
    /// The number of the next chunk.
    next: usize,
    ended: Result<bool, InputError>,
}

/// What is done in the order of the chunks.
struct Line<'a, O> {
    /// The chunk whose turn it is.
    turn: usize,
    /// So many arrivals are still wanted.
    wanted: u64,
    /// The arrivals of the open batch.
    open: Vec<Time>,
    /// Batches that may still run.
    running: Vec<Started>,
    observer: &'a mut O,
}

/// Where what was counted is brought together.
struct Merger {
    /// The chunk that is entered next.
    next: usize,
    early: BTreeMap<usize, Vec<Stretch>>,
    series: TimeSeries,
}

/// Are more arrivals wanted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    More,
    NoMore,
}

/// A chunk and the batches that leave in it.
#[derive(Default)]
struct Chunk {
    number: usize,
    /// No chunk comes after it.
    is_last: bool,
    times: Vec<Time>,
    /// What may still run when the first batch starts.
    running: Vec<Started>,
    /// The arrivals of the batch that was open before, and when it leaves.
    head: Vec<Time>,
    head_cut: Cuts,
    /// The batches that follow it, up to where one ends that `own` has too, and where they begin.
    redone: Cuts,
    redone_from: usize,
    /// The batches as if one opened at the first arrival; so many of them are none, and where the others begin.
    own: Cuts,
    own_skipped: usize,
    own_from: usize,
    /// Where the last batch opens that may go on in the next chunk.
    open: usize,
}

impl<A: Arrivals, O: Observer> Shared<'_, A, O> {
    fn work(&self) {
        let mut counter = Counter::new(&self.buffering);
        let mut chunk = Chunk::default();
        while self.draw(&mut chunk) {
            chunk.cut(self.buffering.buffer);
            if self.join(&mut chunk) == Wanted::NoMore {
                self.end();
            }
            counter.resume(&chunk.running);
            chunk.batches().into_iter().for_each(|batches| counter.count(batches));
            self.enter(chunk.number, counter.finish());
        }
    }

    /// Draws the next chunk; false if there is none.
    fn draw(&self, chunk: &mut Chunk) -> bool {
        let mut source = lock(&self.source);
        if !matches!(source.ended, Ok(false)) {
            return false;
        }
        chunk.number = source.next;
        source.next += 1;
        let ahead = |merger: &mut Merger| chunk.number > merger.next + AHEAD * self.cut.threads;
        drop(wait(&self.written, lock(&self.merger), ahead));
        chunk.times.clear();
        if let Some(mut portion) = source.arrivals.portion() {
            drop(source);
            chunk.is_last = false;
            // A process has no file to fail on.
            while matches!(grow(&mut portion, &mut chunk.times), Ok(true)) {}
            return true;
        }
        while chunk.times.len() < self.cut.requests {
            match grow(source.arrivals, &mut chunk.times) {
                Ok(true) => (),
                Ok(false) => {
                    source.ended = Ok(true);
                    break;
                }
                Err(error) => {
                    source.ended = Err(error);
                    return false;
                }
            }
        }
        chunk.is_last = matches!(source.ended, Ok(true));
        true
    }

    /// Lets no more chunks be drawn.
    fn end(&self) {
        let mut source = lock(&self.source);
        if source.ended.is_ok() {
            source.ended = Ok(true);
        }
    }

    /// Joins the chunk to the one before; are more arrivals wanted?
    fn join(&self, chunk: &mut Chunk) -> Wanted {
        let mut line = wait(&self.moved, lock(&self.line), |line| line.turn != chunk.number);
        // How many arrivals a portion holds is not known before it is drawn.
        if chunk.times.len() as u64 >= line.wanted {
            chunk.times.truncate(line.wanted as usize);
            chunk.is_last = true;
            chunk.cut(self.buffering.buffer);
        }
        line.wanted -= chunk.times.len() as u64;
        chunk.running.clone_from(&line.running);
        chunk.join(&mut line.open, self.buffering.buffer);
        chunk.leave_running(&mut line.running, self.buffering.service());
        if let Some(last) = chunk.times.last() {
            line.observer.passed(*last, chunk.times.len() as u64);
        }
        line.turn += 1;
        self.moved.notify_all();
        if line.wanted == 0 { Wanted::NoMore } else { Wanted::More }
    }

    /// Enters what was counted, and what came too early before.
    fn enter(&self, number: usize, counted: Vec<Stretch>) {
        let mut merger = lock(&self.merger);
        let Merger { next, early, series } = &mut *merger;
        early.insert(number, counted);
        while let Some(counted) = early.remove(next) {
            counted.into_iter().for_each(|stretch| series.add(stretch));
            *next += 1;
        }
        self.written.notify_all();
    }
}

impl Chunk {
    /// Cuts the chunk as if a batch opened at its first arrival.
    fn cut(&mut self, buffer: BatchPolicy) {
        self.own.clear();
        self.open = self.own.extend(&self.times, 0, buffer);
    }

    /// Closes the batch of which `open` holds the arrivals before the chunk, and cuts anew what follows it until
    /// the chunk's own batches are the same. Leaves the arrivals of the batch that is open at the end.
    fn join(&mut self, open: &mut Vec<Time>, buffer: BatchPolicy) {
        self.head_cut.clear();
        self.redone.clear();
        let before = open.len();
        std::mem::swap(&mut self.head, open);
        open.clear();
        // No more than these can join.
        let joining = (buffer.batch as usize).saturating_sub(before).min(self.times.len());
        self.head.extend_from_slice(&self.times[..joining]);
        let at = match self.closed(&self.head, 0, buffer) {
            _ if before == 0 => 0,
            Some((end, left)) => {
                self.head_cut.push(end, left);
                end - before
            }
            None => {
                (self.own_skipped, self.own_from) = (self.own.ends.len(), 0);
                std::mem::swap(&mut self.head, open);
                return;
            }
        };
        self.redo(at, buffer);
        match last(&self.times, self.open, buffer) {
            Some((end, left)) if self.is_last => self.own.push(end, left),
            _ => open.extend_from_slice(&self.times[self.open..]),
        }
    }

    /// Where the arrivals of a batch end, and when it leaves; `None` if the next chunk decides that.
    fn closed(&self, times: &[Time], open: usize, buffer: BatchPolicy) -> Option<(usize, Time)> {
        closed(times, open, buffer).or_else(|| last(times, open, buffer).filter(|_| self.is_last))
    }

    /// Cuts anew from `at` on, where a batch opens.
    fn redo(&mut self, mut at: usize, buffer: BatchPolicy) {
        self.redone_from = at;
        // The own batch numbered `own` opens here.
        let (mut own, mut opens) = (0, 0);
        loop {
            while opens < at && own < self.own.ends.len() {
                opens = self.own.ends[own];
                own += 1;
            }
            if opens == at {
                break;
            }
            let Some((end, left)) = closed(&self.times, at, buffer) else {
                (own, self.open) = (self.own.ends.len(), at);
                break;
            };
            self.redone.push(end, left);
            at = end;
        }
        (self.own_skipped, self.own_from) = (own, at);
    }

    /// Its batches, in the order of time.
    fn batches(&self) -> [Batches<'_>; 3] {
        [
            self.head_cut.batches(&self.head, 0, 0),
            self.redone.batches(&self.times, self.redone_from, 0),
            self.own.batches(&self.times, self.own_from, self.own_skipped),
        ]
    }

    /// Of the batches before it and its own, leaves those in `running` that have not finished when its last starts.
    fn leave_running(&self, running: &mut Vec<Started>, service: &[Span]) {
        let batches = self.batches();
        let Some(now) = batches.iter().rev().find_map(|some| some.left.last()).copied() else { return };
        let runs = |batch: &Started| batch.finish > now;
        let longest = service.iter().copied().max().unwrap_or_default();
        running.retain(runs);
        for some in batches {
            let finished = some.left.partition_point(|left| *left + longest <= now);
            let (_, some) = some.split_at(finished);
            let started = some
                .sizes()
                .zip(some.left)
                .map(|(size, at)| Started { at: *at, finish: *at + service[size - 1] });
            running.extend(started.filter(runs));
        }
    }
}

/// Hands over some more arrivals; false if there are none.
fn grow<A: Arrivals>(source: &mut A, times: &mut Vec<Time>) -> Result<bool, InputError> {
    let before = times.len();
    source.fill(times)?;
    Ok(times.len() > before)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics")
}

fn inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().expect("no thread panics")
}

fn wait<'a, T>(
    moved: &Condvar,
    guard: MutexGuard<'a, T>,
    as_long_as: impl Fn(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    moved.wait_while(guard, as_long_as).expect("no thread panics")
}
