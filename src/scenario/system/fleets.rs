//! Systems with rented instances: endpoint, MArk, hybrid.

use super::functions::{MemoryChoice, memory};
use super::rented::{RentalTerms, RentedSpec, rented};
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::platform::fleet::Routing;
use crate::profile::Profile;
use crate::scenario::platform::LambdaSpec;
use crate::scenario::system::rented::MOST_INSTANCES;
use crate::units::Span;

/// An endpoint. What a scenario leaves out is as in the reference: AWS's defaults for target tracking.
#[derive(Debug, Clone)]
pub struct EndpointSpec {
    /// Its instances.
    pub rented: RentedSpec,
    /// Which instance takes a request.
    pub routing: Routing,
    /// The most requests that a free worker takes at once of those that wait for it; 1: one after the other.
    pub batch: u32,
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

pub(super) fn endpoint(section: &Section<'_>, platform: &LambdaSpec) -> Result<EndpointSpec, InputError> {
    let rented = rented(section, &platform.book)?;
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
    let batch = match section.optional("batch") {
        None => rented.profile.largest_batch(),
        Some(value) => {
            let batch = value.integer()?;
            rented.profile.at(batch).map_err(|e| value.error(e.to_string()).help(e.mend()))?;
            batch
        }
    };
    Ok(EndpointSpec {
        routing,
        batch,
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

pub(super) fn hybrid(
    section: &Section<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<HybridSpec, InputError> {
    let rented = rented(section, &platform.book)?;
    let inline = section.required("profile")?;
    if inline.is_section() && rented.profile.largest_batch() > 1 {
        let message =
            "has batches that cannot act: nothing waits at a hybrid's instances, the rest goes to functions";
        let help = "give the time of one request alone: batch = [1]; in a profile's file the others may stay";
        return Err(inline.error(message).help(help));
    }
    if let RentalTerms::OnDemand = rented.market {
        let reason = "the base of a hybrid is ready from the start, and only spot instances are replaced";
        section.refuse(&["launch"], reason, "remove it, or add `spot`")?;
    }
    Ok(HybridSpec { rented, memory: memory(section, profile, platform)? })
}

pub(super) fn mark(
    section: &Section<'_>,
    profile: &Profile,
    platform: &LambdaSpec,
) -> Result<MarkSpec, InputError> {
    let list = section.required("types")?;
    let rented_type = |value: &Value<'_>| {
        let inner = value.section()?;
        let spec = rented(&inner, &platform.book)?;
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
