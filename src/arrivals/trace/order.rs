//! Puts points in time in order: within a window that is always kept, or wholly, with runs on disk.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek};

use super::Reader;
use super::point::Point;
use super::reading::Reading;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

/// A record may be so many records later than its place by time.
pub(super) const WINDOW: usize = 1 << 16;
/// Bytes of points in time that are sorted in memory at a time; more go to a temporary file.
const IN_MEMORY: usize = 64 << 20;
/// So many equal values are no accident.
const CONVINCING: usize = 8;
/// At least this share of records must be later than the one half a window before: of values in no order, half are.
const RISING_SHARE: f64 = 0.75;

/// Points in time \[ns\] as they come from a file, alone or with what belongs to them.
pub(super) trait Raw<P = i64>: Send {
    /// Appends the next ones, at most [`BLOCK`]; nothing at the end. One before `floor` is an error at its line.
    fn fill(&mut self, floor: i64, block: &mut Vec<P>) -> Result<(), InputError>;

    /// Adds what was found to `reading`.
    fn report(&self, reading: &mut Reading);

    /// How errors call the file.
    fn name(&self) -> &str;

    /// What else could be the times: the mend of a wrong choice.
    fn others(&self) -> String;
}

/// How a file is put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Records may be up to `WINDOW` records out of place.
    #[default]
    Window,
    /// In any order.
    Whole,
}

/// Points in time in order.
pub(super) struct Ordered<P> {
    raw: Box<dyn Raw<P>>,
    pending: Vec<P>,
    /// Handed over so far of `pending`, and how many of it may be.
    given: usize,
    ready: usize,
    floor: i64,
    ended: bool,
    is_first: bool,
    out_of_order: u64,
}

impl<P: Point> Ordered<P> {
    pub(super) fn new(raw: Box<dyn Raw<P>>) -> Ordered<P> {
        let pending = Vec::with_capacity(2 * WINDOW + BLOCK);
        let (given, ready, floor) = (0, 0, i64::MIN);
        Ordered { raw, pending, given, ready, floor, ended: false, is_first: true, out_of_order: 0 }
    }

    fn refill(&mut self) -> Result<(), InputError> {
        self.pending.drain(..self.given);
        self.given = 0;
        let mut in_order = true;
        while self.pending.len() < 2 * WINDOW && !self.ended {
            let before = self.pending.len();
            self.raw.fill(self.floor, &mut self.pending)?;
            self.ended = self.pending.len() == before;
            let new = &self.pending[before.saturating_sub(1)..];
            if !new.is_sorted_by_key(|point| point.at()) {
                in_order = false;
                self.out_of_order += new.windows(2).filter(|w| w[1].at() < w[0].at()).count() as u64;
            }
        }
        if self.is_first {
            self.check_sense(in_order)?;
            self.is_first = false;
        }
        if !in_order {
            // Nearly sorted: a merge sort finds the runs. Of one time, the order is that of the file.
            self.pending.sort_by_key(|point| point.at());
        }
        self.ready = if self.ended { self.pending.len() } else { self.pending.len() - WINDOW };
        if let Some(last) = self.ready.checked_sub(1) {
            self.floor = self.pending[last].at();
        }
        Ok(())
    }

    /// Refuses values that rise and fall like no times do.
    fn check_sense(&self, in_order: bool) -> Result<(), InputError> {
        let half = self.pending.len() / 2;
        if in_order || half < CONVINCING {
            return Ok(());
        }
        let pairs = self.pending.iter().zip(&self.pending[half..]);
        let rising = pairs.filter(|(early, late)| early.at() <= late.at()).count() as f64 / half as f64;
        if rising >= RISING_SHARE || (rising <= 1.0 - RISING_SHARE && self.ended) {
            return Ok(());
        }
        let help = format!(
            "if these are times in no order, set `sort = true` (`--sort`); else {}",
            self.raw.others()
        );
        Err(InputError::new(self.raw.name(), "has values that go up and down, unlike the times of a log")
            .help(help))
    }
}

impl<P: Point> Raw<P> for Ordered<P> {
    fn fill(&mut self, _floor: i64, block: &mut Vec<P>) -> Result<(), InputError> {
        if self.given == self.ready && !self.ended {
            self.refill()?;
        }
        let next = (self.given + BLOCK).min(self.ready);
        block.extend_from_slice(&self.pending[self.given..next]);
        self.given = next;
        Ok(())
    }

