//! `[policy]`: when batches leave.

use crate::document::Section;
use crate::error::InputError;
use crate::policy::batch::Batch;
use crate::profile::Profile;
use crate::units::{MemoryMb, Span};

/// The largest batch that a scenario may ask for.
const LARGEST_BATCH: u32 = 1024;

/// A batching policy with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicySpec {
    /// The buffer.
    pub buffer: Batch,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Unbatched,
    Batch,
}

impl PolicySpec {
    /// Reads `[policy]`; the profile must cover the largest batch.
    pub fn from_section(
        section: &Section<'_>,
        profile: &Profile,
        memory: MemoryMb,
    ) -> Result<PolicySpec, InputError> {
        let kinds = [("unbatched", Kind::Unbatched), ("batch", Kind::Batch)];
        let kind = section.required("kind")?;
        let buffer = match kind.choice(&kinds)? {
            Kind::Unbatched => Batch::UNBATCHED,
            Kind::Batch => {
                let value = section.required("batch")?;
                let batch: u32 = value.integer()?;
                if !(1..=LARGEST_BATCH).contains(&batch) {
                    return Err(value.error(format!("must be 1 to {LARGEST_BATCH}, is {batch}")));
                }
                profile.at(memory, batch).map_err(|e| value.error(e.to_string()))?;
                let timeout = section.required("timeout")?;
                Batch {
                    batch,
                    timeout: bounded(timeout.span()?).ok_or_else(|| timeout.error("is over a year"))?,
                }
            }
        };
        profile.at(memory, buffer.batch).map_err(|e| kind.error(e.to_string()))?;
        Ok(PolicySpec { buffer })
    }
}

fn bounded(span: Span) -> Option<Span> {
    (span <= Span::from_secs(366 * 86_400)).then_some(span)
}
