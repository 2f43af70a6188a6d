//! HarmonyBatch's own way to group classes and to set their buffers, by its own formulas.
//!
//! Source: Chen et al., "HarmonyBatch: Batching multi-SLO DNN Inference with Heterogeneous Serverless Functions", IWQoS 2024,
//! and its release. Arrivals are Poisson, a batch costs as if it were always full, and of a group only the mean open time
//! is known: that of two classes, put together one after another. It is kept as published, to be compared with.

use crate::profile::device::{Offered, Size};

/// A class as it sees one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Application {
    /// Its place in the scenario.
    pub class: usize,
    /// Requests a second.
    pub rate: f64,
    /// The latency that none of its requests may exceed \[s\].
    pub latency: f64,
}

/// A group as it provisions one.
#[derive(Debug, Clone, PartialEq)]
pub struct Provisioned {
    /// By ascending latency.
    pub applications: Vec<Application>,
    /// The place of the function on the list.
    pub function: usize,
    /// Largest batch.
    pub batch: u32,
    /// The longest wait of each application \[s\].
    pub waits: Vec<f64>,
    /// What it takes a second of the group to cost [$].
    pub usd_per_s: f64,
}

/// Rates between which an application may turn from processors to a GPU [1/s].
const RATES: (f64, f64) = (0.01, 40.0);

/// The mean open time \[s\] of classes with these longest waits, ascending, and rates: equation 3 for two, iterated.
pub fn equivalent_timeout(waits: &[f64], rates: &[f64]) -> f64 {
    let (mut open, mut rate) = (waits[0], rates[0]);
    for (wait, more) in waits.iter().zip(rates).skip(1) {
        let longer = (wait - open).max(0.0);
        open += more / (rate + more) * (1.0 - (-rate * longer).exp()) / rate;
        rate += more;
    }
    open
}

/// The cheapest function and buffer of a group; `None` if none keeps the latencies.
pub fn provision(functions: &[Offered], applications: &[Application]) -> Option<Provisioned> {
    let mut applications = applications.to_vec();
    applications.sort_by(|a, b| a.latency.total_cmp(&b.latency).then(a.class.cmp(&b.class)));
    let rates: Vec<f64> = applications.iter().map(|application| application.rate).collect();
    let rate: f64 = rates.iter().sum();
    let mut best: Option<Provisioned> = None;
    for (place, function) in functions.iter().enumerate() {
        for (batch, waits) in buffers(function, &applications, &rates) {
            let usd_per_s = rate * function.usd[batch as usize - 1] / f64::from(batch);
            if best.as_ref().is_none_or(|best| usd_per_s < best.usd_per_s) {
                let applications = applications.clone();
                best = Some(Provisioned { applications, function: place, batch, waits, usd_per_s });
            }
        }
    }
    best
}

/// The batches that a function may have, with the longest waits.
fn buffers(function: &Offered, applications: &[Application], rates: &[f64]) -> Vec<(u32, Vec<f64>)> {
    let rate: f64 = rates.iter().sum();
    let first = applications[0].latency;
    let later: Vec<f64> = applications.iter().map(|application| application.latency - first).collect();
    let within = |batch: u32, wait: f64| {
        let slowest = function.slowest[batch as usize - 1];
        (wait + slowest <= first + 1e-12).then(|| (batch, later.iter().map(|more| wait + more).collect()))
    };
    let batches = 1..=function.slowest.len() as u32;
    match function.size {
        // As long as it takes to fill the batch in the mean.
        Size::Processors(_) | Size::Memory(_) => batches
            .filter_map(|batch| match batch {
                1 => within(1, 0.0).map(|(batch, _): (u32, Vec<f64>)| (batch, vec![0.0; rates.len()])),
                _ => {
                    let wait = f64::from(batch - 1) / rate - equivalent_timeout(&later, rates);
                    if wait >= 0.0 { within(batch, wait) } else { None }
                }
            })
            .collect(),
        // As long as the latencies leave; the largest batch that then fills in the mean.
        Size::Gpu(_) => {
            let fills = |batch: &u32| {
                let wait = first - function.slowest[*batch as usize - 1];
                let waits: Vec<f64> = later.iter().map(|more| wait + more).collect();
                wait >= 0.0 && *batch <= (rate * equivalent_timeout(&waits, rates)).floor() as u32 + 1
            };
            let batch = batches.rev().find(fills);
            batch
                .and_then(|batch| within(batch, first - function.slowest[batch as usize - 1]))
                .into_iter()
                .collect()
        }
    }
}

