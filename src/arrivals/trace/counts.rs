//! Traces of counts per bin: arrivals are spread uniformly in their bin, from a seeded stream.

use rand_distr::{Distribution, Exp1};

use super::Reader;
use super::decimal::{self, Kind};
use super::lines::Lines;
use super::reading::Reading;
use super::table::Column;
use crate::arrivals::{Arrivals, BLOCK};
use crate::error::InputError;
use crate::numeric::streams::Stream;
use crate::units::{Span, Time};

/// A source of (bin, count) with bins in ascending order from 0.
pub(super) trait Bins: Send {
    /// The next bin and its count.
    fn next(&mut self) -> Result<Option<(u64, u64)>, InputError>;
    /// Where bins come from, for errors.
    fn name(&self) -> &str;
    /// Adds what was found to `reading`.
    fn report(&self, reading: &mut Reading);
}

/// What a cell without a count means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    /// A mistake.
    Refused,
    /// Nothing came, as in Huawei's traces.
    Zero,
}

/// Arrivals spread in the bins of `B`: exactly as many as were counted, in order, uniform in the bin.
pub(super) struct Spread<B> {
    bins: B,
    width: Span,
    stream: Stream,
    /// The start of the current bin.
    start: u64,
    /// Arrivals still to come in the current bin.
    left: u64,
    /// The share of the bin that is still ahead.
    ahead: f64,
    /// The end of the last bin so far.
    end: u64,
}

impl<B: Bins> Spread<B> {
    pub(super) fn new(bins: B, width: Span, stream: Stream) -> Self {
        Self { bins, width, stream, start: 0, left: 0, ahead: 1.0, end: 0 }
    }

    /// Opens the next bin; false at the end.
    fn next_bin(&mut self) -> Result<bool, InputError> {
        let Some((bin, count)) = self.bins.next()? else { return Ok(false) };
        let end = bin.checked_add(1).and_then(|next| next.checked_mul(self.width.0));
        self.end = end.ok_or_else(|| {
            InputError::new(self.bins.name(), format!("bin {bin} of {} is beyond 584 years", self.width))
                .help("set `bin` to the true length of a bin")
        })?;
        if count > self.width.0 {
            let message =
                format!("bin {bin} has {count} arrivals in {}: more than one a nanosecond", self.width);
            return Err(InputError::new(self.bins.name(), message)
                .help("is this a column of counts? choose another `column` or `format`, or set `bin`"));
        }
        self.start = self.end - self.width.0;
        (self.left, self.ahead) = (count, 1.0);
        Ok(true)
    }
}

impl<B: Bins> Arrivals for Spread<B> {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let full = block.len() + BLOCK;
        let width = self.width.0 as f64;
        while block.len() < full {
            if self.left == 0 {
                if !self.next_bin()? {
                    break;
                }
                continue;
            }
            // The first of k uniform points in what is ahead leaves the share U^(1/k) = e^(-E/k) of it:
            // order statistics one after the other, so that no bin has to be stored.
            let draw: f64 = Exp1.sample(&mut self.stream);
            self.ahead *= (-draw / self.left as f64).exp();
            self.left -= 1;
            let offset = (width * (1.0 - self.ahead)) as u64;
            block.push(Time(self.start + offset.min(self.width.0 - 1)));
        }
        Ok(())
    }

    fn bin(&self) -> Option<Span> {
        Some(self.width)
    }
}

impl<B: Bins> Reader for Spread<B> {
    /// All bins, the empty ones included.
    fn length(&self) -> Span {
        Span(self.end)
    }

    fn report(&self, reading: &mut Reading) {
        self.bins.report(reading);
    }
}

/// Counts one a line, or with their periods.
pub(super) struct CountLines {
    pub(super) lines: Lines,
    pub(super) count: Column,
    pub(super) blank: Blank,
    pub(super) periods: Periods,
}

/// How a line of counts says which bin it is of.
pub(super) enum Periods {
    /// Each line is the next bin.
    Consecutive { next: u64 },
    /// A column has the number of the bin, or the time at which it starts.
    Given(Period),
}

