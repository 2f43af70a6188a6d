//! The command line: arguments, and one file a subcommand.

mod backtest;
mod compare;
mod diff;
mod examples;
mod fit;
mod fleet;
mod heartbeat;
pub mod import;
mod init;
mod lock;
mod manual;
mod merge;
#[cfg(not(all(feature = "profiler", feature = "serve")))]
mod missing;
#[cfg(feature = "serve")]
mod observe;
mod paper;
mod place;
mod plan;
#[cfg(feature = "profiler")]
pub mod profile;
mod progress;
mod run;
mod schema;
#[cfg(feature = "serve")]
mod serve;
mod strays;
mod sweep;
mod trace;
mod trace_args;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};

use self::lock::Lock;
use self::paper::PaperArgs;
use crate::error::InputError;
use crate::outcome::Model;
use crate::profile::Profile;
use crate::report::{self, index};
use crate::scenario::Scenario;
use crate::scenario::workload::Source;
use crate::text;

/// Plans and simulates machine-learning inference on serverless functions with adaptive batching.
#[derive(Debug, Parser)]
#[command(name = "sim", version = env!("SIM_VERSION"), propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a scenario, with comments, from a trace and a model's profile.
    #[command(after_help = examples::INIT)]
    Init(init::InitArgs),
    /// Find the cheapest configuration within the SLO, or the fastest within the budget.
    #[command(after_help = examples::PLAN)]
    Plan(plan::PlanArgs),
    /// Set the systems of [[system]] side by side on the same arrivals.
    #[command(after_help = examples::COMPARE)]
    Compare(compare::CompareArgs),
    /// Replay a scenario, predict it, and show both side by side.
    #[command(after_help = examples::RUN)]
    Run(run::RunArgs),
    #[command(after_help = examples::IMPORT)]
    Import(import::ImportArgs),
    #[cfg(feature = "profiler")]
    #[command(after_help = examples::PROFILE)]
    Profile(profile::ProfileArgs),
    /// Measure a model's service times by batch size and memory (a build of its own: --features profiler).
    #[cfg(not(feature = "profiler"))]
    Profile(missing::MissingArgs),
    /// Evaluate a grid of configurations and find the front of latency and cost.
    #[command(after_help = examples::SWEEP)]
    Sweep(sweep::SweepArgs),
    /// Plan every function of a trace of many: which should batch, how, and what a month of it saves.
    #[command(after_help = examples::FLEET)]
    Fleet(fleet::FleetArgs),
    /// Put the shards of a sweep or of a fleet together.
    #[command(after_help = examples::MERGE)]
    Merge(merge::MergeArgs),
    /// Say how two runs, plans or sweeps differ, and whether beyond their confidence intervals.
    #[command(after_help = examples::DIFF)]
    Diff(diff::DiffArgs),
    /// Fit arrival processes to a trace and say how good they are.
    #[command(after_help = examples::FIT)]
    Fit(fit::FitArgs),
    /// Look at, make and convert traces.
    #[command(after_help = examples::TRACE)]
    Trace(trace::TraceCommand),
    #[cfg(feature = "serve")]
    #[command(after_help = examples::SERVE)]
    Serve(serve::ServeArgs),
    /// Serve: gather requests into batches in front of a function (needs the feature serve)
    #[cfg(not(feature = "serve"))]
    Serve(missing::MissingArgs),
    #[cfg(feature = "serve")]
    #[command(after_help = examples::OBSERVE)]
    Observe(observe::ObserveArgs),
    /// Measure a server with the scenario's workload (needs the feature serve)
    #[cfg(not(feature = "serve"))]
    Observe(missing::MissingArgs),
    #[command(after_help = examples::BACKTEST)]
    Backtest(backtest::BacktestArgs),
    /// Print the JSON Schema of a kind of file, by which editors complete and check it.
    #[command(after_help = examples::SCHEMA)]
    Schema(schema::SchemaArgs),
    /// Print the completions of a shell.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(manual::CompletionsArgs),
    /// Write the manual's pages.
    #[command(after_help = examples::MAN)]
    Man(manual::ManArgs),
}

