//! One process at a time where results are written.
//!
//! The lock is the operating system's, on a file in the folder: it ends with its process, however that ends. The file
//! says whose it is, for those who wait. It is assumed that the file system locks between all machines that share it
//! (NFS 4, Lustre with `flock`); where it knows no locks at all, that is said, and nothing is held.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::OutputArgs;
use crate::error::InputError;
use crate::report::files::{cannot_write, create_folder};
use crate::text::line;

/// How often one that waits looks again.
const LOOK: Duration = Duration::from_millis(50);
/// A file that was removed so often in a row was not: the file system gives it another number each time.
const MOST_REMOVED: u32 = 1000;
/// The longest owner that is told \[bytes\].
const LONGEST_OWNER: u64 = 1000;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock `name` of `folder`; waits for its owner, after saying who that is. `meanwhile` is called before
    /// each pause.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn take(
        folder: &Path,
        name: &str,
        output: &OutputArgs,
        mut meanwhile: impl FnMut(),
    ) -> Result<Lock, InputError> {
        create_folder(folder)?;
        let path = folder.join(name);
        let (mut waited, mut removed) = (false, 0);
        loop {
            let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let file = open.map_err(|e| cannot_write(&path, &e))?;
            match file.try_lock() {
                Ok(()) if removed == MOST_REMOVED || is_at(&file, &path) => {
                    return Ok(Lock { path, file }.owned(output));
                }
                // Its owner removed it between the two steps.
                Ok(()) => removed += 1,
                Err(TryLockError::WouldBlock) => {
                    if !waited {
                        waited = true;
                        output.note(&format!("waiting: {} is in use by {}", folder.display(), owner(&file)));
                    }
                    meanwhile();
                    std::thread::sleep(LOOK);
                }
                Err(TryLockError::Error(error)) => {
                    let unsure = "another process that writes here at the same time would not be noticed";
                    output.note(&format!("{} cannot be locked ({error}): {unsure}", path.display()));
                    return Ok(Lock { path, file });
                }
            }
        }
    }

    /// Writes down whose the lock is; says so if its last owner did not get to its end.
    fn owned(mut self, output: &OutputArgs) -> Lock {
        let last = owner(&self.file);
        if last != UNKNOWN && self.path.file_name().is_some_and(|name| name == FOLDER) {
            let left = "some files there may be of before";
            output.note(&format!("{last} ended while it wrote its results: {left}"));
        }
        // On a full disk the lock is held all the same.
        let _ = self.file.set_len(0).and_then(|()| self.file.rewind());
        let _ = self.file.write_all(this_process().as_bytes());
        self
    }

    /// Removes the file; the lock itself ends with it. For a process that ends without dropping anything.
    pub fn release(&self) {
        // Where an open file cannot be removed, it stays behind, empty.
        let _ = self.file.set_len(0);
        #[cfg(unix)]
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

/// The lock of a folder's results.
pub(super) const FOLDER: &str = ".sim-lock";

const UNKNOWN: &str = "another process";

fn owner(mut file: &File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(LONGEST_OWNER).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => line(text.trim()).into_owned(),
        // It is just being written.
        _ => UNKNOWN.to_owned(),
    }
}

fn this_process() -> String {
    let words: Vec<String> = std::env::args().skip(1).map(|word| line(&word).into_owned()).collect();
    let since = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("`sim {}` (process {} on {}, since {since})\n", words.join(" "), std::process::id(), host())
}

fn host() -> String {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let read = files.iter().find_map(|path| std::fs::read_to_string(path).ok());
    let named = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = read.or_else(named).unwrap_or_default();
    match host.trim() {
        "" => "this machine".to_owned(),
        host => line(host).into_owned(),
    }
}

/// Is `file` what stands at `path` now?
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().and_then(|a| Ok(same(a, std::fs::metadata(path)?))).unwrap_or(false)
}

/// There the file is never removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
