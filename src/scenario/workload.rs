//! `[workload]`: where requests come from, and how many.

use std::fmt;
use std::sync::Arc;

use super::process::process;
use crate::arrivals::closed::{Closed, Users};
use crate::arrivals::map::Map;
use crate::arrivals::map_arrivals::MapArrivals;
use crate::arrivals::memory::{Held, Replayed};
use crate::arrivals::renewal::{Law, Renewal, RenewalArrivals, VARIATION};
use crate::arrivals::rhythm::{Beat, Rhythm};
use crate::arrivals::schedule::{Process, Schedule, ScheduleArrivals, plausible};
use crate::arrivals::stop::Stop;
use crate::arrivals::trace::{Findings, Reading, SizeColumn, TraceSpec};
use crate::arrivals::{Arrivals, transform};
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::scenario::policy::within_a_year;
use crate::units::{Span, Time};

/// Arrivals and when they end.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The process, schedule or trace.
    pub source: Source,
    /// Stop after this many requests.
    pub requests: Option<u64>,
    /// Stop after this time.
    pub duration: Option<Span>,
    /// How whoever began a run may end it.
    pub stop: Stop,
}

/// Where arrivals come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Poisson, MMPP, MAP, and processes of Erlang or hyperexponential gaps, scaled and thinned.
    Process(Map),
    /// A renewal process that has no phases, scaled and thinned.
    Renewal(Renewal),
    /// A schedule of such processes, scaled and thinned.
    Schedule(Schedule),
    /// A trace file.
    Trace(Box<TraceWorkload>),
    /// Arrivals in memory: a trace without a file.
    Memory(HeldWorkload),
    /// Users who wait for their answers.
    Closed(Closed),
}

impl Source {
    /// Are the arrivals what happened once, and not one of many runs that a process might have made?
    pub fn is_recorded(&self) -> bool {
        matches!(self, Source::Trace(_) | Source::Memory(_))
    }
}

/// Arrivals in memory with their change of rate.
#[derive(Clone)]
pub struct HeldWorkload {
    /// The arrivals.
    pub held: Arc<dyn Held>,
    /// The rate is multiplied by this.
    pub scale: f64,
}

/// Says how many there are, not each.
impl fmt::Debug for HeldWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldWorkload({} arrivals, scale {})", self.held.count(), self.scale)
    }
}

/// A trace file with its changes of rate.
#[derive(Debug, Clone)]
pub struct TraceWorkload {
    /// The file and how to read it.
    pub spec: TraceSpec,
    /// The rate is multiplied by this.
    pub scale: f64,
    /// Each request is kept with this probability.
    pub thin: f64,
    /// What was found in the file, once it has been read.
    pub findings: Findings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Process,
    Schedule,
    Trace,
    Closed,
}

impl Workload {
    /// Replays arrivals in memory.
    pub fn of(held: Arc<dyn Held>) -> Workload {
        let source = Source::Memory(HeldWorkload { held, scale: 1.0 });
        Workload { source, requests: None, duration: None, stop: Stop::default() }
    }

    /// Reads `[workload]` where there are no classes.
    pub fn of_one_class(section: &Section<'_>) -> Result<Workload, InputError> {
        section.refuse(
            &["class_column"],
            "the scenario has no [[class]] whose requests it could tell apart",
            "add [[class]] entries with the names that stand in the column, or remove it",
        )?;
        section.refuse(
            &["size_column"],
            "the scenario has no [[class]], and sizes are those of classes",
            "add a [[class]] with a `name`, of which all requests are, or remove it",
        )?;
        Workload::from_section(section)
    }

