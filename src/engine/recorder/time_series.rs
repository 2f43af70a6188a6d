//! Keeps what was counted by hour and by slice.

use super::tally::Tally;
use crate::engine::fleet::rental::Rental;
use crate::numeric::histogram::Histogram;
use crate::platform::lambda::EnvironmentLives;
use crate::units::{Span, Time};

/// At most this many slices; at least half as many once the replay is long enough.
const SLICES: u64 = 128;
const FIRST_WIDTH: Span = Span(1 << 20);
const HOUR: Span = Span::from_secs(3600);

/// What happened in some stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The stretch's number: it begins at `number x width`.
    pub number: u64,
    /// Sums.
    pub tally: Tally,
    /// Latencies \[ns\].
    pub latency: Histogram,
}

/// Percentiles and sums of one hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Hour {
    /// 0-based hour since the start.
    pub number: u64,
    /// Sums.
    pub tally: Tally,
    /// 50th, 95th and 99th percentile of the latency \[ns\].
    pub percentiles: [f64; 3],
}

/// Everything a replay left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The whole replay after the warm-up.
    pub total: Slice,
    /// Its hours, those without a batch left out.
    pub hours: Vec<Hour>,
    /// Its equal slices of time, those without a batch left out.
    pub slices: Vec<Slice>,
    /// The width of a slice.
    pub width: Span,
    /// Batches of 1, 2, ... requests.
    pub sizes: Vec<u64>,
    /// When the last request was answered.
    pub last_finish: Time,
    /// The instances that were rented; none on functions.
    pub rentals: Vec<Rental>,
    /// The environments that were there, provisioned ones left out, where they come and go.
    pub environments: Option<EnvironmentLives>,
}

/// A stretch of time that lies within one hour and one slice, however wide slices become.
#[derive(Debug)]
pub struct Stretch {
    /// A time within it.
    pub at: Time,
    /// Sums.
    pub tally: Tally,
    /// Latencies \[ns\].
    pub latency: Histogram,
    /// Batches of 1, 2, ... requests.
    pub sizes: Vec<u64>,
    /// When the last request was answered.
    pub last_finish: Time,
}

/// Cuts time into stretches.
#[derive(Debug)]
pub struct Stretches {
    width: Span,
}

/// Stretches by hour and by slice.
#[derive(Debug, Default)]
pub struct TimeSeries {
    hours: Hours,
    slices: Slices,
    sizes: Vec<u64>,
    last_finish: Time,
}

/// Stretches by hour.
#[derive(Debug, Default)]
pub struct Hours {
    open: Slice,
    closed: Vec<Hour>,
}

/// Stretches by slice.
#[derive(Debug)]
pub struct Slices {
    slices: Vec<Slice>,
    width: Span,
    /// Of slices that became part of wider ones: room for latencies to come.
    spare: Vec<Histogram>,
}

impl Default for Stretches {
    fn default() -> Self {
        Stretches { width: FIRST_WIDTH }
    }
}

impl Stretches {
    /// The end of the stretch that holds `now`. Calls come in the order of time.
    pub fn end(&mut self, now: Time) -> Time {
        widen(&mut self.width, now);
        let next = |length: Span| (now.0 / length.0 + 1) * length.0;
        Time(next(self.width).min(next(HOUR)))
    }
}

/// Doubles the width of slices until few enough reach to `now`.
fn widen(width: &mut Span, now: Time) {
    while now.0 / width.0 >= SLICES {
        width.0 *= 2;
    }
}

impl TimeSeries {
    /// Room for the latencies of the next stretch.
    pub fn room(&mut self) -> Histogram {
        self.slices.room()
    }

    /// Adds a stretch that is not earlier than those before.
    pub fn add(&mut self, stretch: Stretch) {
        let Stretch { at, tally, latency, sizes, last_finish } = stretch;
        self.sizes.resize(sizes.len().max(self.sizes.len()), 0);
        self.sizes.iter_mut().zip(sizes).for_each(|(sum, count)| *sum += count);
        self.last_finish = self.last_finish.max(last_finish);
        self.hours.add(at, &tally, [&latency]);
        self.slices.add(at, tally, latency);
    }

    /// Closes the books.
    pub fn close(self) -> Record {
        let TimeSeries { hours, slices, sizes, last_finish } = self;
        slices.into_record(hours.close(), sizes, last_finish)
    }
}

impl Hours {
    /// Adds what happened at some time; its latencies may come in parts.
    pub fn add<'a>(&mut self, at: Time, tally: &Tally, latencies: impl IntoIterator<Item = &'a Histogram>) {
        let number = at.0 / HOUR.0;
        if number != self.open.number {
            self.close_open();
            self.open.number = number;
        }
        self.open.tally.add(tally);
        latencies.into_iter().for_each(|latency| self.open.latency.merge(latency));
    }

    fn close_open(&mut self) {
        let Slice { number, tally, latency } = &mut self.open;
        let tally = std::mem::take(tally);
        if tally.batches + tally.rejected > 0 {
            let percentiles = [0.5, 0.95, 0.99].map(|q| latency.quantile(q).unwrap_or(0.0));
            self.closed.push(Hour { number: *number, tally, percentiles });
        }
        latency.clear();
    }

    /// All hours, those without a batch left out.
    pub fn close(mut self) -> Vec<Hour> {
        self.close_open();
        self.closed
    }
}

impl Default for Slices {
    fn default() -> Self {
        Slices { slices: Vec::new(), width: FIRST_WIDTH, spare: Vec::new() }
    }
}

impl Slices {
    /// Adds what happened at some time, which is not earlier than those before.
    pub fn add(&mut self, at: Time, tally: Tally, latency: Histogram) {
        let before = self.width;
        widen(&mut self.width, at);
        if self.width != before {
            let factor = self.width.0 / before.0;
            for slice in std::mem::take(&mut self.slices) {
                self.add_slice(Slice { number: slice.number / factor, ..slice });
            }
        }
        self.add_slice(Slice { number: at.0 / self.width.0, tally, latency });
    }

    /// Adds to the last slice, or after it.
    fn add_slice(&mut self, slice: Slice) {
        match self.slices.last_mut().filter(|last| last.number == slice.number) {
            Some(last) => {
                last.merge(&slice.tally, &slice.latency);
                self.spare.push(slice.latency);
            }
            None => self.slices.push(slice),
        }
    }

    /// Room for the latencies of the next stretch.
    pub fn room(&mut self) -> Histogram {
        self.spare.pop().unwrap_or_default()
    }

    /// Adds the latencies of a part of what happened: of its slices, which are no wider and lie within these.
    pub fn add_latencies(&mut self, part: &Slices) {
        let factor = self.width.0 / part.width.0;
        for slice in &part.slices {
            let place = self.slices.partition_point(|own| own.number < slice.number / factor);
            if let Some(own) = self.slices.get_mut(place) {
                own.latency.merge(&slice.latency);
            }
        }
    }

    /// The record that they are, with its other parts.
    pub fn into_record(self, hours: Vec<Hour>, sizes: Vec<u64>, last_finish: Time) -> Record {
        let Slices { slices, width, .. } = self;
        let mut total = Slice::default();
        for slice in &slices {
            total.merge(&slice.tally, &slice.latency);
        }
        Record { total, hours, slices, width, sizes, last_finish, rentals: Vec::new(), environments: None }
    }
}

impl Slice {
    fn merge(&mut self, tally: &Tally, latency: &Histogram) {
        self.tally.add(tally);
        self.latency.merge(latency);
    }
}
