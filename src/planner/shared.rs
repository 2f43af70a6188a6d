//! The prediction of classes that share a buffer, by the exact law.

use crate::analytic::exact::{LatencyLaw, SharedLaw, SharedSizes, SizedLaw, Variation};
use crate::arrivals::map::Map;
use crate::arrivals::marked::MarkedMap;
use crate::arrivals::memory::InMemory;
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::{ClassFigures, Latency, Model, Predicted};
use crate::planner::laws::{batch_cost, variation};
use crate::planner::predict::{HOUR, Part, Prediction, fitted_parts, hours as hourly, is_covered, too_few};
use crate::profile::ServiceTimes;
use crate::scenario::class::{Classes, Group, Marks, Sizes};
use crate::scenario::slo::Slo;
use crate::scenario::{Scenario, Setting};
use crate::units::{Span, Time};

/// A stretch of a workload with one process.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkedPart {
    /// How long it lasts; only the proportion among parts counts.
    pub duration: f64,
    /// What arrives, by class.
    pub process: MarkedMap,
}

/// The arrivals of a scenario's classes, from which those of groups are taken.
#[derive(Debug, Clone)]
pub enum ClassParts {
    /// Each class has a process of its own.
    Own(Vec<Map>),
    /// Processes with marks, one after the other.
    Marked(Vec<MarkedPart>),
}

impl ClassParts {
    /// Those of a scenario; a trace by the fits of its hours.
    ///
    /// # Errors
    /// A trace that cannot be read, or to which no process can be fitted.
    pub fn new(scenario: &Scenario, classes: &Classes) -> Result<ClassParts, InputError> {
        ClassParts::fitted(scenario, classes)?.ok_or_else(|| too_few(scenario))
    }

    /// As [`ClassParts::new`]; `None` where no process can be fitted.
    fn fitted(scenario: &Scenario, classes: &Classes) -> Result<Option<ClassParts>, InputError> {
        let marked = |parts: Vec<MarkedPart>| (!parts.is_empty()).then_some(ClassParts::Marked(parts));
        Ok(match &classes.marks {
            Marks::Own(own) => Some(ClassParts::Own(own.clone())),
            Marks::Process(map) => marked(vec![MarkedPart { duration: 1.0, process: map.clone() }]),
            Marks::Shares(shares) => {
                let part = |part: &Part| MarkedPart::shared(part, shares);
                marked(fitted_parts(scenario)?.iter().map(part).collect())
            }
            Marks::Column(_) => marked(of_hours(scenario, classes)?),
        })
    }

    /// The arrivals of some classes, without those of the others.
    pub fn of(&self, members: &[usize]) -> Vec<MarkedPart> {
        let only =
            |part: &MarkedPart| MarkedPart { duration: part.duration, process: part.process.only(members) };
        match self {
            ClassParts::Own(own) => {
                let own: Vec<Map> = members.iter().map(|member| own[*member].clone()).collect();
                vec![MarkedPart { duration: 1.0, process: MarkedMap::merged(&own) }]
            }
            ClassParts::Marked(parts) => parts.iter().map(only).collect(),
        }
    }
}

impl MarkedPart {
    fn shared(part: &Part, shares: &[f64]) -> MarkedPart {
        let duration = part.requests / part.process.rate();
        MarkedPart { duration, process: MarkedMap::shared(&part.process, shares) }
    }
}

/// A class that an hour has none of is given this share of it, so that it has a law there too.
const LEAST_SHARE: f64 = 1e-9;

/// The hours of a trace whose column names classes: a process is fitted to all of an hour's arrivals, and each class has
/// its share of that hour.
fn of_hours(scenario: &Scenario, classes: &Classes) -> Result<Vec<MarkedPart>, InputError> {
    let all: Vec<usize> = (0..classes.list.len()).collect();
    let mut arrivals = classes.open(&scenario.workload, Streams::new(scenario.seed).part(0), &all)?;
    let (mut times, mut hours, mut block) = (Vec::new(), Vec::<Vec<f64>>::new(), Vec::new());
    // Each size of a class has a mark of its own.
    let marks = classes.sizes.as_ref().map_or(1, |sizes| sizes.values.len());
    loop {
        block.clear();
        arrivals.fill(&mut block)?;
        let Some(last) = block.last() else { break };
        let first = *times.first().unwrap_or(&block[0].at);
        let hour = |at: Time| (at.since(first).0 / HOUR.0) as usize;
        hours.resize(hours.len().max(hour(last.at) + 1), vec![0.0; all.len()]);
        block.iter().for_each(|request| hours[hour(request.at)][usize::from(request.class) / marks] += 1.0);
        times.extend(block.iter().map(|request| request.at));
    }
    let fitted = hourly(&mut InMemory::new(&times))?;
    let part = |(part, counts): (Option<Part>, &Vec<f64>)| {
        let total: f64 = counts.iter().sum();
        let shares: Vec<f64> = counts.iter().map(|count| (count / total).max(LEAST_SHARE)).collect();
        let sum: f64 = shares.iter().sum();
        let shares: Vec<f64> = shares.iter().map(|share| share / sum).collect();
        part.map(|part| MarkedPart::shared(&part, &shares))
    };
    Ok(fitted.into_iter().map(|(_, part)| part).zip(&hours).filter_map(part).collect())
}

