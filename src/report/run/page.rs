//! The table, the charts and the page of a run.

use super::{ClassTables, HoursOver, Plans, RunReport};
use crate::error::InputError;
use crate::outcome::{HourRow, KeepAlivePoint, KeepAliveSource};
use crate::report::beside::{Beside, Figures};
use crate::report::html::{self, Card, Page, Target};
use crate::report::table::text_table;
use crate::report::{format, notes};
use crate::scenario::Scenario;
use crate::text::line;

const HEADERS: [&str; 5] = ["", "simulated", "95 % interval", "predicted", "difference"];
const KEEP_ALIVE_HEADERS: [&str; 4] = ["keep-alive", "cold starts", "of invocations", "how it was found"];
const HOUR_HEADERS: [&str; 9] =
    ["hour", "rate [1/s]", "p50", "p95", "p99", "cost", "mean batch", "over the SLO", "cold starts"];
const CLASS_HEADERS: [&str; 11] = [
    "class",
    "",
    "share",
    "waits at most",
    "mean",
    "p50",
    "p95",
    "p99",
    "objective",
    "over it",
    "pays per million",
];

impl RunReport<'_> {
    /// The table for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.simulation.requests);
        let mut text = format!(
            "{}: {requests} requests\n{}\n{}\n\n",
            self.scenario.name,
            self.headline(),
            self.answer()
        );
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if let Some(classes) = self.classes {
            let (headers, rows) = class_table(&classes, self.scenario);
            text.push_str(&format!("\nBy class\n{}", text_table(&headers, &rows)));
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
        let requests = format::count(self.simulation.requests);
        let mut page = Page::new(format!("{}: simulated and predicted", self.scenario.name))
            .of("run")
            .subtitle(format!("{requests} requests; {}", self.headline()))
            .answer(&self.answer())
            .cards(&self.cards())
            .table("Simulated beside predicted", &HEADERS, &self.rows());
        if let Some(classes) = self.classes {
            let (headers, rows) = class_table(&classes, self.scenario);
            page = page.table("By class", &headers, &rows);
        }
        page = page.notes(self.notes()).figures(&figures);
        if self.simulation.hours.len() > 1 {
            page = page.heading("Hours").table("By hour", &HOUR_HEADERS, &self.hour_rows());
        }
        if !self.keep_alive.is_empty() {
            let table = "Cold starts against keep-alive";
            page = page.heading("Keep-alive").table(table, &KEEP_ALIVE_HEADERS, &self.keep_alive_rows());
        }
        html::write(to.into(), &figures, &page)
    }

    fn answer(&self) -> String {
        let answer = notes::answer(&self.scenario.slo, &self.simulation.simulated);
        match self.classes.and_then(|classes| class_answer(&classes, self.scenario)) {
            Some(verdict) => format!("{verdict} {answer}"),
            None => answer,
        }
    }

    pub(super) fn headline(&self) -> String {
        let setting = self.scenario.setting();
        let (memory, batch, timeout) = (setting.memory, setting.batch, setting.timeout);
        let model = line(&self.scenario.profile.model);
        let book = line(&self.scenario.platform.book.name);
        if !self.scenario.decisions.is_empty() {
            return format!("{model}, planned as decided before, prices of {book}");
        }
        if let Some(settings) = self.scenario.policy.adaptive() {
            return format!("{model}, planned anew every {}, prices of {book}", settings.period);
        }
        if let Some(classes) = &self.scenario.classes {
            let classes = match classes.list.len() {
                1 => "1 class".to_owned(),
                several => format!("{several} classes"),
            };
            return format!("{model} at {memory}, {classes} in batches of up to {batch}, prices of {book}");
        }
        match batch {
            1 => format!("{model} at {memory}, unbatched, prices of {book}"),
            _ => format!("{model} at {memory}, batches of up to {batch} within {timeout}, prices of {book}"),
        }
    }

    /// Figure, simulated, its interval, predicted, difference.
    fn rows(&self) -> Vec<Vec<String>> {
        let s = &self.simulation.simulated;
        let figures = Figures { simulated: Some(s), predicted: self.prediction.map(|p| &p.predicted) };
        let slo = &self.scenario.slo;
        let mut all = figures.mean_and_percentiles(slo);
        all.extend([figures.cost(), figures.mean_batch()]);
        all.extend(slo.latency.map(|latency| figures.over(latency)));
        let mut rows: Vec<Vec<String>> = all.iter().map(Beside::cells_with_difference).collect();
        let plain = |name: &str, value: String| vec![name.to_owned(), value];
        if let Some(HoursOver { hours, over, .. }) = self.hours_over() {
            rows.push(plain("hours over the SLO / all", format!("{over} / {hours}")));
        }
        if let Some(Plans { plans, early, memory_changes }) = self.plans() {
            rows.push(plain("plans / early / new memory", format!("{plans} / {early} / {memory_changes}")));
        }
        rows.push(plain("longest latency", format::duration(s.latency_s.max.unwrap_or(0.0))));
        rows.push(plain("batches full / timed out", {
            format!("{} / {}", format::count(s.full_batches), format::count(s.timeout_batches))
        }));
        rows.push(plain(
            "cold starts",
            match s.cold_starts {
                0 => "0".to_owned(),
                count => format!("{} ({})", format::count(count), format::percent(s.cold_start_share)),
            },
        ));
        if s.throttled + s.rejected > 0 {
            rows.push(plain("throttled tries", format::count(s.throttled)));
            rows.push(plain("failed requests", format::count(s.rejected)));
        }
        rows.push(plain("mean / peak concurrency", {
            format!("{} / {}", format::number(s.mean_concurrency), format::count(s.peak_concurrency))
        }));
        if let Some(seen) = s.environments {
            let figures = format!("{} / {}", format::number(seen.mean), format::count(seen.peak));
            rows.push(plain("mean / peak environments, idle ones too", figures));
        }
        rows.push(plain("cost of the run", format::money(s.cost_usd)));
        rows.push(plain("cost per month", format::money(s.cost_usd_per_month)));
        rows
    }

    fn cards(&self) -> Vec<Card> {
        let s = &self.simulation.simulated;
        let name = format!("{} latency", self.scenario.slo.name());
        let percentile = Card::new(name, format::duration(s.latency_s.slo));
        let percentile = match self.prediction {
            Some(p) => percentile.note(format!("predicted {}", format::duration(p.predicted.latency_s.slo))),
            None => percentile,
        };
        let cost = Card::new("Cost per million requests", format::money(s.cost_usd_per_million));
        let month =
            Card::new("Cost per month", format::money(s.cost_usd_per_month)).note("730 h at this rate");
        let batch = Card::new("Mean batch", format::number(s.mean_batch));
        let share = format!("{} of invocations", format::percent(s.cold_start_share));
        let cold = Card::new("Cold starts", format::count(s.cold_starts)).note(share);
        let mut cards = vec![percentile, cost, month, batch, cold];
        if let Some(slo) = self.scenario.slo.latency {
            let over = Card::new(format!("Over {slo}"), format::percent(s.slo_violation_share));
            let met = self.scenario.slo.is_kept(s.slo_violation_share);
            cards.push(if met { over.good() } else { over.bad() });
        }
        cards
    }

    fn hour_rows(&self) -> Vec<Vec<String>> {
        let row = |hour: &HourRow| {
            vec![
                hour.hour.to_string(),
                format::number(hour.rate_per_s),
                format::duration(hour.p50_s),
                format::duration(hour.p95_s),
                format::duration(hour.p99_s),
                format::money(hour.cost_usd),
                format::number(hour.mean_batch),
                format::count(hour.slo_violations),
                format::count(hour.cold_starts),
            ]
        };
        self.simulation.hours.iter().map(row).collect()
    }

    fn keep_alive_rows(&self) -> Vec<Vec<String>> {
        let batches = self.simulation.batches as f64 / f64::from(self.simulation.replications);
        let row = |point: &KeepAlivePoint| {
            vec![
                format::duration(point.keep_alive_s),
                format::count(point.cold_starts),
                format::percent(point.cold_starts as f64 / batches),
                match point.source {
                    KeepAliveSource::Crossing => "from the path of the run".to_owned(),
                    KeepAliveSource::Simulated => "simulated".to_owned(),
                },
            ]
        };
        self.keep_alive.iter().map(row).collect()
    }
}

