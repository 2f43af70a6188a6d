//! `[profile]` and the files of profiles: service times by memory and batch size.

use std::path::Path;

use crate::document::{Document, Section, Value};
use crate::error::InputError;
use crate::profile::beside::{Beside, InitIn};
use crate::profile::quantiles::Quantiles;
use crate::profile::sizes::BySize;
use crate::profile::{LARGEST_BATCH, LARGEST_CV, Profile};

/// The longest time that a profile may give [s].
const LONGEST: f64 = 1e6;

impl Profile {
    /// Reads a profile file.
    pub fn read(path: &Path) -> Result<Profile, InputError> {
        Profile::from_document(&Document::read(path)?)
    }

    /// Reads a profile from a document.
    pub fn from_document(document: &Document) -> Result<Profile, InputError> {
        let root = document.root();
        let profile = Profile::from_section(&root)?;
        root.finish()?;
        Ok(profile)
    }

    /// Reads the profile's fields from a section, whose `finish` is left to the caller.
    pub fn from_section(section: &Section<'_>) -> Result<Profile, InputError> {
        let text = |name| section.optional(name).map(|v| v.str().map(str::to_owned)).transpose();
        let memory_mb = ascending(&section.required("memory_mb")?)?;
        let batch = batch_sizes(&section.required("batch")?)?;
        let table = section.required("service_s")?;
        let by_size = by_size(section, &table, &batch)?;
        let service_s = match &by_size {
            // Of the largest size.
            Some(by_size) => {
                by_size.service_s.iter().map(|row| row.iter().map(|c| c[c.len() - 1]).collect()).collect()
            }
            None => table.rows()?,
        };
        if service_s.len() != memory_mb.len() || service_s[0].len() != batch.len() {
            let (rows, columns) = (service_s.len(), service_s[0].len());
            let wanted = format!("{} rows (memory_mb) of {} columns (batch)", memory_mb.len(), batch.len());
            return Err(table
                .error(format!("is {rows} rows of {columns} columns"))
                .help(format!("expected {wanted}")));
        }
        let cells = by_size.iter().flat_map(|table| table.service_s.iter().flatten().flatten());
        if let Some(bad) = service_s.iter().flatten().chain(cells).find(|s| **s <= 0.0 || **s > 1e6) {
            return Err(
                table.error(format!("service times must be above 0 s and at most 1e6 s, one is {bad}"))
            );
        }
        let init_s = match section.optional("init_s") {
            Some(value) => init_by_memory(&value, memory_mb.len())?,
            None => vec![0.0; memory_mb.len()],
        };
        let mut beside = Beside::read(section, init_s.iter().any(|init| *init > 0.0))?;
        let is_one = section.optional("init_s").is_some_and(|value| !value.is_list());
        beside.init_at_one_vcpu = is_one && beside.init_in == InitIn::Handler;
        let (service_cv, service_quantiles) = spread(section, memory_mb.len() * batch.len())?;
        if let (Some(_), Some(value)) = (&by_size, section.optional("service_quantiles")) {
            let message = "is by memory and batch only, and `service_s` by size too";
            return Err(value.error(message).help("give `service_cv` in its place"));
        }
        let image_mb = section.optional("image_mb").map(|v| v.positive()).transpose()?;
        // How the figures were measured: for people and for `sim profile`, not needed to use them.
        let _ = section.optional("measurement");
        let (model, source) = (text("model")?.unwrap_or("model".into()), text("source")?.unwrap_or_default());
        let table = Profile {
            model,
            source,
            memory_mb,
            batch,
            service_s,
            service_cv,
            service_quantiles,
            init_s,
            beside,
            mb_per_vcpu: None,
            by_size,
            image_mb,
        };
        Ok(table)
    }
}

/// The table of a profile whose times depend on the size of a batch's largest request.
fn by_size(section: &Section<'_>, table: &Value<'_>, batch: &[u32]) -> Result<Option<BySize>, InputError> {
    let Some(sizes) = section.optional("size") else { return Ok(None) };
    let size = sizes.numbers()?;
    if size.is_empty() || size[0] <= 0.0 || size.windows(2).any(|w| w[0] >= w[1]) {
        return Err(sizes.error("expected sizes above 0 in ascending order, at least one"));
    }
    let rows = table.list()?.iter().map(Value::rows).collect::<Result<Vec<_>, _>>().map_err(|e| {
        e.help("with `size`, service_s has for each memory size a row a batch size, and in it a time a size")
    })?;
    if rows.iter().any(|row| row.len() != batch.len() || row.iter().any(|cells| cells.len() != size.len())) {
        let wanted = format!("{} rows (batch) of {} columns (size)", batch.len(), size.len());
        return Err(table
            .error("has a table of another shape")
            .help(format!("expected for each memory size {wanted}")));
    }
    Ok(Some(BySize { size, service_s: rows }))
}

