//! Processes from their description, and schedules of them over time.

use std::path::Path;

use super::Arrivals;
use super::map::{Map, MapError};
use super::map_arrivals::{MapArrivals, Portion};
use crate::document::{Document, Section, Value};
use crate::error::InputError;
use crate::numeric::matrix::Matrix;
use crate::numeric::streams::Streams;
use crate::units::{Span, Time};

/// One process after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// In the order of time, at least one.
    pub segments: Vec<Segment>,
}

/// A process for some time.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// How long it lasts; above zero.
    pub duration: Span,
    /// What arrives meanwhile.
    pub process: Map,
}

/// The most phases of a process that is read: computing with it takes the cube of their number.
pub const MOST_PHASES: usize = 100;
/// Rates [1/s] that can be simulated.
const SLOWEST: f64 = 1e-12;
const FASTEST: f64 = 1e9;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Poisson,
    Mmpp,
    Map,
}

impl Schedule {
    /// Reads a schedule file: `[[segment]]` entries with `duration` and a process each.
    pub fn read(path: &Path) -> Result<Schedule, InputError> {
        Schedule::from_document(&Document::read(path)?)
    }

    /// Reads a schedule from a document.
    pub fn from_document(document: &Document) -> Result<Schedule, InputError> {
        let root = document.root();
        // For people.
        root.optional("source");
        let list = root.required("segment")?;
        let segments = list.list()?.iter().map(segment).collect::<Result<Vec<_>, _>>()?;
        root.finish()?;
        if segments.is_empty() { Err(list.error("is empty")) } else { Ok(Schedule { segments }) }
    }

    /// How long it lasts.
    pub fn total(&self) -> Span {
        self.segments.iter().fold(Span::ZERO, |sum, segment| sum + segment.duration)
    }
}

fn segment(value: &Value<'_>) -> Result<Segment, InputError> {
    let section = value.section()?;
    let length = section.required("duration")?;
    let duration = length.span()?;
    if duration == Span::ZERO {
        return Err(length.error("must be above 0"));
    }
    section.required("kind")?.choice(&[("poisson", ()), ("mmpp", ()), ("map", ())])?;
    let process = process_from_section(&section)?;
    section.finish()?;
    Ok(Segment { duration, process })
}

/// Reads a process: `kind` = poisson (`rate`), mmpp (`rates`, mean `sojourns`) or map (`d0`, `d1`), in
/// 1/s and s; sojourns may be durations such as "10min". `finish` is left to the caller.
pub fn process_from_section(section: &Section<'_>) -> Result<Map, InputError> {
    let kinds = [("poisson", Kind::Poisson), ("mmpp", Kind::Mmpp), ("map", Kind::Map)];
    match section.required("kind")?.choice(&kinds)? {
        Kind::Poisson => {
            let value = section.required("rate")?;
            let map = Map::poisson(value.positive()?);
            plausible(&map).map_err(|reason| value.error(reason))?;
            Ok(map)
        }
        Kind::Mmpp => {
            let sojourns_value = section.required("sojourns")?;
            let rates = nonnegative(&section.required("rates")?)?;
            let sojourns = sojourns_value.list()?.iter().map(sojourn).collect::<Result<Vec<_>, _>>()?;
            if rates.len() != sojourns.len() {
                let wanted = format!("expected {} mean sojourns above 0 s, one for each rate", rates.len());
                return Err(sojourns_value.error(wanted));
            }
            if rates.len() > MOST_PHASES {
                return Err(sojourns_value.error(too_many_phases(rates.len())));
            }
            let map = Map::mmpp(&rates, &sojourns).map_err(|e| process_error(&sojourns_value, &e))?;
            plausible(&map).map_err(|reason| sojourns_value.error(reason))?;
            Ok(map)
        }
        Kind::Map => {
            let (d0, d1) = (section.required("d0")?, section.required("d1")?);
            let matrix = |value: &Value<'_>| {
                Matrix::from_rows(&value.rows()?).ok_or_else(|| value.error("must be a square matrix"))
            };
            let (m0, m1) = (matrix(&d0)?, matrix(&d1)?);
            if m0.order() > MOST_PHASES {
                return Err(d0.error(too_many_phases(m0.order())));
            }
            let map = Map::new(m0, m1).map_err(|e| process_error(&culprit(&e, &d0, &d1), &e))?;
            plausible(&map).map_err(|reason| d0.error(reason))?;
            Ok(map)
        }
    }
}

