//! The only place that calls the simulator: scenario in, JSON, tables and charts out, by the same readers and reports as the
//! command line's.

mod drawn;
mod fleet;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use batchsim::arrivals::memory::{Held, Replayed};
use batchsim::arrivals::stop::Stop;
use batchsim::arrivals::trace::{Findings, TraceSpec};
use batchsim::document::Document;
use batchsim::engine::classes::simulate::simulate_group;
use batchsim::engine::keep_alive;
use batchsim::engine::observer::{StartedBatch, Detail, Observer};
use batchsim::engine::simulate::simulate;
use batchsim::error::{InputError, expected};
use batchsim::fitting::{self, Method, Observed, Piece, piecewise};
use batchsim::fleet_plan::row::Row as FleetRow;
use batchsim::fleet_plan::table::About as FleetAbout;
use batchsim::numeric::streams::Streams;
use batchsim::outcome::{ClassFigures, KeepAlivePoint, Model, Simulation};
use batchsim::planner::constraint::{Constraint, Scope};
use batchsim::planner::groups::{Check as GroupCheck, GroupPlan, plan_groups};
use batchsim::planner::plan::{self as planning, Check, Plan, Points, Request, Timeouts};
use batchsim::planner::predict::{self as predicting, Prediction, is_covered};
use batchsim::planner::shared::predict_group;
use batchsim::policy::adaptive::Decision;
use batchsim::report::fit::FitReport;
use batchsim::report::groups::GroupReport;
use batchsim::report::plan::PlanReport;
use batchsim::report::run::{ClassTables, RunReport};
use batchsim::report::sweep::{SweepReport, about};
use batchsim::scenario::workload::Workload;
use batchsim::scenario::{Scenario, Setting};
use batchsim::sweep::merge::sorted;
use batchsim::sweep::row::Row;
use batchsim::sweep::run::{Listener, Mode, Stage, Sweep};
use batchsim::sweep::shard::Shard;
use batchsim::sweep::table::{self, About};
use batchsim::systems;
use batchsim::units::{Span, Time};

pub use self::drawn::{Drawn, PaperAsked};
pub use self::fleet::{Reading, Template, Traces, merge, plan_many};
use crate::calls::Seen;

/// A scenario's text.
pub enum Text {
    /// In a file.
    File(PathBuf),
    /// As TOML, with the folder to which its paths are relative.
    Toml(String, PathBuf),
}

/// A scenario, and what of it is given otherwise.
pub struct Options {
    pub text: Text,
    pub set: Vec<String>,
    pub seed: Option<u64>,
    pub arrivals: Option<Arc<dyn Held>>,
    pub stop: Stop,
}

impl Options {
    fn scenario(self) -> Result<Scenario, InputError> {
        let given = self.arrivals.map(Workload::of);
        let mut scenario = match &self.text {
            Text::File(path) => Scenario::read_with(path, &self.set, given)?,
            Text::Toml(text, folder) => {
                let document = Document::parse("scenario", text)?.within(folder);
                Scenario::from_document_with(document, "scenario", &self.set, given)?
            }
        };
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        scenario.workload.stop = self.stop;
        Ok(scenario)
    }
}

/// What a call found, with all that its charts need.
pub struct Outcome {
    json: String,
    /// Name and text.
    tables: Vec<(&'static str, String)>,
    shown: Shown,
}

enum Shown {
    Nothing,
    Run(Box<Run>),
    Sweep(Box<(About, Vec<Row>)>),
    Plan(Box<(Scenario, Plan)>),
    Groups(Box<(Scenario, GroupPlan)>),
    Fit(Box<Fit>),
    Fleet(Box<(FleetAbout, Vec<FleetRow>)>),
}

struct Run {
    scenario: Scenario,
    simulation: Simulation,
    prediction: Option<Prediction>,
    decisions: Vec<Decision>,
    keep_alive: Vec<KeepAlivePoint>,
    classes: Option<(Vec<ClassFigures>, Vec<ClassFigures>)>,
}

struct Fit {
    name: String,
    fit: fitting::Fit,
    observed: Observed,
    pieces: Option<Vec<Piece>>,
}

impl Outcome {
    pub fn json(&self) -> &str {
        &self.json
    }

