//! Evaluates a grid: predictions by timeout, then simulations, all in parallel and in any order.
//!
//! A row depends on its configuration alone: not on the threads, nor on which other rows are asked for.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::row::{Counts, Figures, Row};
use super::shard::Shard;
use crate::analytic::exact::Variation;
use crate::engine::grid::{self, Counted, Keep, bytes, evaluate_without_peaks};
use crate::engine::simulate::{nothing_served, summary};
use crate::engine::summary::{MONTH_S, within_target};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::outcome::Model;
use crate::planner::constraint::{Constraint, Scope};
use crate::planner::laws::{BatchLaws, batch_cost, variation};
use crate::planner::predict::{Part, knows_the_overhead, scenario_parts};
use crate::policy::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::scenario::grid::Grid;
use crate::scenario::workload::Source;
use crate::scenario::{Scenario, Setting};
use crate::units::Span;

/// Which figures are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Predictions alone.
    Predict,
    /// Predictions and simulations.
    Simulate,
}

/// What a sweep is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The analytic model.
    Predicting,
    /// The simulation.
    Simulating,
}

/// A grid to evaluate.
#[derive(Debug)]
pub struct Sweep<'a> {
    scenario: &'a Scenario,
    grid: &'a Grid,
    model: Model,
    mode: Mode,
    intervals: Intervals,
    /// None of users, whose arrivals no law knows.
    parts: Vec<Part>,
    /// One a memory size and number of provisioned environments, for batches up to the largest.
    services: Vec<Service>,
}

#[derive(Debug)]
struct Service {
    times: ServiceTimes,
    provisioned: u32,
    /// The largest batch that the platform lets run to its end; larger ones are left out.
    most: u32,
    /// The expected price of a batch of n at `n - 1` [$].
    cost: Vec<f64>,
    variation: Variation,
    seconds: Vec<f64>,
}

/// A timeout and a batch, by their places in the grid, and the rows that are wanted of them.
#[derive(Debug, Clone)]
struct Pair {
    batch: usize,
    timeout: usize,
    wanted: Vec<Wanted>,
}

/// A memory size by its place in the grid, with its prediction once that is there.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    memory: usize,
    predicted: Option<Judged>,
}

#[derive(Debug, Clone, Copy)]
struct Judged {
    figures: Figures,
    interval_s: Option<[f64; 2]>,
    meets_slo: Option<bool>,
    counts: Option<Counts>,
}

/// Which rows get an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intervals {
    Sampled,
    Left,
}

/// About so many rows get an interval.
const INTERVALS: f64 = 60.0;
const GOLDEN: f64 = 0.618_033_988_749_894_9;
/// Histograms of one pass stay below this.
const PASS_BYTES: usize = 32 << 20;
/// More (B, T) a pass would save little: their batching outweighs the drawing of arrivals.
const PASS_PAIRS: usize = 24;

/// Someone who is given the rows as soon as they are ready, from any thread.
pub trait Listener: Sync {
    /// A stage begins that handles so many rows.
    fn begin(&self, stage: Stage, rows: usize);

    /// The stage has handled so many more.
    fn advance(&self, rows: usize);

    /// Rows are ready.
    ///
    /// # Errors
    /// They cannot be kept; the sweep ends.
    fn ready(&self, rows: &[Row]) -> Result<(), InputError>;
}

impl<'a> Sweep<'a> {
    /// Prepares a sweep.
    ///
    /// # Errors
    /// The scenario has no grid; the platform does not offer it, or the profile does not cover it; a trace cannot be read, or is empty.
    pub fn new(scenario: &'a Scenario, model: Model, mode: Mode) -> Result<Sweep<'a>, InputError> {
        let Some(grid) = &scenario.sweep else {
            let help = "add [sweep] with memory_mb, batch and timeout: lists, or { from, to, step }";
            return Err(InputError::new(&scenario.name, "the scenario has no [sweep]").help(help));
        };
        scenario.check_grid()?;
        knows_the_overhead(scenario, model)?;
        let parts = match (scenario.workload.closed(), mode) {
            (Some(_), Mode::Simulate) if model == Model::Exact => Vec::new(),
            _ => scenario_parts(scenario)?,
        };
        let largest = grid.batch[grid.batch.len() - 1];
        let service = |(memory, provisioned)| {
            let times = scenario.covered(Setting::new(memory, largest, Span::ZERO))?;
            let most = scenario.largest_within_limit(&times);
            let seconds: Vec<f64> = times.mean.iter().map(|span| span.as_secs_f64()).collect();
            let price = batch_cost(&scenario.platform.tariff, &times);
            let cost = (1..).zip(&seconds).map(|(n, mean)| price(n, *mean)).collect();
            Ok(Service {
                provisioned,
                most,
                cost,
                seconds,
                variation: variation(&times),
                times: times.clone(),
            })
        };
        let services = grid.functions().into_iter().map(service).collect::<Result<_, InputError>>()?;
        Ok(Sweep { scenario, grid, model, mode, intervals: Intervals::Sampled, parts, services })
    }

    /// The same without intervals, where nobody will look at them.
    pub fn without_intervals(self) -> Sweep<'a> {
        Sweep { intervals: Intervals::Left, ..self }
    }

