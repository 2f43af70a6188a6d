//! Where a recommendation stands at the end of its grid, and whether a step beyond it is better.

use super::chooser::Chooser;
use super::search::{Candidate, order};
use crate::error::InputError;
use crate::scenario::Setting;
use crate::scenario::platform::check_memory;
use crate::units::{MemoryMb, Span};

/// An axis of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The memory size.
    Memory,
    /// The largest batch.
    Batch,
    /// The longest wait.
    Timeout,
    /// Environments that are always initialised.
    Provisioned,
}

/// Which end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The least value.
    Low,
    /// The largest.
    High,
}

/// An axis at whose end a recommendation stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The axis.
    pub axis: Axis,
    /// Its end.
    pub end: End,
    /// What a step beyond it would bring.
    pub beyond: Beyond,
}

/// A step beyond the end of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Beyond {
    /// The platform does not offer it, or the profile does not cover it.
    Nothing,
    /// It is not better.
    Worse,
    /// It is better.
    Better(Candidate),
}

impl Axis {
    /// Its name in `[sweep]`.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Memory => "memory_mb",
            Axis::Batch => "batch",
            Axis::Timeout => "timeout",
            Axis::Provisioned => "provisioned",
        }
    }
}

/// The ends of axes at which `best` stands; an axis of one value has been decided on.
///
/// # Errors
/// As those of evaluating a configuration.
pub fn edges(chooser: &mut Chooser<'_>, best: &Candidate) -> Result<Vec<Edge>, InputError> {
    let mut edges = Vec::new();
    for (axis, end) in ends(chooser, best.setting) {
        let beyond = match beyond(chooser, best.setting, axis, end) {
            None => Beyond::Nothing,
            Some(setting) => match chooser.evaluate(&[setting])?.first() {
                Some(found) if found.meets && order(found, best).is_lt() => Beyond::Better(*found),
                _ => Beyond::Worse,
            },
        };
        edges.push(Edge { axis, end, beyond });
    }
    Ok(edges)
}

fn ends(chooser: &Chooser<'_>, best: Setting) -> Vec<(Axis, End)> {
    fn at<T: PartialEq>(values: &[T], value: &T) -> Option<End> {
        match (values.len() > 1, values.first() == Some(value), values.last() == Some(value)) {
            (true, true, _) => Some(End::Low),
            (true, _, true) => Some(End::High),
            _ => None,
        }
    }
    let grid = &chooser.grid;
    let found = [
        (Axis::Memory, at(&grid.memory, &best.memory)),
        // Nothing is below a batch of 1, or below none provisioned; a lone request waits for no timeout.
        (Axis::Batch, at(&grid.batch, &best.batch).filter(|_| best.batch > 1)),
        (Axis::Timeout, at(&grid.timeout, &best.timeout).filter(|_| best.batch > 1)),
        (Axis::Provisioned, at(&grid.provisioned, &best.provisioned).filter(|_| best.provisioned > 0)),
    ];
    found.into_iter().filter_map(|(axis, end)| end.map(|end| (axis, end))).collect()
}

/// One step beyond the end, if the platform offers it and the profile covers it.
fn beyond(chooser: &Chooser<'_>, best: Setting, axis: Axis, end: End) -> Option<Setting> {
    let (scenario, grid) = (chooser.scenario, &chooser.grid);
    let step = |values: &[u64]| match end {
        End::Low => values[0].checked_sub(values[1] - values[0]),
        End::High => Some(2 * values[values.len() - 1] - values[values.len() - 2]),
    };
    let setting = match axis {
        Axis::Memory => {
            let sizes: Vec<u64> = grid.memory.iter().map(|memory| u64::from(memory.0)).collect();
            let memory = MemoryMb(u32::try_from(step(&sizes)?).ok()?);
            check_memory(memory, &scenario.platform.book).ok()?;
            Setting { memory, ..best }
        }
        Axis::Batch => {
            let batch = match end {
                End::Low => best.batch - 1,
                End::High => best.batch + (best.batch / 4).max(1),
            };
            Setting { batch, ..best }
        }
        Axis::Timeout => {
            let timeout = match end {
                End::Low => Span(best.timeout.0 / 2),
                End::High => Span(best.timeout.0 + best.timeout.0 / 4),
            };
            Setting { timeout, ..best }
        }
        Axis::Provisioned => {
            let provisioned = match end {
                End::Low => best.provisioned - 1,
                End::High => best.provisioned + 1,
            };
            Setting { provisioned, ..best }
        }
    };
    let is_covered = scenario.profile.at(setting.memory, setting.batch).is_ok();
    (is_covered && scenario.runs_within_limit(setting).is_ok()).then_some(setting)
}
