//! The fields of a trace in `[workload]`.

use std::path::PathBuf;

use crate::arrivals::trace::Filter;
use crate::arrivals::trace::Order;
use crate::arrivals::trace::SizeColumn;
use crate::arrivals::trace::{StampMode, TraceFormat, TraceSpec, Unit};
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::units::Span;

impl TraceSpec {
    /// Reads the fields of a trace; the section may have others. Errors point at the field.
    pub fn from_section(section: &Section) -> Result<TraceSpec, InputError> {
        let file = section.required("file")?;
        let path =
            |value: &Value<'_>| Ok(if value.str()? == "-" { PathBuf::from("-") } else { value.file()? });
        let paths = match file.is_list() {
            true => file.list()?.iter().map(path).collect::<Result<Vec<_>, InputError>>()?,
            false => vec![path(&file)?],
        };
        if paths.is_empty() {
            return Err(file.error("names no file"));
        }
        let text = |name| section.optional(name).map(|v| v.str().map(str::to_owned)).transpose();
        let span = |name| section.optional(name).map(|v| v.span()).transpose();
        let filter = |v: Value<'_>| Filter::parse(v.str()?).map_err(|reason| v.error(reason));
        let stamps = section.optional("stamps").map(|v| v.choice(StampMode::ALL)).transpose()?;
        let sort = section.optional("sort").map_or(Ok(false), |v| v.bool())?;
        let spec = TraceSpec {
            format: section.optional("format").map(|v| v.choice(TraceFormat::ALL)).transpose()?,
            column: text("column")?,
            unit: section.optional("unit").map(|v| v.choice(Unit::ALL)).transpose()?,
            bin: span("bin")?,
            row: text("row")?,
            function: text("function")?,
            app: text("app")?,
            filter: section.optional("where").map(filter).transpose()?,
            size_column: text("size_column")?.as_deref().map(SizeColumn::new),
            stamps: stamps.unwrap_or_default(),
            order: if sort { Order::Whole } else { Order::Window },
            from: span("from")?.unwrap_or(Span::ZERO),
            until: span("until")?,
            repeat: section.optional("repeat").map(|v| v.integer()).transpose()?.unwrap_or(1),
            ..TraceSpec::of(paths)
        };
        if let Some((field, message)) = spec.fault(spec.format) {
            let place = section.optional(field).expect("a fault is in a field that is set");
            return Err(place.error(message));
        }
        Ok(spec)
    }
}
