//! `sim sweep`: evaluates a grid of configurations.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;

use super::lock::Lock;
use super::{Common, INTERRUPTED, OutputArgs, heartbeat, model, predictable, progress, tell};
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
    /// The analytic model: exact or published.
    #[arg(long, default_value = "exact", value_parser = model)]
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
    let place = Place::new(common.folder(&scenario), args.shard);
    let Some((journal, lock)) = place.open(args, &scenario, &part, &wanted)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let kept = journal.len();
    let watcher = Arc::new(Watcher { journal, lock, bar: bar(&common.output) });
    exit_on_interrupt(&watcher, wanted.len())?;
    let started = Instant::now();
    let done: BTreeSet<Setting> = watcher.journal.rows().iter().map(|row| row.setting).collect();
    sweep.run(shard, &done, &*watcher)?;
    watcher.bar.finish_and_clear();
    let elapsed = started.elapsed().as_secs_f64();
    unchanged(&scenario, &contents)?;
    let rows = sorted(watcher.journal.rows());
    // Known only now, so no part of what a resumed sweep must agree with.
    let about = About { reading: scenario.workload.notes(), ..part.about.clone() };
    let removed = || watcher.journal.remove().map(|()| watcher.lock.release());
    match args.shard {
        Some(_) => {
            let part = Part { about, ..part };
            write_atomically(&place.shard_file(), table::whole(&part, &rows))?;
            removed()?;
            common.output.note(&format!("{} rows in {}", rows.len(), place.shard_file().display()));
        }
        None => {
            finish(&about, &rows, &place.folder, &common.output, removed)?;
        }
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

/// Where a sweep or a shard is written.
struct Place {
    folder: PathBuf,
    /// Of its files, without their ends.
    name: String,
}

impl Place {
    fn new(folder: PathBuf, shard: Option<Shard>) -> Place {
        let name = match shard {
            Some(shard) => format!("shard-{}-of-{}", shard.index, shard.count),
            None => "sweep".to_owned(),
        };
        Place { folder, name }
    }

    fn shard_file(&self) -> PathBuf {
        self.folder.join(format!("{}.csv", self.name))
    }

    /// Takes the place, after whoever works there, and opens the rows that are there; `None` if all are, which was said.
    fn open(
        &self,
        args: &SweepArgs,
        scenario: &Scenario,
        part: &Part,
        wanted: &BTreeSet<Setting>,
    ) -> Result<Option<(Journal, Lock)>, InputError> {
        let output = &args.common.output;
        let path = self.folder.join(format!("{}.partial.csv", self.name));
        // The journal of one that is waited for: its rows can be read here also after it removed the file.
        let mut other = None;
        let look = || other = other.take().or_else(|| File::open(&path).ok());
        let lock = Lock::take(&self.folder, &format!(".sim-lock-{}", self.name), output, look)?;
        let all = wanted.len();
        if args.resume && args.shard.is_some() && is_whole(&self.shard_file(), part) {
            output.note(&format!("{all} of {all} rows were there, in {}", self.shard_file().display()));
            return Ok(None);
        }
        if let Some(file) = other.filter(|_| args.resume && args.shard.is_none() && !path.exists()) {
            let rows = found(&file, &path, part, wanted).unwrap_or_default().rows;
            if rows.len() == all {
                output.note(&format!("{all} of {all} rows were there"));
                let about = About { reading: scenario.workload.notes(), ..part.about.clone() };
                finish(&about, &sorted(rows), &self.folder, output, || Ok(()))?;
                return Ok(None);
            }
        }
        if !args.resume {
            return Ok(Some((Journal::create(&path, part)?, lock)));
        }
        let journal = Journal::resume(&path, part, wanted)?;
        output.note(&format!("{} of {all} rows were there", journal.len()));
        if journal.dropped() > 0 {
            let lines = if journal.dropped() == 1 { "line was" } else { "lines were" };
            output.note(&format!("{} {lines} no row of this sweep, and left out", journal.dropped()));
        }
        Ok(Some((journal, lock)))
    }
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
    output: &OutputArgs,
    written: impl FnOnce() -> Result<(), InputError>,
) -> Result<(), InputError> {
    let (all, front) = table::csv(rows, about.percentile);
    let held = output.hold(folder)?;
    write_atomically(&folder.join("sweep.csv"), all)?;
    write_atomically(&folder.join("pareto.csv"), front)?;
    let report = SweepReport::new(about, rows);
    if !output.no_charts {
        report.write_charts(folder)?;
    }
    drop(held);
    written()?;
    output.show(&report.json(), &report.text())
}

/// Keeps the rows and shows how far the sweep is.
#[derive(Debug)]
struct Watcher {
    journal: Journal,
    lock: Lock,
    bar: ProgressBar,
}

impl Listener for Watcher {
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

fn bar(output: &OutputArgs) -> ProgressBar {
    let bar = match !output.quiet && std::io::stderr().is_terminal() {
        true => ProgressBar::new(0),
        false => ProgressBar::hidden(),
    };
    if !bar.is_hidden() {
        heartbeat::bar_is_shown();
    }
    bar.set_style(progress::style("{msg} {bar:30} {percent}% {pos} of {len} rows ({left})"));
    bar
}

fn exit_on_interrupt(watcher: &Arc<Watcher>, rows: usize) -> Result<(), InputError> {
    let watcher = Arc::downgrade(watcher);
    let handler = move || {
        let Some(watcher) = watcher.upgrade() else { std::process::exit(INTERRUPTED) };
        watcher.bar.finish_and_clear();
        let say = |kept| {
            tell(&format!("interrupted: {kept} of {rows} rows are kept; go on with `--resume`"));
            watcher.lock.release();
        };
        watcher.journal.exit(say, INTERRUPTED)
    };
    ctrlc::set_handler(handler).map_err(|e| InputError::new("interrupt", e.to_string()))
}
