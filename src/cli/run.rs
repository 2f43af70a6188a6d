//! `sim run`: replays a scenario, predicts it, and shows both side by side.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::progress::Progress;
use super::{Common, model};
use crate::engine::classes::simulate::{ClassSimulation, simulate_group};
use crate::engine::keep_alive;
use crate::engine::observer::{Cause, Detail, Observer, StartedBatch};
use crate::error::InputError;
use crate::outcome::{ClassFigures, Model, Simulation};
use crate::planner::class_compare::run_groups;
use crate::planner::predict::{Prediction, is_covered, no_users, predict, predict_figures};
use crate::planner::shared::predict_group;
use crate::policy::adaptive::Decision;
use crate::report::files::{CsvFile, write_atomically};
use crate::report::format;
use crate::report::groups::GroupsRunReport;
use crate::report::run::{ClassTables, RunReport};
use crate::scenario::class::{Classes, Group};
use crate::scenario::workload::{Source, Workload};
use crate::scenario::{Scenario, Setting};
use crate::systems::{self, Run};
use crate::units::{Span, Time};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    common: Common,
    /// The analytic model beside the simulation.
    #[arg(long, default_value = "exact", value_parser = model())]
    model: Model,
}

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, InputError> {
    let common = &args.common;
    let paper = common.paper.read()?;
    let scenario = common.read()?;
    let folder = common.folder(&scenario);
    if let Some(classes) = scenario.classes.as_ref().filter(|classes| !classes.groups.is_empty()) {
        return groups(args, &scenario, classes, &folder);
    }
    let group = scenario.classes.as_ref().map(|classes| {
        let Setting { memory, batch, .. } = scenario.setting();
        (classes, classes.together(memory, batch))
    });
    let alone = if common.output.no_charts { predict_figures } else { predict };
    let mut progress = Progress::new(length(&scenario.workload), !common.output.quiet);
    let mut rows = match scenario.output.batches {
        true => BatchRows::create(&folder.join("batches.csv"))?,
        false => BatchRows::default(),
    };
    // Neither asks for the other. On one thread, one comes after the other.
    let (predicted, simulated) = rayon::join(
        || predicted(&scenario, group.as_ref(), args.model, alone),
        || {
            let started = Instant::now();
            let found = simulated(&scenario, group.as_ref(), &mut (&mut progress, &mut rows));
            (found, started.elapsed())
        },
    );
    let (prediction, predicted_classes) = predicted?;
    let (simulated, elapsed) = simulated;
    let (simulation, decisions, simulated_classes) = simulated?;
    progress.finish();
    let held = common.output.hold(&folder)?;
    rows.finish()?;
    let keep_alive = match scenario.policy.adaptive() {
        // It may take several times what the run itself takes.
        None if !common.output.no_charts => keep_alive::curve(&scenario)?,
        None | Some(_) => Vec::new(),
    };
    let report = RunReport {
        scenario: &scenario,
        simulation: &simulation,
        prediction: prediction.as_ref(),
        decisions: &decisions,
        keep_alive: &keep_alive,
        classes: group
            .is_some()
            .then_some(ClassTables { simulated: &simulated_classes, predicted: &predicted_classes }),
    };
    let json = report.json();
    write_atomically(&folder.join("summary.json"), &json)?;
    write_tables(&report, &folder)?;
    if !common.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    common.output.show(&json, &report.text())?;
    common.output.note(&format!(
        "{} requests simulated in {} ({:.1} M/s); results in {}",
        format::count(simulation.requests),
        format::duration(elapsed.as_secs_f64()),
        simulation.requests as f64 / elapsed.as_secs_f64() / 1e6,
        folder.display()
    ));
    common.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}

/// Writes decisions.csv and hours.csv, where there is something to say in them.
fn write_tables(report: &RunReport<'_>, folder: &Path) -> Result<(), InputError> {
    if report.scenario.policy.adaptive().is_some() {
        let mut file = CsvFile::create(&folder.join("decisions.csv"))?;
        report.decision_rows().try_for_each(|row| file.serialize(row))?;
        file.finish()?;
    }
    if report.scenario.output.hours {
        let mut file = CsvFile::create(&folder.join("hours.csv"))?;
        report.simulation.hours.iter().try_for_each(|row| file.serialize(row))?;
        file.finish()?;
    }
    Ok(())
}

/// The simulation, the plans of an adaptive policy, and each class where there are several.
fn simulated<O: Observer + Send>(
    scenario: &Scenario,
    group: Option<&(&Classes, Group)>,
    observer: &mut O,
) -> Result<(Simulation, Vec<Decision>, Vec<ClassFigures>), InputError> {
    match group {
        Some((list, group)) => {
            let ClassSimulation { simulation, classes } = simulate_group(scenario, list, group, observer)?;
            Ok((simulation, Vec::new(), classes))
        }
        None => {
            let Run { simulation, decisions, .. } =
                systems::run(scenario, &scenario.system().kind, observer)?;
            Ok((simulation, decisions, Vec::new()))
        }
    }
}

