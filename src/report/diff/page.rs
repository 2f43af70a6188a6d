//! How two results differ, for a terminal.

use serde_json::Value;

use super::Diff;
use super::run::{Figure, RunDiff};
use super::sweep::{Column, SweepDiff};
use crate::report::format;
use crate::report::plan::named;
use crate::report::table::text_table;

const RUN_HEADERS: [&str; 7] = ["", "A", "B", "B - A", "relative", "95 % interval of B - A", "beyond it"];
const SWEEP_HEADERS: [&str; 6] = ["B / A - 1", "changed", "lowest", "median", "highest", "highest at"];
/// The longest value that a table shows whole, in characters.
const WIDEST: usize = 40;

impl Diff {
    /// For a terminal.
    pub fn text(&self) -> String {
        match self {
            Diff::Run(diff) => diff.text(),
            Diff::Sweep(diff) => diff.text(),
        }
    }
}

impl RunDiff {
    fn text(&self) -> String {
        let mut text = format!("A: {}\nB: {}\n\n", self.a, self.b);
        if !self.settings.is_empty() {
            let rows: Vec<Vec<String>> =
                self.settings.iter().map(|s| vec![s.key.clone(), shown(&s.a), shown(&s.b)]).collect();
            text.push_str(&text_table(&["setting", "A", "B"], &rows));
            text.push('\n');
        }
        let (changed, same): (Vec<&Figure>, Vec<&Figure>) =
            self.figures.iter().partition(|figure| figure.difference != 0.0);
        if changed.is_empty() {
            return text + "All figures are the same.\n";
        }
        let rows: Vec<Vec<String>> = changed.iter().map(|figure| figure.row()).collect();
        text.push_str(&text_table(&RUN_HEADERS, &rows));
        text.push('\n');
        if !same.is_empty() {
            let names: Vec<&str> = same.iter().map(|figure| figure.known.0).collect();
            text.push_str(&format!("The same: {}.\n", names.join(", ")));
        }
        let known = changed.iter().filter(|figure| figure.beyond_ci95.is_some()).count();
        let beyond = changed.iter().filter(|figure| figure.beyond_ci95 == Some(true)).count();
        if known == 0 {
            return text + "A run without intervals: nothing can be said of chance.\n";
        }
        text + &format!(
            "{beyond} of {known} changed figures with intervals differ beyond them.\n\
             The interval of a difference takes the runs as independent; those of one seed are closer than that.\n"
        )
    }
}

impl Figure {
    fn row(&self) -> Vec<String> {
        let (name, _, _, show) = *self.known;
        vec![
            name.to_owned(),
            show(self.a),
            show(self.b),
            signed(self.difference, show),
            self.relative.map_or(String::new(), signed_percent),
            self.ci95.map_or(String::new(), |[low, high]| {
                format!("{} – {}", signed(low, show), signed(high, show))
            }),
            self.beyond_ci95.map_or("", |beyond| if beyond { "yes" } else { "no" }).to_owned(),
        ]
    }
}

impl SweepDiff {
    fn text(&self) -> String {
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
        text.push_str(&text_table(&SWEEP_HEADERS, &rows));
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

impl Column {
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

fn shown(value: &Option<Value>) -> String {
    let text = match value {
        None => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.chars().count() > WIDEST {
        true => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        false => text,
    }
}

fn signed(value: f64, show: fn(f64) -> String) -> String {
    format!("{}{}", if value > 0.0 { "+" } else { "" }, show(value))
}

fn signed_percent(share: f64) -> String {
    signed(share, format::percent)
}