/// Where results go unless `--out` says otherwise; its index.html links them.
const OUTPUT: &str = "output";
/// Exit status of a process that an interrupt ended, as shells have it.
const INTERRUPTED: i32 = 130;
/// More threads than any machine has cores: each has a stack of its own.
const MOST_THREADS: usize = 512;
/// More than the hours of a year.
const MOST_SEGMENTS: usize = 10_000;

/// What every command that reads a scenario takes.
#[derive(Debug, Args)]
struct Common {
    /// The scenario file.
    scenario: PathBuf,
    /// Override a field: key.path=value; key.path= removes one. May be repeated. Another policy.kind, or
    /// platform.cold_starts=false, leaves out what the file gives for the old choice alone.
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
    #[command(flatten)]
    paper: PaperArgs,
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
    /// Starts the threads that were asked for, and the word that is given of long work.
    fn start_threads(&self) -> Result<(), InputError> {
        if !self.quiet {
            heartbeat::start();
        }
        let Some(threads) = self.threads else { return Ok(()) };
        if !(1..=MOST_THREADS).contains(&threads) {
            return Err(InputError::new("--threads", format!("must be 1 to {MOST_THREADS}, is {threads}"))
                .help("leave it out to use all cores"));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|e| InputError::new("--threads", e.to_string()))
    }

    /// Takes `folder` for the files that follow; waits while another process writes there.
    fn hold(&self, folder: &Path) -> Result<Lock, InputError> {
        let lock = Lock::take(folder, lock::FOLDER, self, || {})?;
        match strays::remove(folder) {
            0 => {}
            1 => self.note(&format!("removed a file in {} that a killed process left", folder.display())),
            n => self.note(&format!("removed {n} files in {} that a killed process left", folder.display())),
        }
        Ok(lock)
    }

    /// Links the results below output/, if `folder` is one of them and pages are wanted. It is the last thing that a
    /// command does: the results are there and were shown, whatever becomes of it.
    fn index(&self, folder: &Path) {
        if !folder.starts_with(OUTPUT) || self.no_charts {
            return;
        }
        let root = Path::new(OUTPUT);
        match self.hold(root).and_then(|_held| index::write(root)) {
            Ok(unread) => {
                unread.iter().for_each(|error| self.note(&format!("not in {OUTPUT}/index.html: {error}")))
            }
            Err(error) => self.note(&format!("{OUTPUT}/index.html is as it was: {error}")),
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

    /// The result on standard output: the JSON if it was asked for, else the text for people. Neither holds anything that
    /// a terminal would obey.
    fn show(&self, json: &str, text: &str) -> Result<(), InputError> {
        print(
            match self.json {
                true => text::json(json),
                false => text::terminal(text),
            }
            .as_bytes(),
        )
    }
}

/// Writes to standard output.
fn print(text: impl AsRef<[u8]>) -> Result<(), InputError> {
    heartbeat::make_room();
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref()).and_then(|()| out.flush()) {
        // The reader of a pipe has seen enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| InputError::io("standard output", &e)),
    }
}

/// Writes a line to standard error. If that cannot be written to, nobody is left to be told.
pub fn tell(line: &str) {
    heartbeat::beside(|| {
        let _ = writeln!(std::io::stderr(), "{}", text::terminal(line));
    });
}

/// A named pipe is read once somebody writes to it, which may be never: the one who waits should know.
fn note_pipe(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        // A shell's `<(...)` has its writer.
        let is_named = !path.starts_with("/dev") && !path.starts_with("/proc");
        if is_named && std::fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo()) {
            tell(&format!("{} is a pipe: waiting for what is written to it", path.display()));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

impl Common {
    fn read(&self) -> Result<Scenario, InputError> {
        self.output.start_threads()?;
        note_pipe(&self.scenario);
        let mut scenario = Scenario::read(&self.scenario, &self.set)?;
        if let Source::Trace(trace) = &scenario.workload.source {
            trace.spec.paths.iter().for_each(|path| note_pipe(path));
        }
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        Ok(scenario)
    }

    fn folder(&self, scenario: &Scenario) -> PathBuf {
        self.out.clone().unwrap_or_else(|| Path::new(OUTPUT).join(&scenario.name))
    }
}

/// A grid is predicted for each segment of a schedule by itself, and all of these are kept until they are mixed.
///
/// # Errors
/// There are more of them than will do.
fn predictable(scenario: &Scenario) -> Result<(), InputError> {
    match &scenario.workload.source {
        Source::Schedule(schedule) if schedule.segments.len() > MOST_SEGMENTS => {
            let message = format!(
                "the schedule has {} segments, more than the {MOST_SEGMENTS} of which a grid is predicted",
                schedule.segments.len()
            );
            Err(InputError::new(&scenario.name, message)
                .help("give it fewer and longer segments, or `sim run` the configurations one by one"))
        }
        _ => Ok(()),
    }
}

/// One of some names, which help texts and completions then know.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    PossibleValuesParser::new(names).map(|name| {
        all.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
            .expect("one of the possible values")
    })
}