fn too_many_phases(phases: usize) -> String {
    format!("a process has at most {MOST_PHASES} phases, this one {phases}")
}

/// Can the process be drawn from and computed with? Else the reason.
///
/// The clock counts nanoseconds, so nothing is faster than 1e9 a second; what is slower than 1e-12 a second
/// would not happen within the clock's range, and such a spread of rates is beyond double precision.
pub fn plausible(map: &Map) -> Result<(), String> {
    let leaving = (0..map.order()).map(|phase| -map.d0()[(phase, phase)]);
    if let Some(rate) = leaving.into_iter().find(|rate| !(SLOWEST..=FASTEST).contains(rate)) {
        return Err(format!("has a phase with {rate} changes a second, not {SLOWEST} to {FASTEST}"));
    }
    let (rate, law) = (map.rate(), map.phase_law());
    let finite = map.embedded().cells().iter().chain(&law).all(|p| p.is_finite());
    match finite && (SLOWEST..=FASTEST).contains(&rate) {
        true => Ok(()),
        false => Err(format!("has {rate} arrivals a second, not {SLOWEST} to {FASTEST}")),
    }
}

fn process_error(at: &Value<'_>, error: &MapError) -> InputError {
    let help = match error {
        MapError::Shape => "d0 and d1 have one row and one column a phase",
        MapError::Sign { .. } => "rates are not negative; the diagonal of d0 balances its row",
        MapError::RowSum { .. } => "the diagonal of d0 is minus the sum of the other rates of its row",
        MapError::Reducible => "every phase must be reached from every other, and arrivals must come",
    };
    at.error(error.to_string()).help(help)
}

/// The cell, row or matrix that `error` is about.
fn culprit<'a>(error: &MapError, d0: &Value<'a>, d1: &Value<'a>) -> Value<'a> {
    let item = |list: &Value<'a>, index: usize| list.list().ok()?.into_iter().nth(index);
    let (matrix, place) = match error {
        MapError::Sign { matrix: "d1", row, column, .. } => {
            (d1, item(d1, *row).and_then(|r| item(&r, *column)))
        }
        MapError::Sign { row, column, .. } => (d0, item(d0, *row).and_then(|r| item(&r, *column))),
        MapError::RowSum { row, .. } => (d0, item(d0, *row)),
        MapError::Shape => (d1, None),
        MapError::Reducible => (d0, None),
    };
    place.unwrap_or_else(|| matrix.clone())
}

/// A mean sojourn in seconds.
fn sojourn(value: &Value<'_>) -> Result<f64, InputError> {
    match value.decimal() {
        Ok(_) => value.positive(),
        Err(_) => match value.span()? {
            Span::ZERO => Err(value.error("must be above 0")),
            span => Ok(span.as_secs_f64()),
        },
    }
}

fn nonnegative(value: &Value<'_>) -> Result<Vec<f64>, InputError> {
    value.list()?.iter().map(Value::nonnegative).collect()
}

/// Draws the arrivals of a schedule, again and again until the end.
///
/// Each segment draws from a part of the streams of its own, so that a change of one leaves the others.
#[derive(Debug)]
pub struct ScheduleArrivals {
    schedule: Schedule,
    streams: Streams,
    end: Time,
    /// The segments begun so far, repetitions counted.
    begun: usize,
    segment_end: Time,
    current: Option<MapArrivals>,
}

impl ScheduleArrivals {
    /// The arrivals in `[0, end)`.
    pub fn new(schedule: &Schedule, streams: Streams, end: Time) -> Self {
        let schedule = schedule.clone();
        Self { schedule, streams, end, begun: 0, segment_end: Time::ZERO, current: None }
    }

    /// Begins the next segment; false at the end.
    fn begin(&mut self) -> bool {
        if self.segment_end >= self.end {
            return false;
        }
        let segment = &self.schedule.segments[self.begun % self.schedule.segments.len()];
        let start = self.segment_end;
        self.segment_end = start + segment.duration;
        let stream = self.streams.part(self.begun as u64).stream("arrivals");
        let end = self.segment_end.min(self.end);
        self.current = Some(MapArrivals::new(&segment.process, start, end, stream));
        self.begun += 1;
        true
    }
}

