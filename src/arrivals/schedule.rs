//! A schedule: one arrival process after another, such as the 24 hours of a day.

use std::path::Path;

use super::Arrivals;
use super::map::{Map, MapArrivals, MapError};
use crate::document::{Document, Section, Value};
use crate::error::{InputError, expected};
use crate::numeric::matrix::Matrix;
use crate::numeric::streams::Streams;
use crate::units::{Span, Time};

/// A process for a length of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// How long it lasts; above zero.
    pub duration: Span,
    /// The process, which starts from its stationary phase law.
    pub process: Map,
}

/// Segments that follow each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// At least one.
    pub segments: Vec<Segment>,
    /// Where the figures come from; empty if the file does not say.
    pub source: String,
}

impl Schedule {
    /// Reads a schedule file: `[[segment]]` entries with `duration` and a process each, optionally `source`.
    pub fn read(path: &Path) -> Result<Schedule, InputError> {
        Schedule::from_document(&Document::read(path)?)
    }

    /// The schedule in a document.
    pub fn from_document(document: &Document) -> Result<Schedule, InputError> {
        let root = document.root();
        let source = root.optional("source").map(|v| v.str()).transpose()?.unwrap_or("").to_owned();
        let list = root.required("segment")?;
        let segments = list.list()?.iter().map(segment).collect::<Result<Vec<_>, _>>()?;
        if segments.is_empty() {
            return Err(list.error("a schedule needs at least one [[segment]]"));
        }
        root.finish()?;
        segments
            .iter()
            .try_fold(0_u64, |sum, segment| sum.checked_add(segment.duration.0))
            .ok_or_else(|| list.error("the segments last longer than 584 years together"))?;
        Ok(Schedule { segments, source })
    }

    /// The length of one pass through the segments.
    pub fn total(&self) -> Span {
        self.segments.iter().fold(Span::ZERO, |sum, segment| sum + segment.duration)
    }

    /// The mean arrival rate over one pass [1/s].
    pub fn rate(&self) -> f64 {
        let arrivals = self.segments.iter().map(|s| s.process.rate() * s.duration.as_secs_f64());
        arrivals.sum::<f64>() / self.total().as_secs_f64()
    }

    /// The same segments with each process changed, such as scaled or thinned.
    pub fn map(&self, change: impl Fn(&Map) -> Map) -> Schedule {
        let changed = |s: &Segment| Segment { duration: s.duration, process: change(&s.process) };
        Schedule { segments: self.segments.iter().map(changed).collect(), source: self.source.clone() }
    }
}

fn segment(value: &Value) -> Result<Segment, InputError> {
    let section = value.section()?;
    let duration = section.required("duration")?;
    let span = duration.span()?;
    if span == Span::ZERO {
        return Err(duration.error("must be longer than 0"));
    }
    let process = process_from_section(&section)?;
    section.finish()?;
    Ok(Segment { duration: span, process })
}

/// The process of a section: `kind = "poisson"` with `rate`, `"mmpp"` with `rates` and `sojourns` (mean
/// sojourns: numbers in seconds, or durations), or `"map"` with `d0` and `d1`. Rates are in 1/s.
///
/// Does not finish the section. Errors point at the offending value.
pub fn process_from_section(section: &Section) -> Result<Map, InputError> {
    let kind = section.required("kind")?;
    match kind.str()? {
        "poisson" => Ok(Map::poisson(section.required("rate")?.positive()?)),
        "mmpp" => mmpp(section),
        "map" => {
            let (d0, d1) = (section.required("d0")?, section.required("d1")?);
            Map::new(square(&d0)?, square(&d1)?).map_err(|e| refused(&e, &d0, &d1))
        }
        other => Err(kind
            .error(format!("unknown process `{other}`"))
            .help(expected(other, &["poisson", "mmpp", "map"]))),
    }
}

