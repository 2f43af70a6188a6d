//! The best configurations of a space, by branch and bound: what a request costs follows from the sizes of batches, which are quick
//! to find; its wait is worked out only where the cost is less than that of the best so far.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::constraint::{Constraint, Objective};
use super::laws::BatchLaws;
use super::predict::Part;
use super::search::{Candidate, Function, Space, order};
use crate::error::InputError;
use crate::scenario::Setting;
use crate::units::{MemoryMb, Span};

/// The best configurations of the space that meet the constraints: of all, and of those at one memory size. The laws of the
/// batches serve both.
///
/// # Errors
/// As [`search`](super::search::search).
pub fn best_and_at(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
    memory: MemoryMb,
) -> Result<[Option<Candidate>; 2], InputError> {
    let all: Vec<&Function> = space.functions.iter().collect();
    let here: Vec<&Function> = all.iter().copied().filter(|function| function.memory == memory).collect();
    let found = bests(parts, space, constraint, &[&all, &here])?;
    Ok([found[0], found[1]])
}

/// The best configuration of the space that meets the constraints.
///
/// # Errors
/// As [`search`](super::search::search).
pub fn best(parts: &[Part], space: &Space, constraint: &Constraint) -> Result<Option<Candidate>, InputError> {
    let all: Vec<&Function> = space.functions.iter().collect();
    Ok(bests(parts, space, constraint, &[&all])?[0])
}

/// The best of each group of memory sizes. What one timeout found bounds the search at the others: this spares work, and which
/// work it spares may depend on the threads, but what is best does not.
fn bests(
    parts: &[Part],
    space: &Space,
    constraint: &Constraint,
    groups: &[&[&Function]],
) -> Result<Vec<Option<Candidate>>, InputError> {
    let found: Vec<Mutex<Option<Candidate>>> = groups.iter().map(|_| Mutex::new(None)).collect();
    let at = |(index, timeout): (usize, &Span)| {
        let batches = space.batches_at(index);
        let laws = BatchLaws::of(parts, constraint.model, batches, *timeout)?;
        let pairs: Vec<Laws<'_>> =
            laws.iter().zip(batches).map(|(laws, batch)| (laws, (*batch, *timeout))).collect();
        for (functions, found) in groups.iter().zip(&found) {
            match constraint.objective() {
                Objective::Cost => cheapest_kept(&pairs, functions, constraint, found),
                Objective::Latency => {
                    let each = pairs.iter().flat_map(|pair| functions.iter().map(move |f| (f, pair)));
                    let best = each.fold(None, |best, (function, (laws, setting))| {
                        better(function, laws, *setting, constraint, best)
                    });
                    best.into_iter().for_each(|best| offer(found, best));
                }
            }
        }
        Ok(())
    };
    space.timeout.par_iter().enumerate().try_for_each(at)?;
    Ok(found.into_iter().map(|found| found.into_inner().unwrap_or_else(PoisonError::into_inner)).collect())
}

/// The laws of a batch and timeout.
type Laws<'a> = (&'a BatchLaws, (u32, Span));

/// Takes a candidate that is better than the best so far.
fn offer(found: &Mutex<Option<Candidate>>, new: Candidate) {
    let mut best = found.lock().unwrap_or_else(PoisonError::into_inner);
    if best.is_none_or(|best| order(&new, &best).is_lt()) {
        *best = Some(new);
    }
}

/// Looks for the cheapest that keeps the latency, the cheapest first: what is dearer than the best so far is not looked at, and
/// a cost asks for no waits.
fn cheapest_kept(
    pairs: &[Laws<'_>],
    functions: &[&Function],
    constraint: &Constraint,
    found: &Mutex<Option<Candidate>>,
) {
    let priced = |(laws, setting): &Laws<'_>, function: &Function| {
        let cost = function.per_request(&function.law(laws), constraint);
        constraint.affords(cost).then(|| met(function, *setting, (cost, cost), constraint))
    };
    let mut open: Vec<(Candidate, &BatchLaws, &Function)> = pairs
        .iter()
        .flat_map(|pair| functions.iter().filter_map(|f| Some((priced(pair, f)?, pair.0, *f))))
        .collect();
    open.sort_by(|a, b| order(&a.0, &b.0));
    for (candidate, laws, function) in open {
        let best = *found.lock().unwrap_or_else(PoisonError::into_inner);
        if best.is_some_and(|best| order(&candidate, &best).is_ge()) {
            return;
        }
        if constraint.kept(&function.law(laws)) {
            return offer(found, candidate);
        }
    }
}

/// A configuration that meets the constraints.
fn met(
    function: &Function,
    (batch, timeout): (u32, Span),
    (cost, score): (f64, f64),
    constraint: &Constraint,
) -> Candidate {
    Candidate {
        setting: Setting::new(function.memory, batch, timeout),
        cost,
        late: 1.0 - constraint.share,
        percentile_s: None,
        score,
        meets: true,
        trial: None,
    }
}

/// The faster of a configuration and the best so far.
fn better(
    function: &Function,
    batches: &BatchLaws,
    setting: (u32, Span),
    constraint: &Constraint,
    best: Option<Candidate>,
) -> Option<Candidate> {
    let law = function.law(batches);
    let cost = function.per_request(&law, constraint);
    if !constraint.affords(cost) {
        return best;
    }
    if best.is_some_and(|best| !constraint.keeps(&law, best.score)) {
        return best;
    }
    let new = Some(met(function, setting, (cost, constraint.needed(&law)), constraint));
    new.into_iter().chain(best).min_by(order)
}
