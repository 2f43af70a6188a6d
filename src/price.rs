//! Dated price and limit books, and what usage costs by them.
//!
//! A book is data with date and source (profiles/books/*.toml): no price or limit is a constant in the
//! code. Usage is counted in integers (MB ms, requests); prices are multiplied in once, at the end.

use std::path::Path;

use serde::Serialize;

use crate::document::{Document, Section, Value};
use crate::error::{InputError, expected};
use crate::platform::lambda::RateLimit;
use crate::platform::lambda::billing::{BillingRule, InitBilling};
use crate::units::{MemoryMb, Price, Span, Usd};

/// The books that come with the program, by name.
const BOOKS: [(&str, &str); 2] = [
    ("aws-2020", include_str!("../profiles/books/aws-2020.toml")),
    ("aws-2026", include_str!("../profiles/books/aws-2026.toml")),
];

/// MB ms in a GB s, as the platforms count: 1,024 MB for 1,000 ms.
const MB_MS_PER_GB_S: u128 = 1_024_000;
/// The largest memory size of a book: the memory-time of one invocation stays within 64 bits.
const LARGEST_MEMORY_MB: u32 = 100_000;
/// The largest price, so that no bill is beyond 128 bits.
const LARGEST_PRICE: Price = Price(1_000_000_000_000_000_000);
/// The month that tiers and the free tier refer to: 30 days.
const MONTH: Span = Span::from_secs(30 * 86_400);

/// Prices and limits of one provider at one date.
#[derive(Debug, Clone, PartialEq)]
pub struct Book {
    /// Its name.
    pub name: String,
    /// As of when.
    pub date: String,
    /// Billing of functions.
    pub billing: BillingRule,
    /// Functions, by architecture.
    pub architectures: Vec<(Architecture, ArchitecturePrices)>,
    /// Per request.
    pub per_request: Price,
    /// What is free in a month.
    pub free_tier: FreeTier,
    /// Limits and defaults of functions.
    pub limits: Limits,
    /// Rented instances.
    pub instances: Vec<InstancePrice>,
}

/// The processor of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    X86,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// The architectures by their names in a scenario.
    pub const NAMES: [(&str, Architecture); 2] = [("x86", Architecture::X86), ("arm64", Architecture::Arm64)];
}

/// Prices of functions on one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchitecturePrices {
    /// By monthly usage: each price holds up to its bound [GB s]; the last has none.
    pub tiers: Vec<(Option<u64>, Price)>,
    /// Provisioned concurrency, where it is priced.
    pub provisioned: Option<ProvisionedPrices>,
}

/// Prices of provisioned concurrency per GB s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvisionedPrices {
    /// For every second that it is provisioned.
    pub idle: Price,
    /// For serving.
    pub running: Price,
    /// It is paid per started granule.
    pub granule: Span,
}

/// Free usage a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeTier {
    /// Requests.
    pub requests: u64,
    /// Memory-time [GB s].
    pub gb_s: u64,
}

/// Limits of functions, and what holds where a scenario is silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Least, most and step of the memory size.
    pub memory_mb: (u32, u32, u32),
    /// Idle environments stay this long.
    pub keep_alive: Span,
    /// Initialisation without a model.
    pub runtime_init: Span,
    /// Environments busy at once.
    pub concurrency: u64,
    /// How fast environments are added.
    pub scaling: RateLimit,
    /// Invocations a second and unit of concurrency.
    pub requests_per_concurrency: u64,
    /// The longest invocation.
    pub longest_run: Span,
}

/// A rented instance.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancePrice {
    /// Its name.
    pub name: String,
    /// On demand.
    pub per_hour: Price,
    /// On the spot market, where known.
    pub spot_per_hour: Option<Price>,
    /// The shortest time that is billed.
    pub least_billed: Span,
}

impl Book {
    /// A book of the program by its name, or one from a file.
    pub fn open(name: &Value<'_>) -> Result<Book, InputError> {
        let text = name.str()?;
        match Book::named(text) {
            Some(book) => Ok(book),
            None if text.ends_with(".toml") => Book::read(&name.file()?),
            None => {
                let names = BOOKS.map(|(name, _)| name);
                let help = format!("{}; or the path of a .toml file", expected(text, &names));
                Err(name.error(format!("no price book `{text}`")).help(help))
            }
        }
    }

    /// A book that comes with the program.
    pub fn named(name: &str) -> Option<Book> {
        let (name, text) = BOOKS.iter().find(|(known, _)| *known == name)?;
        let document = Document::parse(name, text).expect("a test reads every book");
        Some(Book::from_document(&document).expect("a test reads every book"))
    }

    /// Reads a book from a file.
    pub fn read(path: &Path) -> Result<Book, InputError> {
        Book::from_document(&Document::read(path)?)
    }

