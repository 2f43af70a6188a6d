//! Times and log streams as exports write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Nanoseconds since 1970 of a date-time (without a zone UTC) or of a number since 1970, whose size tells its unit.
pub fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() >= 9 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return epoch(text);
    }
    let bytes = text.as_bytes();
    if bytes.get(4) != Some(&b'-') || bytes.get(7) != Some(&b'-') {
        return None;
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let time = match text.parse::<jiff::Timestamp>() {
        Ok(time) => time,
        Err(_) => TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
    };
    i64::try_from(time.as_nanosecond()).ok()
}

/// Seconds, ms, us or ns since 1970, by their size: from 2001 on no two of them overlap before 2286.
fn epoch(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let value: i64 = whole.parse().ok()?;
    let unit: i64 = match whole.len() {
        9 | 10 => 1_000_000_000,
        12 | 13 => 1_000_000,
        15 | 16 => 1_000,
        18 | 19 => 1,
        _ => return None,
    };
    let fraction: f64 = if part.is_empty() { 0.0 } else { format!("0.{part}").parse().ok()? };
    value.checked_mul(unit)?.checked_add((fraction * unit as f64).round() as i64)
}

/// `2026/01/05/[$LATEST]0a1b..` or `2026/01/05/name[3]0a1b..`.
pub fn is_stream(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() > 12
        && [4, 7, 10].iter().all(|at| bytes[*at] == b'/')
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && word.contains('[')
        && word.contains(']')
}

/// The time and the log stream that a line starts with, as `aws logs tail` and exports to storage write them.
pub fn prefix(line: &str) -> (Option<i64>, Option<&str>) {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    let (mut at, mut next) = (None, 0);
    if let Some(first) = words.first() {
        let both = words.get(1).map(|second| format!("{first} {second}"));
        let dated = first.len() == 10 && first.as_bytes()[4] == b'-';
        match both.as_deref().filter(|_| dated).and_then(instant) {
            Some(time) => (at, next) = (Some(time), 2),
            None if !dated => {
                at = instant(first);
                next = usize::from(at.is_some());
            }
            None => {}
        }
    }
    (at, words.get(next).copied().filter(|word| is_stream(word)))
}

/// True if the text is nothing but a time and a stream, or blank.
pub fn is_prefix(text: &str) -> bool {
    let (at, stream) = prefix(text);
    let dated = text.split_whitespace().next().is_some_and(|word| word.len() == 10 && at.is_some());
    let known =
        usize::from(at.is_some()) + usize::from(dated && instant_words(text)) + usize::from(stream.is_some());
    text.split_whitespace().count() == known
}

/// A date and a time of day in two words, not a number of seconds.
fn instant_words(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|word| word.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_in_every_form() {
        let wanted = Some(1_767_607_200_250_000_000);
        for text in [
            "2026-01-05T10:00:00.250Z",
            "2026-01-05T11:00:00.250+01:00",
            "2026-01-05T10:00:00.250000+00:00",
            "2026-01-05 10:00:00.250",
            "2026-01-05 10:00:00.250 UTC",
            "1767607200.25",
            "1767607200250",
            "1767607200250000",
            "1767607200250000000",
        ] {
            assert_eq!(instant(text), wanted, "{text}");
        }
        assert_eq!(instant("20260105"), None);
        assert_eq!(instant("10:00"), None);
    }

    #[test]
    fn a_line_s_time_and_stream() {
        let stream = "2026/01/05/[$LATEST]0a1b2c";
        let at = instant("2026-01-05T10:00:00Z");
        for time in ["2026-01-05T10:00:00", "2026-01-05 10:00:00.000", "1767607200000"] {
            assert_eq!(prefix(&format!("{time} {stream} REPORT x")), (at, Some(stream)), "{time}");
            assert!(is_prefix(&format!("{time} {stream} ")) && is_prefix(&format!("{time} ")));
            assert!(!is_prefix(&format!("{time} INFO ")));
        }
        assert_eq!(prefix("REPORT RequestId: x"), (None, None));
    }
}
