//! Target tracking on invocations per instance and minute, as Application Auto Scaling does it (AWS, "Target
//! tracking scaling policies for Application Auto Scaling").
//!
//! Each period gives one point: invocations in the period / ready instances. Some points in a row above the
//! target scale out, at once, to ceil(ready instances x point / target); some more in a row below a share of
//! the target scale in, to the same formula. Instances that are still launching count as there, so one surge
//! is answered once. Between two changes there is a cool-down.

use crate::platform::fleet::{FleetLoad, Order, Scaler};
use crate::units::{Span, Time};

/// The rules of a target-tracking policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetTracking {
    /// Invocations per instance and period that the policy holds.
    pub target: f64,
    /// Length of a period of the metric.
    pub period: Span,
    /// Points in a row above the target that scale out.
    pub points_out: u32,
    /// Points in a row below `low` x target that scale in.
    pub points_in: u32,
    /// The share of the target below which a point counts as low.
    pub low: f64,
    /// Least time between two changes.
    pub cool_down: Span,
    /// Fewest instances, at least 1.
    pub least: u32,
    /// Most instances.
    pub most: u32,
}

/// The policy at work on a fleet of one type.
#[derive(Debug, Clone)]
pub struct AutoScaler {
    rules: TargetTracking,
    next: Time,
    above: u32,
    below: u32,
    /// No change before this time.
    quiet_until: Time,
}

impl AutoScaler {
    /// Starts with an empty metric.
    pub fn new(rules: TargetTracking) -> AutoScaler {
        let next = Time::ZERO + rules.period;
        AutoScaler { rules, next, above: 0, below: 0, quiet_until: Time::ZERO }
    }

    /// Takes one point and says how many instances there should be.
    fn desired(&mut self, invocations: u64, ready: u32, now: Time, current: u32) -> u32 {
        let rules = &self.rules;
        let point = invocations as f64 / f64::from(ready.max(1));
        self.above = if point > rules.target { self.above + 1 } else { 0 };
        self.below = if point < rules.low * rules.target { self.below + 1 } else { 0 };
        if now < self.quiet_until {
            return current;
        }
        let wanted = (f64::from(ready.max(1)) * point / rules.target).ceil();
        let wanted = (wanted as u32).clamp(rules.least, rules.most);
        if self.above >= rules.points_out {
            wanted.max(current)
        } else if self.below >= rules.points_in {
            wanted.min(current)
        } else {
            current
        }
    }
}

impl Scaler for AutoScaler {
    fn next_review(&self) -> Time {
        self.next
    }

    fn review(&mut self, load: FleetLoad<'_>) -> Vec<Order> {
        let now = self.next;
        self.next = now + self.rules.period;
        let count = load.instances[0];
        let current = count.total();
        let desired = self.desired(load.arrivals, count.ready, now, current);
        if desired == current {
            return Vec::new();
        }
        self.quiet_until = now + self.rules.cool_down;
        let order = if desired > current { Order::Launch(0) } else { Order::End(0) };
        vec![order; desired.abs_diff(current) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fleet::Count;

    const RULES: TargetTracking = TargetTracking {
        target: 100.0,
        period: Span::from_secs(60),
        points_out: 3,
        points_in: 15,
        low: 0.9,
        cool_down: Span::from_secs(300),
        least: 1,
        most: 10,
    };

    /// Shows the scaler one minute after the other; each new instance is ready `launch` minutes later.
    /// Returns the instances (ready and launching) after each minute.
    fn follow(invocations: &[u64], start: u32, launch: usize) -> Vec<u32> {
        let mut scaler = AutoScaler::new(RULES);
        let (mut ready, mut launching) = (start, Vec::new());
        let mut totals = Vec::new();
        for (minute, count) in invocations.iter().enumerate() {
            assert_eq!(scaler.next_review(), Time::ZERO + Span::from_secs(60 * (minute as u64 + 1)));
            launching.retain(|at| {
                ready += u32::from(*at <= minute);
                *at > minute
            });
            let instances = [Count { ready, launching: launching.len() as u32 }];
            let load = FleetLoad { arrivals: *count, served: *count, late: 0, instances: &instances };
            for order in scaler.review(load) {
                match order {
                    Order::Launch(0) => launching.push(minute + launch),
                    Order::End(0) if launching.pop().is_none() => ready -= 1,
                    Order::End(0) => {}
                    other => panic!("{other:?}"),
                }
            }
            totals.push(ready + launching.len() as u32);
        }
        totals
    }

    #[test]
    fn a_spike_of_two_points_is_not_answered_and_three_are() {
        assert_eq!(follow(&[90, 250, 250, 90, 90], 1, 4), [1, 1, 1, 1, 1]);
        // Minute 4 is the third point above: ceil(1 x 250 / 100) = 3, at once.
        assert_eq!(follow(&[90, 250, 250, 250, 250], 1, 4), [1, 1, 1, 3, 3]);
    }

    #[test]
    fn a_ramp_is_followed_with_a_cool_down_between() {
        // Minutes 1 to 3 are above 100: minute 3 asks for ceil(300/100) = 3. The load grows on, but nothing
        // happens before minute 3 + 5 = 8, which asks for ceil(3 ready x (650/3) / 100) = 7.
        let ramp = [150, 220, 300, 350, 400, 450, 550, 650, 690, 690];
        assert_eq!(follow(&ramp, 1, 4), [1, 1, 3, 3, 3, 3, 3, 7, 7, 7]);
    }

    #[test]
    fn a_surge_is_answered_once_although_the_new_instances_are_not_there_yet() {
        // Two instances at 160 a minute each. Minute 3 asks for ceil(320/100) = 4; in minute 8 (cool-down
        // over) the launching ones still miss, the points are still high, and 4 is still what is wanted.
        assert_eq!(follow(&[320; 9], 2, 8), [2, 2, 4, 4, 4, 4, 4, 4, 4]);
    }

    #[test]
    fn a_drop_is_answered_after_fifteen_low_points() {
        // Four instances at 95 each: above 0.9 of the target, nothing. Then 150 in all: 37.5 each. The 15th
        // low point, minute 17, asks for ceil(150/100) = 2.
        let load: Vec<u64> = [380, 380].into_iter().chain([150; 20]).collect();
        let expected: Vec<u32> = [4; 16].into_iter().chain([2; 6]).collect();
        assert_eq!(follow(&load, 4, 4), expected);
        // At 0.9 of the target exactly, never.
        assert_eq!(follow(&[360; 30], 4, 4), [4; 30]);
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(follow(&[5000; 4], 1, 4), [1, 1, 10, 10]);
        assert_eq!(follow(&[0; 16], 3, 4)[14..], [1, 1]);
    }
}