    /// The configurations of a shard, in no particular order.
    pub fn settings(&self, shard: Shard) -> Vec<Setting> {
        let pairs = self.pairs(shard, &BTreeSet::new());
        pairs.iter().flat_map(|pair| pair.wanted.iter().map(|w| self.setting(pair, w.memory))).collect()
    }

    /// Evaluates a shard's configurations except those in `done`.
    ///
    /// # Errors
    /// The model does not take the process; the arrivals cannot be read; a row cannot be kept.
    pub fn run(
        &self,
        shard: Shard,
        done: &BTreeSet<Setting>,
        listener: &dyn Listener,
    ) -> Result<(), InputError> {
        let mut pairs = self.pairs(shard, done);
        let rows = pairs.iter().map(|pair| pair.wanted.len()).sum();
        if !self.parts.is_empty() {
            listener.begin(Stage::Predicting, rows);
            // Pairs of one timeout share their laws.
            let groups = pairs.chunk_by_mut(|a, b| a.timeout == b.timeout).collect::<Vec<_>>();
            groups.into_par_iter().with_max_len(1).try_for_each(|group| self.predict(group, listener))?;
        }
        if self.mode == Mode::Predict {
            return Ok(());
        }
        listener.begin(Stage::Simulating, rows);
        self.simulate(&pairs, listener)
    }

    /// The (B, T) of a shard with the memory sizes that are not done; those with none left out.
    fn pairs(&self, shard: Shard, done: &BTreeSet<Setting>) -> Vec<Pair> {
        let batches = self.grid.batch.len();
        let pair = |i: usize| {
            let mut pair = Pair { batch: i % batches, timeout: i / batches, wanted: Vec::new() };
            let todo = |memory: &usize| {
                let setting = self.setting(&pair, *memory);
                setting.batch <= self.services[*memory].most && !done.contains(&setting)
            };
            let memories = (0..self.services.len()).filter(todo);
            pair.wanted = memories.map(|memory| Wanted { memory, predicted: None }).collect();
            pair
        };
        let range = shard.range(batches * self.grid.timeout.len());
        range.map(pair).filter(|pair| !pair.wanted.is_empty()).collect()
    }

    fn setting(&self, pair: &Pair, memory: usize) -> Setting {
        let (Grid { batch, timeout, .. }, service) = (self.grid, &self.services[memory]);
        Setting {
            provisioned: service.provisioned,
            ..Setting::new(service.times.memory, batch[pair.batch], timeout[pair.timeout])
        }
    }

    fn row(&self, pair: &Pair, wanted: &Wanted, simulated: Option<Judged>) -> Row {
        Row {
            setting: self.setting(pair, wanted.memory),
            predicted: wanted.predicted.map(|p| p.figures),
            simulated: simulated.map(|s| s.figures),
            interval_s: simulated.and_then(|s| s.interval_s),
            meets_slo: simulated.or(wanted.predicted).and_then(|judged| judged.meets_slo),
            counts: simulated.and_then(|s| s.counts),
        }
    }

