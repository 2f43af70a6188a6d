//! A trace on the command line: the fields of a `[workload]` of kind trace, as options.

use std::path::PathBuf;

use clap::Args;
use clap::builder::TypedValueParser;

use super::{note_pipe, one_of};
use crate::arrivals::trace::{Filter, Order, StampMode, TraceFormat, TraceSpec, Unit};
use crate::text::line;
use crate::units::Span;

/// Which trace, and how to read it.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The trace: a table, JSON objects or an access log, plain, .gz or .zst, or Parquet if built with it; `-` is
    /// standard input. Several files are merged by time; names may have `*`, `?` and `[..]`.
    #[arg(required = true)]
    pub trace: Vec<PathBuf>,
    /// How the trace is written; found out if not given.
    #[arg(long, value_parser = format())]
    format: Option<TraceFormat>,
    /// The column to read: its name in the header, or its number from 1.
    #[arg(long)]
    column: Option<String>,
    /// The unit of numbers.
    #[arg(long, value_parser = unit())]
    unit: Option<Unit>,
    /// The length of a bin of counts: 1s, 1min.
    #[arg(long, value_parser = Span::parse)]
    bin: Option<Span>,
    /// The function of an azure-2019 file.
    #[arg(long)]
    row: Option<String>,
    /// The function, of a file of many.
    #[arg(long)]
    function: Option<String>,
    /// The application, of a file of many.
    #[arg(long)]
    app: Option<String>,
    /// Only records that meet conditions: "status < 500 and path = /v1/embed".
    #[arg(long = "where", value_name = "CONDITIONS", value_parser = Filter::parse)]
    filter: Option<Filter>,
    /// auto spreads coarse time stamps within their resolution, exact replays them as they are.
    #[arg(long, default_value = "auto", value_parser = stamps())]
    stamps: StampMode,
    /// Sort the whole file by time.
    #[arg(long)]
    sort: bool,
    /// Leave out what comes before this time since the start: 10min, 24h.
    #[arg(long, value_parser = Span::parse)]
    from: Option<Span>,
    /// Leave out what comes from this time on.
    #[arg(long, value_parser = Span::parse)]
    until: Option<Span>,
}

impl TraceArgs {
    pub fn spec(&self) -> TraceSpec {
        self.trace.iter().for_each(|path| note_pipe(path));
        TraceSpec {
            format: self.format,
            column: self.column.clone(),
            unit: self.unit,
            bin: self.bin,
            row: self.row.clone(),
            function: self.function.clone(),
            app: self.app.clone(),
            filter: self.filter.clone(),
            stamps: self.stamps,
            order: if self.sort { Order::Whole } else { Order::Window },
            from: self.from.unwrap_or(Span::ZERO),
            until: self.until,
            ..TraceSpec::of(self.trace.clone())
        }
    }

    /// How messages call it.
    pub fn shown(&self) -> String {
        let names: Vec<String> = self.trace.iter().map(|path| path.display().to_string()).collect();
        names.join(", ")
    }

    /// The first file's name without its folder and extensions, of characters that can be shown: it becomes a folder.
    pub fn name(&self) -> String {
        let name =
            self.trace[0].file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        match name.split('.').next() {
            Some(stem) if !stem.is_empty() && stem != "-" && !stem.contains(['*', '?', '[']) => {
                line(stem).into_owned()
            }
            _ => "trace".to_owned(),
        }
    }
}

pub(super) fn format() -> impl TypedValueParser<Value = TraceFormat> {
    one_of(TraceFormat::ALL)
}

pub(super) fn unit() -> impl TypedValueParser<Value = Unit> {
    one_of(Unit::ALL)
}

pub(super) fn stamps() -> impl TypedValueParser<Value = StampMode> {
    one_of(StampMode::ALL)
}
