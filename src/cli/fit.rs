//! `sim fit`: what kind of process a trace is, and how well a fit describes it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::heartbeat::Counted;
use super::paper::PaperArgs;
use super::trace_args::TraceArgs;
use super::{OUTPUT, OutputArgs, one_of};
use crate::arrivals::trace::Findings;
use crate::error::InputError;
use crate::fitting::{Method, Observed, fit, piecewise};
use crate::numeric::streams::Streams;
use crate::report::files::write_atomically;
use crate::report::fit::FitReport;
use crate::report::format;
use crate::units::Span;

#[derive(Debug, Args)]
pub(super) struct FitArgs {
    #[command(flatten)]
    trace: TraceArgs,
    /// How the processes are fitted.
    #[arg(long, default_value = "auto", value_parser = one_of(&Method::NAMES))]
    method: Method,
    /// Also fit each window of this length by itself; fit.toml is then the schedule of them.
    #[arg(long, value_name = "1h", value_parser = window)]
    window: Option<Span>,
    /// The seed that spreads counts in their bins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder to write to, instead of output/<trace name>.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    paper: PaperArgs,
}

fn window(text: &str) -> Result<Span, String> {
    match Span::parse(text)? {
        Span::ZERO => Err("a window is longer than 0".into()),
        window => Ok(window),
    }
}

pub(super) fn run(args: &FitArgs) -> Result<ExitCode, InputError> {
    let paper = args.paper.read()?;
    args.output.start_threads()?;
    let file = args.trace.shown();
    let name = args.trace.name();
    let folder = args.out.clone().unwrap_or_else(|| Path::new(OUTPUT).join(&name));
    let started = Instant::now();
    let findings = Findings::default();
    let stream = Streams::new(args.seed).stream("trace");
    let mut source = Counted::new(args.trace.spec().open_noted(stream, &findings)?);
    let (stats, observed) = Observed::read(&mut source)?;
    drop(source);
    let read = started.elapsed();
    let fitted = fit(&observed, stats, args.method).map_err(|e| {
        let help = "look at the trace with `sim trace info`, or choose another --method";
        InputError::new(&file, e.to_string()).help(help)
    })?;
    let pieces = args.window.map(|window| piecewise(&observed, window));
    let elapsed = started.elapsed();
    let report =
        FitReport { name: &name, file: &file, fit: &fitted, observed: &observed, pieces: pieces.as_deref() };
    let json = report.json();
    let held = args.output.hold(&folder)?;
    write_atomically(&folder.join("fit.json"), &json)?;
    write_atomically(&folder.join("fit.toml"), report.toml())?;
    if !args.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    args.output.show(&json, &report.text())?;
    let read_as = findings.get().map_or_else(Vec::new, |reading| reading.notes());
    read_as.iter().for_each(|note| args.output.note(note));
    args.output.note(&format!(
        "{} arrivals read in {}, fitted in {}; results in {}",
        format::count(fitted.trace.arrivals),
        format::duration(read.as_secs_f64()),
        format::duration((elapsed - read).as_secs_f64()),
        folder.display()
    ));
    args.output.index(&folder);
    Ok(ExitCode::SUCCESS)
}
