//! What a batching buffer does, without simulating: the exact law for MAP arrivals, and the approximation
//! published with the SC20 paper.
//!
//! Both see plain data only: a [`Map`](crate::arrivals::map::Map), a batch size, a timeout and mean service
//! times by batch size. They know no platform: cold starts, throttling and queueing behind a limit are not
//! in them, nor prices: the caller gives a function of the batch.

mod counting;
pub mod exact;
pub mod published;
