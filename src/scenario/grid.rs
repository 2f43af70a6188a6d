//! `[sweep]`, the grid of sweep and plan: lists or ranges in exact steps.

use crate::document::{Section, Value};
use crate::error::InputError;
use crate::profile::LARGEST_BATCH;
use crate::scenario::platform::{Environments, LambdaSpec};
use crate::scenario::policy::within_a_year;
use crate::units::{MemoryMb, Span};

/// The most points an axis may have.
const LONGEST_AXIS: u64 = 20_000;
/// The most configurations: each row is kept in memory until the end.
pub const MOST_POINTS: usize = 5_000_000;

/// Every combination of the three lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Memory sizes, ascending.
    pub memory: Vec<MemoryMb>,
    /// Largest batches, ascending.
    pub batch: Vec<u32>,
    /// Timeouts, ascending.
    pub timeout: Vec<Span>,
    /// Numbers of environments that are always initialised, ascending.
    pub provisioned: Vec<u32>,
}

impl Grid {
    /// Reads `[sweep]`; the platform says what may be provisioned, and what is where the grid does not.
    pub fn from_section(section: &Section<'_>, platform: &LambdaSpec) -> Result<Grid, InputError> {
        let span = |value: &Value<'_>| within_a_year(value).map(|span| span.0);
        let (memory, batch) = memory_and_batch(section)?;
        let timeout = axis(&section.required("timeout")?, span)?;
        let provisioned = match section.optional("provisioned") {
            Some(value) => provisioned(&value, platform)?,
            None => vec![platform.environments.provisioned()],
        };
        let points = memory.len() * batch.len() * timeout.len() * provisioned.len();
        if points > MOST_POINTS {
            let message = format!("[sweep] has {points} configurations, more than {MOST_POINTS}");
            return Err(section.error(message).help("choose larger steps, or sweep a part at a time"));
        }
        Ok(Grid { memory, batch, timeout: timeout.into_iter().map(Span).collect(), provisioned })
    }

    /// The number of configurations.
    pub fn len(&self) -> usize {
        self.memory.len() * self.batch.len() * self.timeout.len() * self.provisioned.len()
    }

    /// True if an axis is empty; one that was read never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The functions: every memory size with every number of provisioned environments.
    pub fn functions(&self) -> Vec<(MemoryMb, u32)> {
        let of = |memory: &MemoryMb| {
            let memory = *memory;
            self.provisioned.iter().map(move |provisioned| (memory, *provisioned))
        };
        self.memory.iter().flat_map(of).collect()
    }
}

fn provisioned(value: &Value<'_>, platform: &LambdaSpec) -> Result<Vec<u32>, InputError> {
    let counts = axis(value, |value| value.integer::<u32>().map(u64::from))?;
    let most = counts[counts.len() - 1];
    match (&platform.environments, most) {
        (_, 0) => {}
        (Environments::AlwaysWarm, _) => {
            return Err(value.error("needs cold_starts = true: always-warm environments need none"));
        }
        (_, 1_000_001..) => return Err(value.error("is beyond 1e6")),
        _ if !platform.tariff.sells_provisioned() => {
            let message = format!("{} has no price for provisioned concurrency", platform.book.name);
            return Err(value.error(message));
        }
        _ => {}
    }
    Ok(counts.into_iter().map(|count| count as u32).collect())
}

/// The memory sizes and largest batches of `[sweep]`.
pub(crate) fn memory_and_batch(section: &Section<'_>) -> Result<(Vec<MemoryMb>, Vec<u32>), InputError> {
    let whole = |value: &Value<'_>| value.integer::<u32>().map(u64::from);
    let memory = axis(&section.required("memory_mb")?, whole)?;
    let batch_value = section.required("batch")?;
    let batch = axis(&batch_value, whole)?;
    let largest = batch[batch.len() - 1];
    if batch[0] == 0 || largest > u64::from(LARGEST_BATCH) {
        return Err(batch_value.error(format!("a batch is 1 to {LARGEST_BATCH}")));
    }
    let memory = memory.into_iter().map(|mb| MemoryMb(mb as u32)).collect();
    Ok((memory, batch.into_iter().map(|n| n as u32).collect()))
}

