//! A scenario file as validated data: the only place where its strings become types.

pub mod class;
pub mod class_system;
pub mod platform;
pub mod policy;
pub mod published;
pub mod slo;
pub mod system;
pub mod workload;

use std::path::Path;

use serde_json::Value as Json;

use self::class::{Classes, Written};
use self::platform::LambdaSpec;
use self::policy::PolicySpec;
use self::published::Published;
use self::slo::Slo;
use self::system::SystemSpec;
use self::workload::{Workload, within_the_clock};
use crate::document::{Document, Section, Value};
use crate::error::InputError;
use crate::profile::{Profile, ServiceTimes};
use crate::sweep::grid::Grid;
use crate::units::{MemoryMb, Span};

/// Everything a run depends on.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name, which is also the name of its output folder.
    pub name: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// Where requests come from.
    pub workload: Workload,
    /// How long the model serves a batch.
    pub profile: Profile,
    /// Where it runs.
    pub platform: LambdaSpec,
    /// When batches leave.
    pub policy: PolicySpec,
    /// What is asked of the system; nothing where classes have objectives of their own.
    pub slo: Slo,
    /// The classes that share the model, where there are several.
    pub classes: Option<Classes>,
    /// The grid of sweep and plan.
    pub sweep: Option<Grid>,
    /// The systems of `sim compare`.
    pub systems: Vec<SystemSpec>,
    /// Published figures to set beside theirs.
    pub published: Vec<Published>,
    /// Independent replications.
    pub replications: u32,
    /// Batches that start before this are simulated but not counted.
    pub warmup: Span,
    /// Which CSV files `sim run` writes.
    pub output: Output,
    /// The scenario as it was written, overrides included: what results say of their settings.
    pub written: Json,
}

/// Which CSV files `sim run` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Output {
    /// A row a batch.
    pub batches: bool,
    /// A row an hour.
    pub hours: bool,
}

/// What a configuration chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// Memory size of the function.
    pub memory: MemoryMb,
    /// Largest batch.
    pub batch: u32,
    /// Longest wait of a batch's first request.
    pub timeout: Span,
}

impl Scenario {
    /// Reads a scenario file with `--set` overrides.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Scenario, InputError> {
        let mut document = Document::read(path)?;
        overrides.iter().try_for_each(|assignment| document.set(assignment))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Scenario::from_document(&document, stem.as_deref().unwrap_or("scenario"))
    }

    /// Reads a scenario from a document; `default_name` holds where it has no name.
    pub fn from_document(document: &Document, default_name: &str) -> Result<Scenario, InputError> {
        let root = document.root();
        let name = name(&root, default_name)?;
        let seed = root.optional("seed").map_or(Ok(1), |v| v.integer())?;
        let replications = root.optional("replications").map_or(Ok(1), |v| replications(&v))?;
        let warmup = root.optional("warmup").map_or(Ok(Span::ZERO), |v| within_the_clock(&v))?;
        let written = root.optional("class").map(|list| Written::read(&list)).transpose()?;
        let (workload, marks) = in_section(&root, "workload", |s| match &written {
            Some(classes) => classes.workload(s).map(|(workload, marks)| (workload, Some(marks))),
            None => Workload::from_section(s).map(|workload| (workload, None)),
        })?;
        let profile = in_section(&root, "profile", profile)?;
        let platform = in_section(&root, "platform", |s| LambdaSpec::from_section(s, &profile))?;
        let (policy, waits) = in_section(&root, "policy", |s| match &written {
            Some(classes) => classes.policy(s, &profile, platform.memory),
            None => PolicySpec::from_section(s, &profile, platform.memory).map(|policy| (policy, Vec::new())),
        })?;
        let asked = optional_section(&root, "slo", Slo::from_section)?;
        let (sweep, classes, slo) = match written.zip(marks) {
            None => (optional_section(&root, "sweep", Grid::from_section)?, None, asked.unwrap_or_default()),
            Some((written, marks)) => {
                let grid = optional_section(&root, "sweep", class::grid)?;
                let given = root.optional("slo");
                let objectives = written.objectives(asked.as_ref().zip(given.as_ref()))?;
                let classes = written.classes(marks, waits, objectives, grid).compared(&root)?;
                (None, Some(classes), Slo::default())
            }
        };
        let output = optional_section(&root, "output", output)?.unwrap_or_default();
        let systems = match root.optional("system").filter(|_| classes.is_none()) {
            Some(list) => SystemSpec::list(&list, &profile, &platform)?,
            None => Vec::new(),
        };
        let names = systems.iter().map(|system| system.name.as_str());
        let of_classes = classes.iter().flat_map(|classes| &classes.systems);
        let names: Vec<&str> = names.chain(of_classes.map(|system| system.name.as_str())).collect();
        let published = match root.optional("published") {
            Some(list) => Published::list(&list, &names)?,
            None => Vec::new(),
        };
        root.finish()?;
        Ok(Scenario {
            name,
            seed,
            workload,
            profile,
            platform,
            policy,
            slo,
            classes,
            sweep,
            systems,
            published,
            replications,
            warmup,
            output,
            written: document.to_json(),
        })
    }

    /// Refuses several classes where `what` knows only one.
    pub fn one_class(&self, what: &str) -> Result<(), InputError> {
        match &self.classes {
            None => Ok(()),
            Some(_) => Err(InputError::new(&self.name, format!("{what} knows no [[class]]"))
                .help("use `sim run` or `sim plan`, or leave the classes out")),
        }
    }

    /// The configuration that the scenario itself asks for.
    pub fn setting(&self) -> Setting {
        let (batch, timeout) = (self.policy.buffer.batch, self.policy.buffer.timeout);
        Setting { memory: self.platform.memory, batch, timeout }
    }

    /// The largest batch that may come: where the policy adapts, also the largest of the grid.
    pub fn largest_batch(&self, setting: Setting) -> u32 {
        match (&self.policy.adaptive, &self.sweep) {
            (Some(_), Some(grid)) => grid.batch.iter().copied().fold(setting.batch, u32::max),
            _ => setting.batch,
        }
    }

    /// The service times at a setting.
    ///
    /// Errors: the profile does not cover it.
    pub fn service(&self, setting: Setting) -> Result<ServiceTimes, InputError> {
        self.profile.at(setting.memory, setting.batch).map_err(|e| InputError::new(&self.name, e.to_string()))
    }
}

