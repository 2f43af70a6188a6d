//! Calls of a function from Lambda's logs: REPORT lines, JSON records or query columns, from any export.

mod calls;
mod join;
mod line;
mod words;

use std::path::PathBuf;

pub use calls::{Call, Calls};

use self::line::Reader;
use super::container::unwrap;
use super::text::read_text;
use crate::error::InputError;

/// Where the batch size of an invocation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchSize {
    /// All invocations had this one.
    Fixed(u32),
    /// In the field of this name of a line that the function itself logs: `batch=8` or `"batch": 8`, on a line
    /// with the request's id, or between its START and END if no other request is under way. Or in a query's column.
    Field(String),
}

/// Reads the calls of all files together, so that a request's lines may stand in several of them.
///
/// # Errors
/// A file that cannot be read.
pub fn read(files: &[PathBuf], batch: &BatchSize) -> Result<Calls, InputError> {
    let mut reader = Reader::new(batch);
    for file in files {
        reader.file(&read_text(file)?);
    }
    Ok(join::join(reader, batch))
}

/// The calls in a log's text.
pub fn parse(text: &str, batch: &BatchSize) -> Calls {
    let mut reader = Reader::new(batch);
    reader.file(text);
    join::join(reader, batch)
}

impl Reader {
    fn file(&mut self, text: &str) {
        unwrap(text, &mut |origin, record| self.record(origin, record));
        self.end_of_file();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
