//! `sim profile`: measures a model's service times on this machine.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets::NOTHING};
use indicatif::{ProgressBar, ProgressStyle};

use super::OutputArgs;
use crate::error::InputError;
use crate::profile::beside::InitIn;
use crate::profile::file;
use crate::profiler::input::Given;
use crate::profiler::runtime::Runtime;
use crate::profiler::worker::{self, Starter};
use crate::profiler::{self, Cells, FixedBatch, Options, Profiled, Shares, clock};
use crate::report;
use crate::units::{MemoryMb, Span};

/// The first argument that makes a process a worker, which [`run_worker`] serves.
pub const WORKER: &str = "profile-worker";

const THREADS: &str = "The most threads to measure with; more than one matters above 1769 MB only [default: 2, or 1 on one core]";

/// Measure a model's service times by batch size and memory size
#[derive(Debug, Args)]
#[command(mut_arg("threads", |threads| threads.help(THREADS)))]
pub struct ProfileArgs {
    /// The ONNX file
    model: PathBuf,
    /// Batch sizes: a list, with ranges such as 1-8
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8", value_parser = sizes)]
    batch: Vec<Sizes>,
    /// Memory sizes of the function [MB]
    #[arg(long, value_delimiter = ',', default_value = "512,1024,1769,3008", value_parser = sizes)]
    memory: Vec<Sizes>,
    /// Half width of the median's 95 % interval to reach [%]
    #[arg(long, default_value = "2", value_parser = percent)]
    precision: f64,
    /// The longest measurement of one batch size
    #[arg(long, default_value = "10s", value_parser = Span::parse)]
    time_limit: Span,
    /// An input's shape, type and content: name=Nx128,i64,0..30000 with N for the batch; may be repeated
    #[arg(long, value_name = "NAME=DIMS,TYPE,CONTENT")]
    input: Vec<String>,
    /// Free a batch that the file fixes at 1 (in a copy)
    #[arg(long)]
    free_batch: bool,
    /// Measure under a real CPU quota (cgroups) instead of scaling CPU time
    #[arg(long)]
    enforce: bool,
    /// Measure about five batch sizes and fill the others by a fitted surface
    #[arg(long)]
    fit: bool,
    /// The model is loaded within the first call (handler), with the memory size's share of the processor, and not before it
    #[arg(long, value_enum, default_value = "init")]
    load_in: LoadIn,
    /// What runs the model
    #[arg(long, value_enum, default_value = "tract")]
    runtime: RuntimeName,
    /// The onnxruntime library [default: $ORT_DYLIB_PATH, else libonnxruntime.so of the system]
    #[arg(long, value_name = "FILE", hide = !cfg!(feature = "onnxruntime"))]
    onnxruntime_library: Option<PathBuf>,
    /// Seed of the inputs' content
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Where to write the profile [default: the model's name with .toml, here]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RuntimeName {
    Tract,
    #[cfg_attr(not(feature = "onnxruntime"), value(hide = true))]
    Onnxruntime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LoadIn {
    Init,
    Handler,
}

/// A single size or a range of them.
#[derive(Debug, Clone, Copy)]
struct Sizes(u32, u32);

/// Measures, writes the profile and shows it. Progress goes to standard error, a bar only on a terminal.
pub fn run(args: &ProfileArgs) -> Result<(), InputError> {
    let options = options(args)?;
    let bar = if args.output.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}").expect("a valid template");
    bar.set_style(style);
    let mut progress = |done: usize, all: usize, what: &str| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        bar.set_message(what.to_owned());
    };
    let profiled = profiler::profile(&options, &mut progress);
    bar.finish_and_clear();
    let profiled = profiled?;
    let name = format!("{}.toml", profiled.profile.model);
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(name));
    file::write(&profiled.profile, &profiled.measurement, &out)?;
    for warning in &profiled.warnings {
        args.output.note(&format!("warning: {warning}"));
    }
    args.output.profile_written(&profiled.profile, &out)?;
    args.output.show(&report::profile::json(&profiled.profile), &format!("{}\n", summary(&profiled)))
}

