//! `sim fleet`: plans every function of a trace of many.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;

use super::paper::{Paper, PaperArgs};
use super::place::{Place, Work, bar};
use super::{OUTPUT, OutputArgs, heartbeat, note_pipe, one_of, trace_args};
use crate::arrivals::trace::{FunctionLayout, FunctionsSpec, StampMode, Unit};
use crate::error::InputError;
use crate::fleet_plan::profiles::Template;
use crate::fleet_plan::row::{Row, sort};
use crate::fleet_plan::run::{Listener, run as plan_all};
use crate::fleet_plan::table::{self, About, Part};
use crate::report::files::write_atomically;
use crate::report::fleet::FleetReport;
use crate::report::format;
use crate::scenario::Scenario;
use crate::scenario::workload::Workload;
use crate::sweep::shard::Shard;
use crate::units::Span;

#[derive(Debug, Args)]
pub(super) struct FleetArgs {
    /// The trace: a row for each function with a column for each minute (Azure 2019), a row for each call with function
    /// and time, or a row for each function and bin with a count; plain, .gz or .zst.
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// The template: platform, prices, profile, objective and grid of all functions. Its [workload] is not looked at.
    #[arg(long, value_name = "S.toml")]
    scenario: PathBuf,
    /// How the trace is laid out; found out if not given.
    #[arg(long, value_parser = one_of(&FunctionLayout::ALL))]
    layout: Option<FunctionLayout>,
    /// The column of the functions: its name in the header, or its number from 1.
    #[arg(long)]
    function: Option<String>,
    /// The column of the times, or of the periods of counts.
    #[arg(long)]
    time: Option<String>,
    /// The column of the counts.
    #[arg(long)]
    count: Option<String>,
    /// The unit of times that are numbers.
    #[arg(long, value_parser = trace_args::unit())]
    unit: Option<Unit>,
    /// The length of a bin of counts: 1s, 1min.
    #[arg(long, value_parser = Span::parse)]
    bin: Option<Span>,
    /// auto spreads coarse time stamps within their resolution, exact replays them as they are.
    #[arg(long, default_value = "auto", value_parser = trace_args::stamps())]
    stamps: StampMode,
    /// Profiles by function: a CSV with the header function,profile; paths relative to it.
    #[arg(long, value_name = "FILE", conflicts_with = "durations")]
    profiles: Option<PathBuf>,
    /// Measured durations by function: a CSV with HashFunction and Average [ms], as of Azure. The profile's times are
    /// multiplied so that a lone request at the template's memory size takes that long.
    #[arg(long, value_name = "FILE")]
    durations: Option<PathBuf>,
    /// Go on with an interrupted fleet.
    #[arg(long)]
    resume: bool,
    /// Plan the I-th of N parts only; `sim merge` puts them together.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Override a field of the template: key.path=value; key.path= removes one. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seed of all random streams, instead of the template's.
    #[arg(long)]
    seed: Option<u64>,
    /// The folder to write to, instead of output/<scenario name>.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    paper: PaperArgs,
}

