//! Puts the shards of a fleet together, each of which must be there once and whole.

use std::collections::BTreeMap;

use super::row::Row;
use super::table::{self, Part};
use crate::error::InputError;

/// The rows of all shards, given each file's name and text, and what they are part of.
///
/// # Errors
/// A shard is missing, there twice, not whole, or of another fleet.
pub fn merge(files: &[(String, String)]) -> Result<(Part, Vec<Row>), InputError> {
    let mut names: BTreeMap<u32, &str> = BTreeMap::new();
    let mut first: Option<(&str, Part)> = None;
    let mut rows = Vec::new();
    for (name, text) in files {
        let (part, found) = table::read(text).map_err(|message| {
            InputError::new(name, message).help("write it with `sim fleet TRACES --shard I/N`")
        })?;
        let (first_name, first) = first.get_or_insert_with(|| (name, part.clone()));
        if (&part.fingerprint, part.of, &part.about) != (&first.fingerprint, first.of, &first.about) {
            return Err(InputError::new(name, format!("is of another fleet than {first_name}")).help(
                "all shards need the same scenario, files, seed, options, N and build of the program",
            ));
        }
        if let Some(other) = names.insert(part.shard, name) {
            return Err(InputError::new(name, format!("is shard {} of {} again", part.shard, part.of))
                .help(format!("it is in {other} already: leave one of them out")));
        }
        rows.extend(found);
    }
    let Some((name, part)) = first else { return Err(InputError::new("sim merge", "there are no shards")) };
    let lost: Vec<String> =
        (1..=part.of).filter(|shard| !names.contains_key(shard)).map(|shard| shard.to_string()).collect();
    if !lost.is_empty() {
        let message = format!("of {} shards these are missing: {}", part.of, lost.join(", "));
        return Err(InputError::new(name, message).help("write them with `sim fleet TRACES --shard I/N`"));
    }
    rows.sort_by_key(|row| row.number);
    let is_whole = rows.iter().enumerate().all(|(i, row)| row.number == i);
    match is_whole {
        true => Ok((part, rows)),
        false => Err(InputError::new(
            name,
            "the shards are not of one trace: functions are missing, or there twice",
        )
        .help("write them all anew")),
    }
}
