//! `sim diff`: how two results differ.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::error::InputError;
use crate::report::diff::diff;

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A run or a sweep: its folder, its summary.json or its sweep.csv.
    a: PathBuf,
    /// Another of the same kind.
    b: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Result<ExitCode, InputError> {
    let diff = diff(&args.a, &args.b)?;
    print(if args.json { diff.json() } else { diff.text() })?;
    Ok(ExitCode::SUCCESS)
}
