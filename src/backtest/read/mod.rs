//! Logs of whatever form as calls.

mod lambda;
mod requests;
mod table;

use std::path::{Path, PathBuf};

use super::call::{Buffering, Log};
use crate::error::InputError;
use crate::profile::import::text::read_text;
use crate::units::Span;

/// What the user says of a log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Rows that are read: a column and its value.
    pub only: Vec<(String, String)>,
    /// The largest batch of the buffer in front of the function.
    pub batch: Option<u32>,
    /// The longest wait of a batch's first request.
    pub timeout: Option<Span>,
}

/// Reads a log: a folder of `sim serve` or `sim observe`, a CSV of calls, or CloudWatch's exports.
///
/// # Errors
/// A file cannot be read; a row cannot be understood; there is no call.
pub fn read(paths: &[PathBuf], reading: &Reading) -> Result<Log, InputError> {
    let [first, ..] = paths else {
        return Err(InputError::new("sim backtest", "needs a log"));
    };
    let log = match paths {
        [folder] if folder.is_dir() => requests::read(&folder.join("requests.csv"), reading)?,
        [file] if is_table(file)? => {
            let text = read_text(file)?;
            let name = file.display().to_string();
            let header = text.lines().next().unwrap_or("");
            match requests::knows(header) {
                true => requests::read(file, reading)?,
                false => table::parse(&text, &name, reading)?,
            }
        }
        files => {
            refuse_filters(files, reading)?;
            lambda::read(files)?
        }
    };
    let name = first.display().to_string();
    if log.calls.is_empty() {
        let reasons: Vec<String> = log.skipped.iter().map(|(why, count)| format!("{count} {why}")).collect();
        let message = format!("holds no call that can be used ({})", reasons.join(", "));
        return Err(InputError::new(name, message).help(
            "expected a folder of sim serve or sim observe, a CSV with sent_s and duration_ms, or Lambda's REPORT lines",
        ));
    }
    let buffering = match (reading.batch, reading.timeout, log.buffering) {
        (None, None, buffering) => buffering,
        (batch, timeout, found) => Some(Buffering {
            batch: batch.or(found.map(|b| b.batch)).unwrap_or(1),
            timeout: timeout.map(Span::as_secs_f64).or(found.map(|b| b.timeout)).unwrap_or(0.0),
        }),
    };
    Ok(Log { name, buffering, ..log }.ordered())
}

fn refuse_filters(files: &[PathBuf], reading: &Reading) -> Result<(), InputError> {
    match reading.only.first() {
        None => Ok(()),
        Some((column, _)) => {
            let name = files[0].display().to_string();
            let message = format!("--where {column}: only rows of a table are chosen by a column");
            Err(InputError::new(name, message).help("leave it out"))
        }
    }
}

/// Is the first line a header of columns that say when a call was sent and how long it took?
fn is_table(file: &Path) -> Result<bool, InputError> {
    let text = read_text(file)?;
    let header = text.lines().next().unwrap_or("");
    Ok(requests::knows(header) || table::knows(header))
}
