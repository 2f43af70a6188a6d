//! Trace files: what a user says about one, and the readers of each format. All stream; what has to be sorted as a
//! whole is sorted in runs on disk.
//!
//! A text is a table, JSON objects, or the log of a web server or load balancer: which, its first lines show. Lines end
//! in LF or CRLF; empty lines and lines that start with `#` are left out and counted (an empty line between counts is
//! an error). Arrivals at the same time are allowed. A header line is recognised by having names where values would
//! stand. Fields are separated by a tab, `,`, `;`, `|` or blanks; fields beyond the columns that are read may be
//! missing, and fields in quotes may have line breaks. Compression (gzip, zstd) is recognised by content.
//!
//! So is Apache Parquet (in a build with the feature `parquet`): timestamps and inter-arrival times in a column of
//! INT32, INT64, FLOAT or DOUBLE, with the unit as in a text, or of TIMESTAMP, which has its own.
//!
//! Points in time go through the same stages whatever they come from: `order::Raw` reads them, `order` puts them in
//! order, `coarse` spreads what a coarse clock has bunched.

mod access;
mod azure;
mod balancer;
mod binary;
mod coarse;
mod counts;
mod datetime;
mod decimal;
mod delimited;
mod filter;
mod functions;
mod json;
mod json_value;
mod layout;
mod lines;
mod names;
mod open;
mod order;
#[cfg(feature = "parquet")]
mod parquet;
mod plain;
mod point;
mod quotes;
mod reading;
mod replay;
mod sized;
mod source;
mod spec;
mod stages;
mod stamps;
mod table;
mod tokens;
mod unit;
mod w3c;

pub(super) use binary::MAGIC;
pub use filter::Filter;
pub use functions::{Function, FunctionLayout, Functions, FunctionsSpec, HeldFunctions};
pub use order::Order;
pub use reading::{Findings, LeftOut, Reading, Stamps};
pub use sized::{ClassColumn, SizeColumn};
pub use spec::{StampMode, TraceSpec};

use self::decimal::Kind;
use super::Arrivals;
use crate::error::InputError;
use crate::units::Span;

/// What a trace file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceFormat {
    /// A line for each arrival: a number in the unit, or an ISO 8601 date-time.
    Timestamps,
    /// A line for each gap between two arrivals: n gaps are n + 1 arrivals, the first at time 0.
    Interarrivals,
    /// A count a line, or `period,count` with the bin's number or start; missing periods are empty bins.
    Counts,
    /// A row for each function, a column for each minute.
    Azure2019,
    /// A line for each invocation with its end and duration; arrival = end - duration. Sorted as a whole.
    Azure2021,
    /// An object for each arrival, with a field for its time.
    JsonLines,
    /// The log of a web server, a line for each request.
    AccessLog,
    /// The log of an AWS load balancer.
    Alb,
    /// A log whose `#Fields:` line names its columns, as of CloudFront.
    W3c,
    /// `BSIMTRC1`, then little-endian u64 nanoseconds in ascending order.
    Binary,
}

/// The unit of the numbers in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// What a Parquet file starts with.
const PARQUET: &[u8] = b"PAR1";

/// A trace that knows its own length.
trait Reader: Arrivals {
    /// The length, once everything has been read; not zero if it can be repeated.
    fn length(&self) -> Span;

    /// Adds what was found to `reading`.
    fn report(&self, _reading: &mut Reading) {}

    /// # Errors
    /// All that was read has one time, and another column may be meant.
    fn refuse_one_instant(&self) -> Result<(), InputError> {
        Ok(())
    }
}

impl TraceFormat {
    /// All formats with their names in files.
    pub const ALL: &'static [(&'static str, TraceFormat)] = &[
        ("timestamps", TraceFormat::Timestamps),
        ("interarrivals", TraceFormat::Interarrivals),
        ("counts", TraceFormat::Counts),
        ("azure-2019", TraceFormat::Azure2019),
        ("azure-2021", TraceFormat::Azure2021),
        ("binary", TraceFormat::Binary),
        ("jsonl", TraceFormat::JsonLines),
        ("access-log", TraceFormat::AccessLog),
        ("alb", TraceFormat::Alb),
        ("w3c", TraceFormat::W3c),
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map(|(name, _)| *name).expect("all are listed")
    }
}

impl Unit {
    /// All units with their names in files.
    pub const ALL: &'static [(&'static str, Unit)] =
        &[("s", Unit::Seconds), ("ms", Unit::Millis), ("us", Unit::Micros), ("ns", Unit::Nanos)];

    /// One is `10^digits` ns.
    fn digits(self) -> u32 {
        match self {
            Unit::Seconds => 9,
            Unit::Millis => 6,
            Unit::Micros => 3,
            Unit::Nanos => 0,
        }
    }

    fn kind(self) -> Kind {
        Kind::Number { digits: self.digits() }
    }
}

#[cfg(test)]
mod tests;
