//! `[[system]]`: the systems that `sim compare` sets side by side, each a platform and a policy.

use super::platform::{LambdaSpec, check_memory};
use super::policy::{PolicySpec, within_a_year};
use crate::document::{Section, Value};
use crate::engine::fleet::Routing;
use crate::error::InputError;
use crate::planner::predict::Model;
use crate::policy::batch::Batch;
use crate::price::InstancePrice;
use crate::profile::Profile;
use crate::profile::instance::InstanceProfile;
use crate::units::{MemoryMb, Span};

/// One system.
#[derive(Debug, Clone)]
pub struct SystemSpec {
    /// Its name in tables, charts and files.
    pub name: String,
    /// What it is.
    pub kind: SystemKind,
}

/// The systems that there are.
#[derive(Debug, Clone)]
pub enum SystemKind {
    /// Functions on the scenario's platform.
    Lambda(FunctionSpec),
    /// Instances behind a load balancer, with target tracking.
    Endpoint(EndpointSpec),
    /// Instances provisioned ahead of a forecast, and functions for what they cannot answer in time.
    Mark(MarkSpec),
    /// A fixed base of instances, and functions for what finds no idle worker.
    Hybrid(HybridSpec),
}

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

/// A rented type of instance.
#[derive(Debug, Clone)]
pub struct RentedSpec {
    /// Its price in the scenario's book.
    pub price: InstancePrice,
    /// How fast it serves.
    pub profile: InstanceProfile,
    /// Shortest and longest time from launch to readiness.
    pub launch: (Span, Span),
    /// Instances that are ready at the start.
    pub initial: u32,
}

/// An endpoint. What a scenario leaves out is as in the reference: AWS's defaults for target tracking.
#[derive(Debug, Clone)]
pub struct EndpointSpec {
    /// Its instances.
    pub rented: RentedSpec,
    /// Which instance takes a request.
    pub routing: Routing,
    /// Requests per second that an instance sustains; from a load test where absent.
    pub sustainable_per_s: Option<f64>,
    /// The share of the sustainable rate that is the target.
    pub safety: f64,
    /// Length of a period of the metric.
    pub period: Span,
    /// Points above the target that scale out.
    pub points_out: u32,
    /// Points below `low` x target that scale in.
    pub points_in: u32,
    /// The share of the target below which a point counts as low.
    pub low: f64,
    /// Least time between two changes.
    pub cool_down: Span,
    /// Fewest and most instances.
    pub bounds: (u32, u32),
}

/// A base of instances with functions beside.
#[derive(Debug, Clone)]
pub struct HybridSpec {
    /// The base.
    pub rented: RentedSpec,
    /// Memory size of the functions.
    pub memory: MemoryChoice,
}

/// MArk. What a scenario leaves out is as in its paper.
#[derive(Debug, Clone)]
pub struct MarkSpec {
    /// The types on offer.
    pub types: Vec<RentedSpec>,
    /// Memory size of the functions.
    pub memory: MemoryChoice,
    /// How the load is forecast.
    pub forecast: ForecastSpec,
    /// How often it plans, and the length of a step.
    pub step: Span,
    /// The plan begins so many steps from now.
    pub ahead: usize,
    /// Steps of a plan.
    pub horizon: usize,
    /// A spare instance ends after this.
    pub cool_down: Span,
    /// The share of late requests that makes the monitor launch.
    pub late: f64,
    /// Least time between two launches of the monitor.
    pub monitor_pause: Span,
}

/// How MArk forecasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ForecastSpec {
    /// The last step's rate.
    Last,
    /// The largest so far times a factor.
    Largest(f64),
    /// Double exponential smoothing with its two weights.
    Smoothed(f64, f64),
    /// The arrivals that will come.
    Oracle,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Lambda,
    Endpoint,
    Mark,
    Hybrid,
}

const KINDS: [(&str, Kind); 4] =
    [("lambda", Kind::Lambda), ("endpoint", Kind::Endpoint), ("mark", Kind::Mark), ("hybrid", Kind::Hybrid)];

