//! Every function of an account: which of them should batch, how, and what a month of it saves (`sim fleet`).
//!
//! One scenario is the template: its platform, prices, objective and grid hold for all functions, its profile for those
//! that have none of their own. Each function is decided on its own arrivals, by itself: a row depends on nothing else,
//! not on the threads, nor on which other rows are asked for.
//!
//! ```text
//!  trace of many ─► one function's arrivals ─► decide ─► row ─► journal ─► table, page
//!                                               ▲
//!  template ─► profiles ─► configurations ──────┘
//! ```

pub mod decide;
pub mod merge;
pub mod profiles;
pub mod row;
pub mod run;
pub mod table;
