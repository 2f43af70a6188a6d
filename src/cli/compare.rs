//! `sim compare`: the systems of [[system]] on the same arrivals.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::Common;
use super::paper::Paper;
use crate::error::InputError;
use crate::planner::class_compare::compare_classes;
use crate::report::class_compare::ClassCompareReport;
use crate::report::compare::CompareReport;
use crate::report::files::{CsvFile, write_atomically};
use crate::report::format;
use crate::scenario::Scenario;
use crate::scenario::class::Classes;
use crate::systems::compare::compare;

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(args: &CompareArgs) -> Result<ExitCode, InputError> {
    let common = &args.common;
    let paper = common.paper.read()?;
    let scenario = common.read()?;
    if let Some(classes) = &scenario.classes {
        return classes_side_by_side(common, &paper, &scenario, classes);
    }
    let folder = common.folder(&scenario);
    let started = Instant::now();
    let systems = compare(&scenario)?;
    let elapsed = started.elapsed();
    let report = CompareReport { scenario: &scenario, systems: &systems };
    let json = report.json();
    let held = common.output.hold(&folder)?;
    write_atomically(&folder.join("compare.json"), &json)?;
    let mut file = CsvFile::create(&folder.join("compare.csv"))?;
    report.csv_rows().iter().try_for_each(|row| file.serialize(row))?;
    file.finish()?;
    if !scenario.published.is_empty() {
        write_atomically(&folder.join("published.md"), report.published_markdown())?;
    }
    if !common.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    common.output.show(&json, &report.text())?;
    let requests: u64 = systems.iter().map(|system| system.simulation.requests).sum();
    common.output.note(&format!(
        "{} systems, {} requests simulated in {}; results in {}",
        systems.len(),
        format::count(requests),
        format::duration(elapsed.as_secs_f64()),
        folder.display()
    ));
    common.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}

fn classes_side_by_side(
    common: &Common,
    paper: &Paper,
    scenario: &Scenario,
    classes: &Classes,
) -> Result<ExitCode, InputError> {
    let folder = common.folder(scenario);
    let started = Instant::now();
    let systems = compare_classes(scenario, classes)?;
    let elapsed = started.elapsed();
    let report = ClassCompareReport { scenario, classes, systems: &systems };
    let json = report.json();
    let held = common.output.hold(&folder)?;
    write_atomically(&folder.join("compare.json"), &json)?;
    let mut file = CsvFile::create(&folder.join("compare.csv"))?;
    report.csv_rows().iter().try_for_each(|row| file.serialize(row))?;
    file.finish()?;
    if !common.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    common.output.show(&json, &report.text())?;
    let (took, shown) = (format::duration(elapsed.as_secs_f64()), folder.display());
    common.output.note(&format!("{} systems in {took}; results in {shown}", systems.len()));
    common.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}
