//! What people read: SVG charts, the stand-alone HTML page, tables for terminals, figures in words, and files
//! that are never half-written.
//!
//! The module takes plain data (labels, units, pairs of numbers) and knows nothing of simulations.

pub mod chart;
pub mod files;
pub mod format;
pub mod html;
pub mod table;
