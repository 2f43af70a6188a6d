//! Two sweeps, row by row.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::{cheapest, relative};
use crate::report::json;
use crate::scenario::Setting;
use crate::sweep::row::{Figures, Row};

/// How two sweeps differ, B against A; rows are matched by configuration.
#[derive(Debug, Serialize)]
pub struct SweepDiff {
    kind: &'static str,
    pub(super) a: String,
    pub(super) b: String,
    pub(super) rows_a: usize,
    pub(super) rows_b: usize,
    pub(super) matched: usize,
    pub(super) figures: Vec<Column>,
    pub(super) meets_slo_only_in_a: usize,
    pub(super) meets_slo_only_in_b: usize,
    pub(super) cheapest_in_a: Option<Cheapest>,
    pub(super) cheapest_in_b: Option<Cheapest>,
}

/// One figure over all rows that both sweeps have.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    pub name: &'static str,
    pub compared: usize,
    pub changed: usize,
    /// Relative changes of the changed rows; absent where none changed.
    pub lowest: Option<Change>,
    pub median: Option<f64>,
    pub highest: Option<Change>,
}

/// A relative change and where it is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Change {
    pub relative: f64,
    #[serde(flatten, serialize_with = "json::setting")]
    pub setting: Setting,
}

/// The cheapest configuration that meets the SLO.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Cheapest {
    #[serde(flatten, serialize_with = "json::setting")]
    pub setting: Setting,
    pub usd_per_million: f64,
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
}

impl Column {
    fn of(name: &'static str, pairs: &[Pair<'_>], value: impl Fn(&Row) -> Option<f64>) -> Column {
        let figures = pairs.iter().filter_map(|(setting, a, b)| Some((*setting, value(a)?, value(b)?)));
        let figures: Vec<(Setting, f64, f64)> = figures.collect();
        let change = |(setting, a, b): &(Setting, f64, f64)| {
            let relative = relative(*a, *b).filter(|change| *change != 0.0)?;
            Some(Change { relative, setting: *setting })
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
}

fn found(best: &Row) -> Cheapest {
    Cheapest { setting: best.setting, usd_per_million: best.figures().usd_per_million }
}
