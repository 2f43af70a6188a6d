//! Simulated time in integer nanoseconds, memory sizes and money, with their parsing and display.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Serialize, Serializer};

use crate::text::separated;

const NANOS: f64 = 1e9;

/// An instant of the replay: nanoseconds since its start. The range is 584 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

/// A length of time in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub u64);

/// A memory size in MB (1 MB = 1,024 KB, as the platforms count).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct MemoryMb(pub u32);

impl Time {
    /// The start of the replay.
    pub const ZERO: Time = Time(0);
    /// Later than anything that happens.
    pub const NEVER: Time = Time(u64::MAX);

    /// Seconds since the start.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS
    }

    /// The span from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// The longest span.
    pub const MAX: Span = Span(u64::MAX);

    /// A span of whole milliseconds.
    pub const fn from_millis(ms: u64) -> Span {
        Span(ms * 1_000_000)
    }

    /// A span of whole seconds.
    pub const fn from_secs(s: u64) -> Span {
        Span(s * 1_000_000_000)
    }

    /// The nearest span to `seconds`; `None` if that is negative, not a number or beyond the range.
    pub fn from_secs_f64(seconds: f64) -> Option<Span> {
        let nanos = (seconds * NANOS).round();
        (nanos >= 0.0 && nanos < u64::MAX as f64).then_some(Span(nanos as u64))
    }

    /// The span in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS
    }

    /// Parses `"200ms"`, `"300 ms"`, `"1.5h"`, `"1h 30min"`: exact decimals with a unit each.
    ///
    /// Units: ns, us (µs), ms, s, min, h, d. Errors with what is wrong.
    pub fn parse(text: &str) -> Result<Span, String> {
        let mut total: u64 = 0;
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err("a duration is empty".into());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let tail = tail.trim_start();
            let letters = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let scale = unit_nanos(unit).ok_or_else(|| format!("`{text}` is no duration"))?;
            let part = scaled_decimal(number, scale).ok_or_else(|| format!("`{text}` is no duration"))?;
            total = total.checked_add(part).ok_or_else(|| format!("`{text}` is beyond 584 years"))?;
            rest = tail.trim_start();
        }
        Ok(Span(total))
    }

    /// As scenarios have it: `200ms`, `1.5s`, `50us`.
    pub fn written(self) -> String {
        self.to_string().replace('µ', "u").replace(' ', "")
    }
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    })
}

/// `number x scale` for an unsigned decimal, exact; `None` if malformed, beyond the range, or if
/// digits would be lost below one unit.
fn scaled_decimal(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut value = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.checked_mul(scale)? };
    let mut unit = scale;
    for digit in fraction.bytes() {
        let digit = u64::from(digit - b'0');
        if !unit.is_multiple_of(10) && digit != 0 {
            return None;
        }
        unit /= 10;
        value = value.checked_add(digit * unit)?;
    }
    Some(value)
}

impl fmt::Display for Span {
    /// The shortest exact form in one unit: `200 ms`, `1.5 s`, `10 min`, `24 h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, nanos) in [("h", 3_600_000_000_000), ("min", 60_000_000_000)] {
            if self.0 != 0 && self.0.is_multiple_of(nanos) {
                return write!(f, "{} {unit}", self.0 / nanos);
            }
        }
        let (unit, nanos) = match self.0 {
            0 => return write!(f, "0 s"),
            n if n >= 1_000_000_000 => ("s", 1_000_000_000),
            n if n >= 1_000_000 => ("ms", 1_000_000),
            n if n >= 1_000 => ("µs", 1_000),
            _ => ("ns", 1),
        };
        let (whole, part) = (self.0 / nanos, self.0 % nanos);
        let width = nanos.ilog10() as usize;
        let fraction = format!("{part:0width$}");
        match fraction.trim_end_matches('0') {
            _ if part == 0 => write!(f, "{whole} {unit}"),
            digits => write!(f, "{whole}.{digits} {unit}"),
        }
    }
}

/// Times in files are seconds.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_secs_f64())
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub for Time {
    type Output = Span;
    /// Panics in debug builds if `earlier` is later than `self`.
    fn sub(self, earlier: Time) -> Span {
        debug_assert!(self >= earlier);
        Span(self.0 - earlier.0)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for MemoryMb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MB", separated(&self.0.to_string()))
    }
}

/// A price in whole pico-dollars (1e-12 $) per unit: exact for every published price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Price(pub u64);

/// An amount of money in whole pico-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Usd(pub u128);

/// No price is written with a larger exponent, and the digits are shifted one at a time.
const FURTHEST_EXPONENT: i32 = 40;

impl Price {
    /// Parses a decimal number of dollars such as `"0.0000166667"` or `"1.66667e-5"`, exactly.
    ///
    /// `None` if it is malformed, negative or has digits below 1e-12 $.
    pub fn parse(text: &str) -> Option<Price> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().ok().filter(|e: &i32| e.abs() <= FURTHEST_EXPONENT)?;
        let exponent = exponent + 12 - i32::try_from(fraction.len()).ok()?;
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut value: u64 = digits.parse().ok()?;
        for _ in 0..exponent.max(0) {
            value = value.checked_mul(10)?;
        }
        for _ in 0..(-exponent).max(0) {
            if !value.is_multiple_of(10) {
                return None;
            }
            value /= 10;
        }
        Some(Price(value))
    }

    /// The price of one unit in dollars.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

impl Usd {
    /// The amount in dollars.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0 + other.0)
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd(0), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_parse_exactly_and_print_back() {
        for (text, nanos, shown) in [
            ("200ms", 200_000_000, "200 ms"),
            ("1.5h", 5_400_000_000_000, "90 min"),
            ("1h 30min", 5_400_000_000_000, "90 min"),
            ("0.01s", 10_000_000, "10 ms"),
            ("24h", 86_400_000_000_000, "24 h"),
            ("0s", 0, "0 s"),
            ("1.25s", 1_250_000_000, "1.25 s"),
            (".5us", 500, "500 ns"),
            ("300 ms", 300_000_000, "300 ms"),
            (" 1 h  30 min ", 5_400_000_000_000, "90 min"),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!(span, Span(nanos), "{text}");
            assert_eq!(span.to_string(), shown, "{text}");
            let written = span.written();
            assert!(
                Span::parse(&written) == Ok(span) && !written.contains(' ') && written.is_ascii(),
                "{written}"
            );
        }
        for bad in
            ["", "200", "ms", "-1s", "1.2.3s", "0.1ns", "1e3s", "9999999999h", "5 s x", "1 30min", "5 m s"]
        {
            assert!(Span::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prices_are_exact() {
        assert_eq!(Price::parse("1.66667e-5"), Some(Price(16_666_700)));
        assert_eq!(Price::parse("0.0000002"), Some(Price(200_000)));
        assert_eq!(Price::parse("0.952"), Some(Price(952_000_000_000)));
        assert_eq!(Price::parse("-1"), None);
        assert_eq!(Price::parse("1e-13"), None);
        assert_eq!(Price::parse("0e2147483647"), None);
    }

    #[test]
    fn seconds_outside_the_range_are_refused() {
        assert_eq!(Span::from_secs_f64(-1.0), None);
        assert_eq!(Span::from_secs_f64(f64::NAN), None);
        assert_eq!(Span::from_secs_f64(0.25), Some(Span::from_millis(250)));
    }
}