fn model() -> impl TypedValueParser<Value = Model> {
    one_of(&Model::NAMES)
}

/// Runs the command line. The exit status is 0 for done and 3 for done without a configuration that meets the
/// SLO; 2 is clap's for wrong usage.
///
/// # Errors
/// It could not be done.
pub fn run() -> Result<ExitCode, InputError> {
    // Not a subcommand: completions would offer even a hidden one.
    #[cfg(feature = "profiler")]
    if std::env::args_os().nth(1).is_some_and(|first| first == profile::WORKER) {
        return profile::run_worker().map(|()| ExitCode::SUCCESS);
    }
    let done = dispatch(Cli::parse().command);
    heartbeat::make_room();
    done
}

fn dispatch(command: Command) -> Result<ExitCode, InputError> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Import(args) => import::run(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(feature = "profiler")]
        Command::Profile(args) => profile::run(&args).map(|()| ExitCode::SUCCESS),
        #[cfg(not(feature = "profiler"))]
        Command::Profile(args) => missing::run("profile", "profiler", &args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Fleet(args) => fleet::run(&args),
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
        Command::Backtest(args) => backtest::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands of a help text, without what they are for and where their output goes.
    fn examples(help: &str) -> Vec<Vec<String>> {
        let lines = help.lines().filter_map(|line| line.strip_prefix("  sim "));
        let words = |line: &str| line.split("  ").next().unwrap().split(" > ").next().unwrap().to_owned();
        lines
            .map(words)
            .map(|line| format!("sim {line}").split_whitespace().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn every_command_has_examples_that_it_takes() {
        let mut checked = 0;
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            // A build without its feature only says so.
            if command.get_arguments().any(|argument| argument.get_id() == "rest") {
                continue;
            }
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let found = examples(&help);
            assert!(!found.is_empty(), "{name} has no examples");
            for words in found {
                assert_eq!(words[1], name);
                Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
                checked += 1;
            }
        }
        assert!(checked > 25, "{checked}");
    }

    #[test]
    fn a_value_that_is_one_of_some_is_known_to_completions() {
        let mut listed = 0;
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let values = argument.get_possible_values();
                let names = ["model", "emit", "method", "format", "unit", "stamps", "runtime"];
                if names.contains(&argument.get_id().as_str())
                    && !matches!(command.get_name(), "profile" | "serve")
                {
                    assert!(values.len() > 1, "{} --{}", command.get_name(), argument.get_id());
                    listed += 1;
                }
            }
        }
        assert!(listed >= 7, "{listed}");
    }
}
