//! What instances cost, and how much they could serve over time.

use crate::units::Price;
use crate::units::{Span, Time, Usd};

/// One instance, from launch to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rental {
    /// When it was rented; it is billed from here.
    pub launched: Time,
    /// When it began to serve.
    pub ready: Time,
    /// When it was given back.
    pub ended: Time,
    /// Its price.
    pub per_hour: Price,
    /// The shortest time that is billed.
    pub least_billed: Span,
    /// Requests per second with every worker busy on full batches [1/s].
    pub capacity_per_s: f64,
    /// How it was rented.
    pub market: Market,
    /// The provider wanted it back.
    pub interrupted: bool,
}

/// Where instances are rented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// At the list price.
    OnDemand,
    /// Cheaper, until the provider wants it back.
    Spot,
}

const PER_HOUR: u128 = 3_600_000_000_000;

impl Rental {
    /// Until when it is billed.
    pub fn billed_until(&self) -> Time {
        self.ended.max(self.launched + self.least_billed)
    }

    /// The billed time \[ns\] within `from..until`.
    pub fn billed_within(&self, from: Time, until: Time) -> u64 {
        self.billed_until().min(until).since(self.launched.max(from)).0
    }

    /// The dollars of the time within `from..until`.
    pub fn usd_within(&self, from: Time, until: Time) -> f64 {
        self.billed_within(from, until) as f64 / PER_HOUR as f64 * self.per_hour.as_f64()
    }

    /// The share of `from..until` in which it could serve.
    pub fn ready_within(&self, from: Time, until: Time) -> f64 {
        let span = until.since(from).as_secs_f64();
        if span > 0.0 { self.ended.min(until).since(self.ready.max(from)).as_secs_f64() / span } else { 0.0 }
    }
}

/// What the rentals of a market cost from `from` on: whole nanoseconds times the price, divided once.
pub fn bill(rentals: &[Rental], market: Market, from: Time) -> Usd {
    let rentals = rentals.iter().filter(|rental| rental.market == market);
    let nanos = |r: &Rental| u128::from(r.billed_within(from, Time::NEVER)) * u128::from(r.per_hour.0);
    Usd((rentals.map(nanos).sum::<u128>() + PER_HOUR / 2) / PER_HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_billed_from_its_launch_and_for_the_least_time() {
        let rental = Rental {
            launched: Time(1_000_000_000),
            ready: Time(241_000_000_000),
            ended: Time(3_601_000_000_000),
            per_hour: Price::parse("0.952").unwrap(),
            least_billed: Span::from_secs(60),
            capacity_per_s: 5.0,
            market: Market::OnDemand,
            interrupted: false,
        };
        assert_eq!(bill(&[rental], Market::OnDemand, Time::ZERO), Usd(952_000_000_000));
        let short = Rental { ended: Time(2_000_000_000), ..rental };
        // 60 s of 0.952 $/h.
        assert_eq!(bill(&[short], Market::OnDemand, Time::ZERO), Usd(15_866_666_667));
        let (from, until) = (Time(121_000_000_000), Time(361_000_000_000));
        assert_eq!(rental.ready_within(from, until), 0.5);
        assert_eq!(rental.billed_within(from, until), 240_000_000_000);
    }
}
