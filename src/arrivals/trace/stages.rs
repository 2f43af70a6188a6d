//! The stages that make arrivals of what files hold: put in order, one after the other, spread where a clock is coarse.

use super::coarse;
use super::order::{Instants, Order, Ordered, Raw, Several, Sorted};
use super::point::{MarkedPoint, Point};
use super::reading::Reading;
use super::sized::Apart;
use super::{Reader, TraceSpec, source};
use crate::arrivals::Arrivals;
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// What a file holds.
pub(super) enum Content {
    /// Points in time, to be put in order and judged.
    Stamps(Box<dyn Raw>),
    /// The same with sizes or classes.
    Marked(Box<dyn Raw<MarkedPoint>>),
    /// Arrivals in order whose stamps are to be judged.
    Arrivals(Box<dyn Reader>),
    /// Arrivals that are what they are: of counts and of gaps.
    Made(Box<dyn Reader>, Reading),
}

impl TraceSpec {
    /// The times of all that the files hold.
    pub(super) fn reader(&self, stream: Stream) -> Result<Box<dyn Reader>, InputError> {
        let stamps = match (&self.files()?[..], self.is_marked()) {
            ([file], false) => match self.content(file, stream.clone())? {
                Content::Stamps(raw) => self.ordered(raw),
                Content::Marked(raw) => Box::new(Apart::without_marks(self.ordered(raw))),
                Content::Arrivals(reader) => return coarse::judged(reader, self.stamps, stream),
                Content::Made(reader, found) => return Ok(Box::new(Described { reader, found })),
            },
            _ => self.times_of(stream.clone())?,
        };
        self.on_the_clock(stamps, stream)
    }

    /// The arrivals of points in time: the first is at time 0, and coarse stamps are spread.
    pub(super) fn on_the_clock(
        &self,
        stamps: Box<dyn Raw>,
        stream: Stream,
    ) -> Result<Box<dyn Reader>, InputError> {
        coarse::judged(Box::new(Instants::new(stamps)), self.stamps, stream)
    }

    /// The times of what is read, whatever else is.
    ///
    /// # Errors
    /// As those of [`TraceSpec::stamps_of`].
    fn times_of(&self, stream: Stream) -> Result<Box<dyn Raw>, InputError> {
        match self.is_marked() {
            false => self.stamps_of(stream),
            true => Ok(Box::new(Apart::without_marks(self.stamps_of(stream)?))),
        }
    }

    /// The points in time of one file or several, in order.
    ///
    /// # Errors
    /// A file holds something else.
    pub(super) fn stamps_of<P: Point>(&self, stream: Stream) -> Result<Box<dyn Raw<P>>, InputError> {
        let files = self.files()?;
        let stamps = files.iter().map(|file| match P::of(self.content(file, stream.clone())?) {
            Some(raw) => Ok(self.ordered(raw)),
            None => Err(InputError::new(source::name_of(file), "cannot be merged with other files by its times")
                .help("several files are merged by their dates; counts, gaps and binary files begin at time 0 each: \
                        give one, or put them one after the other into one file")),
        });
        let mut stamps = stamps.collect::<Result<Vec<_>, InputError>>()?;
        match stamps.len() {
            1 => Ok(stamps.remove(0)),
            _ => Ok(Box::new(Several::new(self.name(), stamps)?)),
        }
    }

    fn ordered<P: Point>(&self, raw: Box<dyn Raw<P>>) -> Box<dyn Raw<P>> {
        match self.order {
            Order::Window => Box::new(Ordered::new(raw)),
            Order::Whole => Box::new(Sorted::new(raw)),
        }
    }
}

/// A reader of which it is known what it reads.
struct Described {
    reader: Box<dyn Reader>,
    found: Reading,
}

impl Arrivals for Described {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        self.reader.fill(block)
    }

    fn bin(&self) -> Option<Span> {
        self.reader.bin()
    }
}

impl Reader for Described {
    fn length(&self) -> Span {
        self.reader.length()
    }

    fn report(&self, reading: &mut Reading) {
        (reading.format, reading.files) = (self.found.format, self.found.files);
        self.reader.report(reading);
    }
}
