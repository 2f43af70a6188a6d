//! A file for readers that take a path.

use std::path::{Path, PathBuf};

/// Writes `bytes` to a file of this process, in memory where the system has such a folder.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let shared = Path::new("/dev/shm");
    let root = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let folder = root.join(format!("batchsim-fuzz-{}", std::process::id()));
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for scratch files");
    std::fs::write(&path, bytes).expect("a scratch file");
    path
}