impl SystemSpec {
    /// Reads the list of systems.
    ///
    /// Errors: no system, two of one name, or a system that profile or book do not cover.
    pub fn list(
        value: &Value<'_>,
        profile: &Profile,
        platform: &LambdaSpec,
    ) -> Result<Vec<SystemSpec>, InputError> {
        let mut systems: Vec<SystemSpec> = Vec::new();
        for entry in value.list()? {
            let section = entry.section()?;
            let name_value = section.required("name")?;
            let name = name_value.str()?.to_owned();
            if name.is_empty() || systems.iter().any(|system| system.name == name) {
                return Err(name_value.error("must be there, and another for each system"));
            }
            let kind = match section.required("kind")?.choice(&KINDS)? {
                Kind::Lambda => SystemKind::Lambda(functions(&section, profile, platform)?),
                Kind::Endpoint => SystemKind::Endpoint(endpoint(&section, platform)?),
                Kind::Mark => SystemKind::Mark(mark(&section, profile, platform)?),
                Kind::Hybrid => SystemKind::Hybrid(HybridSpec {
                    rented: rented(&section, platform)?,
                    memory: memory(&section, profile, platform)?,
                }),
            };
            section.finish()?;
            systems.push(SystemSpec { name, kind });
        }
        Ok(systems)
    }
}

#[derive(Debug, Clone, Copy)]
enum PolicyKind {
    Fixed,
    Planned,
    Listed,
}

fn functions(
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
    let spec = match policy.required("kind")?.choice(&kinds)? {
        PolicyKind::Planned => FunctionSpec::Planned {
            model: match policy.optional("model") {
                Some(value) => value.choice(&Model::NAMES)?,
                None => Model::default(),
            },
            batch: policy.optional("batch").map(|value| batches(&value, profile)).transpose()?,
        },
        PolicyKind::Listed => listed(&policy, profile, platform)?,
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
        profile.at(size, batch).map_err(|e| memory.error(e.to_string()))?;
        settings.push((size, Batch { batch, timeout: within_a_year(timeout)? }));
    }
    Ok(FunctionSpec::Listed { every, settings })
}

fn covered(value: &Value<'_>, profile: &Profile, platform: &LambdaSpec) -> Result<MemoryMb, InputError> {
    let memory = MemoryMb(value.integer()?);
    check_memory(memory, &platform.book).map_err(|message| value.error(message))?;
    profile.at(memory, 1).map_err(|e| value.error(e.to_string()))?;
    Ok(memory)
}

/// `memory_mb`: a size, a rule, or the platform's size if absent.
fn memory(
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

/// The fields that every rented type has.
fn rented(section: &Section<'_>, platform: &LambdaSpec) -> Result<RentedSpec, InputError> {
    let name = section.required("instance")?;
    let instances = &platform.book.instances;
    let names: Vec<&str> = instances.iter().map(|i| i.name.as_str()).collect();
    let wanted = name.str()?;
    let price = instances.iter().find(|i| i.name == wanted).cloned().ok_or_else(|| {
        let message = format!("{} has no price for `{wanted}`", platform.book.name);
        name.error(message).help(crate::error::expected(wanted, &names))
    })?;
    let profile_value = section.required("profile")?;
    let profile = if profile_value.is_section() {
        let inline = profile_value.section()?;
        let profile = InstanceProfile::from_section(&inline)?;
        inline.finish()?;
        profile
    } else {
        InstanceProfile::read(&profile_value.file()?)?
    };
    let launch = match section.optional("launch") {
        None => DEFAULT_LAUNCH,
        Some(value) if value.is_section() => {
            let range = value.section()?;
            let ends = (range.required("from")?.span()?, range.required("to")?.span()?);
            range.finish()?;
            if ends.0 > ends.1 {
                return Err(value.error("needs from <= to"));
            }
            ends
        }
        Some(value) => (value.span()?, value.span()?),
    };
    let initial = section.optional("initial").map_or(Ok(1), |v| match v.integer()? {
        n @ 0..=MOST_INSTANCES => Ok(n),
        n => Err(v.error(format!("must be at most {MOST_INSTANCES}, is {n}"))),
    })?;
    Ok(RentedSpec { price, profile, launch, initial })
}

/// The most instances of a type: each is kept in memory.
const MOST_INSTANCES: u32 = 100_000;

/// A new instance serves after 3 to 5 minutes (baselines of the SC20 paper).
const DEFAULT_LAUNCH: (Span, Span) = (Span::from_secs(180), Span::from_secs(300));

fn endpoint(section: &Section<'_>, platform: &LambdaSpec) -> Result<EndpointSpec, InputError> {
    let rented = rented(section, platform)?;
    let routing =
        section.optional("routing").map_or(Ok(Routing::LeastOutstanding), |v| v.choice(&Routing::NAMES))?;
    let share = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.positive()? {
            share if share <= 1.0 => Ok(share),
            share => Err(value.error(format!("is a share, above 0 and at most 1, not {share}"))),
        },
    };
    let count = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.integer::<u32>()? {
            0 => Err(value.error("must be at least 1")),
            n => Ok(n),
        },
    };
    let span = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.span()? {
            Span::ZERO => Err(value.error("must be above 0")),
            span => Ok(span),
        },
    };
    let bounds = (count("min", 1)?, count("max", 1000)?);
    if bounds.1 > MOST_INSTANCES {
        return Err(section.error(format!("`max` must be at most {MOST_INSTANCES}")));
    }
    if bounds.0 > bounds.1 || rented.initial < bounds.0 || rented.initial > bounds.1 {
        return Err(section.error("needs min <= initial <= max"));
    }
    Ok(EndpointSpec {
        routing,
        sustainable_per_s: section.optional("sustainable_per_s").map(|v| v.positive()).transpose()?,
        safety: share("safety", 0.5)?,
        period: span("period", Span::from_secs(60))?,
        points_out: count("points_out", 3)?,
        points_in: count("points_in", 15)?,
        low: share("low", 0.9)?,
        cool_down: span("cool_down", Span::from_secs(300))?,
        bounds,
        rented,
    })
}

