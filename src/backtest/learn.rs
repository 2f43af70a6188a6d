//! What the first part of a log teaches: a profile, and a platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::call::{Call, Log};
use super::idle::{Vote, seen};
use super::keep_alive::{Form, Stays};
use super::stats::{self, Estimate};
use crate::numeric::least_squares::least_squares;
use crate::price::Book;
use crate::profile::Profile;
use crate::profile::beside::{Beside, InitSpread};
use crate::profile::quantiles::{Quantiles, SHARES, Shape};
use crate::units::MemoryMb;

/// What was learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// Calls that it was learnt from.
    pub calls: usize,
    /// The memory size, and whether the log gave it.
    pub memory: (MemoryMb, Known),
    /// The book whose rule gives what was billed, and whether that was seen.
    pub book: (String, Known),
    /// Service times in warm environments.
    pub service: Estimate,
    /// Initialisations \[s\], ascending.
    pub inits: Vec<f64>,
    /// Their mean.
    pub init: Option<Estimate>,
    /// What first calls take longer \[s\].
    pub first_call: Option<Estimate>,
    /// The overhead \[s\].
    pub overhead: Option<Estimate>,
    /// How long environments stay.
    pub stays: Stays,
    /// The order of reuse that most choices agree with, how many do, and how many there were.
    pub reuse: (&'static str, usize, usize),
    /// Does the log tell new environments from others?
    pub knows_cold: bool,
    /// The profile.
    pub profile: Profile,
    /// The rate of the requests [1/s].
    pub rate: f64,
    /// What a reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// Did the log say so?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It did.
    Seen,
    /// It is assumed.
    Assumed,
}

/// What the user says of the function.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// Its memory size.
    pub memory: Option<MemoryMb>,
    /// The book of its prices and limits.
    pub book: Option<String>,
}

/// The books that a bill is compared with, the newest last.
const BOOKS: [&str; 2] = ["aws-2020", "aws-2026"];
/// The memory size of a log that gives none: the least on offer.
const LEAST: MemoryMb = MemoryMb(128);
/// Fewer observations give no distribution of their own.
const FEW: usize = 8;

impl Learnt {
    /// Learns from calls, at least two of which served without initialising.
    pub fn of(log: &Log, calls: &[Call], told: &Told) -> Option<Learnt> {
        let mut notes = Vec::new();
        let memory = memory(calls, told, &mut notes);
        let (overhead, overhead_cv) = overhead(calls);
        let inits = inits(calls, overhead.map_or(0.0, |found| found.value));
        let book = book(calls, told, &mut notes);
        let warm = by_size(calls.iter().filter(|call| !call.is_cold()));
        let all: Vec<f64> = calls.iter().filter(|call| !call.is_cold()).map(|call| call.duration).collect();
        let service = Estimate::mean(&all)?;
        let first_call = first_call(calls, &warm);
        let init = Estimate::mean(&inits);
        let beside = Beside {
            init: spread(&inits),
            first_call_s: first_call.map_or(0.0, |found| found.value.max(0.0)),
            overhead_s: overhead.map_or(0.0, |found| found.value.max(0.0)),
            overhead_cv: overhead.map_or(0.0, |found| if found.value > 0.0 { overhead_cv } else { 0.0 }),
            ..Beside::default()
        };
        let largest = log.buffering.map_or(1, |buffering| buffering.batch);
        let (batch, means, rows) = table(&warm, largest, &mut notes);
        let quantiles = Quantiles { shares: SHARES.to_vec(), rows };
        let profile = Profile {
            model: model(&log.name),
            source: format!("learnt by sim backtest from the first {} calls of {}", calls.len(), log.name),
            memory_mb: vec![memory.0.0],
            batch,
            service_s: vec![means],
            service_cv: quantiles.cv(),
            service_quantiles: Some(quantiles),
            init_s: vec![stats::mean(&inits)],
            beside,
            mb_per_vcpu: None,
            by_size: None,
            image_mb: None,
        };
        let seen = seen(calls);
        let stays = Stays::of(&seen);
        let span = calls.last()?.sent - calls[0].sent;
        let requests: usize = calls.iter().map(|call| call.members.len()).sum();
        Some(Learnt {
            calls: calls.len(),
            memory,
            book,
            service,
            init,
            inits,
            first_call,
            overhead,
            stays,
            reuse: reuse(&seen.votes),
            knows_cold: log.knows_cold(),
            profile,
            rate: requests as f64 / span.max(1e-9),
            notes,
        })
    }

