//! What `sim fleet` shows: what a month of all functions costs and saves, the functions that matter, who should not batch
//! and why, the page.

use std::path::Path;

use serde_json::{Value, json};

use super::chart::{Axis, Chart, Colour, Group, Point, Scatter, Unit};
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::fleet_plan::row::{Planned, Reason, Row};
use crate::fleet_plan::table::About;
use crate::text::line;

/// So many functions are told of by name.
const NAMED: usize = 40;
/// So many on a terminal.
const NAMED_IN_TEXT: usize = 10;
/// So many points make the chart.
const MOST_POINTS: usize = 3000;
/// The longest name that a table shows, in characters.
const LONGEST_NAME: usize = 24;

/// A fleet to be shown.
#[derive(Debug)]
pub struct FleetReport<'a> {
    about: &'a About,
    /// In the order of what they save.
    rows: &'a [Row],
}

/// What functions have in common.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    functions: u64,
    requests: u64,
    usd: f64,
    alone_usd: f64,
    saving_usd: f64,
}

impl<'a> FleetReport<'a> {
    /// A report of all functions, in the order of what they save.
    pub fn new(about: &'a About, rows: &'a [Row]) -> FleetReport<'a> {
        FleetReport { about, rows }
    }

    fn sum(&self, of: impl Fn(&Row) -> bool) -> Sum {
        self.rows.iter().filter(|row| of(row)).fold(Sum::default(), |sum, row| Sum {
            functions: sum.functions + 1,
            requests: sum.requests + row.requests,
            usd: sum.usd + row.planned.map_or(0.0, |planned| planned.usd_per_month),
            alone_usd: sum.alone_usd + row.planned.and_then(|p| p.unbatched_usd_per_month).unwrap_or(0.0),
            saving_usd: sum.saving_usd + row.saving(),
        })
    }

    fn reasons(&self) -> Vec<(Reason, Sum)> {
        let sums = Reason::ALL.map(|reason| (reason, self.sum(|row| row.reason == reason)));
        sums.into_iter().filter(|(_, sum)| sum.functions > 0).collect()
    }

    /// Of the functions that keep what is asked.
    fn kept(&self) -> Sum {
        self.sum(|row| row.reason.is_kept())
    }

    fn named(&self, most: usize) -> Vec<&'a Row> {
        self.rows.iter().filter(|row| row.planned.is_some()).take(most).collect()
    }

    /// The text of fleet.json.
    pub fn json(&self) -> String {
        let (all, kept) = (self.sum(|_| true), self.kept());
        let reasons: Vec<Value> = self
            .reasons()
            .into_iter()
            .map(|(reason, sum)| {
                json!({
                    "note": reason.words(),
                    "functions": sum.functions,
                    "requests": sum.requests,
                    "cost_usd_per_month": sum.usd,
                    "saving_usd_per_month": sum.saving_usd,
                })
            })
            .collect();
        let value = json!({
            "scenario": self.about.scenario,
            "seed": self.about.seed,
            "objective": self.about.objective,
            "percentile": self.about.percentile,
            "length_s": self.about.length_s,
            "functions": all.functions,
            "requests": all.requests,
            "within_slo": {
                "functions": kept.functions,
                "cost_usd_per_month": kept.usd,
                "unbatched_usd_per_month": kept.alone_usd,
                "saving_usd_per_month": kept.saving_usd,
            },
            "reasons": reasons,
            "top": self.named(NAMED).into_iter().map(row_json).collect::<Vec<_>>(),
            "notes": self.notes(),
        });
        serde_json::to_string_pretty(&value).expect("plain data") + "\n"
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            format!(
                "A month is 730 hours at the rate of the {} that were watched.",
                format::duration(self.about.length_s)
            ),
            "Savings are against the best configuration that does not batch; each is simulated on the function's own \
             arrivals."
                .to_owned(),
        ];
        notes.push(match self.about.cold_starts {
            true => "Each function has the account's limits for itself.".to_owned(),
            false => "Environments are always warm (cold_starts = false).".to_owned(),
        });
        let missed = self.sum(|row| !row.reason.is_kept());
        if missed.functions > 0 {
            notes.push(format!(
                "{} functions keep the SLO in no configuration; the nearest is given, and they are in no sum above.",
                format::count(missed.functions)
            ));
        }
        notes.extend(self.about.notes.iter().cloned());
        notes
    }

    fn headline(&self) -> String {
        let all = self.sum(|_| true);
        format!(
            "{} functions, {} requests in {}; {}",
            format::count(all.functions),
            format::count(all.requests),
            format::duration(self.about.length_s),
            self.about.headline
        )
    }

    /// What a terminal shows.
    pub fn text(&self) -> String {
        let kept = self.kept();
        let mut text = format!(
            "{}: {}\n{}: {} a month, {} less than without batching ({})\n\n",
            self.about.scenario,
            self.headline(),
            self.about.objective,
            format::money(kept.usd),
            format::money(kept.saving_usd),
            format::percent(share(kept.saving_usd, kept.alone_usd)),
        );
        let reasons: Vec<Vec<String>> = self.reasons().into_iter().map(reason_cells).collect();
        text.push_str(&text_table(&REASON_HEADERS, &reasons));
        let named: Vec<Vec<String>> = self.named(NAMED_IN_TEXT).into_iter().map(cells).collect();
        text.push_str(&format!("\nThe {} functions that save most:\n", named.len()));
        text.push_str(&text_table(&self.headers(), &named));
        text.push('\n');
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    fn headers(&self) -> [String; 9] {
        [
            "function".to_owned(),
            "rate".to_owned(),
            "memory".to_owned(),
            "batch".to_owned(),
            "timeout".to_owned(),
            format!("p{}", self.about.percentile),
            "cold".to_owned(),
            "cost/month".to_owned(),
            "saving/month".to_owned(),
        ]
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let chart = self.chart();
        write_atomically(&folder.join("charts").join("saving.svg"), chart.svg())?;
        let named: Vec<Vec<String>> = self.named(NAMED).into_iter().map(cells).collect();
        let reasons: Vec<Vec<String>> = self.reasons().into_iter().map(reason_cells).collect();
        let mut page = Page::new(format!("{}: fleet", self.about.scenario))
            .subtitle(self.headline())
            .cards(&self.cards());
        for note in self.notes() {
            page = page.note(&note);
        }
        page = page
            .chart(&chart, "Each point is a function; what saves nothing cannot stand on a logarithmic axis.")
            .heading("Who should batch, and who should not")
            .table("Why, with what a month costs", &REASON_HEADERS, &reasons)
            .heading(&format!("The {} functions that matter", named.len()))
            .table("In the order of what a month saves", &self.headers(), &named)
            .link("fleet.csv", "Every function: fleet.csv")
            .link("fleet.json", "The sums: fleet.json");
        write_atomically(&folder.join("index.html"), page.render())
    }

    fn cards(&self) -> Vec<Card> {
        let (kept, batch) = (self.kept(), self.sum(|row| row.reason == Reason::Batches));
        let missed = self.sum(|row| !row.reason.is_kept());
        let mut cards = vec![
            Card::new("Saved a month", format::money(kept.saving_usd))
                .note(format!(
                    "{} of what it costs without batching",
                    format::percent(share(kept.saving_usd, kept.alone_usd))
                ))
                .good(),
            Card::new("Costs a month", format::money(kept.usd)).note(self.about.objective.clone()),
            Card::new("Should batch", format::count(batch.functions))
                .note(format!("of {} functions", format::count(self.rows.len() as u64))),
        ];
        if missed.functions > 0 {
            let card = Card::new("Miss the SLO", format::count(missed.functions));
            cards.push(card.note("in every configuration").bad());
        }
        cards
    }

    /// The rate against the saving, of those that save something.
    fn chart(&self) -> Scatter {
        let saves = |row: &&Row| row.saving() > 0.0;
        let total = self.rows.iter().filter(saves).count();
        // In the order of savings: the first in each cell of the finest lattice that leaves few enough.
        let mut shown: Vec<&Row> = self.rows.iter().filter(saves).collect();
        let mut cells_a_decade = 64.0;
        while shown.len() > MOST_POINTS {
            let mut taken = std::collections::BTreeSet::new();
            let cell = |value: f64| (value.log10() * cells_a_decade).floor() as i64;
            shown = self
                .rows
                .iter()
                .filter(saves)
                .filter(|row| taken.insert((cell(row.rate_per_s), cell(row.saving()))))
                .collect();
            cells_a_decade /= 1.5;
        }
        let point = |row: &&&Row| {
            let told = cells(row);
            let what = format!("{}: {}, batch {}, {}; {} saved", told[0], told[2], told[3], told[4], told[8]);
            Point::new(row.rate_per_s, row.saving(), what)
        };
        let of = |kept: bool| {
            shown.iter().filter(|row| row.reason.is_kept() == kept).map(|row| point(&row)).collect()
        };
        let x = Axis::new("requests a second", Unit::Number("1/s".into())).log();
        let y = Axis::new("saved a month", Unit::Usd).log();
        let mut chart = Scatter::new("Where the money is", x, y).subtitle(self.headline());
        let groups = [
            Group::new("misses the SLO", of(false)).colour(Colour::MISSES),
            Group::new("keeps it", of(true)).colour(Colour::MEETS),
        ];
        for group in groups.into_iter().filter(|group| !group.is_empty()) {
            chart = chart.group(group);
        }
        match shown.len() < total {
            true => chart.note(format!(
                "{} of {} points drawn, the rest lie beside them",
                format::count(shown.len() as u64),
                format::count(total as u64)
            )),
            false => chart,
        }
    }
}