pub(super) fn run(args: &FleetArgs) -> Result<ExitCode, InputError> {
    let (output, paper) = (&args.output, args.paper.read()?);
    output.start_threads()?;
    let template = template(args)?;
    let spec = args.spec();
    let contents = table::contents(&template.scenario().name, &spec.paths)?;
    let mut functions = spec.open()?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let part = Part {
        fingerprint: table::fingerprint(&template, &spec, &contents),
        shard: shard.index,
        of: shard.count,
        about: table::about(&template, functions.length()),
    };
    let folder = args.out.clone().unwrap_or_else(|| Path::new(OUTPUT).join(&template.scenario().name));
    let place = Place::new(folder, "fleet", args.shard);
    if args.resume && args.shard.is_some() && is_whole(&place.shard_file(), &part) {
        output.note(&format!("all rows were there, in {}", place.shard_file().display()));
        return Ok(ExitCode::SUCCESS);
    }
    let lock = place.lock(output, || {})?;
    let journal =
        if args.resume { place.resumed(&part, |_| true, "", output)? } else { place.begun(&part)? };
    let kept = journal.len();
    let bar = bar(output, ProgressBar::new_spinner(), "{spinner} {pos} functions planned, {elapsed}");
    let work = Arc::new(Work { journal, lock, bar });
    work.exit_on_interrupt(String::new())?;
    let started = Instant::now();
    let done: BTreeSet<usize> = work.journal.rows().iter().map(|row| row.number).collect();
    let watcher = Watcher { work: Arc::clone(&work), requests: AtomicU64::new(0) };
    plan_all(&template, &mut *functions, (shard, &done), &watcher)?;
    work.bar.finish_and_clear();
    if table::contents(&template.scenario().name, &spec.paths)? != contents {
        return Err(InputError::new(
            &part.about.scenario,
            "the trace changed while its functions were planned",
        )
        .help("some rows are of before, some of after: remove the .partial.csv file and plan anew"));
    }
    let notes = template.notes().into_iter().chain(functions.notes()).collect();
    let part = Part { about: About { notes, ..part.about.clone() }, ..part };
    let rows = work.journal.rows();
    let count = rows.len();
    match args.shard {
        Some(_) => {
            work.finish_shard(&place.shard_file(), count, table::whole(&part, &rows), output)?;
        }
        None => finish(&part.about, rows, &place.folder, (output, &paper), || work.done())?,
    }
    let time = format::duration(started.elapsed().as_secs_f64());
    let planned = format::count((count - kept) as u64);
    output.note(&format!("{planned} functions planned in {time}; results in {}", place.folder.display()));
    if args.shard.is_none() {
        output.index(&place.folder);
    }
    Ok(ExitCode::SUCCESS)
}

fn template(args: &FleetArgs) -> Result<Template, InputError> {
    note_pipe(&args.scenario);
    let nothing = Workload::of(Arc::new(Vec::new()));
    let mut scenario = Scenario::read_with(&args.scenario, &args.set, Some(nothing))?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let template = Template::new(scenario)?;
    match (&args.profiles, &args.durations) {
        (Some(path), _) => template.with_profiles(path),
        (None, Some(path)) => template.with_durations(path),
        (None, None) => Ok(template),
    }
}

impl FleetArgs {
    fn spec(&self) -> FunctionsSpec {
        FunctionsSpec {
            paths: self.traces.clone(),
            layout: self.layout,
            function: self.function.clone(),
            time: self.time.clone(),
            count: self.count.clone(),
            unit: self.unit,
            bin: self.bin,
            stamps: self.stamps,
        }
    }
}

/// Are all rows of this shard there? A task of a cluster may be started again after it was done.
fn is_whole(file: &Path, part: &Part) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    table::read(&text).is_ok_and(|(found, _)| {
        let about = About { notes: Vec::new(), ..found.about.clone() };
        Part { about, ..found } == *part
    })
}

/// Writes a whole fleet, calls `written`, and shows it.
pub(super) fn finish(
    about: &About,
    mut rows: Vec<Row>,
    folder: &Path,
    (output, paper): (&OutputArgs, &Paper),
    written: impl FnOnce() -> Result<(), InputError>,
) -> Result<(), InputError> {
    sort(&mut rows);
    let report = FleetReport::new(about, &rows);
    let held = output.hold(folder)?;
    write_atomically(&folder.join("fleet.csv"), table::csv(&rows))?;
    write_atomically(&folder.join("fleet.json"), report.json())?;
    if !output.no_charts {
        report.write_charts(paper.target(folder))?;
    }
    drop(held);
    written()?;
    output.show(&report.json(), &report.text())
}

/// Keeps the rows and shows how far the fleet is.
struct Watcher {
    work: Arc<Work<Part>>,
    requests: AtomicU64,
}

impl Listener for Watcher {
    fn ready(&self, row: Row) -> Result<(), InputError> {
        let requests = self.requests.fetch_add(row.requests, Ordering::Relaxed) + row.requests;
        heartbeat::seen(requests, None);
        self.work.bar.inc(1);
        self.work.journal.add(&[row])
    }
}
