//! `sim diff`: how two results differ.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{note_pipe, print};
use crate::error::InputError;
use crate::report::diff::diff;
use crate::text;

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// A run, a plan or a sweep: its folder, its summary.json, plan.json or sweep.csv.
    a: PathBuf,
    /// Another of the same kind.
    b: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Result<ExitCode, InputError> {
    [&args.a, &args.b].into_iter().for_each(|path| note_pipe(path));
    let diff = diff(&args.a, &args.b)?;
    print(if args.json {
        text::json(&diff.json()).into_owned()
    } else {
        text::terminal(&diff.text()).into_owned()
    })?;
    Ok(ExitCode::SUCCESS)
}
