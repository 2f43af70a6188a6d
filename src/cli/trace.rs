//! `sim trace`: looks at, makes and converts traces.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::heartbeat::{self, Counted};
use super::trace_args::{TraceArgs, format};
use super::{Common, OutputArgs, tell};
use crate::arrivals::convert::{Layout, write};
use crate::arrivals::trace::{Findings, TraceFormat};
use crate::arrivals::{Arrivals, transform};
use crate::error::InputError;
use crate::fitting::Observed;
use crate::numeric::streams::Streams;
use crate::report::files::write_atomically;
use crate::report::format::count;
use crate::report::trace::TraceReport;
use crate::units::Span;

#[derive(Debug, Args)]
pub(super) struct TraceCommand {
    #[command(subcommand)]
    command: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Say what is in a trace: rate, variation, correlation, dispersion, peaks, resolution.
    Info(InfoArgs),
    /// Write the arrivals of a scenario's [workload] to a trace.
    Generate(GenerateArgs),
    /// Write a trace in another format, cut, scaled or thinned.
    Convert(ConvertArgs),
}

#[derive(Debug, Args)]
struct InfoArgs {
    #[command(flatten)]
    trace: TraceArgs,
    /// The seed that spreads counts in their bins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write the figures to trace.json in this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What to write.
#[derive(Debug, Args)]
struct Target {
    /// The file to write; a name that ends in .gz or .zst is compressed.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// timestamps, interarrivals, counts or binary; by default binary for .bin, else timestamps.
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    to_format: Option<TraceFormat>,
    /// The length of a bin of the counts that are written.
    #[arg(long, value_name = "1s", value_parser = Span::parse)]
    to_bin: Option<Span>,
}

#[derive(Debug, Args)]
struct GenerateArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
struct ConvertArgs {
    #[command(flatten)]
    trace: TraceArgs,
    #[command(flatten)]
    target: Target,
    /// Multiply the rate: the trace runs through so much faster.
    #[arg(long, default_value_t = 1.0, value_parser = factor)]
    scale: f64,
    /// Keep each arrival with this probability.
    #[arg(long, default_value_t = 1.0, value_parser = share)]
    thin: f64,
    /// Play the trace so often, end to end.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    /// The seed that spreads counts in their bins and thins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// No notes.
    #[arg(long)]
    quiet: bool,
}

fn factor(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err("must be above 0".into()) }
}

fn share(text: &str) -> Result<f64, String> {
    let value = factor(text)?;
    if value <= 1.0 { Ok(value) } else { Err("is a share, at most 1".into()) }
}

pub(super) fn run(args: &TraceCommand) -> Result<ExitCode, InputError> {
    match &args.command {
        Tool::Info(args) => info(args),
        Tool::Generate(args) => {
            args.common.paper.none("sim trace generate")?;
            let scenario = args.common.read()?;
            scenario.one_class("sim trace generate")?;
            let arrivals = scenario.workload.open(Streams::new(scenario.seed).part(0))?;
            convert(arrivals, &args.target, args.common.output.quiet)
        }
        Tool::Convert(args) => {
            let mut spec = args.trace.spec();
            spec.repeat = args.repeat;
            let streams = Streams::new(args.seed);
            let findings = Findings::default();
            let source = transform::scale(spec.open_noted(streams.stream("trace"), &findings)?, args.scale);
            let source = transform::thin(source, args.thin, streams.stream("thin"));
            convert(source, &args.target, args.quiet)?;
            let notes = findings.get().map_or_else(Vec::new, |reading| reading.notes());
            notes.iter().filter(|_| !args.quiet).for_each(|note| tell(note));
            Ok(())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

fn info(args: &InfoArgs) -> Result<(), InputError> {
    args.output.start_threads()?;
    let findings = Findings::default();
    let stream = Streams::new(args.seed).stream("trace");
    let mut source = Counted::new(args.trace.spec().open_noted(stream, &findings)?);
    let (stats, _) = Observed::read(&mut source)?;
    drop(source);
    let reading = findings.get().unwrap_or_default();
    let report = TraceReport { name: &args.trace.name(), stats: &stats, reading: &reading };
    let json = report.json();
    if let Some(folder) = &args.out {
        write_atomically(&folder.join("trace.json"), &json)?;
    }
    args.output.show(&json, &report.text())
}

fn convert(arrivals: impl Arrivals, target: &Target, quiet: bool) -> Result<(), InputError> {
    let layout = layout(target)?;
    if !quiet {
        heartbeat::start();
    }
    let written = write(&mut Counted::new(arrivals), layout, &target.to)?;
    if !quiet {
        tell(&format!("{} arrivals written to {}", count(written), target.to.display()));
    }
    Ok(())
}

fn layout(target: &Target) -> Result<Layout, InputError> {
    let by_name =
        if has_extension(&target.to, "bin") { TraceFormat::Binary } else { TraceFormat::Timestamps };
    let format = match (target.to_format, target.to_bin) {
        (None, Some(_)) => TraceFormat::Counts,
        (format, _) => format.unwrap_or(by_name),
    };
    match (format, target.to_bin) {
        (TraceFormat::Counts, Some(bin)) => Ok(Layout::Counts(bin)),
        (TraceFormat::Counts, None) => {
            Err(InputError::new("--to-format counts", "needs the length of a bin")
                .help("give `--to-bin`, such as 1s or 1min"))
        }
        (_, Some(_)) => Err(InputError::new("--to-bin", "applies to counts only")
            .help("leave it out, or give `--to-format counts`")),
        (TraceFormat::Timestamps, None) => Ok(Layout::Timestamps),
        (TraceFormat::Interarrivals, None) => Ok(Layout::Interarrivals),
        (TraceFormat::Binary, None) => Ok(Layout::Binary),
        (other, None) => {
            Err(InputError::new("--to-format", format!("{} can be read, not written", other.name()))
                .help("expected timestamps, interarrivals, counts or binary"))
        }
    }
}

/// Does the name end so, compression left out?
fn has_extension(path: &Path, wanted: &str) -> bool {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
    plain.ends_with(&format!(".{wanted}"))
}
