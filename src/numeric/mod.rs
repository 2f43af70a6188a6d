//! Random streams, histograms, small dense matrices.

pub mod histogram;
pub mod least_squares;
pub mod matrix;
pub mod streams;
