//! JSON as every file of results has it: indented, with a line break at its end.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::scenario::Setting;

pub(super) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("plain data") + "\n"
}

/// The fields of a configuration, among those of what holds it.
pub(super) fn setting<S: Serializer>(setting: &Setting, to: S) -> Result<S::Ok, S::Error> {
    let Setting { memory, batch, timeout, .. } = setting;
    let mut fields = to.serialize_map(Some(3))?;
    fields.serialize_entry("memory_mb", &memory.0)?;
    fields.serialize_entry("batch", batch)?;
    fields.serialize_entry("timeout_s", &timeout.as_secs_f64())?;
    fields.end()
}
