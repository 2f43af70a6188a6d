//! From what was counted to the figures: percentiles, cost, and their confidence intervals ([`super::intervals`]).

use super::fleet::rental::{self, Market};
use super::intervals::luck::LEAST_PIECES;
use super::intervals::{Interval, Piece, Pieces};
use super::recorder::{Hour, Record, Slice, Tally};
use crate::arrivals::rhythm::Rhythm;
use crate::numeric::histogram::Histogram;
use crate::outcome::{
    EnvironmentsSeen, HourRow, Intervals, Latency, LatencyIntervals, Needed, Simulated, Simulation, SliceRow,
    Withheld,
};
use crate::price::{Bill, Tariff, Usage};
use crate::scenario::slo::Slo;
use crate::units::{MemoryMb, Span, Time};

/// A month as bills have it: 730 hours.
pub const MONTH_S: f64 = 730.0 * 3600.0;
/// Points of the distribution that charts get.
const CDF_POINTS: usize = 600;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// What the figures depend on besides the record.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The prices.
    pub tariff: &'a Tariff,
    /// The memory size, for provisioned concurrency.
    pub memory: MemoryMb,
    /// Environments that were always initialised.
    pub provisioned: u32,
    /// What is asked: its percentile is among the figures.
    pub slo: &'a Slo,
    /// What is counted starts here.
    pub warmup: Span,
    /// What is known of how the arrivals vary.
    pub rhythm: Rhythm,
}

/// The figures of one or more replications of the same scenario; `None` if none served a request.
pub fn summarise(records: &[Record], context: &Context<'_>) -> Option<Simulation> {
    let mut total = Slice::default();
    let mut sizes = Vec::new();
    for record in records {
        total.tally.add(&record.total.tally);
        total.latency.merge(&record.total.latency);
        sizes.resize(record.sizes.len().max(sizes.len()), 0);
        record.sizes.iter().zip(&mut sizes).for_each(|(count, sum)| *sum += count);
    }
    if total.tally.requests == 0 {
        return None;
    }
    let bill = bill_of(records, context)?;
    let tally = total.tally;
    let (requests, batches) = (tally.requests as f64, tally.batches as f64);
    let cost_usd = bill.total().as_f64();
    let seconds: f64 = records.iter().map(|record| span(record, context).as_secs_f64()).sum();
    let latency_s = latency(&total, context.slo);
    let mut made = Made::new(records, &total, context);
    let latency_ci95_s = made.latency();
    let cost_ci95 = made.cost(cost_usd / requests * 1e6);
    let mean_batch_ci95 = made.mean_batch();
    let violations_ci95 = made.violations();
    let simulated = Simulated {
        latency_s,
        latency_ci95_s,
        cost_usd,
        cost_usd_per_million: cost_usd / requests * 1e6,
        cost_usd_per_month: if seconds > 0.0 { cost_usd / seconds * MONTH_S } else { 0.0 },
        cost_usd_per_million_ci95: cost_ci95,
        cost_components_usd: bill.in_usd(),
        mean_batch: requests / batches,
        mean_batch_ci95,
        batch_size: sizes.iter().map(|count| *count as f64 / batches).collect(),
        full_batches: tally.full,
        timeout_batches: tally.timeouts,
        longest_wait_s: tally.longest_wait as f64 / 1e9,
        cold_starts: tally.cold_starts,
        cold_start_share: tally.cold_starts as f64 / tally.invocations().max(1) as f64,
        throttled: tally.throttled,
        rejected: tally.rejected,
        peak_concurrency: tally.peak_concurrency,
        mean_concurrency: if seconds > 0.0 { tally.busy as f64 / 1e9 / seconds } else { 0.0 },
        environments: environments(records, seconds, context),
        interruptions: interruptions(records),
        slo_violations: tally.violations,
        slo_violation_share: violation_share(&total),
        slo_violation_share_ci95: violations_ci95,
        intervals: made.told(),
    };
    Some(Simulation {
        requests: tally.requests,
        batches: tally.batches,
        replications: records.len() as u32,
        duration_s: seconds,
        simulated,
        rhythm: context.rhythm.clone(),
        warmup: context.warmup,
        hours: records[0].hours.iter().map(|hour| hour_row(hour, &records[0], context)).collect(),
        slices: slice_rows(&records[0], context),
        slice_latencies: slice_latencies(&records[0]),
        cdf: cdf(&total),
    })
}

