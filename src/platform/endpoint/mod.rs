//! A managed real-time endpoint: identical instances behind a load balancer, with target tracking.

pub mod autoscale;