    fn from_document(document: &Document) -> Result<Book, InputError> {
        let root = document.root();
        root.optional("region");
        let name = root.required("name")?.str()?.to_owned();
        let date = root.required("date")?.date()?.to_owned();
        let lambda = root.required("lambda")?.section()?;
        let granule = lambda.required("granule")?;
        let billing = BillingRule {
            granule: whole_milliseconds(&granule)?,
            init: match lambda.required("init_billed")?.bool()? {
                true => InitBilling::Billed,
                false => InitBilling::Free,
            },
        };
        let mut architectures = Vec::new();
        for (field, architecture) in Architecture::NAMES {
            if let Some(value) = lambda.optional(field) {
                architectures.push((architecture, architecture_prices(&value.section()?)?));
            }
        }
        let per_request = price(&lambda.required("usd_per_request")?)?;
        let free_tier = free_tier(&lambda.required("free_tier")?.section()?)?;
        let limits = limits(&lambda)?;
        lambda.finish()?;
        let list = root.optional("instance").map_or(Ok(Vec::new()), |v| v.list())?;
        let instances = list.iter().map(|v| instance(&v.section()?)).collect::<Result<_, _>>()?;
        root.finish()?;
        Ok(Book { name, date, billing, architectures, per_request, free_tier, limits, instances })
    }
}

fn price(value: &Value<'_>) -> Result<Price, InputError> {
    let text = value.decimal()?;
    let price = Price::parse(text).filter(|price| *price <= LARGEST_PRICE);
    price.ok_or_else(|| value.error("expected a price in dollars with at most 12 decimals, up to 1e6"))
}

fn whole_milliseconds(value: &Value<'_>) -> Result<Span, InputError> {
    let span = value.span()?;
    match span.0 > 0 && span.0.is_multiple_of(1_000_000) {
        true => Ok(span),
        false => Err(value.error("expected whole milliseconds above 0")),
    }
}

fn architecture_prices(section: &Section<'_>) -> Result<ArchitecturePrices, InputError> {
    let list = section.required("usd_per_gb_s")?;
    let mut tiers = Vec::new();
    for value in list.list()? {
        let tier = value.section()?;
        let bound = tier.optional("up_to_gb_s").map(|v| v.integer::<u64>()).transpose()?;
        tiers.push((bound, price(&tier.required("price")?)?));
        tier.finish()?;
    }
    if tiers.last().is_none_or(|(bound, _)| bound.is_some()) {
        return Err(list.error("the last tier must have no `up_to_gb_s`"));
    }
    let bounds: Vec<u64> = tiers.iter().filter_map(|(bound, _)| *bound).collect();
    if bounds.len() + 1 != tiers.len() || bounds.windows(2).any(|w| w[0] >= w[1]) {
        return Err(list.error("the bounds of the tiers must rise"));
    }
    let provisioned = section.optional("provisioned").map(|value| {
        let section = value.section()?;
        let prices = ProvisionedPrices {
            idle: price(&section.required("idle")?)?,
            running: price(&section.required("running")?)?,
            granule: whole_milliseconds(&section.required("granule")?)?,
        };
        section.finish()?;
        Ok(prices)
    });
    let provisioned = provisioned.transpose()?;
    section.finish()?;
    Ok(ArchitecturePrices { tiers, provisioned })
}

fn free_tier(section: &Section<'_>) -> Result<FreeTier, InputError> {
    let requests = section.required("requests")?.integer()?;
    let gb_s = section.required("gb_s")?.integer()?;
    section.finish()?;
    Ok(FreeTier { requests, gb_s })
}

fn limits(lambda: &Section<'_>) -> Result<Limits, InputError> {
    let memory = lambda.required("memory_mb")?.section()?;
    let size = |name| memory.required(name)?.integer::<u32>();
    let memory_mb = (size("from")?, size("to")?, size("step")?);
    memory.finish()?;
    if memory_mb.0 > memory_mb.1 || memory_mb.1 > LARGEST_MEMORY_MB || memory_mb.2 == 0 {
        let wanted = format!("needs from <= to <= {LARGEST_MEMORY_MB} and a step above 0");
        return Err(memory.error(wanted));
    }
    let scaling = lambda.required("scaling")?.section()?;
    let rate = RateLimit {
        burst: scaling.required("burst")?.integer()?,
        tokens: scaling.required("tokens")?.integer()?,
        period: scaling.required("period")?.span()?,
    };
    scaling.finish()?;
    if rate.burst == 0 || rate.tokens == 0 || rate.period == Span::ZERO {
        return Err(scaling.error("needs a burst, tokens and a period above 0"));
    }
    Ok(Limits {
        memory_mb,
        keep_alive: lambda.required("keep_alive")?.span()?,
        runtime_init: lambda.required("runtime_init")?.span()?,
        concurrency: lambda.required("concurrency")?.integer()?,
        scaling: rate,
        requests_per_concurrency: lambda.required("requests_per_concurrency")?.integer()?,
        longest_run: lambda.required("longest_run")?.span()?,
    })
}