/// All replications must have counted them. A new environment comes only where none is idle, so that the most at once are the
/// most that were busy, or those that were there when the counting began.
fn environments(records: &[Record], seconds: f64, context: &Context<'_>) -> Option<EnvironmentsSeen> {
    let (mut alive, mut peak) = (0, u64::from(context.provisioned));
    for record in records {
        let counted = record.environments?;
        alive += counted.alive;
        let at_first = u64::from(context.provisioned) + counted.at_first;
        peak = peak.max(at_first).max(record.total.tally.peak_concurrency);
    }
    let on_demand = if seconds > 0.0 { alive as f64 / 1e9 / seconds } else { 0.0 };
    Some(EnvironmentsSeen { mean: f64::from(context.provisioned) + on_demand, peak })
}

fn interruptions(records: &[Record]) -> u64 {
    records.iter().flat_map(|record| &record.rentals).filter(|rental| rental.interrupted).count() as u64
}

/// The stretch of time that was counted.
fn span(record: &Record, context: &Context<'_>) -> Span {
    Span(record.last_finish.0.saturating_sub(context.warmup.0))
}

fn bill_of(records: &[Record], context: &Context<'_>) -> Option<Bill> {
    let bills = records.iter().map(|record| bill(record, context));
    bills.reduce(|a, b| Bill {
        compute: a.compute + b.compute,
        initialisation: a.initialisation + b.initialisation,
        requests: a.requests + b.requests,
        provisioned: a.provisioned + b.provisioned,
        instances: a.instances + b.instances,
        spot: a.spot + b.spot,
    })
}

fn bill(record: &Record, context: &Context<'_>) -> Bill {
    let rented = |market| rental::bill(&record.rentals, market, Time::ZERO + context.warmup);
    let (instances, spot) = (rented(Market::OnDemand), rented(Market::Spot));
    Bill { instances, spot, ..context.tariff.bill(&usage(record, context)) }
}

fn usage(record: &Record, context: &Context<'_>) -> Usage {
    let setting = (context.memory, context.provisioned);
    record.total.tally.usage(setting, span(record, context))
}

fn latency(total: &Slice, slo: &Slo) -> Latency {
    let asked = within_target(seconds_at(total, slo.percentile), &total.tally, slo);
    let [p50, p90, p95, p99] =
        QUANTILES.map(|q| if q == slo.percentile { asked } else { seconds_at(total, q) });
    let max = Some(total.tally.max_latency as f64 / 1e9);
    Latency { mean: mean_latency(total), p50, p90, p95, p99, slo: asked, max }
}

fn mean_latency(total: &Slice) -> f64 {
    total.tally.latency as f64 / total.tally.requests as f64 / 1e9
}

/// The percentile that the SLO names \[s\], as `found` in a histogram, which knows it to half a thousandth. The counts
/// know whether it is within the target: they decide on which side of it it is.
pub fn within_target(found: f64, tally: &Tally, slo: &Slo) -> f64 {
    let Some(target) = slo.latency else { return found };
    let late = (tally.violations - tally.rejected) as f64 / tally.requests as f64;
    match late <= 1.0 - slo.percentile + 1e-12 {
        true => found.min(target.as_secs_f64()),
        false => found.max((target + Span(1)).as_secs_f64()),
    }
}

fn seconds_at(total: &Slice, q: f64) -> f64 {
    total.latency.quantile(q).unwrap_or(0.0) / 1e9
}

/// At most `CDF_POINTS` points, the last one included, chosen so that no step is lost.
fn cdf(total: &Slice) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let (mut last, mut before) = (0.0, None);
    for (nanos, share) in total.latency.cumulative() {
        let point = (nanos / 1e9, share);
        if share - last >= 1.0 / CDF_POINTS as f64 || share == 1.0 {
            points.extend(before.take());
            points.push(point);
            last = share;
        } else {
            before = Some(point);
        }
    }
    points
}