fn mmpp(section: &Section) -> Result<Map, InputError> {
    let (rates_value, sojourns_value) = (section.required("rates")?, section.required("sojourns")?);
    let rates = rates_value.list()?.iter().map(Value::nonnegative).collect::<Result<Vec<_>, _>>()?;
    let sojourns = sojourns_value.list()?.iter().map(sojourn).collect::<Result<Vec<_>, _>>()?;
    if rates.is_empty() {
        return Err(rates_value.error("an MMPP needs at least one state"));
    }
    if rates.len() != sojourns.len() {
        let message = format!("{} sojourns for {} rates", sojourns.len(), rates.len());
        return Err(sojourns_value.error(message).help("give each state a rate and a mean sojourn"));
    }
    Map::mmpp(&rates, &sojourns).map_err(|e| match rates.iter().all(|rate| *rate == 0.0) {
        true => rates_value.error("at least one rate must be above 0"),
        false => rates_value.error(e.to_string()),
    })
}

fn sojourn(value: &Value) -> Result<f64, InputError> {
    match value.decimal() {
        Ok(_) => value.positive(),
        Err(_) => match value.span()? {
            Span::ZERO => Err(value.error("must be longer than 0")),
            span => Ok(span.as_secs_f64()),
        },
    }
}

fn square(value: &Value) -> Result<Matrix, InputError> {
    Matrix::from_rows(&value.rows()?).ok_or_else(|| value.error("expected as many rows as columns"))
}

/// Points at the cell, row or matrix that is wrong.
fn refused(error: &MapError, d0: &Value, d1: &Value) -> InputError {
    let place = match error {
        MapError::Sign { matrix, row, column, .. } => {
            cell(if *matrix == "d0" { d0 } else { d1 }, *row, Some(*column))
        }
        MapError::RowSum { row, .. } => cell(d0, *row, None),
        MapError::Shape => Some(d1.clone()),
        MapError::Reducible => None,
    };
    place.unwrap_or_else(|| d0.clone()).error(error.to_string())
}

fn cell<'a>(matrix: &Value<'a>, row: usize, column: Option<usize>) -> Option<Value<'a>> {
    let row = matrix.list().ok()?.into_iter().nth(row)?;
    match column {
        Some(column) => row.list().ok()?.into_iter().nth(column),
        None => Some(row),
    }
}

/// Draws the arrivals of a [`Schedule`], again from its start when it is over.
///
/// The i-th segment to be played draws from part i of the streams, so that a change of one leaves the others.
#[derive(Debug, Clone)]
pub struct ScheduleArrivals {
    segments: Vec<Segment>,
    streams: Streams,
    /// Segments started so far.
    started: u64,
    /// Where the current segment ends.
    segment_end: Time,
    end: Time,
    current: Option<MapArrivals>,
}

impl ScheduleArrivals {
    /// The arrivals in `[0, end)`.
    pub fn new(schedule: &Schedule, streams: Streams, end: Time) -> Self {
        let segments = schedule.segments.clone();
        Self { segments, streams, started: 0, segment_end: Time::ZERO, end, current: None }
    }

    fn start_next(&mut self) {
        let count = self.segments.len() as u64;
        let segment = &self.segments[(self.started % count) as usize];
        let start = self.segment_end;
        self.segment_end = start + segment.duration;
        let stream = self.streams.part(self.started).stream("arrivals");
        let end = self.segment_end.min(self.end);
        self.current = Some(MapArrivals::new(&segment.process, start, end, stream));
        self.started += 1;
    }
}

