//! `sim init`: makes a scenario, with comments, from a trace and a model's profile.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::heartbeat::{self, Counted};
use super::{OutputArgs, tell, trace_args};
use crate::arrivals::trace::{Findings, TraceFormat, TraceSpec, Unit};
use crate::error::InputError;
use crate::fitting::{Observed, TraceStats};
use crate::numeric::streams::Streams;
use crate::price::Book;
use crate::profile::Profile;
use crate::report::files::write_atomically;
use crate::report::format;
use crate::scenario::Scenario;
use crate::scenario::platform::check_memory;
use crate::text::line;
use crate::units::{MemoryMb, Span};

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The trace: arrival times, a log, counts; `sim trace info` says how it is read.
    trace: Option<PathBuf>,
    /// The model's profile, as `sim profile` and `sim import` write it; or the ONNX file that `sim profile` measured here.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The latency that the percentile must keep: 500ms, 2s.
    #[arg(long, value_name = "500ms", value_parser = Span::parse)]
    latency: Option<Span>,
    /// The percentile of the latency target.
    #[arg(long, default_value_t = 95.0)]
    percentile: f64,
    /// The memory size that the function has now [MB]; the profile's largest if not given.
    #[arg(long, value_name = "MB")]
    memory: Option<u32>,
    /// Prices and limits: a book's name or file.
    #[arg(long, default_value = "aws-2026")]
    book: String,
    /// How the trace is written; found out if not given.
    #[arg(long, value_parser = trace_args::format())]
    format: Option<TraceFormat>,
    /// The column to read: its name in the header, or its number from 1.
    #[arg(long)]
    column: Option<String>,
    /// The unit of numbers.
    #[arg(long, value_parser = trace_args::unit())]
    unit: Option<Unit>,
    /// The length of a bin of counts: 1s, 1min.
    #[arg(long, value_parser = Span::parse)]
    bin: Option<Span>,
    /// The file to write [default: the trace's name with .toml, here].
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// The grid: so many memory sizes at most,
const MEMORIES: usize = 10;
/// those of these batch sizes that the profile covers,
const BATCHES: [u32; 16] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 128];
/// and waits of these shares of the latency target [%].
const WAITS: [u64; 9] = [1, 2, 5, 10, 15, 20, 30, 40, 60];

/// What the options leave open was asked for.
struct Answers {
    trace: PathBuf,
    profile: PathBuf,
    latency: Span,
}

#[derive(Serialize)]
struct Made<'a> {
    scenario: String,
    trace: String,
    profile: String,
    requests: u64,
    rate_per_s: f64,
    next: &'a [String],
}

pub(super) fn run(args: &InitArgs) -> Result<ExitCode, InputError> {
    let answers = answers(args)?;
    args.output.start_threads()?;
    let to = args.to.clone().unwrap_or_else(|| named_after(&answers.trace));
    if to.exists() && !args.force {
        return Err(InputError::new(to.display().to_string(), "is there already")
            .help("give another file with --to, or --force to replace it"));
    }
    let profile = Profile::read(&answers.profile)?;
    let book = book(&args.book)?;
    let memory = memory(args.memory, &profile, &book, &answers.profile)?;
    let (stats, reading) = read(args, &answers.trace)?;
    let offered = |mb: &u32| check_memory(MemoryMb(*mb), &book).is_ok();
    let offered = profile.memory_mb.iter().copied().filter(offered).collect();
    let draft = Draft { args, answers: &answers, profile: &profile, memory, offered, stats: &stats, to: &to };
    let text = draft.text()?;
    let before = std::fs::read(&to).ok();
    write_atomically(&to, &text)?;
    // What was written is what any command would read.
    if let Err(error) = Scenario::read(&to, &[]) {
        match before {
            Some(bytes) => write_atomically(&to, bytes)?,
            None => std::fs::remove_file(&to).map_err(|e| InputError::io(&to, &e))?,
        }
        return Err(error);
    }
    let shown = to.display().to_string();
    let next = [format!("sim plan {shown}"), format!("sim run {shown}")];
    let made = Made {
        scenario: shown.clone(),
        trace: answers.trace.display().to_string(),
        profile: answers.profile.display().to_string(),
        requests: stats.arrivals,
        rate_per_s: stats.rate,
        next: &next,
    };
    let json = serde_json::to_string_pretty(&made).expect("plain data") + "\n";
    let words = format!(
        "{shown}: {}\nWhat to set, and what it costs: {}\nWhat happens as it is set: {}\n",
        traffic(&stats),
        next[0],
        next[1]
    );
    args.output.show(&json, &words)?;
    reading.iter().for_each(|note| args.output.note(note));
    Ok(ExitCode::SUCCESS)
}

