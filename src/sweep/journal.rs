//! Rows on disk as soon as they are ready, so that what was interrupted goes on where it was: a sweep, a fleet.
//!
//! Every row is one line with a check sum, and rows are added in one write at the end of the file. A process that is
//! killed can leave half a line there; it is cut off when the journal is opened again. A line that was changed, or that
//! is no row of this part, is left where it is and counted, never taken: its row is evaluated again. Whoever opens a
//! journal sees to it that nobody else writes to it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::row::Row;
use super::table;
use crate::error::InputError;
use crate::scenario::Setting;

/// Work whose rows are kept, or a shard of it.
pub trait Part: Clone + Debug + Send + Sync + 'static {
    /// What is kept.
    type Row: Clone + Debug + Send;
    /// What tells one row from another.
    type Key: Ord;
    /// The work's name.
    const NAME: &str;
    /// How the head of any part of such work begins.
    const MARK: &str;
    /// What may have changed if a journal is of another one.
    const CHANGES: &str;
    /// More than the longest row \[bytes\]; what is longer is dropped without being kept.
    const LONGEST_ROW: u64;

    /// The first lines.
    fn head(&self) -> String;
    /// The lines of rows.
    fn lines(&self, rows: &[Self::Row]) -> String;
    /// Reads a row's line, without its end; `None` if it was changed, or is another part's.
    fn row(&self, line: &str) -> Option<Self::Row>;
    /// What tells this row from others.
    fn key(row: &Self::Row) -> Self::Key;
}

impl Part for table::Part {
    type Row = Row;
    type Key = Setting;
    const NAME: &str = "sweep";
    const MARK: &str = "# {";
    const CHANGES: &str =
        "the scenario, its grid, profile, prices or trace, the seed, the model, the shard or the program";
    const LONGEST_ROW: u64 = 4096;

    fn head(&self) -> String {
        table::head(self)
    }

    fn lines(&self, rows: &[Row]) -> String {
        table::lines(self, rows)
    }

    fn row(&self, line: &str) -> Option<Row> {
        self.row(line)
    }

    fn key(row: &Row) -> Setting {
        row.setting
    }
}

/// The file of unfinished work.
#[derive(Debug)]
pub struct Journal<P: Part> {
    path: PathBuf,
    part: P,
    dropped: usize,
    state: Mutex<State<P::Row>>,
}

#[derive(Debug)]
struct State<R> {
    file: File,
    /// Of the lines that are written whole.
    length: u64,
    rows: Vec<R>,
}

/// What a journal holds of a part.
#[derive(Debug)]
pub struct Found<R> {
    /// The rows, in the order in which they came.
    pub rows: Vec<R>,
    /// Lines that are no row of the part, or one again.
    pub dropped: usize,
    /// Of the lines that are whole \[bytes\]; 0 if not even the head is.
    length: u64,
}