/// The column of periods.
pub(super) struct Period {
    pub(super) column: Column,
    pub(super) kind: Kind,
    /// From one bin to the next in the values of the column: 1 for numbers of bins.
    pub(super) step: u64,
    /// The first value and the last bin.
    pub(super) seen: Option<(i64, u64)>,
}

impl Bins for CountLines {
    fn next(&mut self) -> Result<Option<(u64, u64)>, InputError> {
        let lines = &mut self.lines;
        let empty_before = lines.last_empty();
        let Some(line) = lines.next_record(self.count.delimiter)? else { return Ok(None) };
        let Column { index, delimiter, ref label } = self.count;
        let field = lines.field(&line, delimiter, index, label)?;
        let text = &lines.text(&line)[field.clone()];
        let is_blank = text.is_empty() || text.eq_ignore_ascii_case(b"nan");
        let count = match self.blank {
            Blank::Zero if is_blank => 0,
            _ => whole(text).map_err(|reason| {
                lines.error(&line, field, reason).help("a count is a whole number of arrivals, 0 or more")
            })?,
        };
        let bin = match &mut self.periods {
            Periods::Consecutive { next } => {
                if *next > 0 && lines.last_empty() != empty_before {
                    let message = format!("line {} between two counts is empty", lines.last_empty());
                    return Err(InputError::new(lines.name(), message)
                        .help("write 0 for a bin without arrivals, or remove the line"));
                }
                *next += 1;
                *next - 1
            }
            Periods::Given(period) => period.bin(lines, &line)?,
        };
        Ok(Some((bin, count)))
    }

    fn name(&self) -> &str {
        self.lines.name()
    }

    fn report(&self, reading: &mut Reading) {
        self.lines.report(reading);
        reading.times = match &self.periods {
            Periods::Consecutive { .. } => "a bin on each line".into(),
            Periods::Given(period) => format!("bins by {}", period.column.label),
        };
    }
}

impl Period {
    fn bin(&mut self, lines: &Lines, line: &std::ops::Range<usize>) -> Result<u64, InputError> {
        let Column { index, delimiter, ref label } = self.column;
        let field = lines.field(line, delimiter, index, label)?;
        let text = &lines.text(line)[field.clone()];
        let shown = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
        let refuse = |reason: String, mend: &str| Err(lines.error(line, field.clone(), reason).help(mend));
        let value = match decimal::parse(text, self.kind) {
            Ok(value) => value,
            Err(reason) => return refuse(reason, "a period is the number of a bin, or a date-time"),
        };
        let Some((zero, last)) = self.seen else {
            self.seen = Some((value, 0));
            return Ok(0);
        };
        let past = value.checked_sub(zero).and_then(|past| u64::try_from(past).ok());
        match past {
            Some(past) if !past.is_multiple_of(self.step) => {
                refuse(format!("`{shown}` is no whole number of bins after the first period"), "check `bin`")
            }
            Some(past) if past / self.step > last => {
                self.seen = Some((zero, past / self.step));
                Ok(past / self.step)
            }
            _ => refuse(
                format!("period `{shown}` does not come after the one before it"),
                "sort the file by period, and give each period one line",
            ),
        }
    }
}

/// A whole number that is not negative; `12.0` is one.
pub(super) fn whole(text: &[u8]) -> Result<u64, String> {
    let shown = || String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
    if let Some(count) = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        return Ok(count);
    }
    match fast_float2::parse::<f64, _>(text) {
        Err(_) => Err(format!("`{}` is no number", shown())),
        Ok(value) if !value.is_finite() => Err(format!("`{}` is not finite", shown())),
        Ok(value) if value < 0.0 => Err(format!("`{}` is negative", shown())),
        Ok(value) if value.fract() != 0.0 => Err(format!("`{}` is no whole number", shown())),
        // Up to here a double is exact.
        Ok(value) if value > 9e15 => Err(format!("`{}` is too large", shown())),
        Ok(value) => Ok(value as u64),
    }
}
