//! One file of the log: it grows to its limit and is renamed; what it cannot take is given back as lost.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Rotation;
use crate::error::InputError;
use crate::gateway::say;

/// Rows are written in pieces of this size.
const BUFFER: usize = 1 << 16;

pub(super) struct LogFile {
    folder: PathBuf,
    name: String,
    header: &'static str,
    rotation: Rotation,
    file: File,
    /// Whole rows that are not yet written, and how many.
    buffer: Vec<u8>,
    rows: u64,
    /// What the file holds.
    length: u64,
    /// The last try failed, which was said.
    failing: bool,
}

impl LogFile {
    pub(super) fn open(
        folder: &Path,
        name: &str,
        header: &'static str,
        rotation: Rotation,
    ) -> Result<LogFile, InputError> {
        fs::create_dir_all(folder).map_err(|e| InputError::io(folder, &e))?;
        let path = folder.join(format!("{name}.csv"));
        // A device or a pipe is written to as it is.
        if fs::metadata(&path).is_ok_and(|there| there.is_file() && there.len() > 0) {
            shift(folder, name, rotation.keep).map_err(|e| InputError::io(&path, &e))?;
        }
        let file = create(&path).map_err(|e| {
            InputError::io(&path, &e).help("choose a folder that you may write to with `--log DIR`")
        })?;
        let mut log = LogFile {
            folder: folder.to_owned(),
            name: name.to_owned(),
            header,
            rotation,
            file,
            buffer: Vec::with_capacity(2 * BUFFER),
            rows: 0,
            length: 0,
            failing: false,
        };
        log.begin();
        Ok(log)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.csv", self.name))
    }

    fn begin(&mut self) {
        self.length = 0;
        self.buffer.extend_from_slice(self.header.as_bytes());
        self.buffer.push(b'\n');
    }

    /// Takes whole rows; returns how many rows were lost.
    pub(super) fn write(&mut self, text: &str, rows: u64) -> u64 {
        self.buffer.extend_from_slice(text.as_bytes());
        self.rows += rows;
        if self.buffer.len() >= BUFFER { self.flush() } else { 0 }
    }

    /// Writes what is at hand; returns how many rows were lost.
    pub(super) fn flush(&mut self) -> u64 {
        if self.buffer.is_empty() {
            return 0;
        }
        let whole = self.length;
        let written = self.file.write_all(&self.buffer);
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        let rows = std::mem::take(&mut self.rows);
        match written {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    say(&format!("{}: rows are written again", self.path().display()));
                }
                if self.length >= self.rotation.bytes {
                    self.rotate();
                }
                0
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    let path = self.path();
                    say(&format!("{}: {error}: rows are dropped; requests go on", path.display()));
                }
                self.cut_back(whole);
                rows
            }
        }
    }

    /// Ends the file after its last whole row. A device has no length, which is no error.
    fn cut_back(&mut self, length: u64) {
        use std::io::Seek as _;
        let _ = self.file.set_len(length).and_then(|()| self.file.seek(std::io::SeekFrom::Start(length)));
        self.length = length;
        if length == 0 {
            self.begin();
        }
    }

    fn rotate(&mut self) {
        let renamed = shift(&self.folder, &self.name, self.rotation.keep);
        match renamed.and_then(|()| create(&self.path())) {
            Ok(file) => {
                self.file = file;
                self.begin();
            }
            Err(error) => {
                // It goes on in the file that there is, for as long again.
                self.length = 0;
                say(&format!("{}: cannot be rotated: {error}", self.path().display()));
            }
        }
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path)
}

/// Renames name.csv to name.1.csv, that to name.2.csv, and so on; the oldest goes.
fn shift(folder: &Path, name: &str, keep: u32) -> std::io::Result<()> {
    let path = |i: u32| match i {
        0 => folder.join(format!("{name}.csv")),
        i => folder.join(format!("{name}.{i}.csv")),
    };
    if keep == 0 {
        return fs::remove_file(path(0));
    }
    for i in (0..keep).rev() {
        if path(i).exists() {
            fs::rename(path(i), path(i + 1))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_renamed_at_their_limit_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let rotation = Rotation { bytes: 12, keep: 2 };
        let mut log = LogFile::open(folder.path(), "r", "a,b", rotation).unwrap();
        for row in ["1,1\n2,2\n", "3,3\n4,4\n", "5,5\n6,6\n", "7,7\n"] {
            log.write(row, 1);
            assert_eq!(log.flush(), 0);
        }
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(text("r.2.csv"), "a,b\n3,3\n4,4\n");
        assert_eq!(text("r.1.csv"), "a,b\n5,5\n6,6\n");
        assert_eq!(text("r.csv"), "a,b\n7,7\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        // A second run keeps the first one's.
        drop(LogFile::open(folder.path(), "r", "a,b", rotation).unwrap());
        assert_eq!(text("r.1.csv"), "a,b\n7,7\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_loses_rows_and_says_how_many() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("r.csv")).unwrap();
        let mut log = LogFile::open(folder.path(), "r", "a,b", Rotation { bytes: 1000, keep: 2 }).unwrap();
        log.write("1,1\n2,2\n", 2);
        assert_eq!(log.flush(), 2);
        log.write("3,3\n", 1);
        assert_eq!(log.flush(), 1);
    }
}
