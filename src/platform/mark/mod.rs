//! MArk (Zhang et al., USENIX ATC 2019): rented instances of several types, provisioned ahead of a forecast, with
//! functions for what they cannot answer in time.

pub mod forecast;
pub mod provision;

use self::forecast::RateForecast;
use self::provision::{Offer, cover};
use crate::platform::fleet::{FleetLoad, Order, Scaler};
use crate::units::{Span, Time};

/// The rules of the controller.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkRules {
    /// The types on offer, in the order of the fleet's.
    pub offers: Vec<Offer>,
    /// How often it plans, and the length of a step of the plan.
    pub step: Span,
    /// The plan's first step is the load so many steps from now: the time that a launch takes.
    pub ahead: usize,
    /// Steps that a plan covers.
    pub horizon: usize,
    /// An instance that no plan has needed for this long ends.
    pub cool_down: Span,
    /// The monitor launches an instance when the share of late requests passes this.
    pub late: f64,
    /// Weight of the newest step in the monitor's moving average.
    pub smoothing: f64,
    /// Least time between two launches of the monitor.
    pub monitor_pause: Span,
}

/// The controller at work.
#[derive(Debug)]
pub struct Mark {
    rules: MarkRules,
    forecast: RateForecast,
    next: Time,
    /// Since when each type has had more instances than the plans need.
    spare_since: Vec<Option<Time>>,
    late: f64,
    monitor_from: Time,
}

impl Mark {
    /// Starts without history.
    pub fn new(rules: MarkRules, forecast: RateForecast) -> Mark {
        let spare_since = vec![None; rules.offers.len()];
        let next = Time::ZERO + rules.step;
        Mark { rules, forecast, next, spare_since, late: 0.0, monitor_from: Time::ZERO }
    }

    /// One more instance of the cheapest type for its capacity, if too many requests were late.
    fn monitor(&mut self, load: FleetLoad<'_>, now: Time) -> Option<Order> {
        if load.served > 0 {
            let share = load.late as f64 / load.served as f64;
            self.late += self.rules.smoothing * (share - self.late);
        }
        if self.late <= self.rules.late || now < self.monitor_from {
            return None;
        }
        self.monitor_from = now + self.rules.monitor_pause;
        let per_request = |offer: &Offer| offer.usd_per_hour / offer.capacity_per_s;
        let types = 0..self.rules.offers.len();
        let offers = &self.rules.offers;
        types.min_by(|a, b| per_request(&offers[*a]).total_cmp(&per_request(&offers[*b]))).map(Order::Launch)
    }
}

impl Scaler for Mark {
    fn next_review(&self) -> Time {
        self.next
    }

    fn review(&mut self, load: FleetLoad<'_>) -> Vec<Order> {
        let now = self.next;
        self.next = now + self.rules.step;
        self.forecast.observe(load.arrivals as f64 / self.rules.step.as_secs_f64());
        let (ahead, horizon) = (self.rules.ahead, self.rules.horizon);
        let rates: Vec<f64> = (0..horizon).map(|step| self.forecast.rate(ahead + step)).collect();
        let running: Vec<u32> = load.instances.iter().map(|count| count.total()).collect();
        let wanted = cover(&rates, self.rules.step, &self.rules.offers, &running);
        let mut orders = Vec::new();
        for (kind, (running, wanted)) in running.iter().zip(&wanted).enumerate() {
            orders.extend(std::iter::repeat_n(Order::Launch(kind), wanted.saturating_sub(*running) as usize));
            if wanted >= running {
                self.spare_since[kind] = None;
            } else if now.since(*self.spare_since[kind].get_or_insert(now)) >= self.rules.cool_down {
                orders.extend(std::iter::repeat_n(Order::End(kind), (running - wanted) as usize));
                self.spare_since[kind] = None;
            }
        }
        orders.extend(self.monitor(load, now));
        orders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fleet::Count;

    fn rules() -> MarkRules {
        let offer = Offer { usd_per_hour: 1.0, capacity_per_s: 10.0, launch: Span::from_secs(300) };
        MarkRules {
            offers: vec![offer],
            step: Span::from_secs(60),
            ahead: 5,
            horizon: 5,
            cool_down: Span::from_secs(120),
            late: 0.02,
            smoothing: 0.5,
            monitor_pause: Span::from_secs(300),
        }
    }

    /// Minute by minute: arrivals and late requests; instances count as soon as they are ordered.
    fn follow(minutes: &[(u64, u64)]) -> Vec<u32> {
        let mut mark = Mark::new(rules(), RateForecast::last());
        let mut running = 1;
        let step = |(arrivals, late): &(u64, u64)| {
            let instances = [Count { ready: running, launching: 0 }];
            let load =
                FleetLoad { arrivals: *arrivals, served: *arrivals, late: *late, instances: &instances };
            for order in mark.review(load) {
                match order {
                    Order::Launch(_) => running += 1,
                    Order::End(_) => running -= 1,
                }
            }
            running
        };
        minutes.iter().map(step).collect()
    }

    #[test]
    fn a_spike_is_answered_at_once_and_a_drop_after_the_cool_down() {
        // 600 a minute is 10/s, one instance; 1500 is 25/s, three. The drop shows in minute 4; two minutes
        // later the two spare ones end.
        let load = [(600, 0), (1500, 0), (1500, 0), (600, 0), (600, 0), (600, 0), (600, 0)];
        assert_eq!(follow(&load), [1, 3, 3, 3, 3, 1, 1]);
    }

    #[test]
    fn a_ramp_is_followed_step_by_step() {
        assert_eq!(follow(&[(300, 0), (660, 0), (1260, 0), (1860, 0)]), [1, 2, 3, 4]);
    }

    #[test]
    fn the_monitor_adds_one_and_then_pauses() {
        // Shares of 10 %: the average is 5 % after the first minute, and stays above 2 % for the second.
        // The extra one is spare to the plan and ends after its cool-down.
        assert_eq!(follow(&[(600, 60), (600, 60), (600, 0)]), [2, 2, 2]);
        assert_eq!(follow(&[(600, 6), (600, 6)]), [1, 1]);
    }
}
