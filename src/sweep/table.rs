//! The text of sweep.csv, and of the files that hold a part of it: a line of JSON that says what they are
//! part of, then the same columns and a check sum for each row, then a line that says the part is whole.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};

use super::front::on_front;
use super::row::{Counts, Figures, Row};
use super::shard::MOST_SHARDS;
use super::sum::Sum;
use crate::error::InputError;
use crate::scenario::Setting;
use crate::scenario::grid::MOST_POINTS;
use crate::units::{MemoryMb, Span};

/// The columns; `on_front` and, unless it is 95, `percentile` follow in sweep.csv.
const COLUMNS: &str = "memory_mb,batch,timeout_s,predicted_p95_s,predicted_cost_usd_per_million,\
    simulated_p95_s,simulated_cost_usd_per_million,meets_slo";
/// What follows at the end of a row.
const COUNTS: &str = "simulated_p50_s,simulated_p99_s,simulated_slo_s,simulated_violation_share,simulated_mean_batch,\
    simulated_cold_start_share,simulated_cost_usd_per_month,provisioned";
/// What follows the first columns in a part, for the charts of the whole.
const INTERVAL: &str = "interval_low_s,interval_high_s";
/// How the last line of a whole part begins.
const END: &str = "# end: ";
/// The longest line \[bytes\]: the first one holds names.
const LONGEST_LINE: usize = 1 << 20;

/// What a part of a sweep is part of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Of everything that the figures depend on.
    pub fingerprint: String,
    /// Its number, from 1.
    pub shard: u32,
    /// The number of parts.
    pub of: u32,
    /// The number of its rows when it is complete.
    pub rows: usize,
    /// What the sweep is about.
    pub about: About,
}

/// What readers of a sweep want to know besides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Model and prices.
    pub headline: String,
    /// Which analytic model.
    pub model: String,
    /// The percentile of the latency figures, such as 95.
    pub percentile: f64,
    /// The objective's latency \[s\].
    pub slo_latency_s: Option<f64>,
    /// The objective's budget [$ per million requests].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd_per_million: Option<f64>,
    /// The objective in words; empty if nothing is asked.
    pub objective: String,
    /// Do environments start cold?
    pub cold_starts: bool,
    /// Was the workload fitted, being a trace?
    pub fitted: bool,
    /// How the trace was read, once it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reading: Vec<String>,
}

impl Part {
    /// The same without what is only known once the trace was read: what parts of one sweep have in common, besides
    /// their numbers.
    pub fn asked(&self) -> Part {
        Part { about: About { reading: Vec::new(), ..self.about.clone() }, ..self.clone() }
    }
}

/// The names of the columns of sweep.csv.
pub fn header(percentile: f64) -> String {
    let named = if percentile == 95.0 { "" } else { ",percentile" };
    format!("{COLUMNS},on_front{named},{COUNTS}")
}

/// The text of sweep.csv and of pareto.csv, for all rows in the order of the grid.
pub fn csv(rows: &[Row], percentile: f64) -> (String, String) {
    let percent = if percentile == 95.0 { String::new() } else { format!(",{percentile}") };
    let header = header(percentile) + "\n";
    let (mut all, mut front) = (header.clone(), Vec::new());
    for (row, on_front) in rows.iter().zip(on_front(rows)) {
        let line = format!("{},{on_front}{percent},{}\n", cells(row), counts(row));
        all.push_str(&line);
        if on_front {
            front.push((row.figures().latency_s, line));
        }
    }
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lines: String = front.into_iter().map(|(_, line)| line).collect();
    (all, header + &lines)
}

/// The first lines of a part.
pub fn head(part: &Part) -> String {
    format!("# {}\n{}", serde_json::to_string(part).expect("plain data"), columns())
}

/// The second line of a part: a row ends with its check sum.
fn columns() -> String {
    format!("{COLUMNS},{INTERVAL},{COUNTS},sum\n")
}

/// The lines of rows in a part.
pub fn lines(part: &Part, rows: &[Row]) -> String {
    let interval = |row: &Row| row.interval_s.map_or(",".to_owned(), |[low, high]| format!("{low},{high}"));
    let line = |row: &Row| part.signed(&format!("{},{},{}", cells(row), interval(row), counts(row))) + "\n";
    rows.iter().map(line).collect()
}

/// The text of a whole part.
pub fn whole(part: &Part, rows: &[Row]) -> String {
    let text = head(part) + &lines(part, rows);
    let end = format!("{END}{} rows, {:032x}\n", rows.len(), Sum::of(&text).value());
    text + &end
}

impl Part {
    /// The check sum of a row's text: the same row has another in another sweep and in another shard.
    fn sum(&self, row: &str) -> u64 {
        let mut sum = Sum::of(&self.fingerprint);
        sum.add(&self.shard.to_le_bytes());
        sum.add(&self.of.to_le_bytes());
        sum.add(row.as_bytes());
        sum.short()
    }