/// The dollars at the margin of what happened within `from..until`: invocations and instances.
fn stretch_usd(tally: &Tally, record: &Record, context: &Context<'_>, from: Time, until: Time) -> f64 {
    let on_demand = (tally.mb_ms - tally.provisioned_mb_ms) as f64;
    let from = from.max(Time::ZERO + context.warmup);
    let instances: f64 = record.rentals.iter().map(|rental| rental.usd_within(from, until)).sum();
    context.tariff.marginal_usd(on_demand, tally.invocations() as f64) + instances
}

fn hour_row(hour: &Hour, record: &Record, context: &Context<'_>) -> HourRow {
    let tally = &hour.tally;
    let start = Time::ZERO + Span::from_secs(3600 * hour.number);
    HourRow {
        hour: hour.number + 1,
        requests: tally.requests,
        rate_per_s: tally.requests as f64 / 3600.0,
        p50_s: hour.percentiles[0] / 1e9,
        p95_s: hour.percentiles[1] / 1e9,
        p99_s: hour.percentiles[2] / 1e9,
        cost_usd: stretch_usd(tally, record, context, start, start + Span::from_secs(3600)),
        mean_batch: tally.requests as f64 / (tally.batches.max(1)) as f64,
        slo_violations: tally.violations,
        cold_starts: tally.cold_starts,
        peak_concurrency: tally.peak_concurrency,
        failed: tally.rejected,
    }
}

fn slice_usd(slice: &Slice, record: &Record, context: &Context<'_>) -> f64 {
    let from = Time(slice.number * record.width.0);
    stretch_usd(&slice.tally, record, context, from, from + record.width)
}

/// The slices of the first replication, the empty ones included, the last one cut where it ended.
fn slice_rows(record: &Record, context: &Context<'_>) -> Vec<SliceRow> {
    let width = record.width.as_secs_f64();
    let mut rows = Vec::new();
    for slice in &record.slices {
        while rows.len() as u64 <= slice.number {
            let empty = Slice { number: rows.len() as u64, ..Slice::default() };
            let slice = if empty.number == slice.number { slice } else { &empty };
            let start_s = slice.number as f64 * width;
            let from = Time(slice.number * record.width.0);
            let until = Time((from + record.width).0.min(record.last_finish.0));
            let ready = record.rentals.iter().map(|rental| (rental, rental.ready_within(from, until)));
            let seconds = width.min(record.last_finish.as_secs_f64() - start_s);
            rows.push(SliceRow {
                start_s,
                rate_per_s: slice.tally.requests as f64 / seconds,
                p95_s: slice.latency.quantile(0.95).map(|ns| ns / 1e9),
                mean_concurrency: slice.tally.busy as f64 / 1e9 / seconds,
                peak_concurrency: slice.tally.peak_concurrency,
                cold_starts: slice.tally.cold_starts,
                requests: slice.tally.requests,
                rejected: slice.tally.rejected,
                latency_sum_s: slice.tally.latency as f64 / 1e9,
                slo_violations: slice.tally.violations,
                cost_usd: slice_usd(slice, record, context),
                instances: ready.clone().map(|(_, share)| share).sum(),
                capacity_per_s: ready.map(|(rental, share)| rental.capacity_per_s * share).sum(),
            });
        }
    }
    rows
}

/// The latencies of each row of [`slice_rows`].
fn slice_latencies(record: &Record) -> Vec<Histogram> {
    let mut latencies = Vec::new();
    for slice in &record.slices {
        latencies.resize(slice.number as usize, Histogram::default());
        latencies.push(slice.latency.clone());
    }
    latencies
}

/// Makes the intervals, and notes for which figures there are none.
struct Made<'a> {
    records: &'a [Record],
    total: &'a Slice,
    context: &'a Context<'a>,
    pieces: Pieces<'a>,
    withheld: Vec<&'static str>,
    /// The fewest independent pieces that a figure without an interval has.
    fewest: f64,
}

