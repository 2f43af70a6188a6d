//! The loop closed: learns a function's behaviour from the first part of its own log, predicts the rest, and says how far
//! off that is and why.
//!
//! 1. [`read`] makes calls of a log, of whatever form.
//! 2. [`learn`] takes service times, initialisation, overhead, keep-alive and reuse from the first part.
//! 3. [`predict`] replays the arrivals of the whole log on that; what comes in the second part counts, and the first fills
//!    the environments.
//! 4. [`mod@noise`] says how much chance there is in what was observed, [`attribute`] which part of the model makes the
//!    difference, and [`verdict`] whether it is tolerable.

pub mod attribute;
pub mod call;
pub mod idle;
pub mod keep_alive;
pub mod learn;
pub mod noise;
pub mod predict;
pub mod read;
pub mod stats;
pub mod suspect;
pub mod verdict;

use rayon::prelude::*;

use self::attribute::attribution;
use self::call::{Call, Log};
use self::keep_alive::Form;
use self::learn::{Learnt, Told};
use self::noise::noise;
use self::predict::{Figures, Played, arrivals, observed, replayed, scenario};
use self::stats::Estimate;
use self::verdict::{Tolerance, Verdict};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::profile::file;
use crate::scenario::Scenario;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The part of the log's time that is learnt from.
    pub split: f64,
    /// What the user says of the function.
    pub told: Told,
    /// `[profile]` in place of what is learnt.
    pub profile: Option<String>,
    /// `[platform]` in place of what is learnt.
    pub platform: Option<String>,
    /// Fields of the scenario that are changed.
    pub overrides: Vec<String>,
    /// How often the rest is predicted, each time with other luck.
    pub seeds: u32,
    /// The seed of all random streams.
    pub seed: u64,
    /// What is tolerated.
    pub tolerance: Tolerance,
}

/// A log with what was predicted of it.
#[derive(Debug, Clone)]
pub struct Backtest {
    /// What was learnt.
    pub learnt: Learnt,
    /// The function as it was predicted.
    pub scenario: Scenario,
    /// `[profile]` and `[platform]` as they were used.
    pub used: (String, String),
    /// When the second part begins \[s\].
    pub split: f64,
    /// The calls of the second part as they were.
    pub calls: Vec<Played>,
    /// The same as they would be, with the first luck.
    pub played: Vec<Played>,
    /// The figures.
    pub observed: Figures,
    /// See `observed`: over seeds, the mean of sums and the middle of percentiles.
    pub predicted: Figures,
    /// The middle 95 % of what is observed, by [`predict::NAMES`].
    pub noise: [(f64, f64); 7],
    /// What each of [`attribute::PARTS`] adds to the difference, where that can be told.
    pub attribution: Option<[[f64; 7]; 5]>,
    /// Calls that were cold and predicted so, cold and not predicted so, and predicted so but warm: means over seeds.
    pub hits: Option<[f64; 3]>,
    /// By hour of the log: observed and predicted.
    pub hours: Vec<(u64, Figures, Figures)>,
    /// Environments: the mean over time of those busy, observed and predicted.
    pub busy: (f64, f64),
    /// The verdict.
    pub verdict: Verdict,
}

/// Fewer calls in a part say nothing.
const FEWEST: usize = 20;