/// The laws of a group in every part of a workload.
#[derive(Debug)]
pub struct GroupLaws {
    parts: Vec<(f64, Vec<f64>, Law)>,
}

#[derive(Debug)]
enum Law {
    /// Requests have no sizes.
    Plain(SharedLaw),
    Sized(SizedLaw),
}

impl Law {
    fn sizes(&self) -> &SharedSizes {
        match self {
            Law::Plain(law) => law.sizes(),
            Law::Sized(law) => law.sizes(),
        }
    }
}

impl GroupLaws {
    /// The laws of one largest batch and longest waits.
    pub fn new(parts: &[MarkedPart], waits: &[Span], batch: u32) -> GroupLaws {
        let law = |part: &MarkedPart| {
            (part.duration, part.process.rates(), Law::Plain(SharedLaw::new(&part.process, waits, batch)))
        };
        GroupLaws { parts: parts.iter().map(law).collect() }
    }

    /// The same where the share `up_to[i][k]` of class k's requests are of the i-th size or a smaller one.
    pub fn sized(parts: &[MarkedPart], waits: &[Span], batch: u32, up_to: &[Vec<f64>]) -> GroupLaws {
        let law = |part: &MarkedPart| {
            let law = SizedLaw::new(&part.process, waits, batch, up_to);
            (part.duration, part.process.rates(), Law::Sized(law))
        };
        GroupLaws { parts: parts.iter().map(law).collect() }
    }

    /// The mean size to which a class's requests are padded; none without sizes.
    fn padded(&self, class: usize, sizes: &[f64]) -> Option<f64> {
        let mut sum = 0.0;
        for (duration, rates, law) in &self.parts {
            let Law::Sized(law) = law else { return None };
            sum += duration * rates[class] * law.padded(class, sizes);
        }
        Some(sum / self.requests(class))
    }

    /// The requests of a class, in the unit of the parts' durations.
    fn requests(&self, class: usize) -> f64 {
        self.parts.iter().map(|(duration, rates, _)| duration * rates[class]).sum()
    }

    /// The latency of one class where a batch of n whose largest request is of the i-th size takes `service[i][n - 1]` \[s\];
    /// without sizes there is one of them.
    pub fn latency<'a>(
        &'a self,
        class: usize,
        service: &'a [Vec<f64>],
        variation: &'a [Variation],
    ) -> LatencyLaw<'a> {
        let part = |(duration, rates, law): &'a (f64, Vec<f64>, Law)| {
            let latency = match law {
                Law::Plain(law) => LatencyLaw::varied(law.class(class), &service[0], &variation[0]),
                Law::Sized(law) => law.latency(class, service, variation),
            };
            (duration * rates[class], latency)
        };
        LatencyLaw::mixture(self.parts.iter().map(part).collect())
    }

    /// The share of batches that leave with n requests, at `n - 1`.
    fn batch_size(&self) -> Vec<f64> {
        let batches = |(duration, rates, law): &(f64, Vec<f64>, Law)| {
            duration * rates.iter().sum::<f64>() / law.sizes().mean_batch()
        };
        let total: f64 = self.parts.iter().map(batches).sum();
        let mut shares = vec![0.0; self.parts[0].2.sizes().batch_size().len()];
        for part in &self.parts {
            for (sum, share) in shares.iter_mut().zip(part.2.sizes().batch_size()) {
                *sum += batches(part) / total * share;
            }
        }
        shares
    }
}

/// A predicted group with its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassPrediction {
    /// All its requests together.
    pub prediction: Prediction,
    /// Each of its classes.
    pub classes: Vec<ClassFigures>,
}

