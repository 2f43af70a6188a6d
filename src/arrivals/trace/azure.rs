//! The layout of the Azure Functions trace of 2019: invocations per function and minute.
//!
//! Source: M. Shahrad et al., "Serverless in the Wild", USENIX ATC 2020.

use super::counts::{Bins, whole};
use super::lines::{Fields, Lines};
use super::names::minutes_start;
use super::quotes::unquoted_text;
use super::reading::Reading;
use super::table::Table;
use crate::error::{InputError, nearest};

/// Names kept for the suggestion when a row is not found.
const KEPT_NAMES: usize = 100_000;
/// Longer names are not kept: a line may have megabytes.
const LONGEST_NAME: usize = 1_000;
/// Names listed in an error.
const SHOWN_NAMES: usize = 5;

/// One row of the 2019 layout.
pub(super) struct AzureRow {
    name: String,
    counts: std::iter::Enumerate<std::vec::IntoIter<u64>>,
}

impl AzureRow {
    /// Looks for the row in the text; only that row is kept.
    pub(super) fn find(
        mut lines: Lines,
        table: &Table,
        wanted: Option<&str>,
    ) -> Result<AzureRow, InputError> {
        let Some(first_minute) = minutes_start(&table.names) else {
            return Err(InputError::new(lines.name(), "has no columns 1, 2, 3, ... for the minutes").help(
                "the azure-2019 layout has a header such as HashOwner,HashApp,HashFunction,Trigger,1,2,3",
            ));
        };
        let key = table.names.iter().position(|name| name == "HashFunction").unwrap_or(0);
        let mut names: Vec<String> = Vec::new();
        while let Some(line) = lines.next()? {
            let field = lines.field(&line, table.delimiter, key, "the name of the row")?;
            let name = unquoted_text(lines.text(&line), &field);
            if Some(name.as_str()) == wanted {
                return AzureRow::parse(&lines, line, table, first_minute, name);
            }
            if names.len() < KEPT_NAMES && name.len() <= LONGEST_NAME {
                names.push(name);
            }
        }
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let some = format!(
            "rows: {}{}",
            known[..known.len().min(SHOWN_NAMES)].join(", "),
            if known.len() > SHOWN_NAMES { ", ..." } else { "" }
        );
        Err(match wanted {
            None => InputError::new(lines.name(), "has a row for each function; which one is not said")
                .help(format!("set `row` to a name; {some}")),
            Some(wanted) => {
                let meant = nearest(wanted, &known).map(|name| format!("did you mean `{name}`? "));
                InputError::new(lines.name(), format!("has no row `{wanted}`"))
                    .help(format!("{}{some}", meant.unwrap_or_default()))
            }
        })
    }

    fn parse(
        lines: &Lines,
        line: std::ops::Range<usize>,
        table: &Table,
        first_minute: usize,
        name: String,
    ) -> Result<AzureRow, InputError> {
        let shape = (table.delimiter, first_minute, table.names.len() - first_minute);
        let counts = minute_counts(lines, &line, shape, &name)?;
        Ok(AzureRow { name: lines.name().to_owned(), counts: counts.into_iter().enumerate() })
    }
}

/// The counts of a row: what stands between its fields, where its minutes start, how many the header has.
pub(super) fn minute_counts(
    lines: &Lines,
    line: &std::ops::Range<usize>,
    (delimiter, first_minute, minutes): (u8, usize, usize),
    name: &str,
) -> Result<Vec<u64>, InputError> {
    let text = lines.text(line);
    let mut counts = Vec::with_capacity(minutes);
    for field in Fields::new(text, delimiter).map_while(Result::ok).skip(first_minute) {
        let count = whole(&text[field.clone()]).map_err(|reason| {
            lines.error(line, field, reason).help("a minute has a whole number of invocations")
        })?;
        counts.push(count);
    }
    if counts.len() != minutes {
        let message = format!("row `{name}` has {} minutes, the header {minutes}", counts.len());
        return Err(lines.error(line, 0..text.len(), message).help("mend the row"));
    }
    Ok(counts)
}

impl Bins for AzureRow {
    fn next(&mut self) -> Result<Option<(u64, u64)>, InputError> {
        Ok(self.counts.next().map(|(minute, count)| (minute as u64, count)))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn report(&self, reading: &mut Reading) {
        reading.times = "a column for each minute".into();
    }
}
