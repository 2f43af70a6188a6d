//! Random streams and choices, histograms, small dense matrices, quadrature and interpolation.

pub mod bracket;
pub mod chebyshev;
pub mod choice;
pub mod gauss;
pub mod histogram;
pub(crate) mod lanes;
pub mod least_squares;
pub mod matrix;
pub(crate) mod radix_heap;
pub mod streams;
pub mod tournament;