    /// Reads `[workload]`.
    pub fn from_section(section: &Section<'_>) -> Result<Workload, InputError> {
        let kinds = [
            ("poisson", Kind::Process),
            ("mmpp", Kind::Process),
            ("map", Kind::Process),
            ("erlang", Kind::Process),
            ("hyperexponential", Kind::Process),
            ("constant", Kind::Process),
            ("gamma", Kind::Process),
            ("weibull", Kind::Process),
            ("lognormal", Kind::Process),
            ("schedule", Kind::Schedule),
            ("trace", Kind::Trace),
            ("closed", Kind::Closed),
        ];
        let kind = section.required("kind")?.choice(&kinds)?;
        let requests = section.optional("requests").map(|v| v.integer()).transpose()?;
        let duration = section.optional("duration").map(|v| within_the_clock(&v)).transpose()?;
        if matches!(kind, Kind::Process | Kind::Closed) && requests.is_none() && duration.is_none() {
            return Err(section
                .error("[workload] has no end")
                .help("give `requests = 400000` or `duration = \"24h\"`"));
        }
        if kind == Kind::Closed {
            let reason = "users send as they are answered: their number and their thinking make the rate";
            section.refuse(&["scale", "thin"], reason, "change `users` or `think`")?;
        }
        let scale = section.optional("scale").map_or(Ok(1.0), |v| match v.positive()? {
            factor if (1e-9..=1e9).contains(&factor) => Ok(factor),
            factor => Err(v.error(format!("is a factor of the rate from 1e-9 to 1e9, not {factor}"))),
        })?;
        let thin = section.optional("thin").map_or(Ok(1.0), |v| match v.positive()? {
            share if share <= 1.0 => Ok(share),
            share => Err(v.error(format!("is the share of requests to keep, at most 1, not {share}"))),
        })?;
        let changed = |process: &Process| match process.scaled(scale).thinned(thin) {
            Process::Map(map) => {
                let usable = Map::new(map.d0().clone(), map.d1().clone()).map_err(|e| e.to_string());
                let usable = usable.and_then(|map| plausible(&map).map(|()| Process::Map(map)));
                usable
                    .map_err(|reason| section.error(format!("after `scale` and `thin` the process {reason}")))
            }
            other => Ok(other),
        };
        refuse_others(section, kind)?;
        let source = match kind {
            Kind::Process => match changed(&process(section)?)? {
                Process::Map(map) => Source::Process(map),
                Process::Renewal(renewal) => Source::Renewal(renewal),
                Process::Silent => unreachable!("only a segment may be silent"),
            },
            Kind::Schedule => {
                let mut schedule = Schedule::read(&section.required("file")?.file()?)?;
                for segment in &mut schedule.segments {
                    segment.process = changed(&segment.process)?;
                }
                Source::Schedule(schedule)
            }
            Kind::Trace => {
                let (spec, findings) = (TraceSpec::from_section(section)?, Findings::default());
                Source::Trace(Box::new(TraceWorkload { spec, scale, thin, findings }))
            }
            Kind::Closed => Source::Closed(closed(section)?),
        };
        Ok(Workload { source, requests, duration, stop: Stop::default() })
    }

    /// What is known of how the arrivals vary.
    pub fn rhythm(&self) -> Rhythm {
        match &self.source {
            Source::Process(map) => Rhythm::Steady(Beat::of(map)),
            // Gaps that are independent make no bursts.
            Source::Renewal(_) => Rhythm::Steady(Beat::default()),
            Source::Schedule(schedule) => Rhythm::of_schedule(schedule),
            Source::Trace(_) | Source::Memory(_) | Source::Closed(_) => Rhythm::Unknown,
        }
    }

    /// The column with the sizes of a trace's requests.
    pub fn size_column(&self) -> Option<&SizeColumn> {
        match &self.source {
            Source::Trace(trace) => trace.spec.size_column.as_ref(),
            _ => None,
        }
    }

    /// The time after which no request can come, where the file says it.
    pub fn length(&self) -> Option<Span> {
        match &self.source {
            Source::Schedule(schedule) if self.requests.is_none() => {
                Some(self.duration.unwrap_or(schedule.total()))
            }
            _ => self.duration,
        }
    }

    /// What was found in the trace, once it has been read; none for other workloads.
    pub fn reading(&self) -> Option<Reading> {
        match &self.source {
            Source::Trace(trace) => trace.findings.get(),
            Source::Process(_)
            | Source::Renewal(_)
            | Source::Schedule(_)
            | Source::Memory(_)
            | Source::Closed(_) => None,
        }
    }

    /// The users, where requests follow from answers.
    pub fn closed(&self) -> Option<&Closed> {
        match &self.source {
            Source::Closed(closed) => Some(closed),
            _ => None,
        }
    }

    /// What a reader of results must know of how the trace was read.
    pub fn notes(&self) -> Vec<String> {
        match &self.source {
            Source::Closed(closed) => vec![closed.words()],
            _ => self.reading().map_or_else(Vec::new, |reading| reading.notes()),
        }
    }

    /// The same workload at `factor` times its rate; of users, who have none of their own, it stays as it is.
    pub fn scaled(&self, factor: f64) -> Workload {
        let mut workload = self.clone();
        match &mut workload.source {
            Source::Process(map) => *map = map.scaled(factor),
            Source::Renewal(renewal) => *renewal = renewal.scaled(factor),
            Source::Schedule(schedule) => {
                schedule.segments.iter_mut().for_each(|segment| {
                    segment.process = segment.process.scaled(factor);
                });
            }
            Source::Trace(trace) => trace.scale *= factor,
            Source::Memory(memory) => memory.scale *= factor,
            Source::Closed(_) => {}
        }
        workload
    }

