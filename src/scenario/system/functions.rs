//! Systems of functions only, and the choice of a memory size.

use crate::document::{Section, Value};
use crate::error::InputError;
use crate::outcome::Model;
use crate::policy::batch::Batch;
use crate::profile::Profile;
use crate::scenario::platform::{LambdaSpec, check_memory};
use crate::scenario::policy::PolicySpec;
use crate::scenario::policy::within_a_year;
use crate::units::{MemoryMb, Span};

/// Functions with a policy.
#[derive(Debug, Clone)]
pub enum FunctionSpec {
    /// The same setting throughout.
    Fixed(MemoryChoice, Batch),
    /// The cheapest setting of a grid within the SLO, for each part of a schedule by itself.
    Planned {
        /// The model that predicts.
        model: Model,
        /// Largest batches in place of those of `[sweep]`.
        batch: Option<Vec<u32>>,
    },
    /// Given settings, each for a stretch of time, in turn.
    Listed {
        /// How long each holds.
        every: Span,
        /// Memory size and buffer.
        settings: Vec<(MemoryMb, Batch)>,
    },
}

/// Which memory size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryChoice {
    /// This one.
    Fixed(MemoryMb),
    /// The largest that profile and book offer.
    Largest,
    /// The cheapest at which a lone request meets the SLO; the fastest if none does.
    CheapestWithinSlo,
}

#[derive(Debug, Clone, Copy)]
enum PolicyKind {
    Fixed,
    Planned,
    Listed,
}

pub(super) fn functions(
    section: &Section<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<FunctionSpec, InputError> {
    let kinds = [
        ("unbatched", PolicyKind::Fixed),
        ("batch", PolicyKind::Fixed),
        ("planned", PolicyKind::Planned),
        ("listed", PolicyKind::Listed),
    ];
    let policy = section.required("policy")?.section()?;
    let refuse_memory = |reason| section.refuse(&["memory_mb"], reason, "remove it");
    let spec = match policy.required("kind")?.choice(&kinds)? {
        PolicyKind::Planned => {
            refuse_memory("a planned system chooses its memory size from [sweep]")?;
            FunctionSpec::Planned {
                model: match policy.optional("model") {
                    Some(value) => value.choice(&Model::NAMES)?,
                    None => Model::default(),
                },
                batch: policy.optional("batch").map(|value| batches(&value, profile)).transpose()?,
            }
        }
        PolicyKind::Listed => {
            refuse_memory("a listed system has its memory sizes in `policy`")?;
            listed(&policy, profile, platform)?
        }
        PolicyKind::Fixed => {
            let memory = memory(section, profile, platform)?;
            // Any size of the profile has the same batch sizes.
            let at = MemoryMb(profile.memory_mb[0]);
            FunctionSpec::Fixed(memory, PolicySpec::from_section(&policy, profile, at)?.buffer)
        }
    };
    policy.finish()?;
    Ok(spec)
}

fn batches(value: &Value<'_>, profile: &Profile) -> Result<Vec<u32>, InputError> {
    let list = value.list()?.iter().map(Value::integer::<u32>).collect::<Result<Vec<_>, _>>()?;
    let at = MemoryMb(profile.memory_mb[0]);
    match list.iter().find(|batch| **batch == 0 || profile.at(at, **batch).is_err()) {
        Some(bad) => Err(value.error(format!("{bad} is not a batch size that the profile covers"))),
        None if list.is_empty() => Err(value.error("is empty")),
        None => Ok(list),
    }
}

fn listed(
    policy: &Section<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<FunctionSpec, InputError> {
    let every_value = policy.required("every")?;
    let every = every_value.span()?;
    if every == Span::ZERO {
        return Err(every_value.error("must be above 0"));
    }
    let batch: u32 = policy.required("batch")?.integer()?;
    let memory_value = policy.required("memory_mb")?;
    let timeout_value = policy.required("timeout")?;
    let (memories, timeouts) = (memory_value.list()?, timeout_value.list()?);
    if memories.is_empty() || memories.len() != timeouts.len() {
        let message = format!("has {} entries for {} memory sizes", timeouts.len(), memories.len());
        return Err(timeout_value.error(message).help("give one timeout for each entry of `memory_mb`"));
    }
    let mut settings = Vec::new();
    for (memory, timeout) in memories.iter().zip(&timeouts) {
        let size = covered(memory, profile, platform)?;
        profile.at(size, batch).map_err(|e| memory.error(e.to_string()).help(e.mend()))?;
        settings.push((size, Batch { batch, timeout: within_a_year(timeout)? }));
    }
    Ok(FunctionSpec::Listed { every, settings })
}

fn covered(value: &Value<'_>, profile: &Profile, platform: &LambdaSpec) -> Result<MemoryMb, InputError> {
    let memory = MemoryMb(value.integer()?);
    check_memory(memory, &platform.book).map_err(|message| value.error(message))?;
    profile.at(memory, 1).map_err(|e| value.error(e.to_string()).help(e.mend()))?;
    Ok(memory)
}

/// `memory_mb`: a size, a rule, or the platform's size if absent.
pub(super) fn memory(
    section: &Section<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<MemoryChoice, InputError> {
    match section.optional("memory_mb") {
        None => Ok(MemoryChoice::Fixed(platform.memory)),
        Some(value) if value.str().is_ok() => value.choice(&[
            ("largest", MemoryChoice::Largest),
            ("cheapest-within-slo", MemoryChoice::CheapestWithinSlo),
        ]),
        Some(value) => covered(&value, profile, platform).map(MemoryChoice::Fixed),
    }
}
