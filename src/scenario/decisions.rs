//! The plans that an adaptive policy made, as `sim serve --log` and `sim run` write them down: decisions.csv.

use std::path::Path;

use serde::Deserialize;

use crate::document::Value;
use crate::error::InputError;
use crate::policy::adaptive::{Decision, Reason};
use crate::policy::batch::BatchPolicy;
use crate::profile::{LARGEST_BATCH, Profile};
use crate::units::{MemoryMb, Span, Time};

/// A plan and when it took effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// From the next batch that opens at this time or later.
    pub effective: Time,
    /// The plan.
    pub decision: Decision,
}

/// A row; `effective_s` is the gateway's alone, as in a simulation plans take no time.
#[derive(Deserialize)]
struct Row {
    time_s: String,
    effective_s: Option<String>,
    reason: String,
    measured_rate: f64,
    forecast_rate: f64,
    memory_mb: u32,
    batch: u32,
    timeout_s: String,
    meets_slo: bool,
}

/// Reads the file that `value` names; the profile must cover every plan.
///
/// # Errors
/// It cannot be read; a row that is none, with its line; plans that are not in the order of their times.
pub(super) fn read(value: &Value<'_>, profile: &Profile) -> Result<Vec<Taken>, InputError> {
    let path = value.file()?;
    let failed = |message: String| InputError::new(path.display().to_string(), message);
    let mut rows = csv::Reader::from_path(&path)
        .map_err(|e| failed(e.to_string()).help("name the decisions.csv that `sim serve --log DIR` wrote"))?;
    let mut all: Vec<Taken> = Vec::new();
    for row in rows.deserialize() {
        let row: Row = row.map_err(|e| failed(e.to_string()))?;
        let line = all.len() + 2;
        let taken = taken(&row, &path).map_err(|reason| failed(format!("line {line}: {reason}")))?;
        let Decision { memory, buffer, .. } = taken.decision;
        profile.at(memory, buffer.batch).map_err(|e| failed(format!("line {line}: {e}")).help(e.mend()))?;
        if let Some(last) = all.last_mut() {
            if taken.effective < last.effective {
                return Err(failed(format!("line {line}: is earlier than the plan before it")));
            }
            if taken.effective == last.effective {
                // No batch opened under the first.
                *last = taken;
                continue;
            }
        }
        all.push(taken);
    }
    match all.is_empty() {
        true => {
            Err(failed("has no plan".to_owned())
                .help("leave out `decisions`: the policy then plans by itself"))
        }
        false => Ok(all),
    }
}

fn taken(row: &Row, path: &Path) -> Result<Taken, String> {
    let span = |text: &str| {
        Span::parse(&format!("{text}s"))
            .map_err(|_| format!("`{text}` is no time in seconds, in {}", path.display()))
    };
    let time = Time::ZERO + span(&row.time_s)?;
    let effective =
        row.effective_s.as_deref().map_or(Ok(time), |text| span(text).map(|at| Time::ZERO + at))?;
    if !(1..=LARGEST_BATCH).contains(&row.batch) {
        return Err(format!("a batch of {} is not 1 to {LARGEST_BATCH}", row.batch));
    }
    let reason = match row.reason.as_str() {
        "period" => Reason::Period,
        "rate changed" => Reason::RateChanged,
        other => return Err(format!("the reason `{other}` is neither `period` nor `rate changed`")),
    };
    let decision = Decision {
        time,
        reason,
        measured: row.measured_rate,
        forecast: row.forecast_rate,
        margin: 0.0,
        caution: 1.0,
        memory: MemoryMb(row.memory_mb),
        buffer: BatchPolicy { batch: row.batch, timeout: span(&row.timeout_s)? },
        meets: row.meets_slo,
        held: false,
    };
    Ok(Taken { effective, decision })
}