/// The options, and on a terminal the answers to questions for what they leave open.
///
/// # Errors
/// Something is missing and there is nobody to ask; an answer cannot be read.
fn answers(args: &InitArgs) -> Result<Answers, InputError> {
    let path = |text: &str| match Path::new(text).exists() {
        true => Ok(PathBuf::from(text)),
        false => Err(format!("there is no file {text}")),
    };
    let trace = given(args.trace.clone(), "TRACE", "The trace (arrival times, a log, counts)", path)?;
    let profile =
        given(args.profile.clone(), "--profile FILE", "The model's profile, or its ONNX file", path)?;
    let latency = given(args.latency, "--latency 500ms", "The latency to keep, such as 500ms", Span::parse)?;
    Ok(Answers { trace, profile: measured(profile)?, latency })
}

fn given<T>(
    option: Option<T>,
    name: &str,
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, InputError> {
    if let Some(value) = option {
        return Ok(value);
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(InputError::new("sim init", format!("{name} is missing"))
            .help("give it, or start `sim init` in a terminal, which asks for it"));
    }
    loop {
        // A terminal that takes nothing more shows no question; the answer may come all the same.
        let _ = write!(std::io::stderr(), "{question}: ");
        let mut answer = String::new();
        let read_bytes = std::io::stdin().read_line(&mut answer);
        if read_bytes.map_err(|e| InputError::io("standard input", &e))? == 0 {
            return Err(InputError::new("sim init", format!("{name} is missing")));
        }
        match read(answer.trim()) {
            Ok(value) => return Ok(value),
            Err(message) => tell(&message),
        }
    }
}

/// The profile that `sim profile` writes for an ONNX file; any other file as it is.
fn measured(file: PathBuf) -> Result<PathBuf, InputError> {
    if file.extension().is_none_or(|extension| extension != "onnx") {
        return Ok(file);
    }
    let profile = named_after(&file);
    match profile.is_file() {
        true => Ok(profile),
        false => {
            let message = format!("was not measured yet: there is no {}", profile.display());
            let help = format!("`sim profile {}` measures it", file.display());
            Err(InputError::new(file.display().to_string(), message).help(help))
        }
    }
}

/// A file here, of another's name up to its first dot, with .toml.
fn named_after(file: &Path) -> PathBuf {
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let stem = name.split('.').find(|part| !part.is_empty()).unwrap_or("scenario");
    PathBuf::from(format!("{stem}.toml"))
}

fn book(name: &str) -> Result<Book, InputError> {
    match Book::named(name) {
        Some(book) => Ok(book),
        None => Book::read(Path::new(name)),
    }
}

fn memory(asked: Option<u32>, profile: &Profile, book: &Book, file: &Path) -> Result<MemoryMb, InputError> {
    if let Some(mb) = asked {
        let (least, most) = (profile.memory_mb[0], profile.memory_mb[profile.memory_mb.len() - 1]);
        if !(least..=most).contains(&mb) {
            let message = format!(
                "{} is outside the profile's {} to {}",
                MemoryMb(mb),
                MemoryMb(least),
                MemoryMb(most)
            );
            return Err(InputError::new("--memory", message).help("give one within, or measure more sizes"));
        }
        return check_memory(MemoryMb(mb), book)
            .map(|()| MemoryMb(mb))
            .map_err(|message| InputError::new("--memory", message.to_string()));
    }
    let offered =
        profile.memory_mb.iter().map(|mb| MemoryMb(*mb)).rfind(|mb| check_memory(*mb, book).is_ok());
    offered.ok_or_else(|| {
        let message = format!("{} offers none of the profile's memory sizes", book.name);
        InputError::new(file.display().to_string(), message).help("give another --book")
    })
}

fn read(args: &InitArgs, trace: &Path) -> Result<(TraceStats, Vec<String>), InputError> {
    let spec = TraceSpec {
        format: args.format,
        column: args.column.clone(),
        unit: args.unit,
        bin: args.bin,
        ..TraceSpec::of(vec![trace.to_owned()])
    };
    let findings = Findings::default();
    let mut source = Counted::new(spec.open_noted(Streams::new(1).stream("trace"), &findings)?);
    let (stats, _) = Observed::read(&mut source)?;
    heartbeat::make_room();
    Ok((stats, findings.get().map_or_else(Vec::new, |reading| reading.notes())))
}

/// `60,692 requests in 60 min, 16.9/s`.
fn traffic(stats: &TraceStats) -> String {
    let (count, length) = (format::count(stats.arrivals), format::duration(stats.duration.as_secs_f64()));
    format!("{count} requests in {length}, {}/s", format::number(stats.rate))
}

/// What the scenario is made of.
struct Draft<'a> {
    args: &'a InitArgs,
    answers: &'a Answers,
    profile: &'a Profile,
    memory: MemoryMb,
    /// The profile's memory sizes that the book offers.
    offered: Vec<u32>,
    stats: &'a TraceStats,
    to: &'a Path,
}

