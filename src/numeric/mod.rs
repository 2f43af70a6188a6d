//! Random streams, histograms, small dense matrices.

pub mod histogram;
pub mod matrix;
pub mod streams;
