//! `sim import`: a profile from measurements that people already have.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{OutputArgs, note_pipe};
use crate::error::InputError;
use crate::profile::Profile;
use crate::profile::file::{self, Measurement};
use crate::profile::import::lambda_logs::{BatchSize, Calls};
use crate::profile::import::{Observations, lambda_logs, power_tuning, raw_csv, triton};
use crate::report;
use crate::report::files::write_atomically;
use crate::text::line;

/// Turn real measurements into a profile
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Lambda's REPORT lines, as text or JSON, from any export of CloudWatch Logs
    LambdaLogs {
        /// Log files: `aws logs tail`, filter-log-events, get-log-events, Logs Insights (CSV, JSON, tables), subscription
        /// payloads, JSON or text, pages one after the other; .gz is read too
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The batch size of all invocations
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "batch_field")]
        batch: Option<u32>,
        /// The field of the function's own log lines that holds the batch size, as in `batch=8` or "batch": 8
        #[arg(long, value_name = "NAME", default_value = "batch")]
        batch_field: String,
        /// Also write the calls' start times as a trace
        #[arg(long, value_name = "FILE")]
        arrivals: Option<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
    /// Results of AWS Lambda Power Tuning, one a batch size
    PowerTuning {
        /// The state machine's outputs (JSON), or visualization links: in files, or themselves in quotes
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The batch size of each file, in their order
        #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
        batch: Vec<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// CSV of NVIDIA's perf_analyzer (-f) or model_analyzer: an instance's profile, or with --memory-mb a function's
    #[command(alias = "perf-analyzer", alias = "model-analyzer")]
    Triton {
        /// CSV files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The batch size of each file, in their order, where it is no column (perf_analyzer's -b)
        #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
        batch: Vec<u32>,
        /// The functions' memory size that the times stand for [MB]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        memory_mb: Option<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// A table of single measurements with the columns memory_mb, batch, service_s and, where known, init_s
    Csv {
        /// CSV files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    /// The model's name in the profile
    #[arg(long, default_value = "imported")]
    model: String,
    /// Take only these memory sizes [MB]
    #[arg(long, value_delimiter = ',')]
    memory: Vec<u32>,
    /// Take only these batch sizes
    #[arg(long, value_delimiter = ',')]
    only_batch: Vec<u32>,
    /// Where to write the profile
    #[arg(long, short, value_name = "FILE", default_value = "profile.toml")]
    out: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl From {
    fn files(&self) -> &[PathBuf] {
        let (From::LambdaLogs { files, .. }
        | From::PowerTuning { files, .. }
        | From::Triton { files, .. }
        | From::Csv { files, .. }) = self;
        files
    }
}

/// Reads the files, writes the profile and says what was skipped on standard error.
pub fn run(args: &ImportArgs) -> Result<(), InputError> {
    args.from.files().iter().for_each(|file| note_pipe(file));
    match &args.from {
        From::LambdaLogs { files, batch, batch_field, arrivals, common } => {
            let size = batch.map_or_else(|| BatchSize::Field(batch_field.clone()), BatchSize::Fixed);
            let calls = lambda_logs::read(files, &size)?;
            if let Some(path) = arrivals {
                write_arrivals(&calls, path, files, common)?;
            }
            let only = if let [one] = common.memory[..] { Some(one) } else { None };
            write(calls.observations(only), files, common)
        }
        From::PowerTuning { files, batch, common } => {
            let batch = for_each_file(batch, files)?;
            let mut all = Observations::default();
            for (file, batch) in files.iter().zip(batch) {
                all.append(power_tuning::read(file, batch)?);
            }
            write(all, files, common)
        }
        From::Triton { files, batch, memory_mb, common } => {
            let batch = match batch.is_empty() {
                true => vec![None; files.len()],
                false => for_each_file(batch, files)?.into_iter().map(Some).collect(),
            };
            let mut all = Observations::default();
            for (file, batch) in files.iter().zip(batch) {
                all.append(triton::read(file, batch, *memory_mb)?);
            }
            match memory_mb {
                Some(_) => write(all, files, common),
                None => write_instance(all, files, common),
            }
        }
        From::Csv { files, common } => {
            let mut all = Observations::default();
            for file in files {
                all.append(raw_csv::read(file)?);
            }
            write(all, files, common)
        }
    }
}

fn for_each_file(batch: &[u32], files: &[PathBuf]) -> Result<Vec<u32>, InputError> {
    match files.len() == batch.len() {
        true => Ok(batch.to_vec()),
        false => {
            let message = format!("{} batch sizes for {} files", batch.len(), files.len());
            Err(InputError::new("--batch", message).help("give one a file, as in --batch 1,4,8"))
        }
    }
}

/// The profile of what is wanted of the observations, with its notes told.
fn profile(
    mut all: Observations,
    files: &[PathBuf],
    common: &Common,
) -> Result<(Profile, Measurement), InputError> {
    let wanted = |list: &[u32], value: u32| list.is_empty() || list.contains(&value);
    let before = all.found.len();
    all.found.retain(|o| wanted(&common.memory, o.memory_mb) && wanted(&common.only_batch, o.batch));
    if all.found.len() < before {
        let left_out = before - all.found.len();
        *all.skipped.entry("of a size that --memory or --only-batch leaves out".into()).or_default() +=
            left_out;
    }
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    let (profile, measurement) = all.profile(&common.model, &names.join(", "))?;
    for note in &measurement.notes {
        common.output.note(note);
    }
    Ok((profile, measurement))
}

fn write(all: Observations, files: &[PathBuf], common: &Common) -> Result<(), InputError> {
    let (profile, measurement) = profile(all, files, common)?;
    file::write(&profile, &measurement, &common.out)?;
    common.output.profile_written(&profile, &common.out)?;
    let (rows, columns) = (profile.memory_mb.len(), profile.batch.len());
    let text = format!("{}: {rows} memory sizes, {columns} batch sizes\n", line(&profile.model));
    common.output.show(&report::profile::json(&profile), &text)
}

fn write_instance(all: Observations, files: &[PathBuf], common: &Common) -> Result<(), InputError> {
    let (profile, _) = profile(all, files, common)?;
    write_atomically(&common.out, file::instance_text(&profile))?;
    common.output.note(&format!("wrote {}", common.out.display()));
    let text =
        format!("{}: an instance of 1 worker, {} batch sizes\n", line(&profile.model), profile.batch.len());
    common.output.show(&report::profile::json(&profile), &text)
}

/// The calls' start times in seconds since 1970 as a trace, failed calls included: they arrived as well.
fn write_arrivals(calls: &Calls, path: &Path, files: &[PathBuf], common: &Common) -> Result<(), InputError> {
    let (starts, missing) = calls.starts();
    if starts.is_empty() {
        let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
        let message = format!("none of its {missing} calls has a time, so --arrivals has nothing to write");
        return Err(InputError::new(names.join(", "), message)
            .help("export the lines with their time stamps, as `aws logs tail` and `filter-log-events` do"));
    }
    let mut text = String::from("start_s\n");
    for start in &starts {
        let (seconds, nanos) = (start.div_euclid(1_000_000_000), start.rem_euclid(1_000_000_000));
        text += &format!("{seconds}.{nanos:09}\n");
    }
    write_atomically(path, text)?;
    let left_out =
        if missing == 0 { String::new() } else { format!("; {missing} calls without a time are left out") };
    common.output.note(&format!("wrote {}: the starts of {} calls{left_out}", path.display(), starts.len()));
    Ok(())
}
