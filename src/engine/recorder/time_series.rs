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
#[derive(Debug)]
pub struct TimeSeries {
    hour: Slice,
    hours: Vec<Hour>,
    slices: Vec<Slice>,
    width: Span,
    sizes: Vec<u64>,
    last_finish: Time,
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

impl Default for TimeSeries {
    fn default() -> Self {
        TimeSeries {
            hour: Slice::default(),
            hours: Vec::new(),
            slices: Vec::new(),
            width: FIRST_WIDTH,
            sizes: Vec::new(),
            last_finish: Time::ZERO,
        }
    }
}

impl TimeSeries {
    /// Adds a stretch that is not earlier than those before.
    pub fn add(&mut self, stretch: &Stretch) {
        let Stretch { at, tally, latency, sizes, last_finish } = stretch;
        self.sizes.resize(sizes.len().max(self.sizes.len()), 0);
        self.sizes.iter_mut().zip(sizes).for_each(|(sum, count)| *sum += count);
        self.last_finish = self.last_finish.max(*last_finish);
        let hour = at.0 / HOUR.0;
        if hour != self.hour.number {
            self.close_hour();
            self.hour = Slice { number: hour, ..Slice::default() };
        }
        self.hour.merge(tally, latency);
        let before = self.width;
        widen(&mut self.width, *at);
        if self.width != before {
            let factor = self.width.0 / before.0;
            for slice in std::mem::take(&mut self.slices) {
                self.add_to_slice(slice.number / factor, &slice.tally, &slice.latency);
            }
        }
        self.add_to_slice(at.0 / self.width.0, tally, latency);
    }

    fn add_to_slice(&mut self, number: u64, tally: &Tally, latency: &Histogram) {
        if self.slices.last().is_none_or(|last| last.number != number) {
            self.slices.push(Slice { number, ..Slice::default() });
        }
        if let Some(last) = self.slices.last_mut() {
            last.merge(tally, latency);
        }
    }

    fn close_hour(&mut self) {
        let Slice { number, tally, latency } = std::mem::take(&mut self.hour);
        if tally.batches + tally.rejected > 0 {
            let percentiles = [0.5, 0.95, 0.99].map(|q| latency.quantile(q).unwrap_or(0.0));
            self.hours.push(Hour { number, tally, percentiles });
        }
    }

    /// Closes the books.
    pub fn close(mut self) -> Record {
        self.close_hour();
        let mut total = Slice::default();
        for slice in &self.slices {
            total.merge(&slice.tally, &slice.latency);
        }
        let TimeSeries { hours, slices, width, sizes, last_finish, .. } = self;
        Record { total, hours, slices, width, sizes, last_finish, rentals: Vec::new(), environments: None }
    }
}

impl Slice {
    fn merge(&mut self, tally: &Tally, latency: &Histogram) {
        self.tally.add(tally);
        self.latency.merge(latency);
    }
}