impl Draft<'_> {
    fn text(&self) -> Result<String, InputError> {
        let Draft { args, answers, profile, memory, .. } = self;
        let name = self.to.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let (least, most) = (profile.batch[0], profile.batch[profile.batch.len() - 1]);
        let batch = most.min(8);
        // A wait of a tenth of the target leaves the rest for the service.
        let timeout =
            Span::from_millis((answers.latency.as_secs_f64() * 100.0).round().max(1.0) as u64).written();
        let loads = profile.init_s.iter().any(|init| *init > 0.0);
        let cold = match loads {
            true => "new environments start cold; false: always warm",
            false => "without the time to load the model: the profile has no init_s",
        };
        let model = line(&profile.model);
        Ok(format!(
            "# {model} under the traffic of {trace}: {traffic}.\n\
             # `sim plan` says what to set, `sim run` what happens as it is set here, `sim sweep` shows every choice.\n\
             name = {name}\n\
             seed = 1                         # of everything that is drawn at random\n\n\
             [workload]                       # where requests come from\n\
             kind = \"trace\"\n\
             file = {file}\n\
             {reading}\n\
             [profile]                        # how long {model} serves a batch, by memory size\n\
             file = {profile}\n\n\
             [platform]\n\
             kind = \"lambda\"\n\
             book = {book}                # prices and limits, dated\n\
             memory_mb = {memory}                 # what the function has now; a plan looks for better\n\
             cold_starts = true               # {cold}\n\n\
             [policy]                         # how requests are gathered now; a plan looks for better\n\
             kind = \"unbatched\"               # each by itself; or, leaving with the last of a batch or after its timeout:\n\
             # kind = \"batch\", batch = {batch}, timeout = \"{timeout}\"\n\n\
             [slo]                            # what users are promised\n\
             percentile = {percentile}\n\
             latency = \"{latency}\"\n\n\
             [sweep]                          # what a plan and a sweep choose from; a plan also looks between the timeouts\n\
             memory_mb = {memories:?}\n\
             batch = {batches:?}\n\
             timeout = {timeouts}\n",
            trace = line(&answers.trace.display().to_string()),
            traffic = traffic(self.stats),
            name = quoted(&name),
            file = self.path(&answers.trace)?,
            reading = self.reading(),
            profile = self.path(&answers.profile)?,
            book = self.book()?,
            memory = memory.0,
            percentile = args.percentile,
            latency = answers.latency.written(),
            memories = thinned(&self.offered),
            batches =
                BATCHES.into_iter().filter(|batch| (least..=most).contains(batch)).collect::<Vec<u32>>(),
            timeouts = quoted_list(WAITS.map(|percent| Span(answers.latency.0 / 100 * percent).written())),
        ))
    }

    /// How the trace is read, where that was said.
    fn reading(&self) -> String {
        let InitArgs { format, column, unit, bin, .. } = self.args;
        let unit = unit.and_then(|unit| Unit::ALL.iter().find(|(_, known)| *known == unit));
        let fields = [
            ("format", format.map(|format| format.name().to_owned())),
            ("column", column.clone()),
            ("unit", unit.map(|(name, _)| (*name).to_owned())),
            ("bin", bin.map(|bin| bin.to_string())),
        ];
        let said =
            fields.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", quoted(&value?))));
        said.collect()
    }

    /// A book's name, or its file as the scenario finds it.
    fn book(&self) -> Result<String, InputError> {
        match Book::named(&self.args.book) {
            Some(_) => Ok(quoted(&self.args.book)),
            None => self.path(Path::new(&self.args.book)),
        }
    }

    /// A file as the scenario finds it: from its own folder.
    fn path(&self, file: &Path) -> Result<String, InputError> {
        let is_here = self.to.parent().is_none_or(|folder| folder.as_os_str().is_empty());
        let path = match is_here {
            true => file.to_owned(),
            false => std::path::absolute(file).map_err(|e| InputError::io(file, &e))?,
        };
        match path.to_str() {
            Some(text) => Ok(quoted(text)),
            None => {
                Err(InputError::new(path.display().to_string(), "its name is not UTF-8, as scenarios are")
                    .help("rename it"))
            }
        }
    }
}

/// At most so many, evenly spread, both ends kept.
fn thinned(sizes: &[u32]) -> Vec<u32> {
    let last = sizes.len().saturating_sub(1);
    match sizes.len() > MEMORIES {
        true => (0..MEMORIES).map(|i| sizes[i * last / (MEMORIES - 1)]).collect(),
        false => sizes.to_vec(),
    }
}

fn quoted_list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| quoted(&value)).collect();
    format!("[{}]", values.join(", "))
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
