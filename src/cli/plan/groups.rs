//! `sim plan` on a scenario with classes: which of them share a buffer.

use std::process::ExitCode;
use std::time::Instant;

use super::{INFEASIBLE, PlanArgs};
use crate::error::InputError;
use crate::outcome::Model;
use crate::planner::groups::{Check, plan_groups};
use crate::report::files::write_atomically;
use crate::report::format;
use crate::report::groups::GroupReport;
use crate::scenario::Scenario;
use crate::scenario::class::Classes;

pub(super) fn run(args: &PlanArgs, scenario: &Scenario, classes: &Classes) -> Result<ExitCode, InputError> {
    refuse_what_cannot_act(args)?;
    let common = &args.common;
    let folder = common.folder(scenario);
    let check = if args.predict_only { Check::Predicted } else { Check::Simulated };
    let started = Instant::now();
    let plan = plan_groups(scenario, classes, check)?;
    let elapsed_s = started.elapsed().as_secs_f64();
    let report = GroupReport { scenario, classes, plan: &plan };
    let held = common.output.hold(&folder)?;
    write_atomically(&folder.join("plan.json"), report.json())?;
    if !common.output.no_charts {
        report.write_charts(args.common.paper.read()?.target(&folder))?;
    }
    drop(held);
    common.output.show(&report.json_with_time(elapsed_s), &report.text())?;
    common.output.note(&format!(
        "{} groups and {} configurations predicted in {}; results in {}",
        format::count(plan.groups as u64),
        format::count(plan.evaluated as u64),
        format::duration(elapsed_s),
        folder.display()
    ));
    common.output.index(&folder);
    Ok(if plan.best.is_some() { ExitCode::SUCCESS } else { ExitCode::from(INFEASIBLE) })
}

fn refuse_what_cannot_act(args: &PlanArgs) -> Result<(), InputError> {
    let given = [
        (
            args.model == Model::Published,
            "--model published",
            "the exact law is the only one that knows classes",
        ),
        (
            args.grid_only,
            "--grid-only",
            "the longest waits of classes follow from their objectives, not from a grid",
        ),
        (args.robust, "--robust", "each class keeps its objective over the whole workload"),
        (args.max_rate, "--max-rate", "it looks for the rate of one class"),
        (args.emit.is_some(), "--emit", "it writes one function, and classes may need several"),
    ];
    match given.into_iter().find(|(given, ..)| *given) {
        Some((_, option, why)) => Err(InputError::new(option, format!("cannot act with [[class]]: {why}"))
            .help(format!("leave out {option}"))),
        None => Ok(()),
    }
}
