//! Many configurations on the same arrivals.
//!
//! A configuration's prediction needs the laws of its batches, which no memory size enters; so does its
//! simulation where no environment starts cold. The work is therefore cut by timeout and batch, and each
//! piece serves every memory size.

pub mod front;
pub mod journal;
pub mod merge;
pub mod row;
pub mod run;
pub mod shard;
pub mod sum;
pub mod table;
