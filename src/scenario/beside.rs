//! What a profile says of the times beside service: initialisation, the first call, the way between client and function.

use super::profile::{shares, variation};
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::profile::LARGEST_CV;
use crate::profile::beside::{Beside, InitIn, InitSpread};
use crate::profile::quantiles::{Shape, mean_of};

/// The fields of a profile that act on new environments only.
pub const OF_NEW: [&str; 5] = ["init_s", "init_cv", "init_quantiles", "init_in", "first_call_s"];
/// All fields of a profile that are read here.
pub const FIELDS: [&str; 6] =
    ["init_cv", "init_quantiles", "init_in", "first_call_s", "overhead_s", "overhead_cv"];
/// The longest overhead or surcharge [s].
const LONGEST: f64 = 1e6;

impl Beside {
    /// Reads the profile's fields; `loads` says whether it gives a time to load the model.
    pub(super) fn read(section: &Section<'_>, loads: bool) -> Result<Beside, InputError> {
        let init = spread(section, loads)?;
        let init_in = match section.optional("init_in") {
            Some(value) if !loads => return Err(idle(&value)),
            Some(value) => value.choice(&InitIn::NAMES)?,
            None => InitIn::Init,
        };
        let first_call_s = seconds(section, "first_call_s")?;
        let overhead_s = seconds(section, "overhead_s")?;
        let overhead_cv = match section.optional("overhead_cv") {
            Some(value) if overhead_s == 0.0 => {
                let help = "give overhead_s, its mean, or remove it";
                return Err(value.error("cannot act: there is no overhead").help(help));
            }
            Some(value) => variation(&value)?,
            None => 0.0,
        };
        let init_at_one_vcpu = false;
        Ok(Beside { init, init_in, init_at_one_vcpu, first_call_s, overhead_s, overhead_cv })
    }
}

fn idle(value: &Value<'_>) -> InputError {
    value.error("cannot act: the profile gives no init_s").help("give init_s, or remove it")
}

fn seconds(section: &Section<'_>, name: &'static str) -> Result<f64, InputError> {
    let Some(value) = section.optional(name) else { return Ok(0.0) };
    match value.nonnegative()? {
        s if s <= LONGEST => Ok(s),
        s => Err(value.error(format!("is at most 1e6 s, not {s}"))),
    }
}

/// `init_cv` or, in its place, `init_quantiles`.
fn spread(section: &Section<'_>, loads: bool) -> Result<InitSpread, InputError> {
    let cv = section.optional("init_cv");
    if let Some(value) = section.optional("init_quantiles") {
        return match (cv, loads) {
            (Some(_), _) => Err(value
                .error("says how initialisation varies, as `init_cv` does")
                .help("leave one of them out")),
            (None, false) => Err(idle(&value)),
            (None, true) => quantiles(&value).map(InitSpread::Quantiles),
        };
    }
    match cv {
        None => Ok(InitSpread::Fixed),
        // A runtime varies, too, so that it can act without a time to load the model.
        Some(value) => Ok(match variation(&value)? {
            0.0 => InitSpread::Fixed,
            cv => InitSpread::Lognormal(cv.min(LARGEST_CV)),
        }),
    }
}

/// `{ shares = [..], factor = [..] }`: one row, over its mean.
fn quantiles(value: &Value<'_>) -> Result<Shape, InputError> {
    let section = value.section()?;
    let shares = shares(&section.required("shares")?)?;
    let field = section.required("factor")?;
    let row = field.numbers()?;
    section.finish()?;
    if row.len() != shares.len() {
        let message = format!("has {} entries for {} shares", row.len(), shares.len());
        return Err(field.error(message).help("give one factor for each share"));
    }
    let falls = row.windows(2).any(|w| w[0] > w[1]);
    let mean = mean_of(&shares, &row);
    if falls || row[0] < 0.0 || mean <= 0.0 || row[row.len() - 1] > LONGEST {
        let help = "initialisation over its mean, as in [0, 0.8, 1.2, 3]; their mean is scaled to 1";
        return Err(field.error("expected factors that do not fall, from 0 on, and not all 0").help(help));
    }
    Ok(Shape { shares, factors: vec![row.iter().map(|factor| factor / mean).collect()] })
}