/// The worker's side.
pub fn run_worker() -> Result<(), InputError> {
    worker::serve().map_err(|e| InputError::io(WORKER, &e))
}

fn options(args: &ProfileArgs) -> Result<Options, InputError> {
    let program = std::env::current_exe().map_err(|e| InputError::io("this program", &e))?;
    let cores = clock::cores();
    let threads = args.output.threads.unwrap_or(cores.min(2)).max(1);
    if threads > cores {
        let message = format!("{threads} threads on {cores} cores cannot be measured");
        return Err(InputError::new("--threads", message).help(format!("give at most {cores}")));
    }
    Ok(Options {
        model: args.model.clone(),
        runtime: runtime(args)?,
        starter: Starter { program, arguments: vec![WORKER.into()] },
        batch: ascending(&args.batch),
        memory_mb: ascending(&args.memory),
        threads,
        precision: args.precision,
        limit_s: args.time_limit.as_secs_f64(),
        seed: args.seed,
        inputs: args.input.iter().map(|text| Given::parse(text)).collect::<Result<_, _>>()?,
        fixed_batch: if args.free_batch { FixedBatch::Free } else { FixedBatch::Refuse },
        shares: if args.enforce { Shares::Enforced } else { Shares::Scaled },
        load_in: match args.load_in {
            LoadIn::Init => InitIn::Init,
            LoadIn::Handler => InitIn::Handler,
        },
        cells: if args.fit { Cells::Sparse } else { Cells::All },
    })
}

fn runtime(args: &ProfileArgs) -> Result<Runtime, InputError> {
    match args.runtime {
        RuntimeName::Tract => Ok(Runtime::Tract),
        RuntimeName::Onnxruntime if cfg!(feature = "onnxruntime") => {
            let from_environment = || std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from);
            let library = args.onnxruntime_library.clone().or_else(from_environment);
            let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
            Ok(Runtime::OnnxRuntime(library.unwrap_or_else(|| PathBuf::from(name))))
        }
        RuntimeName::Onnxruntime => Err(InputError::new("--runtime", "this build has no onnxruntime")
            .help("build with `cargo build --release --features onnxruntime`, or leave --runtime out")),
    }
}

fn summary(profiled: &Profiled) -> String {
    let profile = &profiled.profile;
    let mut table = Table::new();
    table.load_style(NOTHING);
    let head = profile.batch.iter().map(|b| format!("batch {b} [ms]"));
    table.set_header(std::iter::once("memory".to_owned()).chain(head).chain(["load [s]".into()]));
    for (at, memory) in profile.memory_mb.iter().enumerate() {
        let origins = &profiled.measurement.cells[at];
        let cells = profile.service_s[at].iter().zip(origins).map(|(s, origin)| {
            let mark = if origin.calls > 1 { "*" } else { "" };
            format!("{}{mark}", significant(1e3 * s))
        });
        let load = significant(profile.init_s[at]);
        table.add_row(std::iter::once(MemoryMb(*memory).to_string()).chain(cells).chain([load]));
    }
    let singles = profiled.measurement.cells.iter().flatten().any(|o| o.calls > 1);
    let legend = if singles { "\n* one item after the other, which is faster than the batch" } else { "" };
    format!("{}\n{table}{legend}", profile.source)
}

/// Four significant digits.
fn significant(value: f64) -> String {
    let decimals = (3 - value.abs().max(1e-9).log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

fn ascending(list: &[Sizes]) -> Vec<u32> {
    let mut all: Vec<u32> = list.iter().flat_map(|Sizes(from, to)| *from..=*to).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn sizes(text: &str) -> Result<Sizes, String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|n| *n > 0);
    match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to && to - from < 10_000 => Ok(Sizes(from, to)),
        _ => Err("expected a whole number above 0, or a range such as 1-8".into()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let value = text.trim_end_matches('%').trim().parse::<f64>().ok().filter(|p| *p > 0.0 && *p < 100.0);
    value.map(|p| p / 100.0).ok_or_else(|| "expected a percentage above 0, such as 2".into())
}
