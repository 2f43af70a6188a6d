//! Whether a prediction is tolerable, and what makes it differ.

use super::attribute::PARTS;
use super::call::Log;
use super::idle::{Seen, Sight, seen};
use super::keep_alive::{Form, Stays, evidence, halved, left, left_of_lognormal};
use super::learn::Learnt;
use super::predict::{NAMES, Played};
use super::stats::{self, Estimate};
use super::suspect::{Change, change, mixed};
use crate::platform::lambda::KeepAlive;
use crate::scenario::Scenario;
use crate::scenario::platform::Environments;

/// How far a prediction may be off, relative to what was observed, by [`NAMES`]; what is within the observed's own noise
/// is tolerated, too.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance(pub [f64; 7]);

impl Default for Tolerance {
    fn default() -> Tolerance {
        Tolerance([0.01, 0.05, 0.03, 0.05, 0.01, 0.01, 0.10])
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Figures beyond what is tolerated, by their names.
    pub outside: Vec<&'static str>,
    /// Why, in a sentence each; the greatest first.
    pub causes: Vec<String>,
    /// A change of the service times within the log.
    pub change: Option<Change>,
    /// A change of how long environments stay within the log.
    pub stays_changed: Option<String>,
}

/// Observed, predicted, noise, and what the parts add.
type Parts = ([f64; 7], [f64; 7], [(f64, f64); 7], Option<[[f64; 7]; 5]>);

impl Verdict {
    /// Judges.
    pub fn of(
        log: &Log,
        (learnt, scenario): (&Learnt, &Scenario),
        (calls, played): (&[Played], &[Played]),
        (observed, predicted, noise, attribution): Parts,
        tolerance: &Tolerance,
    ) -> Verdict {
        let is_outside = |at: &usize| {
            let (seen, model) = (observed[*at], predicted[*at]);
            let within = (model - seen).abs() <= tolerance.0[*at] * seen.abs() + 1e-12;
            let (low, high) = noise[*at];
            !within && !(low..=high).contains(&model)
        };
        let knows = |at: &usize| NAMES[*at] != "cold_starts" || learnt.knows_cold;
        let at: Vec<usize> = (0..NAMES.len()).filter(knows).filter(is_outside).collect();
        let mut causes: Vec<String> = mixed(log)
            .iter()
            .map(|reason| format!("calls of another function are mixed in: {reason}"))
            .collect();
        let refuted = refuted(log, learnt, scenario);
        let change = change(log).filter(Change::is_real);
        let stays_changed = stays_changed(log);
        if !at.is_empty() {
            let weight = |part: usize| match attribution {
                Some(parts) => {
                    let beyond = |i: &usize| parts[part][*i].abs() / tolerance.0[*i];
                    at.iter().map(beyond).fold(0.0, f64::max)
                }
                None => 0.0,
            };
            let mut parts: Vec<usize> = (0..PARTS.len()).collect();
            parts.sort_by(|a, b| weight(*b).total_cmp(&weight(*a)));
            let known = attribution.is_some();
            // What moves no figure beyond what is tolerated is no cause.
            let counts = |part: &usize| !known || weight(*part) > 1.0;
            let words = |part: usize| words(part, (learnt, scenario), (calls, played), log);
            causes.extend(parts.into_iter().filter(counts).filter_map(words));
            if let Some(change) = change {
                causes.push(format!("the service times change within the log: {}", in_words(change)));
            }
            causes.extend(stays_changed.clone());
        }
        if let Some(refuted) = refuted.filter(|_| !causes.iter().any(|cause| cause.starts_with("keep-alive")))
        {
            causes.push(refuted);
        }
        if !at.is_empty() && causes.is_empty() {
            causes.push("the log does not tell which part of the model differs".into());
        }
        Verdict { outside: at.iter().map(|at| NAMES[*at]).collect(), causes, change, stays_changed }
    }

