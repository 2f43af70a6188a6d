//! `size_column` in `[workload]`: how large the requests of a trace are, each by its own record.

use std::collections::BTreeMap;

use super::class::{Marks, Recorded, Sizes};
use super::class_sizes::MOST_MARKS;
use super::class_tables::Written;
use super::size_groups::grouped;
use super::workload::{Source, Workload};
use crate::arrivals::sized::{self, SizedArrivals};
use crate::arrivals::trace::{ClassColumn, TraceSpec};
use crate::arrivals::transform;
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::numeric::streams::Streams;
use crate::profile::Profile;
use crate::units::Time;

/// The requests of a scenario, and how they come to be of classes.
pub(super) struct Requests<'a> {
    pub(super) workload: &'a mut Workload,
    pub(super) marks: &'a Marks,
    pub(super) seed: u64,
}

/// The sizes of a scenario's requests: those that stand in its trace, or those that its classes name. Batches are of at
/// most `largest`.
///
/// # Errors
/// The profile has sizes and the requests have none, or the other way round; a trace's sizes cannot be read.
pub(super) fn sizes(
    root: &Section<'_>,
    written: &Written<'_>,
    requests: Requests<'_>,
    (profile, largest): (&Profile, u32),
) -> Result<Option<Sizes>, InputError> {
    match column(root, requests.workload, profile)? {
        Some(column) => read(requests, &written.names(), &column, (profile, largest)).map(Some),
        None => written.sizes(profile),
    }
}

/// The setting that names the column, if there is one; from then on, sizes outside of the profile are refused at their line.
fn column<'a>(
    root: &Section<'a>,
    workload: &mut Workload,
    profile: &Profile,
) -> Result<Option<Value<'a>>, InputError> {
    let Source::Trace(trace) = &mut workload.source else { return Ok(None) };
    let Some(column) = trace.spec.size_column.take() else { return Ok(None) };
    let value = root.required("workload")?.section()?.required("size_column")?;
    let Some(by_size) = &profile.by_size else {
        return Err(value
            .error("cannot act: the profile has no times by size")
            .help("give [profile] `size`, and in service_s a time a size; or remove it"));
    };
    let (least, most) = (by_size.size[0], by_size.size[by_size.size.len() - 1]);
    trace.spec.size_column = Some(column.within(least, most));
    Ok(Some(value))
}

/// The requests of all classes in one replication, with what their records say of them.
///
/// # Errors
/// A trace that cannot be opened.
pub(super) fn open(
    workload: &Workload,
    marks: &Marks,
    names: &[String],
    streams: Streams,
) -> Result<Box<dyn SizedArrivals>, InputError> {
    let Source::Trace(trace) = &workload.source else {
        return Err(InputError::new("workload", "only the records of a trace say sizes and classes"));
    };
    let end = workload.duration.map_or(Time::NEVER, |duration| Time::ZERO + duration);
    let changed = |raw| {
        let scaled = transform::scale(raw, trace.scale);
        transform::until(transform::thin(scaled, trace.thin, streams.stream("thin")), end)
    };
    let class_column = match marks {
        Marks::Column(column) => Some(ClassColumn::new(column, names)),
        _ => None,
    };
    let spec = TraceSpec { class_column, ..trace.spec.clone() };
    let all = changed(spec.open_sized(streams.stream("trace"), &trace.findings)?);
    let all = match workload.requests {
        Some(requests) => transform::limit(all, requests),
        None => all,
    };
    match marks {
        Marks::Column(_) => Ok(all),
        Marks::Shares(shares) => Ok(sized::drawn(all, shares, streams.stream("classes"))),
        Marks::Own(_) | Marks::Process(_) => unreachable!("these are of no trace"),
    }
}

/// Reads the sizes of the requests that will be simulated, once through the trace.
fn read(
    requests: Requests<'_>,
    names: &[String],
    column: &Value<'_>,
    (profile, largest): (&Profile, u32),
) -> Result<Sizes, InputError> {
    let Requests { workload, marks, seed } = requests;
    let mut requests = open(workload, marks, names, Streams::new(seed).part(0))?;
    let most = MOST_MARKS / names.len();
    // Sizes are above 0, so their bits are in their order.
    let mut counts: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut block = Vec::new();
    loop {
        block.clear();
        requests.fill(&mut block)?;
        if block.is_empty() {
            break;
        }
        for request in &block {
            let of_size = counts.entry(request.size.to_bits()).or_insert_with(|| vec![0; names.len()]);
            of_size[usize::from(request.class)] += 1;
        }
        if counts.len() > most {
            let of = if names.len() == 1 { String::new() } else { format!(" with {} classes", names.len()) };
            let message = format!(
                "has more than {most} different sizes in it, which is the most that can be told apart{of}"
            );
            return Err(column.error(message).help("round the sizes in the file up, such as to whole tens"));
        }
    }
    drop(requests);
    let values: Vec<f64> = counts.keys().map(|bits| f64::from_bits(*bits)).collect();
    let shares = names.iter().enumerate().map(|(class, name)| {
        let total: u64 = counts.values().map(|of_size| of_size[class]).sum();
        match total {
            0 => Err(column
                .error(format!(
                    "is read of the requests that will come, and no request of class `{name}` does"
                ))
                .help(
                    "look at [workload] `from`, `until`, `requests` and `duration`, or leave that class out",
                )),
            _ => Ok(counts.values().map(|of_size| of_size[class] as f64 / total as f64).collect()),
        }
    });
    let shares: Vec<Vec<f64>> = shares.collect::<Result<_, _>>()?;
    let all: Vec<u64> = counts.values().map(|of_size| of_size.iter().sum()).collect();
    let grouped = grouped(&values, &all, &shares, (profile, largest));
    let recorded = Recorded { column: column.str()?.to_owned(), grouped };
    Ok(Sizes { values, shares, recorded: Some(recorded) })
}
