//! A record as far as it is put in order: its time, with its size where sizes are read.

use std::io::{Read, Write};

use super::order::Raw;
use super::stages::Content;

/// What stages that order records know of one.
pub(super) trait Point: Copy + Send + 'static {
    /// A record that came then \[ns\] and is of a size.
    fn new(at: i64, size: f64) -> Self;

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
    fn new(at: i64, _size: f64) -> i64 {
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
            Content::Sized(_) | Content::Arrivals(_) | Content::Made(..) => None,
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

/// A point in time with the size of its request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SizedPoint {
    at: i64,
    pub(super) size: f64,
}

impl Point for SizedPoint {
    fn new(at: i64, size: f64) -> SizedPoint {
        SizedPoint { at, size }
    }

    fn at(self) -> i64 {
        self.at
    }

    /// Of one time, the order is that of the file, so that it does not depend on the sort.
    fn sort(points: &mut [SizedPoint]) {
        points.sort_by_key(|point| point.at);
    }

    fn of(content: Content) -> Option<Box<dyn Raw<SizedPoint>>> {
        match content {
            Content::Sized(raw) => Some(raw),
            Content::Stamps(_) | Content::Arrivals(_) | Content::Made(..) => None,
        }
    }

    fn write(self, file: &mut impl Write) -> std::io::Result<()> {
        self.at.write(file)?;
        file.write_all(&self.size.to_le_bytes())
    }

    fn read(file: &mut impl Read) -> std::io::Result<SizedPoint> {
        let (at, mut word) = (i64::read(file)?, [0; 8]);
        file.read_exact(&mut word)?;
        Ok(SizedPoint { at, size: f64::from_le_bytes(word) })
    }
}
