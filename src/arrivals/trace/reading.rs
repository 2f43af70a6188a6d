//! What was made of a trace file: how its times were understood, what was left out, and whether its stamps were spread.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::units::Span;

/// How the reason begins for records that do not meet a filter.
pub(super) const NOT_MET: &str = "do not meet";
/// How the reason of a record begins that none of the classes asks for.
pub(super) const OF_NO_CLASS: &str = "are of no [[class]]";

/// What a reading of a trace found, as far as it went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reading {
    /// The layout that was recognised, such as `access-log`.
    pub format: &'static str,
    /// The files that were read.
    pub files: usize,
    /// Where the times come from, and their unit.
    pub times: String,
    /// Lines or records that were read, those left out included.
    pub records: u64,
    /// What was left out, by reason.
    pub left_out: Vec<LeftOut>,
    /// Records that were earlier than the one before them, and were sorted.
    pub out_of_order: u64,
    /// Whether stamps were spread; none where there are none, as for counts.
    pub stamps: Option<Stamps>,
    /// The resolution that they were spread within.
    #[serde(rename = "resolution_s", skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Span>,
    /// What else was assumed, in sentences without a full stop.
    pub assumed: Vec<String>,
    /// Records that met the filter and had another fault: they are told after all others.
    #[serde(skip)]
    pub(super) faulty: Vec<LeftOut>,
}

/// Lines that were left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What is the matter with them: `are empty`.
    pub reason: String,
    /// How many there were.
    pub lines: u64,
    /// The first of them, from 1.
    pub first_line: usize,
}

/// What became of time stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stamps {
    /// Replayed as they are.
    Exact,
    /// Spread within their resolution.
    Spread,
}

impl Reading {
    /// Counts one record that is left out.
    pub(super) fn leave_out(&mut self, reason: impl Into<String>, line: usize) {
        self.leave_out_some(reason, 1, line);
    }

    /// Counts one record that is left out for a fault of its own.
    pub(super) fn leave_out_faulty(&mut self, reason: impl Into<String>, line: usize) {
        count_lines(&mut self.faulty, LeftOut { reason: reason.into(), lines: 1, first_line: line });
    }

    /// All that is left out, whatever the reason.
    pub(super) fn all_left_out(&self) -> impl Iterator<Item = &LeftOut> {
        self.left_out.iter().chain(&self.faulty)
    }

    pub(super) fn leave_out_some(&mut self, reason: impl Into<String>, lines: u64, first_line: usize) {
        count_lines(&mut self.left_out, LeftOut { reason: reason.into(), lines, first_line });
    }

    /// Adds what was found in another file of the same trace.
    pub(super) fn merge(&mut self, other: Reading) {
        self.records += other.records;
        self.out_of_order += other.out_of_order;
        other.left_out.into_iter().for_each(|left| count_lines(&mut self.left_out, left));
        other.faulty.into_iter().for_each(|left| count_lines(&mut self.faulty, left));
        for assumed in other.assumed {
            self.assume(assumed);
        }
    }

    /// Notes an assumption once.
    pub(super) fn assume(&mut self, assumed: String) {
        if !assumed.is_empty() && !self.assumed.contains(&assumed) {
            self.assumed.push(assumed);
        }
    }

    /// Everything that a reader of results must know, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(Stamps::Spread), Some(resolution)) = (self.stamps, self.resolution) {
            notes.push(format!(
                "Time stamps of {resolution} are spread within their {} (`stamps = \"exact\"` replays them as they are).",
                tick_name(resolution)
            ));
        }
        notes.extend(self.assumed.iter().map(|assumed| format!("{assumed}.")));
        if !self.left_out.is_empty() {
            let some = |left: &LeftOut| {
                let (lines, reason) = match left.lines {
                    1 => ("line", one(&left.reason)),
                    _ => ("lines", left.reason.clone()),
                };
                format!("{} {lines} that {reason} (first: line {})", left.lines, left.first_line)
            };
            let list: Vec<String> = self.left_out.iter().map(some).collect();
            notes.push(format!("Left out of the trace: {}.", list.join("; ")));
        }
        if self.out_of_order > 0 {
            notes.push(format!(
                "{} of {} records were earlier than the one before them; they are sorted.",
                self.out_of_order, self.records
            ));
        }
        notes
    }
}

/// Adds lines to those that are left out for the same reason.
fn count_lines(list: &mut Vec<LeftOut>, more: LeftOut) {
    match list.iter_mut().find(|known| known.reason == more.reason) {
        Some(known) => known.lines += more.lines,
        None => list.push(more),
    }
}

fn tick_name(resolution: Span) -> &'static str {
    match resolution.0 {
        1_000_000_000 => "second",
        60_000_000_000 => "minute",
        3_600_000_000_000 => "hour",
        _ => "resolution",
    }
}

/// Where readers leave what they found. All clones are the same place; the reading that went furthest is kept, so that
/// what is found does not depend on which of several readers ends first.
#[derive(Clone, Default)]
pub struct Findings {
    place: Arc<Mutex<Option<Reading>>>,
}

impl Findings {
    /// What was found so far; none before anything was read.
    pub fn get(&self) -> Option<Reading> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep(&self, mut reading: Reading) {
        for left in std::mem::take(&mut reading.faulty) {
            count_lines(&mut reading.left_out, left);
        }
        let mut kept = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|kept| kept.records <= reading.records) {
            *kept = Some(reading);
        }
    }
}

/// Says nothing: what is found is no part of what was asked.
impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Findings")
    }
}

/// What is said of one line in place of several.
fn one(reason: &str) -> String {
    let verbs = [("are ", "is "), ("have ", "has "), ("do ", "does "), ("begin ", "begins ")];
    let found = verbs.iter().find_map(|(several, one)| Some((one, reason.strip_prefix(several)?)));
    found.map_or_else(|| reason.to_owned(), |(verb, rest)| format!("{verb}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_what_was_done_and_the_longest_reading_is_kept() {
        let mut reading = Reading { records: 5, ..Reading::default() };
        reading.leave_out("are empty", 2);
        reading.leave_out("are empty", 4);
        reading.leave_out("have no time", 3);
        (reading.stamps, reading.resolution) = (Some(Stamps::Spread), Some(Span::from_secs(1)));
        let notes = reading.notes();
        assert!(notes[0].contains("stamps of 1 s are spread within their second"), "{notes:?}");
        assert!(
            notes[1].contains("2 lines that are empty (first: line 2); 1 line that has no time"),
            "{notes:?}"
        );
        let findings = Findings::default();
        findings.keep(reading.clone());
        findings.keep(Reading { records: 3, ..Reading::default() });
        assert_eq!(findings.get(), Some(reading));
    }
}
