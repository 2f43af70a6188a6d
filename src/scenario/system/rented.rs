//! A rented type of instance: its price, its speed, its launch, and the spot market.

use crate::document::{Section, Value};
use crate::error::{InputError, expected};
use crate::price::{Book, InstancePrice};
use crate::profile::instance::InstanceProfile;
use crate::units::{Price, Span};

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
    /// How it is rented.
    pub market: RentalTerms,
}

/// How instances are rented.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RentalTerms {
    /// At the list price, for as long as one likes.
    OnDemand,
    /// Cheaper, until the provider takes it back.
    Spot {
        /// What it costs.
        per_hour: Price,
        /// Interruptions per instance and hour, at a constant rate [1/h].
        interruptions_per_hour: f64,
        /// From the notice to the end.
        notice: Span,
    },
}

impl RentedSpec {
    /// What an instance costs.
    pub fn per_hour(&self) -> Price {
        match self.market {
            RentalTerms::OnDemand => self.price.per_hour,
            RentalTerms::Spot { per_hour, .. } => per_hour,
        }
    }

    /// Its name, with the market where that is not on demand.
    pub fn name(&self) -> String {
        match self.market {
            RentalTerms::OnDemand => self.price.name.clone(),
            RentalTerms::Spot { .. } => format!("{} spot", self.price.name),
        }
    }
}

/// The most instances of a type: each is kept in memory.
pub(super) const MOST_INSTANCES: u32 = 100_000;

/// A new instance serves after 3 to 5 minutes (baselines of the SC20 paper).
const DEFAULT_LAUNCH: (Span, Span) = (Span::from_secs(180), Span::from_secs(300));

/// The fields that every rented type has.
pub(super) fn rented(section: &Section<'_>, book: &Book) -> Result<RentedSpec, InputError> {
    let name = section.required("instance")?;
    let names: Vec<&str> = book.instances.iter().map(|i| i.name.as_str()).collect();
    let wanted = name.str()?;
    let price = book.instances.iter().find(|i| i.name == wanted).cloned().ok_or_else(|| {
        name.error(format!("{} has no price for `{wanted}`", book.name)).help(expected(wanted, &names))
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
    Ok(RentedSpec {
        launch: section.optional("launch").map_or(Ok(DEFAULT_LAUNCH), |value| launch(&value))?,
        initial: section.optional("initial").map_or(Ok(1), |v| match v.integer()? {
            n @ 0..=MOST_INSTANCES => Ok(n),
            n => Err(v.error(format!("must be at most {MOST_INSTANCES}, is {n}"))),
        })?,
        market: section
            .optional("spot")
            .map_or(Ok(RentalTerms::OnDemand), |value| spot(&value, &price, book))?,
        price,
        profile,
    })
}

fn launch(value: &Value<'_>) -> Result<(Span, Span), InputError> {
    if !value.is_section() {
        return Ok((value.span()?, value.span()?));
    }
    let range = value.section()?;
    let ends = (range.required("from")?.span()?, range.required("to")?.span()?);
    range.finish()?;
    if ends.0 > ends.1 {
        return Err(value.error("needs from <= to"));
    }
    Ok(ends)
}

fn spot(value: &Value<'_>, price: &InstancePrice, book: &Book) -> Result<RentalTerms, InputError> {
    let section = value.section()?;
    let per_hour = match (section.optional("price_share"), price.spot_per_hour) {
        (Some(share), _) => match share.positive()? {
            share if share <= 1.0 => Price((price.per_hour.0 as f64 * share).round() as u64),
            above => return Err(share.error(format!("is a share of the list price, at most 1, not {above}"))),
        },
        (None, Some(per_hour)) => per_hour,
        (None, None) => {
            let message = format!("{} has no spot price for `{}`", book.name, price.name);
            let help = "give `price_share`, the spot price as a share of the list price";
            return Err(value.error(message).help(help));
        }
    };
    let notice = match (section.optional("notice"), book.spot_notice) {
        (Some(notice), _) => notice.span()?,
        (None, Some(notice)) => notice,
        (None, None) => {
            let message = format!("{} does not say how long before its end an instance is told", book.name);
            return Err(value.error(message).help("give `notice`, such as \"2min\""));
        }
    };
    let interruptions_per_hour = section.required("interruptions_per_hour")?.nonnegative()?;
    section.finish()?;
    Ok(RentalTerms::Spot { per_hour, interruptions_per_hour, notice })
}
