//! Files that a killed process did not get to finish: removed by the next that writes to their folder.
//!
//! Whoever writes a file locks it, and the lock ends with its process. A file that nobody has locked for a while is of a
//! process that is no more.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::report::files::is_unfinished;

/// A file is there for a moment before it is locked.
const AGE: Duration = Duration::from_secs(10);
/// Where results stand in a folder.
const WITHIN: [&str; 2] = ["", "charts"];

/// Removes what is unfinished in `folder`, and says how many there were. What cannot be looked at or removed stays.
pub(super) fn remove(folder: &Path) -> usize {
    let files =
        WITHIN.iter().filter_map(|part| std::fs::read_dir(folder.join(part)).ok()).flatten().flatten();
    let unfinished = files.filter(|entry| is_unfinished(&entry.file_name().to_string_lossy()));
    unfinished.filter(|entry| is_left(&entry.path()) && std::fs::remove_file(entry.path()).is_ok()).count()
}

/// Is nobody writing it?
fn is_left(path: &Path) -> bool {
    let Ok(data) = std::fs::symlink_metadata(path) else { return false };
    let age = data.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    if !data.is_file() || age.is_none_or(|age| age < AGE) {
        return false;
    }
    match File::open(path).map(|file| file.try_lock()) {
        Ok(Ok(())) => true,
        // Where nothing can be locked, age alone would be a guess.
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::files::CsvFile;

    #[test]
    fn only_old_files_that_nobody_writes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let old = SystemTime::now() - Duration::from_secs(60);
        let make = |name: &str| {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            let file = File::create(path(name)).unwrap();
            file.set_modified(old).unwrap();
        };
        for name in [".sim-abc.tmp", "charts/.sim-xyz.tmp", ".sim-lock", "a.tmp", "sweep.csv"] {
            make(name);
        }
        File::create(path(".sim-new.tmp")).unwrap();
        // One that is being written, and was begun long ago.
        let written = CsvFile::create(&path("rows.csv")).unwrap();
        let open =
            std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).find(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                is_unfinished(&name) && !name.contains("abc") && !name.contains("new")
            });
        File::options().append(true).open(open.unwrap()).unwrap().set_modified(old).unwrap();
        assert_eq!(remove(folder.path()), 2);
        for (name, stays) in [
            (".sim-abc.tmp", false),
            ("charts/.sim-xyz.tmp", false),
            (".sim-new.tmp", true),
            (".sim-lock", true),
            ("a.tmp", true),
            ("sweep.csv", true),
        ] {
            assert_eq!(path(name).exists(), stays, "{name}");
        }
        written.finish().unwrap();
        assert!(path("rows.csv").exists());
        assert_eq!(remove(&path("missing")), 0);
    }
}