/// A list, or `{ from, to, step }` with both ends; ascending, without repeats, not empty.
fn axis(
    value: &Value<'_>,
    read: impl Fn(&Value<'_>) -> Result<u64, InputError>,
) -> Result<Vec<u64>, InputError> {
    let mut points = if value.is_list() {
        value.list()?.iter().map(read).collect::<Result<Vec<_>, _>>()?
    } else {
        let section = value.section()?;
        let end = |name| section.required(name).and_then(|v| read(&v));
        let (from, to, step) = (end("from")?, end("to")?, end("step")?);
        section.finish()?;
        if step == 0 || from > to {
            return Err(value.error("a range needs from <= to and a step above 0"));
        }
        if (to - from) / step >= LONGEST_AXIS {
            return Err(too_long(value));
        }
        (0..=(to - from) / step).map(|i| from + i * step).collect()
    };
    points.sort_unstable();
    points.dedup();
    if points.len() as u64 > LONGEST_AXIS {
        return Err(too_long(value));
    }
    if points.is_empty() { Err(value.error("is empty")) } else { Ok(points) }
}

fn too_long(value: &Value<'_>) -> InputError {
    value.error(format!("has more than {LONGEST_AXIS} points")).help("choose a larger step")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::profile::Profile;

    fn grid(text: &str) -> Result<Grid, InputError> {
        let profile = "memory_mb = [1024]\nbatch = [1]\nservice_s = [[1.0]]";
        let profile = Profile::from_document(&Document::parse("p.toml", profile).unwrap()).unwrap();
        let platform = "kind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024";
        let platform = Document::parse("l.toml", platform).unwrap();
        let platform = LambdaSpec::from_section(&platform.root(), &profile).unwrap();
        Grid::from_section(&Document::parse("s.toml", text).unwrap().root(), &platform)
    }

    #[test]
    fn ranges_are_exact_and_hold_both_ends() {
        let text = "memory_mb = { from = 1280, to = 3008, step = 64 }\nbatch = [20]\n\
            timeout = { from = \"10ms\", to = \"490ms\", step = \"10ms\" }";
        let grid = grid(text).unwrap();
        assert_eq!((grid.memory.len(), grid.timeout.len(), grid.len()), (28, 49, 1372));
        assert_eq!(grid.timeout[48], Span::from_millis(490));
        assert_eq!(grid.functions().last(), Some(&(MemoryMb(3008), 0)));
        assert_eq!(grid.batch, [20]);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in [
            "memory_mb = [1]\nbatch = [1]\ntimeout = [\"1ms\"]\nprovisioned = [0, 2]",
            "memory_mb = []\nbatch = [1]\ntimeout = [\"1ms\"]",
            "memory_mb = [1]\nbatch = [0]\ntimeout = [\"1ms\"]",
            "memory_mb = [1]\nbatch = [1]\ntimeout = { from = \"2ms\", to = \"1ms\", step = \"1ms\" }",
            "memory_mb = [1]\nbatch = [1]\ntimeout = { from = \"2ms\", to = \"3ms\", step = \"0ms\" }",
            "memory_mb = [1]\nbatch = [1]\ntimeout = { from = \"0ms\", to = \"24h\", step = \"1ns\" }",
            "memory_mb = [1]\nbatch = [4000000000]\ntimeout = [\"1ms\"]",
            "memory_mb = { from = 1, to = 9999, step = 1 }\nbatch = [1, 2]\n\
             timeout = { from = \"0ms\", to = \"1s\", step = \"1ms\" }",
        ] {
            assert!(grid(bad).is_err(), "{bad}");
        }
    }
}
