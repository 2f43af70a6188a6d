//! From predictions to decisions.

pub mod adaptive;
pub mod constraint;
pub mod plan;
pub mod predict;
pub mod refine;
pub mod search;
pub mod verify;
