//! The laws of batch sizes and latencies of a scenario's processes, exact or as published.

use super::ceiling::{mean_started, mean_started_by_quantiles};
use super::predict::Part;
use crate::analytic::{exact, published};
use crate::error::InputError;
use crate::outcome::{Latency, Model, Predicted};
use crate::price::Tariff;
use crate::profile::ServiceTimes;
use crate::units::Span;

/// The batches of one (B, T) in every part of a workload. No memory size enters.
#[derive(Debug)]
pub struct BatchLaws {
    parts: Laws,
}

#[derive(Debug)]
enum Laws {
    Exact(Vec<(f64, exact::BatchLaw)>),
    Published(Vec<(f64, published::BatchLaw)>),
}

impl BatchLaws {
    /// The laws of several batch sizes, which share the work, at one timeout; in the order of `batches`.
    ///
    /// # Errors
    /// The published model takes MAPs of one or two phases only.
    pub fn of(
        parts: &[Part],
        model: Model,
        batches: &[u32],
        timeout: Span,
    ) -> Result<Vec<BatchLaws>, InputError> {
        let largest = batches.iter().copied().max().unwrap_or(1);
        match model {
            Model::Exact => {
                let levels: Vec<_> = parts
                    .iter()
                    .map(|p| (p.requests, exact::Levels::new(&p.process, largest, timeout)))
                    .collect();
                let law = |batch: &u32| {
                    let law = |(w, levels): &(f64, _)| (*w, exact::BatchLaw::new(levels, *batch));
                    BatchLaws { parts: Laws::Exact(levels.iter().map(law).collect()) }
                };
                Ok(batches.iter().map(law).collect())
            }
            Model::Published => batches
                .iter()
                .map(|batch| {
                    let law = |p: &Part| {
                        let law = published::BatchLaw::new(&p.process, *batch, timeout);
                        law.map(|law| (p.requests, law))
                            .map_err(|e| InputError::new("--model published", e.to_string()))
                    };
                    let laws = parts.iter().map(law).collect::<Result<_, _>>()?;
                    Ok(BatchLaws { parts: Laws::Published(laws) })
                })
                .collect(),
        }
    }

    /// The latency where a batch of n takes `service[n - 1]` \[s\] in the mean. The published model takes times that do
    /// not vary.
    pub fn latency<'a>(&'a self, service: &'a [f64], variation: &'a exact::Variation) -> ModelLatency<'a> {
        ModelLatency {
            parts: match &self.parts {
                Laws::Exact(parts) => {
                    let part =
                        |(w, law): &'a (f64, _)| (*w, exact::LatencyLaw::varied(law, service, variation));
                    LatencyParts::Exact(exact::LatencyLaw::mixture(parts.iter().map(part).collect()))
                }
                Laws::Published(parts) => {
                    let part = |(w, law): &'a (f64, _)| (*w, law, published::LatencyLaw::new(law, service));
                    LatencyParts::Published(parts.iter().map(part).collect())
                }
            },
        }
    }
}

/// The latency and cost law of one configuration.
#[derive(Debug)]
pub struct ModelLatency<'a> {
    parts: LatencyParts<'a>,
}

#[derive(Debug)]
enum LatencyParts<'a> {
    Exact(exact::LatencyLaw<'a>),
    Published(Vec<(f64, &'a published::BatchLaw, published::LatencyLaw<'a>)>),
}

type PublishedPart<'a> = (f64, &'a published::BatchLaw, published::LatencyLaw<'a>);

fn weighted(parts: &[PublishedPart<'_>], of: impl Fn(&PublishedPart<'_>) -> f64) -> f64 {
    let total: f64 = parts.iter().map(|part| part.0).sum();
    parts.iter().map(|part| part.0 * of(part)).sum::<f64>() / total
}

