//! The names that columns of traces usually have.

use super::Unit;

/// Names of columns of times, in lower case with `_` between words; the surer ones first.
pub(super) const TIME_NAMES: &[&str] = &[
    "timestamp",
    "timestamps",
    "time",
    "arrival",
    "arrivals",
    "arrival_time",
    "arrivaltime",
    "arrival_timestamp",
    "arrived_at",
    "datetime",
    "date_time",
    "ts",
    "t",
    "time_frontend",
    "start",
    "start_time",
    "starttime",
    "start_timestamp",
    "started_at",
    "startedat",
    "received_at",
    "receivedat",
    "event_time",
    "eventtime",
    "created_at",
    "createdat",
    "submit_time",
    "submitted_at",
    "submission_time",
    "invocation_time",
    "log_time",
    "logged_at",
    "time_local",
    "time_iso8601",
    "msec",
    "epoch",
    "start_utc",
    "startutc",
    "date",
];
/// The same of gaps, counts and periods.
pub(super) const GAP_NAMES: &[&str] = &[
    "interarrival",
    "interarrivals",
    "inter_arrival",
    "interarrival_time",
    "inter_arrival_time",
    "iat",
    "gap",
];
pub(super) const COUNT_NAMES: &[&str] =
    &["count", "counts", "requests", "request_count", "invocations", "arrivals", "num_requests", "calls"];
pub(super) const PERIOD_NAMES: &[&str] = &[
    "period",
    "bin",
    "bucket",
    "timestamp",
    "time",
    "date",
    "datetime",
    "ts",
    "second",
    "minute",
    "hour",
    "window",
    "interval",
    "start",
    "start_time",
];

/// What a filter by function or application looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Function,
    App,
}

impl Wanted {
    /// Is this a usual name of a column of such?
    pub(super) fn is_named(self, name: &str) -> bool {
        const FUNCTIONS: &[&str] =
            &["func", "function", "functionname", "hashfunction", "funcname", "functionid"];
        const APPS: &[&str] = &["app", "application", "appname", "hashapp", "appid"];
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let known = if self == Wanted::Function { FUNCTIONS } else { APPS };
        known.contains(&plain.to_ascii_lowercase().as_str())
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Wanted::Function => "function",
            Wanted::App => "application",
        }
    }
}

/// Where the columns `1, 2, 3, ...` of an Azure 2019 header start.
pub(super) fn minutes_start(names: &[String]) -> Option<usize> {
    let start = names.iter().position(|name| name == "1")?;
    let consecutive = names[start..].iter().enumerate().all(|(i, name)| *name == (i + 1).to_string());
    (start > 0 && names.len() > start + 1 && consecutive).then_some(start)
}

/// Is this, without its unit, a usual name of a time?
pub(super) fn is_time_name(name: &str) -> bool {
    TIME_NAMES.contains(&split_unit(name).0.as_str())
}

/// `time_ms`, `Time [ms]` and `@time (ms)` are `time` in ms.
pub(super) fn split_unit(name: &str) -> (String, Option<Unit>) {
    const LONG: [(&str, Unit); 16] = [
        ("seconds", Unit::Seconds),
        ("secs", Unit::Seconds),
        ("sec", Unit::Seconds),
        ("milliseconds", Unit::Millis),
        ("millis", Unit::Millis),
        ("msec", Unit::Millis),
        ("microseconds", Unit::Micros),
        ("micros", Unit::Micros),
        ("usec", Unit::Micros),
        ("nanoseconds", Unit::Nanos),
        ("nanos", Unit::Nanos),
        ("nsec", Unit::Nanos),
        ("s", Unit::Seconds),
        ("ms", Unit::Millis),
        ("us", Unit::Micros),
        ("ns", Unit::Nanos),
    ];
    let lower = name.trim().trim_start_matches(['@', '#', '$']).to_ascii_lowercase();
    let plain = |text: &str| text.trim_end_matches([' ', '_', '-']).replace([' ', '-'], "_");
    let ends = |end: String| lower.strip_suffix(&end).filter(|rest| !rest.is_empty());
    for (suffix, unit) in LONG {
        let forms = [format!("_{suffix}"), format!("({suffix})"), format!("[{suffix}]")];
        if let Some(rest) = forms.into_iter().find_map(ends) {
            return (plain(rest), Some(unit));
        }
    }
    (plain(&lower), None)
}
