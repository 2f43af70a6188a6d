//! Systems of functions only, and the choice of a memory size.

use crate::document::Section;
use crate::error::InputError;
use crate::profile::Profile;
use crate::scenario::platform::{LambdaSpec, covered, of_system, overruled};
use crate::scenario::policy::PolicySpec;
use crate::units::MemoryMb;

/// Functions with a policy: what `[platform]` and `[policy]` say, or a system in their place.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSpec {
    /// Their memory size, or that at the start; it is not looked at where the policy has memory sizes of its own.
    pub memory: MemoryChoice,
    /// Prices, limits, cold starts.
    pub platform: LambdaSpec,
    /// When batches leave.
    pub policy: PolicySpec,
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

/// Reads a system: a policy of its own, and every field of `[platform]` that it gives in place of the scenario's.
pub(super) fn functions<'a>(
    section: &Section<'a>,
    profile: &Profile,
    (written, platform): (&Section<'a>, &LambdaSpec),
) -> Result<FunctionSpec, InputError> {
    let platform = of_system(&section.over(written, &overruled(section)?), profile, platform)?;
    let policy_section = section.required("policy")?.section()?;
    let policy = PolicySpec::of_system(&policy_section, profile, &platform)?;
    policy_section.finish()?;
    if policy.has_memory() {
        let reason =
            "a planned system chooses its memory size from [sweep], a listed one has them in `policy`";
        section.refuse(&["memory_mb"], reason, "remove it")?;
    }
    Ok(FunctionSpec { memory: memory(section, profile, &platform)?, platform, policy })
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
