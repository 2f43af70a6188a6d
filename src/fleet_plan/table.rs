//! The text of fleet.csv, and of the files that hold a part of it: a line of JSON that says what they are part of, then
//! the same columns with the function's number before them and a check sum after them, then a line that says the part
//! is whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::profiles::Template;
use super::row::{Planned, Reason, Row, sort};
use crate::arrivals::trace::FunctionsSpec;
use crate::error::InputError;
use crate::outcome::Model;
use crate::scenario::Setting;
use crate::scenario::platform::Environments;
use crate::sweep::journal;
use crate::sweep::run::Mode;
use crate::sweep::shard::{self, contents_of};
use crate::sweep::sum::Sum;
use crate::text;
use crate::units::{MemoryMb, Span};

/// The columns.
const COLUMNS: [&str; 13] = [
    "function",
    "requests",
    "rate_per_s",
    "memory_mb",
    "batch",
    "timeout_s",
    "p_slo_s",
    "violation_share",
    "cost_usd_per_month",
    "unbatched_usd_per_month",
    "saving_usd_per_month",
    "cold_start_share",
    "note",
];
/// How the first line of a part begins.
pub const HEAD: &str = "# fleet ";
/// How the last line of a whole part begins.
const END: &str = "# end: ";

/// What a part of a fleet is part of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Of everything that rows depend on.
    pub fingerprint: String,
    /// Its number, from 1.
    pub shard: u32,
    /// The number of parts.
    pub of: u32,
    /// What the fleet is about.
    pub about: About,
}

/// What readers want to know besides the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Model and prices.
    pub headline: String,
    /// The objective in words.
    pub objective: String,
    /// The objective's percentile, such as 95.
    pub percentile: f64,
    /// How long all functions were watched \[s\].
    pub length_s: f64,
    /// Do environments start cold?
    pub cold_starts: bool,
    /// How the trace was read and the profiles were chosen, once it is known.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The check sum of a trace's files.
///
/// # Errors
/// They cannot be read again and again.
pub fn contents(name: &str, paths: &[PathBuf]) -> Result<String, InputError> {
    contents_of(name, paths)
}

/// A number that changes with anything that rows depend on, but not with the folder of the trace.
pub fn fingerprint(template: &Template, spec: &FunctionsSpec, contents: &str) -> String {
    let spec = FunctionsSpec { paths: Vec::new(), ..spec.clone() };
    let told = format!("{contents} {spec:?} {}", template.told());
    shard::fingerprint(template.scenario(), Model::Exact, Mode::Simulate, &told)
}

/// What a fleet of functions that were watched for `length` is about.
pub fn about(template: &Template, length: Span) -> About {
    let scenario = template.scenario();
    let slo = &scenario.slo;
    let latency = slo.latency.map(|latency| format!("{} within {latency}", slo.name()));
    let budget = slo.budget_usd_per_million.map(|usd| format!("at most ${usd} a million"));
    About {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        headline: format!(
            "{}, prices of {}",
            text::line(&scenario.profile.model),
            text::line(&scenario.platform.book.name)
        ),
        objective: latency.into_iter().chain(budget).collect::<Vec<_>>().join(", "),
        percentile: (slo.percentile * 1e8).round() / 1e6,
        length_s: length.as_secs_f64(),
        cold_starts: matches!(scenario.platform.environments, Environments::Pool(_)),
        notes: Vec::new(),
    }
}

/// The text of fleet.csv.
pub fn csv(rows: &[Row]) -> String {
    let line = |row: &Row| record(&cells(row, &text::csv(&row.function))) + "\n";
    let mut sorted = rows.to_vec();
    sort(&mut sorted);
    record(&COLUMNS.map(str::to_owned)) + "\n" + &sorted.iter().map(line).collect::<String>()
}

/// The first lines of a part.
pub fn head(part: &Part) -> String {
    let part = serde_json::to_string(part).expect("plain data");
    format!("{HEAD}{part}\nnumber,{},sum\n", COLUMNS.join(","))
}

/// The line of a row in a part.
pub fn line(part: &Part, row: &Row) -> String {
    let text = format!("{},{}", row.number, record(&cells(row, &row.function)));
    let sum = part.sum(&text);
    format!("{text},{sum:016x}\n")
}

/// The text of a whole part.
pub fn whole(part: &Part, rows: &[Row]) -> String {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.number);
    let text = head(part) + &rows.iter().map(|row| line(part, row)).collect::<String>();
    let end = format!("{END}{} rows, {:032x}\n", rows.len(), Sum::of(&text).value());
    text + &end
}

