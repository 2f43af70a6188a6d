//! Which lines belong to which call.
//!
//! Only ids of START and REPORT are requests. A line belongs to the request whose id stands where runtimes and loggers
//! put it; else to the one that is under way; else to the one whose id it names. So an id that a line merely mentions
//! (a job, a trace, an earlier try) takes nothing away from the request that logged it.

use std::collections::{BTreeMap, BTreeSet};

use super::BatchSize;
use super::calls::{Call, Calls};
use super::line::{Event, Own, Reader, Report, Status, What};

/// What is known of a request that has no REPORT yet.
#[derive(Default)]
struct Pending {
    begun: bool,
    started: Option<i64>,
    batch: Option<u32>,
    failure: Option<String>,
}

struct Join<'a> {
    fixed: Option<u32>,
    known: BTreeSet<&'a str>,
    /// Requests under way by lane.
    open: BTreeMap<(u32, u32), BTreeSet<&'a str>>,
    pending: BTreeMap<&'a str, Pending>,
    /// The request's last call, and whether its REPORT says that it succeeded.
    last: BTreeMap<&'a str, (usize, bool)>,
    seen: BTreeSet<(&'a str, u64, u64, u32)>,
    calls: Calls,
}

/// Joins all that was read.
pub(super) fn join(reader: Reader, batch: &BatchSize) -> Calls {
    let known = reader.events.iter().filter_map(|event| match &event.what {
        What::Start(id) | What::End(id) | What::Failed(id, _) => Some(id.as_str()),
        What::Report(report) => Some(report.id.as_str()),
        What::Own(_) => None,
    });
    let mut join = Join {
        fixed: if let BatchSize::Fixed(size) = batch { Some(*size) } else { None },
        known: known.filter(|id| !id.is_empty()).collect(),
        open: BTreeMap::new(),
        pending: BTreeMap::new(),
        last: BTreeMap::new(),
        seen: BTreeSet::new(),
        calls: Calls::default(),
    };
    for event in &reader.events {
        join.event(event);
    }
    let mut calls = join.finish();
    for (reason, count) in reader.skipped {
        *calls.skipped.entry(reason).or_default() += count;
    }
    for (what, count) in reader.others {
        *calls.others.entry(what).or_default() += count;
    }
    Calls { first_other: reader.first_other, ..calls }
}

impl<'a> Join<'a> {
    fn event(&mut self, event: &'a Event) {
        match &event.what {
            What::Start(id) => {
                let open = self.open.entry(event.lane).or_default();
                // An environment serves one request at a time.
                if event.stream.is_some() {
                    open.clear();
                }
                open.insert(id);
                let pending = self.pending.entry(id).or_default();
                (pending.begun, pending.started) = (true, event.at);
            }
            What::End(id) => self.close(event, id),
            What::Report(report) => self.report(event, report),
            What::Failed(id, reason) => self.failed(id, reason),
            What::Own(own) => self.own(event, own),
        }
    }

    fn close(&mut self, event: &Event, id: &str) {
        if let Some(open) = self.open.get_mut(&event.lane) {
            open.remove(id);
        }
    }

    fn own(&mut self, event: &Event, own: &'a Own) {
        let Some(id) = self.owner(event, own) else {
            return *self.calls.others.entry("own line that belongs to no one request").or_default() += 1;
        };
        if let Some(reason) = &own.failure {
            self.failed(id, reason);
        }
        let Some(batch) = own.batch else { return };
        match self.last.get(id) {
            Some((index, _)) if !self.pending.contains_key(id) => {
                self.calls.calls[*index].batch.get_or_insert(batch);
            }
            _ => {
                self.pending.entry(id).or_default().batch.get_or_insert(batch);
            }
        }
    }

    fn owner(&self, event: &Event, own: &'a Own) -> Option<&'a str> {
        let lead = own.leads.iter().find(|id| self.known.contains(id.as_str()));
        if let Some(lead) = lead {
            return Some(lead);
        }
        let open = self.open.get(&event.lane);
        let named = |id: &&'a String| match open.filter(|open| !open.is_empty()) {
            Some(open) => open.contains(id.as_str()),
            None => self.known.contains(id.as_str()),
        };
        match open.filter(|open| open.len() == 1).and_then(BTreeSet::first) {
            Some(only) => Some(only),
            None => {
                let mut ids: Vec<&'a String> = own.ids.iter().filter(named).collect();
                ids.sort_unstable();
                ids.dedup();
                if let [one] = ids[..] { Some(one) } else { None }
            }
        }
    }

    /// Marks the try that is under way, else the last one.
    fn failed(&mut self, id: &'a str, reason: &str) {
        match self.last.get(id) {
            Some((index, succeeded)) if !self.pending.contains_key(id) => {
                if !succeeded {
                    self.calls.calls[*index].failure.get_or_insert_with(|| reason.to_owned());
                }
            }
            _ => {
                self.pending.entry(id).or_default().failure.get_or_insert_with(|| reason.to_owned());
            }
        }
    }

    fn report(&mut self, event: &'a Event, report: &'a Report) {
        let id = report.id.as_str();
        self.close(event, id);
        let init = report.init_ms.unwrap_or(0.0).to_bits();
        let once = (id, report.duration_ms.to_bits(), init, report.memory_mb.unwrap_or(0));
        if !id.is_empty() && !self.seen.insert(once) {
            *self.calls.skipped.entry("seen before: the same REPORT again".into()).or_default() += 1;
            return;
        }
        let pending = self.pending.remove(id).unwrap_or_default();
        let failure = match &report.status {
            Status::Failed(reason) => Some(reason.clone()),
            Status::Success => None,
            Status::Unknown => pending.failure,
        };
        let ended = |at: i64| at.checked_sub((report.duration_ms * 1e6).round() as i64);
        let earlier =
            self.last.get(id).filter(|_| !id.is_empty()).and_then(|(i, _)| self.calls.calls[*i].batch);
        if !id.is_empty() {
            self.last.insert(id, (self.calls.calls.len(), report.status == Status::Success));
        }
        self.calls.calls.push(Call {
            id: report.id.clone(),
            memory_mb: report.memory_mb,
            batch: self.fixed.or(report.batch).or(pending.batch).or(earlier),
            duration_s: report.duration_ms / 1e3,
            init_s: report.init_ms.map(|ms| ms / 1e3),
            started: pending.started.or_else(|| event.at.and_then(ended)),
            stream: event.stream,
            failure,
        });
    }

    /// Requests that started and have no REPORT are counted: they were cut off, by the export or by the platform.
    fn finish(mut self) -> Calls {
        let cut = self.pending.values().filter(|pending| pending.begun).count();
        if cut > 0 {
            *self.calls.others.entry("request that started and has no REPORT").or_default() += cut;
        }
        self.calls
    }
}
