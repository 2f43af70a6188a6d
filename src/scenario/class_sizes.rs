//! `size` in `[[class]]`: how large requests are.

use super::class::Sizes;
use crate::document::Value;
use crate::error::InputError;
use crate::profile::Profile;

/// More sizes than this are refused, and those of a trace grouped for the law: each has a law of its own.
pub(super) const MOST_SIZES: usize = 64;
/// Classes times sizes: one number beside each request says both.
pub(super) const MOST_MARKS: usize = u16::MAX as usize;
/// How far the shares may be from a sum of 1: people write three digits.
const SHARE_TOLERANCE: f64 = 1e-3;

/// What a class says of its sizes.
#[derive(Debug)]
pub(super) struct WrittenSizes<'a> {
    value: Value<'a>,
    /// Sizes with their shares.
    list: Vec<(f64, f64)>,
}

impl<'a> WrittenSizes<'a> {
    /// A complaint about what was written.
    pub(super) fn error(&self, message: &str) -> InputError {
        self.value.error(message)
    }

    pub(super) fn read(value: &Value<'a>) -> Result<WrittenSizes<'a>, InputError> {
        #[derive(Clone, Copy)]
        enum Kind {
            Fixed,
            Values,
        }
        let section = value.section()?;
        let list = match section
            .required("kind")?
            .choice(&[("fixed", Kind::Fixed), ("values", Kind::Values)])?
        {
            Kind::Fixed => vec![(section.required("value")?.positive()?, 1.0)],
            Kind::Values => {
                let (values, shares) = (section.required("values")?, section.required("shares")?);
                let (sizes, parts) = (values.numbers()?, shares.numbers()?);
                if sizes.is_empty() || sizes[0] <= 0.0 || sizes.windows(2).any(|w| w[0] >= w[1]) {
                    return Err(values.error("expected sizes above 0 in ascending order, at least one"));
                }
                let total: f64 = parts.iter().sum();
                if parts.len() != sizes.len() || parts.iter().any(|share| *share <= 0.0) {
                    return Err(shares.error(format!("expected {} shares above 0, one a size", sizes.len())));
                }
                if (total - 1.0).abs() > SHARE_TOLERANCE {
                    return Err(shares.error(format!("sum to {total}, not to 1")));
                }
                sizes.into_iter().zip(parts.iter().map(|share| share / total)).collect()
            }
        };
        section.finish()?;
        Ok(WrittenSizes { value: value.clone(), list })
    }
}

/// The sizes of all classes, each with the value that a complaint is about: the profile has sizes and each class, or none.
pub(super) fn sizes(
    profile: &Profile,
    classes: &[(&Value<'_>, Option<&WrittenSizes<'_>>)],
) -> Result<Option<Sizes>, InputError> {
    let Some(by_size) = &profile.by_size else {
        return match classes.iter().find_map(|(_, sizes)| *sizes) {
            None => Ok(None),
            Some(sizes) => Err(sizes
                .value
                .error("cannot act: the profile has no times by size")
                .help("give [profile] `size`, and in service_s a time a size")),
        };
    };
    let mut lists = Vec::new();
    for (value, sizes) in classes {
        let sizes = sizes.ok_or_else(|| {
            let message = "the profile's times depend on the size of requests, and this class has no `size`";
            value
                .error(message)
                .help("give it `size = { kind = \"fixed\", value = .. }` or kind = \"values\"")
        })?;
        lists.push(sizes);
    }
    let mut values: Vec<f64> =
        lists.iter().flat_map(|sizes| sizes.list.iter().map(|(size, _)| *size)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    if values.len() > MOST_SIZES {
        let message = format!("the classes have {} sizes, at most {MOST_SIZES} may be", values.len());
        return Err(lists[0].value.error(message).help("round them up to fewer"));
    }
    if lists.len() * values.len() > MOST_MARKS {
        let message = format!("{} classes of {} sizes are too many", lists.len(), values.len());
        return Err(lists[0].value.error(message).help("name fewer classes or sizes"));
    }
    let (least, most) = (by_size.size[0], by_size.size[by_size.size.len() - 1]);
    for sizes in &lists {
        if let Some((size, _)) = sizes.list.iter().find(|(size, _)| !(least..=most).contains(size)) {
            let message = format!("size {size} is outside the profile, which covers {least} to {most}");
            return Err(sizes.value.error(message).help("measure that size too"));
        }
    }
    let share = |sizes: &&WrittenSizes<'_>, value: &f64| {
        sizes.list.iter().find(|(size, _)| size == value).map_or(0.0, |(_, share)| *share)
    };
    let shares = lists.iter().map(|sizes| values.iter().map(|value| share(sizes, value)).collect()).collect();
    Ok(Some(Sizes { values, shares, recorded: None }))
}
