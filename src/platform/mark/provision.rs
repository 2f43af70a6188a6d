//! MArk's greedy provisioning (Zhang et al., USENIX ATC 2019): cover the forecast with the instances that cost least for
//! what they serve.

use crate::units::Span;

/// A type of instance as the plan sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Its price.
    pub usd_per_hour: f64,
    /// Requests per second within the response time.
    pub capacity_per_s: f64,
    /// What a launch takes; it is paid and serves nothing.
    pub launch: Span,
}

/// How many instances of each type the plan uses for `rates` [1/s], one a step.
///
/// While a step is unmet: take the first unmet step t and its longest unmet run [t, e]; use the instance with the
/// least (launch overhead + (e - t) x price) / requests served there; repeat. An instance that runs already, by
/// type in `running`, has no overhead and is used once.
pub fn cover(rates: &[f64], step: Span, offers: &[Offer], running: &[u32]) -> Vec<u32> {
    let mut unmet = rates.to_vec();
    let mut used = vec![0; offers.len()];
    let hours = step.as_secs_f64() / 3600.0;
    while let Some(first) = unmet.iter().position(|rate| *rate > 0.0) {
        let run = unmet[first..].iter().take_while(|rate| **rate > 0.0).count();
        let run = first..first + run;
        let cost_per_request = |kind: usize| {
            let offer = &offers[kind];
            let served: f64 = unmet[run.clone()].iter().map(|rate| rate.min(offer.capacity_per_s)).sum();
            let launch = match used[kind] < running[kind] {
                true => 0.0,
                false => offer.launch.as_secs_f64() / 3600.0,
            };
            (launch + run.len() as f64 * hours) * offer.usd_per_hour / served
        };
        let best = (0..offers.len()).min_by(|a, b| cost_per_request(*a).total_cmp(&cost_per_request(*b)));
        let Some(best) = best.filter(|best| offers[*best].capacity_per_s > 0.0) else { break };
        used[best] += 1;
        for rate in &mut unmet[run] {
            *rate = (*rate - offers[best].capacity_per_s).max(0.0);
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(usd_per_hour: f64, capacity_per_s: f64, launch_s: u64) -> Offer {
        Offer { usd_per_hour, capacity_per_s, launch: Span::from_secs(launch_s) }
    }

    #[test]
    fn the_cheapest_cover_of_a_run_is_taken_first() {
        let step = Span::from_secs(60);
        // The large type is cheaper per request when it is full, the small one for the rest of 2/s.
        let offers = [offer(1.0, 4.0, 0), offer(2.0, 10.0, 0)];
        assert_eq!(cover(&[12.0; 5], step, &offers, &[0, 0]), [1, 1]);
        // No launch overhead: three small ones that run already beat a large one that does not.
        let slow = [offer(1.0, 4.0, 300), offer(2.0, 10.0, 300)];
        assert_eq!(cover(&[12.0; 5], step, &slow, &[3, 0]), [3, 0]);
        assert_eq!(cover(&[0.0; 5], step, &offers, &[3, 0]), [0, 0]);
    }

    #[test]
    fn a_peak_is_covered_on_top_of_the_base() {
        let offers = [offer(1.0, 10.0, 0)];
        assert_eq!(cover(&[5.0, 25.0, 5.0], Span::from_secs(60), &offers, &[0]), [3]);
    }
}
