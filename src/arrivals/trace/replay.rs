//! Cuts a window from a trace and replays it end to end.

use super::reading::{Findings, Reading};
use super::{Reader, TraceSpec};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// Leaves what was found about the trace when it is dropped.
pub(super) struct Noted {
    pub(super) inner: Box<dyn Reader>,
    pub(super) findings: Findings,
}

impl Arrivals for Noted {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.inner.fill(block)
    }

    fn bin(&self) -> Option<Span> {
        self.inner.bin()
    }
}

impl Reader for Noted {
    fn length(&self) -> Span {
        self.inner.length()
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut reading = Reading { files: 1, ..Reading::default() };
        self.inner.report(&mut reading);
        self.findings.keep(reading);
    }
}

/// The part `[from, until)` of a trace; its start is time 0.
pub(super) struct Window {
    pub(super) name: String,
    pub(super) inner: Box<dyn Reader>,
    pub(super) from: Span,
    /// [`Span::MAX`] for all that follows.
    pub(super) until: Span,
    /// Known at the end.
    pub(super) length: Option<Span>,
}

impl Arrivals for Window {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        while block.len() == before && self.length.is_none() {
            self.inner.fill(block)?;
            if block.len() == before {
                let end = self.inner.length();
                if end <= self.from {
                    let message = format!("ends at {end}, before `from` = {}", self.from.written());
                    return Err(InputError::new(&self.name, message).help("choose an earlier `from`"));
                }
                self.length = Some(Span(end.min(self.until).0 - self.from.0));
                break;
            }
            let past = before + block[before..].partition_point(|time| time.0 < self.until.0);
            if past < block.len() {
                block.truncate(past);
                self.length = Some(Span(self.until.0 - self.from.0));
            }
            let early = block[before..].partition_point(|time| time.0 < self.from.0);
            block.drain(before..before + early);
            for time in &mut block[before..] {
                time.0 -= self.from.0;
            }
        }
        Ok(())
    }

    fn bin(&self) -> Option<Span> {
        self.inner.bin().filter(|bin| self.from.0.is_multiple_of(bin.0))
    }
}

impl Reader for Window {
    fn length(&self) -> Span {
        self.length.unwrap_or(Span::ZERO)
    }
}

/// A trace replayed several times, each pass with draws of its own.
pub(super) struct Repeat {
    pub(super) spec: TraceSpec,
    /// For the passes still to come.
    pub(super) stream: Stream,
    pub(super) inner: Box<dyn Reader>,
    /// Passes still to come.
    pub(super) left: u32,
    /// The start of the current pass.
    pub(super) start: Span,
    /// Has there been an arrival?
    pub(super) any: bool,
    pub(super) findings: Findings,
}

impl Arrivals for Repeat {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        loop {
            self.inner.fill(block)?;
            if block.len() > before {
                self.any = true;
                let start = self.start;
                block[before..].iter_mut().for_each(|time| *time += start);
                return Ok(());
            }
            if self.left == 0 {
                return Ok(());
            }
            let length = self.inner.length();
            // All passes to come, so that a repeat beyond the clock ends after the first pass.
            let end = length.0.checked_mul(u64::from(self.left) + 1);
            let start = end.and_then(|end| self.start.0.checked_add(end)).map(|_| self.start.0 + length.0);
            let refuse =
                |message: String, mend: &str| Err(InputError::new(self.spec.name(), message).help(mend));
            match start {
                _ if length == Span::ZERO => {
                    return refuse("has no length that could be repeated".into(), "remove `repeat`");
                }
                _ if !self.any => {
                    return refuse(
                        "has no arrivals that could be repeated".into(),
                        "check `from` and `until`",
                    );
                }
                None => return refuse("the repeats reach beyond 584 years".into(), "set a smaller `repeat`"),
                Some(start) => self.start = Span(start),
            }
            self.left -= 1;
            self.inner = self.spec.pass(self.stream.clone(), &self.findings)?;
            self.stream.jump();
        }
    }

    fn bin(&self) -> Option<Span> {
        self.inner.bin()
    }
}
