//! The text of sweep.csv, and of the files that hold a part of it: a line of JSON that says what they are
//! part of, then the same columns.

use serde::{Deserialize, Serialize};

use super::front::on_front;
use super::row::{Figures, Row};
use crate::error::InputError;
use crate::scenario::Setting;
use crate::units::{MemoryMb, Span};

/// The columns; `on_front` and, unless it is 95, `percentile` follow in sweep.csv.
const COLUMNS: &str = "memory_mb,batch,timeout_s,predicted_p95_s,predicted_cost_usd_per_million,\
    simulated_p95_s,simulated_cost_usd_per_million,meets_slo";
/// What follows them in a part, for the charts of the whole.
const INTERVAL: &str = "interval_low_s,interval_high_s";

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

/// The text of sweep.csv and of pareto.csv, for all rows in the order of the grid.
pub fn csv(rows: &[Row], percentile: f64) -> (String, String) {
    let percent = if percentile == 95.0 { String::new() } else { format!(",{percentile}") };
    let header = format!("{COLUMNS},on_front{}\n", if percent.is_empty() { "" } else { ",percentile" });
    let (mut all, mut front) = (header.clone(), Vec::new());
    for (row, on_front) in rows.iter().zip(on_front(rows)) {
        let line = format!("{},{on_front}{percent}\n", cells(row));
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
    format!("# {}\n{COLUMNS},{INTERVAL}\n", serde_json::to_string(part).expect("plain data"))
}

/// The lines of rows in a part.
pub fn lines(rows: &[Row]) -> String {
    let interval = |row: &Row| row.interval_s.map_or(",".to_owned(), |[low, high]| format!("{low},{high}"));
    rows.iter().map(|row| format!("{},{}\n", cells(row), interval(row))).collect()
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

/// Reads a part: what it is, and its rows in the order of the file.
///
/// Errors: it is no such file; a line of it is broken.
pub fn read(file: &str, text: &str) -> Result<(Part, Vec<Row>), InputError> {
    let foreign = || {
        let help = "such files are written by `sim sweep`; the first line says what they are part of";
        InputError::new(file, "is no part of a sweep").help(help)
    };
    let mut lines = text.lines().enumerate();
    let first = lines.next().and_then(|(_, line)| line.strip_prefix("# ")).ok_or_else(foreign)?;
    let part: Part = serde_json::from_str(first).map_err(|_| foreign())?;
    if lines.next().is_none_or(|(_, line)| line != format!("{COLUMNS},{INTERVAL}")) {
        return Err(foreign());
    }
    let row = |(i, line): (usize, &str)| {
        parse(line).ok_or_else(|| InputError::at_line(file, i + 1, line, "is no row of a sweep"))
    };
    Ok((part, lines.map(row).collect::<Result<_, _>>()?))
}

/// Reads the rows of a sweep.csv.
///
/// Errors: it is no such file; a line of it is broken.
pub fn read_whole(file: &str, text: &str) -> Result<Vec<Row>, InputError> {
    let mut lines = text.lines().enumerate();
    if !lines.next().is_some_and(|(_, header)| header.starts_with(COLUMNS)) {
        return Err(InputError::new(file, "is no sweep.csv of `sim sweep`"));
    }
    let columns = COLUMNS.split(',').count();
    let row = |(i, line): (usize, &str)| {
        let end = line.match_indices(',').nth(columns - 1).map_or(line.len(), |(at, _)| at);
        parse(&format!("{},,", &line[..end]))
            .ok_or_else(|| InputError::at_line(file, i + 1, line, "is no row of a sweep"))
    };
    lines.map(row).collect()
}

fn parse(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.split(',').collect();
    let [setting @ .., predicted_s, predicted_usd, simulated_s, simulated_usd, meets, low, high] = &cells[..]
    else {
        return None;
    };
    let [memory, batch, timeout] = setting else { return None };
    let timeout = Span::from_secs_f64(timeout.parse().ok()?)?;
    let setting = Setting::new(MemoryMb(memory.parse().ok()?), batch.parse().ok()?, timeout);
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
    let any = predicted.is_some() || simulated.is_some();
    any.then_some(Row { setting, predicted, simulated, interval_s, meets_slo })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_were_written(
            memory in 128u32..10_240, batch in 1u32..200, timeout in 0u64..1 << 50,
            latency_s in 0.0f64..1e4, usd_per_million in 0.0f64..1e6, both: bool, meets_slo: Option<bool>,
            interval_s: Option<[f64; 2]>,
        ) {
            let figures = Figures { latency_s, usd_per_million };
            let setting = Setting::new(MemoryMb(memory), batch, Span(timeout));
            let interval_s = interval_s.filter(|[low, high]| low.is_finite() && high.is_finite());
            let predicted = both.then_some(figures);
            let row = Row { setting, predicted, simulated: Some(figures), interval_s, meets_slo };
            prop_assert_eq!(parse(lines(&[row]).trim_end()), Some(row));
        }
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for bad in [
            "",
            "1,2,3",
            "1,2,0.1,,,,,true,,",
            "1,2,0.1,1,,,,,,",
            "1,2,-0.1,1,1,,,,,",
            "1,2,0.1,1,1,,,maybe,,",
            "1,2,0.1,NaN,1,,,,,",
            "1,2,0.1,1,1,,,,0.1,",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
