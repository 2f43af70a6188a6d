//! The tables and the page of a fleet.

use super::{FleetReport, NAMED, Sum};
use crate::error::InputError;
use crate::fleet_plan::row::{Planned, Reason, Row};
use crate::report::chart::{Axis, Colour, Group, Point, Scatter, Unit};
use crate::report::format;
use crate::report::html::{self, Card, Page, Target};
use crate::report::table::text_table;
use crate::text::line;

/// So many on a terminal.
const NAMED_IN_TEXT: usize = 10;
/// So many points make the chart.
const MOST_POINTS: usize = 3000;
/// The longest name that a table shows, in characters.
const LONGEST_NAME: usize = 24;

impl FleetReport<'_> {
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
        let mut text = format!("{}: {}\n{}\n\n", self.about.scenario, self.headline(), self.answer());
        let reasons: Vec<Vec<String>> = self.reasons().into_iter().map(reason_cells).collect();
        text.push_str(&text_table(&REASON_HEADERS, &reasons));
        let named: Vec<Vec<String>> = self.named(NAMED_IN_TEXT).into_iter().map(cells).collect();
        text.push_str(&format!("\nThe {} functions that save most:\n", named.len()));
        text.push_str(&text_table(&self.headers(), &named));
        text.push('\n');
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    fn answer(&self) -> String {
        let kept = self.kept();
        if self.sum(|row| row.saving() > 0.0).functions == 0 {
            return format!(
                "{}: {} a month. No function should batch: it would save nothing",
                self.about.objective,
                format::money(kept.usd)
            );
        }
        format!(
            "{}: {} a month, {} less than without batching ({})",
            self.about.objective,
            format::money(kept.usd),
            format::money(kept.saving_usd),
            format::percent(share(kept.saving_usd, kept.alone_usd)),
        )
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
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let to = to.into();
        let chart = self.chart();
        if let Some(chart) = &chart {
            to.chart("saving", chart)?;
        }
        let named: Vec<Vec<String>> = self.named(NAMED).into_iter().map(cells).collect();
        let reasons: Vec<Vec<String>> = self.reasons().into_iter().map(reason_cells).collect();
        let mut page = Page::new(format!("{}: every function", self.about.scenario))
            .of("fleet")
            .subtitle(self.headline())
            .answer(&format!("{}.", self.answer()))
            .cards(&self.cards());
        for note in self.notes() {
            page = page.note(&note);
        }
        if let Some(chart) = &chart {
            page = page.chart(
                chart,
                "Each point is a function; what saves nothing cannot stand on a logarithmic axis.",
            );
        }
        page = page
            .heading("Who should batch, and who should not")
            .table("Why, with what a month costs", &REASON_HEADERS, &reasons)
            .heading(&format!("The {} functions that matter", named.len()))
            .table("In the order of what a month saves", &self.headers(), &named)
            .link("fleet.csv", "Every function: fleet.csv")
            .link("fleet.json", "The sums: fleet.json");
        html::write(to, &[], &page)
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

    /// The rate against the saving, of those that save something; `None` if none does.
    fn chart(&self) -> Option<Scatter> {
        let saves = |row: &&Row| row.saving() > 0.0;
        let total = self.rows.iter().filter(saves).count();
        if total == 0 {
            return None;
        }
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
            Group::new("keeps the SLO", of(true)).colour(Colour::MEETS),
        ];
        for group in groups.into_iter().filter(|group| !group.is_empty()) {
            chart = chart.group(group);
        }
        Some(match shown.len() < total {
            true => chart.note(format!(
                "{} of {} points drawn, the rest lie beside them",
                format::count(shown.len() as u64),
                format::count(total as u64)
            )),
            false => chart,
        })
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
            // Who does not batch waits for nobody.
            if setting.batch == 1 { "–".to_owned() } else { setting.timeout.to_string() },
            format::duration(p_slo_s),
            format::percent(cold_start_share),
            format::money(usd_per_month),
            format::money(row.saving()),
        ]);
    }
    cells
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
