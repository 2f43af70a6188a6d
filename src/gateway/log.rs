//! The gateway's log: requests.csv, batches.csv, refused.csv and decisions.csv, written by a thread of its own.
//!
//! Rows of requests and batches come in the order in which batches left, so that requests.csv is a trace. Times are
//! seconds from the first arrival with nine decimals, which is all there is. A file that has reached its limit is
//! renamed, the oldest goes. What cannot be written is dropped and counted; requests never wait for the log.

mod file;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::file::LogFile;
use super::batcher::Cause;
use crate::error::InputError;
use crate::policy::adaptive::{Decision, Reason};
use crate::units::{Span, Time};

/// How long files grow, and how many are kept.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// A file is renamed when it is as long \[bytes\].
    pub bytes: u64,
    /// So many renamed ones stay.
    pub keep: u32,
}

/// A row of requests.csv.
#[derive(Debug, Clone, Copy)]
pub struct RequestRow {
    /// When it joined.
    pub arrived: Time,
    /// When it was answered.
    pub answered: Time,
    /// With which status.
    pub status: u16,
    /// Its class; 0 where there is one.
    pub class: u16,
}

/// A row of batches.csv, with its requests.
#[derive(Debug, Clone)]
pub struct BatchRow {
    /// Its number.
    pub number: u64,
    /// When its first request came.
    pub opened: Time,
    /// When it left.
    pub left: Time,
    /// Why.
    pub cause: Cause,
    /// How long the call took.
    pub upstream: Span,
    /// The worst status of its requests.
    pub status: u16,
    /// Its requests.
    pub requests: Vec<RequestRow>,
}

/// A row of refused.csv: a request that was in no batch.
#[derive(Debug, Clone, Copy)]
pub struct RefusedRow {
    /// When that was known.
    pub time: Time,
    /// The status.
    pub status: u16,
    /// Why.
    pub reason: &'static str,
}

enum Entry {
    Batch(BatchRow),
    /// A batch whose row was dropped: those after it need not wait.
    Dropped(u64),
    Refused(RefusedRow),
    Decision(Decision, Time),
    End,
}

/// So many entries may wait to be written.
const MOST_WAITING: u64 = 100_000;
/// What has been written is on the disk after so long.
const FLUSH: Duration = Duration::from_secs(1);

/// The log's end that is written to; without a folder it takes everything and writes nothing.
#[derive(Debug, Clone)]
pub struct Log {
    entries: Option<Sender<Entry>>,
    waiting: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// No log.
    pub fn none() -> Log {
        Log { entries: None, waiting: Arc::default(), dropped: Arc::default() }
    }

    /// A log in `folder`; where there are `classes`, requests.csv has a column of theirs. Files of an earlier run are renamed as if they had reached their limit. The thread ends after
    /// [`Log::end`].
    ///
    /// # Errors
    /// The folder or a file cannot be created.
    pub fn open(
        folder: &Path,
        rotation: Rotation,
        classes: &[String],
    ) -> Result<(Log, JoinHandle<()>), InputError> {
        let (entries, received) = channel();
        let (waiting, dropped) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let log = Log { entries: Some(entries), waiting: waiting.clone(), dropped: dropped.clone() };
        let mut writer = Writer::open(folder, rotation, dropped, classes)?;
        let thread = std::thread::spawn(move || writer.run(&received, &waiting));
        Ok((log, thread))
    }

    /// Rows that could not be written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A batch was answered.
    pub fn batch(&self, row: BatchRow) {
        if self.waiting.load(Ordering::Relaxed) < MOST_WAITING {
            return self.send(Entry::Batch(row));
        }
        self.dropped.fetch_add(1 + row.requests.len() as u64, Ordering::Relaxed);
        self.send(Entry::Dropped(row.number));
    }