/// Predicts a group of the scenario's classes; a trace by the fits of its hours. `None` where classes are drawn for arrivals
/// that no law covers, and for a trace to which no process can be fitted.
///
/// # Errors
/// The profile does not cover the group; a trace cannot be read.
pub fn predict_group(
    scenario: &Scenario,
    classes: &Classes,
    group: &Group,
) -> Result<Option<ClassPrediction>, InputError> {
    if matches!(classes.marks, Marks::Shares(_)) && !is_covered(&scenario.workload) {
        return Ok(None);
    }
    let Some(parts) = ClassParts::fitted(scenario, classes)? else { return Ok(None) };
    predict_parts(scenario, classes, group, &parts.of(&group.members)).map(Some)
}

/// As [`predict_group`], of arrivals that are known.
///
/// # Errors
/// The profile does not cover the group.
pub fn predict_parts(
    scenario: &Scenario,
    classes: &Classes,
    group: &Group,
    parts: &[MarkedPart],
) -> Result<ClassPrediction, InputError> {
    let setting = Setting::new(group.memory, group.batch, Span::ZERO);
    let by_size = scenario.service_by_size_of_law(setting)?;
    let seconds = |times: &ServiceTimes| times.mean.iter().map(|span| span.as_secs_f64()).collect();
    let service: Vec<Vec<f64>> = by_size.iter().map(seconds).collect();
    // The size of requests enters by the time alone.
    let price = batch_cost(&scenario.platform.tariff, &by_size[0]);
    let variation: Vec<Variation> = by_size.iter().map(variation).collect();
    Ok(predict_on(classes, group, parts, Times { service: &service, variation: &variation, price: &price }))
}

/// What batches take, and what they cost: `price(n, mean service time [s])`.
pub struct Times<'a> {
    /// By the size of the largest request, the mean service time of a batch of n at `n - 1` \[s\].
    pub service: &'a [Vec<f64>],
    /// How they vary, by size.
    pub variation: &'a [Variation],
    /// The price of a batch [$].
    pub price: &'a dyn Fn(u32, f64) -> f64,
}

/// Predicts a group with given times and prices.
pub fn predict_on(
    classes: &Classes,
    group: &Group,
    parts: &[MarkedPart],
    times: Times<'_>,
) -> ClassPrediction {
    let sizes = classes.sizes.as_ref().map(Sizes::of_law);
    let laws = &match sizes {
        None => GroupLaws::new(parts, &group.longest_wait, group.batch),
        Some(sizes) => {
            GroupLaws::sized(parts, &group.longest_wait, group.batch, &sizes.up_to(&group.members))
        }
    };
    let Times { service, variation, price } = times;
    let members = 0..group.members.len();
    let by_class: Vec<LatencyLaw<'_>> =
        members.clone().map(|at| laws.latency(at, service, variation)).collect();
    let requests: Vec<f64> = members.map(|at| laws.requests(at)).collect();
    let total: f64 = requests.iter().sum();
    let all = LatencyLaw::mixture(requests.iter().copied().zip(by_class.iter().cloned()).collect());
    let mut figures = Vec::new();
    for (at, law) in by_class.iter().enumerate() {
        let class = &classes.list[group.members[at]];
        figures.push(ClassFigures {
            name: class.name.clone(),
            share: requests[at] / total,
            longest_wait_s: group.longest_wait[at].as_secs_f64(),
            latency_s: latency(law),
            latency_ci95_s: None,
            slo_violation_share: class.slo.map(|slo| law.share_over(slo.latency.as_secs_f64()).max(0.0)),
            slo_violation_share_ci95: None,
            cost_usd_per_million: law.per_request(price) * 1e6,
            padding: sizes
                .and_then(|sizes| Some(laws.padded(at, &sizes.values)? - sizes.mean(group.members[at]))),
        });
    }
    let over = |figures: &ClassFigures| figures.slo_violation_share.map_or(0.0, |over| figures.share * over);
    let asked = figures.iter().any(|figures| figures.slo_violation_share.is_some());
    let batch_size = laws.batch_size();
    let longest = all.quantile(0.9999).max(1e-6);
    let points = (0..=400).map(|i| longest * f64::from(i) / 400.0);
    let predicted = Predicted {
        model: Model::Exact.name(),
        latency_s: latency(&all),
        cost_usd_per_million: all.per_request(price) * 1e6,
        mean_batch: batch_size.iter().zip(1..).map(|(p, n)| p * f64::from(n)).sum(),
        batch_size,
        slo_violation_share: asked.then(|| figures.iter().map(over).sum()),
    };
    let cdf = points.map(|x| (x, all.cdf(x))).collect();
    ClassPrediction { prediction: Prediction { predicted, cdf, misfit: None }, classes: figures }
}

fn latency(law: &LatencyLaw<'_>) -> Latency {
    let [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map(|q| law.quantile(q));
    Latency { mean: law.mean(), p50, p90, p95, p99, slo: law.quantile(Slo::default().percentile), max: None }
}