impl Arrivals for ScheduleArrivals {
    fn fill(&mut self, block: &mut Vec<Time>) -> Result<(), InputError> {
        let before = block.len();
        loop {
            if let Some(current) = &mut self.current {
                current.fill(block)?;
                if block.len() > before {
                    return Ok(());
                }
            }
            if self.segment_end >= self.end {
                return Ok(());
            }
            self.start_next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "source = \"made up\"\n\
        [[segment]]\nduration = \"100s\"\nkind = \"poisson\"\nrate = 50\n\
        [[segment]]\nduration = \"200s\"\nkind = \"mmpp\"\nrates = [10.0, 30.0]\nsojourns = [2, \"2s\"]\n\
        [[segment]]\nduration = \"100s\"\nkind = \"map\"\nd0 = [[-3.0]]\nd1 = [[3.0]]\n";

    fn schedule(text: &str) -> Result<Schedule, InputError> {
        Schedule::from_document(&Document::parse("day.toml", text).unwrap())
    }

    fn draw(schedule: &Schedule, seconds: u64) -> Vec<Time> {
        let end = Time::ZERO + Span::from_secs(seconds);
        let mut arrivals = ScheduleArrivals::new(schedule, Streams::new(5), end);
        let mut all = Vec::new();
        loop {
            let before = all.len();
            arrivals.fill(&mut all).unwrap();
            if all.len() == before {
                return all;
            }
        }
    }

    fn between(times: &[Time], from: u64, until: u64) -> Vec<Time> {
        let seconds = |time: &&Time| (from..until).contains(&(time.0 / 1_000_000_000));
        times.iter().filter(seconds).copied().collect()
    }

    #[test]
    fn each_segment_has_its_rate_and_the_schedule_repeats() {
        let day = schedule(DAY).unwrap();
        assert_eq!(day.total(), Span::from_secs(400));
        assert!((day.rate() - (5000.0 + 4000.0 + 300.0) / 400.0).abs() < 1e-9);
        let times = draw(&day, 900);
        assert!(times.is_sorted());
        // Poisson counts within 4.5 standard deviations.
        for (from, until, mean) in
            [(0, 100, 5000.0), (300, 400, 300.0), (400, 500, 5000.0), (800, 900, 5000.0)]
        {
            let count = between(&times, from, until).len() as f64;
            assert!((count - mean).abs() < 4.5 * f64::sqrt(mean), "{from}: {count}");
        }
        assert!(*times.last().unwrap() < Time::ZERO + Span::from_secs(900));
    }

    #[test]
    fn a_change_of_one_segment_leaves_the_others() {
        let (one, other) =
            (schedule(DAY).unwrap(), schedule(&DAY.replace("rate = 50", "rate = 70")).unwrap());
        let (a, b) = (draw(&one, 400), draw(&other, 400));
        assert_ne!(between(&a, 0, 100), between(&b, 0, 100));
        assert_eq!(between(&a, 100, 400), between(&b, 100, 400));
    }

    #[test]
    fn errors_point_at_the_token() {
        for (from, to, part) in [
            ("rate = 50", "rate = -50", "day.toml:5: `segment[0].rate`: must be above 0"),
            ("rate = 50", "rate = 50\nrte = 2", "day.toml:6: unknown field `rte`"),
            ("\"poisson\"", "\"poison\"", "did you mean `poisson`?"),
            ("\"100s\"\nkind = \"poisson\"", "\"0s\"\nkind = \"poisson\"", "must be longer than 0"),
            ("[2, \"2s\"]", "[2]", "1 sojourns for 2 rates"),
            ("[2, \"2s\"]", "[2, \"0s\"]", "`segment[1].sojourns[1]`: must be longer than 0"),
            ("[10.0, 30.0]", "[0, 0]", "at least one rate must be above 0"),
            ("d1 = [[3.0]]", "d1 = [[-3.0]]", "`segment[2].d1[0][0]`: d1[0][0] is -3"),
            ("d1 = [[3.0]]", "d1 = [[4.0]]", "`segment[2].d0[0]`: row 0 of d0 + d1 sums to 1"),
            ("d1 = [[3.0]]", "d1 = [[1.0, 2.0]]", "as many rows as columns"),
        ] {
            assert!(DAY.contains(from), "{from}");
            let error = schedule(&DAY.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(schedule("source = \"x\"\n").unwrap_err().to_string().contains("lacks `segment`"));
    }
}
