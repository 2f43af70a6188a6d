//! Two sweeps, row by row.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::{cheapest, relative, signed_percent};
use crate::report::format;
use crate::report::plan::named;
use crate::report::table::text_table;
use crate::scenario::Setting;
use crate::sweep::row::{Figures, Row};

/// How two sweeps differ, B against A; rows are matched by configuration.
#[derive(Debug, Serialize)]
pub struct SweepDiff {
    kind: &'static str,
    a: String,
    b: String,
    rows_a: usize,
    rows_b: usize,
    matched: usize,
    figures: Vec<Column>,
    meets_slo_only_in_a: usize,
    meets_slo_only_in_b: usize,
    cheapest_in_a: Option<Cheapest>,
    cheapest_in_b: Option<Cheapest>,
}

/// One figure over all rows that both sweeps have.
#[derive(Debug, Serialize)]
struct Column {
    name: &'static str,
    compared: usize,
    changed: usize,
    /// Relative changes of the changed rows; absent where none changed.
    lowest: Option<Change>,
    median: Option<f64>,
    highest: Option<Change>,
}

/// A relative change and where it is.
#[derive(Debug, Clone, Copy, Serialize)]
struct Change {
    relative: f64,
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    #[serde(skip)]
    setting: Setting,
}

/// The cheapest configuration that meets the SLO.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Cheapest {
    memory_mb: u32,
    batch: u32,
    timeout_s: f64,
    usd_per_million: f64,
    #[serde(skip)]
    setting: Setting,
}

type Pair<'a> = (Setting, &'a Row, &'a Row);

impl SweepDiff {
    pub(super) fn new(a: (&Path, &[Row]), b: (&Path, &[Row])) -> SweepDiff {
        let in_b: BTreeMap<Setting, &Row> = b.1.iter().map(|row| (row.setting, row)).collect();
        let pair = |row| -> Option<Pair<'_>> {
            let row: &Row = row;
            Some((row.setting, row, in_b.get(&row.setting)?))
        };
        let pairs: Vec<Pair<'_>> = a.1.iter().filter_map(pair).collect();
        let only = |one: fn(&Pair<'_>) -> (Option<bool>, Option<bool>)| {
            pairs.iter().filter(|pair| one(pair) == (Some(true), Some(false))).count()
        };
        let latency = |figures: Figures| figures.latency_s;
        let cost = |figures: Figures| figures.usd_per_million;
        let columns = [
            Column::of("predicted latency", &pairs, |row| row.predicted.map(latency)),
            Column::of("predicted cost per million", &pairs, |row| row.predicted.map(cost)),
            Column::of("simulated latency", &pairs, |row| row.simulated.map(latency)),
            Column::of("simulated cost per million", &pairs, |row| row.simulated.map(cost)),
        ];
        SweepDiff {
            kind: "sweep",
            a: a.0.display().to_string(),
            b: b.0.display().to_string(),
            rows_a: a.1.len(),
            rows_b: b.1.len(),
            matched: pairs.len(),
            figures: columns.into_iter().filter(|column| column.compared > 0).collect(),
            meets_slo_only_in_a: only(|(_, a, b)| (a.meets_slo, b.meets_slo)),
            meets_slo_only_in_b: only(|(_, a, b)| (b.meets_slo, a.meets_slo)),
            cheapest_in_a: cheapest(a.1).map(found),
            cheapest_in_b: cheapest(b.1).map(found),
        }
    }

    pub(super) fn text(&self) -> String {
        let count = |n: usize| format::count(n as u64);
        let (only_a, only_b) = (self.rows_a - self.matched, self.rows_b - self.matched);
        let mut text = format!(
            "A: {}\nB: {}\n{} configurations in both, {} only in A, {} only in B\n\n",
            self.a,
            self.b,
            count(self.matched),
            count(only_a),
            count(only_b)
        );
        if self.matched == 0 {
            return text + "There is nothing to compare.\n";
        }
        let rows: Vec<Vec<String>> = self.figures.iter().map(Column::row).collect();
        text.push_str(&text_table(&HEADERS, &rows));
        text.push('\n');
        let (lost, won) = (self.meets_slo_only_in_a, self.meets_slo_only_in_b);
        if lost + won > 0 {
            let (lost, won) = (count(lost), count(won));
            text.push_str(&format!(
                "The SLO is met only in A by {lost}, only in B by {won} configurations.\n"
            ));
        }
        for (name, best) in [("A", &self.cheapest_in_a), ("B", &self.cheapest_in_b)] {
            if let Some(best) = best {
                let cost = format::money(best.usd_per_million);
                let setting = named(best.setting);
                text.push_str(&format!(
                    "The cheapest that meets it in {name}: {setting}, {cost} a million.\n"
                ));
            }
        }
        text + "Rows of a sweep have no intervals: `sim run` two configurations to know what chance may do.\n"
    }
}

const HEADERS: [&str; 6] = ["B / A - 1", "changed", "lowest", "median", "highest", "highest at"];

impl Column {
    fn of(name: &'static str, pairs: &[Pair<'_>], value: impl Fn(&Row) -> Option<f64>) -> Column {
        let figures = pairs.iter().filter_map(|(setting, a, b)| Some((*setting, value(a)?, value(b)?)));
        let figures: Vec<(Setting, f64, f64)> = figures.collect();
        let change = |(setting, a, b): &(Setting, f64, f64)| {
            let Setting { memory, batch, timeout, .. } = *setting;
            let relative = relative(*a, *b).filter(|change| *change != 0.0)?;
            let (memory_mb, timeout_s) = (memory.0, timeout.as_secs_f64());
            Some(Change { relative, memory_mb, batch, timeout_s, setting: *setting })
        };
        let mut changes: Vec<Change> = figures.iter().filter_map(change).collect();
        changes.sort_by(|a, b| a.relative.total_cmp(&b.relative));
        Column {
            name,
            compared: figures.len(),
            changed: figures.iter().filter(|(_, a, b)| a != b).count(),
            lowest: changes.first().copied(),
            median: changes.get(changes.len() / 2).map(|change| change.relative),
            highest: changes.last().copied(),
        }
    }

    fn row(&self) -> Vec<String> {
        let percent = |change: Option<f64>| change.map_or(String::new(), signed_percent);
        vec![
            self.name.to_owned(),
            format!("{} of {}", format::count(self.changed as u64), format::count(self.compared as u64)),
            percent(self.lowest.map(|change| change.relative)),
            percent(self.median),
            percent(self.highest.map(|change| change.relative)),
            self.highest.map_or(String::new(), |change| named(change.setting)),
        ]
    }
}

fn found(best: &Row) -> Cheapest {
    let Setting { memory, batch, timeout, .. } = best.setting;
    Cheapest {
        memory_mb: memory.0,
        batch,
        timeout_s: timeout.as_secs_f64(),
        usd_per_million: best.figures().usd_per_million,
        setting: best.setting,
    }
}
