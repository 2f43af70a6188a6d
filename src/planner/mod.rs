//! From predictions to decisions.

pub mod adaptive;
mod alternatives;
pub mod best;
pub mod bound;
mod by_law;
pub mod ceiling;
pub mod chooser;
pub mod class_compare;
pub mod constraint;
pub mod edge;
pub mod emit;
pub mod groups;
pub mod harmony;
pub mod infeasible;
pub mod laws;
pub mod max_rate;
pub mod plan;
pub mod predict;
mod ranking;
pub mod refine;
pub mod replayed;
pub mod search;
pub mod shared;
pub mod trial;
pub mod verify;