/// Reads a required section to its last field.
pub(crate) fn in_section<T>(
    parent: &Section<'_>,
    name: &'static str,
    read: impl FnOnce(&Section<'_>) -> Result<T, InputError>,
) -> Result<T, InputError> {
    whole(&parent.required(name)?, read)
}

fn whole<T>(
    value: &Value<'_>,
    read: impl FnOnce(&Section<'_>) -> Result<T, InputError>,
) -> Result<T, InputError> {
    let section = value.section()?;
    let found = read(&section)?;
    section.finish()?;
    Ok(found)
}

fn optional_section<T>(
    parent: &Section<'_>,
    name: &'static str,
    read: impl FnOnce(&Section<'_>) -> Result<T, InputError>,
) -> Result<Option<T>, InputError> {
    parent.optional(name).map(|value| whole(&value, read)).transpose()
}

/// The name becomes a folder, so it must be a plain file name.
fn name(root: &Section<'_>, default: &str) -> Result<String, InputError> {
    let Some(value) = root.optional("name") else { return Ok(default.to_owned()) };
    let name = value.str()?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    match !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) {
        true => Ok(name.to_owned()),
        false => Err(value.error("must be letters, digits, `-`, `_`, `.`: it names the output folder")),
    }
}

/// Each replication keeps histograms of its own until the end.
fn replications(value: &Value<'_>) -> Result<u32, InputError> {
    match value.integer()? {
        n @ 1..=1000 => Ok(n),
        n => Err(value.error(format!("must be 1 to 1000, is {n}"))),
    }
}

fn profile(section: &Section<'_>) -> Result<Profile, InputError> {
    match section.optional("file") {
        Some(file) => Profile::read(&file.file()?),
        None if section.names().next().is_none() => {
            Err(section.error("[profile] is empty").help("give `file`, or memory_mb, batch and service_s"))
        }
        None => Profile::from_section(section),
    }
}

fn output(section: &Section<'_>) -> Result<Output, InputError> {
    let flag = |name| section.optional(name).map_or(Ok(false), |v| v.bool());
    Ok(Output { batches: flag("batches")?, hours: flag("hours")? })
}