    /// A row's text with its check sum.
    pub fn signed(&self, row: &str) -> String {
        format!("{row},{:016x}", self.sum(row))
    }

    /// Reads a row's line; `None` if it was changed, or is another part's.
    pub fn row(&self, line: &str) -> Option<Row> {
        let (text, sum) = line.rsplit_once(',')?;
        let right = sum.len() == 16 && u64::from_str_radix(sum, 16).ok()? == self.sum(text);
        if right { parse(text) } else { None }
    }

    /// Could `sim sweep` have written this? A forged head must not make anybody reserve memory.
    fn is_possible(&self) -> bool {
        (1..=self.of).contains(&self.shard) && self.of <= MOST_SHARDS && self.rows <= MOST_POINTS
    }
}

fn cells(row: &Row) -> String {
    let Setting { memory, batch, timeout, .. } = row.setting;
    let figures = |figures: Option<Figures>| match figures {
        Some(Figures { latency_s, usd_per_million }) => format!("{latency_s},{usd_per_million}"),
        None => ",".to_owned(),
    };
    let (predicted, simulated) = (figures(row.predicted), figures(row.simulated));
    let meets = row.meets_slo.map_or(String::new(), |meets| meets.to_string());
    format!("{},{batch},{},{predicted},{simulated},{meets}", memory.0, timeout.as_secs_f64())
}

/// The cells of [`COUNTS`].
fn counts(row: &Row) -> String {
    let provisioned = row.setting.provisioned;
    match (row.counts, row.simulated) {
        (Some(c), Some(s)) => format!(
            "{},{},{},{},{},{},{},{provisioned}",
            c.p50_s, c.p99_s, s.latency_s, c.late, c.mean_batch, c.cold_starts, c.usd_per_month
        ),
        _ => format!(",,,,,,,{provisioned}"),
    }
}

/// Reads a whole part: what it is, and its rows in the order of the file.
///
/// # Errors
/// It is no such file; a line of it was changed; it is not whole.
pub fn read(file: &str, text: impl Read) -> Result<(Part, Vec<Row>), InputError> {
    let mut lines = Lines::new(text);
    let mut sum = Sum::new();
    let part = read_head(file, &mut lines, &mut sum)?;
    let mut rows = Vec::new();
    loop {
        let Some(line) = lines.next(file)? else { return Err(not_whole(file, &part, rows.len())) };
        if let Some(end) = line.strip_prefix(END) {
            let right = format!("{} rows, {:032x}\n", part.rows, sum.value());
            if rows.len() != part.rows || end != right {
                return Err(not_whole(file, &part, rows.len()));
            }
            return match lines.next(file)? {
                None => Ok((part, rows)),
                Some(more) => Err(lines.error(file, &more, "follows the end of the part")),
            };
        }
        if rows.len() == part.rows {
            return Err(lines.error(file, &line, format!("is beyond the {} rows of the part", part.rows)));
        }
        let row = line.strip_suffix('\n').and_then(|line| part.row(line));
        // Cut short within a line.
        let Some(row) = row else {
            return Err(match line.ends_with('\n') {
                true => lines.error(file, &line, "was changed: its check sum does not agree"),
                false => not_whole(file, &part, rows.len()),
            });
        };
        sum.add(line.as_bytes());
        rows.push(row);
    }
}

fn not_whole(file: &str, part: &Part, rows: usize) -> InputError {
    let help = format!("go on with `sim sweep ... --shard {}/{} --resume`", part.shard, part.of);
    let message = match rows == part.rows {
        true => "is not whole: the line that ends it is missing or was changed".to_owned(),
        false => format!("is not whole: it has {rows} of {} rows", part.rows),
    };
    InputError::new(file, message).help(help)
}

fn read_head<R: Read>(file: &str, lines: &mut Lines<R>, sum: &mut Sum) -> Result<Part, InputError> {
    let foreign = || {
        let help = "such files are written by `sim sweep`; the first line says what they are part of";
        InputError::new(file, "is no part of a sweep").help(help)
    };
    let first = lines.next(file)?.ok_or_else(foreign)?;
    let json = first.strip_prefix("# ").ok_or_else(foreign)?;
    let part: Part = serde_json::from_str(json).map_err(|_| foreign())?;
    let line = lines.next(file)?.ok_or_else(foreign)?;
    if line != columns() || !part.is_possible() {
        return Err(foreign());
    }
    sum.add(first.as_bytes());
    sum.add(line.as_bytes());
    Ok(part)
}

