//! Writing a profile as TOML, with how its figures came about.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::Profile;
use super::beside::{Beside, InitIn, InitSpread};
use super::quantiles::Quantiles;
use crate::error::InputError;

/// Where a cell's service time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was measured so.
    Measured,
    /// A measured CPU time, scaled to the memory size's CPU share.
    Scaled,
    /// Taken from a surface fitted to the other cells.
    Fitted,
}

/// The origin of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// How the figure was found.
    pub how: How,
    /// 1, or the batch size where running its items one after the other is faster than as one batch.
    pub calls: u32,
}

/// How a profile's figures came about: the file's `[measurement]`, for people and for `sim profile`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measurement {
    /// Facts by name, in the order of the file: machine, runtime, date and the like.
    pub facts: Vec<(&'static str, Fact)>,
    /// Origins of the cells of `service_s`.
    pub cells: Vec<Vec<Origin>>,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// One fact of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A text.
    Text(String),
    /// A whole number.
    Count(u64),
    /// Numbers, one a batch size where the name says nothing else.
    Numbers(Vec<f64>),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = match self.how {
            How::Measured => "measured",
            How::Scaled => "scaled",
            How::Fitted => "fitted",
        };
        match self.calls {
            1 => f.write_str(how),
            n => write!(f, "{how}, as {n} single items"),
        }
    }
}

/// Writes `profile` and its measurement to `path`: to a temporary file first, which then takes the name.
pub fn write(profile: &Profile, measurement: &Measurement, path: &Path) -> Result<(), InputError> {
    let error = |e: std::io::Error| InputError::io(path, &e);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(error)?;
    let mut file = tempfile::Builder::new().prefix(".profile").tempfile_in(folder).map_err(error)?;
    file.write_all(text(profile, measurement).as_bytes()).map_err(error)?;
    readable(file.as_file()).map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    Ok(())
}

/// Temporary files are made for their owner only; a profile is to be read like any other file.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// The file's text.
pub fn text(profile: &Profile, measurement: &Measurement) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name} = {value}");
    };
    line("model", quoted(&profile.model));
    line("source", quoted(&profile.source));
    line("memory_mb", format!("{:?}", profile.memory_mb));
    line("batch", format!("{:?}", profile.batch));
    let rows = profile.service_s.iter().map(|row| numbers(row));
    line("service_s", table(rows, &profile.memory_mb));
    match &profile.service_quantiles {
        None => line("service_cv", number(profile.service_cv)),
        Some(quantiles) => line("service_quantiles", quantiles_of(profile, quantiles)),
    }
    line("init_s", numbers(&profile.init_s));
    beside(&profile.beside, &mut line);
    if let Some(image) = profile.image_mb {
        line("image_mb", number(image));
    }
    line(
        "\n[measurement]\ncells",
        table(measurement.cells.iter().map(|row| origins(row)), &profile.memory_mb),
    );
    for (name, fact) in &measurement.facts {
        let value = match fact {
            Fact::Text(text) => quoted(text),
            Fact::Count(count) => count.to_string(),
            Fact::Numbers(list) => numbers(list),
        };
        line(name, value);
    }
    let notes: String = measurement.notes.iter().map(|n| format!("\n  {},", quoted(n))).collect();
    line("notes", if notes.is_empty() { "[]".into() } else { format!("[{notes}\n]") });
    out
}

/// What differs from nothing beside the service.
fn beside(beside: &Beside, line: &mut impl FnMut(&str, String)) {
    match &beside.init {
        InitSpread::Fixed => {}
        InitSpread::Lognormal(cv) => line("init_cv", number(*cv)),
        InitSpread::Quantiles(shape) => {
            let shares: Vec<String> = shape.shares.iter().map(f64::to_string).collect();
            let factors = numbers(&shape.factors[0]);
            line("init_quantiles", format!("{{ shares = [{}], factor = {factors} }}", shares.join(", ")));
        }
    }
    if beside.init_in == InitIn::Handler {
        line("init_in", quoted("handler"));
    }
    let times = [
        ("first_call_s", beside.first_call_s),
        ("overhead_s", beside.overhead_s),
        ("overhead_cv", beside.overhead_cv),
    ];
    times.iter().filter(|(_, value)| *value > 0.0).for_each(|(name, value)| line(name, number(*value)));
}

/// The text of an instance's file: the first row of `profile`, which has no memory sizes, served by one worker.
pub fn instance_text(profile: &Profile) -> String {
    let batch = format!("{:?}", profile.batch);
    let times = numbers(&profile.service_s[0]);
    let (model, source, cv) = (quoted(&profile.model), quoted(&profile.source), number(profile.service_cv));
    format!(
        "model = {model}\nsource = {source}\nworkers = 1\nbatch = {batch}\nservice_s = {times}\nservice_cv = {cv}\n"
    )
}

/// Rows one a line, with the memory size each belongs to.
fn table(rows: impl Iterator<Item = String>, memory_mb: &[u32]) -> String {
    let mut text = String::from("[");
    for (row, memory) in rows.zip(memory_mb) {
        let _ = write!(text, "\n  {row}, # {memory} MB");
    }
    text + "\n]"
}

/// An inline table; its lines break within its lists, where TOML allows it.
fn quantiles_of(profile: &Profile, quantiles: &Quantiles) -> String {
    let shares: Vec<String> = quantiles.shares.iter().map(f64::to_string).collect();
    let mut text = format!("{{ shares = [{}], service_s = [", shares.join(", "));
    let cells = profile.memory_mb.iter().flat_map(|m| profile.batch.iter().map(move |k| (m, k)));
    for ((memory, batch), row) in cells.zip(&quantiles.rows) {
        let _ = write!(text, "\n  {}, # {memory} MB, batch {batch}", numbers(row));
    }
    text + "\n] }"
}

fn origins(row: &[Origin]) -> String {
    let names: Vec<String> = row.iter().map(|origin| quoted(&origin.to_string())).collect();
    format!("[{}]", names.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn numbers(list: &[f64]) -> String {
    let list: Vec<String> = list.iter().map(|x| number(*x)).collect();
    format!("[{}]", list.join(", "))
}

/// Five significant digits: more than any measurement of a time holds.
fn number(value: f64) -> String {
    let rounded: f64 = format!("{value:.4e}").parse().expect("a formatted number");
    format!("{rounded:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let profile = Profile {
            model: "a \"quoted\" name".into(),
            source: "here\nand there".into(),
            memory_mb: vec![512, 1769],
            batch: vec![1, 4],
            service_s: vec![vec![0.012_345, 0.04], vec![3.6e-3, 0.0115]],
            service_cv: 0.031,
            service_quantiles: None,
            init_s: vec![1.5, 0.75],
            beside: Beside::default(),
            mb_per_vcpu: None,
            by_size: None,
            image_mb: Some(2.5),
        };
        let cell = |how, calls| Origin { how, calls };
        let measurement = Measurement {
            facts: vec![("machine", Fact::Text("x".into())), ("peak_mb", Fact::Numbers(vec![30.0, 41.5]))],
            cells: vec![vec![cell(How::Scaled, 1), cell(How::Scaled, 4)], vec![cell(How::Measured, 1); 2]],
            notes: vec!["one".into()],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/p.toml");
        write(&profile, &measurement, &path).unwrap();
        assert_eq!(Profile::read(&path).unwrap(), profile);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("[\"scaled\", \"scaled, as 4 single items\"], # 512 MB"), "{text}");
    }
}
