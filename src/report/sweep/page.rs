//! The table and the page of a sweep.

use super::{SweepReport, cost, latency};
use crate::error::InputError;
use crate::report::format;
use crate::report::html::{self, Card, Page, Target};
use crate::report::table::text_table;
use crate::scenario::Setting;
use crate::sweep::row::{Figures, Row};

/// More rows than this are too many for a terminal.
const MOST_LINES: usize = 24;
/// More rows than this are too many for a page.
const MOST_ROWS: usize = 100;

impl SweepReport<'_> {
    /// The table for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.about.scenario, self.headline());
        if let Some(answer) = self.answer() {
            text.push_str(&format!("{answer}\n"));
        }
        let shown = stride(self.front.len(), MOST_LINES);
        text.push_str(&format!("\nThe front, {} of {} configurations:\n", shown.len(), self.front.len()));
        let rows: Vec<_> = shown.iter().map(|i| cells(self.front[*i])).collect();
        text.push_str(&text_table(&self.headers(), &rows));
        text.push('\n');
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let figures = self.figures();
        let shown = stride(self.front.len(), MOST_ROWS);
        let front: Vec<_> = shown.iter().map(|i| cells(self.front[*i])).collect();
        let mut caption = "Nothing is both faster and cheaper; costs are per million requests".to_owned();
        if shown.len() < self.front.len() {
            let (some, all) = (shown.len(), format::count(self.front.len() as u64));
            caption.push_str(&format!("; {some} of {all} rows, evenly chosen"));
        }
        let page = Page::new(format!("{}: sweep", self.about.scenario)).of("sweep").subtitle(self.headline());
        let page = self.answer().iter().fold(page, |page, answer| page.answer(answer));
        let page = page
            .cards(&self.cards())
            .explorer(&self.entries(), &self.question())
            .notes(self.notes())
            .figures(&figures)
            .heading("The front")
            .table(&caption, &self.headers(), &front)
            .link("sweep.csv", "All configurations: sweep.csv")
            .link("pareto.csv", "The front: pareto.csv");
        html::write(to.into(), &figures, &page)
    }

    /// The best that meets what is asked, and how many do; `None` where nothing is asked.
    fn answer(&self) -> Option<String> {
        let (count, asked) = (format::count(self.meeting()? as u64), &self.about.objective);
        let Some(best) = self.best else { return Some(format!("None meets the SLO: {asked}.")) };
        let month =
            best.counts.map_or(String::new(), |c| format!(", {} a month", format::money(c.usd_per_month)));
        Some(format!(
            "{count} meet the SLO ({asked}); the {} of them: {}: {} {}, {} a million requests{month}.",
            self.best_kind(),
            name(best.setting),
            self.percentile(),
            format::duration(latency(&best)),
            format::money(cost(&best))
        ))
    }

    pub(super) fn headline(&self) -> String {
        let count = format::count(self.rows.len() as u64);
        format!("{count} configurations of {}", self.about.headline)
    }

    /// `p95`, `p99.9`.
    pub(super) fn percentile(&self) -> String {
        format!("p{}", self.about.percentile)
    }

    pub(super) fn best_kind(&self) -> &'static str {
        if self.about.slo_latency_s.is_some() { "cheapest" } else { "fastest" }
    }

    fn headers(&self) -> [String; 8] {
        let p = self.percentile();
        [
            "memory".to_owned(),
            "batch".to_owned(),
            "timeout".to_owned(),
            format!("predicted {p}"),
            "predicted cost".to_owned(),
            format!("simulated {p}"),
            "simulated cost".to_owned(),
            "meets the SLO".to_owned(),
        ]
    }

    fn cards(&self) -> Vec<Card> {
        let mut cards = vec![Card::new("Configurations", format::count(self.rows.len() as u64))];
        if let Some(count) = self.meeting() {
            let card = Card::new("Meet the SLO", format::count(count as u64)).note(&self.about.objective);
            cards.push(if count > 0 { card.good() } else { card.bad() });
        }
        if let Some(best) = self.best {
            let label = format!("The {} that meets it", self.best_kind());
            let (latency, cost) = (format::duration(latency(&best)), format::money(cost(&best)));
            cards.push(Card::new(label, name(best.setting)).note(format!("{latency}, {cost} a million")));
        }
        cards.push(Card::new("On the front", format::count(self.front.len() as u64)));
        cards
    }
}

pub(super) fn name(setting: Setting) -> String {
    match setting.batch {
        // Who does not batch waits for nobody.
        1 => format!("{}, unbatched", setting.memory),
        batch => format!("{}, batch {batch}, {}", setting.memory, setting.timeout),
    }
}

fn cells(row: &Row) -> Vec<String> {
    let pair = |figures: Option<Figures>| match figures {
        Some(f) => [format::duration(f.latency_s), format::money(f.usd_per_million)],
        None => [String::new(), String::new()],
    };
    let [predicted_s, predicted_usd] = pair(row.predicted);
    let [simulated_s, simulated_usd] = pair(row.simulated);
    let meets = match row.meets_slo {
        None => "",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let Setting { memory, batch, timeout, .. } = row.setting;
    let setting = [memory.to_string(), batch.to_string(), timeout.to_string()];
    let figures = [predicted_s, predicted_usd, simulated_s, simulated_usd, meets.to_owned()];
    setting.into_iter().chain(figures).collect()
}

/// At most `most` of `0..len`, evenly spread, both ends kept.
pub(super) fn stride(len: usize, most: usize) -> Vec<usize> {
    match len <= most {
        true => (0..len).collect(),
        false => (0..most).map(|i| i * (len - 1) / (most - 1)).collect(),
    }
}
