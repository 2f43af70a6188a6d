//! What people read: SVG charts, the stand-alone HTML page, tables for terminals, figures in words, and files
//! that are never half-written.
//!
//! Each report has its data (JSON, CSV rows, notes), which are always there, and its pages (tables for terminals, charts,
//! index.html), which need the feature `charts`. Charts, page and tables take plain data (labels, units, pairs of numbers)
//! and know nothing of simulations; `run` and its siblings say which of them a result is shown with. Nothing here simulates.

#[cfg(feature = "charts")]
pub mod backtest;
#[cfg(feature = "charts")]
mod beside;
#[cfg(feature = "charts")]
pub mod chart;
pub mod class_compare;
pub mod compare;
#[cfg(feature = "charts")]
mod curves;
pub mod diff;
#[cfg(feature = "charts")]
mod explorer;
#[cfg(feature = "charts")]
pub mod figures;
pub mod files;
pub mod fit;
pub mod fleet;
pub mod format;
pub mod groups;
#[cfg(feature = "charts")]
pub mod html;
#[cfg(feature = "charts")]
pub mod index;
mod json;
pub mod max_rate;
pub mod notes;
#[cfg(feature = "serve")]
pub mod observe;
pub mod omitted;
#[cfg(feature = "charts")]
mod pages;
pub mod plan;
pub mod profile;
#[cfg(feature = "charts")]
mod published;
pub mod run;
pub mod sweep;
#[cfg(feature = "charts")]
pub mod table;
pub mod trace;
