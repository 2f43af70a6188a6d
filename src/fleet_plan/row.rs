//! What is said of a function.

use crate::scenario::Setting;

/// A function with the configuration to use.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its place in the trace.
    pub number: usize,
    /// Its name.
    pub function: String,
    /// Its requests.
    pub requests: u64,
    /// By the length of the whole trace \[1/s\].
    pub rate_per_s: f64,
    /// What to do; nothing where it was never called.
    pub planned: Option<Planned>,
    /// Why.
    pub reason: Reason,
}

/// A configuration with its figures, as simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned {
    /// The configuration.
    pub setting: Setting,
    /// The objective's percentile of the latency \[s\].
    pub p_slo_s: f64,
    /// The share of requests over the target.
    pub violation_share: f64,
    /// The bill of 730 hours [$].
    pub usd_per_month: f64,
    /// That of the best configuration that does not batch; `None` where none may be chosen.
    pub unbatched_usd_per_month: Option<f64>,
    /// Cold starts by invocations.
    pub cold_start_share: f64,
}

/// Why a function should batch, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It should.
    Batches,
    /// No two requests come within the longest timeout.
    TooFarApart,
    /// Whoever waits for others is late.
    WaitTooLong,
    /// Batches cost more.
    NotWorth,
    /// No configuration that batches may be chosen.
    NotOffered,
    /// No configuration keeps what is asked, as too many calls start cold.
    MissesCold,
    /// No configuration keeps what is asked.
    Misses,
    /// It was never called.
    Silent,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 8] = [
        Reason::Batches,
        Reason::TooFarApart,
        Reason::WaitTooLong,
        Reason::NotWorth,
        Reason::NotOffered,
        Reason::MissesCold,
        Reason::Misses,
        Reason::Silent,
    ];

    /// In words, as in fleet.csv.
    pub fn words(self) -> &'static str {
        match self {
            Reason::Batches => "batching pays",
            Reason::TooFarApart => "alone: no two requests come within the longest timeout",
            Reason::WaitTooLong => "alone: who waits for others is late",
            Reason::NotWorth => "alone: batches cost no less",
            Reason::NotOffered => "alone: the grid has no batch above 1",
            Reason::MissesCold => "misses the SLO: too many calls start cold",
            Reason::Misses => "misses the SLO: no configuration is fast or cheap enough",
            Reason::Silent => "never called",
        }
    }

    /// Does the configuration keep what is asked?
    pub fn is_kept(self) -> bool {
        !matches!(self, Reason::MissesCold | Reason::Misses)
    }
}

impl Row {
    /// What a month of it saves against the best that does not batch [$].
    pub fn saving(&self) -> f64 {
        let saving =
            |planned: &Planned| planned.unbatched_usd_per_month.map(|alone| alone - planned.usd_per_month);
        self.planned.as_ref().and_then(saving).unwrap_or(0.0)
    }
}

/// In the order of what they save, then of the trace.
pub fn sort(rows: &mut [Row]) {
    rows.sort_by(|a, b| b.saving().total_cmp(&a.saving()).then(a.number.cmp(&b.number)));
}
