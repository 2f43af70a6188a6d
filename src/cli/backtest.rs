//! `sim backtest`: learns from the first part of a log, predicts the rest, says how far off and why.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::paper::PaperArgs;
use super::{OUTPUT, OutputArgs, note_pipe};
use crate::backtest::learn::Told;
use crate::backtest::predict::scenario_text;
use crate::backtest::read::{Reading, read};
use crate::backtest::verdict::Tolerance;
use crate::backtest::{Backtest, Options, backtest};
use crate::document::Document;
use crate::error::InputError;
use crate::profile::file::{Measurement, write};
use crate::report::backtest::BacktestReport;
use crate::report::files::write_atomically;
use crate::text;
use crate::units::{MemoryMb, Span};

/// Learn a function's behaviour from the first part of its log, predict the rest, and say how far off that is and why.
#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// The log: a folder of sim serve or sim observe, a CSV with a call a row (sent_s, duration_ms, and where known cold,
    /// environment, client_ms, billed_ms, init_ms, memory_mb), or exports of CloudWatch Logs; .gz is read too.
    #[arg(required = true)]
    log: Vec<PathBuf>,
    /// The part of the log's time to learn from.
    #[arg(long, default_value = "0.5", value_parser = part)]
    split: f64,
    /// The function's memory size [MB], where the log does not give it.
    #[arg(long, value_name = "MB")]
    memory: Option<u32>,
    /// The book of prices and limits, where what was billed does not tell.
    #[arg(long)]
    book: Option<String>,
    /// Predict with this profile instead of what is learnt.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Predict with the [platform] of this file (platform.toml or a scenario) instead of what is learnt.
    #[arg(long, value_name = "FILE")]
    platform: Option<PathBuf>,
    /// Change a field of what is predicted with, as platform.keep_alive="5min". May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Read only rows with this value in that column. May be repeated.
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = chosen)]
    only: Vec<(String, String)>,
    /// The largest batch of the buffer in front of the function, where its batches do not show it.
    #[arg(long)]
    batch: Option<u32>,
    /// The longest wait of a batch's first request, where the batches do not show it.
    #[arg(long, value_parser = Span::parse)]
    timeout: Option<Span>,
    /// What is tolerated of p50, p90, p95, p99, mean, bill or cold-starts, as p99=5%; what is within the observed's own noise
    /// always is. May be repeated.
    #[arg(long, value_name = "FIGURE=PERCENT", value_parser = tolerated)]
    tolerate: Vec<(usize, f64)>,
    /// How often the rest is predicted, each time with other luck.
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// The seed of all random streams.
    #[arg(long, default_value = "1")]
    seed: u64,
    /// The folder to write to, instead of output/backtest-<log's name>.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    paper: PaperArgs,
}

fn part(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok();
    value.filter(|x| (0.05..=0.95).contains(x)).ok_or_else(|| "expected a part from 0.05 to 0.95".into())
}

fn chosen(text: &str) -> Result<(String, String), String> {
    let (column, value) = text.split_once('=').ok_or("expected column=value, as run=a")?;
    Ok((column.trim().to_owned(), value.trim().to_owned()))
}

/// The figures by their names on the command line, in the order of [`crate::backtest::predict::NAMES`].
const FIGURES: [&str; 7] = ["p50", "p90", "p95", "p99", "mean", "bill", "cold-starts"];

fn tolerated(text: &str) -> Result<(usize, f64), String> {
    let wrong = || format!("expected {} with a percentage, as p99=5%", FIGURES.join(", "));
    let (figure, value) = text.split_once('=').ok_or_else(wrong)?;
    let at = FIGURES.iter().position(|known| *known == figure.trim()).ok_or_else(wrong)?;
    let percent: f64 = value.trim().trim_end_matches('%').trim().parse().map_err(|_| wrong())?;
    if (0.0..=1000.0).contains(&percent) { Ok((at, percent / 100.0)) } else { Err(wrong()) }
}

/// The exit status where a prediction is beyond what is tolerated.
const INTOLERABLE: u8 = 3;

