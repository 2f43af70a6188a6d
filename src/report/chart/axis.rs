//! Axes: what they measure, and ranges that cover the data.

use crate::report::format;

/// Larger values cannot be shown: the span of their range would overflow.
const LARGEST: f64 = 1e300;

/// What an axis measures; decides the labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A plain figure; the unit's name (may be empty) follows the axis title.
    Number(String),
    /// Latencies and the like, given in seconds and shown in µs, ms, s, min or h.
    Seconds,
    /// Time since the start, given in seconds; ticks at round clock times.
    Elapsed,
    /// US dollars.
    Usd,
    /// A fraction of one, shown in percent.
    Share,
}

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    Linear,
    Log,
}

/// Where the range of an axis ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// At round values round the data, zero included if the data come near it.
    Round,
    /// At the data themselves.
    Tight,
    /// At round values, always with zero.
    Zero,
}

/// An axis: its title, unit and kind. The range comes from the data.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Its name.
    pub title: String,
    /// What its numbers are.
    pub unit: Unit,
    pub(super) spread: Spread,
    ends: Ends,
}

/// The range of an axis; every value that it was made from lies within.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    pub(super) spread: Spread,
    /// The least value of the range.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Axis {
    /// A linear axis whose range ends at round values.
    pub fn new(title: impl Into<String>, unit: Unit) -> Axis {
        Axis { title: title.into(), unit, spread: Spread::Linear, ends: Ends::Round }
    }

    /// With a logarithmic scale; values of zero or less cannot be shown on it.
    pub fn log(self) -> Axis {
        Axis { spread: Spread::Log, ..self }
    }

    /// With a range that ends at the data, as suits a time axis.
    pub fn tight(self) -> Axis {
        Axis { ends: Ends::Tight, ..self }
    }

    /// With a range that includes zero, as bars need it.
    pub fn from_zero(self) -> Axis {
        Axis { ends: Ends::Zero, ..self }
    }

    /// Whether `value` has a place on this kind of axis.
    pub fn can_show(&self, value: f64) -> bool {
        value.abs() <= LARGEST && (self.spread == Spread::Linear || value > 0.0)
    }

    /// The range that covers all `values` that can be shown; `None` if there are none.
    pub fn scale(&self, values: impl Iterator<Item = f64>) -> Option<Scale> {
        let shown = values.filter(|value| self.can_show(*value));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return None;
        }
        let (low, high) = match self.spread {
            Spread::Log => log_ends(low, high, self.ends),
            Spread::Linear => self.linear_ends(low, high),
        };
        Some(Scale { spread: self.spread, low, high })
    }

    /// A value of this axis in words of its own.
    pub fn reading(&self, value: f64) -> String {
        match self.unit {
            Unit::Number(_) => format::number(value),
            Unit::Seconds | Unit::Elapsed => format::duration(value),
            Unit::Usd => format::money(value),
            Unit::Share => format::percent(value),
        }
    }

    /// The title beside such values.
    pub fn reading_title(&self) -> String {
        match &self.unit {
            Unit::Number(unit) if !unit.is_empty() => format!("{} ({unit})", self.title),
            _ => self.title.clone(),
        }
    }

    fn linear_ends(&self, low: f64, high: f64) -> (f64, f64) {
        if self.ends == Ends::Tight && low < high {
            return (low, high);
        }
        let zero = self.ends == Ends::Zero || (self.ends == Ends::Round && low >= 0.0 && low < 0.5 * high);
        let (mut low, mut high) = if zero { (low.min(0.0), high.max(0.0)) } else { (low, high) };
        if low == high {
            let margin = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            (low, high) = match low {
                _ if zero => (0.0, margin),
                _ => (low - margin, high + margin),
            };
        }
        let (factor, unit) = self.display_unit(&Scale { spread: self.spread, low, high });
        let step = self.step(&unit, (high - low) * factor, 6) / factor;
        // A share that reaches 100 % needs no room above it.
        let (down, up) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
        (down.min(low), up.max(high))
    }
}

impl Scale {
    /// Where `value` lies: 0 at the low end, 1 at the high end.
    pub fn fraction(&self, value: f64) -> f64 {
        match self.spread {
            Spread::Linear => (value - self.low) / (self.high - self.low),
            Spread::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }
}

fn log_ends(low: f64, high: f64, ends: Ends) -> (f64, f64) {
    let ratio = high / low;
    if ratio < 1.01 {
        return (low / 2.0, high * 2.0);
    }
    let margin = if ends == Ends::Tight { 1.0 } else { ratio.powf(0.05).max(1.05) };
    ((low / margin).max(f64::MIN_POSITIVE), (high * margin).min(f64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number() -> Axis {
        Axis::new("a", Unit::Number(String::new()))
    }

    #[test]
    fn ranges_cover_their_data_whatever_they_are() {
        let values = [-1e12, -3.7, -1e-9, 0.0, 1e-12, 0.1, 0.3, 7.0, 99.99, 1e6, 1e15];
        for axis in
            [number(), number().tight(), number().from_zero(), number().log(), Axis::new("", Unit::Seconds)]
        {
            for (i, a) in values.iter().enumerate() {
                for b in &values[i..] {
                    let Some(scale) = axis.scale([*a, *b].into_iter()) else { continue };
                    for value in [*a, *b].into_iter().filter(|value| axis.can_show(*value)) {
                        assert!(scale.low <= value && value <= scale.high, "{axis:?} {a} {b}");
                        let place = scale.fraction(value);
                        assert!((-1e-9..=1.0 + 1e-9).contains(&place), "{axis:?} {a} {b}: {place}");
                    }
                    let ticks = axis.ticks(&scale, 6);
                    assert!(!ticks.major.is_empty() && ticks.major.len() <= 12, "{axis:?} {a} {b} {ticks:?}");
                }
            }
        }
    }

    #[test]
    fn constant_data_have_a_range_round_them() {
        for axis in [number(), number().tight(), number().log()] {
            for value in [0.0, 5.0, 1e-6] {
                let Some(scale) = axis.scale([value].into_iter()) else { continue };
                assert!(
                    scale.low < scale.high && scale.low <= value && value <= scale.high,
                    "{axis:?} {value}"
                );
            }
        }
        assert!(number().log().scale([0.0, -1.0, f64::NAN].into_iter()).is_none());
        assert!(number().scale(std::iter::empty()).is_none());
    }
}
