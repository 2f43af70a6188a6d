//! From predictions to decisions.

pub mod choose;
pub mod compare;
pub mod predict;