/// Learns from the first part, and predicts the second.
///
/// # Errors
/// There are too few calls; a profile or platform that was given does not fit.
pub fn backtest(log: &Log, options: &Options) -> Result<Backtest, InputError> {
    let split = log.span() * options.split;
    let at = log.first_from(split);
    let (first, second) = log.calls.split_at(at);
    if first.len() < FEWEST || second.len() < FEWEST {
        let message = format!(
            "{} calls to learn from and {} to predict: at least {FEWEST} of each are needed",
            first.len(),
            second.len()
        );
        return Err(InputError::new(&log.name, message).help("give a longer log, or another --split"));
    }
    let learnt = Learnt::of(log, first, &options.told).ok_or_else(|| {
        InputError::new(&log.name, "no two calls of the first part served without initialising")
    })?;
    let times = arrivals(log);
    let learnt = match options.platform {
        None => tuned(log, learnt, &times, (at, options))?,
        Some(_) => learnt,
    };
    let used = used(&learnt, options);
    let scenario = made(log, &learnt, &used, options)?;
    let price = |mb_ms: f64, calls: f64| scenario.platform.tariff.marginal_usd(mb_ms, calls);
    let overhead = learnt.overhead.map_or(0.0, |found: Estimate| found.value);
    let calls = observed(log, &scenario, overhead).split_off(at);
    let seeds = (0..u64::from(options.seeds)).into_par_iter();
    let runs = seeds.map(|seed| second_part(replayed(&scenario, &times, seed)?, split));
    let runs = runs.collect::<Result<Vec<Vec<Played>>, InputError>>()?;
    let figures: Vec<Figures> = runs.iter().map(|run| Figures::of(run.iter(), &price)).collect();
    let (seen, predicted) = (Figures::of(calls.iter(), &price), Figures::middle(&figures));
    let noise = noise(&calls, &price, Streams::new(options.seed));
    let attribution = attributed(&calls, &runs, &price, options.seed);
    let parts = (seen.named(), predicted.named(), noise, attribution);
    let verdict = Verdict::of(log, (&learnt, &scenario), (&calls, &runs[0]), parts, &options.tolerance);
    let span = log.span() - split;
    let busy = |calls: &[Played]| calls.iter().map(|c| c.init + c.service).sum::<f64>() / span.max(1e-9);
    Ok(Backtest {
        hits: learnt.knows_cold.then(|| hits(&calls, &runs)).flatten(),
        hours: hours(&calls, &runs, &price),
        busy: (busy(&calls), busy(&runs[0])),
        played: runs.into_iter().next().unwrap_or_default(),
        observed: seen,
        learnt,
        scenario,
        used,
        split,
        calls,
        predicted,
        noise,
        attribution,
        verdict,
    })
}

fn second_part(calls: Vec<Played>, split: f64) -> Result<Vec<Played>, InputError> {
    Ok(calls.into_iter().filter(|call| call.sent >= split).collect())
}

/// `[profile]` and `[platform]`: the user's where they were given.
fn used(learnt: &Learnt, options: &Options) -> (String, String) {
    let profile = options.profile.clone().unwrap_or_else(|| profile_text(learnt));
    (profile, options.platform.clone().unwrap_or_else(|| learnt.platform()))
}

/// The fields of the profile, without how they were measured.
fn profile_text(learnt: &Learnt) -> String {
    let whole = file::text(&learnt.profile, &file::Measurement::default());
    let fields = whole.split("\n[measurement]").next().unwrap_or_default();
    // Environments that are always warm take no initialisation.
    let acts = |line: &&str| learnt.knows_cold || !line.starts_with("init_s");
    fields.lines().filter(acts).map(|line| format!("{line}\n")).collect()
}

fn made(
    log: &Log,
    learnt: &Learnt,
    (profile, platform): &(String, String),
    options: &Options,
) -> Result<Scenario, InputError> {
    let overrides: Vec<String> =
        options.overrides.iter().cloned().chain([format!("seed={}", options.seed)]).collect();
    scenario((profile, platform), log.buffering, learnt.rate, &overrides)
}

/// So many keep-alives are tried on the first part.
const TRIED: usize = 9;
/// Each with so much luck.
const LUCKS: u64 = 3;

