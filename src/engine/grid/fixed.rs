//! A configuration with fixed service times: what the shared counts of waits do not say.

use std::sync::Arc;

use super::counted::{Counted, Latencies, Shifted};
use super::each::shown;
use super::moved::Moved;
use super::pool::{Ledger, Start};
use super::starts::Starts;
use super::waits::Waits;
use crate::engine::observer::Observer;
use crate::engine::recorder::{Recorder, Rules, Tally};
use crate::platform::Capacity;
use crate::profile::ServiceTimes;
use crate::units::{Span, Time};

/// What differs from batches that all start warm when they leave.
#[derive(Debug, Clone)]
pub struct Fixed<'a> {
    rules: Rules,
    times: &'a ServiceTimes,
    /// The bill of a warm batch by size [MB ms].
    mb_ms: Vec<u64>,
    /// Only what is more.
    more: Tally,
    last_finish: Time,
    cold: Moved,
}

impl<'a> Fixed<'a> {
    /// All have started warm so far.
    pub fn new(rules: Rules, times: &'a ServiceTimes, largest: usize) -> Fixed<'a> {
        let bill = |service: &Span| rules.billing.bill(times.memory, Span::ZERO, *service).total;
        let mb_ms = times.mean[..largest].iter().map(bill).collect();
        let (more, cold) = (Tally::default(), Moved::default());
        Fixed { rules, times, mb_ms, more, last_finish: Time::ZERO, cold }
    }

    /// The totals, with those of the waits.
    pub fn counted(mut self, waits: &Arc<Waits>, init: Span) -> Counted {
        self.cold.close();
        let service = &self.times.mean[..self.mb_ms.len()];
        let violations = waits.over(self.rules.slo, service);
        let mut tally = Tally { violations, ..Tally::default() };
        let (mut sizes, mut last_finish) = (Vec::new(), self.last_finish);
        for (i, size) in waits.sizes() {
            sizes.resize(i, 0);
            sizes.push(size.batches);
            let (batches, requests) = (u128::from(size.batches), size.batches * (i as u64 + 1));
            tally.requests += requests;
            tally.batches += size.batches;
            tally.latency += size.sum + u128::from(requests) * u128::from(service[i].0);
            tally.max_latency = tally.max_latency.max(size.longest + service[i].0);
            let is_full = i + 1 == service.len();
            *(if is_full { &mut tally.full } else { &mut tally.timeouts }) += size.batches;
            tally.busy += batches * u128::from(service[i].0);
            tally.mb_ms += batches * u128::from(self.mb_ms[i]);
            tally.longest_wait = tally.longest_wait.max(size.longest);
            last_finish = last_finish.max(size.last_left + service[i]);
        }
        tally.add(&self.more);
        let shifted = Shifted { waits: waits.clone(), service: service.to_vec(), init, cold: self.cold };
        Counted { tally, sizes, last_finish, latencies: Latencies::Shifted(shifted), record: None }
    }
}

/// A configuration's book, with the waits that know the buckets.
pub struct FixedBook<'a, 'b> {
    /// The configuration.
    pub fixed: &'a mut Fixed<'b>,
    /// The waits.
    pub waits: &'a Waits,
    /// Who wants to see every batch.
    pub recorder: Option<&'a mut Recorder>,
    /// Batches that it has not been shown.
    pub alike: Alike,
}

/// Batches of one request on warm environments: they differ in nothing but their times.
#[derive(Debug, Default)]
pub struct Alike {
    count: u32,
    /// The number of the last of them.
    last: usize,
    /// The most environments busy just after one of them.
    busy: u64,
}

impl Ledger for FixedBook<'_, '_> {
    #[inline(always)]
    fn service(&self, starts: &Starts<'_>, batch: usize) -> Span {
        self.fixed.times.mean[starts.sizes[batch] as usize - 1]
    }

    #[inline(always)]
    fn started(&mut self, starts: &Starts<'_>, batch: usize, start: Start) {
        if batch < starts.counted_from {
            return;
        }
        if let Some(recorder) = &mut self.recorder {
            let is_plain = self.fixed.mb_ms.len() == 1 && !start.cold && start.capacity == Capacity::OnDemand;
            if is_plain && starts.batches.left[batch] < recorder.open_until() {
                self.alike.count += 1;
                self.alike.last = batch;
                self.alike.busy = self.alike.busy.max(start.busy);
            } else {
                self.show(starts, batch, start);
            }
        }
        let Fixed { more, mb_ms, .. } = self.fixed;
        more.peak_concurrency = more.peak_concurrency.max(start.busy);
        if start.capacity == Capacity::Provisioned {
            more.provisioned_mb_ms += u128::from(mb_ms[starts.sizes[batch] as usize - 1]);
        }
        if start.cold {
            self.started_cold(starts, batch, start);
        }
    }
}

impl FixedBook<'_, '_> {
    fn show(&mut self, starts: &Starts<'_>, batch: usize, start: Start) {
        self.show_alike(starts);
        let function = (self.fixed.mb_ms.len() as u32, self.fixed.times.memory);
        if let Some(recorder) = &mut self.recorder {
            recorder.started(&shown(starts, batch, start, function), starts.arrivals(batch));
        }
    }

    /// Shows the recorder what it has not been shown yet.
    pub fn show_alike(&mut self, starts: &Starts<'_>) {
        let Alike { count, last, busy } = std::mem::take(&mut self.alike);
        let Some(recorder) = self.recorder.as_mut().filter(|_| count > 0) else { return };
        let function = (self.fixed.mb_ms.len() as u32, self.fixed.times.memory);
        let (init, capacity, service) = (Span::ZERO, Capacity::OnDemand, self.fixed.times.mean[0]);
        let start = Start { cold: false, init, service, capacity, busy };
        recorder.started_alike(&shown(starts, last, start, function), starts.arrivals(last)[0], count);
    }

    #[cold]
    fn started_cold(&mut self, starts: &Starts<'_>, batch: usize, Start { init, service, .. }: Start) {
        let Fixed { rules, times, mb_ms, more, last_finish, cold } = self.fixed;
        more.cold_starts += 1;
        if init == Span::ZERO {
            return;
        }
        let (left, arrivals) = (starts.batches.left[batch], starts.arrivals(batch));
        let size = arrivals.len() - 1;
        for arrival in arrivals {
            let wait = left.0 - arrival.0;
            let (warm, late) = (wait + service.0, wait + service.0 + init.0);
            more.violations += u64::from(late > rules.slo.0 && warm <= rules.slo.0);
            cold.add(size, self.waits.bucket(wait));
        }
        let finish = left + init + service;
        more.latency += arrivals.len() as u128 * u128::from(init.0);
        more.max_latency = more.max_latency.max(finish.0 - arrivals[0].0);
        more.busy += u128::from(init.0);
        let billed = rules.billing.bill(times.memory, init, service);
        more.mb_ms += u128::from(billed.total - mb_ms[size]);
        more.init_mb_ms += u128::from(billed.init);
        *last_finish = (*last_finish).max(finish);
    }
}