    /// `[platform]` as TOML, without its header.
    pub fn platform(&self) -> String {
        let mut text =
            format!("kind = \"lambda\"\nbook = {:?}\nmemory_mb = {}\n", self.book.0, self.memory.0.0);
        if !self.knows_cold {
            return text;
        }
        // The profile's init_s is the whole initialisation.
        text.push_str("cold_starts = true\nruntime_init = \"0s\"\n");
        if let Some(keep_alive) = self.keep_alive() {
            let _ = writeln!(text, "keep_alive = {keep_alive}");
        }
        if let Some(age) = self.stays.max_age {
            let _ = writeln!(text, "max_age = {}", span(age.value));
        }
        if self.reuse.2 >= FEW {
            let _ = writeln!(text, "reuse = {:?}", self.reuse.0);
        }
        text
    }

    /// The keep-alive as TOML; `None` leaves it to the book.
    fn keep_alive(&self) -> Option<String> {
        let book = Book::named(&self.book.0).map(|book| book.limits.keep_alive.as_secs_f64());
        // Where none went, it is at least what was outlived.
        let at_least = |value: f64| book.filter(|book| *book >= value).is_none().then(|| span(value));
        match self.stays.form {
            None => at_least(self.stays.longest_outlived),
            Some(Form::Fixed(Estimate { value, to: None, .. })) => at_least(value),
            Some(Form::Fixed(keep_alive)) => Some(span(keep_alive.value)),
            Some(Form::Halving(every)) => Some(format!("{{ half_every = {} }}", span(every.value))),
            Some(Form::Random(mean, cv)) => Some(format!("{{ mean = {}, cv = {cv} }}", span(mean.value))),
            Some(Form::LastAndSpare(last, spare)) => {
                Some(format!("{{ last = {}, spare = {} }}", span(last.value), span(spare.value)))
            }
        }
    }
}

/// A span as TOML, to the millisecond.
fn span(seconds: f64) -> String {
    format!("\"{}ms\"", (seconds * 1e3).round() as u64)
}

fn model(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("function").to_owned()
}

fn memory(calls: &[Call], told: &Told, notes: &mut Vec<String>) -> (MemoryMb, Known) {
    let mut sizes: BTreeMap<MemoryMb, usize> = BTreeMap::new();
    calls.iter().filter_map(|call| call.memory).for_each(|memory| *sizes.entry(memory).or_default() += 1);
    if let Some(memory) = told.memory {
        return (memory, Known::Seen);
    }
    match sizes.iter().max_by_key(|(_, count)| **count) {
        Some((memory, _)) => (*memory, Known::Seen),
        None => {
            notes.push(format!(
                "the log gives no memory size: {LEAST} is assumed, on which the bill's size depends but not its relative error; say it with --memory"
            ));
            (LEAST, Known::Assumed)
        }
    }
}

/// The book whose rule gives what was billed.
fn book(calls: &[Call], told: &Told, notes: &mut Vec<String>) -> (String, Known) {
    if let Some(book) = &told.book {
        return (book.clone(), Known::Seen);
    }
    let newest = BOOKS[BOOKS.len() - 1].to_owned();
    let billed: Vec<&Call> = calls.iter().filter(|call| call.billed.is_some()).collect();
    if billed.is_empty() {
        notes.push(format!("the log does not say what was billed: {newest} is taken; say it with --book"));
        return (newest, Known::Assumed);
    }
    let agree = |name: &str| {
        let Some(book) = Book::named(name) else { return 0 };
        let agrees = |call: &&&Call| {
            let seconds = |s: f64| crate::units::Span::from_secs_f64(s.max(0.0)).unwrap_or_default();
            let init = seconds(call.init.unwrap_or(0.0));
            let bill = book.billing.bill(MemoryMb(1), init, seconds(call.duration)).total as f64 / 1e3;
            call.billed.is_some_and(|billed| (billed - bill).abs() < 0.0005)
        };
        billed.iter().filter(agrees).count()
    };
    let best = BOOKS.iter().rev().max_by_key(|name| agree(name)).copied().unwrap_or(&newest);
    match 2 * agree(best) > billed.len() {
        true => (best.to_owned(), Known::Seen),
        false => {
            notes
                .push(format!("no book's rule gives what was billed: {newest} is taken; say it with --book"));
            (newest, Known::Assumed)
        }
    }
}

/// The overhead of warm calls, and its coefficient of variation.
fn overhead(calls: &[Call]) -> (Option<Estimate>, f64) {
    let warm = calls.iter().filter(|call| !call.is_cold());
    let all: Vec<f64> = warm.filter_map(Call::overhead).collect();
    let found = Estimate::mean(&all).filter(|found| found.value > 1e-6);
    let cv = found.map_or(0.0, |found| stats::deviation(&all) / found.value);
    (found, if cv < 1e-9 { 0.0 } else { cv.min(10.0) })
}

/// Initialisations: as the log has them, else what a client waited for longer in a new environment.
fn inits(calls: &[Call], overhead: f64) -> Vec<f64> {
    let init = |call: &Call| initialisation(call, overhead);
    stats::sorted(calls.iter().filter(|call| call.is_cold()).filter_map(init).collect())
}

