//! Dated price and limit books, and what usage costs by them.
//!
//! A book is data with date and source (profiles/books/*.toml): no price or limit is a constant in the
//! code. Usage is counted in integers (MB ms, requests); prices are multiplied in once, at the end.

pub mod billing;
mod book;

use serde::Serialize;

pub use self::book::{
    Architecture, ArchitecturePrices, Book, FreeTier, InstancePrice, Limits, ProvisionedPrices, RateLimit,
};
use crate::price::billing::BillingRule;
use crate::units::{MemoryMb, Price, Span, Usd};

/// MB ms in a GB s, as the platforms count: 1,024 MB for 1,000 ms.
const MB_MS_PER_GB_S: u128 = 1_024_000;
/// The month that tiers and the free tier refer to: 30 days.
const MONTH: Span = Span::from_secs(30 * 86_400);

/// How a month's volume enters the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumePricing {
    /// Use the tiers; otherwise the first tier's price holds for everything.
    pub tiers: Tiers,
    /// What is free a month; zero where the free tier was not asked for.
    pub free: FreeTier,
}

/// Which price tiers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiers {
    /// The first tier's price for everything.
    First,
    /// Each tier for its part of the month's usage.
    Monthly,
}

/// Everything that turns usage into money.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariff {
    /// How invocations are counted.
    pub billing: BillingRule,
    on: Architecture,
    prices: ArchitecturePrices,
    per_request: Price,
    volume: VolumePricing,
}

/// What a replay used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Invocations.
    pub invocations: u64,
    /// Billed memory-time [MB ms], initialisation included.
    pub mb_ms: u128,
    /// The part of it that is initialisation.
    pub init_mb_ms: u128,
    /// The part of it that was served by provisioned concurrency.
    pub provisioned_mb_ms: u128,
    /// The memory size, for provisioned concurrency.
    pub memory: MemoryMb,
    /// Environments that were always initialised.
    pub provisioned: u32,
    /// The length of the replay.
    pub duration: Span,
}

/// What it cost, by component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bill {
    /// Serving.
    pub compute: Usd,
    /// Billed initialisation.
    pub initialisation: Usd,
    /// Invocations.
    pub requests: Usd,
    /// Provisioned concurrency: being ready, and serving.
    pub provisioned: Usd,
    /// Instances rented on demand, from their launch.
    pub instances: Usd,
    /// Instances rented on the spot market, from their launch.
    pub spot: Usd,
}

/// A bill in dollars, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BillUsd {
    /// Serving.
    pub compute: f64,
    /// Billed initialisation.
    pub initialisation: f64,
    /// Invocations.
    pub requests: f64,
    /// Provisioned concurrency.
    pub provisioned: f64,
    /// Instances on demand.
    pub instances: f64,
    /// Instances on the spot market.
    pub spot: f64,
}

impl VolumePricing {
    /// The first tier for everything, nothing free.
    pub const FLAT: VolumePricing =
        VolumePricing { tiers: Tiers::First, free: FreeTier { requests: 0, gb_s: 0 } };
}

impl Tariff {
    /// The tariff of a book; `None` if it has no prices for the architecture.
    pub fn new(book: &Book, on: Architecture, volume: VolumePricing) -> Option<Tariff> {
        let (_, prices) = book.architectures.iter().find(|(known, _)| *known == on)?;
        let (billing, per_request) = (book.billing, book.per_request);
        Some(Tariff { billing, on, prices: prices.clone(), per_request, volume })
    }

    /// The processor whose prices these are.
    pub fn architecture(&self) -> Architecture {
        self.on
    }

    /// Is there a price for provisioned concurrency?
    pub fn sells_provisioned(&self) -> bool {
        self.prices.provisioned.is_some()
    }

    /// Does a month's volume enter the price?
    pub fn is_flat(&self) -> bool {
        self.volume == VolumePricing::FLAT
    }

    /// The price of one warm on-demand invocation [$]: the first tier, nothing free.
    pub fn invocation_usd(&self, memory: MemoryMb, service: Span) -> f64 {
        let mb_ms = self.billing.bill(memory, Span::ZERO, service).total;
        self.marginal_usd(mb_ms as f64, 1.0)
    }

    /// The dollars of on-demand `mb_ms` and `invocations` at the margin: the first tier, nothing free.
    pub fn marginal_usd(&self, mb_ms: f64, invocations: f64) -> f64 {
        self.prices.tiers[0].1.as_f64() * mb_ms / MB_MS_PER_GB_S as f64
            + self.per_request.as_f64() * invocations
    }

