//! Service times of a model by memory size and batch size: the table, its interpolation and its file.

pub mod device;
pub mod file;
pub mod import;
pub mod instance;
pub mod quantiles;
pub mod surface;

use std::path::Path;

use self::quantiles::{Quantiles, Shape};
use crate::document::{Document, Section, Value};
use crate::error::InputError;
use crate::units::{MemoryMb, Span};

/// What is known of a model on a platform's functions.
///
/// `service_s[row][column]` is the mean time to serve a batch of `batch[column]` requests at
/// `memory_mb[row]`, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The model's name.
    pub model: String,
    /// Where the figures come from, and when.
    pub source: String,
    /// Memory sizes \[MB\], strictly ascending.
    pub memory_mb: Vec<u32>,
    /// Batch sizes, strictly ascending.
    pub batch: Vec<u32>,
    /// Mean service times \[s\], one row a memory size, one column a batch size.
    pub service_s: Vec<Vec<f64>>,
    /// Coefficient of variation of a batch's service time (lognormal); 0 for a fixed time. With quantiles, theirs.
    pub service_cv: f64,
    /// Quantiles of the service times, in place of a lognormal law of `service_cv`.
    pub service_quantiles: Option<Quantiles>,
    /// Time to load the model \[s\], one a memory size.
    pub init_s: Vec<f64>,
    /// Size of the deployed image \[MB\].
    pub image_mb: Option<f64>,
}

/// The largest batch that a profile may cover: tables by batch size are kept whole in memory.
pub const LARGEST_BATCH: u32 = 1024;

/// The largest coefficient of variation: beyond it, a mean of service times says nothing.
pub const LARGEST_CV: f64 = 100.0;

/// The service times at one memory size.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTimes {
    /// The memory size.
    pub memory: MemoryMb,
    /// Mean service time of a batch of `n` at `mean[n - 1]`.
    pub mean: Vec<Span>,
    /// Coefficient of variation.
    pub cv: f64,
    /// How they vary where quantiles are known; else they are lognormal.
    pub shape: Option<Shape>,
    /// Time to load the model in a new environment.
    pub init: Span,
}

/// A memory or batch size outside the table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what} {asked} is outside the profile of {model}, which covers {least} to {most}")]
pub struct OutOfRange {
    what: &'static str,
    asked: u32,
    model: String,
    least: u32,
    most: u32,
}

impl OutOfRange {
    /// How to mend it.
    pub fn mend(&self) -> String {
        let Self { what, least, most, .. } = self;
        match least == most {
            true => format!("take {what} {least}, or measure {} too", self.asked),
            false => format!("take a {what} from {least} to {most}, or measure {} too", self.asked),
        }
    }
}

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
        let service_s = table.rows()?;
        if service_s.len() != memory_mb.len() || service_s[0].len() != batch.len() {
            let (rows, columns) = (service_s.len(), service_s[0].len());
            let wanted = format!("{} rows (memory_mb) of {} columns (batch)", memory_mb.len(), batch.len());
            return Err(table
                .error(format!("is {rows} rows of {columns} columns"))
                .help(format!("expected {wanted}")));
        }
        if let Some(bad) = service_s.iter().flatten().find(|s| **s <= 0.0 || **s > 1e6) {
            return Err(
                table.error(format!("service times must be above 0 s and at most 1e6 s, one is {bad}"))
            );
        }
        let init_s = match section.optional("init_s") {
            Some(value) => init_by_memory(&value, memory_mb.len())?,
            None => vec![0.0; memory_mb.len()],
        };
        let (service_cv, service_quantiles) = spread(section, memory_mb.len() * batch.len())?;
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
            image_mb,
        };
        Ok(table)
    }

    /// Does a batch take longer at one time than at another?
    pub fn is_random(&self) -> bool {
        self.service_cv > 0.0 || self.service_quantiles.is_some()
    }

    /// Mean service time \[s\] of a batch of `n` at `memory`: bilinear between the table's points, so it is
    /// monotone wherever the table is and never leaves its range.
    pub fn service_s(&self, memory: MemoryMb, n: u32) -> Result<f64, OutOfRange> {
        let (row, down) = self.place("memory", &self.memory_mb, memory.0)?;
        let (column, right) = self.place("batch size", &self.batch, n)?;
        let along = |row: usize| {
            let cells = &self.service_s[row];
            blend(cells[column], cells[(column + 1).min(cells.len() - 1)], right)
        };
        Ok(blend(along(row), along((row + 1).min(self.service_s.len() - 1)), down))
    }

    /// The service times of batches of 1 to `largest` at `memory`.
    pub fn at(&self, memory: MemoryMb, largest: u32) -> Result<ServiceTimes, OutOfRange> {
        let (row, down) = self.place("memory", &self.memory_mb, memory.0)?;
        let init = blend(self.init_s[row], self.init_s[(row + 1).min(self.init_s.len() - 1)], down);
        let span = |seconds| Span::from_secs_f64(seconds).expect("bounded when read");
        let mean = (1..=largest).map(|n| self.service_s(memory, n).map(span)).collect::<Result<_, _>>()?;
        let shape = self.shape(row, down, largest);
        Ok(ServiceTimes { memory, mean, cv: self.service_cv, shape, init: span(init) })
    }

    /// The quantiles over the mean for batches of 1 to `largest`, `down` of the way from a memory size to the next.
    fn shape(&self, row: usize, down: f64, largest: u32) -> Option<Shape> {
        let quantiles = self.service_quantiles.as_ref()?;
        let columns = self.batch.len();
        let next = (row + 1).min(self.memory_mb.len() - 1);
        let cell = |row: usize, column: usize| quantiles.relative(row * columns + column);
        let between = |from: Vec<f64>, to: Vec<f64>, share: f64| -> Vec<f64> {
            from.iter().zip(&to).map(|(from, to)| blend(*from, *to, share)).collect()
        };
        let factors = (1..=largest).map(|n| {
            let (column, right) = self.place("batch size", &self.batch, n).ok()?;
            let beyond = (column + 1).min(columns - 1);
            let along = |row: usize| between(cell(row, column), cell(row, beyond), right);
            Some(between(along(row), along(next), down))
        });
        Some(Shape { shares: quantiles.shares.clone(), factors: factors.collect::<Option<_>>()? })
    }

    /// The point at or below `asked`, and how far it is to the next, in [0, 1).
    fn place(&self, what: &'static str, points: &[u32], asked: u32) -> Result<(usize, f64), OutOfRange> {
        let (least, most) = (points[0], points[points.len() - 1]);
        if asked < least || asked > most {
            return Err(OutOfRange { what, asked, model: self.model.clone(), least, most });
        }
        let at = points.partition_point(|p| *p <= asked) - 1;
        match points.get(at + 1) {
            Some(next) => Ok((at, f64::from(asked - points[at]) / f64::from(next - points[at]))),
            None => Ok((at, 0.0)),
        }
    }
}

