//! Puts the shards of a sweep together, each of which must be there once and whole.

use std::collections::BTreeMap;
use std::io::Read;

use super::row::Row;
use super::table::{self, Part};
use crate::error::InputError;
use crate::scenario::grid::MOST_POINTS;

/// The shards so far.
#[derive(Debug, Default)]
pub struct Merge {
    /// By number, the files that hold them.
    names: BTreeMap<u32, String>,
    first: Option<(String, Part)>,
    rows: Vec<Row>,
}

impl Merge {
    /// Adds a shard.
    ///
    /// # Errors
    /// It is not whole, was changed, is there already, or is of another sweep than the first.
    pub fn add(&mut self, name: &str, text: impl Read) -> Result<(), InputError> {
        let (part, rows) = table::read(name, text)?;
        let (first_name, first) = self.first.get_or_insert_with(|| (name.to_owned(), part.clone()));
        let (asked, of_first) = (part.asked(), first.asked());
        if (&asked.fingerprint, asked.of, &asked.about)
            != (&of_first.fingerprint, of_first.of, &of_first.about)
        {
            return Err(InputError::new(name, format!("is of another sweep than {first_name}")).help(
                "all shards need the same scenario, files, seed, options, N and build of the program",
            ));
        }
        if let Some(other) = self.names.insert(part.shard, name.to_owned()) {
            return Err(InputError::new(name, format!("is shard {} of {} again", part.shard, part.of))
                .help(format!("it is in {other} already: leave one of them out")));
        }
        if self.rows.len() + rows.len() > MOST_POINTS {
            return Err(InputError::new(name, format!("brings the rows to more than {MOST_POINTS}")));
        }
        self.rows.extend(rows);
        Ok(())
    }

    /// What the whole is, and all rows in the order of the grid.
    ///
    /// # Errors
    /// A shard is missing; a row is in two of them.
    pub fn finish(self) -> Result<(Part, Vec<Row>), InputError> {
        let Some((name, part)) = self.first else {
            return Err(InputError::new("sim merge", "there are no shards"));
        };
        let lost = missing(part.of, self.names.keys().copied());
        if !lost.is_empty() {
            return Err(InputError::new(name, format!("of {} shards these are missing: {lost}", part.of))
                .help("write them with `sim sweep S.toml --shard I/N`"));
        }
        let count = self.rows.len();
        let rows = sorted(self.rows);
        match rows.len() == count {
            true => Ok((part, rows)),
            false => {
                Err(InputError::new(name, format!("{} rows are in more than one shard", count - rows.len())))
            }
        }
    }
}

/// In the order of the grid, each configuration once.
pub fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row.setting);
    rows.dedup_by_key(|row| row.setting);
    rows
}

/// The numbers up to `of` that are not there, in words: `3, 5 to 8`.
fn missing(of: u32, there: impl Iterator<Item = u32>) -> String {
    let mut gaps = Vec::new();
    let mut next = 1;
    for number in there.chain([of + 1]) {
        match number - next {
            0 => {}
            1 => gaps.push(next.to_string()),
            _ => gaps.push(format!("{next} to {}", number - 1)),
        }
        next = number + 1;
    }
    gaps.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_in_words() {
        assert_eq!(missing(3, 1..=3), "");
        assert_eq!(missing(100_000, [2, 4].into_iter()), "1, 3, 5 to 100000");
        assert_eq!(missing(4, [1, 4].into_iter()), "2 to 3");
    }
}
