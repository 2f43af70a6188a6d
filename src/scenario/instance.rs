//! The files of instance profiles: service times by batch size.

use std::path::Path;

use super::profile::{batch_sizes, variation};
use crate::document::{Document, Section};
use crate::error::InputError;
use crate::profile::Profile;
use crate::profile::beside::Beside;
use crate::profile::instance::{InstanceProfile, NO_MEMORY};

/// The most workers an instance may have.
const MOST_WORKERS: u32 = 1024;

impl InstanceProfile {
    /// Reads an instance profile file: `model`, `source`, `workers`, `batch`, `service_s` (one time \[s\] a batch
    /// size) and, optionally, `service_cv`.
    ///
    /// # Errors
    /// A field that is missing, unknown or out of its range.
    pub fn read(path: &Path) -> Result<InstanceProfile, InputError> {
        InstanceProfile::from_document(&Document::read(path)?)
    }

    /// Reads an instance profile from a document.
    ///
    /// # Errors
    /// As [`InstanceProfile::read`].
    pub fn from_document(document: &Document) -> Result<InstanceProfile, InputError> {
        let root = document.root();
        let profile = InstanceProfile::from_section(&root)?;
        root.finish()?;
        Ok(profile)
    }

    /// Reads the profile's fields from a section, whose `finish` is left to the caller.
    ///
    /// # Errors
    /// As [`InstanceProfile::read`].
    pub fn from_section(section: &Section<'_>) -> Result<InstanceProfile, InputError> {
        let text = |name| section.optional(name).map(|v| v.str().map(str::to_owned)).transpose();
        let (model, source) = (text("model")?.unwrap_or("model".into()), text("source")?.unwrap_or_default());
        let workers = match section.optional("workers") {
            None => 1,
            Some(value) => match value.integer()? {
                n @ 1..=MOST_WORKERS => n,
                n => return Err(value.error(format!("must be 1 to {MOST_WORKERS}, is {n}"))),
            },
        };
        let batch = batch_sizes(&section.required("batch")?)?;
        let times = section.required("service_s")?;
        let row = times.numbers()?;
        if row.len() != batch.len() {
            let message = format!("has {} entries for {} batch sizes", row.len(), batch.len());
            return Err(times.error(message).help("give one service time for each entry of `batch`"));
        }
        if let Some(bad) = row.iter().find(|s| **s <= 0.0 || **s > 1e6) {
            return Err(times.error(format!("must be above 0 s and at most 1e6 s, one is {bad}")));
        }
        let service_cv = section.optional("service_cv").map_or(Ok(0.0), |v| variation(&v))?;
        let table = Profile {
            model,
            source,
            memory_mb: vec![NO_MEMORY.0],
            batch,
            service_s: vec![row],
            service_cv,
            service_quantiles: None,
            init_s: vec![0.0],
            beside: Beside::default(),
            mb_per_vcpu: None,
            by_size: None,
            image_mb: None,
        };
        Ok(InstanceProfile { workers, table })
    }
}
