//! The unit of the times of a trace, and how it was found.

use std::fmt;

use super::Unit;

/// A unit with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// The user says so.
    Said(Unit),
    /// The name of the column says so.
    Named(Unit),
    /// The layout is known.
    Layout(Unit, &'static str),
    /// The numbers are only plausible so: times since 1970 of this century.
    Magnitude(Unit),
    /// Nothing says anything.
    Assumed(Unit),
    /// The values are date-times.
    Dated,
}

impl Chosen {
    pub(super) fn unit(self) -> Unit {
        match self {
            Chosen::Said(unit)
            | Chosen::Named(unit)
            | Chosen::Layout(unit, _)
            | Chosen::Magnitude(unit)
            | Chosen::Assumed(unit) => unit,
            Chosen::Dated => Unit::Nanos,
        }
    }

    /// What a reader of results must know of the choice; empty if it goes without saying.
    pub(super) fn remark(self) -> String {
        match self {
            Chosen::Magnitude(unit) if unit != Unit::Seconds => format!(
                "Times are taken as {} since 1970, as their magnitude shows (`unit` says otherwise)",
                words(unit)
            ),
            Chosen::Layout(unit, layout) => {
                format!(
                    "Times are taken as {}, as the columns are those of {layout} (`unit` says otherwise)",
                    words(unit)
                )
            }
            _ => String::new(),
        }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Chosen::Said(unit) => write!(f, "{}", words(*unit)),
            Chosen::Named(unit) => write!(f, "{} (by its name)", words(*unit)),
            Chosen::Layout(unit, layout) => write!(f, "{} (as of {layout})", words(*unit)),
            Chosen::Magnitude(unit) => write!(f, "{} since 1970 (by magnitude)", words(*unit)),
            Chosen::Assumed(unit) => write!(f, "{} (no unit is given)", words(*unit)),
            Chosen::Dated => f.write_str("date-times"),
        }
    }
}

fn words(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "seconds",
        Unit::Millis => "milliseconds",
        Unit::Micros => "microseconds",
        Unit::Nanos => "nanoseconds",
    }
}

/// The unit in which a number is a time since 1970 from 2001 on; seconds if it is none.
///
/// 1e9 s is 2001, and 1e11 s the year 5138, but 1e11 ms 1973: from there on each factor of 1000 is a finer unit.
pub(super) fn by_magnitude(text: &[u8]) -> Chosen {
    match fast_float2::parse::<f64, _>(text) {
        Ok(value) if value >= 1e17 => Chosen::Magnitude(Unit::Nanos),
        Ok(value) if value >= 1e14 => Chosen::Magnitude(Unit::Micros),
        Ok(value) if value >= 1e11 => Chosen::Magnitude(Unit::Millis),
        // What is beyond the clock's 292 years is no time in seconds.
        Ok(value) if (1e9..9.2e9).contains(&value) => Chosen::Magnitude(Unit::Seconds),
        _ => Chosen::Assumed(Unit::Seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_in_every_unit() {
        for (text, unit) in [
            ("1795442136", Unit::Seconds),
            ("1795442136.25", Unit::Seconds),
            ("1795442136250", Unit::Millis),
            ("1795442136250000", Unit::Micros),
            ("1795442136250000000", Unit::Nanos),
        ] {
            assert_eq!(by_magnitude(text.as_bytes()), Chosen::Magnitude(unit), "{text}");
        }
        assert_eq!(by_magnitude(b"12.5"), Chosen::Assumed(Unit::Seconds));
    }
}
