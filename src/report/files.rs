//! Writing files so that nobody ever sees half of one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::InputError;

/// Writes `bytes` to `path`: to a temporary name in the same folder first, then renamed into place.
///
/// Folders that are missing are created. An existing file is replaced as a whole.
///
/// # Errors
/// If the folder cannot be created or written, or the disk is full; then nothing is left behind and an
/// existing file stays as it was.
pub fn write_atomically(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), InputError> {
    let mut file = temporary(path)?;
    file.write_all(bytes.as_ref()).map_err(|error| cannot_write(path, &error))?;
    persist(file, path)
}

/// A CSV file of many rows that appears under its name when it is finished, and not at all otherwise.
#[derive(Debug)]
pub struct CsvFile {
    path: PathBuf,
    rows: csv::Writer<NamedTempFile>,
}

impl CsvFile {
    /// Begins the file; folders that are missing are created.
    ///
    /// # Errors
    /// As [`write_atomically`].
    pub fn create(path: &Path) -> Result<CsvFile, InputError> {
        let rows = csv::WriterBuilder::new().buffer_capacity(1 << 18).from_writer(temporary(path)?);
        Ok(CsvFile { path: path.to_owned(), rows })
    }

    /// Adds a row. The names of a struct's fields become the header.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn serialize(&mut self, row: impl serde::Serialize) -> Result<(), InputError> {
        self.rows.serialize(row).map_err(|error| {
            let error = match error.into_kind() {
                csv::ErrorKind::Io(error) => error,
                other => std::io::Error::other(format!("{other:?}")),
            };
            cannot_write(&self.path, &error)
        })
    }

    /// Writes what is left and gives the file its name.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn finish(self) -> Result<(), InputError> {
        let file = self.rows.into_inner().map_err(|error| cannot_write(&self.path, error.error()))?;
        persist(file, &self.path)
    }
}

fn temporary(path: &Path) -> Result<NamedTempFile, InputError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(folder)?;
    new_file(folder).map_err(|error| cannot_write(path, &error))
}

/// Creates a folder and those above it, where they are missing.
///
/// # Errors
/// If it cannot be created.
pub fn create_folder(folder: &Path) -> Result<(), InputError> {
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, "cannot create the folder", &error))
}

fn persist(file: NamedTempFile, path: &Path) -> Result<(), InputError> {
    file.persist(path).map_err(|error| cannot_write(path, &error.error))?;
    Ok(())
}

/// The error of a file that cannot be written, with the mend.
pub fn cannot_write(path: &Path, error: &std::io::Error) -> InputError {
    failed(path, "cannot write", error)
}

const PREFIX: &str = ".sim-";
const SUFFIX: &str = ".tmp";

/// Is this the name of a file that is being written, or was when its process ended?
pub fn is_unfinished(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// A temporary file with the rights of any new file: the tempfile crate's own choice hides it from others.
fn new_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    // It tells others that somebody writes it; where nothing can be locked, they leave it alone.
    let _ = file.as_file().try_lock();
    Ok(file)
}

fn failed(path: &Path, what: &str, error: &std::io::Error) -> InputError {
    use std::io::ErrorKind::{
        AlreadyExists, IsADirectory, NotADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull,
    };
    let help = match error.kind() {
        StorageFull | QuotaExceeded => {
            "the disk is full: free some space, or write elsewhere with `--out DIR`"
        }
        PermissionDenied | ReadOnlyFilesystem => "choose a folder that you may write to with `--out DIR`",
        NotADirectory | AlreadyExists => {
            "a file stands where a folder is needed: move it, or choose another `--out DIR`"
        }
        IsADirectory => "a folder stands where the file should be: move it, or choose another `--out DIR`",
        _ => "choose another folder with `--out DIR`",
    };
    InputError::new(path.display().to_string(), format!("{what}: {error}")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_folders_replaces_files_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/summary.json");
        write_atomically(&path, b"first").unwrap();
        write_atomically(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomically(&ours, "x").unwrap();
        std::fs::write(&plain, "x").unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_file_in_the_way_is_named_with_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("out"), "a file").unwrap();
        let error = write_atomically(&folder.path().join("out/index.html"), "x").unwrap_err();
        assert!(error.file.ends_with("out"), "{error}");
        assert!(error.help.unwrap().contains("--out"));
    }

    #[test]
    fn a_failed_write_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken).unwrap();
        assert!(write_atomically(&taken, "x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
