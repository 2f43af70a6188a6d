//! What `sim plan` shows where several classes share a model: plan.json, the tables, the chart and the page.

mod json;
mod run;

use std::path::Path;

pub use self::run::GroupsRunReport;

use super::chart::{Axis, BarChart, Chart, Unit};
use super::files::write_atomically;
use super::format;
use super::html::{Card, Page};
use super::table::text_table;
use crate::error::InputError;
use crate::planner::groups::{GroupPlan, Partitions, Planned};
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::scenario::platform::Environments;
use crate::scenario::workload::Source;

/// Planned groups with what they were asked for.
#[derive(Debug, Clone, Copy)]
pub struct GroupReport<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    /// Its classes.
    pub classes: &'a Classes,
    /// What was found.
    pub plan: &'a GroupPlan,
}

const GROUP_HEADERS: [&str; 7] =
    ["group", "classes", "memory", "largest batch", "mean batch", "wait at most", "cost per million"];
const CLASS_HEADERS: [&str; 7] =
    ["class", "group", "objective", "predicted over it", "simulated over it", "pays per million", "alone"];
const WAY_HEADERS: [&str; 3] = ["way", "cost per million", "more than the best"];

impl GroupReport<'_> {
    fn best(&self) -> &[Planned] {
        self.plan.best.as_deref().unwrap_or(&[])
    }

    fn names(&self, planned: &Planned) -> String {
        let names = planned.choice.members.iter().map(|member| self.classes.list[*member].name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    fn group_rows(&self) -> Vec<Vec<String>> {
        let row = |(number, planned): (usize, &Planned)| {
            let choice = &planned.choice;
            let waits = choice.longest_wait.iter().map(|wait| format::duration(wait.as_secs_f64()));
            let predicted = &planned.prediction.prediction.predicted;
            vec![
                (number + 1).to_string(),
                self.names(planned),
                choice.size.to_string(),
                choice.batch.to_string(),
                format::number(predicted.mean_batch),
                waits.collect::<Vec<_>>().join(", "),
                match (self.plan.trials, &planned.simulation) {
                    (Some(_), Some(found)) => format::money(found.simulation.simulated.cost_usd_per_million),
                    _ => format::money(predicted.cost_usd_per_million),
                },
            ]
        };
        self.best().iter().enumerate().map(row).collect()
    }

    fn class_rows(&self) -> Vec<Vec<String>> {
        let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
        for (number, planned) in self.best().iter().enumerate() {
            for (at, member) in planned.choice.members.iter().enumerate() {
                let class = &self.classes.list[*member];
                let figures = &planned.prediction.classes[at];
                let simulated = planned.simulation.as_ref().map(|simulation| &simulation.classes[at]);
                let share = |share: Option<f64>| share.map_or(String::new(), format::percent);
                let objective = class.slo.map(|slo| format!("{} within {}", slo.name(), slo.latency));
                let alone = self.plan.alone[*member].as_ref().map(|alone| &alone.prediction.classes[0]);
                let row = vec![
                    class.name.clone(),
                    (number + 1).to_string(),
                    objective.unwrap_or_default(),
                    share(figures.slo_violation_share),
                    share(simulated.and_then(|figures| figures.slo_violation_share)),
                    format::money(figures.cost_usd_per_million),
                    alone
                        .map_or("not possible".to_owned(), |alone| format::money(alone.cost_usd_per_million)),
                ];
                rows.push((*member, row));
            }
        }
        rows.sort_by_key(|(member, _)| *member);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// All alone, all in one, best: the cost of a million requests [$], if possible.
    fn ways(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("all alone", self.plan.alone_usd_per_million()),
            ("all in one", self.plan.together_usd_per_million()),
            ("best", self.plan.best_usd_per_million()),
        ]
    }

    fn way_rows(&self) -> Vec<Vec<String>> {
        let best = self.plan.best_usd_per_million();
        let row = |(name, usd): (&str, Option<f64>)| match (usd, best) {
            (Some(usd), Some(best)) => {
                vec![name.to_owned(), format::money(usd), format::percent(usd / best - 1.0)]
            }
            _ => vec![name.to_owned(), "not possible".to_owned(), String::new()],
        };
        self.ways().map(row).to_vec()
    }

    fn headline(&self) -> String {
        let (classes, groups) = (self.classes.list.len(), self.best().len());
        let (model, book) = (&self.scenario.profile.model, &self.scenario.platform.book.name);
        match groups {
            0 => format!("{classes} classes on {model}, prices of {book}: no grouping keeps every objective"),
            1 => format!("{classes} classes on {model}, prices of {book}: all share one buffer"),
            _ => format!("{classes} classes on {model}, prices of {book}: {groups} buffers"),
        }
    }

    /// What a reader must know to trust the figures.
    pub(super) fn notes(&self) -> Vec<String> {
        let groups = format::count(self.plan.groups as u64);
        let mut notes = vec![match self.plan.partitions {
            Partitions::All => format!(
                "The best of all partitions of the classes, by the exact costs of {groups} groups at one common time for the \
                 service."
            ),
            Partitions::Contiguous => format!(
                "The best of the partitions into neighbours by their objectives ({groups} groups): over 12 classes not \
                 every partition is looked at."
            ),
        }];
        if self.classes.list.iter().any(|class| class.slo.is_some_and(|slo| slo.percentile < 1.0)) {
            notes.push(
                "The shares over an objective are exact; that no other longest waits are cheaper is not proven."
                    .to_owned(),
            );
        }
        if let Some(trials) = self.plan.trials {
            notes.push(format!(
                "Chosen by {} simulations of what the law finds cheapest: no law covers this scenario. Costs are the \
                 simulated ones, of what keeps every objective there.",
                format::count(trials as u64)
            ));
        } else if matches!(self.scenario.platform.environments, Environments::Pool(_)) {
            notes.push("Chosen without cold starts, throttling and waiting for capacity; the simulation has them, each \
                 group with the limits for itself.".to_owned());
        }
        if matches!(self.scenario.workload.source, Source::Trace(_)) {
            notes.push(
                "Predicted from hourly fits of the trace (Poisson or MMPP(2)), not from the trace itself."
                    .to_owned(),
            );
        }
        for planned in self.best().iter().filter(|planned| planned.verified(self.classes) == Some(false)) {
            notes.push(format!(
                "The simulation does not confirm the objectives of the group {}.",
                self.names(planned)
            ));
        }
        for (class, _) in self.classes.list.iter().zip(&self.plan.alone).filter(|(_, alone)| alone.is_none())
        {
            notes.push(format!("Class {} cannot keep its objective even alone.", class.name));
        }
        notes
    }

    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n\n", self.scenario.name, self.headline());
        if self.plan.best.is_some() {
            text.push_str(&text_table(&GROUP_HEADERS, &self.group_rows()));
            text.push_str(&format!("\nEach class\n{}", text_table(&CLASS_HEADERS, &self.class_rows())));
        }
        text.push_str(&format!("\nWhat grouping is worth\n{}\n", text_table(&WAY_HEADERS, &self.way_rows())));
        for note in self.notes() {
            text.push_str(&format!("{note}\n"));
        }
        text
    }

    /// What each class pays in each way, stacked to the whole cost.
    fn chart(&self) -> BarChart {
        let ways = self.ways();
        let shown: Vec<usize> = (0..3).filter(|way| ways[*way].1.is_some()).collect();
        let names = shown.iter().map(|way| ways[*way].0.to_owned()).collect();
        let axis = Axis::new("cost per million requests", Unit::Usd);
        let mut chart = BarChart::new("What grouping is worth", "way", names, axis, format::money)
            .subtitle(self.headline())
            .stacked()
            .lying();
        let all: [Vec<&Planned>; 3] = [
            self.plan.alone.iter().flatten().collect(),
            self.plan.together.iter().collect(),
            self.best().iter().collect(),
        ];
        for (member, class) in self.classes.list.iter().enumerate() {
            let paid = |way: &usize| {
                let paid = all[*way].iter().find_map(|planned| {
                    let at = planned.choice.members.iter().position(|other| *other == member)?;
                    Some(planned.paid_usd_per_s()[at])
                });
                paid.map_or(f64::NAN, |usd| usd / self.plan.rate * 1e6)
            };
            chart = chart.series(class.name.clone(), shown.iter().map(paid).collect());
        }
        chart
    }

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_charts(&self, folder: &Path) -> Result<(), InputError> {
        let chart = self.chart();
        write_atomically(&folder.join("charts").join("grouping.svg"), chart.svg())?;
        let cards: Vec<Card> = self
            .ways()
            .into_iter()
            .map(|(name, usd)| Card::new(name, usd.map_or("not possible".to_owned(), format::money)))
            .collect();
        let mut page = Page::new(format!("{}: which classes share", self.scenario.name))
            .subtitle(self.headline())
            .cards(&cards)
            .table("Groups", &GROUP_HEADERS, &self.group_rows())
            .table("Each class", &CLASS_HEADERS, &self.class_rows())
            .table("What grouping is worth, by million requests", &WAY_HEADERS, &self.way_rows());
        for note in self.notes() {
            page = page.note(&note);
        }
        page = page.chart(&chart, "What a million requests cost, by the class that pays.");
        write_atomically(&folder.join("index.html"), page.render())
    }
}
