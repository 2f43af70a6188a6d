//! CloudWatch's exports: START gives the arrival, REPORT the rest, the log stream is the environment.

use std::path::PathBuf;

use crate::backtest::call::{Call, Log, Member};
use crate::error::InputError;
use crate::profile::import::lambda_logs::{self, BatchSize};
use crate::units::MemoryMb;

/// Reads exports, together.
///
/// # Errors
/// A file cannot be read.
pub fn read(files: &[PathBuf]) -> Result<Log, InputError> {
    let found = lambda_logs::read(files, &BatchSize::Field("batch".into()))?;
    let mut log = Log { skipped: found.skipped.clone(), ..Log::default() };
    let skip = |log: &mut Log, reason: &str| *log.skipped.entry(reason.to_owned()).or_default() += 1;
    let mut several = 0;
    for call in &found.calls {
        if call.failure.is_some() {
            skip(&mut log, "calls that failed");
            continue;
        }
        let Some(started) = call.started else {
            skip(&mut log, "calls without a time");
            continue;
        };
        several += usize::from(call.batch.is_some_and(|batch| batch > 1));
        let init = call.init_s.unwrap_or(0.0);
        // START is written after the initialisation. Whole nanoseconds since 1970 are beyond a float's: seconds are kept
        // from the day's begin.
        let sent = (started.rem_euclid(DAYS) as f64) / 1e9 - init;
        log.calls.push(Call {
            members: vec![Member { arrived: sent, latency: init + call.duration_s }],
            sent,
            ended: sent + init + call.duration_s,
            duration: call.duration_s,
            billed: None,
            cold: Some(call.init_s.is_some()),
            init: call.init_s,
            environment: call.stream,
            memory: call.memory_mb.map(MemoryMb),
        });
    }
    log.notes.push("the log is the function's own: what clients wait for beside is not in it".into());
    if several > 0 {
        log.notes.push(format!(
            "{several} calls held a batch: how its requests waited for each other is not in the log, and each call counts as one"
        ));
    }
    for (what, count) in &found.others {
        log.notes.push(format!("{count} lines were something else: {what}"));
    }
    Ok(log)
}

/// A year and a half in nanoseconds: within it, a float holds microseconds.
const DAYS: i64 = 540 * 86_400 * 1_000_000_000;