    /// What the usage costs. Tiers and the free tier are those of a 30-day month in which the replay
    /// repeats; the replay pays its share of that month.
    pub fn bill(&self, usage: &Usage) -> Bill {
        let on_demand = usage.mb_ms - usage.provisioned_mb_ms;
        let serving = on_demand - usage.init_mb_ms;
        let provisioned = self.provisioned_usd(usage);
        if self.is_flat() || usage.duration == Span::ZERO {
            let whole = |mb_ms| gb_s_usd(mb_ms, self.prices.tiers[0].1);
            let requests = Usd(u128::from(usage.invocations) * u128::from(self.per_request.0));
            let (compute, initialisation) = (whole(serving), whole(usage.init_mb_ms));
            return Bill { compute, initialisation, requests, provisioned, ..Bill::default() };
        }
        let months = usage.duration.as_secs_f64() / MONTH.as_secs_f64();
        let monthly = self.monthly_usd(on_demand as f64 / MB_MS_PER_GB_S as f64 / months) * months;
        let share = |mb_ms: u128| match on_demand {
            0 => Usd(0),
            all => Usd((monthly * mb_ms as f64 / all as f64 * 1e12).round() as u128),
        };
        let free_requests = (self.volume.free.requests as f64 * months).round() as u64;
        let paid = usage.invocations.saturating_sub(free_requests);
        let requests = Usd(u128::from(paid) * u128::from(self.per_request.0));
        let (compute, initialisation) = (share(serving), share(usage.init_mb_ms));
        Bill { compute, initialisation, requests, provisioned, ..Bill::default() }
    }

    /// The price [$] of a month's memory-time.
    fn monthly_usd(&self, gb_s: f64) -> f64 {
        let mut left = (gb_s - self.volume.free.gb_s as f64).max(0.0);
        if self.volume.tiers == Tiers::First {
            return left * self.prices.tiers[0].1.as_f64();
        }
        let (mut from, mut total) = (0.0, 0.0);
        for (bound, price) in &self.prices.tiers {
            let here = bound.map_or(left, |bound| left.min(bound as f64 - from));
            total += here * price.as_f64();
            left -= here;
            from = bound.map_or(from, |bound| bound as f64);
        }
        total
    }

    fn provisioned_usd(&self, usage: &Usage) -> Usd {
        let Some(prices) = self.prices.provisioned.filter(|_| usage.provisioned > 0) else { return Usd(0) };
        let granules = u128::from(usage.duration.0.div_ceil(prices.granule.0));
        let ms = granules * u128::from(prices.granule.0 / 1_000_000);
        let ready = ms * u128::from(usage.memory.0) * u128::from(usage.provisioned);
        gb_s_usd(ready, prices.idle) + gb_s_usd(usage.provisioned_mb_ms, prices.running)
    }
}

/// The price of memory-time [MB ms] at a price per GB s, to the nearest pico-dollar.
fn gb_s_usd(mb_ms: impl Into<u128>, price: Price) -> Usd {
    Usd((mb_ms.into() * u128::from(price.0) + MB_MS_PER_GB_S / 2) / MB_MS_PER_GB_S)
}

impl Bill {
    /// The sum of the components.
    pub fn total(&self) -> Usd {
        self.compute + self.initialisation + self.requests + self.provisioned + self.instances + self.spot
    }

    /// The components in dollars.
    pub fn in_usd(&self) -> BillUsd {
        BillUsd {
            compute: self.compute.as_f64(),
            initialisation: self.initialisation.as_f64(),
            requests: self.requests.as_f64(),
            provisioned: self.provisioned.as_f64(),
            instances: self.instances.as_f64(),
            spot: self.spot.as_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(volume: VolumePricing) -> Tariff {
        Tariff::new(&Book::named("aws-2026").unwrap(), Architecture::X86, volume).unwrap()
    }

    #[test]
    fn an_old_book_bills_as_its_provider_did() {
        let old = Book::named("aws-2020").unwrap();
        assert_eq!(old.billing.granule, Span::from_millis(100));
        assert!(Tariff::new(&old, Architecture::Arm64, VolumePricing::FLAT).is_none());
    }

    #[test]
    fn a_bill_is_exact_in_pico_dollars() {
        let usage = Usage { invocations: 3, mb_ms: 1_024_000 * 2, init_mb_ms: 1_024_000, ..Usage::default() };
        let bill = tariff(VolumePricing::FLAT).bill(&usage);
        assert_eq!(bill.compute, Usd(16_666_700));
        assert_eq!(bill.initialisation, Usd(16_666_700));
        assert_eq!(bill.requests, Usd(600_000));
        assert_eq!(bill.total(), Usd(33_933_400));
    }

    #[test]
    fn tiers_and_the_free_tier_follow_the_month() {
        let free = FreeTier { requests: 1_000_000, gb_s: 400_000 };
        let tariff = tariff(VolumePricing { tiers: Tiers::Monthly, free });
        // Half a month with 3.5e9 GB s: 7e9 a month, of which 400,000 are free and 1e9 in the second tier.
        let usage = Usage {
            invocations: 600_000,
            mb_ms: 3_500_000_000 * 1_024_000,
            duration: Span(MONTH.0 / 2),
            ..Usage::default()
        };
        let bill = tariff.bill(&usage);
        let month = 6e9 * 1.66667e-5 + (1e9 - 400_000.0) * 1.5e-5;
        assert!((bill.compute.as_f64() / (month / 2.0) - 1.0).abs() < 1e-12);
        assert_eq!(bill.requests, Usd(100_000 * 200_000));
    }

    #[test]
    fn provisioned_concurrency_is_paid_by_started_granules() {
        let usage = Usage {
            memory: MemoryMb(1_024),
            provisioned: 2,
            duration: Span::from_secs(301),
            ..Usage::default()
        };
        let bill = tariff(VolumePricing::FLAT).bill(&usage);
        assert_eq!(bill.provisioned, Usd(4_166_700 * 600 * 2));
    }
}