impl Arrivals for ScheduleArrivals {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        loop {
            if let Some(current) = &mut self.current {
                current.fill(block)?;
            }
            if block.len() > before || !self.begin() {
                return Ok(());
            }
        }
    }

    fn portion(&mut self) -> Option<Portion> {
        loop {
            let portion = self.current.as_mut().and_then(MapArrivals::portion);
            if portion.is_some() || !self.begin() {
                return portion;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::tests::drawn;

    fn read(text: &str) -> Result<Schedule, InputError> {
        Schedule::from_document(&Document::parse("s.toml", text).unwrap())
    }

    fn draw(schedule: &Schedule, seconds: u64) -> Vec<Time> {
        let end = Time::ZERO + Span::from_secs(seconds);
        drawn(ScheduleArrivals::new(schedule, Streams::new(1), end))
    }

    const TWO: &str = "[[segment]]\nduration = \"100s\"\nkind = \"poisson\"\nrate = 50\n\
        [[segment]]\nduration = \"100s\"\nkind = \"mmpp\"\nrates = [0, 20]\nsojourns = [1.0, 1.0]\n";

    #[test]
    fn segments_follow_each_other_and_repeat() {
        let schedule = read(TWO).unwrap();
        assert_eq!(schedule.total(), Span::from_secs(200));
        let all = draw(&schedule, 300);
        assert!(all.windows(2).all(|w| w[0] <= w[1]));
        let within = |from: u64, to: u64| {
            let (from, to) = (Span::from_secs(from), Span::from_secs(to));
            all.iter().filter(|t| **t >= Time::ZERO + from && **t < Time::ZERO + to).count() as f64
        };
        // Poisson(5000): five standard deviations are 354. MMPP: mean 1000, IDC near 11.
        assert!((within(0, 100) - 5000.0).abs() < 354.0);
        assert!((within(200, 300) - 5000.0).abs() < 354.0);
        assert!((within(100, 200) - 1000.0).abs() < 530.0);
        assert_eq!(within(300, 1000), 0.0);
    }

    #[test]
    fn a_changed_segment_leaves_the_others_as_they_were() {
        let changed = read(&TWO.replace("rate = 50", "rate = 10")).unwrap();
        let later = |schedule: &Schedule| -> Vec<Time> {
            let all = draw(schedule, 200);
            all.into_iter().filter(|t| *t >= Time::ZERO + Span::from_secs(100)).collect()
        };
        assert_eq!(later(&read(TWO).unwrap()), later(&changed));
    }

    #[test]
    fn a_wrong_rate_is_pointed_at() {
        let error = read(&TWO.replace("[0, 20]", "[0, -20]")).unwrap_err();
        assert_eq!(error.excerpt.unwrap().line, 8);
        let error = read(&TWO.replace("sojourns = [1.0, 1.0]", "sojourns = [1.0]")).unwrap_err();
        assert!(error.message.contains("expected 2 mean sojourns"), "{}", error.message);
    }

    #[test]
    fn sojourns_may_be_durations_and_errors_point_at_the_cell() {
        let numbers = read(TWO).unwrap();
        assert_eq!(read(&TWO.replace("[1.0, 1.0]", "[1, \"1000ms\"]")).unwrap(), numbers);
        let general = "[[segment]]\nduration = \"1s\"\nkind = \"map\"\nd0 = [[-3.0]]\nd1 = [[3.0]]\n";
        for (text, from, to, part) in [
            (TWO, "[1.0, 1.0]", "[1.0, \"0s\"]", "`segment[1].sojourns[1]`: must be above 0"),
            (TWO, "[1.0, 1.0]", "[1.0, -1]", "`segment[1].sojourns[1]`: must be above 0, is -1"),
            (general, "[[3.0]]", "[[-3.0]]", "`segment[0].d1[0][0]`: d1[0][0] is -3"),
            (general, "[[3.0]]", "[[4.0]]", "`segment[0].d0[0]`: row 0 of d0 + d1 sums to 1"),
        ] {
            let error = read(&text.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
