//! A trace of which columns say how large each request is, and of which class.
//!
//! Sizes and classes go with their records until these are in order; of one time, that is the order of the file. The stages
//! that follow change times, and never the number of arrivals nor their order: so the marks wait beside them, and the i-th
//! arrival has the i-th mark. Records of no class go with the others until time 0 and the clock of the trace are known.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::order::Raw;
use super::point::{Mark, MarkedPoint, Point};
use super::reading::{Findings, Reading};
use super::replay::Noted;
use super::{Reader, TraceSpec, source};
use crate::arrivals::Arrivals;
use crate::arrivals::sized::{SizedArrivals, SizedRequest};
use crate::arrivals::transform::{Flow as _, until};
use crate::error::InputError;
use crate::numeric::streams::Stream;
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

/// The column or field with the class of each request, and the names of the classes in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassColumn {
    pub(super) name: String,
    names: Vec<String>,
}

impl ClassColumn {
    /// A column of these names, which are numbered in their order.
    pub fn new(name: &str, names: &[String]) -> ClassColumn {
        ClassColumn { name: name.to_owned(), names: names.to_vec() }
    }

    /// The class that a record names, which is text even if it looks like a number.
    pub(super) fn class_of(&self, value: Option<Cow<'_, [u8]>>) -> u16 {
        let place = value.and_then(|value| self.names.iter().position(|name| name.as_bytes() == &value[..]));
        place.map_or(Mark::OF_NONE, |place| place as u16)
    }
}

/// Marks of records whose times are on their way.
#[derive(Clone, Default)]
struct Beside(Arc<Mutex<VecDeque<Mark>>>);

impl Beside {
    fn with<T>(&self, act: impl FnOnce(&mut VecDeque<Mark>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is done with points before their marks are gone.
type Keep = Box<dyn FnMut(&[MarkedPoint]) + Send>;

/// The times of points that have marks.
pub(super) struct Apart {
    raw: Box<dyn Raw<MarkedPoint>>,
    block: Vec<MarkedPoint>,
    keep: Keep,
}

impl Apart {
    /// Only the times.
    pub(super) fn without_marks(raw: Box<dyn Raw<MarkedPoint>>) -> Apart {
        Apart { raw, block: Vec::new(), keep: Box::new(|_| ()) }
    }

    /// Marks are put beside.
    fn new(raw: Box<dyn Raw<MarkedPoint>>, beside: Beside) -> Apart {
        let keep = move |points: &[MarkedPoint]| {
            beside.with(|marks| marks.extend(points.iter().map(|point| point.mark)));
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

/// Arrivals with the marks that wait beside them.
struct Joined {
    name: String,
    times: Noted,
    beside: Beside,
    block: Vec<Time>,
    /// The classes that no record was of so far.
    missing: Vec<String>,
    classes: Option<ClassColumn>,
}

impl SizedArrivals for Joined {
    fn fill(&mut self, block: &mut Vec<SizedRequest>) -> Result<(), InputError> {
        let first = block.len();
        // Empty means the end, so go on until something is of a class.
        while block.len() == first {
            self.block.clear();
            self.times.fill(&mut self.block)?;
            if self.block.is_empty() {
                return self.refuse_missing();
            }
            let times = self.block.iter();
            self.beside.with(|marks| {
                let marks = marks.drain(..times.len());
                let all = times.zip(marks).map(|(at, mark)| SizedRequest {
                    at: *at,
                    class: mark.class,
                    size: mark.size,
                });
                block.extend(all.filter(|request| request.class != Mark::OF_NONE));
            });
        }
        if let (Some(classes), false) = (&self.classes, self.missing.is_empty()) {
            let comes = |name: &String| {
                block[first..].iter().any(|request| classes.names[usize::from(request.class)] == *name)
            };
            self.missing.retain(|name| !comes(name));
        }
        Ok(())
    }
}

impl Joined {
    /// # Errors
    /// A class had no record in the whole trace.
    fn refuse_missing(&self) -> Result<(), InputError> {
        let (Some(name), Some(classes)) = (self.missing.first(), &self.classes) else { return Ok(()) };
        let message = format!("has no record of class `{name}` in `{}`", classes.name);
        Err(InputError::new(&self.name, message).help("check the name of that [[class]], or leave it out"))
    }
}

impl TraceSpec {
    /// The arrivals with their sizes and classes, as far as the columns of these are named; else of size 0, and of class 0.
    /// What is found is left in `findings` when they are dropped.
    ///
    /// # Errors
    /// As those of [`TraceSpec::open`]; the file holds no records with fields of their own. An unusable size further down,
    /// and a class without a record, are reported by [`SizedArrivals::fill`].
    pub fn open_sized(
        &self,
        stream: Stream,
        findings: &Findings,
    ) -> Result<Box<dyn SizedArrivals>, InputError> {
        if let Some((_, message)) = self.fault(self.format) {
            return Err(InputError::new(self.name(), message));
        }
        if self.paths.iter().any(|path| source::is_standard_input(path)) {
            let message = "cannot be read again, as a trace is whose columns say sizes or classes";
            return Err(InputError::new(self.name(), message).help("write it to a file first"));
        }
        let beside = Beside::default();
        let stamps = Apart::new(self.stamps_of(stream.clone())?, beside.clone());
        let inner: Box<dyn Reader> = self.on_the_clock(Box::new(stamps), stream)?;
        let times = Noted { inner, findings: findings.clone() };
        let (name, classes, block) = (self.name(), self.class_column.clone(), Vec::new());
        let missing = classes.as_ref().map_or_else(Vec::new, |classes| classes.names.clone());
        let all: Box<dyn SizedArrivals> = Box::new(Joined { name, times, beside, block, missing, classes });
        if self.from == Span::ZERO && self.until.is_none() {
            return Ok(all);
        }
        let (from, end) = (self.from.0, Time(self.until.unwrap_or(Span::MAX).0));
        Ok(until(all, end).each(move |request| {
            let at = request.at.0.checked_sub(from)?;
            Some(SizedRequest { at: Time(at), ..request })
        }))
    }
}
