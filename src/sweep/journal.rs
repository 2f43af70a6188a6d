//! Rows on disk as soon as they are ready, so that an interrupted sweep goes on where it was.
//!
//! Every row is one line with a check sum, and rows are added in one write at the end of the file. A process that is
//! killed can leave half a line there; it is cut off when the journal is opened again. A line that was changed, or that
//! is no row of this part, is left where it is and counted, never taken: its row is evaluated again. Whoever opens a
//! journal sees to it that nobody else writes to it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::row::Row;
use super::table::{self, Part};
use crate::error::InputError;
use crate::scenario::Setting;

/// The file of an unfinished sweep.
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

/// What a journal holds of a part.
#[derive(Debug, Default)]
pub struct Found {
    /// The rows, in the order in which they came.
    pub rows: Vec<Row>,
    /// Lines that are no row of the part, or one again.
    pub dropped: usize,
    /// Of the lines that are whole \[bytes\]; 0 if not even the head is.
    length: u64,
}

/// More than the longest row; what is longer is dropped without being kept.
const LONGEST_ROW: u64 = 4096;

impl Journal {
    /// Begins a journal.
    ///
    /// Errors: one is there already; the file cannot be written.
    pub fn create(path: &Path, part: &Part) -> Result<Journal, InputError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| InputError::io(folder, &e))?;
        let file = match OpenOptions::new().append(true).create_new(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(InputError::new(shown(path), "holds the rows of an interrupted sweep")
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

    /// Opens the journal of an interrupted sweep of the configurations `wanted`, or begins one if there is none.
    ///
    /// Errors: it belongs to another sweep; it cannot be read or written.
    pub fn resume(path: &Path, part: &Part, wanted: &BTreeSet<Setting>) -> Result<Journal, InputError> {
        let failed = |e: &std::io::Error| InputError::io(path, e);
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Journal::create(path, part),
            other => other.map_err(|e| failed(&e))?,
        };
        // The file is changed only once it is known to be this sweep's.
        let Found { rows, dropped, length } = found(&file, path, part, wanted)?;
        file.set_len(length).map_err(|e| failed(&e))?;
        let mut state = State { file, length, rows };
        if length == 0 {
            state.write(path, &table::head(part))?;
        }
        Ok(Journal { path: path.to_owned(), part: part.clone(), dropped, state: Mutex::new(state) })
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

    /// Lines that were there and could not be used.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Keeps rows.
    ///
    /// Errors: the disk is full, or the file cannot be written.
    pub fn add(&self, rows: &[Row]) -> Result<(), InputError> {
        let mut state = self.lock();
        state.write(&self.path, &table::lines(&self.part, rows))?;
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
            return Err(InputError::io(path, &error).help("free some space, then go on with `--resume`"));
        }
        self.length += text.len() as u64;
        Ok(())
    }
}

/// What the journal `file` holds of the part's `wanted` configurations.
///
/// Errors: it belongs to another sweep; it cannot be read.
pub fn found(file: &File, path: &Path, part: &Part, wanted: &BTreeSet<Setting>) -> Result<Found, InputError> {
    let failed = |e: std::io::Error| InputError::io(path, &e);
    let head = table::head(part).into_bytes();
    let mut text = BufReader::with_capacity(1 << 16, file);
    let mut start = Vec::new();
    text.by_ref().take(head.len() as u64).read_to_end(&mut start).map_err(failed)?;
    if start != head {
        // Killed before its head was written whole.
        return match head.starts_with(&start) {
            true => Ok(Found::default()),
            false => Err(foreign(path, &start)),
        };
    }
    let mut found = Found { length: head.len() as u64, ..Found::default() };
    let mut seen = BTreeSet::new();
    loop {
        // Half a line at the end was being written when its process was killed.
        let Some((line, length)) = next_line(&mut text).map_err(failed)? else { return Ok(found) };
        found.length += length;
        let row = str::from_utf8(&line).ok().and_then(|line| part.row(line));
        match row.filter(|row| wanted.contains(&row.setting) && seen.insert(row.setting)) {
            Some(row) => found.rows.push(row),
            None => found.dropped += 1,
        }
    }
}

