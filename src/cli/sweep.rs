//! `sim sweep`: evaluates a grid of configurations.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;

use super::progress;
use super::{Common, OutputArgs, model, tell};
use crate::error::InputError;
use crate::outcome::Model;
use crate::report::files::write_atomically;
use crate::report::format;
use crate::report::sweep::SweepReport;
use crate::scenario::platform::Environments;
use crate::scenario::workload::Source;
use crate::scenario::{Scenario, Setting};
use crate::sweep::journal::Journal;
use crate::sweep::row::Row;
use crate::sweep::run::{Listener, Mode, Stage, Sweep};
use crate::sweep::shard::{Shard, fingerprint};
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

/// Exit status of a process that an interrupt ended, as shells have it.
const INTERRUPTED: i32 = 130;

pub(super) fn run(args: &SweepArgs) -> Result<ExitCode, InputError> {
    let common = &args.common;
    let scenario = common.read()?;
    scenario.one_class("sim sweep")?;
    let folder = common.folder(&scenario);
    let mode = if args.predict_only { Mode::Predict } else { Mode::Simulate };
    let bytes = trace_bytes(&scenario)?;
    let sweep = Sweep::new(&scenario, args.model, mode)?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let settings = sweep.settings(shard);
    let part = Part {
        fingerprint: fingerprint(&scenario, args.model, mode, bytes),
        shard: shard.index,
        of: shard.count,
        rows: settings.len(),
        about: about(&scenario, args.model),
    };
    let name = match args.shard {
        Some(shard) => format!("shard-{}-of-{}", shard.index, shard.count),
        None => "sweep".to_owned(),
    };
    let shard_file = folder.join(format!("{name}.csv"));
    if args.resume && args.shard.is_some() && is_whole(&shard_file, &part) {
        let rows = settings.len();
        common.output.note(&format!("{rows} of {rows} rows were there, in {}", shard_file.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let path = folder.join(format!("{name}.partial.csv"));
    let journal = match args.resume {
        true => Journal::resume(&path, &part)?,
        false => Journal::create(&path, &part)?,
    };
    let kept = journal.len();
    if args.resume {
        common.output.note(&format!("{} of {} rows were there", kept, settings.len()));
    }
    let watcher = Arc::new(Watcher { journal, bar: bar(&common.output) });
    exit_on_interrupt(&watcher, settings.len())?;
    let started = Instant::now();
    let done: BTreeSet<Setting> = watcher.journal.rows().iter().map(|row| row.setting).collect();
    sweep.run(shard, &done, &*watcher)?;
    watcher.bar.finish_and_clear();
    let elapsed = started.elapsed().as_secs_f64();
    let rows = sorted(watcher.journal.rows());
    match args.shard {
        Some(_) => {
            write_atomically(&shard_file, table::head(&part) + &table::lines(&rows))?;
            common.output.note(&format!("{} rows in {}", rows.len(), shard_file.display()));
        }
        None => finish(&part.about, &rows, &folder, &common.output)?,
    }
    watcher.journal.remove()?;
    let (count, time) = (format::count((rows.len() - kept) as u64), format::duration(elapsed));
    common.output.note(&format!("{count} configurations in {time}; results in {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// Does `file` hold all rows of `part`? A task of a cluster may be started again after it was done.
fn is_whole(file: &Path, part: &Part) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    table::read("", &text).is_ok_and(|(found, rows)| found == *part && rows.len() == part.rows)
}

/// Writes and shows a whole sweep.
pub(super) fn finish(
    about: &About,
    rows: &[Row],
    folder: &Path,
    output: &OutputArgs,
) -> Result<(), InputError> {
    let (all, front) = table::csv(rows, about.percentile);
    write_atomically(&folder.join("sweep.csv"), all)?;
    write_atomically(&folder.join("pareto.csv"), front)?;
    let report = SweepReport::new(about, rows);
    if !output.no_charts {
        report.write_charts(folder)?;
    }
    output.index(folder)?;
    output.show(&report.json(), &report.text())
}

/// In the order of the grid.
pub(super) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row.setting);
    rows.dedup_by_key(|row| row.setting);
    rows
}

fn about(scenario: &Scenario, model: Model) -> About {
    let slo = &scenario.slo;
    let latency = slo.latency.map(|latency| match slo.max_violations {
        Some(share) => format!("at most {} over {latency}", format::percent(share)),
        None => format!("{} within {latency}", slo.name()),
    });
    let budget = slo.budget_usd_per_million.map(|usd| format!("at most {} a million", format::money(usd)));
    About {
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        headline: format!("{}, prices of {}", scenario.profile.model, scenario.platform.book.name),
        model: model.name().to_owned(),
        percentile: (slo.percentile * 1e8).round() / 1e6,
        slo_latency_s: slo.latency.map(|latency| latency.as_secs_f64()),
        objective: latency.into_iter().chain(budget).collect::<Vec<_>>().join(", "),
        cold_starts: matches!(scenario.platform.environments, Environments::Pool(_)),
        fitted: matches!(scenario.workload.source, Source::Trace(_)),
    }
}

/// The size of the trace file, by which a changed trace is noticed; 0 for other workloads.
fn trace_bytes(scenario: &Scenario) -> Result<u64, InputError> {
    match &scenario.workload.source {
        Source::Process(_) | Source::Schedule(_) => Ok(0),
        Source::Trace(trace) if trace.spec.path == Path::new("-") => Err(InputError::new(
            &scenario.name,
            "a sweep reads its trace many times, which standard input cannot",
        )
        .help("save the trace to a file")),
        Source::Trace(trace) => {
            let path = &trace.spec.path;
            std::fs::metadata(path).map(|data| data.len()).map_err(|e| InputError::io(path, &e))
        }
    }
}

/// Keeps the rows and shows how far the sweep is.
#[derive(Debug)]
struct Watcher {
    journal: Journal,
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
    bar.set_style(progress::style("{msg} {bar:30} {percent}% {pos} of {len} rows ({left})"));
    bar
}

fn exit_on_interrupt(watcher: &Arc<Watcher>, rows: usize) -> Result<(), InputError> {
    let watcher = Arc::downgrade(watcher);
    let handler = move || {
        let Some(watcher) = watcher.upgrade() else { std::process::exit(INTERRUPTED) };
        watcher.bar.finish_and_clear();
        let say = |kept| tell(&format!("interrupted: {kept} of {rows} rows are kept; go on with `--resume`"));
        watcher.journal.exit(say, INTERRUPTED)
    };
    ctrlc::set_handler(handler).map_err(|e| InputError::new("interrupt", e.to_string()))
}
