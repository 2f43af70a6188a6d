//! Numbers and date-times of a trace in integer nanoseconds, exact for decimal text.

use super::datetime::date_time;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers of which one is `10^digits` ns.
    Number { digits: u32 },
    /// Date-times in any of the forms of [`date_time`]; without a zone they are taken as UTC.
    DateTime,
}

#[cfg(feature = "parquet")]
impl Kind {
    /// How a value of `nanos` is written.
    pub(super) fn text(self, nanos: i64) -> String {
        match self {
            Kind::Number { digits } => {
                let unit = 10_i64.pow(digits);
                let fraction = format!(".{:0width$}", nanos % unit, width = digits as usize);
                format!("{}{}", nanos / unit, fraction.trim_end_matches('0').trim_end_matches('.'))
            }
            Kind::DateTime => jiff::Timestamp::from_nanosecond(i128::from(nanos))
                .map_or_else(|_| nanos.to_string(), |time| time.to_string()),
        }
    }
}

const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// The largest value: all are differences of i64 nanoseconds.
const LARGEST: u64 = i64::MAX as u64;

/// Any so many digits are a u64, and nanoseconds since 1970 have as many.
const MOST_DIGITS: usize = 19;

/// The unsigned decimal that `text` starts with, times `10^digits`, and its length in bytes.
///
/// Exact; digits below one unit are rounded half up. `None` leaves the case to [`parse`].
#[inline]
pub(super) fn prefix(text: &[u8], digits: u32) -> Option<(u64, usize)> {
    let (whole, whole_digits) = run_of_digits(text);
    if whole_digits == 0 || whole_digits > MOST_DIGITS {
        return None;
    }
    let mut at = whole_digits;
    let mut value = whole.checked_mul(POWERS[digits as usize])?;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let fraction = &text[at..];
        let (part, part_digits) = run_of_digits(fraction);
        if part_digits > MOST_DIGITS {
            return Some((of_begin(&text[..at + MOST_DIGITS], digits)?, at + part_digits));
        }
        at += part_digits;
        let missing = digits as i32 - part_digits as i32;
        let part = if missing >= 0 {
            part * POWERS[missing as usize]
        } else {
            let unit = POWERS[-missing as usize];
            (part + unit / 2) / unit
        };
        value = value.checked_add(part)?;
    }
    (value <= LARGEST).then_some((value, at))
}

/// The value of a decimal by its first digits: whether a half is reached, the first one below a nanosecond says.
#[cold]
#[inline(never)]
fn of_begin(text: &[u8], digits: u32) -> Option<u64> {
    prefix(text, digits).map(|(value, _)| value)
}

/// The value of the leading digits and their number; the value is right for up to [`MOST_DIGITS`].
#[inline]
fn run_of_digits(text: &[u8]) -> (u64, usize) {
    let mut value = 0u64;
    let mut at = 0;
    while let Some(eight) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        let Some(part) = eight_digits(word) else { break };
        value = value.wrapping_mul(100_000_000).wrapping_add(part);
        at += 8;
    }
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// The value of eight ASCII digits, all at once.
/// Source: D. Lemire, "Quickly parsing eight digits" (2018).
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let high = word & 0xF0F0_F0F0_F0F0_F0F0;
    let carried = (word.wrapping_add(0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0) >> 4;
    if high | carried != 0x3333_3333_3333_3333 {
        return None;
    }
    let pairs = (word & 0x0F0F_0F0F_0F0F_0F0F).wrapping_mul(2561) >> 8;
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(6_553_601) >> 16;
    Some((fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(42_949_672_960_001) >> 32)
}

/// A value of `kind` in nanoseconds; for date-times since 1970. Errors with the reason.
pub(super) fn parse(text: &[u8], kind: Kind) -> Result<i64, String> {
    value(text, kind).map_err(|refused| {
        let shown = String::from_utf8_lossy(&text[..text.len().min(40)]);
        match kind {
            Kind::DateTime => {
                format!("`{shown}` is no date-time such as 2026-01-31 18:17:03.25 or 2026-01-31T18:17:03Z")
            }
            Kind::Number { .. } => refused.reason(&shown),
        }
    })
}

/// As [`parse`], without the value in the reason.
pub(super) fn value(text: &[u8], kind: Kind) -> Result<i64, Refused> {
    match kind {
        Kind::DateTime => date_time(text).ok_or(Refused::NoNumber),
        Kind::Number { digits } => number(text, digits),
    }
}

/// Why a value is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    NoNumber,
    NotFinite,
    Negative,
    TooLarge,
}

impl Refused {
    /// What such a value is.
    pub(super) fn is(self) -> &'static str {
        match self {
            Refused::NoNumber => "is no time",
            Refused::NotFinite => "is not finite",
            Refused::Negative => "is negative",
            Refused::TooLarge => "is beyond 292 years in its unit",
        }
    }

    /// The reason in words; `shown` is the value.
    pub(super) fn reason(self, shown: &str) -> String {
        match self {
            Refused::NoNumber => format!("`{shown}` is no number"),
            Refused::NotFinite => format!("`{shown}` is not finite"),
            Refused::Negative => format!("`{shown}` is negative"),
            Refused::TooLarge => format!("`{shown}` is beyond 292 years in the unit of the column"),
        }
    }
}

