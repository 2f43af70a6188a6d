//! The tables, the chart and the page of planned groups.

use super::GroupReport;
use crate::error::InputError;
use crate::planner::groups::Planned;
use crate::report::chart::{Axis, BarChart, Unit};
use crate::report::format;
use crate::report::html::{self, Card, Figure, Page, Target};
use crate::report::table::text_table;

const GROUP_HEADERS: [&str; 7] =
    ["group", "classes", "memory", "largest batch", "mean batch", "wait at most", "cost per million"];
const CLASS_HEADERS: [&str; 7] =
    ["class", "group", "objective", "predicted over it", "simulated over it", "pays per million", "alone"];
const WAY_HEADERS: [&str; 3] = ["way", "cost per million", "more than the best"];

impl GroupReport<'_> {
    /// The tables for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n\n", self.scenario.name, self.headline(), self.answer());
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

    /// Writes charts/*.svg and index.html.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_charts<'a>(&self, to: impl Into<Target<'a>>) -> Result<(), InputError> {
        let caption = "What a million requests cost, by the class that pays.";
        let figures = [Figure::new("grouping", self.chart(), caption)];
        let card = |(name, usd): (&str, Option<f64>)| {
            Card::new(
                format!("{}{}", name[..1].to_uppercase(), &name[1..]),
                usd.map_or("not possible".to_owned(), format::money),
            )
            .note("a million requests")
        };
        let page = Page::new(format!("{}: which classes share", self.scenario.name))
            .of("plan")
            .subtitle(self.headline())
            .answer(&self.answer())
            .cards(&self.ways().map(card))
            .table("Groups", &GROUP_HEADERS, &self.group_rows())
            .table("Each class", &CLASS_HEADERS, &self.class_rows())
            .table("What grouping is worth, by million requests", &WAY_HEADERS, &self.way_rows())
            .notes(self.notes())
            .figures(&figures);
        html::write(to.into(), &figures, &page)
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

    /// What to set, what it costs, and what it saves.
    fn answer(&self) -> String {
        let Some(best) = self.plan.best_usd_per_million() else {
            return "No grouping keeps every objective.".to_owned();
        };
        let buffers = self.best().iter().map(|planned| {
            let choice = &planned.choice;
            format!("{} at {} with B = {}", self.names(planned), choice.size, choice.batch)
        });
        let compared = match self.plan.alone_usd_per_million() {
            Some(alone) if self.best().len() < self.classes.list.len() => {
                format!("{} less than each alone", format::percent(1.0 - best / alone))
            }
            Some(_) => "nothing is saved by sharing".to_owned(),
            None => "alone not every class can keep its objective".to_owned(),
        };
        format!(
            "Set {}: {} a million requests, {} a month (730 h at this rate), {compared}.",
            buffers.collect::<Vec<_>>().join("; "),
            format::money(best),
            format::money(self.plan.usd_per_month(best))
        )
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
}
