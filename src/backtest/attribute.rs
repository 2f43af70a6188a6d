//! Why a prediction differs: what was observed is put in place of the model's, one part after the other.

use rand::RngExt as _;

use super::predict::{Figures, Played};
use crate::numeric::streams::Streams;

/// What can be put in place, in this order.
pub const PARTS: [&str; 5] = ["batching", "service times", "cold starts", "initialisation", "overhead"];

/// By how much each part moves each of [`super::predict::NAMES`], relative to what was observed: predicted minus
/// observed. `None` where the model's calls are not the observed ones, so that parts cannot be exchanged.
pub fn attribution(
    observed: &[Played],
    predicted: &[Played],
    price: &dyn Fn(f64, f64) -> f64,
    streams: Streams,
) -> Option<[[f64; 7]; 5]> {
    let same = observed.len() == predicted.len()
        && observed.iter().zip(predicted).all(|(a, b)| a.arrived.len() == b.arrived.len());
    if !same || observed.is_empty() {
        return None;
    }
    let mut mixed = predicted.to_vec();
    let target = Figures::of(observed.iter(), price).named();
    let mut before = Figures::of(mixed.iter(), price).named();
    let inits: Vec<f64> = predicted.iter().filter(|call| call.cold).map(|call| call.init).collect();
    let mut stream = streams.stream("attribution");
    let mut parts = [[0.0; 7]; 5];
    for (at, part) in parts.iter_mut().enumerate() {
        for (call, truth) in mixed.iter_mut().zip(observed) {
            match at {
                0 => (call.arrived, call.sent) = (truth.arrived.clone(), truth.sent),
                // What a call costs follows its service; the little that initialisation is billed, too.
                1 => (call.service, call.mb_ms) = (truth.service, truth.mb_ms),
                2 => {
                    if truth.cold && !call.cold && !inits.is_empty() {
                        call.init = inits[stream.random_range(0..inits.len())];
                    } else if !truth.cold {
                        call.init = 0.0;
                    }
                    call.cold = truth.cold;
                }
                3 => call.init = truth.init,
                _ => call.overhead = truth.overhead,
            }
        }
        let after = Figures::of(mixed.iter(), price).named();
        let change = |i: usize| if target[i] == 0.0 { 0.0 } else { (before[i] - after[i]) / target[i] };
        *part = std::array::from_fn(change);
        before = after;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: f64, cold: bool, init: f64, overhead: f64) -> Played {
        let (arrived, sent, timed_out) = (vec![1.0], 1.0, false);
        Played { arrived, sent, timed_out, cold, init, service, overhead, mb_ms: 1000.0 * service }
    }

    #[test]
    fn the_parts_add_up_to_the_difference_and_stand_where_they_belong() {
        let observed: Vec<Played> =
            (0..10).map(|i| call(1.0, i == 0, if i == 0 { 2.0 } else { 0.0 }, 0.1)).collect();
        let price = |mb_ms: f64, _: f64| mb_ms;
        let slower: Vec<Played> =
            observed.iter().map(|c| Played { service: 1.5, mb_ms: 1500.0, ..c.clone() }).collect();
        let parts = attribution(&observed, &slower, &price, Streams::new(1)).unwrap();
        // 0.5 s of a mean of 1.3; half of the bill.
        assert!((parts[1][4] - 0.5 / 1.3).abs() < 1e-9 && (parts[1][5] - 0.5).abs() < 1e-9);
        assert!(parts.iter().enumerate().all(|(at, part)| at == 1 || part[4].abs() < 1e-12));
        let warm: Vec<Played> =
            observed.iter().map(|c| Played { cold: false, init: 0.0, ..c.clone() }).collect();
        let parts = attribution(&observed, &warm, &price, Streams::new(1)).unwrap();
        assert_eq!(parts[2][6], -1.0);
        let sum: f64 = parts.iter().map(|part| part[4]).sum();
        assert!((sum + 0.2 / 1.3).abs() < 1e-9, "{sum}");
        assert!(attribution(&observed, &warm[1..], &price, Streams::new(1)).is_none());
    }
}
