//! What `sim diff` shows: how two runs, two plans or two sweeps differ; as JSON, and with the feature `charts` as tables.

#[cfg(feature = "charts")]
mod page;
mod run;
mod sweep;

use std::path::{Path, PathBuf};

use serde_json::Value;

use self::run::RunDiff;
use self::sweep::SweepDiff;
use super::json::pretty;
use crate::bounded::read_bounded;
use crate::error::InputError;
use crate::sweep::row::Row;
use crate::sweep::table;

/// The largest JSON \[bytes\]: a value takes up to sixteen times as much memory as its text.
const LARGEST_JSON: u64 = 32 << 20;

/// How two results differ, B against A.
#[derive(Debug)]
pub enum Diff {
    /// Two runs, or the answers of two plans.
    Run(RunDiff),
    /// Two sweeps.
    Sweep(SweepDiff),
}

impl Diff {
    /// For scripts.
    pub fn json(&self) -> String {
        match self {
            Diff::Run(diff) => pretty(diff),
            Diff::Sweep(diff) => pretty(diff),
        }
    }
}

/// Compares two results, each given by its folder or its file. Of folders that hold several kinds, the runs are
/// compared, else the plans.
///
/// # Errors
/// If there is no result, or the two are of different kinds.
pub fn diff(a: &Path, b: &Path) -> Result<Diff, InputError> {
    let (in_a, in_b) = (kinds(a)?, kinds(b)?);
    let Some((kind, _)) = in_a.iter().find(|(kind, _)| in_b.iter().any(|(other, _)| other == kind)) else {
        let (first, second) = (in_a[0].0.name(), in_b[0].0.name());
        return Err(InputError::new(
            b.display().to_string(),
            format!("is a {second}, {} a {first}", a.display()),
        )
        .help("compare two runs, two plans or two sweeps"));
    };
    let path = |found: &[(Kind, PathBuf)]| {
        found.iter().find(|(other, _)| other == kind).map(|(_, path)| path.clone()).expect("in both")
    };
    let (a, b) = (path(&in_a), path(&in_b));
    Ok(match kind {
        Kind::Run => Diff::Run(RunDiff::new((&a, &read_run(&a)?), (&b, &read_run(&b)?))),
        Kind::Plan => Diff::Run(RunDiff::of_plans((&a, &read_plan(&a)?), (&b, &read_plan(&b)?))),
        Kind::Sweep => Diff::Sweep(SweepDiff::new((&a, &read_sweep(&a)?), (&b, &read_sweep(&b)?))),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Run,
    Plan,
    Sweep,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Plan => "plan",
            Kind::Sweep => "sweep",
        }
    }
}

/// The results at a path, at least one.
fn kinds(path: &Path) -> Result<Vec<(Kind, PathBuf)>, InputError> {
    let help = "give the folder of a run, a plan or a sweep, such as output/twitter, or its summary.json, plan.json or \
                sweep.csv";
    let data = std::fs::metadata(path).map_err(|e| InputError::io(path, &e).help(help))?;
    if !data.is_dir() {
        let is_table = path.extension().is_some_and(|extension| extension == "csv");
        let kind = match is_table {
            true => Kind::Sweep,
            false if is_plan(&read_json(path)?) => Kind::Plan,
            false => Kind::Run,
        };
        return Ok(vec![(kind, path.to_owned())]);
    }
    let files = [(Kind::Run, "summary.json"), (Kind::Plan, "plan.json"), (Kind::Sweep, "sweep.csv")];
    let files = files.map(|(kind, name)| (kind, path.join(name)));
    let found: Vec<_> = files.into_iter().filter(|(_, file)| file.is_file()).collect();
    match found.is_empty() {
        true => {
            let message = "holds neither the summary.json of a run, the plan.json of a plan nor the sweep.csv of a sweep";
            Err(InputError::new(path.display().to_string(), message).help(help))
        }
        false => Ok(found),
    }
}

fn is_plan(json: &Value) -> bool {
    json.get("feasible").is_some_and(Value::is_boolean) && json.get("alternatives").is_some()
}

fn read_plan(path: &Path) -> Result<Value, InputError> {
    let plan = read_json(path)?;
    let answer =
        ["recommended", "nearest_miss"].iter().find_map(|name| plan.get(name).filter(|v| !v.is_null()));
    match answer.filter(|_| is_plan(&plan)) {
        Some(_) => Ok(plan),
        None => Err(InputError::new(path.display().to_string(), "is not the plan.json of a plan")
            .help("`sim plan S.toml` writes one; a plan of classes has groups, which are not compared")),
    }
}

fn read_run(path: &Path) -> Result<Value, InputError> {
    let run = read_json(path)?;
    match run.pointer("/simulated/latency_s/p95") {
        Some(_) => Ok(run),
        None => Err(InputError::new(path.display().to_string(), "is not the summary.json of a run")
            .help("`sim run S.toml` writes one; comparisons and fleets have other files")),
    }
}

/// Reads a JSON file.
///
/// # Errors
/// If it cannot be read or is no JSON.
pub(super) fn read_json(path: &Path) -> Result<Value, InputError> {
    let bytes = read_bounded(path, LARGEST_JSON)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| InputError::new(path.display().to_string(), "is not UTF-8 text"))?;
    serde_json::from_str(&text).map_err(|e| {
        let line = text.lines().nth(e.line().saturating_sub(1)).unwrap_or("");
        InputError::at_line(path.display().to_string(), e.line().max(1), line, format!("is no JSON: {e}"))
    })
}

/// Reads a sweep.csv.
///
/// # Errors
/// If it cannot be read or is not a sweep's.
pub(super) fn read_sweep(path: &Path) -> Result<Vec<Row>, InputError> {
    let file = std::fs::File::open(path).map_err(|e| InputError::io(path, &e))?;
    table::read_whole(&path.display().to_string(), file)
}

/// The cheapest configuration that meets the SLO; the first of equals.
pub(super) fn cheapest(rows: &[Row]) -> Option<&Row> {
    let meeting = rows.iter().filter(|row| row.meets_slo == Some(true));
    meeting.min_by(|a, b| a.figures().usd_per_million.total_cmp(&b.figures().usd_per_million))
}

/// b / a - 1, where there is an a.
fn relative(a: f64, b: f64) -> Option<f64> {
    (a != 0.0).then(|| b / a - 1.0)
}
