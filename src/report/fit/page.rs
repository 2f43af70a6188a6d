//! The tables and the page of a fit.

use super::FitReport;
use crate::error::InputError;
use crate::fitting::{Basis, COMPARED_S, Candidate, Piece, ScaleFit};
use crate::report::format;
use crate::report::html::{self, Card, Page, Target};
use crate::report::table::text_table;
use crate::text::separated;
use crate::units::Span;

const HEADERS: [&str; 10] =
    ["process", "rate [1/s]", "SCV", "lag 1", "IDC 0.1 s", "1 s", "10 s", "60 s", "BIC", "found by"];
const WINDOW_HEADERS: [&str; 6] = ["window", "length", "arrivals", "rate [1/s]", "process", "warning"];

impl FitReport<'_> {
    /// The table for a terminal.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}: {}\n\n{}\n", self.name, self.headline(), { text_table(&HEADERS, &self.rows()) });
        for note in self.warnings() {
            text.push_str(&format!("{note}\n"));
        }
        if let Some(pieces) = self.pieces {
            text.push_str(&format!("\n{}\n", text_table(&WINDOW_HEADERS, &window_rows(pieces))));
        }
        text
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let figures = self.figures();
        let mut page = Page::new(format!("{}: measured and fitted", self.name))
            .of("fit")
            .subtitle(self.headline())
            .answer(&format!("Chosen: {}.", self.fit.reason))
            .cards(&self.cards())
            .table("Measured beside fitted", &HEADERS, &self.rows())
            .notes(vec![self.checked()])
            .figures(&figures);
        if let Some(pieces) = self.pieces {
            page = page.heading("Windows").table("By window", &WINDOW_HEADERS, &window_rows(pieces));
        }
        html::write(to.into(), &figures, &page)
    }

    pub(super) fn headline(&self) -> String {
        let trace = &self.fit.trace;
        let basis = match trace.basis {
            Basis::Gaps => "by inter-arrival times".to_owned(),
            Basis::Counts { bin } => format!("by counts of {bin}"),
        };
        let (arrivals, duration) = (format::count(trace.arrivals), trace.duration.as_secs_f64());
        format!(
            "{arrivals} arrivals in {}, {}/s, {basis}",
            format::duration(duration),
            format::number(trace.rate)
        )
    }

    /// The trace first, then every process that was fitted.
    fn rows(&self) -> Vec<Vec<String>> {
        let trace = &self.fit.trace;
        let figure = |value: Option<f64>| value.map_or_else(String::new, format::number);
        let mut measured =
            vec!["trace".to_owned(), format::number(trace.rate), figure(trace.scv()), figure(trace.lag1())];
        measured.extend(COMPARED_S.iter().map(|scale| figure(trace.idc(*scale))));
        let mut rows = vec![measured];
        for (i, candidate) in self.fit.candidates.iter().enumerate() {
            rows.push(candidate_row(candidate, i == self.fit.best));
        }
        rows
    }

    fn warnings(&self) -> [String; 2] {
        [self.fit.reason.clone(), self.checked()]
    }

    /// At which scales the chosen process holds.
    fn checked(&self) -> String {
        match self.fit.best().warning() {
            Some(warning) => format!(
                "Warning: {warning}. A process of few states holds few time scales; fit by windows \
                (--window 1h) or replay the trace itself where these scales matter."
            ),
            None => self.fit.checked(),
        }
    }

    fn cards(&self) -> Vec<Card> {
        let trace = &self.fit.trace;
        let best = self.fit.best();
        let worst = best.worst();
        let off = Card::new("IDC off by", format!("{}x", format::number(worst))).note("at its worst scale");
        let idc = trace.scales.iter().rev().find(|scale| scale.scale <= Span::from_secs(60));
        let mut cards = vec![
            Card::new("Process", best.family.name()).note(format!("by {}", best.means.name())),
            Card::new("Rate", format!("{}/s", format::number(trace.rate))),
        ];
        if let Some(scv) = trace.scv() {
            cards.push(Card::new("SCV of the gaps", format::number(scv)).note("1 for Poisson"));
        }
        if let Some(idc) = idc {
            cards.push(
                Card::new(format!("IDC at {}", idc.scale), format::number(idc.idc)).note("1 for Poisson"),
            );
        }
        cards.push(if best.off().next().is_none() { off.good() } else { off.bad() });
        cards
    }
}

fn candidate_row(candidate: &Candidate, chosen: bool) -> Vec<String> {
    let stats = &candidate.stats;
    let name = candidate.family.name();
    let mut row = vec![
        if chosen { format!("{name} (chosen)") } else { name },
        format::number(stats.rate()),
        format::number(stats.scv()),
        format::number(stats.autocorrelation(1)),
    ];
    for seconds in COMPARED_S {
        let compared = |scale: &&ScaleFit| Span::from_secs_f64(seconds) == Some(scale.scale);
        let mark = match candidate.scales.iter().find(compared) {
            Some(scale) if scale.is_off() => " !",
            Some(_) | None => "",
        };
        row.push(format!("{}{mark}", format::number(stats.idc(seconds))));
    }
    row.push(separated(&format!("{:.0}", candidate.bic)));
    row.push(candidate.means.name().to_owned());
    row
}

fn window_rows(pieces: &[Piece]) -> Vec<Vec<String>> {
    let row = |(i, piece): (usize, &Piece)| {
        let mut row = vec![(i + 1).to_string(), format::duration(piece.duration.as_secs_f64())];
        match &piece.fit {
            Ok(fit) => {
                let best = fit.best();
                row.push(format::count(fit.trace.arrivals));
                row.push(format::number(fit.trace.rate));
                row.push(best.family.name());
                row.push(best.warning().unwrap_or_default());
            }
            Err(error) => row.extend([String::new(), String::new(), String::new(), error.to_string()]),
        }
        row
    };
    pieces.iter().enumerate().map(row).collect()
}