/// The next line without its end, of which no more than [`LONGEST_ROW`] is kept, and its length in the file; `None` where
/// no line ends any more.
fn next_line(text: &mut impl BufRead) -> std::io::Result<Option<(Vec<u8>, u64)>> {
    let (mut kept, mut length) = (Vec::new(), 0);
    loop {
        let mut piece = Vec::new();
        let read = text.by_ref().take(LONGEST_ROW).read_until(b'\n', &mut piece)? as u64;
        length += read;
        let ends = piece.pop_if(|byte| *byte == b'\n').is_some();
        if kept.is_empty() {
            kept = piece;
        }
        match (ends, read) {
            (true, _) => return Ok(Some((kept, length))),
            (false, LONGEST_ROW) => {}
            (false, _) => return Ok(None),
        }
    }
}

fn foreign(path: &Path, start: &[u8]) -> InputError {
    if !start.starts_with(b"# {") {
        return InputError::new(shown(path), "is no part of a sweep")
            .help("it stands where the rows of a sweep are kept: move it");
    }
    let changed = "the scenario, its grid, profile, prices or trace, the seed, the model, the shard or the program \
        has changed";
    InputError::new(shown(path), format!("belongs to another sweep: {changed}"))
        .help("sweep with the options of then, or remove the file to start anew")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::table::About;
    use crate::units::{MemoryMb, Span};

    fn part() -> Part {
        let about = About {
            scenario: "s".into(),
            seed: 1,
            headline: "h".into(),
            model: "exact".into(),
            percentile: 95.0,
            slo_latency_s: None,
            budget_usd_per_million: None,
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
        for text in
            [format!("{foreign}1024,1,0.0"), foreign[..foreign.len() - 40].to_owned(), "a thesis".to_owned()]
        {
            std::fs::write(&path, &text).unwrap();
            assert!(Journal::resume(&path, &part(), &grid()).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        for cut in 0..head.len() {
            std::fs::write(&path, &head[..cut]).unwrap();
            assert!(Journal::resume(&path, &part(), &grid()).unwrap().is_empty());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), head);
        }
    }

    fn row(memory: u32) -> Row {
        let figures = crate::sweep::row::Figures { latency_s: 0.25, usd_per_million: 2.5 };
        let setting = Setting::new(MemoryMb(memory), 4, Span::from_millis(5));
        Row {
            setting,
            predicted: None,
            simulated: Some(figures),
            interval_s: None,
            meets_slo: Some(true),
            counts: None,
        }
    }

    /// 24 is in the grid, so that a spliced `1024` could pass for it.
    fn grid() -> BTreeSet<Setting> {
        [24, 1024, 2048].map(|memory| row(memory).setting).into()
    }

    #[test]
    fn lines_that_are_no_rows_of_this_part_are_counted_and_never_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sweep.partial.csv");
        let (head, good) = (table::head(&part()), table::lines(&part(), &[row(1024)]));
        let of = |part: &Part, memory| table::lines(part, &[row(memory)]);
        let spliced = good[2..].to_owned();
        let two_writers = format!("{}{good}", &good[..good.len() / 2]);
        let other_shard = of(&Part { shard: 2, of: 2, ..part() }, 1024);
        let other_sweep = of(&Part { fingerprint: "01".into(), ..part() }, 1024);
        let not_in_the_grid = of(&part(), 512);
        let endless = "0".repeat(3 * LONGEST_ROW as usize) + "\n";
        let edited = good.replacen("0.25", "0.24", 1);
        for bad in
            [spliced, two_writers, other_shard, other_sweep, not_in_the_grid, endless, edited, good.clone()]
        {
            // The good one comes again in the last case.
            let text = format!("{head}{good}{bad}{}", of(&part(), 2048));
            std::fs::write(&path, format!("{text}half")).unwrap();
            let journal = Journal::resume(&path, &part(), &grid()).unwrap();
            assert_eq!(journal.rows(), [row(1024), row(2048)], "{bad}");
            assert_eq!(journal.dropped(), 1, "{bad}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "only the half line goes");
            journal.add(&[row(24)]).unwrap();
            let again = Journal::resume(&path, &part(), &grid()).unwrap().rows();
            assert_eq!(again, [row(1024), row(2048), row(24)]);
        }
    }
}
