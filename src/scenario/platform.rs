//! `[platform]`: functions, their prices, limits and cold starts.

use crate::document::{Section, Value};
use crate::error::InputError;
use crate::platform::lambda::idle::Reuse;
use crate::platform::lambda::{KeepAlive, PoolSettings};
use crate::price::billing::InitBilling;
use crate::price::{Architecture, Book, FreeTier, RateLimit, Tariff, Tiers, VolumePricing};
use crate::profile::Profile;
use crate::profile::beside::{Beside, InitIn};
use crate::units::{MemoryMb, Span};

/// A function on Lambda.
#[derive(Debug, Clone, PartialEq)]
pub struct LambdaSpec {
    /// Its memory size.
    pub memory: MemoryMb,
    /// Prices and limits.
    pub book: Book,
    /// What usage costs.
    pub tariff: Tariff,
    /// Whether environments start cold.
    pub environments: Environments,
    /// What a throttled client does.
    pub retry: RetrySpec,
}

/// Whether environments start cold.
#[derive(Debug, Clone, PartialEq)]
pub enum Environments {
    /// The paper's assumption: always enough warm ones.
    AlwaysWarm,
    /// A pool; the profile says how long its model takes to load.
    Pool(PoolSettings),
}

impl Environments {
    /// Environments that are always initialised, of a pool.
    pub fn provisioned(&self) -> u32 {
        match self {
            Environments::AlwaysWarm => 0,
            Environments::Pool(pool) => pool.provisioned,
        }
    }
}

/// Retries of a throttled invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySpec {
    /// Tries in all.
    pub attempts: u32,
    /// The longest wait before the first new try.
    pub base: Span,
    /// The longest wait before any.
    pub cap: Span,
}

/// The fields of `[platform]` that say how environments come and go: without cold starts there is nothing for them to
/// act on.
pub const OF_COLD_STARTS: [&str; 7] =
    ["runtime_init", "keep_alive", "max_age", "reuse", "concurrency", "scaling_per_10s", "retry"];

/// The AWS SDKs' "standard" retry mode: three tries, full jitter over 1 s x 2^k, at most 20 s.
const STANDARD_RETRY: RetrySpec =
    RetrySpec { attempts: 3, base: Span::from_secs(1), cap: Span::from_secs(20) };

impl LambdaSpec {
    /// Reads `[platform]`; the profile and the book must cover the memory size.
    pub fn from_section(section: &Section<'_>, profile: &Profile) -> Result<LambdaSpec, InputError> {
        section.required("kind")?.choice(&[("lambda", ())])?;
        let book = Book::open(&section.required("book")?)?;
        let memory_value = section.required("memory_mb")?;
        let memory = MemoryMb(memory_value.integer()?);
        check_memory(memory, &book).map_err(|message| memory_value.error(message))?;
        profile.at(memory, profile.batch[0]).map_err(|e| memory_value.error(e.to_string()).help(e.mend()))?;
        LambdaSpec::at((memory, book), section, profile)
    }

    /// Reads all of `[platform]` but the memory size and the book.
    fn at(
        (memory, book): (MemoryMb, Book),
        section: &Section<'_>,
        profile: &Profile,
    ) -> Result<LambdaSpec, InputError> {
        let provisioned = section.optional("provisioned");
        let count = provisioned.as_ref().map_or(Ok(0), Value::integer::<u32>)?;
        if let (Some(value), 1_000_001..) = (&provisioned, count) {
            return Err(value.error("is beyond 1e6"));
        }
        let cold = section.optional("cold_starts").map_or(Ok(false), |v| v.bool())?;
        if let (false, Some(value), 1..) = (cold, &provisioned, count) {
            return Err(value.error("needs cold_starts = true: always-warm environments need none"));
        }
        let mut tariff = tariff(section, &book, count)?;
        let (environments, retry) = match cold {
            true => (Environments::Pool(pool(section, &book, count)?), retry_or_standard(section)?),
            false => {
                let reason =
                    "environments are always warm, and always enough (cold_starts = false, the default)";
                let mend = "add cold_starts = true to [platform], or remove the field";
                section.refuse(&OF_COLD_STARTS, reason, mend)?;
                (Environments::AlwaysWarm, STANDARD_RETRY)
            }
        };
        if let Environments::Pool(pool) = &environments {
            within_the_call(section, profile, (&book, pool), &mut tariff)?;
        }
        Ok(LambdaSpec { memory, book, tariff, environments, retry })
    }
}