/// The groups of `[policy] kind = "groups"`.
fn groups(
    args: &RunArgs,
    scenario: &Scenario,
    classes: &Classes,
    folder: &Path,
) -> Result<ExitCode, InputError> {
    let common = &args.common;
    common.paper.none("sim run of groups")?;
    if args.model == Model::Published {
        return Err(classes_have_one_law());
    }
    if scenario.output.batches || scenario.output.hours {
        let message =
            "[output] cannot act with [policy] kind = \"groups\": each group has batches of its own";
        return Err(InputError::new(&scenario.name, message).help("leave it out"));
    }
    let started = Instant::now();
    let found = run_groups(scenario, classes)?;
    let elapsed = started.elapsed().as_secs_f64();
    let report = GroupsRunReport { scenario, classes, found: &found };
    let json = report.json();
    let held = common.output.hold(folder)?;
    write_atomically(&folder.join("summary.json"), &json)?;
    if !common.output.no_charts {
        report.write_page(folder)?;
    }
    drop(held);
    common.output.show(&json, &report.text())?;
    let (groups, took) = (found.groups.len(), format::duration(elapsed));
    common.output.note(&format!("{groups} groups in {took}; results in {}", folder.display()));
    common.output.index(folder);
    Ok(ExitCode::SUCCESS)
}

fn classes_have_one_law() -> InputError {
    let help = "leave out --model published: the exact law is the only one that knows classes";
    InputError::new("--model published", "knows no [[class]]").help(help)
}

/// How one class alone is predicted.
type Predictor = fn(&Scenario, Setting, Model) -> Result<Option<Prediction>, InputError>;

/// The prediction, and that of each class where there are several.
fn predicted(
    scenario: &Scenario,
    group: Option<&(&Classes, Group)>,
    model: Model,
    alone: Predictor,
) -> Result<(Option<Prediction>, Vec<ClassFigures>), InputError> {
    match group {
        None if model == Model::Published && scenario.workload.closed().is_some() => {
            no_users(scenario).map(|()| (None, Vec::new()))
        }
        None if !is_covered(&scenario.workload) => Ok((None, Vec::new())),
        None => Ok((alone(scenario, scenario.setting(), model)?, Vec::new())),
        Some(_) if model == Model::Published => Err(classes_have_one_law()),
        Some((classes, group)) => {
            let found = predict_group(scenario, classes, group)?;
            Ok(found.map_or_else(Default::default, |found| (Some(found.prediction), found.classes)))
        }
    }
}

/// How long the replay will be, where that is known.
fn length(workload: &Workload) -> Option<Span> {
    let by_requests = |rate: f64| workload.requests.and_then(|n| Span::from_secs_f64(n as f64 / rate));
    let natural = match &workload.source {
        Source::Process(map) => by_requests(map.rate()),
        Source::Renewal(renewal) => by_requests(renewal.rate()),
        Source::Schedule(schedule) if workload.requests.is_none() => Some(schedule.total()),
        Source::Schedule(_) | Source::Trace(_) | Source::Memory(_) | Source::Closed(_) => None,
    };
    workload.duration.or(natural)
}

/// Writes batches.csv, if it was asked for. The first error is kept for the end.
#[derive(Default)]
struct BatchRows {
    file: Option<CsvFile>,
    error: Option<InputError>,
}

impl BatchRows {
    fn create(path: &Path) -> Result<Self, InputError> {
        let mut file = CsvFile::create(path)?;
        file.serialize([
            "opened_s",
            "left_s",
            "started_s",
            "finished_s",
            "size",
            "cause",
            "oldest_wait_s",
            "init_s",
            "service_s",
            "memory_mb",
            "attempts",
            "environment",
            "cold",
            "overhead_s",
        ])?;
        Ok(BatchRows { file: Some(file), error: None })
    }

    #[cold]
    fn write(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        let Some(file) = self.file.as_mut().filter(|_| self.error.is_none()) else { return };
        let seconds = |nanos: u64| format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        let cause = match batch.cause {
            Cause::Full => "full",
            Cause::Timeout => "timeout",
        };
        let row = [
            seconds(arrivals[0].0),
            seconds(batch.left.0),
            seconds(batch.started.0),
            seconds(batch.finish().0),
            arrivals.len().to_string(),
            cause.to_owned(),
            seconds(batch.left.since(arrivals[0]).0),
            seconds(batch.init.0),
            seconds(batch.service.0),
            batch.memory.0.to_string(),
            batch.attempts.to_string(),
            batch.environment.map_or(String::new(), |number| number.to_string()),
            u8::from(batch.cold).to_string(),
            seconds(batch.overhead.0),
        ];
        self.error = file.serialize(row).err();
    }

    fn finish(self) -> Result<(), InputError> {
        match (self.error, self.file) {
            (Some(error), _) => Err(error),
            (None, Some(file)) => file.finish(),
            (None, None) => Ok(()),
        }
    }
}

impl Observer for BatchRows {
    fn detail(&self) -> Detail {
        match self.file {
            Some(_) => Detail::Batches,
            None => Detail::Progress,
        }
    }

    #[inline]
    fn started(&mut self, batch: &StartedBatch, arrivals: &[Time]) {
        if self.file.is_some() {
            self.write(batch, arrivals);
        }
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, _arrivals: &[Time]) {}
}
