//! From predictions to decisions.

pub mod adaptive;
pub mod choose;
pub mod class_compare;
pub mod compare;
pub mod constraint;
pub mod emit;
pub mod groups;
pub mod harmony;
pub mod max_rate;
pub mod plan;
pub mod predict;
pub mod refine;
pub mod search;
pub mod shared;
pub mod verify;
