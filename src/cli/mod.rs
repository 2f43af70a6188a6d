//! The command line: one file a subcommand.

pub mod import;
#[cfg(feature = "profiler")]
pub mod profile;
