//! A scenario file as validated data: the only place where its strings become types.

pub mod class;
pub mod class_system;
mod overrides;
pub mod platform;
pub mod policy;
pub mod published;
pub mod slo;
pub mod system;
pub mod workload;

use std::path::Path;

use serde_json::Value as Json;

use self::class::{Classes, Marks, Written};
use self::platform::{Environments, LambdaSpec};
use self::policy::PolicySpec;
use self::published::Published;
use self::slo::Slo;
use self::system::SystemSpec;
use self::workload::{Source, Workload, within_the_clock};
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
    /// Environments that are always initialised.
    pub provisioned: u32,
}

impl Setting {
    /// Without provisioned environments.
    pub fn new(memory: MemoryMb, batch: u32, timeout: Span) -> Setting {
        Setting { memory, batch, timeout, provisioned: 0 }
    }
}

impl Scenario {
    /// Reads a scenario file with `--set` overrides.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Scenario, InputError> {
        Scenario::read_with(path, overrides, None)
    }

    /// As [`Scenario::read`]; a workload that is given takes the place of `[workload]`, which may then be left out.
    pub fn read_with(
        path: &Path,
        overrides: &[String],
        workload: Option<Workload>,
    ) -> Result<Scenario, InputError> {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = stem.as_deref().unwrap_or("scenario");
        Scenario::from_document_with(Document::read(path)?, name, overrides, workload)
    }

    /// Reads a scenario from a document; `default_name` holds where it has no name.
    pub fn from_document(document: &Document, default_name: &str) -> Result<Scenario, InputError> {
        Scenario::checked(document, default_name, None)
    }

    /// As [`Scenario::read_with`], from a document.
    pub fn from_document_with(
        mut document: Document,
        default_name: &str,
        overrides: &[String],
        workload: Option<Workload>,
    ) -> Result<Scenario, InputError> {
        overrides::merge(&mut document, overrides)?;
        Scenario::checked(&document, default_name, workload)
    }

    fn checked(
        document: &Document,
        default_name: &str,
        given: Option<Workload>,
    ) -> Result<Scenario, InputError> {
        let root = document.root();
        let name = name(&root, default_name)?;
        let seed = root.optional("seed").map_or(Ok(1), |v| v.integer())?;
        let wanted = root.optional("replications");
        let replications = wanted.as_ref().map_or(Ok(1), replications)?;
        let warmup = root.optional("warmup").map_or(Ok(Span::ZERO), |v| within_the_clock(&v))?;
        let written = root.optional("class").map(|list| Written::read(&list)).transpose()?;
        let (workload, marks) = arrivals(&root, &written, given.clone())?;
        before_the_end(&root, &workload, warmup)?;
        if let Some(wanted) = &wanted {
            no_copies(wanted, replications, &workload)?;
        }
        let profile = in_section(&root, "profile", profile)?;
        let platform = in_section(&root, "platform", |s| LambdaSpec::from_section(s, &profile))?;
        refuse_idle_init(&root, &platform)?;
        let (policy, waits) = in_section(&root, "policy", |s| match &written {
            Some(classes) => classes.policy(s, &profile, platform.memory),
            None => PolicySpec::from_section(s, &profile, platform.memory).map(|policy| (policy, Vec::new())),
        })?;
        let asked = optional_section(&root, "slo", Slo::from_section)?;
        let (sweep, classes, slo) = match written.zip(marks) {
            None => {
                let sweep = optional_section(&root, "sweep", |s| Grid::from_section(s, &platform))?;
                (sweep, None, asked.unwrap_or_default())
            }
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
            written: as_written(document, &given),
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
        let provisioned = self.platform.environments.provisioned();
        Setting { memory: self.platform.memory, batch, timeout, provisioned }
    }

    /// The largest batch that may come: where the policy adapts, also the largest of the grid.
    pub fn largest_batch(&self, setting: Setting) -> u32 {
        match (&self.policy.adaptive, &self.sweep) {
            (Some(_), Some(grid)) => grid.batch.iter().copied().fold(setting.batch, u32::max),
            _ => setting.batch,
        }
    }

    /// Does the platform offer every memory size of `[sweep]`?
    ///
    /// Errors: one that it does not, with those that it does.
    pub fn check_grid(&self) -> Result<(), InputError> {
        let offered = |memory: &MemoryMb| {
            platform::check_memory(*memory, &self.platform.book).map_err(|message| {
                InputError::new(&self.name, format!("[sweep] memory_mb: {message}"))
                    .help("choose sizes on offer, or another book")
            })
        };
        self.sweep.iter().flat_map(|grid| &grid.memory).try_for_each(offered)
    }

    /// The service times at a setting.
    ///
    /// Errors: the profile does not cover it; a batch would run longer than the platform lets it.
    pub fn service(&self, setting: Setting) -> Result<ServiceTimes, InputError> {
        let times = self.covered(setting)?;
        match self.over_the_limit(&times) {
            None => Ok(times),
            Some(message) => Err(InputError::new(&self.name, message)
                .help("take more memory or a smaller batch, or a book with another `longest_run`")),
        }
    }

    /// The service times at a setting, whatever the platform lets run: for tables from which settings are taken that
    /// [`Scenario::runs_within_limit`] has passed.
    ///
    /// Errors: the profile does not cover it.
    pub fn covered(&self, setting: Setting) -> Result<ServiceTimes, InputError> {
        let times = self.profile.at(setting.memory, setting.batch);
        times.map_err(|e| InputError::new(&self.name, e.to_string()).help(e.mend()))
    }

    /// Does every batch that a setting allows end within the longest run that the platform lets? Else the reason.
    /// A setting that the profile does not cover has no reason here.
    pub fn runs_within_limit(&self, setting: Setting) -> Result<(), String> {
        let times = self.profile.at(setting.memory, setting.batch).ok();
        times.and_then(|times| self.over_the_limit(&times)).map_or(Ok(()), Err)
    }

    /// The largest batch that, with all smaller ones, ends within the longest run: its mean service time, and what of
    /// a long initialisation runs within the call. 0 if not even a lone request does.
    pub fn largest_within_limit(&self, times: &ServiceTimes) -> u32 {
        let left = self.platform.book.limits.longest_run.0.saturating_sub(self.init_within_call(times).0);
        times.mean.iter().take_while(|service| service.0 <= left).count() as u32
    }

    fn init_within_call(&self, times: &ServiceTimes) -> Span {
        match &self.platform.environments {
            Environments::AlwaysWarm => Span::ZERO,
            Environments::Pool(pool) => {
                self.platform.book.limits.init_within_call(pool.runtime_init + times.init)
            }
        }
    }

    /// Why a batch would not end within the longest run.
    fn over_the_limit(&self, times: &ServiceTimes) -> Option<String> {
        let n = self.largest_within_limit(times) + 1;
        let service = times.mean.get(n as usize - 1)?;
        let (model, memory) = (&self.profile.model, times.memory);
        let after = match self.init_within_call(times) {
            Span::ZERO => String::new(),
            init => format!(" after an initialisation of {init}"),
        };
        let (book, limit) = (&self.platform.book.name, self.platform.book.limits.longest_run);
        Some(format!(
            "{model} at {memory} takes {service} for a batch of {n}{after}, but {book} ends a call after {limit}"
        ))
    }
}

