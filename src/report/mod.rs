//! What people read: SVG charts, the stand-alone HTML page, tables for terminals, figures in words, and files
//! that are never half-written.
//!
//! Charts, page and tables take plain data (labels, units, pairs of numbers) and know nothing of simulations;
//! `run` and its siblings say which of them a result is shown with. Nothing here simulates.

pub mod backtest;
pub mod chart;
pub mod class_compare;
pub mod compare;
pub mod diff;
pub mod files;
pub mod fit;
pub mod format;
pub mod groups;
pub mod html;
pub mod index;
pub mod max_rate;
pub mod notes;
#[cfg(feature = "serve")]
pub mod observe;
pub mod omitted;
pub mod plan;
pub mod profile;
pub mod run;
pub mod sweep;
pub mod table;
pub mod trace;