    /// The arrivals of one replication.
    ///
    /// # Errors
    /// A trace that cannot be opened.
    pub fn open(&self, streams: Streams) -> Result<Box<dyn Arrivals>, InputError> {
        let end = self.duration.map_or(Time::NEVER, |duration| Time::ZERO + duration);
        let source: Box<dyn Arrivals> = match &self.source {
            Source::Process(map) => {
                Box::new(MapArrivals::new(map, Time::ZERO, end, streams.stream("arrivals")))
            }
            Source::Renewal(renewal) => {
                Box::new(RenewalArrivals::new(renewal, Time::ZERO, end, streams.stream("arrivals")))
            }
            Source::Schedule(schedule) => {
                // A schedule runs once through unless the duration asks for more or less.
                let end = match (self.duration, self.requests) {
                    (None, None) => Time::ZERO + schedule.total(),
                    _ => end,
                };
                Box::new(ScheduleArrivals::new(schedule, streams, end))
            }
            Source::Trace(trace) => {
                let raw = trace.spec.open_noted(streams.stream("trace"), &trace.findings)?;
                let scaled = transform::scale(raw, trace.scale);
                let thinned = transform::thin(scaled, trace.thin, streams.stream("thin"));
                transform::until(thinned, end)
            }
            Source::Memory(memory) => {
                let replayed: Box<dyn Arrivals> = Box::new(Replayed::new(Arc::clone(&memory.held)));
                let scaled = transform::scale(replayed, memory.scale);
                match self.duration {
                    Some(_) => transform::until(scaled, end),
                    None => scaled,
                }
            }
            Source::Closed(closed) => {
                let requests = self.requests.unwrap_or(u64::MAX);
                return Ok(Box::new(Users::new(*closed, requests, end, streams.stream("arrivals"))));
            }
        };
        Ok(self.stop.watching(match self.requests {
            Some(requests) => transform::limit(source, requests),
            None => source,
        }))
    }
}

/// Each user is an entry of a heap.
const MOST_USERS: u32 = 1_000_000;

/// Reads the users of `kind = "closed"`: `users`, `think`, `think_cv`.
fn closed(section: &Section<'_>) -> Result<Closed, InputError> {
    let users = section.required("users")?;
    let count = match users.integer()? {
        n @ 1..=MOST_USERS => n,
        n => return Err(users.error(format!("must be 1 to {MOST_USERS}, is {n}"))),
    };
    let think = within_a_year(&section.required("think")?)?;
    let law = match section.optional("think_cv") {
        None => Law::gamma(1.0),
        Some(value) if think == Span::ZERO => {
            return Err(value.error("cannot act: users do not think").help("remove it, or let them think"));
        }
        Some(value) => match value.nonnegative()? {
            0.0 => Law::Constant,
            cv if VARIATION.contains(&cv) => Law::gamma(cv),
            cv => return Err(value.error(format!("must be 0, or 0.01 to 100, is {cv}"))),
        },
    };
    let law = if think == Span::ZERO { Law::Constant } else { law };
    Ok(Closed { users: count, think, law })
}

/// The fields that only some kinds have.
const PROCESSES: [(&str, &[&str]); 3] =
    [("poisson", &["rate"]), ("mmpp", &["rates", "sojourns"]), ("map", &["d0", "d1"])];
/// Kinds that have no rate of their own; all others are given one.
const WITHOUT_RATE: [&str; 5] = ["mmpp", "map", "schedule", "trace", "closed"];

/// Refuses the fields of other kinds of process, which are more often a forgotten change of `kind` than a slip.
fn refuse_others(section: &Section<'_>, kind: Kind) -> Result<(), InputError> {
    let chosen = section.required("kind")?.str()?;
    let may = |other: &str| other == chosen || (other == "poisson" && !WITHOUT_RATE.contains(&chosen));
    for (other, fields) in PROCESSES.iter().filter(|(other, _)| !may(other)) {
        let reason = format!("it belongs to kind = \"{other}\", not to \"{chosen}\"");
        section.refuse(fields, &reason, "remove it, or change `kind`")?;
    }
    match kind {
        Kind::Process | Kind::Closed => section.refuse(
            &["file"],
            &format!("kind = \"{chosen}\" reads no file"),
            "choose kind = \"trace\" or \"schedule\", or remove it",
        ),
        Kind::Schedule | Kind::Trace => Ok(()),
    }
}

/// A stretch of simulated time that the clock can hold with what follows it.
pub(super) fn within_the_clock(value: &Value<'_>) -> Result<Span, InputError> {
    match value.span()? {
        span if span.0 <= i64::MAX as u64 => Ok(span),
        span => Err(value.error(format!("{span} is beyond the 292 years that can be simulated"))),
    }
}