/// A warm-up that is known to last as long as the run would leave nothing to count.
fn before_the_end(root: &Section<'_>, workload: &Workload, warmup: Span) -> Result<(), InputError> {
    match (root.optional("warmup"), workload.length()) {
        (Some(value), Some(length)) if warmup >= length => {
            let message =
                format!("{warmup} is not shorter than the run of {length}: nothing would be counted");
            Err(value.error(message).help("shorten the warm-up, or lengthen the workload"))
        }
        _ => Ok(()),
    }
}

/// Where requests come from, and which class each is of: what is given takes the place of `[workload]`.
fn arrivals(
    root: &Section<'_>,
    written: &Option<Written>,
    given: Option<Workload>,
) -> Result<(Workload, Option<Marks>), InputError> {
    match (given, written) {
        (Some(workload), None) => {
            // What the file says of arrivals is not looked at.
            let _ = root.optional("workload");
            Ok((workload, None))
        }
        (Some(_), Some(_)) => {
            let message = "arrivals of [[class]] come from [workload], not from elsewhere";
            Err(root.error(message).help("leave the classes out, or the arrivals"))
        }
        (None, Some(classes)) => in_section(root, "workload", |section| {
            classes.workload(section).map(|(workload, marks)| (workload, Some(marks)))
        }),
        (None, None) => in_section(root, "workload", |section| {
            Workload::from_section(section).map(|workload| (workload, None))
        }),
    }
}