fn mark(section: &Section<'_>, profile: &Profile, platform: &LambdaSpec) -> Result<MarkSpec, InputError> {
    let list = section.required("types")?;
    let rented_type = |value: &Value<'_>| {
        let inner = value.section()?;
        let spec = rented(&inner, platform)?;
        inner.finish()?;
        Ok(spec)
    };
    let types = list.list()?.iter().map(rented_type).collect::<Result<Vec<_>, InputError>>()?;
    if types.is_empty() {
        return Err(list.error("is empty: MArk needs at least one type of instance"));
    }
    let span = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.span()? {
            Span::ZERO => Err(value.error("must be above 0")),
            span => Ok(span),
        },
    };
    let steps = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.integer::<usize>()? {
            steps @ 1..=1000 => Ok(steps),
            _ => Err(value.error("must be 1 to 1000")),
        },
    };
    let forecast = match section.optional("forecast") {
        None => ForecastSpec::Largest(1.2),
        Some(value) => forecast(&value.section()?)?,
    };
    Ok(MarkSpec {
        types,
        memory: memory(section, profile, platform)?,
        forecast,
        step: span("step", Span::from_secs(60))?,
        ahead: steps("ahead", 5)?,
        horizon: steps("horizon", 5)?,
        cool_down: span("cool_down", Span::from_secs(300))?,
        late: section.optional("late").map_or(Ok(0.02), |v| v.nonnegative())?,
        monitor_pause: span("monitor_pause", Span::from_secs(300))?,
    })
}

#[derive(Debug, Clone, Copy)]
enum ForecastKind {
    Last,
    Largest,
    Smoothed,
    Oracle,
}

fn forecast(section: &Section<'_>) -> Result<ForecastSpec, InputError> {
    let kinds = [
        ("last", ForecastKind::Last),
        ("largest", ForecastKind::Largest),
        ("smoothed", ForecastKind::Smoothed),
        ("oracle", ForecastKind::Oracle),
    ];
    let weight = |name, default| match section.optional(name) {
        None => Ok(default),
        Some(value) => match value.positive()? {
            weight if weight <= 1.0 => Ok(weight),
            weight => Err(value.error(format!("must be above 0 and at most 1, is {weight}"))),
        },
    };
    let forecast = match section.required("kind")?.choice(&kinds)? {
        ForecastKind::Last => ForecastSpec::Last,
        ForecastKind::Largest => {
            ForecastSpec::Largest(section.optional("factor").map_or(Ok(1.2), |v| v.positive())?)
        }
        ForecastKind::Smoothed => ForecastSpec::Smoothed(weight("alpha", 0.5)?, weight("beta", 0.2)?),
        ForecastKind::Oracle => ForecastSpec::Oracle,
    };
    section.finish()?;
    Ok(forecast)
}
