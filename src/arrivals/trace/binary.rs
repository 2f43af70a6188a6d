//! The binary format: 8 bytes `BSIMTRC1`, then each arrival as a little-endian u64 of nanoseconds, in
//! ascending order. Eight bytes an arrival, exact, and read at the speed of memory.

use std::io::Read;

use super::Reader;
use super::reading::Reading;
use super::source::unreadable;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::units::{Span, Time};

/// What a binary trace starts with.
pub(in crate::arrivals) const MAGIC: &[u8; 8] = b"BSIMTRC1";

/// Bytes read at a time: a call costs as much as copying some kB.
const BUFFER_BYTES: usize = 8 * BLOCK * 8;

/// Reads the binary format.
pub(super) struct Binary {
    name: String,
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The part of `buffer` that is not handed out yet.
    ready: std::ops::Range<usize>,
    zero: Option<u64>,
    last: u64,
    count: u64,
}

impl Binary {
    /// `source` holds the magic and the arrivals.
    pub(super) fn new(name: String, mut source: Box<dyn Read + Send>) -> Result<Binary, InputError> {
        let mut magic = [0; MAGIC.len()];
        let read = source.read_exact(&mut magic);
        if read.is_err() || magic != *MAGIC {
            return Err(InputError::new(name, "is no binary trace")
                .help("a binary trace starts with BSIMTRC1: `sim trace convert` makes one"));
        }
        let buffer = vec![0; BUFFER_BYTES];
        Ok(Binary { name, source, buffer, ready: 0..0, zero: None, last: 0, count: 0 })
    }

    fn read(&mut self) -> Result<(), InputError> {
        self.ready = 0..0;
        while self.ready.end < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.ready.end..]) {
                Ok(0) => break,
                Ok(read) => self.ready.end += read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => (),
                Err(e) => return Err(unreadable(&self.name, &e)),
            }
        }
        Ok(())
    }

    fn error(&self, index: u64, message: String) -> InputError {
        let byte = MAGIC.len() as u64 + 8 * index;
        InputError::new(&self.name, format!("arrival {} (byte {byte}) {message}", index + 1))
    }
}

impl Arrivals for Binary {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        if self.ready.is_empty() {
            self.read()?;
        }
        let taken = self.ready.len().min(BLOCK * 8);
        let (words, rest) = self.buffer[self.ready.start..self.ready.start + taken].as_chunks::<8>();
        if !rest.is_empty() {
            let message = format!("has {} of its 8 bytes", rest.len());
            return Err(self.error(self.count + words.len() as u64, message).help("the file is cut short"));
        }
        self.ready.start += taken;
        let Some(first) = words.first() else { return Ok(()) };
        let zero = *self.zero.get_or_insert(u64::from_le_bytes(*first));
        let before = block.len();
        // Times below 2^63 are in order if no difference has the top bit: without a branch, so that
        // the compiler takes several at once.
        let (mut rises, mut previous) = (0, self.last);
        block.extend(words.iter().map(|word| {
            let time = u64::from_le_bytes(*word).wrapping_sub(zero);
            rises |= time | time.wrapping_sub(previous);
            previous = time;
            Time(time)
        }));
        let new = &block[before..];
        if rises >> 63 != 0 {
            let before_each = std::iter::once(self.last).chain(new.iter().map(|time| time.0));
            let index = before_each.zip(new).position(|(a, b)| b.0 < a || b.0 >> 63 != 0);
            block.truncate(before);
            let index = self.count + index.expect("the top bit is set") as u64;
            return Err(self
                .error(index, "is earlier than the one before it, or 292 years after the first".into())
                .help("write nanoseconds in ascending order"));
        }
        self.last = previous;
        self.count += words.len() as u64;
        Ok(())
    }
}

impl Reader for Binary {
    fn length(&self) -> Span {
        Span(self.last + self.last / self.count.saturating_sub(1).max(1))
    }

    fn report(&self, reading: &mut Reading) {
        (reading.format, reading.times) = ("binary", "nanoseconds".into());
        reading.records += self.count;
    }
}