    /// Predicts pairs of one timeout.
    fn predict(&self, pairs: &mut [Pair], listener: &dyn Listener) -> Result<(), InputError> {
        let timeout = self.grid.timeout[pairs[0].timeout];
        // All batches, wanted or not: the largest decides how finely the laws are cut.
        let laws = BatchLaws::of(&self.parts, self.model, &self.grid.batch, timeout)?;
        pairs.par_iter_mut().try_for_each(|pair| {
            let batch = self.grid.batch[pair.batch] as usize;
            for wanted in &mut pair.wanted {
                let predicted = self.predicted(&laws[pair.batch], batch, wanted.memory);
                wanted.predicted = Some(predicted);
            }
            listener.advance(pair.wanted.len());
            match self.mode {
                Mode::Predict => {
                    let rows: Vec<Row> = pair.wanted.iter().map(|w| self.row(pair, w, None)).collect();
                    listener.ready(&rows)
                }
                Mode::Simulate => Ok(()),
            }
        })
    }

    fn predicted(&self, laws: &BatchLaws, batch: usize, memory: usize) -> Judged {
        let (scenario, service) = (self.scenario, &self.services[memory]);
        let q = scenario.slo.percentile;
        let law = laws.latency(&service.seconds[..batch], &service.variation);
        let cost = law.per_request(q, |n, _| service.cost[n as usize - 1]);
        let figures = Figures { latency_s: law.quantile(q), usd_per_million: cost * 1e6 };
        let constraint = Constraint::new(&scenario.slo, self.model, Scope::Mix);
        let meets = |asked: Constraint| asked.affords(figures.usd_per_million / 1e6) && asked.kept(&law);
        let meets_slo = constraint.map(meets);
        Judged { figures, interval_s: None, meets_slo, counts: None }
    }

    /// One pass over the arrivals for some (B, T) at a time.
    fn simulate(&self, pairs: &[Pair], listener: &dyn Listener) -> Result<(), InputError> {
        let buffers = self.buffers(pairs);
        let groups = scattered(self.passes(&buffers));
        groups.into_par_iter().with_max_len(1).try_for_each(|group| {
            // What is in work counts half, so that the time left is not overstated.
            let rows: usize = group.iter().flatten().map(|pair| pair.wanted.len()).sum();
            listener.advance(rows / 2);
            let streams = Streams::new(self.scenario.seed).part(0);
            let mut arrivals = self.scenario.workload.open(streams)?;
            let memories: Vec<Vec<usize>> = group.iter().map(|same| memories(same)).collect();
            let asked = group.iter().zip(&memories).map(|(same, memories)| self.asked(same, memories));
            let asked: Vec<grid::Pair<'_>> = asked.collect();
            let counted = evaluate_without_peaks(self.scenario, streams, &mut *arrivals, &asked)?;
            for ((same, memories), counted) in group.iter().zip(&memories).zip(&counted) {
                for pair in same {
                    let row = |wanted: &Wanted| {
                        let place = memories.partition_point(|memory| *memory < wanted.memory);
                        let judged = self.judged(pair, wanted.memory, &counted[place])?;
                        Ok(self.row(pair, wanted, Some(judged)))
                    };
                    listener
                        .ready(&pair.wanted.iter().map(row).collect::<Result<Vec<Row>, InputError>>()?)?;
                }
            }
            listener.advance(rows - rows / 2);
            Ok(())
        })
    }

