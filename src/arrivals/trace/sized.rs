//! A trace of which a column says how large each request is.
//!
//! Sizes go with their records until these are in order. The stages that follow change times, and never the number of
//! arrivals nor their order: so sizes wait beside them, and the i-th arrival has the i-th size.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::order::Raw;
use super::point::{Point, SizedPoint};
use super::reading::{Findings, Reading};
use super::replay::Noted;
use super::{Reader, TraceSpec, source};
use crate::arrivals::Arrivals;
use crate::arrivals::sized::{SizedArrivals, SizedRequest};
use crate::arrivals::transform::{Flow as _, until};
use crate::error::InputError;
use crate::numeric::streams::{Stream, Streams};
use crate::units::{Span, Time};

/// The column or field with the size of each request, and the sizes that may be in it.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeColumn {
    pub(super) name: String,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl SizeColumn {
    /// A column of any sizes above 0.
    pub fn new(name: &str) -> SizeColumn {
        SizeColumn { name: name.to_owned(), least: f64::MIN_POSITIVE, most: f64::MAX }
    }

    /// The same column, in which sizes outside of a profile are refused.
    #[must_use]
    pub fn within(self, least: f64, most: f64) -> SizeColumn {
        SizeColumn { least, most, ..self }
    }

    /// Its name, or its number from 1.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Sizes of records whose times are on their way.
#[derive(Clone, Default)]
struct Beside(Arc<Mutex<VecDeque<f64>>>);

impl Beside {
    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<f64>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is done with points before their sizes are gone.
type Keep = Box<dyn FnMut(&[SizedPoint]) + Send>;

/// The times of points that have sizes.
pub(super) struct Apart {
    raw: Box<dyn Raw<SizedPoint>>,
    block: Vec<SizedPoint>,
    keep: Keep,
}

impl Apart {
    /// Only the times.
    pub(super) fn without_sizes(raw: Box<dyn Raw<SizedPoint>>) -> Apart {
        Apart { raw, block: Vec::new(), keep: Box::new(|_| ()) }
    }

    /// Sizes are put beside.
    fn new(raw: Box<dyn Raw<SizedPoint>>, beside: Beside) -> Apart {
        let keep = move |points: &[SizedPoint]| {
            beside.with(|sizes| sizes.extend(points.iter().map(|point| point.size)));
        };
        Apart { raw, block: Vec::new(), keep: Box::new(keep) }
    }
}

impl Raw for Apart {
    fn fill(&mut self, floor: i64, block: &mut Vec<i64>) -> Result<(), InputError> {
        self.block.clear();
        self.raw.fill(floor, &mut self.block)?;
        (self.keep)(&self.block);
        block.extend(self.block.iter().map(|point| point.at()));
        Ok(())
    }

    fn report(&self, reading: &mut Reading) {
        self.raw.report(reading);
    }

    fn name(&self) -> &str {
        self.raw.name()
    }

    fn others(&self) -> String {
        self.raw.others()
    }
}

/// Arrivals with the sizes that wait beside them.
struct Joined {
    times: Noted,
    beside: Beside,
    block: Vec<Time>,
}

impl SizedArrivals for Joined {
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        self.block.clear();
        self.times.fill(&mut self.block)?;
        let times = self.block.iter();
        self.beside.with(|sizes| {
            let sizes = sizes.drain(..times.len());
            block.extend(times.zip(sizes).map(|(at, size)| SizedRequest { at: *at, class: 0, size }));
        });
        Ok(())
    }
}

impl TraceSpec {
    /// The arrivals with their sizes. What is found is left in `findings` when they are dropped.
    ///
    /// # Errors
    /// As those of [`TraceSpec::open`]; the file holds no records with fields of their own. An unusable size further down is
    /// reported by [`SizedArrivals::fill`], with the line.
    pub fn open_sized(
        &self,
        stream: Stream,
        findings: &Findings,
    ) -> Result<Box<dyn SizedArrivals>, InputError> {
        if let Some((_, message)) = self.fault(self.format) {
            return Err(InputError::new(self.name(), message));
        }
        if self.paths.iter().any(|path| source::is_standard_input(path)) {
            let message = "cannot be read twice: for its sizes, and for its requests";
            return Err(InputError::new(self.name(), message).help("write it to a file first"));
        }
        let beside = Beside::default();
        let stamps = Apart::new(self.stamps_of(stream.clone())?, beside.clone());
        let inner: Box<dyn Reader> = self.on_the_clock(Box::new(stamps), stream)?;
        let times = Noted { inner, findings: findings.clone() };
        let all: Box<dyn SizedArrivals> = Box::new(Joined { times, beside, block: Vec::new() });
        if self.from == Span::ZERO && self.until.is_none() {
            return Ok(all);
        }
        let (from, end) = (self.from.0, Time(self.until.unwrap_or(Span::MAX).0));
        Ok(until(all, end).each(move |request| {
            let at = request.at.0.checked_sub(from)?;
            Some(SizedRequest { at: Time(at), ..request })
        }))
    }

    /// The arrivals of each class with their sizes, as [`TraceSpec::open_by_class`] has those without.
    ///
    /// # Errors
    /// As those of [`TraceSpec::open_sized`]; a class without a record.
    pub fn open_sized_by_class(
        &self,
        column: &str,
        names: &[String],
        streams: Streams,
        findings: &Findings,
    ) -> Result<Vec<Box<dyn SizedArrivals>>, InputError> {
        self.each_class(column, names, (streams, findings), TraceSpec::open_sized)
    }
}