    /// Is the prediction tolerable, and the log that of one function?
    pub fn is_good(&self) -> bool {
        self.causes.is_empty()
    }
}

/// A change in words.
pub fn in_words(change: Change) -> String {
    format!(
        "{:+.1} % from {:.1} h on (Pettitt's test, p = {:.1e})",
        100.0 * (change.ratio - 1.0),
        change.at / 3600.0,
        change.p
    )
}

/// What is wrong with a part of the model.
fn words(
    part: usize,
    (learnt, scenario): (&Learnt, &Scenario),
    (calls, played): (&[Played], &[Played]),
    log: &Log,
) -> Option<String> {
    let mean =
        |calls: &[Played], of: fn(&Played) -> f64| stats::mean(&calls.iter().map(of).collect::<Vec<_>>());
    let beside = |name: &str, of: fn(&Played) -> f64| {
        let (model, truth) = (mean(played, of), mean(calls, of));
        let percent = 100.0 * (model / truth - 1.0);
        let is_off = truth > 0.0 && percent.abs() > 0.5;
        is_off.then(|| {
            let side = if percent > 0.0 { "too long" } else { "too short" };
            format!(
                "{name}: predicted {:.1} % {side} in the mean, {model:.4} s for {truth:.4} s",
                percent.abs()
            )
        })
    };
    match PARTS[part] {
        "service times" => beside("service times", |call| call.service),
        "overhead" => beside("overhead between client and function", |call| call.overhead),
        "cold starts" => {
            let count = |calls: &[Played]| calls.iter().filter(|call| call.cold).count();
            let (model, truth) = (count(played), count(calls));
            (model != truth).then(|| {
                let side = if model > truth { "too short" } else { "too long" };
                format!(
                    "keep-alive {side}: {model} cold starts predicted, {truth} observed; predicted with {}, while {}",
                    keep_alive_in_words(scenario),
                    stays_in_words(&learnt_of_all(log, learnt))
                )
            })
        }
        "initialisation" => {
            let of_cold = |calls: &[Played]| {
                calls.iter().filter(|call| call.cold).map(|call| call.init).collect::<Vec<f64>>()
            };
            let (model, truth) = (stats::mean(&of_cold(played)), stats::mean(&of_cold(calls)));
            (truth > 0.0 && (model / truth - 1.0).abs() > 0.05)
                .then(|| format!("initialisation: predicted {model:.3} s in the mean for {truth:.3} s"))
        }
        _ => {
            let model = played.len() as f64;
            (calls.len() != played.len())
                .then(|| format!("batching: {model} batches predicted for {}", calls.len()))
        }
    }
}

fn learnt_of_all(log: &Log, learnt: &Learnt) -> Stays {
    let all = Stays::of(&seen(&log.calls));
    if all.form.is_some() { all } else { learnt.stays.clone() }
}

/// Evidence beyond this is no chance: 1 in 3,000 by the likelihood's chi square with one degree of freedom.
const BEYOND_CHANCE: f64 = 6.5;

/// Why the keep-alive that was predicted with is not that of the log's environments, whether or not so few cold starts
/// tell: how long they had been idle when they were reused speaks for another.
fn refuted(log: &Log, learnt: &Learnt, scenario: &Scenario) -> Option<String> {
    let Environments::Pool(pool) = &scenario.platform.environments else { return None };
    let form = learnt.stays.form?;
    let used = |sight: &Sight| {
        let seconds = |span: crate::units::Span| span.as_secs_f64();
        let fixed = |span| if sight.idle <= seconds(span) { 1.0 } else { 0.0 };
        match pool.keep_alive {
            KeepAlive::Fixed(span) => fixed(span),
            KeepAlive::Random { mean, cv } => left_of_lognormal(sight.idle, seconds(mean), cv),
            KeepAlive::Halving(every) => halved(sight.idle, seconds(every)),
            KeepAlive::LastAndSpare { last, spare } => fixed(if sight.has_others { spare } else { last }),
        }
    };
    let sights = seen(&log.calls).sights;
    if evidence(&sights, |sight| left(&form, sight), used) < BEYOND_CHANCE {
        return None;
    }
    let there: Vec<&Sight> = sights.iter().filter(|sight| sight.is_there).collect();
    let expected: f64 = there.iter().map(|sight| used(sight)).sum();
    let learnt_there: f64 = there.iter().map(|sight| left(&form, sight)).sum();
    let side = if expected < learnt_there { "too short" } else { "too long" };
    Some(format!(
        "keep-alive {side}: predicted with {}, while {}",
        keep_alive_in_words(scenario),
        stays_in_words(&learnt_of_all(log, learnt))
    ))
}

fn keep_alive_in_words(scenario: &Scenario) -> String {
    let Environments::Pool(pool) = &scenario.platform.environments else { return "none".into() };
    let keep_alive = match pool.keep_alive {
        KeepAlive::Fixed(span) => format!("keep_alive = {span}"),
        KeepAlive::Random { mean, cv } => format!("keep_alive of mean {mean}, cv {cv}"),
        KeepAlive::Halving(every) => format!("half_every = {every}"),
        KeepAlive::LastAndSpare { last, spare } => format!("keep_alive last = {last}, spare = {spare}"),
    };
    match pool.max_age {
        Some(age) => format!("{keep_alive}, max_age = {age}"),
        None => keep_alive,
    }
}

/// What the environments of a log say of their keep-alive.
pub fn stays_in_words(stays: &Stays) -> String {
    let range = |found: Estimate| match found.to {
        Some(to) => format!("{:.0} to {to:.0} s", found.from.round()),
        None => format!("{:.0} s or more", found.from),
    };
    let few = if stays.are_few() { " (too few to tell more)" } else { "" };
    match stays.form {
        None => format!("no environment was seen to go, after up to {:.0} s idle", stays.longest_outlived),
        Some(Form::Fixed(keep)) => format!("idle environments of the log stayed {}{few}", range(keep)),
        Some(Form::Halving(every)) => {
            format!("a half of the log's idle environments went every {}{few}", range(every))
        }
        Some(Form::Random(mean, cv)) => {
            format!("idle environments of the log stayed {} in the mean (cv {cv}){few}", range(mean))
        }
        Some(Form::LastAndSpare(last, spare)) => {
            format!(
                "the log's only environment stayed {}, one beside others {}{few}",
                range(last),
                range(spare)
            )
        }
    }
}

/// Do the environments of the second half stay for other times than those of the first?
fn stays_changed(log: &Log) -> Option<String> {
    let sights = seen(&log.calls).sights;
    let middle = log.span() / 2.0;
    let (first, second): (Vec<_>, Vec<_>) = sights.into_iter().partition(|sight| sight.at < middle);
    let [first, second] = [first, second].map(|sights| Stays::of(&Seen { sights, ..Seen::default() }));
    let (Some(Form::Fixed(a)), Some(Form::Fixed(b))) = (first.form, second.form) else { return None };
    let apart = |a: Estimate, b: Estimate| a.to.is_some_and(|to| to * 1.05 < b.from);
    let is_few = first.are_few() || second.are_few();
    (!is_few && (apart(a, b) || apart(b, a))).then(|| {
        format!(
            "the keep-alive changes within the log: {:.0} s in its first half, {:.0} s in its second",
            a.value, b.value
        )
    })
}
