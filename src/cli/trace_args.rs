//! A trace on the command line: the fields of a `[workload]` of kind trace, as options.

use std::path::PathBuf;

use clap::Args;

use super::note_pipe;
use crate::arrivals::trace::{TraceFormat, TraceSpec, Unit};
use crate::text::line;
use crate::units::Span;

/// Which trace, and how to read it.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The trace: plain, .gz or .zst, or Parquet if built with it; `-` is standard input.
    pub trace: PathBuf,
    /// timestamps, interarrivals, counts, azure-2019, azure-2021 or binary; found out if not given.
    #[arg(long, value_parser = format)]
    format: Option<TraceFormat>,
    /// The column to read: its name in the header, or its number from 1.
    #[arg(long)]
    column: Option<String>,
    /// The unit of numbers: s, ms, us or ns.
    #[arg(long, value_parser = unit)]
    unit: Option<Unit>,
    /// The length of a bin of counts: 1s, 1min.
    #[arg(long, value_parser = Span::parse)]
    bin: Option<Span>,
    /// The function of an azure-2019 file.
    #[arg(long)]
    row: Option<String>,
    /// Leave out what comes before this time since the start: 10min, 24h.
    #[arg(long, value_parser = Span::parse)]
    from: Option<Span>,
    /// Leave out what comes from this time on.
    #[arg(long, value_parser = Span::parse)]
    until: Option<Span>,
}

impl TraceArgs {
    pub fn spec(&self) -> TraceSpec {
        note_pipe(&self.trace);
        TraceSpec {
            format: self.format,
            column: self.column.clone(),
            unit: self.unit,
            bin: self.bin,
            row: self.row.clone(),
            from: self.from.unwrap_or(Span::ZERO),
            until: self.until,
            ..TraceSpec::new(&self.trace)
        }
    }

    /// The file's name without its folder and extensions, of characters that can be shown: it becomes a folder.
    pub fn name(&self) -> String {
        let name =
            self.trace.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        match name.split('.').next() {
            Some(stem) if !stem.is_empty() && stem != "-" => line(stem).into_owned(),
            _ => "trace".to_owned(),
        }
    }
}

pub(super) fn named<T: Copy>(name: &str, all: &[(&str, T)]) -> Result<T, String> {
    let found = all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    found.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

pub(super) fn format(name: &str) -> Result<TraceFormat, String> {
    named(name, TraceFormat::ALL)
}

fn unit(name: &str) -> Result<Unit, String> {
    named(name, Unit::ALL)
}