fn instance(section: &Section<'_>) -> Result<InstancePrice, InputError> {
    let name = section.required("name")?.str()?.to_owned();
    let per_hour = price(&section.required("usd_per_hour")?)?;
    let spot_per_hour = section.optional("spot_usd_per_hour").map(|v| price(&v)).transpose()?;
    let least_billed = section.optional("least_billed").map_or(Ok(Span::ZERO), |v| v.span())?;
    section.finish()?;
    Ok(InstancePrice { name, per_hour, spot_per_hour, least_billed })
}

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
    prices: ArchitecturePrices,
    per_request: Price,
    volume: VolumePricing,
    provisioned: u32,
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
    /// Rented instances, from their launch.
    pub instances: Usd,
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
    /// Rented instances.
    pub instances: f64,
}

impl VolumePricing {
    /// The first tier for everything, nothing free.
    pub const FLAT: VolumePricing =
        VolumePricing { tiers: Tiers::First, free: FreeTier { requests: 0, gb_s: 0 } };
}

impl Tariff {
    /// The tariff of a book; `None` if it has no prices for the architecture, or none for the
    /// provisioned concurrency that is asked for.
    pub fn new(book: &Book, on: Architecture, volume: VolumePricing, provisioned: u32) -> Option<Tariff> {
        let (_, prices) = book.architectures.iter().find(|(known, _)| *known == on)?;
        if provisioned > 0 && prices.provisioned.is_none() {
            return None;
        }
        let (billing, per_request) = (book.billing, book.per_request);
        Some(Tariff { billing, prices: prices.clone(), per_request, volume, provisioned })
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
        if self.volume == VolumePricing::FLAT || usage.duration == Span::ZERO {
            let whole = |mb_ms| gb_s_usd(mb_ms, self.prices.tiers[0].1);
            let requests = Usd(u128::from(usage.invocations) * u128::from(self.per_request.0));
            let (compute, initialisation) = (whole(serving), whole(usage.init_mb_ms));
            return Bill { compute, initialisation, requests, provisioned, instances: Usd(0) };
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
        Bill { compute, initialisation, requests, provisioned, instances: Usd(0) }
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
        let Some(prices) = self.prices.provisioned.filter(|_| self.provisioned > 0) else { return Usd(0) };
        let granules = u128::from(usage.duration.0.div_ceil(prices.granule.0));
        let ms = granules * u128::from(prices.granule.0 / 1_000_000);
        let ready = ms * u128::from(usage.memory.0) * u128::from(self.provisioned);
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
        self.compute + self.initialisation + self.requests + self.provisioned + self.instances
    }

    /// The components in dollars.
    pub fn in_usd(&self) -> BillUsd {
        BillUsd {
            compute: self.compute.as_f64(),
            initialisation: self.initialisation.as_f64(),
            requests: self.requests.as_f64(),
            provisioned: self.provisioned.as_f64(),
            instances: self.instances.as_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(volume: VolumePricing, provisioned: u32) -> Tariff {
        Tariff::new(&Book::named("aws-2026").unwrap(), Architecture::X86, volume, provisioned).unwrap()
    }

    #[test]
    fn every_book_reads_and_bills_as_its_provider_says() {
        for (name, _) in BOOKS {
            assert_eq!(Book::named(name).unwrap().name, name);
        }
        let old = Book::named("aws-2020").unwrap();
        assert_eq!(old.billing.granule, Span::from_millis(100));
        assert!(Tariff::new(&old, Architecture::Arm64, VolumePricing::FLAT, 0).is_none());
    }

    #[test]
    fn a_bill_is_exact_in_pico_dollars() {
        let usage = Usage { invocations: 3, mb_ms: 1_024_000 * 2, init_mb_ms: 1_024_000, ..Usage::default() };
        let bill = tariff(VolumePricing::FLAT, 0).bill(&usage);
        assert_eq!(bill.compute, Usd(16_666_700));
        assert_eq!(bill.initialisation, Usd(16_666_700));
        assert_eq!(bill.requests, Usd(600_000));
        assert_eq!(bill.total(), Usd(33_933_400));
    }

    #[test]
    fn tiers_and_the_free_tier_follow_the_month() {
        let free = FreeTier { requests: 1_000_000, gb_s: 400_000 };
        let tariff = tariff(VolumePricing { tiers: Tiers::Monthly, free }, 0);
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
        let usage = Usage { memory: MemoryMb(1_024), duration: Span::from_secs(301), ..Usage::default() };
        let bill = tariff(VolumePricing::FLAT, 2).bill(&usage);
        assert_eq!(bill.provisioned, Usd(4_166_700 * 600 * 2));
    }
}
