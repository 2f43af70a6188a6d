//! What several tests share.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// The program with these arguments, in `folder`; what it says goes into pipes.
pub fn sim(folder: &Path, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.current_dir(folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