fn ascending(value: &Value<'_>) -> Result<Vec<u32>, InputError> {
    let list = value.list()?.iter().map(Value::integer::<u32>).collect::<Result<Vec<_>, _>>()?;
    let rising = list.windows(2).all(|w| w[0] < w[1]);
    match list.first() {
        Some(first) if *first > 0 && rising => Ok(list),
        _ => Err(value.error("expected whole numbers above 0 in ascending order, at least one")),
    }
}

pub(super) fn batch_sizes(value: &Value<'_>) -> Result<Vec<u32>, InputError> {
    let sizes = ascending(value)?;
    match sizes.last() {
        Some(largest) if *largest > LARGEST_BATCH => {
            Err(value.error(format!("batches are of at most {LARGEST_BATCH} requests, one is {largest}")))
        }
        _ => Ok(sizes),
    }
}

pub(super) fn variation(value: &Value<'_>) -> Result<f64, InputError> {
    match value.nonnegative()? {
        cv if cv <= LARGEST_CV => Ok(cv),
        cv => Err(value.error(format!("is a coefficient of variation of at most {LARGEST_CV}, not {cv}"))),
    }
}

/// `service_cv` or, in its place, `service_quantiles`.
fn spread(section: &Section<'_>, cells: usize) -> Result<(f64, Option<Quantiles>), InputError> {
    let cv = section.optional("service_cv").map(|v| variation(&v)).transpose()?;
    let Some(value) = section.optional("service_quantiles") else { return Ok((cv.unwrap_or(0.0), None)) };
    if cv.is_some() {
        return Err(value
            .error("says how service times vary, as `service_cv` does")
            .help("leave one of them out"));
    }
    let quantiles = Quantiles::read(&value, cells)?;
    Ok((quantiles.cv(), Some(quantiles)))
}

fn init_by_memory(value: &Value<'_>, sizes: usize) -> Result<Vec<f64>, InputError> {
    let init = if value.is_list() { value.numbers()? } else { vec![value.f64()?; sizes] };
    if init.len() != sizes {
        return Err(value.error(format!("has {} entries for {sizes} memory sizes", init.len())));
    }
    match init.iter().find(|s| !(0.0..=1e6).contains(*s)) {
        Some(bad) => Err(value.error(format!("must be 0 to 1e6 seconds, one is {bad}"))),
        None => Ok(init),
    }
}

impl Quantiles {
    /// Reads `{ shares = [..], service_s = [[..], ..] }` for a table of so many cells.
    fn read(value: &Value<'_>, cells: usize) -> Result<Quantiles, InputError> {
        let section = value.section()?;
        let shares = shares(&section.required("shares")?)?;
        let table = section.required("service_s")?;
        let rows = table.rows()?;
        section.finish()?;
        if rows.len() != cells || rows[0].len() != shares.len() {
            let message = format!("is {} rows of {} columns", rows.len(), rows[0].len());
            let wanted = format!(
                "expected {cells} rows (all batch sizes of the first memory size, then of the next) of {} columns (shares)",
                shares.len()
            );
            return Err(table.error(message).help(wanted));
        }
        if let Some(row) = rows.iter().find(|row| row.windows(2).any(|w| w[0] > w[1])) {
            return Err(table.error(format!("quantiles must not fall along a row, these do: {row:?}")));
        }
        match rows.iter().flatten().find(|s| **s <= 0.0 || **s > LONGEST) {
            Some(bad) => Err(table.error(format!("quantiles are above 0 s and at most 1e6 s, one is {bad}"))),
            None => Ok(Quantiles { shares, rows }),
        }
    }
}

/// The columns of a table of quantiles.
pub(super) fn shares(value: &Value<'_>) -> Result<Vec<f64>, InputError> {
    let shares = value.numbers()?;
    let rising = shares.windows(2).all(|w| w[0] < w[1]);
    if !rising || shares.len() < 2 || shares[0] != 0.0 || shares[shares.len() - 1] != 1.0 {
        return Err(value.error("expected ascending shares from 0 to 1, as in [0, 0.5, 0.9, 0.99, 1]"));
    }
    Ok(shares)
}
