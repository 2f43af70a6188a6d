//! `sim merge`: puts the shards of a sweep together.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::sweep::finish;
use super::{OutputArgs, note_pipe};
use crate::error::InputError;
use crate::report::format;
use crate::sweep::merge::Merge;

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The shards, or the folder that holds them.
    #[arg(required = true)]
    shards: Vec<PathBuf>,
    /// The folder to write to, instead of the first shard's.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &MergeArgs) -> Result<ExitCode, InputError> {
    args.output.start_threads()?;
    let mut files = Vec::new();
    for path in &args.shards {
        match path.is_dir() {
            true => files.extend(shards_in(path)?),
            false => files.push(path.clone()),
        }
    }
    let mut merge = Merge::default();
    for path in &files {
        note_pipe(path);
        let file = File::open(path).map_err(|e| InputError::io(path, &e))?;
        merge.add(&path.display().to_string(), file)?;
    }
    let (part, rows) = merge.finish()?;
    let folder = args.out.clone().or_else(|| files[0].parent().map(Path::to_owned)).unwrap_or_default();
    finish(&part.about, &rows, &folder, &args.output, || Ok(()))?;
    let count = format::count(rows.len() as u64);
    args.output.note(&format!("{count} rows of {} shards; results in {}", files.len(), folder.display()));
    args.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}

/// The finished shards of a folder.
fn shards_in(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let entries = std::fs::read_dir(folder).map_err(|e| InputError::io(folder, &e))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| InputError::io(folder, &e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("shard-") && name.ends_with(".csv") && !name.ends_with(".partial.csv") {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(InputError::new(folder.display().to_string(), "holds no shard-I-of-N.csv")
            .help("write the shards with `sim sweep S.toml --shard I/N`")),
        false => Ok(files),
    }
}
