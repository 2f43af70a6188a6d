//! Reads a scenario section by section.

use std::path::Path;

use serde_json::Value as Json;

use super::beside::{FIELDS, OF_NEW};
use super::class::{Classes, Marks};
use super::class_tables::{self, Waits, Written};
use super::decisions::{self, Taken};
use super::grid::Grid;
use super::overrides;
use super::platform::{Environments, LambdaSpec};
use super::policy::PolicySpec;
use super::published::Published;
use super::slo::Slo;
use super::system::SystemSpec;
use super::trace_sizes::{self, Requests};
use super::workload::{Source, Workload, within_the_clock};
use super::{Output, Scenario};
use crate::document::{Document, Section, Value};
use crate::error::InputError;
use crate::profile::Profile;
use crate::units::{MemoryMb, Span};

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

    /// Reads a scenario from its text, called `file` in errors, with `--set` overrides.
    pub fn from_text(file: &str, text: &str, overrides: &[String]) -> Result<Scenario, InputError> {
        Scenario::from_document_with(Document::parse(file, text)?, "scenario", overrides, None)
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
        let is_given = given.is_some();
        let (mut workload, marks) = arrivals(&root, given, written.as_ref())?;
        before_the_end(&root, &workload, warmup)?;
        if let Some(wanted) = &wanted {
            no_copies(wanted, replications, &workload)?;
        }
        let mut profile = in_section(&root, "profile", profile)?;
        let platform = in_section(&root, "platform", |s| LambdaSpec::from_section(s, &profile))?;
        profile.mb_per_vcpu = platform.book.limits.mb_per_vcpu;
        refuse_sizes_of_none(&root, &profile, written.as_ref())?;
        refuse_idle_init(&root, &platform)?;
        let (policy, waits, decisions) = policy(&root, &profile, platform.memory, written.as_ref())?;
        let asked = optional_section(&root, "slo", Slo::from_section)?;
        let (sweep, classes, slo) = match written.zip(marks) {
            None => {
                let sweep = optional_section(&root, "sweep", |s| Grid::from_section(s, &platform))?;
                (sweep, None, asked.unwrap_or_default())
            }
            Some((written, marks)) => {
                let grid = optional_section(&root, "sweep", class_tables::grid)?;
                let given = root.optional("slo");
                let objectives = written.objectives(asked.as_ref().zip(given.as_ref()))?;
                let largest = largest_batch(grid.as_ref(), &policy);
                let requests = Requests { workload: &mut workload, marks: &marks, seed };
                let sizes = trace_sizes::sizes(&root, &written, requests, (&profile, largest))?;
                let classes = written.classes(marks, waits, objectives, grid, sizes).compared(&root)?;
                (None, Some(classes), Slo::default())
            }
        };
        let output = optional_section(&root, "output", output)?.unwrap_or_default();
        let systems = match root.optional("system").filter(|_| classes.is_none()) {
            Some(list) => {
                let written = root.required("platform")?.section()?;
                SystemSpec::list(&list, &profile, (&written, &platform))?
            }
            None => Vec::new(),
        };
        let published = published(&root, &systems, classes.as_ref())?;
        root.finish()?;
        Ok(Scenario {
            name,
            seed,
            workload,
            profile,
            platform,
            policy,
            decisions,
            slo,
            classes,
            sweep,
            systems,
            published,
            replications,
            warmup,
            output,
            written: as_written(document, is_given),
        })
    }
}

/// The largest batch of classes, or that they may be planned with.
fn largest_batch(grid: Option<&(Vec<MemoryMb>, Vec<u32>)>, policy: &PolicySpec) -> u32 {
    let planned = grid.into_iter().flat_map(|(_, batches)| batches).copied();
    planned.fold(policy.start().batch, u32::max)
}

/// The policy, the longest waits of classes, and the plans that an adaptive policy follows.
fn policy(
    root: &Section<'_>,
    profile: &Profile,
    memory: MemoryMb,
    classes: Option<&Written<'_>>,
) -> Result<(PolicySpec, Waits, Vec<Taken>), InputError> {
    in_section(root, "policy", |section| {
        let (policy, waits) = match classes {
            Some(classes) => classes.policy(section, profile, memory)?,
            None => (PolicySpec::from_section(section, profile, memory)?, Waits::default()),
        };
        let decisions = match section.optional("decisions").filter(|_| policy.adaptive().is_some()) {
            Some(value) => decisions::read(&value, profile)?,
            None => Vec::new(),
        };
        Ok((policy, waits, decisions))
    })
}

