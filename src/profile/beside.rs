//! What a call takes beside its service time: initialisation, the first call in an environment, and the way between
//! client and function.

use super::quantiles::Shape;
use crate::units::Span;

/// What a call takes beside its service time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beside {
    /// How initialisation varies about its mean.
    pub init: InitSpread,
    /// Where the model is loaded.
    pub init_in: InitIn,
    /// In the handler: is the time to load the model that with one whole processor, from which the share takes it to
    /// every memory size? Else it was given for each.
    pub init_at_one_vcpu: bool,
    /// What an environment's first call takes longer in the handler \[s\]: caches are cold, code is compiled.
    pub first_call_s: f64,
    /// From the client to the function and back \[s\]: part of the latency, not of the bill.
    pub overhead_s: f64,
    /// Coefficient of variation of the overhead (lognormal).
    pub overhead_cv: f64,
}

/// How a time varies about its mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum InitSpread {
    /// Not at all.
    #[default]
    Fixed,
    /// Lognormal with this coefficient of variation.
    Lognormal(f64),
    /// By quantiles over the mean.
    Quantiles(Shape),
}

/// Where the model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InitIn {
    /// Before the first call, with whole processors: the same at all memory sizes.
    #[default]
    Init,
    /// Within the first call, with the memory size's share of the processor, and billed with the call.
    Handler,
}

impl InitIn {
    /// By their names in a profile.
    pub const NAMES: [(&str, InitIn); 2] = [("init", InitIn::Init), ("handler", InitIn::Handler)];
}

impl Beside {
    /// Does a request take longer than from its arrival to the end of its batch's service?
    pub fn has_overhead(&self) -> bool {
        self.overhead_s > 0.0
    }

    /// What the first call takes longer.
    pub fn first_call(&self) -> Span {
        Span::from_secs_f64(self.first_call_s).expect("bounded when read")
    }
}