fn number(text: &[u8], digits: u32) -> Result<i64, Refused> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    match prefix(text, digits) {
        Some((value, length)) if length == text.len() => Ok(value as i64),
        // More digits than any time has are read to the 53 bits of a double.
        _ => match raised(text, digits) {
            Some(value) => Ok(value as i64),
            None => scaled(fast_float2::parse(text).map_err(|_| Refused::NoNumber)?, digits),
        },
    }
}

/// The value of a decimal with an exponent that leaves a power of ten that is whole; exact.
fn raised(text: &[u8], digits: u32) -> Option<u64> {
    let at = text.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let exponent: i32 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
    let power =
        u32::try_from(digits.cast_signed().checked_add(exponent)?).ok().filter(|power| *power < 20)?;
    let (value, length) = prefix(&text[..at], power)?;
    (length == at).then_some(value)
}

/// `value * 10^digits`, rounded to a whole number of nanoseconds.
pub(super) fn scaled(value: f64, digits: u32) -> Result<i64, Refused> {
    let unit = POWERS[digits as usize];
    match value {
        _ if !value.is_finite() => Err(Refused::NotFinite),
        _ if value < 0.0 => Err(Refused::Negative),
        _ if value >= LARGEST as f64 => Err(Refused::TooLarge),
        _ => {
            // Whole part and fraction apart: the product of an epoch time would be rounded to 256 ns.
            let whole = (value as i64).checked_mul(unit as i64);
            let part = (value.fract() * unit as f64).round() as i64;
            whole.and_then(|whole| whole.checked_add(part)).ok_or(Refused::TooLarge)
        }
    }
}

/// True if `text` is a number, whatever its value.
pub(super) fn is_number(text: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Result<i64, String> {
        parse(text.as_bytes(), Kind::Number { digits: 9 })
    }

    #[test]
    fn decimals_are_exact_to_the_nanosecond() {
        for (text, nanos) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("0.000000001", 1),
            ("1700000000.123456789", 1_700_000_000_123_456_789),
            ("12345678.12345678", 12_345_678_123_456_780),
            ("0.0000000005", 1),
            ("0.00000000049", 0),
            ("0.9999999999", 1_000_000_000),
            ("5.", 5_000_000_000),
            (".25", 250_000_000),
            ("+2", 2_000_000_000),
            ("1.5e-3", 1_500_000),
            ("2E3", 2_000_000_000_000),
            ("-0", 0),
            ("0.07949090003967285", 79_490_900),
            ("9223372036.854775807", i64::MAX),
            ("0.12345678949999999999999", 123_456_789),
            ("1795442136.250000150e0", 1_795_442_136_250_000_150),
            ("1.795442136250000151e+9", 1_795_442_136_250_000_151),
            ("9007199254740993e-6", 9_007_199_254_740_993_000),
            ("1e-9", 1),
            ("1700000000.12345678950000000000001", 1_700_000_000_123_456_790),
        ] {
            assert_eq!(seconds(text), Ok(nanos), "{text}");
        }
        assert_eq!(parse(b"1700000000123", Kind::Number { digits: 6 }), Ok(1_700_000_000_123_000_000));
        assert_eq!(parse(b"1700000000123456789", Kind::Number { digits: 0 }), Ok(1_700_000_000_123_456_789));
        assert_eq!(parse(b"9223372036854775807.4", Kind::Number { digits: 0 }), Ok(i64::MAX));
    }

    #[test]
    fn doubles_keep_the_value_that_they_have() {
        // The double next to 1700000000.123456789 is 1700000000.1234567165374755859375.
        assert_eq!(scaled(1_700_000_000.123_456_7, 9), Ok(1_700_000_000_123_456_717));
        assert_eq!(scaled(1e18, 0), Ok(1_000_000_000_000_000_000));
        assert_eq!(scaled(9.3e9, 9), Err(Refused::TooLarge));
        assert_eq!(scaled(f64::NAN, 9), Err(Refused::NotFinite));
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no number"),
            (".", "no number"),
            ("1.2.3", "no number"),
            ("12x", "no number"),
            ("NaN", "not finite"),
            ("inf", "not finite"),
            ("-1", "negative"),
            ("1700000000000", "beyond"),
            ("1e30", "beyond"),
            ("99999999999999999999999999", "beyond"),
        ] {
            let error = seconds(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn eight_digits_at_once_agree_with_one_at_a_time() {
        for value in [0u64, 1, 12_345_678, 99_999_999, 90_000_001, 10_203_040] {
            let text = format!("{value:08}");
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            assert_eq!(eight_digits(word), Some(value));
        }
        for text in [b"1234567.", b"12345:78", b"/1234567", b"12345678".map(|b| b | 0x80).as_ref()] {
            assert_eq!(eight_digits(u64::from_le_bytes(text.try_into().unwrap())), None);
        }
    }
}
