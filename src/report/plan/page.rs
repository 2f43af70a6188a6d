//! The tables and the page of a plan.

use super::{PlanReport, provisioned};
use crate::error::InputError;
use crate::planner::plan::{Alternative, Answer};
use crate::report::beside::{Beside, Figures};
use crate::report::format;
use crate::report::html::{self, Card, Page, Target};
use crate::report::table::text_table;
use crate::text::line;

const HEADERS: [&str; 4] = ["", "simulated", "95 % interval", "predicted"];

impl PlanReport<'_> {
    /// The text for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n{}\n", self.scenario.name, self.asked(), self.headline());
        for line in self.sentences().into_iter().chain(self.error_bar_in_words()) {
            text.push_str(&format!("{line}\n"));
        }
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if !self.plan.alternatives.is_empty() {
            text.push_str(&format!("\nAlternatives, {}\n", self.basis()));
            text.push_str(&text_table(&self.alternative_headers(), &self.alternative_rows()));
        }
        text.push('\n');
        for note in self.notes() {
            text.push_str(&format!("{note}\n"));
        }
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let figures = self.figures();
        let page = Page::new(format!("{}: plan", self.scenario.name))
            .of("plan")
            .subtitle(format!("{}, prices of {}", self.asked(), line(&self.scenario.platform.book.name)))
            .answer(&format!("{}.", self.headline()))
            .cards(&self.cards());
        let mut page = self
            .sentences()
            .iter()
            .chain(&self.error_bar_in_words())
            .fold(page, |page, sentence| page.paragraph(sentence));
        page = page.table("Simulated and predicted", &HEADERS, &self.rows());
        if !self.plan.alternatives.is_empty() {
            let (headers, rows) = (self.alternative_headers(), self.alternative_rows());
            page = page.table(&format!("Alternatives, {}", self.basis()), &headers, &rows);
        }
        let entries = self.entries();
        page = page.explorer(&entries, &self.question(&entries));
        html::write(to.into(), &figures, &page.figures(&figures).notes(self.notes()))
    }

    /// Is anything that is shown of the alternatives simulated?
    fn basis(&self) -> &'static str {
        match self.plan.alternatives.iter().any(|a| a.candidate.trial.is_some()) {
            true => "as simulated",
            false => "as predicted",
        }
    }

    /// Figure, simulated, interval, predicted.
    fn rows(&self) -> Vec<Vec<String>> {
        let evaluated = self.plan.evaluated();
        let simulated = evaluated.simulation.as_ref().map(|(simulation, _)| &simulation.simulated);
        let predicted = evaluated.prediction.as_ref().map(|prediction| &prediction.predicted);
        let figures = Figures { simulated, predicted };
        let slo = &self.scenario.slo;
        let mut all = figures.percentiles(&[0.5, 0.95, 0.99], slo);
        all.extend(slo.latency.map(|latency| figures.over(latency)));
        all.extend([figures.cost(), figures.cost_per_month(), figures.mean_batch()]);
        let mut rows: Vec<Vec<String>> = all.iter().map(Beside::cells).collect();
        if let Some(s) = simulated.filter(|s| s.cold_starts > 0) {
            let share = format::percent(s.cold_start_share);
            rows.push(vec!["cold starts".to_owned(), format!("{} ({share})", format::count(s.cold_starts))]);
        }
        rows
    }

    fn alternative_rows(&self) -> Vec<Vec<String>> {
        let row = |a: &Alternative| {
            let (s, more) = (a.candidate.setting, self.more(&a.candidate));
            let sign = if more > 0.0 { "+" } else { "" };
            let p50 = a.candidate.trial.map_or(String::new(), |trial| format::duration(trial.p50_s));
            vec![
                format!("{}{}", s.memory, provisioned(s)),
                s.batch.to_string(),
                if s.batch == 1 { "–".to_owned() } else { s.timeout.to_string() },
                p50,
                a.candidate.percentile_s.map_or(String::new(), format::duration),
                format::money(a.candidate.cost * 1e6),
                format!("{sign}{}", format::money(more)),
                format::change(more / self.cost()),
                if a.candidate.meets { "yes" } else { "no" }.to_owned(),
                a.reason.words().to_owned(),
            ]
        };
        self.plan.alternatives.iter().map(row).collect()
    }

    fn alternative_headers(&self) -> [String; 10] {
        let percentile = self.scenario.slo.name();
        ["memory", "batch", "timeout", "p50", &percentile, "cost/million", "more", "more, %", "meets", "why"]
            .map(str::to_owned)
    }

    fn cards(&self) -> Vec<Card> {
        let evaluated = self.plan.evaluated();
        let setting = evaluated.setting();
        let percentile = Card::new(self.scenario.slo.name(), format::duration(evaluated.percentile_s()));
        let percentile = match &self.plan.answer {
            Answer::Recommended(_) => percentile.good(),
            Answer::Infeasible(..) => percentile.bad(),
        };
        let timeout = if setting.batch == 1 { "–".to_owned() } else { setting.timeout.to_string() };
        let mut cards = vec![
            Card::new("Memory", setting.memory.to_string()),
            Card::new("Largest batch", setting.batch.to_string()),
            Card::new("Timeout", timeout),
            percentile,
            Card::new("Cost per million requests", format::money(self.cost())),
        ];
        if setting.provisioned > 0 {
            cards.push(Card::new("Provisioned", setting.provisioned.to_string()));
        }
        if let Some((simulation, _)) = &evaluated.simulation {
            cards.push(Card::new("Cost per month", format::money(simulation.simulated.cost_usd_per_month)));
        }
        cards
    }
}