/// Where sights contradict every keep-alive, the one is taken that gives the first part's own number of cold starts.
fn tuned(
    log: &Log,
    learnt: Learnt,
    times: &[crate::units::Time],
    (at, options): (usize, &Options),
) -> Result<Learnt, InputError> {
    let wanted = log.calls[..at].iter().filter(|call| call.is_cold()).count();
    let with = |value: f64| {
        let mut other = learnt.clone();
        match &mut other.stays.form {
            Some(
                Form::Fixed(keep) | Form::LastAndSpare(_, keep) | Form::Halving(keep) | Form::Random(keep, _),
            ) => {
                keep.value = value;
            }
            None => {}
        }
        other
    };
    let range = match learnt.stays.form {
        Some(
            Form::Fixed(keep) | Form::LastAndSpare(_, keep) | Form::Halving(keep) | Form::Random(keep, _),
        ) => keep.to.map(|to| (keep, to)),
        None => None,
    };
    let Some((keep, to)) = range.filter(|(keep, to)| *to > keep.from) else { return Ok(learnt) };
    let mut candidates: Vec<f64> =
        (0..TRIED).map(|i| keep.from + (to - keep.from) * (i as f64 + 0.5) / TRIED as f64).collect();
    candidates.push(keep.value);
    let end = log.calls[at - 1].sent;
    let tried = candidates.par_iter().map(|value| {
        let other = with(*value);
        let text = (profile_text(&other), other.platform());
        let scenario = made(log, &other, &text, &Options { overrides: Vec::new(), ..options.clone() })?;
        let mut off = 0.0;
        for luck in 0..LUCKS {
            let cold = replayed(&scenario, times, luck)?.iter().filter(|c| c.cold && c.sent <= end).count();
            off += (cold as f64 - wanted as f64) / LUCKS as f64;
        }
        Ok((off.abs(), *value))
    });
    let tried = tried.collect::<Result<Vec<(f64, f64)>, InputError>>()?;
    let far = |value: f64| (value - keep.value).abs();
    let best = tried.iter().min_by(|a, b| a.0.total_cmp(&b.0).then(far(a.1).total_cmp(&far(b.1))));
    Ok(best.map_or(learnt.clone(), |(_, value)| with(*value)))
}

/// The mean over seeds of what each part adds.
fn attributed(
    calls: &[Played],
    runs: &[Vec<Played>],
    price: &(dyn Fn(f64, f64) -> f64 + Sync),
    seed: u64,
) -> Option<[[f64; 7]; 5]> {
    let streams = |i: usize| Streams::new(seed).part(i as u64);
    let of = |(i, run): (usize, &Vec<Played>)| attribution(calls, run, &|a, b| price(a, b), streams(i));
    let all: Vec<[[f64; 7]; 5]> = runs.par_iter().enumerate().map(of).collect::<Option<_>>()?;
    let mean =
        |part: usize, at: usize| all.iter().map(|parts| parts[part][at]).sum::<f64>() / all.len() as f64;
    Some(std::array::from_fn(|part| std::array::from_fn(|at| mean(part, at))))
}

/// Cold calls that were predicted so, that were not, and warm ones that were; `None` where calls are not the same.
fn hits(calls: &[Played], runs: &[Vec<Played>]) -> Option<[f64; 3]> {
    let mut sums = [0.0; 3];
    for run in runs {
        if run.len() != calls.len() {
            return None;
        }
        for (truth, model) in calls.iter().zip(run) {
            match (truth.cold, model.cold) {
                (true, true) => sums[0] += 1.0,
                (true, false) => sums[1] += 1.0,
                (false, true) => sums[2] += 1.0,
                (false, false) => {}
            }
        }
    }
    Some(sums.map(|sum| sum / runs.len() as f64))
}

const HOUR: f64 = 3600.0;

fn hours(
    calls: &[Played],
    runs: &[Vec<Played>],
    price: &(dyn Fn(f64, f64) -> f64 + Sync),
) -> Vec<(u64, Figures, Figures)> {
    let hour = |call: &Played| (call.sent / HOUR) as u64;
    let of = |calls: &[Played], number: u64| {
        let (from, to) = (
            calls.partition_point(|call| hour(call) < number),
            calls.partition_point(|call| hour(call) <= number),
        );
        Figures::of(calls[from..to].iter(), &|a, b| price(a, b))
    };
    let mut numbers: Vec<u64> = calls.iter().map(hour).collect();
    numbers.dedup();
    let row = |number: u64| {
        let predicted: Vec<Figures> = runs.iter().map(|run| of(run, number)).collect();
        (number, of(calls, number), Figures::middle(&predicted))
    };
    numbers.into_par_iter().map(row).collect()
}

/// The calls of a log that are in memory already, in any order.
pub fn log_of(name: &str, calls: Vec<Call>) -> Log {
    Log { name: name.to_owned(), calls, ..Log::default() }.ordered()
}
