//! A record as far as it is put in order: its time, with its size and its class where these are read.

use std::io::{Read, Write};

use super::order::Raw;
use super::stages::Content;

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mark {
    /// Its size; 0 where sizes are not read.
    pub(super) size: f64,
    /// Its class, from 0, or [`Mark::OF_NONE`]; 0 where classes are not read.
    pub(super) class: u16,
}

impl Mark {
    /// The class of what is of none: it takes part in time 0 and the clock of the trace alone.
    pub(super) const OF_NONE: u16 = u16::MAX;
}

/// What stages that order records know of one.
pub(super) trait Point: Copy + Send + 'static {
    /// A record that came then \[ns\], with what it says of itself.
    fn new(at: i64, mark: Mark) -> Self;

    /// When it came \[ns\].
    fn at(self) -> i64;

    /// Puts all in the order of time.
    fn sort(points: &mut [Self]);

    /// What a file holds, if it is read for such points.
    fn of(content: Content) -> Option<Box<dyn Raw<Self>>>;

    fn write(self, file: &mut impl Write) -> std::io::Result<()>;

    fn read(file: &mut impl Read) -> std::io::Result<Self>;
}

impl Point for i64 {
    fn new(at: i64, _mark: Mark) -> i64 {
        at
    }

    fn at(self) -> i64 {
        self
    }

    fn sort(points: &mut [i64]) {
        points.sort_unstable();
    }

    fn of(content: Content) -> Option<Box<dyn Raw>> {
        match content {
            Content::Stamps(raw) => Some(raw),
            Content::Marked(_) | Content::Arrivals(_) | Content::Made(..) => None,
        }
    }

    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        file.write_all(&self.to_le_bytes())
    }

    fn read(file: &mut impl Read) -> std::io::Result<i64> {
        let mut word = [0; 8];
        file.read_exact(&mut word)?;
        Ok(i64::from_le_bytes(word))
    }
}

/// A point in time with what its record says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MarkedPoint {
    at: i64,
    pub(super) mark: Mark,
}

impl Point for MarkedPoint {
    fn new(at: i64, mark: Mark) -> MarkedPoint {
        MarkedPoint { at, mark }
    }

    fn at(self) -> i64 {
        self.at
    }

    /// Of one time, the order is that of the file, so that it does not depend on the sort.
    fn sort(points: &mut [MarkedPoint]) {
        points.sort_by_key(|point| point.at);
    }

    fn of(content: Content) -> Option<Box<dyn Raw<MarkedPoint>>> {
        match content {
            Content::Marked(raw) => Some(raw),
            Content::Stamps(_) | Content::Arrivals(_) | Content::Made(..) => None,
        }
    }

    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        self.at.write(file)?;
        file.write_all(&self.mark.size.to_le_bytes())?;
        file.write_all(&self.mark.class.to_le_bytes())
    }

    fn read(file: &mut impl Read) -> std::io::Result<MarkedPoint> {
        let (at, mut size, mut class) = (i64::read(file)?, [0; 8], [0; 2]);
        file.read_exact(&mut size)?;
        file.read_exact(&mut class)?;
        let mark = Mark { size: f64::from_le_bytes(size), class: u16::from_le_bytes(class) };
        Ok(MarkedPoint { at, mark })
    }
}
