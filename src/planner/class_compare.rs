//! Ways to put classes into buffers, side by side: by a formula for full batches, by the exact law, and simulated.

use super::groups::{Function, GroupChoice, Planner, choose, platform_function};
use super::harmony::{self, Application};
use super::shared::{ClassParts, ClassPrediction, MarkedPart, Times, predict_on, predict_parts};
use crate::analytic::exact::Variation;
use crate::engine::classes::simulate::{ClassSimulation, simulate_group, simulate_on};
use crate::engine::simulate::Unwatched;
use crate::error::InputError;
use crate::profile::device::{Offered, Size};
use crate::scenario::Scenario;
use crate::scenario::class::{Classes, Group};
use crate::scenario::class_system::{ClassSystem, Grouping, ListedGroup, On};
use crate::units::{MemoryMb, Span};

/// A system with its groups.
#[derive(Debug, Clone)]
pub struct ComparedClasses {
    /// Its name.
    pub name: String,
    /// Its groups.
    pub groups: Vec<ComparedGroup>,
}

/// A group of a system.
#[derive(Debug, Clone)]
pub struct ComparedGroup {
    /// The group and its settings.
    pub listed: ListedGroup,
    /// Requests a second.
    pub rate: f64,
    /// The price of a full batch [$]: what the formula takes every batch to cost.
    pub full_batch_usd: f64,
    /// What the exact law says.
    pub prediction: ClassPrediction,
    /// What the simulation says.
    pub simulation: ClassSimulation,
}

/// The costs of a million requests [$].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// As if every batch were full.
    pub formula: f64,
    /// Exactly, in expectation.
    pub exact: f64,
    /// In the simulation.
    pub simulated: f64,
}

impl ComparedClasses {
    /// What a million requests cost.
    pub fn costs(&self) -> Costs {
        let rate: f64 = self.groups.iter().map(|group| group.rate).sum();
        let weighted = |cost: &dyn Fn(&ComparedGroup) -> f64| {
            self.groups.iter().map(|group| group.rate / rate * cost(group)).sum::<f64>()
        };
        Costs {
            formula: weighted(&|group| group.full_batch_usd / f64::from(group.listed.batch) * 1e6),
            exact: weighted(&|group| group.prediction.prediction.predicted.cost_usd_per_million),
            simulated: weighted(&|group| group.simulation.simulation.simulated.cost_usd_per_million),
        }
    }
}

/// Runs every system of the scenario on the same requests.
///
/// # Errors
/// No systems; a system that cannot keep the objectives, or asks for what there is not.
pub fn compare_classes(scenario: &Scenario, classes: &Classes) -> Result<Vec<ComparedClasses>, InputError> {
    if classes.systems.is_empty() {
        return Err(InputError::new(&scenario.name, "there is nothing to compare")
            .help("add [[system]] entries with kind = \"classes\" and a `grouping`"));
    }
    let compared = |system: &ClassSystem| compared(scenario, classes, system);
    classes.systems.iter().map(compared).collect()
}

/// Runs the groups that the scenario's policy asks for, on the same requests.
///
/// # Errors
/// The profile does not cover one; a trace cannot be read; no request came.
pub fn run_groups(scenario: &Scenario, classes: &Classes) -> Result<ComparedClasses, InputError> {
    let grouping = Grouping::Listed(classes.groups.clone());
    compared(scenario, classes, &ClassSystem { name: "groups".to_owned(), on: On::Platform, grouping })
}

fn compared(
    scenario: &Scenario,
    classes: &Classes,
    system: &ClassSystem,
) -> Result<ComparedClasses, InputError> {
    let groups = Grouped { scenario, classes, system }.groups()?;
    Ok(ComparedClasses { name: system.name.clone(), groups })
}

struct Grouped<'a> {
    scenario: &'a Scenario,
    classes: &'a Classes,
    system: &'a ClassSystem,
}

