//! The command line: arguments, and one file a subcommand.

mod compare;
mod diff;
mod fit;
pub mod import;
mod manual;
mod merge;
#[cfg(not(feature = "serve"))]
mod missing;
#[cfg(feature = "serve")]
mod observe;
mod plan;
#[cfg(feature = "profiler")]
pub mod profile;
mod progress;
mod run;
mod schema;
#[cfg(feature = "serve")]
mod serve;
mod sweep;
mod trace;
mod trace_args;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::error::InputError;
use crate::outcome::Model;
use crate::profile::Profile;
use crate::report::{self, index};
use crate::scenario::Scenario;

/// Plans and simulates machine-learning inference on serverless functions with adaptive batching.
#[derive(Debug, Parser)]
#[command(name = "sim", version = env!("SIM_VERSION"), propagate_version = true)]
#[cfg_attr(
    not(feature = "profiler"),
    command(after_help = "This build has no `sim profile`: it comes with the default features.")
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the cheapest configuration within the SLO, or the fastest within the budget.
    Plan(plan::PlanArgs),
    /// Set the systems of [[system]] side by side on the same arrivals.
    Compare(compare::CompareArgs),
    /// Replay a scenario, predict it, and show both side by side.
    Run(run::RunArgs),
    Import(import::ImportArgs),
    #[cfg(feature = "profiler")]
    Profile(profile::ProfileArgs),
    /// Evaluate a grid of configurations and find the front of latency and cost.
    Sweep(sweep::SweepArgs),
    /// Put the shards of a sweep together.
    Merge(merge::MergeArgs),
    /// Say how two runs, or two sweeps, differ, and whether beyond their confidence intervals.
    Diff(diff::DiffArgs),
    /// Fit arrival processes to a trace and say how good they are.
    Fit(fit::FitArgs),
    /// Look at, make and convert traces.
    Trace(trace::TraceCommand),
    #[cfg(feature = "serve")]
    Serve(serve::ServeArgs),
    /// Serve: gather requests into batches in front of a function (needs the feature serve)
    #[cfg(not(feature = "serve"))]
    Serve(missing::MissingArgs),
    #[cfg(feature = "serve")]
    Observe(observe::ObserveArgs),
    /// Measure a server with the scenario's workload (needs the feature serve)
    #[cfg(not(feature = "serve"))]
    Observe(missing::MissingArgs),
    /// Print the JSON Schema of a kind of file, by which editors complete and check it.
    Schema(schema::SchemaArgs),
    /// Print the completions of a shell.
    Completions(manual::CompletionsArgs),
    /// Write the manual's pages.
    Man(manual::ManArgs),
}

/// Where results go unless `--out` says otherwise; its index.html links them.
const OUTPUT: &str = "output";

/// What every command that reads a scenario takes.
#[derive(Debug, Args)]
struct Common {
    /// The scenario file.
    scenario: PathBuf,
    /// Override a field: key.path=value. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seed of all random streams, instead of the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// The folder to write to, instead of output/<scenario name>.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// How results are shown.
#[derive(Debug, Args)]
struct OutputArgs {
    /// Print the main JSON to standard output and nothing else there.
    #[arg(long)]
    json: bool,
    /// No notes and no progress.
    #[arg(long)]
    quiet: bool,
    /// Worker threads; all cores if not given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write no charts and no page.
    #[arg(long)]
    no_charts: bool,
}

impl OutputArgs {
    fn start_threads(&self) -> Result<(), InputError> {
        let Some(threads) = self.threads else { return Ok(()) };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|e| InputError::new("--threads", e.to_string()))
    }

    /// Links the results below output/, if `folder` is one of them and pages are wanted.
    fn index(&self, folder: &Path) -> Result<(), InputError> {
        match folder.starts_with(OUTPUT) && !self.no_charts {
            true => index::write(Path::new(OUTPUT)),
            false => Ok(()),
        }
    }

    /// A remark on standard error.
    fn note(&self, text: &str) {
        if !self.quiet {
            tell(text);
        }
    }

    /// A profile was written to `file`: its chart follows, unless charts were declined, and both are named.
    fn profile_written(&self, profile: &Profile, file: &Path) -> Result<(), InputError> {
        self.note(&format!("wrote {}", file.display()));
        if !self.no_charts {
            self.note(&format!("wrote {}", report::profile::write_chart(profile, file)?.display()));
        }
        Ok(())
    }

    /// The result on standard output: the JSON if it was asked for, else the text for people.
    fn show(&self, json: &str, text: &str) -> Result<(), InputError> {
        print(if self.json { json } else { text })
    }
}

/// Writes to standard output.
fn print(text: impl AsRef<[u8]>) -> Result<(), InputError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        // The reader of a pipe has seen enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| InputError::io("standard output", &e)),
    }
}

/// Writes a line to standard error. If that cannot be written to, nobody is left to be told.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Common {
    fn read(&self) -> Result<Scenario, InputError> {
        self.output.start_threads()?;
        let mut scenario = Scenario::read(&self.scenario, &self.set)?;
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        Ok(scenario)
    }

    fn folder(&self, scenario: &Scenario) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new(OUTPUT).join(&scenario.name))
    }
}

fn model(name: &str) -> Result<Model, String> {
    let found = Model::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, model)| *model).ok_or_else(|| "expected exact or published".to_owned())
}

/// Runs the command line. The exit status is 0 for done and 3 for done without a configuration that meets the
/// SLO; 2 is clap's for wrong usage.
///
/// Errors: it could not be done.
pub fn run() -> Result<ExitCode, InputError> {
    // Not a subcommand: completions would offer even a hidden one.
    #[cfg(feature = "profiler")]
    if std::env::args_os().nth(1).is_some_and(|first| first == profile::WORKER) {
        return profile::run_worker().map(|()| ExitCode::SUCCESS);
    }
    match Cli::parse().command {
        Command::Plan(args) => plan::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Import(args) => import::run(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "profiler")]
        Command::Profile(args) => profile::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Sweep(args) => sweep::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Fit(args) => fit::run(&args),
        Command::Trace(args) => trace::run(&args),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "serve")]
        Command::Observe(args) => observe::run(&args),
        #[cfg(not(feature = "serve"))]
        Command::Serve(args) => missing::run("serve", "serve", &args),
        #[cfg(not(feature = "serve"))]
        Command::Observe(args) => missing::run("observe", "serve", &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
    }
}
