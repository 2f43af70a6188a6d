//! Points in time as programs write them: ISO 8601, the date of access logs, RFC 2822, and their kin.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const LONGEST: usize = 64;

/// Nanoseconds since 1970; `None` if `text` is no date-time, or beyond 1677 to 2262. Without a zone it is UTC.
pub(super) fn date_time(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"[").map_or(text, |rest| rest.strip_suffix(b"]").unwrap_or(rest));
    if !(8..=LONGEST).contains(&text.len()) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    match text.as_bytes() {
        [_, _, _, _, b'-', ..] => iso(text),
        [_, _, _, _, b'/', ..] => iso(&text.replacen('/', "-", 2)),
        [date @ .., b'T', _, _, _, _, _, _] | [date @ .., b'T', _, _, _, _, _, _, b'Z']
            if date.len() == 8 =>
        {
            iso(text)
        }
        _ => named_month(text),
    }
}

/// ISO 8601 and what is near it: a blank before the zone, a comma before the fraction, `UTC` at the end.
fn iso(text: &str) -> Option<i64> {
    let plain = |text: &str| -> Option<i64> {
        let time = match text.parse::<jiff::Timestamp>() {
            Ok(time) => time,
            Err(_) => TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
        };
        i64::try_from(time.as_nanosecond()).ok()
    };
    if let Some(nanos) = plain(text) {
        return Some(nanos);
    }
    let text = ["UTC", "GMT"].into_iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text).trim_end();
    let mut text = text.replacen(',', ".", 1);
    if let Some(at) = text.rfind([' ']).filter(|at| text[at + 1..].starts_with(['+', '-', 'Z'])) {
        text.remove(at);
    }
    plain(&text)
}

/// `10/Oct/2026:13:55:36.123 +0000`, `Mon, 23 Nov 2026 00:00:00 GMT`, `Mon Nov 23 00:00:00 2026`, `23-Nov-2026 1:02:03 PM`.
fn named_month(text: &str) -> Option<i64> {
    let mut found = Named::default();
    for token in text.split([' ', ',', '/']).filter(|token| !token.is_empty()) {
        found.take(token)?;
    }
    let Named { year, month, day, clock, offset, afternoon } = found;
    let (hour, minute, second, nanos) = clock?;
    let hour = match afternoon {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
    };
    let time = DateTime::new(year?, month?, day?, hour, minute, second, nanos).ok()?;
    let nanos = TimeZone::UTC.to_timestamp(time).ok()?.as_nanosecond();
    i64::try_from(nanos - i128::from(offset.unwrap_or(0)) * 1_000_000_000).ok()
}

/// The parts of a date with a month's name, as far as they were seen.
#[derive(Default)]
struct Named {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    clock: Option<(i8, i8, i8, i32)>,
    /// East of Greenwich \[s\].
    offset: Option<i64>,
    /// Hours that are added.
    afternoon: Option<i8>,
}

impl Named {
    /// Takes the next token; `None` if it is no part of a date.
    fn take(&mut self, token: &str) -> Option<()> {
        let lower = token.to_ascii_lowercase();
        if let Some((date, clock)) = token.split_once(':').filter(|(date, _)| date.len() == 4) {
            self.take(date)?;
            return self.take(clock);
        }
        if lower.matches('-').count() == 2 && lower.bytes().any(|b| b.is_ascii_alphabetic()) {
            return lower.split('-').try_for_each(|part| self.take(part));
        }
        match lower.as_str() {
            "gmt" | "utc" | "ut" | "z" => self.offset = Some(0),
            "am" => self.afternoon = Some(0),
            "pm" => self.afternoon = Some(12),
            _ if lower.contains(':') && !lower.starts_with(['+', '-']) => self.clock = Some(clock(&lower)?),
            _ if lower.starts_with(['+', '-']) => self.offset = Some(offset(&lower)?),
            _ if lower.bytes().all(|b| b.is_ascii_digit()) => match lower.len() {
                4 => self.year = Some(lower.parse().ok()?),
                1 | 2 => self.day = Some(lower.parse().ok()?),
                _ => return None,
            },
            _ => self.take_name(lower.as_bytes())?,
        }
        Some(())
    }

    fn take_name(&mut self, name: &[u8]) -> Option<()> {
        const DAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];
        let head: &[u8; 3] = name.first_chunk()?;
        if !name.iter().all(|b| b.is_ascii_alphabetic() || *b == b'.') {
            return None;
        }
        if let Some(month) = MONTHS.iter().position(|known| *known == head) {
            self.month = Some(month as i8 + 1);
            return Some(());
        }
        DAYS.contains(&head).then_some(())
    }
}

fn clock(text: &str) -> Option<(i8, i8, i8, i32)> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let mut parts = whole.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let digits = fraction.get(..fraction.len().min(9))?;
    let nanos =
        if digits.is_empty() { 0 } else { digits.parse::<i32>().ok()? * 10_i32.pow(9 - digits.len() as u32) };
    parts.next().is_none().then_some((hour, minute, second, nanos))
}

/// `+0100` or `-05:30` \[s\].
fn offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 13:55:36 UTC, by `date -u -d '2026-11-23 13:55:36' +%s`.
    const BASE: i64 = 1_795_442_136_000_000_000;

    #[test]
    fn every_form_of_one_instant() {
        for text in [
            "2026-11-23T13:55:36Z",
            "2026-11-23 13:55:36",
            "2026-11-23T14:55:36+01:00",
            "2026-11-23T14:55:36+0100",
            "2026-11-23 14:55:36 +0100",
            "2026-11-23 13:55:36 +0000 UTC",
            "2026-11-23 13:55:36 GMT",
            "2026/11/23 13:55:36",
            "20261123T135536Z",
            "23/Nov/2026:13:55:36 +0000",
            "[23/Nov/2026:08:25:36 -0530]",
            "Mon, 23 Nov 2026 13:55:36 GMT",
            "Mon, 23 Nov 2026 14:55:36 +0100",
            "Mon Nov 23 13:55:36 2026",
            "Mon Nov 23 13:55:36 UTC 2026",
            "Nov 23, 2026 1:55:36 PM",
            "23-Nov-2026 13:55:36",
        ] {
            assert_eq!(date_time(text.as_bytes()), Some(BASE), "{text}");
        }
        for text in [
            "2026-11-23 13:55:36.250",
            "2026-11-23 13:55:36,250",
            "2026-11-23T13:55:36.250Z",
            "2026-11-23 13:55:36.25 +0000 UTC",
            "23/Nov/2026:13:55:36.250 +0000",
            "Mon Nov 23 13:55:36.250000 2026",
        ] {
            assert_eq!(date_time(text.as_bytes()), Some(BASE + 250_000_000), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "20231116",
            "yesterday",
            "2026-13-01 00:00:00",
            "Mozilla/5.0",
            "10.0.0.1:8080",
            "23/Nov/2026",
            "31/Feb/2026:00:00:00 +0000",
            "23/Nov/2026:25:00:00 +0000",
            "Nov 23 13:55:36",
            "1700000000.123",
            "/v1/classify",
            // No digits, where a character of more than a byte ends beyond the ninth.
            "2026-11-23 13:55:36.0requests\u{fffd}",
            "02:55:36,0request\u{fffd}\u{fffd}sts",
            "2026-11-23 13:55:36.00000000\u{fffd}",
        ] {
            assert_eq!(date_time(text.as_bytes()), None, "{text}");
        }
    }
}
