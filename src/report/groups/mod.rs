//! What `sim plan` shows where several classes share a model: plan.json, and with the feature `charts` the tables, the chart
//! and the page.

mod json;
#[cfg(feature = "charts")]
mod page;
mod run;

pub use self::run::GroupsRunReport;
use super::format;
use super::notes::sizes;
use crate::planner::groups::{GroupPlan, Partitions, Planned};
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::scenario::platform::Environments;

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

impl GroupReport<'_> {
    fn best(&self) -> &[Planned] {
        self.plan.best.as_deref().unwrap_or(&[])
    }

    fn names(&self, planned: &Planned) -> String {
        let names = planned.choice.members.iter().map(|member| self.classes.list[*member].name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// What a reader must know to trust the figures.
    fn notes(&self) -> Vec<String> {
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
        if self.scenario.workload.source.is_recorded() {
            notes.push(
                "Predicted from hourly fits of the trace (Poisson or MMPP(2)), not from the trace itself."
                    .to_owned(),
            );
        }
        notes.extend(sizes(self.classes));
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
}