    fn report(&self, reading: &mut Reading) {
        self.raw.report(reading);
        reading.out_of_order += self.out_of_order;
    }

    fn name(&self) -> &str {
        self.raw.name()
    }

    fn others(&self) -> String {
        self.raw.others()
    }
}

/// Ascending points in time, one at a time.
trait Feed: Send {
    type Point: Point;

    fn next(&mut self) -> Result<Option<Self::Point>, InputError>;
}

/// The next point of a feed, in the order of time; of one time the earlier feed comes first.
struct Head<P> {
    point: P,
    feed: usize,
}

impl<P: Point> Head<P> {
    fn key(&self) -> (i64, usize) {
        (self.point.at(), self.feed)
    }
}

impl<P: Point> PartialEq for Head<P> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<P: Point> Eq for Head<P> {}

impl<P: Point> PartialOrd for Head<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P: Point> Ord for Head<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Several feeds as one.
struct Merge<F: Feed> {
    feeds: Vec<F>,
    heads: BinaryHeap<Reverse<Head<F::Point>>>,
}

impl<F: Feed> Merge<F> {
    fn new(mut feeds: Vec<F>) -> Result<Merge<F>, InputError> {
        let mut heads = BinaryHeap::new();
        for (feed, points) in feeds.iter_mut().enumerate() {
            heads.extend(points.next()?.map(|point| Reverse(Head { point, feed })));
        }
        Ok(Merge { feeds, heads })
    }

    fn fill(&mut self, block: &mut Vec<F::Point>) -> Result<(), InputError> {
        for _ in 0..BLOCK {
            let Some(Reverse(Head { point, feed })) = self.heads.pop() else { break };
            block.push(point);
            self.heads.extend(self.feeds[feed].next()?.map(|point| Reverse(Head { point, feed })));
        }
        Ok(())
    }
}

/// Points in time in any order, put in order as a whole when the first is asked for. Memory is bounded: what goes
/// beyond it is kept in temporary files.
pub(super) struct Sorted<P: Point> {
    raw: Box<dyn Raw<P>>,
    merge: Option<Merge<Run<P>>>,
    out_of_order: u64,
}

impl<P: Point> Sorted<P> {
    pub(super) fn new(raw: Box<dyn Raw<P>>) -> Sorted<P> {
        Sorted { raw, merge: None, out_of_order: 0 }
    }

    /// With at most so many points in memory at a time.
    fn sort(&mut self, in_memory: usize) -> Result<Merge<Run<P>>, InputError> {
        let (mut runs, mut values) = (Vec::new(), Vec::new());
        let mut last = i64::MIN;
        loop {
            let before = values.len();
            self.raw.fill(i64::MIN, &mut values)?;
            for value in &values[before..] {
                self.out_of_order += u64::from(value.at() < last);
                last = value.at();
            }
            let ended = values.len() == before;
            if ended || values.len() >= in_memory {
                P::sort(&mut values);
                let run = std::mem::take(&mut values);
                if ended {
                    runs.push(Run::Kept(run.into_iter()));
                    return Merge::new(runs);
                }
                let name = self.raw.name().to_owned();
                let file = spill(&run)
                    .map_err(|e| InputError::new(&name, format!("cannot be sorted on disk: {e}")))?;
                runs.push(Run::Disk { name, file });
            }
        }
    }
}

impl<P: Point> Raw<P> for Sorted<P> {
    fn fill(&mut self, _floor: i64, block: &mut Vec<P>) -> Result<(), InputError> {
        if self.merge.is_none() {
            self.merge = Some(self.sort(IN_MEMORY / size_of::<P>())?);
        }
        self.merge.as_mut().expect("sorted above").fill(block)
    }

    fn report(&self, reading: &mut Reading) {
        self.raw.report(reading);
        reading.out_of_order += self.out_of_order;
    }

    fn name(&self) -> &str {
        self.raw.name()
    }

    fn others(&self) -> String {
        self.raw.others()
    }
}

/// A sorted run.
enum Run<P> {
    Kept(std::vec::IntoIter<P>),
    Disk { name: String, file: BufReader<File> },
}