/// Did each class that is promised something get it? `None` if none is.
fn class_answer(tables: &ClassTables, scenario: &Scenario) -> Option<String> {
    let classes = scenario.classes.iter().flat_map(|classes| &classes.list);
    let promised = classes.zip(tables.simulated);
    let promised: Vec<_> = promised
        .filter_map(|(class, seen)| Some((&class.name, class.slo?, seen.slo_violation_share?)))
        .collect();
    let late = promised.iter().filter(|(_, slo, over)| !slo.is_kept(*over));
    let late: Vec<String> = late
        .map(|(name, slo, over)| {
            format!("{} ({})", line(name), notes::late(*over, slo.latency, slo.allowed()))
        })
        .collect();
    match (promised.len(), late.is_empty()) {
        (0, _) => None,
        (1, true) => Some("SLO met by the class that has one.".to_owned()),
        (all, true) => Some(format!("SLO met by each of the {all} classes that have one.")),
        (_, false) => Some(format!("SLO missed by {}.", late.join(", "))),
    }
}

/// Padding has a column where requests have sizes.
fn class_table(tables: &ClassTables, scenario: &Scenario) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut headers = CLASS_HEADERS.to_vec();
    if tables.simulated.iter().any(|figures| figures.padding.is_some()) {
        headers.push("padded by");
    }
    (headers, class_rows(tables, scenario))
}

/// Two rows a class: simulated and, where a law covers it, predicted.
fn class_rows(tables: &ClassTables, scenario: &Scenario) -> Vec<Vec<String>> {
    let classes = scenario.classes.iter().flat_map(|classes| &classes.list);
    let mut rows = Vec::new();
    for (i, (class, simulated)) in classes.zip(tables.simulated).enumerate() {
        let objective =
            class.slo.map_or(String::new(), |slo| format!("{} within {}", slo.name(), slo.latency));
        let figures = [("simulated", Some(simulated)), ("predicted", tables.predicted.get(i))];
        let figures = figures.into_iter().filter_map(|(what, figures)| Some((what, figures?)));
        for (name, (what, figures)) in [class.name.clone(), String::new()].into_iter().zip(figures) {
            let latency = &figures.latency_s;
            let times = [latency.mean, latency.p50, latency.p95, latency.p99].map(format::duration);
            let mut row = vec![name, what.to_owned(), format::percent(figures.share)];
            row.push(class.longest_wait.to_string());
            row.extend(times);
            row.push(objective.clone());
            row.push(figures.slo_violation_share.map_or(String::new(), format::percent));
            row.push(format::money(figures.cost_usd_per_million));
            row.extend(figures.padding.map(format::number));
            rows.push(row);
        }
    }
    rows
}
