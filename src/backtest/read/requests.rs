//! requests.csv of `sim serve` and of `sim observe`: requests with the batch that they were in.

use std::collections::BTreeMap;
use std::path::Path;

use super::Reading;
use super::table::Table;
use crate::backtest::call::{Buffering, Call, Log, Member};
use crate::error::InputError;
use crate::profile::import::text::read_text;

/// Is it the header of such a file?
pub fn knows(header: &str) -> bool {
    let columns: Vec<&str> = header.trim().split(',').collect();
    let has = |name: &str| columns.contains(&name);
    has("answered_s") && has("status") && (has("arrived_s") || has("intended_s"))
}

/// A batch that is being read.
struct Batch {
    members: Vec<Member>,
    left: f64,
    upstream: Option<f64>,
}

/// Reads a file, and batches.csv beside it if it is there.
///
/// # Errors
/// A file cannot be read, or is another.
pub fn read(path: &Path, reading: &Reading) -> Result<Log, InputError> {
    let (text, name) = (read_text(path)?, path.display().to_string());
    if !knows(text.lines().next().unwrap_or("")) {
        let help = "expected arrived_s or intended_s, answered_s and status, as sim serve and sim observe write them";
        return Err(InputError::new(name, "is no log of requests").help(help));
    }
    let mut table = Table::new(&text, &name, reading)?;
    let (arrived, left) = (table.any(&["arrived_s", "intended_s"]), table.any(&["left_s"]));
    let (answered, status, batch) =
        (table.any(&["answered_s"]), table.any(&["status"]), table.any(&["batch"]));
    let (waited, upstream) = (table.any(&["waited_s"]), table.any(&["upstream_s"]));
    let mut batches: BTreeMap<u64, Batch> = BTreeMap::new();
    let mut log = Log::default();
    let mut alone = u64::MAX;
    while let Some(row) = table.next_row()? {
        let status = row.number(status)?.unwrap_or(200.0);
        if !(200.0..300.0).contains(&status) {
            *log.skipped.entry("requests that failed".into()).or_default() += 1;
            continue;
        }
        let (Some(at), Some(answered)) = (row.number(arrived)?, row.number(answered)?) else {
            *log.skipped.entry("requests without times".into()).or_default() += 1;
            continue;
        };
        let left = match (row.number(left)?, row.number(waited)?) {
            (Some(left), _) => left,
            (None, waited) => at + waited.unwrap_or(0.0),
        };
        let upstream = row.number(upstream)?;
        let number = row.number(batch)?.map_or(alone, |number| number as u64);
        alone -= u64::from(number == alone);
        let member = Member { arrived: at, latency: answered - at };
        let batch = batches.entry(number).or_insert(Batch { members: Vec::new(), left, upstream });
        batch.members.push(member);
    }
    let times = upstream_times(path, reading)?;
    for (number, batch) in batches {
        log.calls.push(call(batch, times.get(&number).copied()));
    }
    log.buffering = buffering(&log.calls);
    log.notes.push("the log names no environments: they are taken to be always warm".into());
    Ok(log)
}

fn call(mut batch: Batch, upstream: Option<f64>) -> Call {
    batch.members.sort_by(|a, b| a.arrived.total_cmp(&b.arrived));
    let last = batch.members.iter().map(|m| m.arrived + m.latency).fold(0.0, f64::max);
    let duration = upstream.or(batch.upstream).unwrap_or(last - batch.left);
    Call {
        sent: batch.left,
        ended: batch.left + duration,
        duration,
        billed: None,
        cold: None,
        init: None,
        environment: None,
        memory: None,
        members: batch.members,
    }
}

/// How long each batch's call took, from batches.csv.
fn upstream_times(path: &Path, reading: &Reading) -> Result<BTreeMap<u64, f64>, InputError> {
    let beside = path.with_file_name("batches.csv");
    if !beside.exists() {
        return Ok(BTreeMap::new());
    }
    let (text, name) = (read_text(&beside)?, beside.display().to_string());
    let all = Reading { only: Vec::new(), ..reading.clone() };
    let mut table = Table::new(&text, &name, &all)?;
    let (batch, upstream) = (table.any(&["batch"]), table.any(&["upstream_s"]));
    let mut times = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        if let (Some(number), Some(time)) = (row.number(batch)?, row.number(upstream)?) {
            times.insert(number as u64, time);
        }
    }
    Ok(times)
}

/// The buffer as its batches show it: none held more than B, and none that held fewer waited longer than T.
fn buffering(calls: &[Call]) -> Option<Buffering> {
    let batch = calls.iter().map(|call| call.members.len()).max()? as u32;
    let waited = |call: &&Call| call.sent - call.members[0].arrived;
    let short = calls.iter().filter(|call| (call.members.len() as u32) < batch);
    let waits = crate::backtest::stats::sorted(short.map(|call| waited(&call)).collect());
    let longest = calls.iter().map(|call| waited(&call)).fold(0.0, f64::max);
    // Most that leave before they are full wait for just the timeout; the last may have been sent off at the end.
    let timeout = if waits.is_empty() { longest } else { crate::backtest::stats::quantile(&waits, 0.5) };
    (batch > 1).then_some(Buffering { batch, timeout: timeout.max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_sim_serve_gives_its_batches_back() {
        let folder = tempfile::tempdir().unwrap();
        let requests = "arrived_s,batch,position,left_s,answered_s,status\n\
            0.000000000,0,0,0.200000000,0.350000000,200\n0.050000000,0,1,0.200000000,0.350000000,200\n\
            1.000000000,1,0,1.100000000,1.300000000,200\n1.050000000,1,1,1.100000000,1.300000000,200\n\
            1.100000000,1,2,1.100000000,1.300000000,200\n2.000000000,2,0,2.200000000,2.300000000,503\n";
        let batches = "batch,opened_s,left_s,cause,size,upstream_s,status\n0,0.0,0.2,timeout,2,0.14,200\n\
            1,1.0,1.1,full,3,0.19,200\n2,2.0,2.2,timeout,1,0.1,503\n";
        std::fs::write(folder.path().join("requests.csv"), requests).unwrap();
        std::fs::write(folder.path().join("batches.csv"), batches).unwrap();
        let log = super::super::read(&[folder.path().to_owned()], &Reading::default()).unwrap();
        assert_eq!(log.buffering, Some(Buffering { batch: 3, timeout: 0.2 }));
        let sizes: Vec<usize> = log.calls.iter().map(|call| call.members.len()).collect();
        assert_eq!((sizes, log.calls[1].duration), (vec![2, 3], 0.19));
        assert!((log.calls[1].members[2].latency - 0.2).abs() < 1e-12);
        assert_eq!(log.skipped.into_iter().collect::<Vec<_>>(), [("requests that failed".to_owned(), 1)]);
    }
}
