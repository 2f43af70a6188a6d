//! Whether a latency is kept, without the waits that tell by how much.

use super::latency::{LatencyLaw, Part, SLACK};

/// Where a larger share of requests in batches that are not full may be answered in time, all waits are asked for.
const OTHERS: f64 = 0.1;

/// Shares of all requests.
struct Bounds {
    /// Those answered within the time.
    surely: f64,
    /// Those in full batches that may be.
    full: f64,
    /// Those in other batches that may be.
    others: f64,
}

impl LatencyLaw<'_> {
    /// Does the share `q` of requests have a latency of at most `x` \[s\]? As [`LatencyLaw::cdf`] says, mostly without the waits
    /// that it asks for.
    pub fn keeps(&self, x: f64, q: f64) -> bool {
        self.verdict(x, q).unwrap_or_else(|| self.cdf(x) >= q)
    }

    /// The same as far as it follows from how many requests are in batches of each size and, of those in full batches, how many
    /// wait too long.
    fn verdict(&self, x: f64, q: f64) -> Option<bool> {
        // What is known so is good to within about 1e-8.
        const NEAR: f64 = 1e-7;
        let decided = |surely: f64, open: f64| match surely >= q + NEAR {
            true => Some(true),
            false => (surely + open < q - NEAR).then_some(false),
        };
        if !self.parts.iter().all(Part::is_fixed) {
            return None;
        }
        let bounds: Vec<Bounds> = self.parts.iter().map(|part| part.bounds(x)).collect();
        let mut surely: f64 = bounds.iter().map(|part| part.surely).sum();
        let others: f64 = bounds.iter().map(|part| part.others).sum();
        let mut open = others + bounds.iter().map(|part| part.full).sum::<f64>();
        // Where the others alone may decide, nothing else needs to be known first.
        let verdict = decided(surely, open);
        if verdict.is_some() || others > OTHERS {
            return verdict;
        }
        for (part, bounds) in self.parts.iter().zip(bounds).filter(|(_, bounds)| bounds.full > 0.0) {
            let wait = x - part.shift - part.service[part.service.len() - 1];
            let within = part.batches.full_within(wait.clamp(0.0, part.batches.horizon()))?;
            surely += part.weight * within / part.batches.mean_batch();
            open -= bounds.full;
            let verdict = decided(surely, open);
            if verdict.is_some() {
                return verdict;
            }
        }
        None
    }
}

impl Part<'_> {
    /// What is known of the requests that are answered within `x`, where times are fixed.
    fn bounds(&self, x: f64) -> Bounds {
        let (horizon, last) = (self.batches.horizon(), self.service.len() - 1);
        let mut bounds = Bounds { surely: 0.0, full: 0.0, others: 0.0 };
        for (n, (service, requests)) in self.service.iter().zip(self.batches.all_requests()).enumerate() {
            let wait = x - self.shift - service;
            let share = self.weight * requests / self.batches.mean_batch();
            match wait + SLACK {
                wait if wait < 0.0 => {}
                wait if wait >= horizon => bounds.surely += share,
                _ if n == last => bounds.full += share,
                _ => bounds.others += share,
            }
        }
        bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytic::exact::{BatchLaw, Levels};
    use crate::arrivals::map::Map;
    use crate::units::Span;

    #[test]
    fn the_verdict_is_what_the_distribution_says() {
        let map = Map::mmpp(&[60.0, 240.0], &[8.0, 4.0]).unwrap();
        let (mut quick, mut slow) = (0, 0);
        // From those that the timeout sends off to those that always fill.
        for (batch, timeout) in [(20, 300), (80, 250), (80, 900), (80, 1500), (80, 4000), (150, 900)] {
            let levels = Levels::new(&map, batch, Span::from_millis(timeout));
            let service: Vec<f64> = (1..=batch).map(|n| 0.1 + 0.01 * f64::from(n)).collect();
            for step in 1..60 {
                let x = 0.1 * f64::from(step);
                // A law that nobody has asked for waits.
                let fresh = BatchLaw::new(&Levels::new(&map, batch, Span::from_millis(timeout)), batch);
                let verdict = LatencyLaw::new(&fresh, &service, 0.0).verdict(x, 0.95);
                let batches = BatchLaw::new(&levels, batch);
                let share = LatencyLaw::new(&batches, &service, 0.0).cdf(x);
                match verdict {
                    Some(verdict) => {
                        assert_eq!(verdict, share >= 0.95, "{batch} {timeout} {x}: {share}");
                        quick += u32::from(share > 1e-6 && share < 1.0 - 1e-6);
                    }
                    None => slow += 1,
                }
            }
        }
        assert!(quick > 20 && slow > 0, "{quick} {slow}");
    }
}
