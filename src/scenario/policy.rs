//! `[policy]`: when batches leave.

use crate::document::{Section, Value};
use crate::error::InputError;
use crate::policy::adaptive::{Margin, Settings};
use crate::policy::batch::Batch;
use crate::policy::forecast::Forecast;
use crate::profile::{LARGEST_BATCH, Profile};
use crate::units::{MemoryMb, Span};

const MINUTE: Span = Span::from_secs(60);
const HOUR: Span = Span::from_secs(3600);
const DAY: Span = Span::from_secs(86_400);

/// A batching policy with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolicySpec {
    /// The buffer; with an adaptive policy, that of the first period.
    pub buffer: Batch,
    /// How the buffer and the memory size follow the traffic, if they do.
    pub adaptive: Option<Settings>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Unbatched,
    Batch,
    Adaptive,
}

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
        let kinds = [("unbatched", Kind::Unbatched), ("batch", Kind::Batch), ("adaptive", Kind::Adaptive)];
        let kind = section.required("kind")?;
        let (buffer, adaptive) = match kind.choice(&kinds)? {
            Kind::Unbatched => {
                let reason = "kind = \"unbatched\" takes no batch and no timeout";
                section.refuse(&OF_BUFFER, reason, "remove it, or choose kind = \"batch\"")?;
                refuse_adaptive(section)?;
                (Batch::UNBATCHED, None)
            }
            Kind::Batch => {
                refuse_adaptive(section)?;
                (buffer(section, profile, memory)?, None)
            }
            Kind::Adaptive => {
                let given = section.names().any(|name| name == "batch" || name == "timeout");
                let start = if given { buffer(section, profile, memory)? } else { Batch::UNBATCHED };
                if section.optional("decisions").is_some() {
                    let reason = "the plans are those of `decisions`";
                    section.refuse(&OF_PLANNING, reason, "remove it, or remove `decisions`")?;
                }
                (start, Some(adaptive(section)?))
            }
        };
        profile.at(memory, buffer.batch).map_err(|e| kind.error(e.to_string()).help(e.mend()))?;
        Ok(PolicySpec { buffer, adaptive })
    }
}

/// The fields of an adaptive policy that say how it plans.
const OF_PLANNING: [&str; 6] = ["window", "period", "forecast", "margin", "hysteresis", "early"];

fn refuse_adaptive(section: &Section<'_>) -> Result<(), InputError> {
    let reason = "only kind = \"adaptive\" plans anew";
    section.refuse(&OF_ADAPTIVE, reason, "remove it, or choose kind = \"adaptive\"")
}

fn buffer(section: &Section<'_>, profile: &Profile, memory: MemoryMb) -> Result<Batch, InputError> {
    let value = section.required("batch")?;
    let batch: u32 = value.integer()?;
    if !(1..=LARGEST_BATCH).contains(&batch) {
        return Err(value.error(format!("must be 1 to {LARGEST_BATCH}, is {batch}")));
    }
    profile.at(memory, batch).map_err(|e| value.error(e.to_string()).help(e.mend()))?;
    let timeout = section.required("timeout")?;
    Ok(Batch { batch, timeout: within_a_year(&timeout)? })
}

/// Reads `window`, `period`, `forecast`, `margin` (a share or "learnt"), `hysteresis` and `early` (a factor or
/// "never").
fn adaptive(section: &Section<'_>) -> Result<Settings, InputError> {
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