    pub fn csv(&self, name: &str) -> Option<&str> {
        self.tables.iter().find(|(known, _)| *known == name).map(|(_, text)| &text[..])
    }
}

fn model(name: &str) -> Result<Model, InputError> {
    one_of("model", name, &Model::NAMES)
}

fn one_of<T: Copy>(what: &str, name: &str, all: &[(&str, T)]) -> Result<T, InputError> {
    let names: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
    let found = all.iter().find(|(known, _)| *known == name).map(|(_, found)| *found);
    found.ok_or_else(|| InputError::new(what, format!("`{name}`: {}", expected(name, &names))))
}

/// Counts the requests of a run.
struct Counter<'a>(&'a Seen);

impl Observer for Counter<'_> {
    fn detail(&self) -> Detail {
        Detail::Progress
    }

    fn passed(&mut self, _now: Time, requests: u64) {
        self.0.add(requests);
    }

    fn started(&mut self, _batch: &StartedBatch, arrivals: &[Time]) {
        self.0.add(arrivals.len() as u64);
    }

    fn rejected(&mut self, _now: Time, _attempts: u32, arrivals: &[Time]) {
        self.0.add(arrivals.len() as u64);
    }
}

pub fn run(options: Options, name: &str, seen: &Seen) -> Result<Outcome, InputError> {
    let (scenario, model) = (options.scenario()?, model(name)?);
    if scenario.output.batches {
        let message = "[output] batches is a file of the command line's, and Python has no table of it";
        return Err(
            InputError::new(&scenario.name, message).help("remove it: set={\"output.batches\": False}")
        );
    }
    seen.begin(scenario.workload.requests.unwrap_or(0));
    let mut counter = Counter(seen);
    let Setting { memory, batch, .. } = scenario.setting();
    if scenario.classes.as_ref().is_some_and(|classes| !classes.groups.is_empty()) {
        let message = "[policy] kind = \"groups\" is run by the command line alone, for now";
        return Err(InputError::new(&scenario.name, message).help("use `sim run`"));
    }
    let group = scenario.classes.as_ref().map(|list| (list, list.together(memory, batch)));
    let (mut decisions, mut classes) = (Vec::new(), None);
    let (simulation, prediction) = match (scenario.policy.adaptive(), &group) {
        (_, Some(_)) if model == Model::Published => {
            let help = "leave out model=\"published\": the exact law is the only one that knows classes";
            return Err(InputError::new("model", "published knows no [[class]]").help(help));
        }
        (_, Some((list, group))) => {
            let predicted = predict_group(&scenario, list, group)?;
            let found = simulate_group(&scenario, list, group, &mut counter)?;
            let (prediction, by_class) =
                predicted.map_or_else(Default::default, |found| (Some(found.prediction), found.classes));
            classes = Some((found.classes, by_class));
            (found.simulation, prediction)
        }
        (adaptive, None) => {
            if model == Model::Published {
                predicting::no_users(&scenario)?;
            }
            let prediction = match adaptive.is_none() && is_covered(&scenario.workload) {
                true => predicting::predict(&scenario, scenario.setting(), model)?,
                false => None,
            };
            let found = systems::run(&scenario, &scenario.system().kind, &mut counter)?;
            decisions = found.decisions;
            (found.simulation, prediction)
        }
    };
    let keep_alive = match scenario.policy.adaptive() {
        None => keep_alive::curve(&scenario)?,
        Some(_) => Vec::new(),
    };
    drop(group);
    let run = Run { scenario, simulation, prediction, decisions, keep_alive, classes };
    let mut tables = Vec::new();
    if run.scenario.output.hours {
        tables.push(("hours", rows(run.simulation.hours.iter())?));
    }
    if run.scenario.policy.adaptive().is_some() {
        tables.push(("decisions", rows(run.report().decision_rows())?));
    }
    Ok(Outcome { json: run.report().json(), tables, shown: Shown::Run(Box::new(run)) })
}