/// A model that is loaded in the handler is billed with the call, whatever the book says of initialisation.
fn within_the_call(
    section: &Section<'_>,
    profile: &Profile,
    (book, pool): (&Book, &PoolSettings),
    tariff: &mut Tariff,
) -> Result<(), InputError> {
    let beside = &profile.beside;
    if beside.init_in == InitIn::Init {
        return Ok(());
    }
    if beside.init_at_one_vcpu && book.limits.mb_per_vcpu.is_none() {
        let message = format!(
            "`init_in = \"handler\"` with one init_s takes it to other memory sizes by their share of the processor, \
             and {} gives no mb_per_vcpu",
            book.name
        );
        return Err(section
            .error(message)
            .help("give init_s for each memory size, or mb_per_vcpu in the book"));
    }
    if tariff.billing.init == InitBilling::Free {
        tariff.billing.init = InitBilling::FreeFirst(pool.runtime_init);
    }
    Ok(())
}

/// A system's platform: what its section says of it, and what `[platform]` says of the rest. A memory size stands in
/// `[platform]` or is a rule of the system's, so that it is none of these fields.
pub(super) fn of_system(
    section: &Section<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<LambdaSpec, InputError> {
    let book = Book::open(&section.required("book")?)?;
    LambdaSpec::at((platform.memory, book), section, profile)
}

/// What of `[platform]` has no meaning for a system, by what the system says.
pub(super) fn overruled(section: &Section<'_>) -> Result<Vec<&'static str>, InputError> {
    let mut names = vec!["kind", "memory_mb"];
    if let Some(value) = section.optional("cold_starts")
        && !value.bool()?
    {
        names.extend(OF_COLD_STARTS);
        names.push("provisioned");
    }
    Ok(names)
}

/// A memory size that the platform offers and the profile covers.
pub(super) fn covered(
    value: &Value<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<MemoryMb, InputError> {
    let memory = MemoryMb(value.integer()?);
    check_memory(memory, &platform.book).map_err(|message| value.error(message))?;
    profile.at(memory, 1).map_err(|e| value.error(e.to_string()).help(e.mend()))?;
    Ok(memory)
}

/// Does the platform offer this memory size? The message says which it offers.
pub fn check_memory(memory: MemoryMb, book: &Book) -> Result<(), String> {
    let (from, to, step) = book.limits.memory_mb;
    let offered = (from..=to).contains(&memory.0) && (memory.0 - from).is_multiple_of(step);
    match offered {
        true => Ok(()),
        false => Err(format!(
            "{} offers {from} to {} in steps of {step}, not {}",
            book.name,
            MemoryMb(to),
            memory.0
        )),
    }
}

fn tariff(section: &Section<'_>, book: &Book, provisioned: u32) -> Result<Tariff, InputError> {
    let architecture = section.optional("architecture");
    let on = architecture.as_ref().map_or(Ok(Architecture::X86), |v| v.choice(&Architecture::NAMES))?;
    let asked = |name| -> Result<Option<Value<'_>>, InputError> {
        let Some(value) = section.optional(name) else { return Ok(None) };
        Ok(if value.bool()? { Some(value) } else { None })
    };
    let free = match asked("free_tier")? {
        Some(value) if book.free_tier == NOTHING_FREE => {
            return Err(value
                .error(format!("cannot act: {} has no free usage", book.name))
                .help("remove it"));
        }
        Some(_) => book.free_tier,
        None => NOTHING_FREE,
    };
    let prices = book.architectures.iter().find(|(known, _)| *known == on).map(|(_, prices)| prices);
    let tiers = match asked("tiered_prices")? {
        Some(value) if prices.is_some_and(|prices| prices.tiers.len() == 1) => {
            let message = format!("cannot act: {} has one price for all usage", book.name);
            return Err(value.error(message).help("remove it"));
        }
        Some(_) => Tiers::Monthly,
        None => Tiers::First,
    };
    let missing = |what: &str| {
        let message = format!("{} has no price for {what}", book.name);
        architecture.as_ref().map_or_else(|| section.error(&message), |v| v.error(&message))
    };
    let tariff =
        Tariff::new(book, on, VolumePricing { tiers, free }).ok_or_else(|| missing("this architecture"))?;
    match provisioned > 0 && !tariff.sells_provisioned() {
        true => Err(missing("provisioned concurrency on this architecture")),
        false => Ok(tariff),
    }
}

const NOTHING_FREE: FreeTier = FreeTier { requests: 0, gb_s: 0 };

fn pool(section: &Section<'_>, book: &Book, provisioned: u32) -> Result<PoolSettings, InputError> {
    let limits = &book.limits;
    let runtime_init = section.optional("runtime_init").map_or(Ok(limits.runtime_init), |v| v.span())?;
    let keep_alive = match section.optional("keep_alive") {
        Some(value) if value.is_section() => keep_alive_law(&value)?,
        Some(value) => KeepAlive::Fixed(value.span()?),
        None => KeepAlive::Fixed(limits.keep_alive),
    };
    let max_age = section.optional("max_age").map(|value| value.span()).transpose()?;
    let reuse = section.optional("reuse").map_or(Ok(Reuse::MostRecent), |v| v.choice(&Reuse::NAMES))?;
    let count = |name, default| section.optional(name).map_or(Ok(default), |v| positive(&v));
    let concurrency = count("concurrency", limits.concurrency)?;
    if let Some(value) = section.optional("provisioned").filter(|_| u64::from(provisioned) > concurrency) {
        let message =
            format!("{provisioned} environments are kept ready, but only {concurrency} may be busy at once");
        return Err(value.error(message).help("provision at most `concurrency`"));
    }
    let scaling = match section.optional("scaling_per_10s") {
        Some(value) => {
            let tokens = positive(&value)?;
            RateLimit { burst: tokens, tokens, period: Span::from_secs(10) }
        }
        None => limits.scaling,
    };
    let invocations = concurrency.saturating_mul(limits.requests_per_concurrency);
    let requests = RateLimit { burst: invocations, tokens: invocations, period: Span::from_secs(1) };
    let model_init = Span::ZERO;
    Ok(PoolSettings {
        runtime_init,
        model_init,
        beside: Beside::default(),
        keep_alive,
        max_age,
        reuse,
        concurrency,
        scaling,
        requests,
        provisioned,
    })
}

fn positive(value: &Value<'_>) -> Result<u64, InputError> {
    match value.integer::<u64>()? {
        0 => Err(value.error("must be at least 1")),
        n if n > 1_000_000_000 => Err(value.error("is beyond 1e9")),
        n => Ok(n),
    }
}

/// `{ mean, cv }`, `{ half_every }` or `{ last, spare }`.
fn keep_alive_law(value: &Value<'_>) -> Result<KeepAlive, InputError> {
    let section = value.section()?;
    let has = |name| section.names().any(|known| known == name);
    let keep_alive = match (has("half_every"), has("last") || has("spare")) {
        (true, _) => {
            let every = section.required("half_every")?;
            match every.span()? {
                Span::ZERO => return Err(every.error("must be above 0")),
                span => KeepAlive::Halving(span),
            }
        }
        (false, true) => KeepAlive::LastAndSpare {
            last: section.required("last")?.span()?,
            spare: section.required("spare")?.span()?,
        },
        (false, false) if !has("mean") && !has("cv") => {
            let help = "give a span, { mean, cv }, { half_every } or { last, spare }";
            return Err(value.error("says no keep-alive").help(help));
        }
        (false, false) => KeepAlive::Random {
            mean: section.required("mean")?.span()?,
            cv: section.required("cv")?.positive()?,
        },
    };
    section.finish()?;
    Ok(keep_alive)
}

fn retry_or_standard(section: &Section<'_>) -> Result<RetrySpec, InputError> {
    section.optional("retry").map_or(Ok(STANDARD_RETRY), |value| retry(&value.section()?))
}

fn retry(section: &Section<'_>) -> Result<RetrySpec, InputError> {
    let attempts = match section.optional("attempts") {
        Some(value) => u32::try_from(positive(&value)?).map_err(|_| value.error("is too many"))?,
        None => STANDARD_RETRY.attempts,
    };
    let span = |name, default| section.optional(name).map_or(Ok(default), |v| v.span());
    let spec = RetrySpec {
        attempts,
        base: span("base", STANDARD_RETRY.base)?,
        cap: span("cap", STANDARD_RETRY.cap)?,
    };
    section.finish()?;
    Ok(spec)
}
