//! Dated books of prices and limits.

use super::billing::BillingRule;
use crate::units::{Price, Span};

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
    /// How long before its end a spot instance is told, where known.
    pub spot_notice: Option<Span>,
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

/// How fast invocations or environments may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// At once.
    pub burst: u64,
    /// Gained per `period`.
    pub tokens: u64,
    /// See `tokens`.
    pub period: Span,
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
    /// Memory that buys a whole processor \[MB\], where it goes with the memory.
    pub mb_per_vcpu: Option<u32>,
    /// Environments busy at once.
    pub concurrency: u64,
    /// How fast environments are added.
    pub scaling: RateLimit,
    /// Invocations a second and unit of concurrency.
    pub requests_per_concurrency: u64,
    /// The longest invocation.
    pub longest_run: Span,
    /// The longest initialisation before the first call; a longer one runs again within it. Where absent, none does.
    pub longest_init: Option<Span>,
}

impl Limits {
    /// How much of the first call's time an initialisation takes.
    pub fn init_within_call(&self, init: Span) -> Span {
        if self.longest_init.is_some_and(|limit| init > limit) { init } else { Span::ZERO }
    }
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
