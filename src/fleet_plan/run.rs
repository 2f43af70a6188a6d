//! All functions of a trace, on all threads: each is read when a thread is free, and decided by that thread alone.
//!
//! So no more functions are in memory than there are threads, whatever the trace has.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::decide::decide;
use super::profiles::Template;
use super::row::Row;
use crate::arrivals::trace::{Function, Functions};
use crate::error::InputError;
use crate::sweep::shard::Shard;

/// Someone who is given rows as soon as they are ready, from any thread.
pub trait Listener: Sync {
    /// A row is ready.
    ///
    /// # Errors
    /// It cannot be kept, or nobody wants more: the run ends.
    fn ready(&self, row: Row) -> Result<(), InputError>;
}

/// Decides on the functions of a shard, but for those that are `done`; what a reader must know of how they were read.
///
/// # Errors
/// The trace cannot be read; a function cannot be planned; a row cannot be kept.
pub fn run(
    template: &Template,
    functions: &mut dyn Functions,
    (shard, done): (Shard, &BTreeSet<usize>),
    listener: &dyn Listener,
) -> Result<(), InputError> {
    let length = functions.length();
    let source = Mutex::new(Source { functions, number: 0, ended: false });
    let failed: Mutex<Option<InputError>> = Mutex::new(None);
    let lock = |error| failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error).clone();
    let work = || {
        // What a function's trials share is shared on this thread: another's would hold its arrivals meanwhile.
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        let _alone = alone.map_err(|e| InputError::new("threads", e.to_string()))?;
        while let Some(function) = next(&source, shard, done)? {
            let name = function.name.clone();
            let row = template.with(&name, |choices| decide(choices, function, length));
            listener.ready(row.map_err(|e| of_function(e, &name))?)?;
        }
        Ok(())
    };
    let ended = || {
        work().unwrap_or_else(|error| {
            source.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            lock(error);
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            scope.spawn(ended);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Source<'a> {
    functions: &'a mut dyn Functions,
    /// Of the next one.
    number: usize,
    ended: bool,
}

/// The next function that is wanted: a shard has every n-th, so that all shards have their share of busy ones.
fn next(
    source: &Mutex<Source<'_>>,
    shard: Shard,
    done: &BTreeSet<usize>,
) -> Result<Option<Function>, InputError> {
    let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
    while !source.ended {
        let number = source.number;
        source.number += 1;
        let is_wanted = number % shard.count as usize == shard.index as usize - 1 && !done.contains(&number);
        let function = match is_wanted {
            true => source.functions.next()?,
            false if source.functions.skip()? => continue,
            false => None,
        };
        source.ended = function.is_none();
        return Ok(function);
    }
    Ok(None)
}

fn of_function(error: InputError, name: &str) -> InputError {
    InputError { message: format!("function `{name}`: {}", error.message), ..error }
}
