//! The tables and the page of a backtest.

use super::BacktestReport;
use super::charts::{cdf_chart, cold_chart, hour_chart, survival_chart, waterfall};
use crate::backtest::attribute::PARTS;
use crate::backtest::learn::Known;
use crate::backtest::predict::NAMES;
use crate::backtest::stats::Estimate;
use crate::backtest::verdict::stays_in_words;
use crate::error::InputError;
use crate::report::format;
use crate::report::html::{self, Card, Page, Target};
use crate::report::table::text_table;

const HEADERS: [&str; 7] = ["", "observed", "predicted", "difference", "noise (95 %)", "tolerated", "within"];

impl BacktestReport<'_> {
    fn rows(&self) -> Vec<Vec<String>> {
        let (observed, predicted) = (self.found.observed.named(), self.found.predicted.named());
        let row = |at: usize| {
            let show = |value: f64| match NAMES[at] {
                "cost_usd" => format::money(value),
                "cold_starts" => format::number(value),
                _ => format::duration(value),
            };
            let (low, high) = self.found.noise[at];
            let is_outside = self.found.verdict.outside.contains(&NAMES[at]);
            vec![
                label(NAMES[at]).to_owned(),
                show(observed[at]),
                show(predicted[at]),
                relative(predicted[at], observed[at]),
                format!("{} to {}", show(low), show(high)),
                format!("{:.0} %", 100.0 * self.tolerance.0[at]),
                if is_outside { "no" } else { "yes" }.to_owned(),
            ]
        };
        self.shown().map(row).collect()
    }

    fn attribution_rows(&self) -> Vec<Vec<String>> {
        let Some(parts) = self.found.attribution else { return Vec::new() };
        let (observed, predicted) = (self.found.observed.named(), self.found.predicted.named());
        let row = |at: usize| {
            let mut row = vec![label(NAMES[at]).to_owned(), relative(predicted[at], observed[at])];
            row.extend(parts.iter().map(|part| format::change(part[at])));
            row
        };
        self.shown().map(row).collect()
    }

    fn learnt_rows(&self) -> Vec<Vec<String>> {
        let learnt = &self.found.learnt;
        let known = |known: Known| if known == Known::Seen { "" } else { "assumed" };
        let row = |name: &str, value: String, from: String| vec![name.to_owned(), value, from];
        let estimate = |name: &str, found: Option<Estimate>| {
            found.map(|found| {
                let to = found.to.map_or(String::new(), |to| format!(" to {}", format::duration(to)));
                let interval = format!(
                    "{}{to}, {} observations",
                    format::duration(found.from),
                    whole(found.observations)
                );
                row(name, format::duration(found.value), interval)
            })
        };
        let mut rows = vec![
            row("memory", learnt.memory.0.to_string(), known(learnt.memory.1).into()),
            row("prices and limits", learnt.book.0.clone(), known(learnt.book.1).into()),
        ];
        rows.extend(estimate("service time, warm", Some(learnt.service)));
        rows.extend(estimate("initialisation", learnt.init));
        rows.extend(estimate("first call, longer by", learnt.first_call));
        rows.extend(estimate("overhead", learnt.overhead));
        if learnt.knows_cold {
            let stays = &learnt.stays;
            let counts = format!("{} seen there, {} gone", whole(stays.there), whole(stays.gone));
            rows.push(row("keep-alive", stays_in_words(stays), counts));
            rows.extend(estimate("age limit", stays.max_age));
            let (order, agree, of) = learnt.reuse;
            let value = if of < 8 { "too few choices to tell".into() } else { order.to_owned() };
            rows.push(row("order of reuse", value, format!("{} of {} choices", whole(agree), whole(of))));
        }
        rows
    }

    fn headline(&self) -> String {
        let verdict = &self.found.verdict;
        let (first, second) = (self.found.learnt.calls, self.found.calls.len());
        let calls = format!(
            "learnt from {}, predicted {}",
            format::count(first as u64),
            format::count(second as u64)
        );
        match verdict.is_good() {
            true => format!("within what is tolerated ({calls} calls)"),
            false if verdict.outside.is_empty() => {
                format!("not borne out by the log: see the causes ({calls} calls)")
            }
            false => {
                let names: Vec<&str> = verdict.outside.iter().map(|name| label(name)).collect();
                format!("beyond what is tolerated: {} ({calls} calls)", names.join(", "))
            }
        }
    }

    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n\n", self.log.name, self.headline());
        text.push_str(&text_table(&["learnt", "", "from"], &self.learnt_rows()));
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        text.push('\n');
        if self.found.attribution.is_some() {
            text.push_str(&text_table(&attribution_headers(), &self.attribution_rows()));
            text.push('\n');
        }
        self.notes().iter().for_each(|note| text.push_str(&format!("{note}\n")));
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let (found, to) = (self.found, to.into());
        let mut page = Page::new(format!("{}: predicted beside observed", self.log.name))
            .of("backtest")
            .answer(&sentence(&self.headline()))
            .cards(&self.cards())
            .table("Predicted beside observed", &HEADERS, &self.rows());
        for note in self.notes() {
            page = page.note(&note);
        }
        let cdf = cdf_chart(found);
        to.chart("latency-cdf", &cdf)?;
        page = page.chart(&cdf, "Share of requests answered within a time.");
        if let Some(parts) = found.attribution {
            page = page.table("What makes the difference", &attribution_headers(), &self.attribution_rows());
            for at in [3, 5] {
                let chart = waterfall(NAMES[at], label(NAMES[at]), &parts, at);
                let name = format!("attribution-{}", NAMES[at].replace('_', "-"));
                to.chart(&name, &chart)?;
                page = page.chart(
                    &chart,
                    "Each part of the model exchanged for what was observed, one after the other.",
                );
            }
        }
        if let Some(hours) = hour_chart(found) {
            to.chart("hours", &hours)?;
            page = page.chart(&hours, "By hour of the log.");
        }
        if found.learnt.knows_cold {
            let cold = cold_chart(found);
            to.chart("cold-starts", &cold)?;
            page = page.chart(
                &cold,
                "Each cold start of the second part, and whether it was predicted for this very request.",
            );
            if let Some(survival) = survival_chart(self.log) {
                to.chart("keep-alive", &survival)?;
                page = page.chart(
                    &survival,
                    "The share of idle environments that were still there when a request came by.",
                );
            }
        }
        page = page.table("What was learnt", &["", "", "from"], &self.learnt_rows());
        html::write(to, &[], &page)
    }

    fn cards(&self) -> Vec<Card> {
        let (observed, predicted) = (self.found.observed.named(), self.found.predicted.named());
        let card = |at: usize| {
            let card = Card::new(label(NAMES[at]), relative(predicted[at], observed[at]))
                .note("predicted against observed");
            if self.found.verdict.outside.contains(&NAMES[at]) { card.bad() } else { card.good() }
        };
        self.shown()
            .filter(|at| ["p50", "p95", "p99", "cost_usd", "cold_starts"].contains(&NAMES[*at]))
            .map(card)
            .collect()
    }
}

fn attribution_headers() -> Vec<&'static str> {
    let mut headers = vec!["difference", "in all"];
    headers.extend(PARTS);
    headers
}

fn whole(number: usize) -> String {
    format::count(number as u64)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// A figure's name for people.
pub(super) fn label(name: &str) -> &str {
    match name {
        "cost_usd" => "bill",
        "cold_starts" => "cold starts",
        "mean" => "mean latency",
        other => other,
    }
}

fn relative(predicted: f64, observed: f64) -> String {
    match observed == 0.0 {
        true if predicted == 0.0 => "0 %".into(),
        true => String::new(),
        false => format::change(predicted / observed - 1.0),
    }
}