    /// A request was in no batch.
    pub fn refused(&self, row: RefusedRow) {
        match self.waiting.load(Ordering::Relaxed) < MOST_WAITING {
            true => self.send(Entry::Refused(row)),
            false => _ = self.dropped.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// A plan was made, and took effect at a time.
    pub fn decision(&self, decision: Decision, effective: Time) {
        self.send(Entry::Decision(decision, effective));
    }

    /// Nothing more comes.
    pub fn end(&self) {
        self.send(Entry::End);
    }

    fn send(&self, entry: Entry) {
        let Some(entries) = &self.entries else { return };
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // The thread ends only after the last entry.
        let _ = entries.send(entry);
    }
}

struct Writer {
    requests: LogFile,
    batches: LogFile,
    refused: LogFile,
    decisions: LogFile,
    dropped: Arc<AtomicU64>,
    /// What stands at the end of a request's row, by class.
    classes: Vec<String>,
    /// Batches that were answered before an earlier one; `None` for one that was dropped.
    early: BTreeMap<u64, Option<BatchRow>>,
    /// The batch whose row comes next.
    next: u64,
}

impl Writer {
    fn open(
        folder: &Path,
        rotation: Rotation,
        dropped: Arc<AtomicU64>,
        classes: &[String],
    ) -> Result<Writer, InputError> {
        let file = |name: &str, header| LogFile::open(folder, name, header, rotation);
        let header = match classes.is_empty() {
            true => "arrived_s,batch,position,left_s,answered_s,status",
            false => "arrived_s,batch,position,left_s,answered_s,status,class",
        };
        let cell = |name: &String| format!(",{}", field(name));
        Ok(Writer {
            requests: file("requests", header)?,
            batches: file("batches", "batch,opened_s,left_s,cause,size,upstream_s,status")?,
            refused: file("refused", "time_s,status,reason")?,
            decisions: file(
                "decisions",
                "time_s,effective_s,reason,measured_rate,forecast_rate,memory_mb,batch,timeout_s,meets_slo",
            )?,
            dropped,
            classes: classes.iter().map(cell).collect(),
            early: BTreeMap::new(),
            next: 0,
        })
    }

    fn run(&mut self, received: &Receiver<Entry>, waiting: &AtomicU64) {
        loop {
            match received.recv_timeout(FLUSH) {
                Ok(entry) => {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    if matches!(entry, Entry::End) {
                        break;
                    }
                    self.take(entry);
                }
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // After the last batch nothing is missing but what was dropped.
        for row in std::mem::take(&mut self.early).into_values().flatten() {
            self.write(&row);
        }
        self.flush();
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Batch(row) => _ = self.early.insert(row.number, Some(row)),
            Entry::Dropped(number) => _ = self.early.insert(number, None),
            Entry::Refused(RefusedRow { time, status, reason }) => {
                let lost = self.refused.write(&format!("{},{status},{reason}\n", seconds(time.0)), 1);
                self.dropped.fetch_add(lost, Ordering::Relaxed);
            }
            Entry::Decision(decision, effective) => {
                let lost = self.decisions.write(&decision_row(&decision, effective), 1);
                self.dropped.fetch_add(lost, Ordering::Relaxed);
            }
            Entry::End => {}
        }
        while let Some(row) = self.early.remove(&self.next) {
            self.next += 1;
            if let Some(row) = row {
                self.write(&row);
            }
        }
    }

    fn write(&mut self, row: &BatchRow) {
        let (number, left) = (row.number, seconds(row.left.0));
        let mut text = String::with_capacity(64 * row.requests.len());
        for (position, request) in row.requests.iter().enumerate() {
            let (arrived, answered) = (seconds(request.arrived.0), seconds(request.answered.0));
            let class = self.classes.get(usize::from(request.class)).map_or("", String::as_str);
            text.push_str(&format!(
                "{arrived},{number},{position},{left},{answered},{}{class}\n",
                request.status
            ));
        }
        let lost = self.requests.write(&text, row.requests.len() as u64);
        let text = format!(
            "{number},{},{left},{},{},{},{}\n",
            seconds(row.opened.0),
            row.cause.name(),
            row.requests.len(),
            seconds(row.upstream.0),
            row.status
        );
        let lost = lost + self.batches.write(&text, 1);
        self.dropped.fetch_add(lost, Ordering::Relaxed);
    }

    fn flush(&mut self) {
        for file in [&mut self.requests, &mut self.batches, &mut self.refused, &mut self.decisions] {
            self.dropped.fetch_add(file.flush(), Ordering::Relaxed);
        }
    }
}

/// A name as a field: in quotes where it has what would end it.
fn field(name: &str) -> String {
    match name.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

fn decision_row(decision: &Decision, effective: Time) -> String {
    let reason = match decision.reason {
        Reason::Period => "period",
        Reason::RateChanged => "rate changed",
    };
    format!(
        "{},{},{reason},{},{},{},{},{},{}\n",
        seconds(decision.time.0),
        seconds(effective.0),
        decision.measured,
        decision.forecast,
        decision.memory.0,
        decision.buffer.batch,
        seconds(decision.buffer.timeout.0),
        decision.meets
    )
}

/// Nanoseconds as seconds, exact.
pub fn seconds(nanos: u64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
