//! From what was counted to the figures: percentiles, cost, and their confidence intervals.
//!
//! With several replications the intervals are Student's t over their estimates. A single run uses
//! batch means over its slices of time, for every figure in the same way: a ratio r = sum a_i / sum b_i
//! has residuals z_i = a_i - r b_i, and Var(r) = Var(sum z_i) / (sum b_i)^2 (the ratio estimator; Law,
//! "Simulation Modeling and Analysis", 5th ed., section 9.5). A quantile x_p is the ratio with a_i = the
//! requests of slice i up to x_p and b_i = all of them; its interval is read off the distribution at
//! p +- t se. Where the rate changes by schedule or trace, the variance comes from the differences of
//! successive slices, so that the trend itself does not count as noise (von Neumann et al., 1941).

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::fleet::rental::{self, Market};
use super::recorder::{Hour, Record, Slice, Tally};
use crate::numeric::histogram::Histogram;
use crate::outcome::{HourRow, Latency, LatencyIntervals, Simulated, Simulation, SliceRow};
use crate::price::{Bill, Tariff, Usage};
use crate::scenario::slo::Slo;
use crate::scenario::workload::Drift;
use crate::units::{MemoryMb, Span, Time};

/// Fewer slices than this give no interval.
const LEAST_SLICES: usize = 16;
/// A month as bills have it: 730 hours.
const MONTH_S: f64 = 730.0 * 3600.0;
/// Points of the distribution that charts get.
const CDF_POINTS: usize = 600;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// What the figures depend on besides the record.
#[derive(Debug, Clone, Copy)]
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
    /// Does the arrival process change over time?
    pub drift: Drift,
}

/// The figures of one or more replications of the same scenario; `None` if none served a request.
pub fn summarise(records: &[Record], context: Context<'_>) -> Option<Simulation> {
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
    let bills = records.iter().map(|record| bill(record, context));
    let bill = bills.reduce(|a, b| Bill {
        compute: a.compute + b.compute,
        initialisation: a.initialisation + b.initialisation,
        requests: a.requests + b.requests,
        provisioned: a.provisioned + b.provisioned,
        instances: a.instances + b.instances,
        spot: a.spot + b.spot,
    })?;
    let tally = total.tally;
    let (requests, batches) = (tally.requests as f64, tally.batches as f64);
    let cost_usd = bill.total().as_f64();
    let seconds: f64 = records.iter().map(|record| span(record, context).as_secs_f64()).sum();
    let intervals = Intervals::of(records, &total, context);
    let simulated = Simulated {
        latency_s: latency(&total, context.slo),
        latency_ci95_s: intervals.map(|i| i.latency),
        cost_usd,
        cost_usd_per_million: cost_usd / requests * 1e6,
        cost_usd_per_month: if seconds > 0.0 { cost_usd / seconds * MONTH_S } else { 0.0 },
        cost_usd_per_million_ci95: intervals.map(|i| {
            // Fixed costs (provisioned, free tier) have no spread of their own.
            let centre = cost_usd / requests * 1e6;
            [centre - i.cost_half_width, centre + i.cost_half_width]
        }),
        cost_components_usd: bill.in_usd(),
        mean_batch: requests / batches,
        mean_batch_ci95: intervals.map(|i| i.mean_batch),
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
        interruptions: interruptions(records),
        slo_violations: tally.violations,
        slo_violation_share: violation_share(&total),
        slo_violation_share_ci95: intervals.map(|i| i.violations),
    };
    Some(Simulation {
        requests: tally.requests,
        batches: tally.batches,
        replications: records.len() as u32,
        duration_s: seconds,
        simulated,
        hours: records[0].hours.iter().map(|hour| hour_row(hour, &records[0], context)).collect(),
        slices: slice_rows(&records[0], context),
        slice_latencies: slice_latencies(&records[0]),
        cdf: cdf(&total),
    })
}

fn interruptions(records: &[Record]) -> u64 {
    records.iter().flat_map(|record| &record.rentals).filter(|rental| rental.interrupted).count() as u64
}

/// The stretch of time that was counted.
fn span(record: &Record, context: Context<'_>) -> Span {
    Span(record.last_finish.0.saturating_sub(context.warmup.0))
}

fn bill(record: &Record, context: Context<'_>) -> Bill {
    let rented = |market| rental::bill(&record.rentals, market, Time::ZERO + context.warmup);
    let (instances, spot) = (rented(Market::OnDemand), rented(Market::Spot));
    Bill { instances, spot, ..context.tariff.bill(&usage(record, context)) }
}