/// Rows as the command line's CSV.
fn rows(rows: impl Iterator<Item = impl serde::Serialize>) -> Result<String, InputError> {
    use batchsim::report::files::CsvFile;
    let folder = tempfile::tempdir().map_err(|e| InputError::new("table", e.to_string()))?;
    let path = folder.path().join("table.csv");
    let mut file = CsvFile::create(&path)?;
    let mut rows = rows;
    rows.try_for_each(|row| file.serialize(row))?;
    file.finish()?;
    std::fs::read_to_string(&path).map_err(|e| InputError::io(&path, &e))
}

impl Run {
    fn report(&self) -> RunReport<'_> {
        let classes = self.classes.as_ref();
        RunReport {
            scenario: &self.scenario,
            simulation: &self.simulation,
            prediction: self.prediction.as_ref(),
            decisions: &self.decisions,
            keep_alive: &self.keep_alive,
            classes: classes.map(|(simulated, predicted)| ClassTables { simulated, predicted }),
        }
    }
}

pub fn simulated(options: Options, seen: &Seen) -> Result<Outcome, InputError> {
    let scenario = options.scenario()?;
    scenario.one_class("simulate")?;
    if scenario.policy.adaptive().is_some() {
        return Err(InputError::new(&scenario.name, "an adaptive policy plans as it goes").help("use run()"));
    }
    seen.begin(scenario.workload.requests.unwrap_or(0));
    let found = simulate(&scenario, &mut Counter(seen))?;
    block("simulate", &found.simulated)
}

/// A block of summary.json by itself.
fn block(what: &str, block: &impl serde::Serialize) -> Result<Outcome, InputError> {
    let json = serde_json::to_string_pretty(block).map_err(|e| InputError::new(what, e.to_string()))? + "\n";
    Ok(Outcome { json, tables: Vec::new(), shown: Shown::Nothing })
}

pub fn predict(options: Options, name: &str) -> Result<Outcome, InputError> {
    let (scenario, model) = (options.scenario()?, model(name)?);
    scenario.one_class("predict")?;
    if !is_covered(&scenario.workload) {
        return Err(InputError::new(&scenario.name, "no process of phases is behind this workload")
            .help("run() simulates it"));
    }
    let Some(prediction) = predicting::predict(&scenario, scenario.setting(), model)? else {
        let message = "is not predicted: an adaptive policy has no one configuration, and to arrivals that are too few, or \
                       all at one instant, no process can be fitted";
        return Err(InputError::new(&scenario.name, message).help("run() simulates it"));
    };
    block("predict", &prediction.predicted)
}

/// `(predict_only, grid_only, robust)`.
pub fn plan(options: Options, name: &str, flags: (bool, bool, bool)) -> Result<Outcome, InputError> {
    let (scenario, model) = (options.scenario()?, model(name)?);
    let (predict_only, grid_only, robust) = flags;
    if let Some(classes) = &scenario.classes {
        if grid_only || robust || model == Model::Published {
            let message = "grid_only, robust and model=\"published\" cannot act with [[class]]";
            return Err(InputError::new(&scenario.name, message).help("leave them out"));
        }
        let check = if predict_only { GroupCheck::Predicted } else { GroupCheck::Simulated };
        let found = plan_groups(&scenario, classes, check)?;
        let json = GroupReport { scenario: &scenario, classes, plan: &found }.json();
        return Ok(Outcome { json, tables: Vec::new(), shown: Shown::Groups(Box::new((scenario, found))) });
    }
    let scope = if robust { Scope::EveryPart } else { Scope::Mix };
    let constraint = Constraint::new(&scenario.slo, model, scope).ok_or_else(|| {
        InputError::new(&scenario.name, "there is nothing to plan for")
            .help("give [slo] with `latency = \"500ms\"` or `budget_usd_per_million = 0.5`")
    })?;
    let request = Request {
        constraint,
        timeouts: if grid_only { Timeouts::Grid } else { Timeouts::Refined },
        check: if predict_only { Check::Predicted } else { Check::Simulated },
        points: Points::Shown,
    };
    let found = planning::plan(&scenario, request)?;
    let json = plan_report(&scenario, &found).file();
    Ok(Outcome { json, tables: Vec::new(), shown: Shown::Plan(Box::new((scenario, found))) })
}

