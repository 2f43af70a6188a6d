//! The tables and the page of a comparison.

use super::{CompareReport, CompareRow, peak};
use crate::error::InputError;
use crate::outcome::Difference;
use crate::report::html::{self, Page, Target};
use crate::report::notes::always_warm;
use crate::report::table::text_table;
use crate::report::{format, published};
use crate::scenario::platform::Environments;
use crate::scenario::published::Metric;
use crate::systems::compare::Compared;
use crate::text::{line, markdown};

/// Title, headers, rows.
type TitledTable = (&'static str, &'static [&'static str], Vec<Vec<String>>);

const HEADERS: [&str; 12] = [
    "system",
    "cost",
    "per million",
    "per month",
    "relative",
    "p50",
    "p95",
    "p99",
    "over SLO",
    "mean batch",
    "cold starts",
    "peak instances",
];
const BILL_HEADERS: [&str; 5] = ["system", "functions", "on demand", "spot", "interruptions"];
const DIFFERENCE_HEADERS: [&str; 5] =
    ["system", "cost per million", "mean latency", "p95 latency", "over the SLO [points]"];

impl CompareReport<'_> {
    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let requests = format::count(self.systems[0].simulation.requests);
        let mut text = format!(
            "{}: {requests} requests\n{}\n{}\n\n",
            self.scenario.name,
            self.headline(),
            line(&self.answer())
        );
        text.push_str(&text_table(&["system", "runs with"], &self.setting_rows()));
        text.push('\n');
        text.push_str(&text_table(&HEADERS, &self.rows()));
        if self.systems.len() > 1 {
            text.push_str(&format!(
                "\nDifference from {}, 95 % interval (paired)\n",
                line(&self.systems[0].name)
            ));
            text.push_str(&text_table(&DIFFERENCE_HEADERS, &self.difference_rows()));
        }
        for (title, headers, rows) in self.more_tables() {
            text.push_str(&format!("\n{title}\n{}", text_table(headers, &rows)));
        }
        text.push_str(&format!("\n{}\n", self.notes().join("\n")));
        text
    }

    /// The published figures beside ours as rows of a Markdown table; empty if the scenario has none.
    pub fn published_markdown(&self) -> String {
        let row = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| markdown(cell)).collect();
            format!("| {} | {} |\n", self.scenario.name, cells.join(" | "))
        };
        self.published_rows().iter().map(row).collect()
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let figures = self.figures();
        let mut page = Page::new(format!("{}: systems compared", self.scenario.name))
            .of("compare")
            .subtitle(self.headline())
            .answer(&self.answer())
            .figures(&figures[..1])
            .table("Systems", &HEADERS, &self.rows())
            .table("What they run with", &["system", "runs with"], &self.setting_rows());
        if self.systems.len() > 1 {
            let caption = format!("Difference from {}, 95 % interval (paired)", self.systems[0].name);
            page = page.table(&caption, &DIFFERENCE_HEADERS, &self.difference_rows());
        }
        for (title, headers, rows) in self.more_tables() {
            page = page.table(title, headers, &rows);
        }
        html::write(to.into(), &figures, &page.notes(self.notes()).figures(&figures[1..]))
    }

    /// The cheapest system that meets what is asked, and by how much; without one, that which comes nearest.
    fn answer(&self) -> String {
        let slo = &self.scenario.slo;
        let figures = |system: &Compared| {
            let s = &system.simulation.simulated;
            format!(
                "{} {}, {} a million requests, {} a month (730 h at this rate)",
                slo.name(),
                format::duration(s.latency_s.slo),
                format::money(s.cost_usd_per_million),
                format::money(s.cost_usd_per_month)
            )
        };
        let usd = |system: &Compared| system.simulation.simulated.cost_usd_per_million;
        let late = |system: &Compared| system.simulation.simulated.slo_violation_share;
        let meeting = self.systems.iter().filter(|s| slo.verdict(late(s), usd(s)) != Some(false));
        let Some(best) = meeting.min_by(|a, b| usd(a).total_cmp(&usd(b))) else {
            let nearest = self
                .systems
                .iter()
                .min_by(|a, b| late(a).total_cmp(&late(b)).then(usd(a).total_cmp(&usd(b))));
            let nearest = nearest.expect("at least one system");
            let late = format::percent(late(nearest));
            return format!(
                "No system meets the SLO. Nearest: {}: {late} over it; {}.",
                nearest.name,
                figures(nearest)
            );
        };
        let first = &self.systems[0];
        let less = match usd(best) / usd(first) - 1.0 {
            _ if std::ptr::eq(best, first) => String::new(),
            change if change < 0.0 => format!(", {} less than {}", format::percent(-change), first.name),
            change => format!(", {} more than {}, which misses the SLO", format::percent(change), first.name),
        };
        let which = if slo.latency.is_some() { "Cheapest within the SLO" } else { "Cheapest" };
        format!("{which}: {}{less}: {}.", best.name, figures(best))
    }

    pub(super) fn headline(&self) -> String {
        let model = line(&self.scenario.profile.model);
        let slo = match self.scenario.slo.latency {
            Some(latency) => format!(", {} within {latency}", self.scenario.slo.name()),
            None => String::new(),
        };
        format!("{model}{slo}, prices of {}", line(&self.scenario.platform.book.name))
    }

    pub(super) fn rents(&self) -> bool {
        self.systems.iter().any(|system| peak(system, |row| row.instances) > 0.0)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |(row, system): (&CompareRow<'_>, &Compared)| {
            let month = system.simulation.simulated.cost_usd_per_month;
            vec![
                row.system.to_owned(),
                format::money(row.cost_usd),
                format::money(row.cost_usd_per_million),
                format::money(month),
                format::number(row.relative_cost),
                format::duration(row.p50_s),
                format::duration(row.p95_s),
                format::duration(row.p99_s),
                format::percent(row.slo_violation_share),
                format::number(row.mean_batch),
                format::count(row.cold_starts),
                format::number(row.peak_instances),
            ]
        };
        self.csv_rows().iter().zip(self.systems).map(row).collect()
    }

    fn difference_rows(&self) -> Vec<Vec<String>> {
        let text = |difference: Difference, figure: fn(f64) -> String| match difference.ci95 {
            Some([low, high]) => {
                format!("{} [{}, {}]", figure(difference.value), figure(low), figure(high))
            }
            None => figure(difference.value),
        };
        let row = |system: &Compared| {
            let paired = system.difference?;
            Some(vec![
                system.name.clone(),
                text(paired.cost_usd_per_million, format::money),
                text(paired.mean_latency_s, format::duration),
                text(paired.p95_latency_s, format::duration),
                text(paired.slo_violation_share, |share| format::number(share * 100.0)),
            ])
        };
        self.systems.iter().filter_map(row).collect()
    }

    fn setting_rows(&self) -> Vec<Vec<String>> {
        self.systems.iter().map(|system| vec![system.name.clone(), system.setting.clone()]).collect()
    }

    fn bill_rows(&self) -> Vec<Vec<String>> {
        let row = |row: &CompareRow<'_>| {
            let interruptions = format::count(row.interruptions);
            let parts = [row.functions_usd, row.instances_usd, row.spot_usd].map(format::money);
            [vec![row.system.to_owned()], parts.to_vec(), vec![interruptions]].concat()
        };
        self.csv_rows().iter().map(row).collect()
    }

    fn published_rows(&self) -> Vec<Vec<String>> {
        let rows = self.csv_rows();
        let figure = |name: &str, metric: Metric| {
            let row = rows.iter().find(|row| row.system == name)?;
            match metric {
                Metric::RelativeCost => Some(row.relative_cost),
                Metric::CostPerMillion => Some(row.cost_usd_per_million),
                Metric::ViolationShare => Some(row.slo_violation_share),
                Metric::P95 => Some(row.p95_s),
                Metric::WindowLeast => row.window_least,
                Metric::WindowMost => row.window_most,
                // Figures of classes, which these systems do not know.
                Metric::RelativeFormulaCost | Metric::CostOverFormula => None,
            }
        };
        published::rows(self.scenario, figure)
    }

    /// The bill where instances are rented, and published figures where there are any.
    fn more_tables(&self) -> Vec<TitledTable> {
        let mut tables: Vec<TitledTable> = Vec::new();
        if self.rents() {
            tables.push(("The bill", &BILL_HEADERS, self.bill_rows()));
        }
        if !self.scenario.published.is_empty() {
            tables.push(("Published and ours", &published::HEADERS, self.published_rows()));
        }
        tables
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "All systems saw the same arrivals (seed {}). The share over the SLO of a system with instances depends \
             on the stated assumptions of its instance profile.",
            self.scenario.seed
        )];
        // A system that starts cold says so beside its setting.
        if let Environments::AlwaysWarm = self.scenario.platform.environments {
            notes.push(always_warm(&self.scenario.profile));
        }
        if self.scenario.replications > 1 {
            notes.push("Each system was simulated once: `replications` is for `sim run`.".to_owned());
        }
        notes
    }
}