impl<'a> ModelLatency<'a> {
    /// The law of every part on its own.
    pub fn parts(&self) -> Vec<ModelLatency<'a>> {
        match &self.parts {
            LatencyParts::Exact(law) => {
                law.parts().map(|law| ModelLatency { parts: LatencyParts::Exact(law) }).collect()
            }
            LatencyParts::Published(parts) => {
                let alone = |part: &PublishedPart<'a>| LatencyParts::Published(vec![part.clone()]);
                parts.iter().map(|part| ModelLatency { parts: alone(part) }).collect()
            }
        }
    }

    /// The share of requests with a latency of at most `x` \[s\].
    pub fn cdf(&self, x: f64) -> f64 {
        match &self.parts {
            LatencyParts::Exact(law) => law.cdf(x),
            LatencyParts::Published(parts) => weighted(parts, |(_, _, law)| law.cdf(x)),
        }
    }

    /// Does the share `q` of requests have a latency of at most `x` \[s\]?
    pub fn keeps(&self, x: f64, q: f64) -> bool {
        match &self.parts {
            LatencyParts::Exact(law) => law.keeps(x, q),
            LatencyParts::Published(_) => self.cdf(x) >= q,
        }
    }

    /// The latency \[s\] that the share `q` of requests stays within.
    pub fn quantile(&self, q: f64) -> f64 {
        match &self.parts {
            LatencyParts::Exact(law) => law.quantile(q),
            LatencyParts::Published(parts) => match parts.as_slice() {
                [(_, _, law)] => law.quantile(q),
                _ => {
                    // The published bisection, on the mixture: [0, 30] s down to 0.01 s.
                    let (mut low, mut high) = (0.0, 30.0);
                    while high - low > 0.01 {
                        let middle = 0.5 * (low + high);
                        if self.cdf(middle) < q { low = middle } else { high = middle }
                    }
                    high
                }
            },
        }
    }

    /// The mean latency \[s\].
    pub fn mean(&self) -> f64 {
        match &self.parts {
            LatencyParts::Exact(law) => law.mean(),
            LatencyParts::Published(parts) => weighted(parts, |(_, _, law)| law.mean()),
        }
    }

    /// Requests over batches.
    pub fn mean_batch(&self) -> f64 {
        match &self.parts {
            LatencyParts::Exact(law) => law.mean_batch(),
            LatencyParts::Published(parts) => 1.0 / weighted(parts, |(_, law, _)| 1.0 / law.mean_batch()),
        }
    }

    /// The share of batches of n, at `n - 1`.
    pub fn batch_size(&self) -> Vec<f64> {
        match &self.parts {
            LatencyParts::Exact(law) => law.batch_size(),
            LatencyParts::Published(parts) => {
                let batches: f64 = parts.iter().map(|(w, law, _)| w / law.mean_batch()).sum();
                let sizes = parts[0].1.batch_size().len();
                let share = |n| {
                    let of = |(w, law, _): &PublishedPart<'_>| w / law.mean_batch() * law.batch_size()[n];
                    parts.iter().map(of).sum::<f64>() / batches
                };
                (0..sizes).map(share).collect()
            }
        }
    }

    /// The cost of a request where a batch of n in `service` \[s\] costs `batch_cost(n, service)`: expected by the
    /// exact law, at the q-quantile of the batch size by the published model.
    pub fn per_request(&self, q: f64, batch_cost: impl Fn(u32, f64) -> f64) -> f64 {
        match &self.parts {
            LatencyParts::Exact(law) => law.per_request(batch_cost),
            LatencyParts::Published(parts) => weighted(parts, |(_, _, law)| law.per_request(q, &batch_cost)),
        }
    }

    /// The whole prediction. `slo` \[s\] gives the share of requests over it.
    pub fn predicted(
        &self,
        model: Model,
        q: f64,
        batch_cost: impl Fn(u32, f64) -> f64,
        slo: Option<f64>,
    ) -> Predicted {
        let [p50, p90, p95, p99, asked] = [0.5, 0.9, 0.95, 0.99, q].map(|q| self.quantile(q));
        Predicted {
            model: model.name(),
            latency_s: Latency { mean: self.mean(), p50, p90, p95, p99, slo: asked, max: None },
            cost_usd_per_million: self.per_request(q, batch_cost) * 1e6,
            mean_batch: self.mean_batch(),
            batch_size: self.batch_size(),
            slo_violation_share: slo.map(|slo| 1.0 - self.cdf(slo)),
        }
    }
}

/// The expected price [$] of a warm invocation at `service`'s memory size, as a function of the batch and its
/// mean service time \[s\]; each invocation is rounded up by itself.
pub fn batch_cost<'a>(tariff: &'a Tariff, service: &'a ServiceTimes) -> impl Fn(u32, f64) -> f64 + 'a {
    move |n, mean| match service.varies() {
        false => tariff.invocation_usd(service.memory, Span::from_secs_f64(mean).unwrap_or(Span::MAX)),
        true => {
            let granule = tariff.billing.granule;
            let mean = mean / granule.as_secs_f64();
            let units = match &service.shape {
                None => mean_started(mean, service.cv),
                Some(shape) => mean_started_by_quantiles(mean, &shape.shares, &shape.factors[n as usize - 1]),
            };
            let mb_ms = units * granule.as_secs_f64() * 1e3 * f64::from(service.memory.0);
            tariff.marginal_usd(mb_ms, 1.0)
        }
    }
}

/// How the times of batches vary, the way between client and function included.
pub fn variation(times: &ServiceTimes) -> exact::Variation {
    let beside = &times.beside;
    let service: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
    if beside.has_overhead() && beside.overhead_cv > 0.0 {
        let law = |n: usize| match &times.shape {
            Some(shape) => exact::Law::Quantiles { shares: &shape.shares, factors: &shape.factors[n - 1] },
            None => exact::Law::Lognormal(times.cv),
        };
        return exact::Variation::sum(law, &service, (beside.overhead_s, beside.overhead_cv));
    }
    let alone = match &times.shape {
        Some(shape) => exact::Variation::quantiles(&shape.shares, &shape.factors, &service),
        None => exact::Variation::lognormal(times.cv),
    };
    alone.shifted(beside.overhead_s)
}
