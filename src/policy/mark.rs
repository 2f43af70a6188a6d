//! MArk's batching rule for one type of instance (Zhang et al., USENIX ATC 2019).

use super::batch::BatchPolicy;
use crate::profile::ServiceTimes;
use crate::units::Span;

/// A type's buffer and the rate that it serves with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Batching {
    /// Largest batch N and longest wait W.
    pub batch: BatchPolicy,
    /// Requests per second [1/s].
    pub capacity_per_s: f64,
}

/// Grows b from 1 while a wait W >= 0 is left with W + S_b <= `limit` and W + S_b <= b S_1 (b / the rate without
/// batching); W is the longest such wait. The capacity is `workers` x b / S_b.
///
/// `None` if even a lone request takes longer than `limit`.
pub fn batching(times: &ServiceTimes, workers: u32, limit: Span) -> Option<Batching> {
    let single = times.of(1);
    if single > limit {
        return None;
    }
    let alone = |b: u32| f64::from(b) * single.as_secs_f64();
    let mut best = 1;
    for b in 2..=times.mean.len() as u32 {
        let service = times.of(b).as_secs_f64();
        if service > limit.as_secs_f64() || service > alone(b) {
            break;
        }
        best = b;
    }
    let service = times.of(best).as_secs_f64();
    let spare = (limit.as_secs_f64() - service).min(alone(best) - service).max(0.0);
    let timeout = if best == 1 { Span::ZERO } else { Span::from_secs_f64(spare)? };
    let capacity_per_s = f64::from(workers) * f64::from(best) / service;
    Some(Batching { batch: BatchPolicy { batch: best, timeout }, capacity_per_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MemoryMb;

    fn times(ms: &[u64]) -> ServiceTimes {
        let mean = ms.iter().map(|ms| Span::from_millis(*ms)).collect();
        ServiceTimes::fixed(MemoryMb(0), mean)
    }

    #[test]
    fn batches_grow_within_the_limit() {
        // 20 + 80 b would be 100, 180, 260: b = 2 fits 200 ms with 20 ms to wait.
        let found = batching(&times(&[100, 180, 260]), 1, Span::from_millis(200)).unwrap();
        assert_eq!(found.batch.batch, 2);
        assert_eq!(found.batch.timeout, Span::from_millis(20));
        assert!((found.capacity_per_s - 2.0 / 0.18).abs() < 1e-9);
        // Batching that saves nothing is not done; a model that is too slow is not served.
        let linear = batching(&times(&[100, 201]), 1, Span::from_secs(5)).unwrap();
        assert_eq!((linear.batch.batch, linear.batch.timeout), (1, Span::ZERO));
        assert_eq!(batching(&times(&[300]), 1, Span::from_millis(200)), None);
    }
}
