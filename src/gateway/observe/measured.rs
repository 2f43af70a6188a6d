//! What an observer measured, in figures.

use serde::Serialize;

use super::{BatchNote, Exchange};
use crate::units::Span;

/// A latency distribution in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeasuredLatency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The SLO's own percentile.
    pub slo: f64,
}

/// The `measured` block of summary.json.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Requests sent.
    pub requests: u64,
    /// Requests answered as they should be: the others are in `failed`, and in no latency.
    pub answered: u64,
    /// The others.
    pub failed: u64,
    /// How many by status; 0 is no answer.
    pub by_status: std::collections::BTreeMap<u16, u64>,
    /// From the intended time to the answer.
    pub latency_s: Option<MeasuredLatency>,
    /// How late sending was.
    pub late_sending_s: Option<MeasuredLatency>,
    /// The latency less waiting and call: connections, protocol and the client itself. Only `sim serve` tells these.
    pub overhead_s: Option<MeasuredLatency>,
    /// Waiting and call alone: the latency without that overhead.
    pub latency_less_overhead_s: Option<MeasuredLatency>,
    /// Requests per batch.
    pub mean_batch: Option<f64>,
    /// Share of batches of 1, 2, ... requests.
    pub batch_size: Option<Vec<f64>>,
    /// Mean time of a call with 1, 2, ... requests; `null` where there was none.
    pub upstream_s: Option<Vec<Option<f64>>>,
    /// Requests over the SLO; those that failed count too.
    pub slo_violations: Option<u64>,
    /// The same as a share.
    pub slo_violation_share: Option<f64>,
    /// From the first intended time to the last answer.
    pub duration_s: f64,
    /// How busy all cores of this machine were meanwhile, client, gateway and functions together, where that is known.
    pub machine_busy_share: Option<f64>,
}

impl Measured {
    /// The figures of some exchanges; `percentile` and `slo` are the scenario's.
    pub fn of(exchanges: &[Exchange], percentile: f64, slo: Option<Span>, busy: Option<f64>) -> Measured {
        let good: Vec<&Exchange> = exchanges.iter().filter(|exchange| exchange.is_answered()).collect();
        let mut by_status = std::collections::BTreeMap::new();
        for exchange in exchanges {
            *by_status.entry(exchange.status).or_insert(0) += 1;
        }
        let latency = |spans: Vec<Span>| distribution(spans, percentile);
        let noted: Vec<(&Exchange, BatchNote)> =
            good.iter().filter_map(|exchange| Some((*exchange, exchange.batch?))).collect();
        let inner = |note: &BatchNote| note.waited + note.upstream;
        let over = |exchange: &Exchange, slo| !exchange.is_answered() || exchange.latency() > slo;
        let violations =
            slo.map(|slo| exchanges.iter().filter(|exchange| over(exchange, slo)).count() as u64);
        let batches = Batches::of(noted.iter().map(|(_, note)| note));
        let first = exchanges.first().map(|exchange| exchange.intended).unwrap_or_default();
        let last = exchanges.iter().map(|exchange| exchange.answered).max().unwrap_or_default();
        Measured {
            requests: exchanges.len() as u64,
            answered: good.len() as u64,
            failed: (exchanges.len() - good.len()) as u64,
            by_status,
            latency_s: latency(good.iter().map(|exchange| exchange.latency()).collect()),
            late_sending_s: latency(
                exchanges.iter().map(|exchange| exchange.sent.since(exchange.intended)).collect(),
            ),
            overhead_s: latency(
                noted
                    .iter()
                    .map(|(exchange, note)| Span(exchange.latency().0.saturating_sub(inner(note).0)))
                    .collect(),
            ),
            latency_less_overhead_s: latency(noted.iter().map(|(_, note)| inner(note)).collect()),
            mean_batch: batches.as_ref().map(Batches::mean),
            batch_size: batches.as_ref().map(Batches::shares),
            upstream_s: batches.as_ref().map(Batches::times),
            slo_violations: violations,
            slo_violation_share: violations.map(|count| count as f64 / exchanges.len().max(1) as f64),
            duration_s: last.since(first).as_secs_f64(),
            machine_busy_share: busy,
        }
    }
}

