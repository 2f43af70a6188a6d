//! Figures for people: three significant digits, a fitting unit, thousands separated.

use crate::text::separated;

/// A percentage that is not 0 and smaller than this is only said to be so: nobody decides by its digits.
const LEAST_PERCENT: f64 = 0.001;

/// A tenth of a nanosecond.
const LEAST_SECONDS: f64 = 1e-10;

/// A duration given in seconds: `138 ms`, `1.25 s`, `12.5 min`, `26.3 h`.
pub fn duration(seconds: f64) -> String {
    let size = seconds.abs();
    let (factor, unit) = match size {
        _ if !seconds.is_finite() => (1.0, "s"),
        // Time is counted in nanoseconds: what means of them differ by in rounding is nothing.
        s if s < LEAST_SECONDS => return "0 s".to_owned(),
        s if s < 0.999_5e-6 => (1e9, "ns"),
        s if s < 0.999_5e-3 => (1e6, "µs"),
        s if s < 0.999_5 => (1e3, "ms"),
        s if s < 120.0 => (1.0, "s"),
        s if s < 7_200.0 => (1.0 / 60.0, "min"),
        _ => (1.0 / 3_600.0, "h"),
    };
    format!("{} {unit}", number(seconds * factor))
}

/// US dollars, in cents or three significant digits: `$0.246`, `$6.80`, `$1,234.50`.
pub fn money(dollars: f64) -> String {
    let sign = if dollars < 0.0 { "-" } else { "" };
    let size = dollars.abs();
    if !size.is_finite() || (size > 0.0 && size < 1e-6) {
        return format!("{sign}${}", number(size));
    }
    let decimals = if size == 0.0 { 2 } else { (2 - magnitude(size)).max(2) as usize };
    let digits = separated(&format!("{size:.decimals$}"));
    format!("{sign}${digits}")
}

/// A whole number: `4,512,330`.
pub fn count(value: u64) -> String {
    separated(&value.to_string())
}

/// A fraction of one as a percentage: `2.4 %`, `0.037 %`, `<0.001 %`.
pub fn percent(fraction: f64) -> String {
    let value = fraction * 100.0;
    if value != 0.0 && value.abs() < LEAST_PERCENT {
        return format!("<{LEAST_PERCENT} %");
    }
    let decimals = if value != 0.0 && value.abs() < 0.95 { 2 - magnitude(value) - 1 } else { 1 };
    format!("{} %", trimmed(&separated(&format!("{value:.*}", decimals.max(0) as usize))))
}

/// How far a figure is from another, as a share of that: `+2.4 %`, `-5.1 %`.
pub fn change(fraction: f64) -> String {
    let sign = if fraction * 100.0 >= LEAST_PERCENT { "+" } else { "" };
    format!("{sign}{}", percent(fraction))
}

/// The difference of two shares in percentage points: `+2.4 points`.
pub fn points(difference: f64) -> String {
    let sign = if difference > 0.0 { "+" } else { "" };
    format!("{sign}{} points", number(difference * 100.0))
}

/// Three significant digits, whole from 1,000 on: `0.0123`, `12.3`, `1,235`.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "n/a".to_owned() } else { value.to_string().replace("inf", "∞") };
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() < 1e-6 || value.abs() >= 1e15 {
        return format!("{value:.2e}");
    }
    let decimals = (2 - magnitude(value)).max(0) as usize;
    trimmed(&separated(&format!("{value:.decimals$}")))
}

/// Without zeros at the end of the fraction.
pub(super) fn trimmed(decimal: &str) -> String {
    if !decimal.contains('.') {
        return decimal.to_owned();
    }
    decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// floor(log10 |value|) after rounding to three significant digits: 9.996 counts as 10.
fn magnitude(value: f64) -> i32 {
    let text = format!("{:.2e}", value.abs());
    text.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_a_fitting_unit() {
        for (seconds, text) in [
            (0.138_2, "138 ms"),
            (1.25, "1.25 s"),
            (0.0, "0 s"),
            (0.999_7, "1 s"),
            (4.2e-5, "42 µs"),
            (750.0, "12.5 min"),
            (94_680.0, "26.3 h"),
            (-0.02, "-20 ms"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn money_has_three_digits_or_cents() {
        for (dollars, text) in [
            (0.246, "$0.246"),
            (0.0, "$0.00"),
            (12.4, "$12.40"),
            (1_234.5, "$1,234.50"),
            (9.999, "$10.00"),
            (-0.5, "-$0.500"),
            (6.8, "$6.80"),
            (0.000_016_666_7, "$0.0000167"),
        ] {
            assert_eq!(money(dollars), text);
        }
    }

    #[test]
    fn counts_and_percentages() {
        assert_eq!(count(4_512_330), "4,512,330");
        assert_eq!(count(999), "999");
        assert_eq!(percent(0.024), "2.4 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.000_37), "0.037 %");
        assert_eq!(percent(-0.051), "-5.1 %");
        assert_eq!(percent(0.000_000_000_04), "<0.001 %");
        assert_eq!(percent(-0.000_000_1), "<0.001 %");
        assert_eq!(percent(0.000_01), "0.001 %");
        assert_eq!(percent(12.345), "1,234.5 %");
        assert_eq!(change(0.024), "+2.4 %");
        assert_eq!(change(-0.024), "-2.4 %");
        assert_eq!(change(0.0), "0 %");
        assert_eq!(change(1e-9), "<0.001 %");
        assert_eq!(points(0.024), "+2.4 points");
        assert_eq!(points(0.0), "0 points");
    }

    #[test]
    fn numbers_never_lose_their_whole_part() {
        assert_eq!(number(123_456.7), "123,457");
        assert_eq!(number(12.345), "12.3");
        assert_eq!(number(100.0), "100");
        assert_eq!(number(9.996), "10");
        assert_eq!(number(f64::NAN), "n/a");
        assert_eq!(number(f64::INFINITY), "∞");
    }
}
