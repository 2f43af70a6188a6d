//! `[policy]`: when batches leave.

use super::platform::{LambdaSpec, covered};
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::outcome::Model;
use crate::policy::adaptive::{Margin, Settings};
use crate::policy::batch::BatchPolicy;
use crate::policy::forecast::Forecast;
use crate::profile::{LARGEST_BATCH, Profile};
use crate::units::{MemoryMb, Span};

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3600);
const DAY: Span = Span::from_secs(86_400);

/// When batches leave, and at which memory size, as a scenario says it.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicySpec {
    /// One buffer throughout; a batch of 1 is no batching.
    Fixed(BatchPolicy),
    /// Buffer and memory size follow the traffic.
    Adaptive {
        /// The buffer of the first period.
        start: BatchPolicy,
        /// How they follow it.
        settings: Settings,
    },
    /// The cheapest configuration of `[sweep]` within the SLO, for each part of the workload by itself.
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
        settings: Vec<(MemoryMb, BatchPolicy)>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Unbatched,
    BatchPolicy,
    Adaptive,
    Planned,
    Listed,
}

const KINDS: [(&str, Kind); 5] = [
    ("unbatched", Kind::Unbatched),
    ("batch", Kind::BatchPolicy),
    ("adaptive", Kind::Adaptive),
    ("planned", Kind::Planned),
    ("listed", Kind::Listed),
];

/// The fields of the buffer.
pub(super) const OF_BUFFER: [&str; 2] = ["batch", "timeout"];
/// The fields of an adaptive policy alone.
pub(super) const OF_ADAPTIVE: [&str; 7] =
    ["window", "period", "forecast", "margin", "hysteresis", "early", "decisions"];

impl PolicySpec {
    /// Reads `[policy]`; the profile must cover the largest batch.
    pub fn from_section(
        section: &Section<'_>,
        profile: &Profile,
        memory: MemoryMb,
    ) -> Result<PolicySpec, InputError> {
        let kind = section.required("kind")?;
        let chosen = kind.choice(&KINDS[..3]).map_err(|e| match kind.str() {
            Ok("planned" | "listed") => e.help(
                "it chooses its memory sizes too: write it as the `policy` of a [[system]], for `sim compare`",
            ),
            _ => e,
        })?;
        let policy = match chosen {
            Kind::Adaptive => {
                if section.optional("decisions").is_some() {
                    let reason = "the plans are those of `decisions`";
                    section.refuse(&OF_PLANNING, reason, "remove it, or remove `decisions`")?;
                }
                adaptive(section, profile, memory)?
            }
            kind => PolicySpec::Fixed(fixed(section, kind, profile, memory)?),
        };
        profile.at(memory, policy.start().batch).map_err(|e| kind.error(e.to_string()).help(e.mend()))?;
        Ok(policy)
    }

    /// Reads the `policy` of a system on this platform.
    pub(super) fn of_system(
        section: &Section<'_>,
        profile: &Profile,
        platform: &LambdaSpec,
    ) -> Result<PolicySpec, InputError> {
        // Any size of the profile has the same batch sizes.
        let memory = MemoryMb(profile.memory_mb[0]);
        match section.required("kind")?.choice(&KINDS)? {
            Kind::Adaptive => adaptive(section, profile, memory),
            Kind::Planned => Ok(PolicySpec::Planned {
                model: match section.optional("model") {
                    Some(value) => value.choice(&Model::NAMES)?,
                    None => Model::default(),
                },
                batch: section.optional("batch").map(|value| batches(&value, profile)).transpose()?,
            }),
            Kind::Listed => listed(section, profile, platform),
            kind => Ok(PolicySpec::Fixed(fixed(section, kind, profile, memory)?)),
        }
    }

    /// The buffer at the start; no batching where that is planned or listed.
    pub fn start(&self) -> BatchPolicy {
        match self {
            PolicySpec::Fixed(buffer) | PolicySpec::Adaptive { start: buffer, .. } => *buffer,
            PolicySpec::Planned { .. } | PolicySpec::Listed { .. } => BatchPolicy::UNBATCHED,
        }
    }

    /// How it follows the traffic, if it does.
    pub fn adaptive(&self) -> Option<Settings> {
        match self {
            PolicySpec::Adaptive { settings, .. } => Some(*settings),
            PolicySpec::Fixed(_) | PolicySpec::Planned { .. } | PolicySpec::Listed { .. } => None,
        }
    }

    /// Is it one buffer throughout, which the law covers?
    pub fn is_fixed(&self) -> bool {
        matches!(self, PolicySpec::Fixed(_))
    }

