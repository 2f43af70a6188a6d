//! A trace of which a column says the class of each record: read once a class, with one time 0 and one clock.

use super::coarse::{self, Clock};
use super::filter::Filter;
use super::order::{Instants, Raw};
use super::reading::Findings;
use super::{TraceSpec, source};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::{Stream, Streams};
use crate::units::Time;

/// What the readings of all classes have in common: they were one trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Time 0 of the trace \[ns\].
    zero: i64,
    /// The clock of its stamps.
    clock: Clock,
}

impl Pin {
    /// The arrivals of points in time.
    pub(super) fn instants(pin: Option<Pin>, raw: Box<dyn Raw>) -> Instants {
        match pin {
            None => Instants::new(raw),
            Some(pin) => Instants::from(raw, pin.zero),
        }
    }

    /// The clock that is known beforehand.
    pub(super) fn clock(pin: Option<Pin>) -> Option<Clock> {
        pin.map(|pin| pin.clock)
    }
}

impl TraceSpec {
    /// The arrivals of each class: the records whose `column` is its name, in the order of `names`. What is found is left in
    /// `findings` when the last of them is dropped. Coarse stamps of each class are spread by themselves, by the trace's clock.
    ///
    /// # Errors
    /// As those of [`TraceSpec::open`]; the file holds no points in time; a class without a record.
    pub fn open_by_class(
        &self,
        column: &str,
        names: &[String],
        streams: Streams,
        findings: &Findings,
    ) -> Result<Vec<Box<dyn Arrivals>>, InputError> {
        self.each_class(column, names, (streams, findings), |spec, stream, own| spec.open_noted(stream, own))
    }

    /// What `open` makes of each class's part of the trace.
    pub(super) fn each_class<T>(
        &self,
        column: &str,
        names: &[String],
        (streams, findings): (Streams, &Findings),
        open: impl Fn(&TraceSpec, Stream, &Findings) -> Result<T, InputError>,
    ) -> Result<Vec<T>, InputError> {
        if self.paths.iter().any(|path| source::is_standard_input(path)) {
            let message = "cannot be read once a class";
            return Err(InputError::new(self.name(), message).help("write it to a file first"));
        }
        let pinned = TraceSpec { pin: Some(self.pin(streams)?), ..self.clone() };
        let all = Findings::parts(names.len(), findings);
        let one = |(class, (name, own)): (usize, (&String, Findings))| {
            let is_class = Filter::same(column, name);
            let filter = match &self.filter {
                Some(filter) => filter.clone().and(is_class),
                None => is_class,
            };
            let spec = TraceSpec { filter: Some(filter), ..pinned.clone() };
            open(&spec, streams.part(class as u64).stream("trace"), &own)
        };
        names.iter().zip(all).enumerate().map(one).collect()
    }

    /// Time 0 and the clock, by all records.
    fn pin(&self, streams: Streams) -> Result<Pin, InputError> {
        // Whether a record has a size that can be used says nothing of when the trace begins.
        let times = TraceSpec { size_column: None, ..self.clone() };
        let mut raw = times.stamps_of::<i64>(streams.stream("trace"))?;
        let (mut first, mut nanos) = (Vec::new(), Vec::new());
        while first.len() < coarse::JUDGED {
            nanos.clear();
            raw.fill(i64::MIN, &mut nanos)?;
            if nanos.is_empty() {
                break;
            }
            first.extend_from_slice(&nanos);
        }
        let Some(zero) = first.first().copied() else {
            return Err(InputError::new(self.name(), "holds no arrivals"));
        };
        let times: Vec<Time> = first.iter().map(|at| Time(at.saturating_sub(zero) as u64)).collect();
        Ok(Pin { zero, clock: Clock::of(&times, self.stamps) })
    }
}
