//! `sim merge`: puts the shards of a sweep together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::OutputArgs;
use super::sweep::{finish, sorted};
use crate::error::InputError;
use crate::report::format;
use crate::sweep::row::Row;
use crate::sweep::table::{self, Part};

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
    let (part, rows) = merged(&files)?;
    let folder = args.out.clone().or_else(|| files[0].parent().map(Path::to_owned)).unwrap_or_default();
    finish(&part.about, &rows, &folder, &args.output)?;
    let count = format::count(rows.len() as u64);
    args.output.note(&format!("{count} rows of {} shards; results in {}", files.len(), folder.display()));
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

/// All rows in the order of the grid.
///
/// Errors: the shards are not of one sweep; one is lost, repeated or not whole.
fn merged(files: &[PathBuf]) -> Result<(Part, Vec<Row>), InputError> {
    let mut shards: BTreeMap<u32, String> = BTreeMap::new();
    let mut first: Option<(String, Part)> = None;
    let mut all = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| InputError::io(path, &e))?;
        let (part, rows) = table::read(&name, &text)?;
        let (first_name, first) = first.get_or_insert_with(|| (name.clone(), part.clone()));
        if part.fingerprint != first.fingerprint || part.of != first.of {
            return Err(InputError::new(&name, format!("is of another sweep than {first_name}"))
                .help("all shards need the same scenario, seed, options, N and version of the program"));
        }
        if rows.len() != part.rows {
            let help = format!("go on with `sim sweep ... --shard {}/{} --resume`", part.shard, part.of);
            let message = format!("is not whole: it has {} of {} rows", rows.len(), part.rows);
            return Err(InputError::new(&name, message).help(help));
        }
        if let Some(other) = shards.insert(part.shard, name.clone()) {
            return Err(InputError::new(&name, format!("is shard {} of {} again", part.shard, part.of))
                .help(format!("it is in {other} already: leave one of them out")));
        }
        all.extend(rows);
    }
    let Some((name, part)) = first else { return Err(InputError::new("sim merge", "there are no shards")) };
    let lost: Vec<String> =
        (1..=part.of).filter(|i| !shards.contains_key(i)).map(|i| i.to_string()).collect();
    if !lost.is_empty() {
        let lost = lost.join(", ");
        return Err(InputError::new(name, format!("of {} shards these are missing: {lost}", part.of))
            .help("write them with `sim sweep S.toml --shard I/N`"));
    }
    let count = all.len();
    let rows = sorted(all);
    match rows.len() == count {
        true => Ok((part, rows)),
        false => {
            Err(InputError::new(name, format!("{} rows are in more than one shard", count - rows.len())))
        }
    }
}
