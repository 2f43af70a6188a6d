//! `sim sweep`: evaluates a grid of configurations.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;

use super::lock::Lock;
use super::paper::Paper;
use super::place::{Place, Work, bar};
use super::{Common, OutputArgs, model, predictable};
use crate::error::InputError;
use crate::outcome::Model;
use crate::report::files::write_atomically;
use crate::report::format;
use crate::report::sweep::{SweepReport, about};
use crate::scenario::{Scenario, Setting};
use crate::sweep::journal::{Journal, found};
use crate::sweep::merge::sorted;
use crate::sweep::row::Row;
use crate::sweep::run::{Listener, Mode, Stage, Sweep};
use crate::sweep::shard::{Shard, contents, fingerprint};
use crate::sweep::table::{self, About, Part};

#[derive(Debug, Args)]
pub(super) struct SweepArgs {
    #[command(flatten)]
    common: Common,
    /// The analytic model.
    #[arg(long, default_value = "exact", value_parser = model())]
    model: Model,
    /// Predict only, without simulation.
    #[arg(long)]
    predict_only: bool,
    /// Go on with an interrupted sweep.
    #[arg(long)]
    resume: bool,
    /// Evaluate the I-th of N parts only; `sim merge` puts them together.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

pub(super) fn run(args: &SweepArgs) -> Result<ExitCode, InputError> {
    let common = &args.common;
    let paper = common.paper.read()?;
    let scenario = common.read()?;
    scenario.one_class("sim sweep")?;
    let mode = if args.predict_only { Mode::Predict } else { Mode::Simulate };
    predictable(&scenario)?;
    let contents = contents(&scenario)?;
    let sweep = Sweep::new(&scenario, args.model, mode)?;
    // Only a chart shows the intervals.
    let sweep = if common.output.no_charts { sweep.without_intervals() } else { sweep };
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let wanted: BTreeSet<Setting> = sweep.settings(shard).into_iter().collect();
    let part = Part {
        fingerprint: fingerprint(&scenario, args.model, mode, &contents),
        shard: shard.index,
        of: shard.count,
        rows: wanted.len(),
        about: about(&scenario, args.model),
    };
    let place = Place::new(common.folder(&scenario), "sweep", args.shard);
    let Some((journal, lock)) = open(&place, (args, &paper), &scenario, &part, &wanted)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let kept = journal.len();
    let bar =
        bar(&common.output, ProgressBar::new(0), "{msg} {bar:30} {percent}% {pos} of {len} rows ({left})");
    let work = Arc::new(Work { journal, lock, bar });
    work.exit_on_interrupt(format!(" of {}", wanted.len()))?;
    let started = Instant::now();
    let done: BTreeSet<Setting> = work.journal.rows().iter().map(|row| row.setting).collect();
    sweep.run(shard, &done, &*work)?;
    work.bar.finish_and_clear();
    let elapsed = started.elapsed().as_secs_f64();
    unchanged(&scenario, &contents)?;
    let rows = sorted(work.journal.rows());
    // Known only now, so no part of what a resumed sweep must agree with.
    let about = About { reading: scenario.workload.notes(), ..part.about.clone() };
    match args.shard {
        Some(_) => {
            let part = Part { about, ..part };
            work.finish_shard(&place.shard_file(), rows.len(), table::whole(&part, &rows), &common.output)?;
        }
        None => finish(&about, &rows, &place.folder, (&common.output, &paper), || work.done())?,
    }
    let (count, time) = (format::count((rows.len() - kept) as u64), format::duration(elapsed));
    common.output.note(&format!("{count} configurations in {time}; results in {}", place.folder.display()));
    if args.shard.is_none() {
        common.output.index(&place.folder);
    }
    Ok(ExitCode::SUCCESS)
}

/// The trace must be the same from the first row to the last.
fn unchanged(scenario: &Scenario, before: &str) -> Result<(), InputError> {
    match contents(scenario)? == before {
        true => Ok(()),
        false => Err(InputError::new(&scenario.name, "the trace changed while the sweep replayed it")
            .help("some rows are of before, some of after: remove the .partial.csv file and sweep anew")),
    }
}

/// Takes the place, after whoever works there, and opens the rows that are there; `None` if all are, which was said.
fn open(
    place: &Place,
    (args, paper): (&SweepArgs, &Paper),
    scenario: &Scenario,
    part: &Part,
    wanted: &BTreeSet<Setting>,
) -> Result<Option<(Journal<Part>, Lock)>, InputError> {
    let output = &args.common.output;
    let path = place.partial_file();
    // The journal of one that is waited for: its rows can be read here also after it removed the file.
    let mut other = None;
    let lock = place.lock(output, || other = other.take().or_else(|| File::open(&path).ok()))?;
    let all = wanted.len();
    if args.resume && args.shard.is_some() && is_whole(&place.shard_file(), part) {
        output.note(&format!("{all} of {all} rows were there, in {}", place.shard_file().display()));
        return Ok(None);
    }
    if let Some(file) = other.filter(|_| args.resume && args.shard.is_none() && !path.exists()) {
        let rows = found(&file, &path, part, |setting| wanted.contains(setting)).map(|found| found.rows);
        if let Some(rows) = rows.ok().filter(|rows| rows.len() == all) {
            output.note(&format!("{all} of {all} rows were there"));
            let about = About { reading: scenario.workload.notes(), ..part.about.clone() };
            finish(&about, &sorted(rows), &place.folder, (output, paper), || Ok(()))?;
            return Ok(None);
        }
    }
    let journal = match args.resume {
        false => place.begun(part)?,
        true => place.resumed(part, |setting| wanted.contains(setting), &format!(" of {all}"), output)?,
    };
    Ok(Some((journal, lock)))
}

/// Does `file` hold all rows of `part`? A task of a cluster may be started again after it was done.
fn is_whole(file: &Path, part: &Part) -> bool {
    File::open(file).is_ok_and(|text| table::read("", text).is_ok_and(|(found, _)| found.asked() == *part))
}

/// Writes a whole sweep, calls `written`, and shows it.
pub(super) fn finish(
    about: &About,
    rows: &[Row],
    folder: &Path,
    (output, paper): (&OutputArgs, &Paper),
    written: impl FnOnce() -> Result<(), InputError>,
) -> Result<(), InputError> {
    let (all, front) = table::csv(rows, about.percentile);
    let held = output.hold(folder)?;
    write_atomically(&folder.join("sweep.csv"), all)?;
    write_atomically(&folder.join("pareto.csv"), front)?;
    let report = SweepReport::new(about, rows);
    if !output.no_charts {
        report.write_charts(paper.target(folder))?;
    }
    drop(held);
    written()?;
    output.show(&report.json(), &report.text())
}

/// Keeps the rows and shows how far the sweep is.
impl Listener for Work<Part> {
    fn begin(&self, stage: Stage, rows: usize) {
        self.bar.reset();
        self.bar.set_length(rows as u64);
        self.bar.set_message(match stage {
            Stage::Predicting => "predicting",
            Stage::Simulating => "simulating",
        });
    }

    fn advance(&self, rows: usize) {
        self.bar.inc(rows as u64);
    }

    fn ready(&self, rows: &[Row]) -> Result<(), InputError> {
        self.journal.add(rows)
    }
}