/// The initialisation of a call in a new environment.
pub fn initialisation(call: &Call, overhead: f64) -> Option<f64> {
    let first = call.members[0];
    let beyond = first.latency - (call.sent - first.arrived) - call.duration - overhead;
    call.init.or_else(|| call.is_cold().then_some(beyond.max(0.0)))
}

fn spread(inits: &[f64]) -> InitSpread {
    let mean = stats::mean(inits);
    if mean <= 0.0 || inits.len() < 2 || stats::deviation(inits) < 1e-9 {
        return InitSpread::Fixed;
    }
    match inits.len() >= FEW {
        true => {
            let row = Quantiles::of_sorted(inits).iter().map(|init| (init / mean).max(0.0)).collect();
            InitSpread::Quantiles(Shape { shares: SHARES.to_vec(), factors: vec![row] })
        }
        false => InitSpread::Lognormal(stats::deviation(inits) / mean),
    }
}

/// Durations by the size of the batch, ascending.
fn by_size<'a>(calls: impl Iterator<Item = &'a Call>) -> BTreeMap<u32, Vec<f64>> {
    let mut sizes: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for call in calls {
        sizes.entry(call.members.len() as u32).or_default().push(call.duration);
    }
    sizes.values_mut().for_each(|all| all.sort_unstable_by(f64::total_cmp));
    sizes
}

/// What first calls take longer than others with batches of their size.
fn first_call(calls: &[Call], warm: &BTreeMap<u32, Vec<f64>>) -> Option<Estimate> {
    let longer = |call: &Call| {
        let others = warm.get(&(call.members.len() as u32))?;
        Some(call.duration - stats::mean(others))
    };
    let all: Vec<f64> = calls.iter().filter(|call| call.is_cold()).filter_map(longer).collect();
    // As long as nothing may be said, nothing is added.
    Estimate::mean(&all).filter(|found| found.from > 0.0)
}

/// The table: batch sizes, means, and quantiles a row each. Sizes that were seen too rarely are left to interpolation; the
/// ends come from the line through the others.
fn table(
    warm: &BTreeMap<u32, Vec<f64>>,
    largest: u32,
    notes: &mut Vec<String>,
) -> (Vec<u32>, Vec<f64>, Vec<Vec<f64>>) {
    let often = warm.values().map(Vec::len).max().unwrap_or(0).min(FEW);
    let mut cells: BTreeMap<u32, (f64, Vec<f64>)> = BTreeMap::new();
    for (size, all) in warm.iter().filter(|(_, all)| all.len() >= often) {
        cells.insert(*size, (stats::mean(all), Quantiles::of_sorted(all)));
    }
    let seen: Vec<u32> = cells.keys().copied().collect();
    for end in [1, largest.max(1)] {
        if cells.contains_key(&end) {
            continue;
        }
        let mean = on_the_line(&cells, end);
        let nearest = seen.iter().min_by_key(|size| size.abs_diff(end)).and_then(|size| cells.get(size));
        let Some((of, row)) = nearest else { continue };
        let row = row.iter().map(|s| s / of * mean).collect();
        notes.push(format!(
            "batches of {end} were seen too rarely: their time is on the line through the others"
        ));
        cells.insert(end, (mean, row));
    }
    let batch = cells.keys().copied().collect();
    let (means, rows) = cells.into_values().unzip();
    (batch, means, rows)
}

/// The straight line through the means, at a size; never below a tenth of the least.
fn on_the_line(cells: &BTreeMap<u32, (f64, Vec<f64>)>, size: u32) -> f64 {
    let sizes: Vec<f64> = cells.keys().map(|size| f64::from(*size)).collect();
    let means: Vec<f64> = cells.values().map(|(mean, _)| *mean).collect();
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let fitted = match sizes.len() {
        1 => Some(means[0]),
        _ => least_squares(&[vec![1.0; sizes.len()], sizes], &means)
            .map(|found| found.coefficients[0] + found.coefficients[1] * f64::from(size)),
    };
    fitted.unwrap_or(least).max(least / 10.0)
}

/// The order of reuse that most choices agree with.
fn reuse(votes: &[Vote]) -> (&'static str, usize, usize) {
    let count = |of: fn(&Vote) -> bool| votes.iter().filter(|vote| of(vote)).count();
    let orders = [
        ("most-recent", count(|vote| vote.most_recent)),
        ("least-recent", count(|vote| vote.least_recent)),
        ("newest", count(|vote| vote.newest)),
    ];
    // The first of equals.
    let best = orders.iter().fold(orders[0], |best, next| if next.1 > best.1 { *next } else { best });
    match 10 * best.1 >= 8 * votes.len() {
        true => (best.0, best.1, votes.len()),
        // Chance agrees with each of them now and then.
        false => ("random", best.1, votes.len()),
    }
}
