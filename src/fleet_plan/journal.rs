//! Rows on disk as soon as they are ready, so that an interrupted fleet goes on where it was.
//!
//! As a sweep's: every row is one line with a check sum, added in one write. Half a line at the end is cut off; a line
//! that was changed is left and counted, and its function is planned again.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::row::Row;
use super::table::{self, HEAD, Part};
use crate::error::InputError;

/// The file of an unfinished fleet.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    part: Part,
    dropped: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Of the lines that are written whole.
    length: u64,
    rows: Vec<Row>,
}

impl Journal {
    /// Begins a journal.
    ///
    /// # Errors
    /// One is there already; the file cannot be written.
    pub fn create(path: &Path, part: &Part) -> Result<Journal, InputError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| InputError::io(folder, &e))?;
        let file = match OpenOptions::new().append(true).create_new(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(InputError::new(
                    path.display().to_string(),
                    "holds the rows of an interrupted fleet",
                )
                .help("go on with `--resume`, or remove the file to start anew"));
            }
            other => other.map_err(|e| InputError::io(path, &e))?,
        };
        let state = State { file, length: 0, rows: Vec::new() };
        let journal =
            Journal { path: path.to_owned(), part: part.clone(), dropped: 0, state: Mutex::new(state) };
        journal.lock().write(path, &table::head(part))?;
        Ok(journal)
    }

    /// Opens the journal of an interrupted fleet, or begins one if there is none.
    ///
    /// # Errors
    /// It belongs to another fleet; it cannot be read or written.
    pub fn resume(path: &Path, part: &Part) -> Result<Journal, InputError> {
        let failed = |e: &std::io::Error| InputError::io(path, e);
        let mut file = match OpenOptions::new().read(true).append(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Journal::create(path, part),
            other => other.map_err(|e| failed(&e))?,
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|e| failed(&e))?;
        let head = table::head(part);
        // Killed before its head was written whole.
        let is_begun = head.as_bytes().starts_with(&text);
        if !is_begun && !text.starts_with(head.as_bytes()) {
            return Err(foreign(path, &text));
        }
        let mut state = State { file, length: 0, rows: Vec::new() };
        let mut dropped = 0;
        if is_begun {
            state.file.set_len(0).map_err(|e| failed(&e))?;
            state.write(path, &head)?;
        } else {
            let mut seen = BTreeSet::new();
            let body = &text[head.len()..];
            let end = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            for line in body[..end].split_inclusive(|byte| *byte == b'\n') {
                let row = std::str::from_utf8(line).ok().and_then(|line| part.row(line));
                match row.filter(|row| seen.insert(row.number)) {
                    Some(row) => state.rows.push(row),
                    None => dropped += 1,
                }
            }
            state.length = (head.len() + end) as u64;
            state.file.set_len(state.length).map_err(|e| failed(&e))?;
        }
        Ok(Journal { path: path.to_owned(), part: part.clone(), dropped, state: Mutex::new(state) })
    }

    /// The rows so far.
    pub fn rows(&self) -> Vec<Row> {
        self.lock().rows.clone()
    }

    /// The number of rows so far.
    pub fn len(&self) -> usize {
        self.lock().rows.len()
    }

    /// True before the first row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lines that were there and could not be used.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Keeps a row.
    ///
    /// # Errors
    /// The disk is full, or the file cannot be written.
    pub fn add(&self, row: Row) -> Result<(), InputError> {
        let mut state = self.lock();
        state.write(&self.path, &table::line(&self.part, &row))?;
        state.rows.push(row);
        Ok(())
    }

    /// Ends the process between two rows.
    pub fn exit(&self, before: impl FnOnce(usize), status: i32) -> ! {
        let state = self.lock();
        before(state.rows.len());
        std::process::exit(status)
    }

    /// Removes the file: its rows are elsewhere now.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> Result<(), InputError> {
        std::fs::remove_file(&self.path).map_err(|e| InputError::io(&self.path, &e))
    }

    /// A thread that panicked while it wrote has ended the run anyway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, path: &Path, text: &str) -> Result<(), InputError> {
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            // A full disk may have taken half a line; what follows must not be joined to it.
            let _ = self.file.set_len(self.length);
            return Err(InputError::io(path, &error).help("free some space, then go on with `--resume`"));
        }
        self.length += text.len() as u64;
        Ok(())
    }
}

fn foreign(path: &Path, text: &[u8]) -> InputError {
    let name = path.display().to_string();
    if !text.starts_with(HEAD.as_bytes()) {
        return InputError::new(name, "is no part of a fleet")
            .help("it stands where the rows of a fleet are kept: move it");
    }
    let changed =
        "the scenario, its grid, profiles, prices or trace, the seed, the shard or the program has changed";
    InputError::new(name, format!("belongs to another fleet: {changed}"))
        .help("go on with the options of then, or remove the file to start anew")
}