/// Groups applications in two stages along their latencies; `None` if one cannot keep its own.
pub fn group(functions: &[Offered], applications: &[Application]) -> Option<Vec<Provisioned>> {
    let mut applications = applications.to_vec();
    applications.sort_by(|a, b| a.latency.total_cmp(&b.latency).then(a.class.cmp(&b.class)));
    let alone = applications.iter().map(|application| provision(functions, &[*application]));
    let groups = alone.collect::<Option<Vec<_>>>()?;
    let groups = merge_processors(functions, groups);
    Some(merge_with_gpus(functions, groups))
}

fn on_gpu(functions: &[Offered], group: &Provisioned) -> bool {
    matches!(functions[group.function].size, Size::Gpu(_))
}

/// Stage 1: neighbours on processors whose rates together reach that at which a GPU is cheaper, if merging them is.
fn merge_processors(functions: &[Offered], groups: Vec<Provisioned>) -> Vec<Provisioned> {
    let mut done: Vec<Provisioned> = Vec::new();
    let mut run: Vec<Provisioned> = Vec::new();
    for group in groups {
        if on_gpu(functions, &group) {
            done.append(&mut run);
            done.push(group);
            continue;
        }
        run.push(group);
        let rate: f64 = run.iter().flat_map(|group| &group.applications).map(|one| one.rate).sum();
        if rate < turning_rate(functions, run[0].applications[0].latency) {
            continue;
        }
        let all: Vec<Application> = run.iter().flat_map(|group| group.applications.clone()).collect();
        let apart: f64 = run.iter().map(|group| group.usd_per_s).sum();
        match provision(functions, &all).filter(|merged| merged.usd_per_s <= apart) {
            Some(merged) => {
                done.push(merged);
                run.clear();
            }
            None => done.append(&mut run),
        }
    }
    done.append(&mut run);
    done
}

/// Stage 2: a neighbour joins a group where one of the two is on a GPU and the cost does not rise.
fn merge_with_gpus(functions: &[Offered], groups: Vec<Provisioned>) -> Vec<Provisioned> {
    let mut done: Vec<Provisioned> = Vec::new();
    for group in groups {
        let merged = done.last().and_then(|last| {
            let heterogeneous = on_gpu(functions, last) || on_gpu(functions, &group);
            let all = [last.applications.clone(), group.applications.clone()].concat();
            let merged = if heterogeneous { provision(functions, &all) } else { None };
            merged.filter(|merged| merged.usd_per_s <= last.usd_per_s + group.usd_per_s)
        });
        match merged {
            Some(merged) => {
                done.pop();
                done.push(merged);
            }
            None => done.push(group),
        }
    }
    done
}

/// The rate [1/s] from which a lone application with this latency is cheaper on a GPU, by bisection.
fn turning_rate(functions: &[Offered], latency: f64) -> f64 {
    let gpu = |rate: f64| {
        let found = provision(functions, &[Application { class: 0, rate, latency }]);
        found.is_some_and(|found| on_gpu(functions, &found))
    };
    let (mut low, mut high) = RATES;
    if !gpu(high) {
        return f64::INFINITY;
    }
    while high - low > 0.01 {
        let middle = 0.5 * (low + high);
        if gpu(middle) { high = middle } else { low = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_open_time_of_two_is_the_published_one() {
        let (r1, r2, t1, t2) = (10.0_f64, 20.0, 0.45, 0.65);
        let published = t1 + r2 / (r1 + r2) * (1.0 - (-r1 * (t2 - t1)).exp()) / r1;
        assert!((equivalent_timeout(&[t1, t2], &[r1, r2]) - published).abs() < 1e-15);
        assert_eq!(equivalent_timeout(&[0.3, 0.3], &[r1, r2]), 0.3);
    }
}
