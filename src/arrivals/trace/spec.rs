//! What a user says about a trace.

use std::path::{Path, PathBuf};

use super::filter::Filter;
use super::order::Order;
use super::sized::{ClassColumn, SizeColumn};
use super::{TraceFormat, Unit, source};
use crate::error::InputError;
use crate::units::Span;

/// What a user says about a trace; what is left out is taken from the file where it is unambiguous.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSpec {
    /// The files, which are merged by time; `-` is standard input, and names may have `*`, `?` and `[..]`.
    pub paths: Vec<PathBuf>,
    /// What the file holds.
    pub format: Option<TraceFormat>,
    /// The column to read: its name in the header, or its number from 1.
    pub column: Option<String>,
    /// The unit of numbers; by default the one in the column's name (`time_ms`), else seconds.
    /// With counts: periods are times in this unit instead of numbers of bins.
    pub unit: Option<Unit>,
    /// The length of a bin of counts; by default a minute for azure-2019, and for date-times the step
    /// from the first period to the second.
    pub bin: Option<Span>,
    /// The row of the azure-2019 layout: the value of its HashFunction column, else of its first.
    pub row: Option<String>,
    /// The function: of the azure layouts and Huawei's, or of a column with the name of one.
    pub function: Option<String>,
    /// The application, of a column with the name of one.
    pub app: Option<String>,
    /// Which records count.
    pub filter: Option<Filter>,
    /// The column with the size of each request.
    pub size_column: Option<SizeColumn>,
    /// The column with the class of each request.
    pub class_column: Option<ClassColumn>,
    /// Whether coarse time stamps are spread.
    pub stamps: StampMode,
    /// How the records are put in order.
    pub order: Order,
    /// Where the replay starts, from the first arrival or bin.
    pub from: Span,
    /// Where the replay ends, from the first arrival or bin.
    pub until: Option<Span>,
    /// How often the trace is played, end to end. The length of one pass is that of the window, but
    /// not beyond the trace's own: for counts all bins, else the last arrival and a mean gap.
    pub repeat: u32,
}

/// What is done with time stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StampMode {
    /// Coarse ones are spread within their resolution.
    #[default]
    Auto,
    /// They are replayed as they are.
    Exact,
}

impl StampMode {
    /// All modes with their names in files.
    pub const ALL: &'static [(&'static str, StampMode)] =
        &[("auto", StampMode::Auto), ("exact", StampMode::Exact)];
}

impl TraceSpec {
    /// A trace of which everything is found out from the file, replayed once as a whole.
    pub fn new(path: impl Into<PathBuf>) -> TraceSpec {
        TraceSpec::of(vec![path.into()])
    }

    /// As [`TraceSpec::new`], of several files.
    pub fn of(paths: Vec<PathBuf>) -> TraceSpec {
        TraceSpec {
            paths,
            format: None,
            column: None,
            unit: None,
            bin: None,
            row: None,
            function: None,
            app: None,
            filter: None,
            size_column: None,
            class_column: None,
            stamps: StampMode::Auto,
            order: Order::Window,
            from: Span::ZERO,
            until: None,
            repeat: 1,
        }
    }

    /// The files, patterns replaced by what they match, in the order of their names.
    ///
    /// # Errors
    /// A pattern that matches nothing.
    pub fn files(&self) -> Result<Vec<PathBuf>, InputError> {
        let mut files = Vec::new();
        for path in &self.paths {
            let name = path.display().to_string();
            if source::is_standard_input(path) || path.exists() || !name.contains(['*', '?', '[']) {
                files.push(path.clone());
                continue;
            }
            let matched =
                glob::glob(&name).map_err(|e| InputError::new(&name, format!("is no pattern: {e}")))?;
            let before = files.len();
            for found in matched {
                files.push(found.map_err(|e| InputError::io(e.path(), e.error()))?);
            }
            if files.len() == before {
                return Err(
                    InputError::new(&name, "matches no file").help("check the pattern and its folder")
                );
            }
        }
        Ok(files)
    }

    /// Is more read of a record than its time?
    pub(super) fn is_marked(&self) -> bool {
        self.size_column.is_some() || self.class_column.is_some()
    }

    pub(super) fn check(&self, format: TraceFormat) -> Result<(), InputError> {
        match self.fault(Some(format)) {
            Some((_, message)) => Err(InputError::new(self.name(), message)),
            None => Ok(()),
        }
    }

    /// The first field that cannot be, alone or with `format`, and why.
    pub(crate) fn fault(&self, format: Option<TraceFormat>) -> Option<(&'static str, String)> {
        use TraceFormat::*;
        const LINES: &[TraceFormat] = &[Timestamps, JsonLines, AccessLog, Alb, W3c, Azure2021];
        let uses: [(&str, bool, &[TraceFormat]); 11] = [
            ("column", self.column.is_some(), &[Timestamps, Interarrivals, Counts, JsonLines]),
            ("unit", self.unit.is_some(), &[Timestamps, Interarrivals, Counts, Azure2021, JsonLines]),
            ("bin", self.bin.is_some(), &[Counts, Azure2019]),
            ("row", self.row.is_some(), &[Azure2019]),
            ("function", self.function.is_some(), &[Timestamps, JsonLines, Azure2019, Azure2021, Counts]),
            ("app", self.app.is_some(), &[Timestamps, JsonLines, Azure2021]),
            ("where", self.filter.is_some(), LINES),
            ("size_column", self.size_column.is_some(), LINES),
            ("class_column", self.class_column.is_some(), LINES),
            ("sort", self.order == Order::Whole, LINES),
            (
                "stamps",
                self.stamps == StampMode::Exact,
                &[Timestamps, JsonLines, AccessLog, Alb, W3c, Azure2021, Binary],
            ),
        ];
        let misfit = |format: TraceFormat| {
            let (field, ..) = uses.iter().find(|(_, set, formats)| *set && !formats.contains(&format))?;
            let why = match *field {
                "size_column" | "class_column" => ", whose records have no time and fields of their own",
                _ => "",
            };
            Some((*field, format!("`{field}` does not apply to the format {}{why}", format.name())))
        };
        if self.repeat == 0 {
            Some(("repeat", "`repeat` must be 1 or more".into()))
        } else if self.until.is_some_and(|until| until <= self.from) {
            Some(("until", "`until` must be later than `from`".into()))
        } else if self.bin == Some(Span::ZERO) {
            Some(("bin", "`bin` must be longer than 0".into()))
        } else if self.row.is_some() && self.function.is_some() {
            Some(("function", "`row` and `function` say the same: leave out one".into()))
        } else {
            format.and_then(misfit)
        }
    }

    /// How errors call the trace.
    pub(super) fn name(&self) -> String {
        match &self.paths[..] {
            [] => "the trace".into(),
            [path] => source::name_of(path),
            [path, rest @ ..] => format!("{} and {} more", source::name_of(path), rest.len()),
        }
    }
}

/// The extension, that of compression left out.
pub(super) fn stem_extension(path: &Path) -> Option<&str> {
    let extension = path.extension()?.to_str()?;
    match extension {
        "gz" | "zst" => Path::new(path.file_stem()?).extension()?.to_str(),
        _ => Some(extension),
    }
}