/// Reads the rows of a sweep.csv.
///
/// # Errors
/// It is no such file; a line of it is broken; it is larger than a grid can be.
pub fn read_whole(file: &str, text: impl Read) -> Result<Vec<Row>, InputError> {
    let mut lines = Lines::new(text);
    let header = lines.next(file)?.unwrap_or_default();
    if !header.starts_with(COLUMNS) {
        return Err(InputError::new(file, "is no sweep.csv of `sim sweep`"));
    }
    let columns = COLUMNS.split(',').count();
    // An older file has fewer columns.
    let counted = header.trim_end().split(',').position(|name| COUNTS.starts_with(name));
    let (mut rows, mut known) = (Vec::new(), BTreeSet::new());
    while let Some(line) = lines.next(file)? {
        let text = line.trim_end_matches(['\n', '\r']);
        let cells: Vec<&str> = text.split(',').collect();
        let first = cells.get(..columns).map(|cells| cells.join(","));
        let last = counted.map_or(Some(NOT_COUNTED.to_owned()), |at| Some(cells.get(at..)?.join(",")));
        let row = first.zip(last).and_then(|(first, last)| parse(&format!("{first},,,{last}")));
        let row = row.ok_or_else(|| lines.error(file, &line, "is no row of a sweep"))?;
        if !known.insert(row.setting) {
            return Err(lines.error(file, &line, "has a configuration that an earlier line has"));
        }
        rows.push(row);
        if rows.len() > MOST_POINTS {
            return Err(InputError::new(file, format!("has more than {MOST_POINTS} rows")));
        }
    }
    Ok(rows)
}

/// Lines of a bounded length, their ends included.
struct Lines<R> {
    text: BufReader<R>,
    number: usize,
}

impl<R: Read> Lines<R> {
    fn new(text: R) -> Lines<R> {
        Lines { text: BufReader::with_capacity(1 << 16, text), number: 0 }
    }

    fn next(&mut self, file: &str) -> Result<Option<String>, InputError> {
        let mut line = Vec::new();
        let mut bounded = self.text.by_ref().take(LONGEST_LINE as u64 + 1);
        let read = bounded.read_until(b'\n', &mut line).map_err(|e| InputError::io(file, &e))?;
        self.number += 1;
        if read > LONGEST_LINE {
            let message = format!("line {} is longer than {LONGEST_LINE} bytes", self.number);
            return Err(InputError::new(file, message).help("is this the right file?"));
        }
        let no_text = |_| InputError::new(file, format!("line {} is not UTF-8 text", self.number));
        if read == 0 { Ok(None) } else { String::from_utf8(line).map(Some).map_err(no_text) }
    }

    fn error(&self, file: &str, line: &str, message: impl Into<String>) -> InputError {
        InputError::at_line(file, self.number, line, message)
    }
}

/// The cells of [`COUNTS`] where nothing was counted, and nothing provisioned.
const NOT_COUNTED: &str = ",,,,,,,0";

/// The cells of [`COLUMNS`], [`INTERVAL`] and [`COUNTS`].
fn parse(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split(',').collect();
    let (first, more) = cells.split_at_checked(COLUMNS.split(',').count())?;
    let [memory, batch, timeout, predicted_s, predicted_usd, simulated_s, simulated_usd, meets] = first
    else {
        return None;
    };
    let [low, high, counted @ .., provisioned] = more else { return None };
    let timeout = Span::from_secs_f64(timeout.parse().ok()?)?;
    let provisioned = provisioned.parse().ok()?;
    let setting =
        Setting { provisioned, ..Setting::new(MemoryMb(memory.parse().ok()?), batch.parse().ok()?, timeout) };
    let two = |a: &str, b: &str| match (a, b) {
        ("", "") => Some(None),
        _ => {
            let number = |text: &str| text.parse().ok().filter(|value: &f64| value.is_finite());
            Some(Some([number(a)?, number(b)?]))
        }
    };
    let figures = |latency: &str, usd: &str| {
        let found = two(latency, usd)?;
        Some(found.map(|[latency_s, usd_per_million]| Figures { latency_s, usd_per_million }))
    };
    let meets_slo = match *meets {
        "" => None,
        text => Some(text.parse().ok()?),
    };
    let predicted = figures(predicted_s, predicted_usd)?;
    let simulated = figures(simulated_s, simulated_usd)?;
    let interval_s = two(low, high)?;
    let counts = parse_counts(counted)?;
    // What was counted is of a simulation.
    let whole = simulated.is_some() || (predicted.is_some() && counts.is_none());
    whole.then_some(Row { setting, predicted, simulated, interval_s, meets_slo, counts })
}

/// All of them, or none.
fn parse_counts(cells: &[&str]) -> Option<Option<Counts>> {
    let [p50_s, p99_s, slo_s, late, mean_batch, cold_starts, usd_per_month] = cells else { return None };
    if cells.iter().all(|cell| cell.is_empty()) {
        return Some(None);
    }
    let number = |text: &str| text.parse().ok().filter(|value: &f64| value.is_finite());
    number(slo_s)?;
    Some(Some(Counts {
        p50_s: number(p50_s)?,
        p99_s: number(p99_s)?,
        late: number(late)?,
        mean_batch: number(mean_batch)?,
        cold_starts: number(cold_starts)?,
        usd_per_month: number(usd_per_month)?,
    }))
}

#[cfg(test)]
mod tests;