/// The document as JSON, without the workload that another took the place of.
fn as_written(document: &Document, given: &Option<Workload>) -> Json {
    let mut written = document.to_json();
    if let (Some(_), Some(fields)) = (given, written.as_object_mut()) {
        fields.remove("workload");
    }
    written
}

/// An initialisation that is written in the scenario itself must act. One of a profile's file need not: the file
/// serves other scenarios too, and the output says that it is not used.
fn refuse_idle_init(root: &Section<'_>, platform: &LambdaSpec) -> Result<(), InputError> {
    let Environments::AlwaysWarm = platform.environments else { return Ok(()) };
    let profile = root.required("profile")?.section()?;
    match profile.optional("file") {
        Some(_) => Ok(()),
        None => profile.refuse(
            &["init_s"],
            "environments are always warm (cold_starts = false, the default)",
            "add cold_starts = true to [platform], or remove it; in a profile's file it may stay",
        ),
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

/// The name becomes a folder, so it must be a plain file name; so must the file's own, which stands in for it.
fn name(root: &Section<'_>, default: &str) -> Result<String, InputError> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let fits = |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
    match root.optional("name") {
        Some(value) if !fits(value.str()?) => {
            Err(value.error("must be letters, digits, `-`, `_`, `.`: it names the output folder"))
        }
        Some(value) => Ok(value.str()?.to_owned()),
        None if !fits(default) => Err(root
            .error(format!("has no `name`, and the file's, `{default}`, cannot name the output folder"))
            .help("add a line `name = \"example\"` of letters, digits, `-`, `_`, `.`")),
        None => Ok(default.to_owned()),
    }
}

/// Every replication of a trace would be the same requests.
fn no_copies(wanted: &Value<'_>, replications: u32, workload: &Workload) -> Result<(), InputError> {
    match (replications, &workload.source) {
        (2.., Source::Trace(_) | Source::Memory(_)) => {
            let help = "leave it out: the intervals of one run come from its slices; or replicate a process that \
                        `sim fit` finds for the trace";
            Err(wanted.error("has no meaning for a trace: each would be the same requests").help(help))
        }
        _ => Ok(()),
    }
}

/// Each replication keeps histograms of its own until the end.
fn replications(value: &Value<'_>) -> Result<u32, InputError> {
    match value.integer()? {
        n @ 1..=1000 => Ok(n),
        n => Err(value.error(format!("must be 1 to 1000, is {n}"))),
    }
}

/// The fields of a profile that stands in the scenario.
const OF_INLINE: [&str; 6] = ["memory_mb", "batch", "service_s", "service_cv", "init_s", "image_mb"];

fn profile(section: &Section<'_>) -> Result<Profile, InputError> {
    match section.optional("file") {
        Some(file) => {
            let reason = "`file` gives the whole profile";
            section.refuse(&OF_INLINE, reason, "change it there, or give all of the profile here")?;
            Profile::read(&file.file()?)
        }
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