fn usage(record: &Record, context: Context<'_>) -> Usage {
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
fn stretch_usd(tally: &Tally, record: &Record, context: Context<'_>, from: Time, until: Time) -> f64 {
    let on_demand = (tally.mb_ms - tally.provisioned_mb_ms) as f64;
    let from = from.max(Time::ZERO + context.warmup);
    let instances: f64 = record.rentals.iter().map(|rental| rental.usd_within(from, until)).sum();
    context.tariff.marginal_usd(on_demand, tally.invocations() as f64) + instances
}

fn hour_row(hour: &Hour, record: &Record, context: Context<'_>) -> HourRow {
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

fn slice_usd(slice: &Slice, record: &Record, context: Context<'_>) -> f64 {
    let from = Time(slice.number * record.width.0);
    stretch_usd(&slice.tally, record, context, from, from + record.width)
}

/// The slices of the first replication, the empty ones included, the last one cut where it ended.
fn slice_rows(record: &Record, context: Context<'_>) -> Vec<SliceRow> {
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

#[derive(Debug, Clone, Copy)]
struct Intervals {
    latency: LatencyIntervals,
    mean_batch: [f64; 2],
    cost_half_width: f64,
    violations: [f64; 2],
}

impl Intervals {
    fn of(records: &[Record], total: &Slice, context: Context<'_>) -> Option<Intervals> {
        match records {
            [record] => Intervals::within(record, total, context),
            _ => Some(Intervals::between(records, total, context)),
        }
    }

    /// Batch means of one run.
    fn within(record: &Record, total: &Slice, context: Context<'_>) -> Option<Intervals> {
        let last = record.slices.last()?.number as usize;
        if last + 1 < LEAST_SLICES {
            return None;
        }
        let half_width = |part: &dyn Fn(&Slice) -> (f64, f64)| {
            ratio_half_width(&record.slices, last + 1, context.drift, part)
        };
        let quantile = |q: f64| {
            let at = total.latency.quantile(q).unwrap_or(0.0);
            let part = |slice: &Slice| (slice.latency.count_up_to(at), slice.latency.total() as f64);
            let half = half_width(&part);
            [(q - half).max(0.0), (q + half).min(1.0)].map(|q| seconds_at(total, q))
        };
        let sums = |slice: &Slice| (slice.tally.latency as f64 / 1e9, slice.tally.requests as f64);
        let late = |slice: &Slice| (slice.tally.violations as f64, asked(slice));
        let batches = |slice: &Slice| (slice.tally.requests as f64, slice.tally.batches as f64);
        let cost = |slice: &Slice| (slice_usd(slice, record, context) * 1e6, slice.tally.requests as f64);
        let mean = mean_latency(total);
        let mean_batch = total.tally.requests as f64 / total.tally.batches as f64;
        let [p50, p90, p95, p99] = QUANTILES.map(quantile);
        Some(Intervals {
            latency: LatencyIntervals { mean: about(mean, half_width(&sums)), p50, p90, p95, p99 },
            mean_batch: about(mean_batch, half_width(&batches)),
            cost_half_width: half_width(&cost),
            violations: share_about(violation_share(total), half_width(&late)),
        })
    }

    /// Student's t over the replications.
    fn between(records: &[Record], total: &Slice, context: Context<'_>) -> Intervals {
        let spread = |figure: &dyn Fn(&Record) -> f64| {
            let n = records.len() as f64;
            let values: Vec<f64> = records.iter().map(figure).collect();
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
            student(records.len() - 1) * (variance / n).sqrt()
        };
        let quantile = |q: f64| about(seconds_at(total, q), spread(&|record| seconds_at(&record.total, q)));
        let [p50, p90, p95, p99] = QUANTILES.map(quantile);
        let batch = |slice: &Slice| slice.tally.requests as f64 / slice.tally.batches.max(1) as f64;
        let cost = |record: &Record| {
            let cost = bill(record, context).total().as_f64();
            cost / record.total.tally.requests.max(1) as f64 * 1e6
        };
        let mean = about(mean_latency(total), spread(&|record| mean_latency(&record.total)));
        Intervals {
            latency: LatencyIntervals { mean, p50, p90, p95, p99 },
            mean_batch: about(batch(total), spread(&|record| batch(&record.total))),
            cost_half_width: spread(&cost),
            violations: {
                let late = spread(&|record| violation_share(&record.total));
                share_about(violation_share(total), late)
            },
        }
    }
}

/// Requests that were served or failed.
fn asked(slice: &Slice) -> f64 {
    (slice.tally.requests + slice.tally.rejected) as f64
}

fn violation_share(slice: &Slice) -> f64 {
    slice.tally.violations as f64 / asked(slice)
}

/// An interval of a share.
fn share_about(centre: f64, half_width: f64) -> [f64; 2] {
    about(centre, half_width).map(|share| share.clamp(0.0, 1.0))
}

fn about(centre: f64, half_width: f64) -> [f64; 2] {
    [centre - half_width, centre + half_width]
}

/// The 97.5 % point of Student's t.
fn student(freedom: usize) -> f64 {
    let law = StudentsT::new(0.0, 1.0, freedom as f64).expect("at least one degree of freedom");
    law.inverse_cdf(0.975)
}

/// Half the width of the 95 % interval of sum a / sum b over `count` slices of which some are empty.
fn ratio_half_width(
    slices: &[Slice],
    count: usize,
    drift: Drift,
    part: &dyn Fn(&Slice) -> (f64, f64),
) -> f64 {
    let mut parts = vec![(0.0, 0.0); count];
    for slice in slices {
        parts[slice.number as usize] = part(slice);
    }
    let (a, b) = parts.iter().fold((0.0, 0.0), |(a, b), part| (a + part.0, b + part.1));
    let residuals: Vec<f64> = parts.iter().map(|part| part.0 - a / b * part.1).collect();
    let freedom = (count - 1) as f64;
    let variance = match drift {
        Drift::Stationary => residuals.iter().map(|z| z * z).sum::<f64>() / freedom,
        Drift::Changing => residuals.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum::<f64>() / (2.0 * freedom),
    };
    student(count - 1) * (variance * count as f64).sqrt() / b
}