    /// Does it choose the memory size as well?
    pub fn has_memory(&self) -> bool {
        matches!(self, PolicySpec::Planned { .. } | PolicySpec::Listed { .. })
    }
}

/// Unbatched, or one batch and timeout.
fn fixed(
    section: &Section<'_>,
    kind: Kind,
    profile: &Profile,
    memory: MemoryMb,
) -> Result<BatchPolicy, InputError> {
    refuse_adaptive(section)?;
    if kind == Kind::BatchPolicy {
        return buffer(section, profile, memory);
    }
    let reason = "kind = \"unbatched\" takes no batch and no timeout";
    section.refuse(&OF_BUFFER, reason, "remove it, or choose kind = \"batch\"")?;
    Ok(BatchPolicy::UNBATCHED)
}

fn adaptive(section: &Section<'_>, profile: &Profile, memory: MemoryMb) -> Result<PolicySpec, InputError> {
    let given = section.names().any(|name| name == "batch" || name == "timeout");
    let start = if given { buffer(section, profile, memory)? } else { BatchPolicy::UNBATCHED };
    Ok(PolicySpec::Adaptive { start, settings: settings(section)? })
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

fn listed(policy: &Section<'_>, profile: &Profile, platform: &LambdaSpec) -> Result<PolicySpec, InputError> {
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
        settings.push((size, BatchPolicy { batch, timeout: within_a_year(timeout)? }));
    }
    Ok(PolicySpec::Listed { every, settings })
}

/// The fields of an adaptive policy that say how it plans.
const OF_PLANNING: [&str; 6] = ["window", "period", "forecast", "margin", "hysteresis", "early"];

fn refuse_adaptive(section: &Section<'_>) -> Result<(), InputError> {
    let reason = "only kind = \"adaptive\" plans anew";
    section.refuse(&OF_ADAPTIVE, reason, "remove it, or choose kind = \"adaptive\"")
}

fn buffer(section: &Section<'_>, profile: &Profile, memory: MemoryMb) -> Result<BatchPolicy, InputError> {
    let value = section.required("batch")?;
    let batch: u32 = value.integer()?;
    if !(1..=LARGEST_BATCH).contains(&batch) {
        return Err(value.error(format!("must be 1 to {LARGEST_BATCH}, is {batch}")));
    }
    profile.at(memory, batch).map_err(|e| value.error(e.to_string()).help(e.mend()))?;
    let timeout = section.required("timeout")?;
    Ok(BatchPolicy { batch, timeout: within_a_year(&timeout)? })
}

/// Reads `window`, `period`, `forecast`, `margin` (a share or "learnt"), `hysteresis` and `early` (a factor or
/// "never").
fn settings(section: &Section<'_>) -> Result<Settings, InputError> {
    let stretch = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.span()? {
            span if span < MINUTE || span > DAY => Err(value.error("must be 1 minute to 24 hours")),
            span => Ok(span),
        },
    };
    let window = stretch("window", HOUR)?;
    let period = stretch("period", HOUR)?;
    let forecast =
        section.optional("forecast").map_or(Ok(Forecast::Smoothing), |v| v.choice(&Forecast::ALL))?;
    let margin = match section.optional("margin") {
        None => Margin::Learnt,
        Some(value) if value.str().is_ok_and(|text| text == "learnt") => Margin::Learnt,
        Some(value) => match value.nonnegative().map_err(|e| e.help("a share such as 0.2, or \"learnt\""))? {
            share if share <= 10.0 => Margin::Fixed(share),
            _ => return Err(value.error("is a share of the rate, at most 10")),
        },
    };
    let hysteresis = match section.optional("hysteresis") {
        None => 0.02,
        Some(value) => match value.nonnegative()? {
            share if share < 1.0 => share,
            _ => return Err(value.error("is a share of the cost, below 1")),
        },
    };
    let early = match section.optional("early") {
        None => Some(1.5),
        Some(value) if value.str().is_ok_and(|text| text == "never") => None,
        Some(value) => match value.f64().map_err(|e| e.help("a factor such as 1.5, or \"never\""))? {
            factor if factor > 1.0 => Some(factor),
            _ => return Err(value.error("is a factor of the planned rate, above 1")),
        },
    };
    Ok(Settings { window, period, forecast, margin, hysteresis, early })
}

/// A duration that no sum of a few takes beyond the clock.
pub(crate) fn within_a_year(value: &Value<'_>) -> Result<Span, InputError> {
    match value.span()? {
        span if span.0 <= 366 * DAY.0 => Ok(span),
        _ => Err(value.error("is over a year")),
    }
}
