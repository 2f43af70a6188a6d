//! `--set`, and what of the file makes room for it.
//!
//! Some fields decide which others can act. Where `--set` chooses another value for one of them, the file's fields
//! for the old choice are left out, as if they had been removed: `--set policy.kind=unbatched` works on a file with a
//! batch and a timeout. What `--set` itself gives is never left out.

use super::beside::OF_NEW;
use super::platform::OF_COLD_STARTS;
use super::policy::{OF_ADAPTIVE, OF_BUFFER};
use crate::document::Document;
use crate::error::InputError;

/// What a profile's file says in place of the fields of `[profile]`.
const OF_TABLE: [&str; 15] = [
    "model",
    "source",
    "memory_mb",
    "batch",
    "service_s",
    "service_cv",
    "service_quantiles",
    "init_s",
    "init_cv",
    "init_quantiles",
    "init_in",
    "first_call_s",
    "overhead_s",
    "overhead_cv",
    "image_mb",
];

/// Merges the overrides into the document.
///
/// # Errors
/// An override that cannot be read.
pub(super) fn merge(document: &mut Document, overrides: &[String]) -> Result<(), InputError> {
    let (policy, cold) = (kind(document), is_cold(document));
    overrides.iter().try_for_each(|assignment| document.set(assignment))?;
    let chosen = kind(document);
    if chosen != policy {
        match chosen.as_deref() {
            Some("unbatched") => document.forget("policy", &[&OF_BUFFER[..], &OF_ADAPTIVE[..]].concat()),
            Some("batch") => document.forget("policy", &OF_ADAPTIVE),
            _ => {}
        }
    }
    if overrides.iter().any(|assignment| names_a_profile(assignment)) {
        document.forget("profile", &OF_TABLE);
    }
    if cold && !is_cold(document) {
        document.forget("platform", &OF_COLD_STARTS);
        document.forget("platform", &["provisioned"]);
        document.forget("profile", &OF_NEW);
    }
    Ok(())
}

/// `profile.file=mlp.toml`, or `profile={ file = "mlp.toml" }`.
fn names_a_profile(assignment: &str) -> bool {
    match assignment.split_once('=') {
        Some((key, value)) => match key.trim() {
            "profile.file" => true,
            "profile" => value.trim_start_matches([' ', '{']).starts_with("file"),
            _ => false,
        },
        None => false,
    }
}

fn kind(document: &Document) -> Option<String> {
    let policy = document.root().optional("policy")?.section().ok()?;
    policy.optional("kind")?.str().ok().map(str::to_owned)
}

fn is_cold(document: &Document) -> bool {
    let platform = document.root().optional("platform").and_then(|value| value.section().ok());
    platform.and_then(|section| section.optional("cold_starts")?.bool().ok()).unwrap_or(false)
}