const REASON_HEADERS: [&str; 5] = ["why", "functions", "requests", "cost/month", "saving/month"];

fn reason_cells((reason, sum): (Reason, Sum)) -> Vec<String> {
    vec![
        reason.words().to_owned(),
        format::count(sum.functions),
        format::count(sum.requests),
        format::money(sum.usd),
        format::money(sum.saving_usd),
    ]
}

fn cells(row: &Row) -> Vec<String> {
    let name = line(&row.function);
    let short: String = match name.chars().count() > LONGEST_NAME {
        true => name.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
        false => name.into_owned(),
    };
    let mut cells = vec![short, format!("{}/s", format::number(row.rate_per_s))];
    if let Some(Planned { setting, p_slo_s, cold_start_share, usd_per_month, .. }) = row.planned {
        cells.extend([
            setting.memory.to_string(),
            setting.batch.to_string(),
            setting.timeout.to_string(),
            format::duration(p_slo_s),
            format::percent(cold_start_share),
            format::money(usd_per_month),
            format::money(row.saving()),
        ]);
    }
    cells
}

fn row_json(row: &Row) -> Value {
    let planned = row.planned.as_ref();
    json!({
        "function": row.function,
        "requests": row.requests,
        "rate_per_s": row.rate_per_s,
        "memory_mb": planned.map(|p| p.setting.memory.0),
        "batch": planned.map(|p| p.setting.batch),
        "timeout_s": planned.map(|p| p.setting.timeout.as_secs_f64()),
        "p_slo_s": planned.map(|p| p.p_slo_s),
        "violation_share": planned.map(|p| p.violation_share),
        "cost_usd_per_month": planned.map(|p| p.usd_per_month),
        "unbatched_usd_per_month": planned.and_then(|p| p.unbatched_usd_per_month),
        "saving_usd_per_month": row.saving(),
        "cold_start_share": planned.map(|p| p.cold_start_share),
        "note": row.reason.words(),
    })
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
