//! Arrival processes and schedules of them, as files describe them.

use std::path::Path;

use crate::arrivals::map::{Map, MapError};
use crate::arrivals::renewal::{Law, Renewal, VARIATION};
use crate::arrivals::schedule::{FASTEST, MOST_PHASES, Process, SLOWEST, Schedule, Segment, plausible};
use crate::document::{Document, Section, Value};
use crate::error::InputError;
use crate::numeric::matrix::Matrix;
use crate::units::Span;

/// A ramp is made of so many steps, each a Poisson process of constant rate: then the law of each step is exact.
const RAMP_STEPS: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Poisson,
    Mmpp,
    Map,
    Erlang,
    Hyperexponential,
    Constant,
    Gamma,
    Weibull,
    LogNormal,
}

/// The first so many kinds are processes of phases.
const OF_PHASES: usize = 5;

const KINDS: [(&str, Kind); 9] = [
    ("poisson", Kind::Poisson),
    ("mmpp", Kind::Mmpp),
    ("map", Kind::Map),
    ("erlang", Kind::Erlang),
    ("hyperexponential", Kind::Hyperexponential),
    ("constant", Kind::Constant),
    ("gamma", Kind::Gamma),
    ("weibull", Kind::Weibull),
    ("lognormal", Kind::LogNormal),
];

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
        let mut segments = Vec::new();
        for value in list.list()? {
            segments.extend(read_segment(&value)?);
        }
        root.finish()?;
        if segments.is_empty() {
            return Err(list.error("is empty"));
        }
        if segments.iter().all(|segment| segment.process == Process::Silent) {
            return Err(list.error("has no segment in which anything arrives"));
        }
        Ok(Schedule { segments })
    }
}

/// A segment, or the steps of a ramp.
fn read_segment(value: &Value<'_>) -> Result<Vec<Segment>, InputError> {
    let section = value.section()?;
    let length = section.required("duration")?;
    let duration = length.span()?;
    if duration == Span::ZERO {
        return Err(length.error("must be above 0"));
    }
    let kinds: Vec<(&str, Option<Kind>)> =
        KINDS.iter().map(|(name, kind)| (*name, Some(*kind))).chain([("ramp", None)]).collect();
    let segments = match section.required("kind")?.choice(&kinds)? {
        None => ramp(&section, duration)?,
        Some(Kind::Poisson) if section.required("rate")?.nonnegative()? == 0.0 => {
            vec![Segment { duration, process: Process::Silent }]
        }
        Some(_) => vec![Segment { duration, process: process(&section)? }],
    };
    section.finish()?;
    Ok(segments)
}

/// A Poisson process whose rate goes evenly from one value to another.
fn ramp(section: &Section<'_>, duration: Span) -> Result<Vec<Segment>, InputError> {
    let (from, to) = (section.required("from_rate")?, section.required("to_rate")?);
    let (first, last) = (from.nonnegative()?, to.nonnegative()?);
    if first == last {
        return Err(to
            .error("is the rate that the ramp begins with")
            .help("use kind = \"poisson\" for a steady rate"));
    }
    let steps = RAMP_STEPS.min(duration.0);
    let step = |i: u64| {
        let (begin, end) =
            (duration.0 / steps * i, if i + 1 == steps { duration.0 } else { duration.0 / steps * (i + 1) });
        let middle = first + (last - first) * (i as f64 + 0.5) / steps as f64;
        let map = Map::poisson(middle);
        plausible(&map).map_err(|reason| from.error(reason))?;
        Ok(Segment { duration: Span(end - begin), process: Process::Map(map) })
    };
    (0..steps).map(step).collect()
}