impl<P: Part> Journal<P> {
    /// Begins a journal.
    ///
    /// # Errors
    /// One is there already; the file cannot be written.
    pub fn create(path: &Path, part: &P) -> Result<Journal<P>, InputError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| InputError::io(folder, &e))?;
        let file = match OpenOptions::new().append(true).create_new(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                let message = format!("holds the rows of an interrupted {}", P::NAME);
                return Err(InputError::new(shown(path), message)
                    .help("go on with `--resume`, or remove the file to start anew"));
            }
            other => other.map_err(|e| InputError::io(path, &e))?,
        };
        let state = State { file, length: 0, rows: Vec::new() };
        let journal =
            Journal { path: path.to_owned(), part: part.clone(), dropped: 0, state: Mutex::new(state) };
        journal.lock().write(path, &part.head())?;
        Ok(journal)
    }

    /// Opens the journal of interrupted work on the `wanted` rows, or begins one if there is none.
    ///
    /// # Errors
    /// It belongs to other work; it cannot be read or written.
    pub fn resume(path: &Path, part: &P, wanted: impl Fn(&P::Key) -> bool) -> Result<Journal<P>, InputError> {
        let failed = |e: &std::io::Error| InputError::io(path, e);
        let file = match OpenOptions::new().read(true).append(true).open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Journal::create(path, part),
            other => other.map_err(|e| failed(&e))?,
        };
        // The file is changed only once it is known to be this work's.
        let Found { rows, dropped, length } = found(&file, path, part, wanted)?;
        file.set_len(length).map_err(|e| failed(&e))?;
        let mut state = State { file, length, rows };
        if length == 0 {
            state.write(path, &part.head())?;
        }
        Ok(Journal { path: path.to_owned(), part: part.clone(), dropped, state: Mutex::new(state) })
    }

    /// The rows so far, in the order in which they came.
    pub fn rows(&self) -> Vec<P::Row> {
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
    /// # Errors
    /// The disk is full, or the file cannot be written.
    pub fn add(&self, rows: &[P::Row]) -> Result<(), InputError> {
        let mut state = self.lock();
        state.write(&self.path, &self.part.lines(rows))?;
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
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> Result<(), InputError> {
        std::fs::remove_file(&self.path).map_err(|e| InputError::io(&self.path, &e))
    }

    /// A thread that panicked while it wrote has ended the work anyway.
    fn lock(&self) -> MutexGuard<'_, State<P::Row>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> State<R> {
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

/// What the journal `file` holds of the part's `wanted` rows.
///
/// # Errors
/// It belongs to other work; it cannot be read.
pub fn found<P: Part>(
    file: &File,
    path: &Path,
    part: &P,
    wanted: impl Fn(&P::Key) -> bool,
) -> Result<Found<P::Row>, InputError> {
    let failed = |e: std::io::Error| InputError::io(path, &e);
    let head = part.head().into_bytes();
    let mut text = BufReader::with_capacity(1 << 16, file);
    let mut start = Vec::new();
    text.by_ref().take(head.len() as u64).read_to_end(&mut start).map_err(failed)?;
    let mut found = Found { rows: Vec::new(), dropped: 0, length: 0 };
    if start != head {
        // Killed before its head was written whole.
        return match head.starts_with(&start) {
            true => Ok(found),
            false => Err(foreign::<P>(path, &start)),
        };
    }
    found.length = head.len() as u64;
    let mut seen = BTreeSet::new();
    loop {
        // Half a line at the end was being written when its process was killed.
        let line = next_line(&mut text, P::LONGEST_ROW).map_err(failed)?;
        let Some((line, length)) = line else { return Ok(found) };
        found.length += length;
        let row = str::from_utf8(&line).ok().and_then(|line| part.row(line));
        match row.filter(|row| wanted(&P::key(row)) && seen.insert(P::key(row))) {
            Some(row) => found.rows.push(row),
            None => found.dropped += 1,
        }
    }
}

/// The next line without its end, of which no more than `longest` is kept, and its length in the file; `None` where no
/// line ends any more.
fn next_line(text: &mut impl BufRead, longest: u64) -> std::io::Result<Option<(Vec<u8>, u64)>> {
    let (mut kept, mut length) = (Vec::new(), 0);
    loop {
        let mut piece = Vec::new();
        let read = text.by_ref().take(longest).read_until(b'\n', &mut piece)? as u64;
        length += read;
        let ends = piece.pop_if(|byte| *byte == b'\n').is_some();
        if kept.is_empty() {
            kept = piece;
        }
        match (ends, read == longest) {
            (true, _) => return Ok(Some((kept, length))),
            (false, true) => {}
            (false, false) => return Ok(None),
        }
    }
}

fn foreign<P: Part>(path: &Path, start: &[u8]) -> InputError {
    let name = P::NAME;
    if !start.starts_with(P::MARK.as_bytes()) {
        return InputError::new(shown(path), format!("is no part of a {name}"))
            .help(format!("it stands where the rows of a {name} are kept: move it"));
    }
    InputError::new(shown(path), format!("belongs to another {name}: {} has changed", P::CHANGES))
        .help("go on with the options of then, or remove the file to start anew")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::Journal;
    use std::collections::BTreeSet;

    use crate::scenario::Setting;
    use crate::sweep::row::Row;
    use crate::sweep::table::{self, About, Part};
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
            assert!(Journal::resume(&path, &part(), |setting| grid().contains(setting)).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        for cut in 0..head.len() {
            std::fs::write(&path, &head[..cut]).unwrap();
            assert!(Journal::resume(&path, &part(), |setting| grid().contains(setting)).unwrap().is_empty());
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
        let endless = "0".repeat(3 * <Part as super::Part>::LONGEST_ROW as usize) + "\n";
        let edited = good.replacen("0.25", "0.24", 1);
        for bad in
            [spliced, two_writers, other_shard, other_sweep, not_in_the_grid, endless, edited, good.clone()]
        {
            // The good one comes again in the last case.
            let text = format!("{head}{good}{bad}{}", of(&part(), 2048));
            std::fs::write(&path, format!("{text}half")).unwrap();
            let journal = Journal::resume(&path, &part(), |setting| grid().contains(setting)).unwrap();
            assert_eq!(journal.rows(), [row(1024), row(2048)], "{bad}");
            assert_eq!(journal.dropped(), 1, "{bad}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "only the half line goes");
            journal.add(&[row(24)]).unwrap();
            let again = Journal::resume(&path, &part(), |setting| grid().contains(setting)).unwrap().rows();
            assert_eq!(again, [row(1024), row(2048), row(24)]);
        }
    }
}
