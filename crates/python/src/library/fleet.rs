//! `plan_many`: every function of a trace of many, as `sim fleet`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use batchsim::arrivals::memory::Held;
use batchsim::arrivals::stop::Stop;
use batchsim::arrivals::trace::{FunctionLayout, Functions, FunctionsSpec, HeldFunctions, StampMode, Unit};
use batchsim::error::InputError;
use batchsim::fleet_plan::merge::merge as merge_parts;
use batchsim::fleet_plan::profiles;
use batchsim::fleet_plan::row::{Row, sort};
use batchsim::fleet_plan::run::{Listener, run as plan_all};
use batchsim::fleet_plan::table::{self, About, Part};
use batchsim::report::fleet::FleetReport;
use batchsim::sweep::shard::Shard;
use batchsim::sweep::sum::Sum;
use batchsim::units::{Span, Time};
use pyo3::FromPyObject;

use super::{Options, Outcome, Shown, one_of};
use crate::calls::Seen;

/// How a file of many functions is read: as the options of `sim fleet`.
#[derive(FromPyObject)]
pub struct Reading {
    layout: Option<String>,
    function: Option<String>,
    time: Option<String>,
    count: Option<String>,
    unit: Option<String>,
    bin: Option<String>,
    stamps: String,
}

/// Where the functions are.
pub enum Traces {
    Files(Vec<PathBuf>, Reading),
    /// By name, with their calls \[ns\] and how long they were watched \[s\].
    Held(Vec<(String, Vec<i64>)>, Option<f64>),
}

/// The template and the profiles of functions.
pub struct Template {
    pub options: Options,
    pub profiles: Option<PathBuf>,
    pub durations: Option<PathBuf>,
}

/// Keeps the rows of a fleet.
struct Rows<'a> {
    seen: &'a Seen,
    stop: Stop,
    rows: Mutex<Vec<Row>>,
}

impl Listener for Rows<'_> {
    fn ready(&self, row: Row) -> Result<(), InputError> {
        self.stop.check()?;
        self.seen.add(1);
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        Ok(())
    }
}

/// All functions, or the text of a shard.
pub fn plan_many(
    template: Template,
    traces: Traces,
    shard: Option<String>,
    seen: &Seen,
) -> Result<(Option<Outcome>, String), InputError> {
    let stop = template.options.stop.clone();
    let nothing: Arc<dyn Held> = Arc::new(Vec::<Time>::new());
    let scenario = Options { arrivals: Some(nothing), ..template.options }.scenario()?;
    let planned = profiles::Template::new(scenario)?;
    let planned = match (&template.profiles, &template.durations) {
        (Some(_), Some(_)) => {
            return Err(
                InputError::new("plan_many", "takes profiles or durations, not both").help("leave one out")
            );
        }
        (Some(path), _) => planned.with_profiles(path)?,
        (None, Some(path)) => planned.with_durations(path)?,
        (None, None) => planned,
    };
    let (mut functions, spec, contents) = opened(traces, &planned)?;
    let parsed = shard.as_deref().map(str::parse::<Shard>).transpose();
    let wanted = parsed.map_err(|reason| InputError::new("shard", reason))?;
    let part = wanted.unwrap_or(Shard::WHOLE);
    let listener = Rows { seen, stop, rows: Mutex::default() };
    plan_all(&planned, &mut *functions, (part, &Default::default()), &listener)?;
    let mut rows = listener.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    let notes = planned.notes().into_iter().chain(functions.notes()).collect();
    let about = About { notes, ..table::about(&planned, functions.length()) };
    if wanted.is_none() {
        sort(&mut rows);
        return Ok((Some(fleet(about, rows)), String::new()));
    }
    let fingerprint = table::fingerprint(&planned, &spec, &contents);
    let whole = Part { fingerprint, shard: part.index, of: part.count, about };
    Ok((None, table::whole(&whole, &rows)))
}

type Opened = (Box<dyn Functions>, FunctionsSpec, String);

fn opened(traces: Traces, template: &profiles::Template) -> Result<Opened, InputError> {
    match traces {
        Traces::Files(paths, reading) => {
            let spec = reading.spec(paths)?;
            let contents = table::contents(&template.scenario().name, &spec.paths)?;
            Ok((spec.open()?, spec, contents))
        }
        Traces::Held(named, length) => {
            let mut sum = Sum::new();
            for (name, calls) in &named {
                sum.add(name.as_bytes());
                calls.iter().for_each(|nanos| sum.add(&nanos.to_le_bytes()));
            }
            let length = length.map(|s| {
                Span::from_secs_f64(s)
                    .ok_or_else(|| InputError::new("length", format!("{s} s is no length of time")))
            });
            let held = HeldFunctions::new(named, length.transpose()?)?;
            Ok((Box::new(held), FunctionsSpec::default(), format!("{:032x}", sum.value())))
        }
    }
}

impl Reading {
    fn spec(self, paths: Vec<PathBuf>) -> Result<FunctionsSpec, InputError> {
        let bin = self.bin.map(|text| Span::parse(&text).map_err(|reason| InputError::new("bin", reason)));
        Ok(FunctionsSpec {
            paths,
            layout: self.layout.map(|name| one_of("layout", &name, &FunctionLayout::ALL)).transpose()?,
            function: self.function,
            time: self.time,
            count: self.count,
            unit: self.unit.map(|name| one_of("unit", &name, Unit::ALL)).transpose()?,
            bin: bin.transpose()?,
            stamps: one_of("stamps", &self.stamps, StampMode::ALL)?,
        })
    }
}

/// Rows in the order of what they save.
fn fleet(about: About, rows: Vec<Row>) -> Outcome {
    let json = FleetReport::new(&about, &rows).json();
    let tables = vec![("fleet", table::csv(&rows))];
    Outcome { json, tables, shown: Shown::Fleet(Box::new((about, rows))) }
}

/// Puts shards together, each with a name for errors.
pub fn merge(shards: &[(String, String)]) -> Result<Outcome, InputError> {
    let (part, mut rows) = merge_parts(shards)?;
    sort(&mut rows);
    Ok(fleet(part.about, rows))
}
