//! Rows on disk as soon as they are ready, so that an interrupted sweep goes on where it was.
//!
//! Every row is one line in one write. A process that is killed can leave half a line at the end; it is
//! dropped when the journal is opened again.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::row::Row;
use super::table::{self, Part};
use crate::error::InputError;

/// The file of an unfinished sweep.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
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
    /// Errors: one is there already; the file cannot be written.
    pub fn create(path: &Path, part: &Part) -> Result<Journal, InputError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| InputError::io(folder, &e))?;
        let file = match OpenOptions::new().write(true).create_new(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(InputError::new(shown(path), "holds the rows of an interrupted sweep")
                    .help("go on with `--resume`, or remove the file to start anew"));
            }
            other => other.map_err(|e| InputError::io(path, &e))?,
        };
        let state = State { file, length: 0, rows: Vec::new() };
        let journal = Journal { path: path.to_owned(), state: Mutex::new(state) };
        journal.lock().write(path, &table::head(part))?;
        Ok(journal)
    }

    /// Opens the journal of an interrupted sweep, or begins one if there is none.
    ///
    /// Errors: it belongs to another sweep; it cannot be read or written.
    pub fn resume(path: &Path, part: &Part) -> Result<Journal, InputError> {
        let failed = |e: &std::io::Error| InputError::io(path, e);
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Journal::create(path, part),
            other => other.map_err(|e| failed(&e))?,
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|e| failed(&e))?;
        let head = table::head(part);
        // Killed before its head was written whole.
        let headless = text.len() < head.len() && head.as_bytes().starts_with(&text);
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let length = if headless { text.len() } else { whole };
        text.truncate(length);
        // The file is changed only once it is known to be this sweep's.
        let rows = if headless { Vec::new() } else { rows_of(part, path, text)? };
        file.set_len(length as u64).map_err(|e| failed(&e))?;
        file.seek(SeekFrom::End(0)).map_err(|e| failed(&e))?;
        let mut state = State { file, length: length as u64, rows };
        if headless {
            state.write(path, &head[length..])?;
        }
        Ok(Journal { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The rows so far, in the order in which they came.
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

    /// Keeps rows.
    ///
    /// Errors: the disk is full, or the file cannot be written.
    pub fn add(&self, rows: &[Row]) -> Result<(), InputError> {
        let mut state = self.lock();
        state.write(&self.path, &table::lines(rows))?;
        state.rows.extend_from_slice(rows);
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
    /// Errors: it cannot be removed.
    pub fn remove(&self) -> Result<(), InputError> {
        std::fs::remove_file(&self.path).map_err(|e| InputError::io(&self.path, &e))
    }

    /// A thread that panicked while it wrote has ended the sweep anyway.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, path: &Path, text: &str) -> Result<(), InputError> {
        let written = self.file.write_all(text.as_bytes());
        if let Err(error) = written {
            // A full disk may have taken half a line; what follows must not be joined to it.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::End(0));
            return Err(InputError::io(path, &error).help("free some space, then go on with `--resume`"));
        }
        self.length += text.len() as u64;
        Ok(())
    }
}

/// The rows of a journal of this part.
fn rows_of(part: &Part, path: &Path, text: Vec<u8>) -> Result<Vec<Row>, InputError> {
    let text = String::from_utf8(text).map_err(|_| InputError::new(shown(path), "is no text"))?;
    let (found, rows) = table::read(&shown(path), &text)?;
    if found.fingerprint == part.fingerprint && (found.shard, found.of) == (part.shard, part.of) {
        return Ok(rows);
    }
    let changed = "the scenario, its grid, the seed, the model, the shard or the program has changed";
    Err(InputError::new(shown(path), format!("belongs to another sweep: {changed}"))
        .help("sweep with the options of then, or remove the file to start anew"))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::table::About;

    fn part() -> Part {
        let about = About {
            scenario: "s".into(),
            seed: 1,
            headline: "h".into(),
            model: "exact".into(),
            percentile: 95.0,
            slo_latency_s: None,
            objective: String::new(),
            cold_starts: false,
            fitted: false,
            reading: Vec::new(),
        };
        Part { fingerprint: "00".into(), shard: 1, of: 1, rows: 8, about }
    }

    #[test]
    fn what_is_refused_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.partial.csv");
        let head = table::head(&part());
        let foreign = table::head(&Part { fingerprint: "01".into(), ..part() });
        for text in [format!("{foreign}1024,1,0.0"), format!("{head}no row\nhalf"), "a thesis".to_owned()] {
            std::fs::write(&path, &text).unwrap();
            assert!(Journal::resume(&path, &part()).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        for cut in 0..head.len() {
            std::fs::write(&path, &head[..cut]).unwrap();
            assert!(Journal::resume(&path, &part()).unwrap().is_empty());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), head);
        }
    }
}