impl<'a> Made<'a> {
    fn new(records: &'a [Record], total: &'a Slice, context: &'a Context<'a>) -> Made<'a> {
        let pieces = match records {
            [record] => Pieces::of_run(record, &context.rhythm, Time::ZERO + context.warmup),
            _ => Pieces::of_replications(records, &context.rhythm),
        };
        Made { records, total, context, pieces, withheld: Vec::new(), fewest: f64::INFINITY }
    }

    fn ends(&mut self, name: &'static str, interval: Interval) -> Option<[f64; 2]> {
        match interval {
            Interval::Known(ends) => Some(ends),
            Interval::Withheld(pieces) => {
                self.withheld.push(name);
                self.fewest = self.fewest.min(pieces);
                None
            }
        }
    }

    fn latency(&mut self) -> Option<LatencyIntervals> {
        let sums = |piece: &Piece<'_>| {
            let tally = &piece.slice.tally;
            (tally.latency as f64 / 1e9, tally.requests as f64)
        };
        let mean = self.ends("latency_s.mean", self.pieces.ratio(sums));
        let names = ["latency_s.p50", "latency_s.p90", "latency_s.p95", "latency_s.p99"];
        let mut quantile = |i: usize| {
            let ends = self.ends(names[i], self.pieces.quantile(&self.total.latency, QUANTILES[i]));
            ends.map(|ends| ends.map(|ns| ns / 1e9))
        };
        let [p50, p90, p95, p99] = [0, 1, 2, 3].map(&mut quantile);
        let all = LatencyIntervals { mean, p50, p90, p95, p99 };
        (all != LatencyIntervals::default()).then_some(all)
    }

    /// About the whole cost of a million requests: what is fixed has no spread of its own.
    fn cost(&mut self, centre: f64) -> Option<[f64; 2]> {
        let context = self.context;
        let is_run = self.records.len() == 1;
        let usd = |piece: &Piece<'_>| match is_run {
            true => slice_usd(piece.slice, piece.record, context),
            false => bill(piece.record, context).total().as_f64(),
        };
        let part = |piece: &Piece<'_>| (usd(piece) * 1e6, piece.slice.tally.requests as f64);
        let moving = self.pieces.mean(part);
        let ends = self.ends("cost_usd_per_million", self.pieces.ratio(part));
        ends.map(|ends| ends.map(|end| end - moving + centre))
    }

    fn mean_batch(&mut self) -> Option<[f64; 2]> {
        let part = |piece: &Piece<'_>| (piece.slice.tally.requests as f64, piece.slice.tally.batches as f64);
        self.ends("mean_batch", self.pieces.ratio(part))
    }

    /// Where no request is late, or all are, the spread says nothing: then the rule of three (Hanley and
    /// Lippman-Hand 1983), with batches as what is independent, unless the run is too short for other figures.
    fn violations(&mut self) -> Option<[f64; 2]> {
        let name = "slo_violation_share";
        let share = violation_share(self.total);
        if share > 0.0 && share < 1.0 {
            let part = |piece: &Piece<'_>| (piece.slice.tally.violations as f64, asked(piece.slice));
            let ends = self.ends(name, self.pieces.ratio(part));
            return ends.map(|ends| ends.map(|share| share.clamp(0.0, 1.0)));
        }
        if !self.withheld.is_empty() {
            self.withheld.push(name);
            return None;
        }
        let three = (3.0 / self.total.tally.batches.max(1) as f64).min(1.0);
        Some(if share > 0.0 { [1.0 - three, 1.0] } else { [0.0, three] })
    }

    fn told(self) -> Intervals {
        let method = match self.records.len() {
            1 => "batch means of slices of the run, adjusted for skewness and autocorrelation",
            _ => "Student's t over replications",
        };
        let Made { withheld: figures, fewest, total, pieces, .. } = self;
        let withheld = (!figures.is_empty()).then(|| {
            let seconds = pieces.seconds().filter(|_| fewest > 0.0);
            let needed = seconds.map(|seconds| {
                let factor = LEAST_PIECES / fewest;
                let requests = (total.tally.requests as f64 * factor).ceil() as u64;
                Needed { pieces: fewest, piece_s: seconds / fewest, run_s: seconds * factor, requests }
            });
            Withheld { figures, needed }
        });
        Intervals { method, pieces: pieces.count(), withheld }
    }
}

/// Requests that were served or failed.
fn asked(slice: &Slice) -> f64 {
    (slice.tally.requests + slice.tally.rejected) as f64
}

fn violation_share(slice: &Slice) -> f64 {
    slice.tally.violations as f64 / asked(slice)
}
