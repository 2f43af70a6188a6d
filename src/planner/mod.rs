//! From predictions to decisions.

pub mod predict;