    /// The pairs that have the same batches: without batching, no timeout makes a difference.
    fn buffers<'p>(&self, pairs: &'p [Pair]) -> Vec<Vec<&'p Pair>> {
        let (single, others): (Vec<_>, Vec<_>) =
            pairs.iter().partition(|pair| self.grid.batch[pair.batch] == 1);
        let single = (!single.is_empty()).then_some(single);
        single.into_iter().chain(others.into_iter().map(|pair| vec![pair])).collect()
    }

    /// Pairs of the same batches, as the engine evaluates them at some memory sizes.
    fn asked(&self, same: &[&Pair], memories: &[usize]) -> grid::Pair<'_> {
        let wanted = |memory: &usize| {
            let is_sampled = same.iter().any(|pair| self.is_sampled(pair, *memory));
            let keep = if is_sampled { Keep::Record } else { Keep::Totals };
            let Service { times, provisioned, .. } = &self.services[*memory];
            grid::Wanted { keep, provisioned: *provisioned, ..grid::Wanted::new(self.scenario, times) }
        };
        grid::Pair { buffer: self.buffer(same), wanted: memories.iter().map(wanted).collect() }
    }

    fn buffer(&self, same: &[&Pair]) -> BatchPolicy {
        BatchPolicy { batch: self.grid.batch[same[0].batch], timeout: self.grid.timeout[same[0].timeout] }
    }

    /// An interval takes a record over time: some rows get one, spread evenly over the grid by the golden ratio.
    fn is_sampled(&self, pair: &Pair, memory: usize) -> bool {
        let place = (pair.timeout * self.grid.batch.len() + pair.batch) * self.services.len() + memory;
        let all = self.grid.timeout.len() * self.grid.batch.len() * self.services.len();
        self.intervals == Intervals::Sampled && (place as f64 * GOLDEN).fract() * (all as f64) < INTERVALS
    }

    /// Cuts the (B, T) into passes: enough of them for all threads, none with more histograms than caches like.
    fn passes<'p, 'q>(&self, buffers: &'q [Vec<&'p Pair>]) -> Vec<&'q [Vec<&'p Pair>]> {
        let threads = rayon::current_num_threads();
        let longest = match self.scenario.workload.source {
            // Drawing arrivals is cheap, so many passes spread the work better.
            Source::Process(_)
            | Source::Renewal(_)
            | Source::Schedule(_)
            | Source::Memory(_)
            | Source::Closed(_) => buffers.len().div_ceil(8 * threads).min(PASS_PAIRS),
            // Every pass reads the file again.
            Source::Trace(_) => buffers.len().div_ceil(4 * threads),
        };
        let mut passes = Vec::new();
        let (mut first, mut used) = (0, 0);
        for (i, same) in buffers.iter().enumerate() {
            let more = bytes(self.scenario, self.buffer(same));
            if i > first && (i - first == longest || used + more > PASS_BYTES) {
                passes.push(&buffers[first..i]);
                (first, used) = (i, 0);
            }
            used += more;
        }
        passes.extend((first < buffers.len()).then(|| &buffers[first..]));
        passes
    }

    fn judged(&self, pair: &Pair, memory: usize, counted: &Counted) -> Result<Judged, InputError> {
        let (scenario, slo, setting) = (self.scenario, &self.scenario.slo, self.setting(pair, memory));
        let Some(latency_s) = counted.quantile(slo.percentile) else {
            return Err(nothing_served(scenario));
        };
        let usage = counted.usage((setting.memory, setting.provisioned), scenario.warmup);
        let tally = &counted.tally;
        let usd_per_million =
            scenario.platform.tariff.bill(&usage).total().as_f64() / tally.requests as f64 * 1e6;
        let figures = Figures { latency_s: within_target(latency_s, tally, slo), usd_per_million };
        let interval_s = match &counted.record {
            Some(record) if self.is_sampled(pair, memory) => {
                let simulation = summary(scenario, setting, std::slice::from_ref(&**record))?;
                let intervals = simulation.simulated.latency_ci95_s;
                intervals.and_then(|intervals| intervals.percentile(slo.percentile))
            }
            _ => None,
        };
        let meets_slo = slo.verdict(counted.violation_share(), usd_per_million);
        let seconds = usage.duration.as_secs_f64();
        let usd = usd_per_million / 1e6 * tally.requests as f64;
        let counts = Counts {
            p50_s: counted.quantile(0.5).unwrap_or(0.0),
            p99_s: counted.quantile(0.99).unwrap_or(0.0),
            late: if slo.latency.is_some() { counted.violation_share() } else { 0.0 },
            mean_batch: tally.requests as f64 / tally.batches as f64,
            cold_starts: tally.cold_starts as f64 / tally.invocations().max(1) as f64,
            usd_per_month: if seconds > 0.0 { usd / seconds * MONTH_S } else { 0.0 },
        };
        Ok(Judged { figures, interval_s, meets_slo, counts: Some(counts) })
    }
}

/// The memory sizes that any of some pairs wants, in order.
fn memories(same: &[&Pair]) -> Vec<usize> {
    let all: BTreeSet<usize> =
        same.iter().flat_map(|pair| &pair.wanted).map(|wanted| wanted.memory).collect();
    all.into_iter().collect()
}

/// In an order in which any first part is much like the whole: short timeouts take longer, and the time that is left
/// is judged by what is done.
fn scattered<T>(items: Vec<T>) -> Vec<T> {
    let mut placed: Vec<(f64, T)> =
        items.into_iter().enumerate().map(|(i, item)| ((i as f64 * GOLDEN).fract(), item)).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, item)| item).collect()
}