pub(super) fn run(args: &BacktestArgs) -> Result<ExitCode, InputError> {
    let paper = args.paper.read()?;
    args.output.start_threads()?;
    args.log.iter().for_each(|path| note_pipe(path));
    let reading = Reading { only: args.only.clone(), batch: args.batch, timeout: args.timeout };
    let log = read(&args.log, &reading)?;
    let mut tolerance = Tolerance::default();
    args.tolerate.iter().for_each(|(at, share)| tolerance.0[*at] = *share);
    let options = Options {
        split: args.split,
        told: Told { memory: args.memory.map(MemoryMb), book: args.book.clone() },
        profile: args.profile.as_deref().map(profile).transpose()?,
        platform: args.platform.as_deref().map(platform).transpose()?,
        overrides: args.set.clone(),
        seeds: args.seeds,
        seed: args.seed,
        tolerance,
    };
    let found = backtest(&log, &options)?;
    let folder = args.out.clone().unwrap_or_else(|| Path::new(OUTPUT).join(folder_name(&log.name)));
    let held = args.output.hold(&folder)?;
    let report = BacktestReport {
        log: &log,
        found: &found,
        tolerance: &tolerance,
        split: args.split,
        seeds: args.seeds,
    };
    let json = report.json();
    write_atomically(&folder.join("backtest.json"), &json)?;
    write_learnt(&folder, &found, log.buffering)?;
    if !args.output.no_charts {
        report.write_charts(paper.target(&folder))?;
    }
    drop(held);
    args.output.show(&json, &report.text())?;
    args.output.note(&format!("results in {}", folder.display()));
    args.output.index(&folder);
    Ok(if found.verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::from(INTOLERABLE) })
}

/// profile.toml, and platform.toml: a scenario with what was learnt, for `sim plan` and `sim run`.
fn write_learnt(
    folder: &Path,
    found: &Backtest,
    buffering: Option<crate::backtest::call::Buffering>,
) -> Result<(), InputError> {
    let learnt = &found.learnt;
    let notes = learnt.notes.clone();
    write(&learnt.profile, &Measurement { notes, ..Measurement::default() }, &folder.join("profile.toml"))?;
    let profile = "file = \"profile.toml\"\n";
    let mut text = scenario_text((profile, &learnt.platform()), buffering, learnt.rate);
    let batches: Vec<String> = learnt.profile.batch.iter().map(u32::to_string).collect();
    let timeout =
        buffering.map_or("\"0ms\"".into(), |b| format!("\"0ms\", \"{}ms\"", (b.timeout * 1e3).round()));
    text.push_str(&format!(
        "\n[slo]                     # what is to be kept: change it\npercentile = 95\nlatency = \"{}ms\"\n\n[sweep]\nmemory_mb = [{}]\nbatch = [{}]\ntimeout = [{timeout}]\n",
        (found.observed.latency_s.p95 * 1.1e3).ceil(),
        learnt.memory.0.0,
        batches.join(", "),
    ));
    write_atomically(&folder.join("platform.toml"), text)
}

/// A profile of the user's: its file.
fn profile(path: &Path) -> Result<String, InputError> {
    let whole = std::fs::canonicalize(path).map_err(|e| InputError::io(path, &e))?;
    Ok(format!("file = {}\n", toml::Value::String(whole.display().to_string())))
}

/// `[platform]` of a file, or its fields where it has no such section.
fn platform(path: &Path) -> Result<String, InputError> {
    let document = Document::read(path)?.to_json();
    let fields = document.get("platform").unwrap_or(&document);
    let table = toml::Table::try_from(fields)
        .map_err(|e| InputError::new(path.display().to_string(), e.to_string()))?;
    let inline = |(name, value): (&String, &toml::Value)| format!("{name} = {value}\n");
    Ok(table.iter().map(inline).collect())
}

/// A name for a folder: letters, digits and a few marks of the log's.
fn folder_name(log: &str) -> String {
    let last =
        Path::new(log).file_name().map_or_else(|| "log".into(), |name| name.to_string_lossy().into_owned());
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    format!("backtest-{}", text::line(&last).chars().map(plain).collect::<String>())
}