/// Reads a process of any kind: those of [`process_from_section`], and renewal processes: constant (`rate`), gamma,
/// lognormal (`rate`, `cv`) and weibull (`rate`, `cv` or `shape`). `finish` is left to the caller.
pub fn process(section: &Section<'_>) -> Result<Process, InputError> {
    let kind = section.required("kind")?.choice(&KINDS)?;
    let law = match kind {
        Kind::Constant => Law::Constant,
        Kind::Gamma => Law::gamma(variation(&section.required("cv")?)?),
        Kind::LogNormal => Law::lognormal(variation(&section.required("cv")?)?),
        Kind::Weibull => match (section.optional("shape"), section.optional("cv")) {
            (Some(_), Some(cv)) => return Err(cv.error("`shape` says the same: leave out one")),
            (Some(shape), None) => match (shape.positive()?, Law::Weibull { shape: shape.positive()? }) {
                (_, law) if VARIATION.contains(&law.cv()) => law,
                (value, _) => return Err(shape.error(format!("{value} is beyond what can be drawn"))),
            },
            (None, Some(cv)) => Law::weibull(variation(&cv)?),
            (None, None) => {
                return Err(section
                    .error("a weibull process needs `cv` or `shape`")
                    .help("add a line `cv = 1.5`"));
            }
        },
        _ => return process_from_section(section).map(Process::Map),
    };
    let rate = section.required("rate")?;
    match rate.positive()? {
        value if (SLOWEST..=FASTEST).contains(&value) => Ok(Process::Renewal(Renewal::new(law, value))),
        value => Err(rate.error(format!("must be {SLOWEST} to {FASTEST}, is {value}"))),
    }
}

/// A coefficient of variation.
fn variation(value: &Value<'_>) -> Result<f64, InputError> {
    match value.positive()? {
        cv if VARIATION.contains(&cv) => Ok(cv),
        cv => Err(value.error(format!("must be {} to {}, is {cv}", VARIATION.start(), VARIATION.end()))),
    }
}

/// Reads a Markovian process: `kind` = poisson (`rate`), mmpp (`rates`, mean `sojourns`), map (`d0`, `d1`), erlang
/// (`rate`, `phases`) or hyperexponential (`rate`, `cv`), in 1/s and s; sojourns may be durations such as "10min".
/// `finish` is left to the caller.
pub fn process_from_section(section: &Section<'_>) -> Result<Map, InputError> {
    let kind = section.required("kind")?;
    match kind.choice(&KINDS[..OF_PHASES])? {
        Kind::Erlang => {
            let (rate, phases) = (section.required("rate")?, section.required("phases")?);
            let map = match phases.integer::<usize>()? {
                count @ 1..=MOST_PHASES => Map::erlang(rate.positive()?, count),
                count => return Err(phases.error(format!("must be 1 to {MOST_PHASES}, is {count}"))),
            };
            plausible(&map).map_err(|reason| rate.error(reason))?;
            Ok(map)
        }
        Kind::Hyperexponential => {
            let (rate, cv) = (section.required("rate")?, section.required("cv")?);
            let map = match variation(&cv)? {
                value if value > 1.0 => Map::hyperexponential(rate.positive()?, value),
                value => {
                    let message = format!("must be above 1, is {value}");
                    return Err(cv.error(message).help("below 1 use kind = \"erlang\" or \"gamma\""));
                }
            };
            plausible(&map).map_err(|reason| rate.error(reason))?;
            Ok(map)
        }
        Kind::Constant | Kind::Gamma | Kind::Weibull | Kind::LogNormal => {
            Err(kind.error("is a process without phases, which is not read here"))
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::schedule::ScheduleArrivals;
    use crate::arrivals::tests::drawn;
    use crate::numeric::streams::Streams;
    use crate::units::Time;

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
    fn ramps_silence_and_renewals_are_segments_too() {
        let text = "[[segment]]\nduration = \"100s\"\nkind = \"ramp\"\nfrom_rate = 0\nto_rate = 100\n\
            [[segment]]\nduration = \"100s\"\nkind = \"poisson\"\nrate = 0\n\
            [[segment]]\nduration = \"100s\"\nkind = \"constant\"\nrate = 10\n";
        let schedule = read(text).unwrap();
        assert_eq!((schedule.segments.len(), schedule.total()), (102, Span::from_secs(300)));
        let all = draw(&schedule, 300);
        let within = |from: u64, to: u64| {
            let count =
                all.iter().filter(|t| t.0 / 1_000_000_000 >= from && t.0 / 1_000_000_000 < to).count();
            count as f64
        };
        // The integral of the ramp over each half: 1250 and 3750, within five standard deviations.
        assert!((within(0, 50) - 1250.0).abs() < 177.0 && (within(50, 100) - 3750.0).abs() < 307.0);
        assert_eq!((within(100, 200), within(200, 300)), (0.0, 1000.0));
        let silent = read("[[segment]]\nduration = \"1s\"\nkind = \"poisson\"\nrate = 0\n").unwrap_err();
        assert!(silent.message.contains("no segment in which anything arrives"), "{silent}");
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