impl Grouped<'_> {
    fn error(&self, message: &str) -> InputError {
        InputError::new(&self.scenario.name, format!("system `{}`: {message}", self.system.name))
    }

    fn groups(&self) -> Result<Vec<ComparedGroup>, InputError> {
        let listed = match &self.system.grouping {
            Grouping::Listed(groups) => groups.clone(),
            Grouping::HarmonyBatch => self.harmonybatch()?,
            Grouping::Alone | Grouping::Together | Grouping::Best | Grouping::Mbs(_) => self.exact()?,
        };
        listed.into_iter().map(|group| self.run(group)).collect()
    }

    fn exact(&self) -> Result<Vec<ListedGroup>, InputError> {
        let planner = match self.system.on {
            On::Platform => Planner::new(self.scenario, self.classes)?,
            On::Functions => {
                let function = |offered: Offered| Function {
                    size: offered.size,
                    service: offered.slowest,
                    variation: Variation::default(),
                    cost: offered.usd,
                    by_size: Vec::new(),
                };
                let functions: Vec<Function> = self.offered().into_iter().map(function).collect();
                let largest = functions.iter().map(|function| function.service.len()).max().unwrap_or(1);
                Planner::among(self.scenario, self.classes, functions, (1..=largest as u32).collect())?
            }
        };
        let all: Vec<usize> = (0..self.classes.list.len()).collect();
        let choices: Option<Vec<GroupChoice>> = match self.system.grouping {
            Grouping::Alone => all.iter().map(|class| planner.best(&[*class])).collect(),
            Grouping::Together => planner.best(&all).map(|choice| vec![choice]),
            Grouping::Mbs(buffers) => {
                self.by_size(&planner, buffers).iter().map(|members| planner.best(members)).collect()
            }
            _ => choose(&planner, self.classes).best,
        };
        let choices = choices.ok_or_else(|| self.error("no configuration keeps every objective"))?;
        let listed = |choice| {
            let GroupChoice { members, size, batch, longest_wait, .. } = planner.raised(choice);
            ListedGroup { members, size, batch, longest_wait }
        };
        Ok(choices.into_iter().map(listed).collect())
    }

    /// MBS's buffers: ranges of sizes, cut where they have as many requests as the others. A class of one size is in one
    /// buffer whole: where it is on a cut, where its middle is.
    fn by_size(&self, planner: &Planner, buffers: u32) -> Vec<Vec<usize>> {
        let size = |class: &usize| self.classes.sizes.as_ref().map_or(0.0, |sizes| sizes.mean(*class));
        let mut order: Vec<usize> = (0..self.classes.list.len()).collect();
        order.sort_by(|a, b| size(a).total_cmp(&size(b)));
        let mut groups = vec![Vec::new(); buffers as usize];
        let mut passed = 0.0;
        for class in order {
            let rate = planner.rate_of(&[class]);
            let middle = (passed + rate / 2.0) / planner.rate() * f64::from(buffers);
            groups[(middle as usize).min(buffers as usize - 1)].push(class);
            passed += rate;
        }
        groups.retain(|group| !group.is_empty());
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups
    }

    fn harmonybatch(&self) -> Result<Vec<ListedGroup>, InputError> {
        let functions = match self.system.on {
            On::Functions => self.offered(),
            On::Platform => self.platform()?,
        };
        let all: Vec<usize> = (0..self.classes.list.len()).collect();
        let parts = ClassParts::new(self.scenario, self.classes)?.of(&all);
        let application = |class: &usize| {
            let slo =
                self.classes.list[*class].slo.ok_or_else(|| self.error("every class needs an objective"))?;
            Ok(Application { class: *class, rate: rate(&parts, *class), latency: slo.latency.as_secs_f64() })
        };
        let applications = all.iter().map(application).collect::<Result<Vec<_>, InputError>>()?;
        let groups = harmony::group(&functions, &applications)
            .ok_or_else(|| self.error("some class cannot keep its latency even alone"))?;
        let listed = |group: harmony::Provisioned| ListedGroup {
            members: group.applications.iter().map(|application| application.class).collect(),
            size: functions[group.function].size,
            batch: group.batch,
            longest_wait: group
                .waits
                .iter()
                .map(|wait| Span::from_secs_f64(*wait).unwrap_or(Span::ZERO))
                .collect(),
        };
        Ok(groups.into_iter().map(listed).collect())
    }

    fn offered(&self) -> Vec<Offered> {
        self.classes.devices.iter().flat_map(|devices| devices.all()).collect()
    }

    /// The memory sizes of the platform, as HarmonyBatch sees functions.
    fn platform(&self) -> Result<Vec<Offered>, InputError> {
        let Some((memory, batches)) = &self.classes.grid else {
            return Err(self
                .error("there is nothing to choose from")
                .help("give [sweep] with `memory_mb` and `batch`"));
        };
        let largest = batches[batches.len() - 1];
        let offered = |memory: &MemoryMb| {
            let Function { size, service, cost, .. } = platform_function(self.scenario, *memory, largest)?;
            Ok(Offered { size, slowest: service, usd: cost })
        };
        memory.iter().map(offered).collect()
    }

    /// Predicts and simulates a group.
    fn run(&self, listed: ListedGroup) -> Result<ComparedGroup, InputError> {
        let (scenario, classes) = (self.scenario, self.classes);
        let memory = match listed.size {
            Size::Memory(memory) => memory,
            Size::Processors(_) | Size::Gpu(_) => MemoryMb(0),
        };
        let ListedGroup { members, batch, longest_wait, .. } = listed.clone();
        let group = Group { members, memory, batch, longest_wait };
        let parts = ClassParts::new(scenario, classes)?.of(&group.members);
        let mut largest = None;
        let (service, variation, cost) = match listed.size {
            Size::Memory(memory) => {
                let Function { service, variation, cost, by_size, .. } =
                    platform_function(scenario, memory, batch)?;
                // The formula takes every batch to be padded to the largest of the group.
                let sizes = classes.sizes.as_ref().map(|sizes| sizes.of_law().largest(&group.members));
                largest = sizes.map(|at| by_size[at].cost.clone());
                (service, variation, cost)
            }
            Size::Processors(_) | Size::Gpu(_) => {
                let offered = classes.devices.as_ref().and_then(|devices| devices.offered(listed.size));
                let offered =
                    offered.ok_or_else(|| self.error("a function that [functions] does not offer"))?;
                (offered.slowest, Variation::default(), offered.usd)
            }
        };
        let price = |n: u32, _: f64| cost[n as usize - 1];
        let (by_size, vary) = ([service.clone()], [variation]);
        let times = Times { service: &by_size, variation: &vary, price: &price };
        let prediction = match classes.sizes {
            Some(_) => predict_parts(scenario, classes, &group, &parts)?,
            None => predict_on(classes, &group, &parts, times),
        };
        let simulation = match self.system.on {
            On::Platform => simulate_group(scenario, classes, &group, &mut Unwatched)?,
            On::Functions => {
                let spans = service.iter().map(|s| Span::from_secs_f64(*s).unwrap_or(Span::MAX)).collect();
                simulate_on(scenario, classes, &group, (spans, &cost))?
            }
        };
        let rate = (0..group.members.len()).map(|at| rate(&parts, at)).sum();
        let full_batch_usd = largest.as_ref().unwrap_or(&cost)[batch as usize - 1];
        Ok(ComparedGroup { listed, rate, full_batch_usd, prediction, simulation })
    }
}

/// Requests of a class a second.
fn rate(parts: &[MarkedPart], class: usize) -> f64 {
    let duration: f64 = parts.iter().map(|part| part.duration).sum();
    parts.iter().map(|part| part.duration / duration * part.process.rates()[class]).sum()
}