impl ServiceTimes {
    /// Does a batch take longer at one time than at another?
    pub fn is_random(&self) -> bool {
        self.cv > 0.0 || self.shape.is_some()
    }

    /// The mean service time of a batch of `n`. Panics if the table was cut below `n`.
    #[inline]
    pub fn of(&self, n: u32) -> Span {
        self.mean[n as usize - 1]
    }
}

fn blend(from: f64, to: f64, share: f64) -> f64 {
    if share == 0.0 { from } else { from + (to - from) * share }
}

fn ascending(value: &Value<'_>) -> Result<Vec<u32>, InputError> {
    let list = value.list()?.iter().map(Value::integer::<u32>).collect::<Result<Vec<_>, _>>()?;
    let rising = list.windows(2).all(|w| w[0] < w[1]);
    match list.first() {
        Some(first) if *first > 0 && rising => Ok(list),
        _ => Err(value.error("expected whole numbers above 0 in ascending order, at least one")),
    }
}

fn batch_sizes(value: &Value<'_>) -> Result<Vec<u32>, InputError> {
    let sizes = ascending(value)?;
    match sizes.last() {
        Some(largest) if *largest > LARGEST_BATCH => {
            Err(value.error(format!("batches are of at most {LARGEST_BATCH} requests, one is {largest}")))
        }
        _ => Ok(sizes),
    }
}

fn variation(value: &Value<'_>) -> Result<f64, InputError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "model = \"m\"\nmemory_mb = [1000, 3000]\nbatch = [1, 2, 5]\n\
        service_s = [[2.0, 3.0, 6.0], [1.0, 2.0, 4.0]]\ninit_s = [4.0, 2.0]\n";

    fn read(text: &str) -> Result<Profile, InputError> {
        Profile::from_section(&Document::parse("p.toml", text).unwrap().root())
    }

    #[test]
    fn interpolates_between_points_and_never_beyond() {
        let profile = read(TEXT).unwrap();
        let at = |memory, n| profile.service_s(MemoryMb(memory), n);
        assert_eq!(at(1000, 2), Ok(3.0));
        assert_eq!(at(3000, 5), Ok(4.0));
        assert!((at(2000, 3).unwrap() - 10.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            at(3001, 1).unwrap_err().to_string(),
            "memory 3001 is outside the profile of m, which covers 1000 to 3000"
        );
        let mend = at(1000, 6).unwrap_err().mend();
        assert_eq!(mend, "take a batch size from 1 to 5, or measure 6 too");
        let service = profile.at(MemoryMb(2000), 5).unwrap();
        assert_eq!((service.init, service.of(1)), (Span::from_secs(3), Span::from_millis(1500)));
    }

    #[test]
    fn a_table_of_the_wrong_shape_is_refused_with_the_right_one() {
        let error = read(&TEXT.replace("[1.0, 2.0, 4.0]", "[1.0, 2.0, 4.0], [1.0, 1.0, 1.0]")).unwrap_err();
        assert!(error.to_string().contains("expected 2 rows (memory_mb) of 3 columns (batch)"), "{error}");
        assert!(read(&TEXT.replace("[1, 2, 5]", "[1, 5, 2]")).is_err());
        assert!(read(&TEXT.replace("6.0", "-6.0")).is_err());
        let error = read(&TEXT.replace("[1, 2, 5]", "[1, 2, 4000000000]")).unwrap_err().to_string();
        assert!(error.contains("at most 1024 requests, one is 4000000000"), "{error}");
    }
}