/// The document as it was read: without its workload where another took its place.
fn as_written(document: &Document, is_given: bool) -> Json {
    let mut written = document.to_json();
    if let (true, Some(fields)) = (is_given, written.as_object_mut()) {
        fields.remove("workload");
    }
    written
}

/// The workload, and how its requests come to be of classes; one that is given takes the place of the file's.
fn arrivals(
    root: &Section<'_>,
    given: Option<Workload>,
    classes: Option<&Written<'_>>,
) -> Result<(Workload, Option<Marks>), InputError> {
    let value = root.optional("workload");
    match (given, classes, value) {
        // What the file says of arrivals is not looked at.
        (Some(workload), None, _) => Ok((workload, None)),
        (Some(_), Some(_), _) => {
            let message = "arrivals of [[class]] come from [workload], not from elsewhere";
            Err(root.error(message).help("leave the classes out, or the arrivals"))
        }
        (None, _, None) => Err(root
            .error("the top level lacks `workload`")
            .help("add a line `[workload]`, and below it `kind` and what that needs; only a template of `sim fleet` has none")),
        (None, Some(classes), Some(value)) => {
            whole(&value, |s| classes.workload(s)).map(|(workload, marks)| (workload, Some(marks)))
        }
        (None, None, Some(value)) => whole(&value, Workload::of_one_class).map(|workload| (workload, None)),
    }
}

/// Published figures, each of one of the systems.
fn published(
    root: &Section<'_>,
    systems: &[SystemSpec],
    classes: Option<&Classes>,
) -> Result<Vec<Published>, InputError> {
    let Some(list) = root.optional("published") else { return Ok(Vec::new()) };
    let names = systems.iter().map(|system| system.name.as_str());
    let of_classes = classes.iter().flat_map(|classes| &classes.systems);
    let names = names.chain(of_classes.map(|system| system.name.as_str()));
    let own = Some(SystemSpec::OWN).filter(|_| classes.is_none());
    Published::list(&list, &own.into_iter().chain(names).collect::<Vec<_>>())
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

/// Times by the size of requests need classes, which have these sizes.
fn refuse_sizes_of_none(
    root: &Section<'_>,
    profile: &Profile,
    classes: Option<&Written<'_>>,
) -> Result<(), InputError> {
    if classes.is_some() || profile.by_size.is_none() {
        return Ok(());
    }
    let message = "has times by the size of requests, which are those of classes";
    Err(root.required("profile")?.error(message).help("add a [[class]] with its `size`"))
}

/// An initialisation that is written in the scenario itself must act. One of a profile's file need not: the file
/// serves other scenarios too, and the output says that it is not used.
fn refuse_idle_init(root: &Section<'_>, platform: &LambdaSpec) -> Result<(), InputError> {
    let Environments::AlwaysWarm = platform.environments else { return Ok(()) };
    let profile = root.required("profile")?.section()?;
    match profile.optional("file") {
        Some(_) => Ok(()),
        None => profile.refuse(
            &OF_NEW,
            "environments are always warm (cold_starts = false, the default)",
            "add cold_starts = true to [platform], or remove it; in a profile's file it may stay",
        ),
    }
}

/// Reads a required section to its last field.
fn in_section<T>(
    parent: &Section<'_>,
    name: &'static str,
    read: impl FnOnce(&Section<'_>) -> Result<T, InputError>,
) -> Result<T, InputError> {
    whole(&parent.required(name)?, read)
}

/// Reads a section to its last field.
pub(crate) fn whole<T>(
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
const OF_INLINE: [&str; 8] =
    ["memory_mb", "batch", "size", "service_s", "service_cv", "service_quantiles", "init_s", "image_mb"];

fn profile(section: &Section<'_>) -> Result<Profile, InputError> {
    match section.optional("file") {
        Some(file) => {
            let reason = "`file` gives the whole profile";
            let mend = "change it there, or give all of the profile here";
            section.refuse(&OF_INLINE, reason, mend)?;
            section.refuse(&FIELDS, reason, mend)?;
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
