//! `sim merge`: puts the shards of a sweep or of a fleet together.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::paper::{Paper, PaperArgs};
use super::sweep::finish;
use super::{OutputArgs, note_pipe};
use crate::bounded::read_bounded;
use crate::error::InputError;
use crate::fleet_plan::merge::merge;
use crate::fleet_plan::table::HEAD;
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
    #[command(flatten)]
    paper: PaperArgs,
}

impl MergeArgs {
    fn folder(&self, files: &[PathBuf]) -> PathBuf {
        self.out.clone().or_else(|| files[0].parent().map(Path::to_owned)).unwrap_or_default()
    }
}

pub(super) fn run(args: &MergeArgs) -> Result<ExitCode, InputError> {
    let paper = args.paper.read()?;
    args.output.start_threads()?;
    let mut files = Vec::new();
    for path in &args.shards {
        match path.is_dir() {
            true => files.extend(shards_in(path)?),
            false => files.push(path.clone()),
        }
    }
    if files.first().is_some_and(|path| begins_with(path, HEAD)) {
        return fleet(args, &paper, &files);
    }
    let mut merge = Merge::default();
    for path in &files {
        note_pipe(path);
        let file = File::open(path).map_err(|e| InputError::io(path, &e))?;
        merge.add(&path.display().to_string(), file)?;
    }
    let (part, rows) = merge.finish()?;
    let folder = args.folder(&files);
    finish(&part.about, &rows, &folder, (&args.output, &paper), || Ok(()))?;
    let count = format::count(rows.len() as u64);
    args.output.note(&format!("{count} rows of {} shards; results in {}", files.len(), folder.display()));
    args.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}

/// A row has some 200 bytes.
const LARGEST_SHARD: u64 = 1 << 30;

/// Puts the shards of a fleet together.
fn fleet(args: &MergeArgs, paper: &Paper, files: &[PathBuf]) -> Result<ExitCode, InputError> {
    let text = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = String::from_utf8(read_bounded(path, LARGEST_SHARD)?);
        let text = text.map_err(|_| InputError::new(&name, "is no part of a fleet: it is no text"))?;
        Ok((name, text))
    };
    let (part, rows) = merge(&files.iter().map(text).collect::<Result<Vec<_>, InputError>>()?)?;
    let count = format::count(rows.len() as u64);
    let folder = args.folder(files);
    super::fleet::finish(&part.about, rows, &folder, (&args.output, paper), || Ok(()))?;
    args.output.note(&format!("{count} rows of {} shards; results in {}", files.len(), folder.display()));
    args.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}

/// A pipe is read only once, so it is not looked at: it may hold the shard of a sweep.
fn begins_with(path: &Path, head: &str) -> bool {
    if !path.is_file() {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(head.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == head.as_bytes()
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
            .help("write the shards with `sim sweep S.toml --shard I/N`, or `sim fleet TRACES --shard I/N`")),
        false => Ok(files),
    }
}
