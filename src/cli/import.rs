//! `sim import`: a profile from measurements that people already have.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{OutputArgs, note_pipe};
use crate::error::InputError;
use crate::profile::file;
use crate::profile::import::lambda_logs::BatchSize;
use crate::profile::import::{Observations, lambda_logs, power_tuning, raw_csv};
use crate::report;
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
        /// Log files: text, JSON lines or the output of `aws logs filter-log-events`; .gz is read too
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The batch size of all invocations
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "batch_field")]
        batch: Option<u32>,
        /// The field of the function's own log lines that holds the batch size, as in `batch=8` or "batch": 8
        #[arg(long, value_name = "NAME", default_value = "batch")]
        batch_field: String,
        #[command(flatten)]
        common: Common,
    },
    /// Results of AWS Lambda Power Tuning (JSON), one file a batch size
    PowerTuning {
        /// The state machine's outputs
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The batch size of each file, in their order
        #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
        batch: Vec<u32>,
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
        let (From::LambdaLogs { files, .. } | From::PowerTuning { files, .. } | From::Csv { files, .. }) =
            self;
        files
    }
}

/// Reads the files, writes the profile and says what was skipped on standard error.
pub fn run(args: &ImportArgs) -> Result<(), InputError> {
    let mut all = Observations::default();
    args.from.files().iter().for_each(|file| note_pipe(file));
    let (files, common) = match &args.from {
        From::LambdaLogs { files, batch, batch_field, common } => {
            let size = batch.map_or_else(|| BatchSize::Field(batch_field.clone()), BatchSize::Fixed);
            for file in files {
                all.append(lambda_logs::read(file, &size)?);
            }
            (files, common)
        }
        From::PowerTuning { files, batch, common } => {
            if files.len() != batch.len() {
                let message = format!("{} batch sizes for {} files", batch.len(), files.len());
                return Err(InputError::new("--batch", message).help("give one a file, as in --batch 1,4,8"));
            }
            for (file, batch) in files.iter().zip(batch) {
                all.append(power_tuning::read(file, *batch)?);
            }
            (files, common)
        }
        From::Csv { files, common } => {
            for file in files {
                all.append(raw_csv::read(file)?);
            }
            (files, common)
        }
    };
    let wanted = |list: &[u32], value: u32| list.is_empty() || list.contains(&value);
    all.found.retain(|o| wanted(&common.memory, o.memory_mb) && wanted(&common.only_batch, o.batch));
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    let (profile, measurement) = all.profile(&common.model, &names.join(", "))?;
    file::write(&profile, &measurement, &common.out)?;
    for note in &measurement.notes {
        common.output.note(note);
    }
    common.output.profile_written(&profile, &common.out)?;
    let (rows, columns) = (profile.memory_mb.len(), profile.batch.len());
    let text = format!("{}: {rows} memory sizes, {columns} batch sizes\n", line(&profile.model));
    common.output.show(&report::profile::json(&profile), &text)
}