/// The batches behind some answers, each counted once.
struct Batches {
    /// How many of 1, 2, ... requests, and the sum of their calls.
    by_size: Vec<(u64, Span)>,
}

impl Batches {
    /// `None` if nothing is known of batches.
    fn of<'a>(notes: impl Iterator<Item = &'a BatchNote>) -> Option<Batches> {
        let mut seen = std::collections::BTreeMap::new();
        notes.for_each(|note| _ = seen.insert(note.number, note));
        let mut by_size = Vec::new();
        for note in seen.values() {
            let size = usize::try_from(note.size).ok().filter(|size| *size > 0)?;
            if by_size.len() < size {
                by_size.resize(size, (0, Span::ZERO));
            }
            let (count, sum) = &mut by_size[size - 1];
            (*count, *sum) = (*count + 1, *sum + note.upstream);
        }
        (!by_size.is_empty()).then_some(Batches { by_size })
    }

    fn count(&self) -> f64 {
        self.by_size.iter().map(|(count, _)| *count as f64).sum()
    }

    fn mean(&self) -> f64 {
        let requests = self.by_size.iter().zip(1_u64..).map(|((count, _), size)| (count * size) as f64);
        requests.sum::<f64>() / self.count()
    }

    fn shares(&self) -> Vec<f64> {
        self.by_size.iter().map(|(count, _)| *count as f64 / self.count()).collect()
    }

    fn times(&self) -> Vec<Option<f64>> {
        let mean = |(count, sum): &(u64, Span)| (*count > 0).then(|| sum.as_secs_f64() / *count as f64);
        self.by_size.iter().map(mean).collect()
    }
}

/// The distribution of some spans: a percentile is the smallest that so many do not exceed. `None` of none.
fn distribution(mut spans: Vec<Span>, slo: f64) -> Option<MeasuredLatency> {
    spans.sort_unstable();
    let last = spans.last()?;
    let at = |q: f64| {
        let rank = (q * spans.len() as f64).ceil() as usize;
        spans[rank.clamp(1, spans.len()) - 1].as_secs_f64()
    };
    let sum: f64 = spans.iter().map(|span| span.as_secs_f64()).sum();
    Some(MeasuredLatency {
        mean: sum / spans.len() as f64,
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        max: last.as_secs_f64(),
        slo: at(slo),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Time;

    #[test]
    fn figures_count_from_the_intended_time_and_each_batch_once() {
        let note = |number, size, waited, upstream| {
            Some(BatchNote { number, size, waited: Span(waited), upstream: Span(upstream) })
        };
        let exchange = |intended, sent, answered, status, batch| Exchange {
            intended: Time(intended),
            sent: Time(sent),
            answered: Time(answered),
            status,
            batch,
        };
        // A batch of two, one alone, one without an answer.
        let exchanges = [
            exchange(0, 1, 120, 200, note(0, 2, 50, 60)),
            exchange(50, 50, 121, 200, note(0, 2, 0, 60)),
            exchange(300, 310, 400, 200, note(1, 1, 10, 70)),
            exchange(500, 500, 900, 0, None),
        ];
        let measured = Measured::of(&exchanges, 0.5, Some(Span(100)), None);
        assert_eq!((measured.requests, measured.answered, measured.failed), (4, 3, 1));
        let latency = measured.latency_s.unwrap();
        assert_eq!((latency.p50, latency.slo, latency.max), (100e-9, 100e-9, 120e-9));
        assert_eq!(measured.late_sending_s.unwrap().max, 10e-9);
        assert_eq!(measured.latency_less_overhead_s.unwrap().max, 110e-9);
        assert_eq!(measured.overhead_s.unwrap().max, 20e-9);
        assert_eq!(measured.mean_batch, Some(1.5));
        assert_eq!(measured.batch_size, Some(vec![0.5, 0.5]));
        assert_eq!(measured.upstream_s, Some(vec![Some(70e-9), Some(60e-9)]));
        // 120 ns, and the one that failed.
        assert_eq!(measured.slo_violations, Some(2));
    }
}