fn spill<P: Point>(run: &[P]) -> std::io::Result<BufReader<File>> {
    let mut file = BufWriter::new(tempfile::tempfile()?);
    run.iter().try_for_each(|point| point.write(&mut file))?;
    let mut file = file.into_inner()?;
    file.rewind()?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

impl<P: Point> Feed for Run<P> {
    type Point = P;

    fn next(&mut self) -> Result<Option<P>, InputError> {
        let (name, file) = match self {
            Run::Kept(values) => return Ok(values.next()),
            Run::Disk { name, file } => (name, file),
        };
        match P::read(file) {
            Ok(point) => Ok(Some(point)),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(InputError::new(&*name, format!("cannot be sorted on disk: {e}"))),
        }
    }
}

/// The arrivals of ordered points in time: the first is at time 0.
pub(super) struct Instants {
    raw: Box<dyn Raw>,
    block: Vec<i64>,
    zero: Option<i64>,
    last: u64,
    count: u64,
}

impl Instants {
    pub(super) fn new(raw: Box<dyn Raw>) -> Instants {
        Instants { raw, block: Vec::new(), zero: None, last: 0, count: 0 }
    }
}

impl Arrivals for Instants {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.block.clear();
        self.raw.fill(i64::MIN, &mut self.block)?;
        let (Some(first), Some(last)) = (self.block.first(), self.block.last()) else { return Ok(()) };
        let zero = *self.zero.get_or_insert(*first);
        let Some(last) = last.checked_sub(zero) else {
            return Err(InputError::new(self.raw.name(), "has times that are more than 292 years apart")
                .help(format!("check `unit`; or {}", self.raw.others())));
        };
        (self.last, self.count) = (last as u64, self.count + self.block.len() as u64);
        block.extend(self.block.iter().map(|nanos| Time((nanos - zero) as u64)));
        Ok(())
    }
}

impl Reader for Instants {
    /// Until the last arrival and a mean gap after it.
    fn length(&self) -> Span {
        Span(self.last + self.last / self.count.saturating_sub(1).max(1))
    }

    fn report(&self, reading: &mut Reading) {
        self.raw.report(reading);
    }

    fn refuse_one_instant(&self) -> Result<(), InputError> {
        let others = self.raw.others();
        if others.is_empty() || self.last > 0 || self.count < CONVINCING as u64 {
            return Ok(());
        }
        let message = format!("has the same time in all of its first {} records", self.count);
        let help = format!("{others}; if they did come at once, set `stamps = \"exact\"`");
        Err(InputError::new(self.raw.name(), message).help(help))
    }
}

/// Several files as one, in the order of time.
pub(super) struct Several<P: Point> {
    name: String,
    files: Merge<Ascending<P>>,
}

impl<P: Point> Several<P> {
    pub(super) fn new(name: String, files: Vec<Box<dyn Raw<P>>>) -> Result<Several<P>, InputError> {
        let feeds = files.into_iter().map(|raw| Ascending { raw, block: Vec::new(), at: 0 }).collect();
        Ok(Several { name, files: Merge::new(feeds)? })
    }
}

/// One of several files.
struct Ascending<P> {
    raw: Box<dyn Raw<P>>,
    block: Vec<P>,
    at: usize,
}

impl<P: Point> Feed for Ascending<P> {
    type Point = P;

    fn next(&mut self) -> Result<Option<P>, InputError> {
        if self.at == self.block.len() {
            self.block.clear();
            self.at = 0;
            self.raw.fill(i64::MIN, &mut self.block)?;
            if self.block.is_empty() {
                return Ok(None);
            }
        }
        self.at += 1;
        Ok(Some(self.block[self.at - 1]))
    }
}

impl<P: Point> Raw<P> for Several<P> {
    fn fill(&mut self, _floor: i64, block: &mut Vec<P>) -> Result<(), InputError> {
        self.files.fill(block)
    }

    fn report(&self, reading: &mut Reading) {
        for file in &self.files.feeds {
            let mut found = Reading::default();
            file.raw.report(&mut found);
            (reading.format, reading.times) = (found.format, found.times.clone());
            reading.merge(found);
        }
        reading.files = self.files.feeds.len();
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn others(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests;