fn plan_report<'a>(scenario: &'a Scenario, plan: &'a Plan) -> PlanReport<'a> {
    // The time is told on a terminal only.
    PlanReport { scenario, plan, calibration: None, elapsed_s: 0.0 }
}

/// Keeps the rows of a sweep.
struct Rows<'a> {
    seen: &'a Seen,
    stop: Stop,
    rows: Mutex<Vec<Row>>,
}

impl Listener for Rows<'_> {
    fn begin(&self, _stage: Stage, rows: usize) {
        self.seen.begin(rows as u64);
    }

    fn advance(&self, rows: usize) {
        self.seen.add(rows as u64);
    }

    fn ready(&self, rows: &[Row]) -> Result<(), InputError> {
        self.stop.check()?;
        self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(rows);
        Ok(())
    }
}

pub fn sweep(options: Options, name: &str, predict_only: bool, seen: &Seen) -> Result<Outcome, InputError> {
    let stop = options.stop.clone();
    let (scenario, model) = (options.scenario()?, model(name)?);
    scenario.one_class("sweep")?;
    let mode = if predict_only { Mode::Predict } else { Mode::Simulate };
    let listener = Rows { seen, stop, rows: Mutex::default() };
    Sweep::new(&scenario, model, mode)?.run(Shard::WHOLE, &Default::default(), &listener)?;
    let rows = sorted(listener.rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    let about = About { reading: scenario.workload.notes(), ..about(&scenario, model) };
    let (all, front) = table::csv(&rows, about.percentile);
    let json = SweepReport::new(&about, &rows).json();
    Ok(Outcome {
        json,
        tables: vec![("sweep", all), ("pareto", front)],
        shown: Shown::Sweep(Box::new((about, rows))),
    })
}

/// What is to be fitted, and how.
pub struct FitAsked {
    pub held: Option<Arc<dyn Held>>,
    pub path: Option<PathBuf>,
    pub method: String,
    pub window: Option<String>,
    pub seed: u64,
    pub stop: Stop,
}

pub fn fit(asked: FitAsked) -> Result<Outcome, InputError> {
    let method = one_of("method", &asked.method, &Method::NAMES)?;
    let window = asked.window.map(|text| match Span::parse(&text) {
        Ok(Span::ZERO) => Err(InputError::new("window", "must be longer than 0")),
        other => other.map_err(|reason| InputError::new("window", reason)),
    });
    let window = window.transpose()?;
    let (name, arrivals) = match (asked.held, &asked.path) {
        (Some(held), _) => {
            ("array".to_owned(), Box::new(Replayed::new(held)) as Box<dyn batchsim::arrivals::Arrivals>)
        }
        (None, Some(path)) => {
            let stream = Streams::new(asked.seed).stream("trace");
            (path.display().to_string(), TraceSpec::new(path).open_noted(stream, &Findings::default())?)
        }
        (None, None) => return Err(InputError::new("fit", "needs arrivals, or a trace")),
    };
    let (stats, observed) = Observed::read(&mut asked.stop.watching(arrivals))?;
    let fit = fitting::fit(&observed, stats, method)
        .map_err(|e| InputError::new(&name, e.to_string()).help("choose another method"))?;
    let pieces = window.map(|window| piecewise(&observed, window));
    let fit = Fit { name, fit, observed, pieces };
    let tables = vec![("fit.toml", fit.report().toml())];
    Ok(Outcome { json: fit.report().json(), tables, shown: Shown::Fit(Box::new(fit)) })
}

impl Fit {
    fn report(&self) -> FitReport<'_> {
        let pieces = self.pieces.as_deref();
        FitReport { name: &self.name, file: &self.name, fit: &self.fit, observed: &self.observed, pieces }
    }
}