/// What a whole part holds; else what is wrong with it.
pub fn read(text: &str) -> Result<(Part, Vec<Row>), String> {
    let no_part = || "is no part of a fleet".to_owned();
    let json = text.strip_prefix(HEAD).and_then(|text| text.lines().next()).ok_or_else(no_part)?;
    let part: Part = serde_json::from_str(json).map_err(|_| no_part())?;
    let body = text.strip_prefix(&head(&part)).ok_or_else(no_part)?;
    let Some((rows, end)) = body.rfind(END).map(|at| body.split_at(at)) else {
        return Err("is not whole: it has no end".to_owned());
    };
    let rows: Vec<Row> = rows
        .split_inclusive('\n')
        .map(|line| {
            line.strip_suffix('\n')
                .and_then(|text| part.row(text))
                .ok_or_else(|| format!("has a line that was changed: {}", line.trim_end()))
        })
        .collect::<Result<_, _>>()?;
    match text == whole(&part, &rows) && end.ends_with('\n') {
        true => Ok((part, rows)),
        false => Err("was changed, or is not whole".to_owned()),
    }
}

impl Part {
    /// The same row has another sum in another fleet and in another shard.
    fn sum(&self, row: &str) -> u64 {
        let mut sum = Sum::of(&self.fingerprint);
        sum.add(&self.shard.to_le_bytes());
        sum.add(&self.of.to_le_bytes());
        sum.add(row.as_bytes());
        sum.short()
    }

    /// Reads a row's line, without its end; `None` if it was changed, or is another part's.
    pub fn row(&self, line: &str) -> Option<Row> {
        let (text, sum) = line.rsplit_once(',')?;
        let right = sum.len() == 16 && u64::from_str_radix(sum, 16).ok()? == self.sum(text);
        if right { parse(text) } else { None }
    }
}

impl journal::Part for Part {
    type Row = Row;
    type Key = usize;
    const NAME: &str = "fleet";
    const MARK: &str = HEAD;
    const CHANGES: &str =
        "the scenario, its grid, profiles, prices or trace, the seed, the shard or the program";
    // The names are the trace's.
    const LONGEST_ROW: u64 = 1 << 20;

    fn head(&self) -> String {
        head(self)
    }

    fn lines(&self, rows: &[Row]) -> String {
        rows.iter().map(|row| line(self, row)).collect()
    }

    fn row(&self, line: &str) -> Option<Row> {
        self.row(line)
    }

    fn key(row: &Row) -> usize {
        row.number
    }
}

/// Fields as a line, quoted where they must be.
fn record(fields: &[String]) -> String {
    let quoted =
        |field: &String| match field.contains([',', '"', '\n', '\r']) || field.starts_with([' ', '#']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.clone(),
        };
    fields.iter().map(quoted).collect::<Vec<_>>().join(",")
}

fn cells(row: &Row, name: &str) -> [String; 13] {
    let mut cells: [String; 13] = Default::default();
    cells[0] = name.to_owned();
    (cells[1], cells[2]) = (row.requests.to_string(), row.rate_per_s.to_string());
    if let Some(p) = &row.planned {
        let Setting { memory, batch, timeout, .. } = p.setting;
        let alone = p.unbatched_usd_per_month;
        (cells[3], cells[4]) = (memory.0.to_string(), batch.to_string());
        (cells[5], cells[6]) = (timeout.as_secs_f64().to_string(), p.p_slo_s.to_string());
        (cells[7], cells[8]) = (p.violation_share.to_string(), p.usd_per_month.to_string());
        cells[9] = alone.map_or_else(String::new, |usd| usd.to_string());
        cells[10] = alone.map_or_else(String::new, |_| row.saving().to_string());
        cells[11] = p.cold_start_share.to_string();
    }
    cells[12] = row.reason.words().to_owned();
    cells
}

fn parse(text: &str) -> Option<Row> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let fields = reader.records().next()?.ok()?;
    let cell = |column: usize| fields.get(column + 1).unwrap_or("");
    let reason = Reason::ALL.into_iter().find(|reason| reason.words() == cell(12))?;
    let planned = match cell(3) {
        "" => None,
        memory => {
            let setting = Setting::new(
                MemoryMb(memory.parse().ok()?),
                cell(4).parse().ok()?,
                Span::from_secs_f64(cell(5).parse().ok()?)?,
            );
            Some(Planned {
                setting,
                p_slo_s: cell(6).parse().ok()?,
                violation_share: cell(7).parse().ok()?,
                usd_per_month: cell(8).parse().ok()?,
                unbatched_usd_per_month: match cell(9) {
                    "" => None,
                    usd => Some(usd.parse().ok()?),
                },
                cold_start_share: cell(11).parse().ok()?,
            })
        }
    };
    Some(Row {
        number: fields.get(0)?.parse().ok()?,
        function: cell(0).to_owned(),
        requests: cell(1).parse().ok()?,
        rate_per_s: cell(2).parse().ok()?,
        planned,
        reason,
    })
}
