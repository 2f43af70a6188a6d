//! Many configurations on the same arrivals.

pub mod grid;
