//! A profile's JSON, and with the feature `charts` its chart.

#[cfg(feature = "charts")]
mod chart;

#[cfg(feature = "charts")]
pub use self::chart::write_chart;

use crate::profile::Profile;

/// The profile's figures under the names of its file.
pub fn json(profile: &Profile) -> String {
    let value = serde_json::json!({
        "model": profile.model,
        "source": profile.source,
        "memory_mb": profile.memory_mb,
        "batch": profile.batch,
        "service_s": profile.service_s,
        "service_cv": profile.service_cv,
        "init_s": profile.init_s,
    });
    format!("{value:#}\n")
}
