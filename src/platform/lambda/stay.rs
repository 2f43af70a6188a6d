//! How long environments stay, and how long new ones take: the chance in a pool.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};

use super::idle::{Environment, Stay};
use super::{KeepAlive, PoolSettings};
use crate::numeric::streams::{Stream, Streams};
use crate::profile::beside::{InitIn, InitSpread};
use crate::units::{Span, Time};

/// Draws how long idle environments stay.
#[derive(Debug)]
pub(super) struct StayDraw {
    law: StayLaw,
    max_age: Option<Span>,
}

#[derive(Debug)]
enum StayLaw {
    Fixed(Span),
    Lognormal(LogNormal<f64>, Box<Stream>),
    Halving(Span, Box<Stream>),
    LastAndSpare(Span, Span),
}

impl StayDraw {
    pub fn new(settings: &PoolSettings, streams: Streams) -> StayDraw {
        let stream = || Box::new(streams.stream("keep-alive"));
        let law = match settings.keep_alive {
            KeepAlive::Random { mean, cv } if cv > 0.0 => {
                let law = LogNormal::from_mean_cv(mean.as_secs_f64(), cv).expect("checked by the scenario");
                StayLaw::Lognormal(law, stream())
            }
            KeepAlive::Fixed(mean) | KeepAlive::Random { mean, .. } => StayLaw::Fixed(mean),
            KeepAlive::Halving(every) => StayLaw::Halving(every, stream()),
            KeepAlive::LastAndSpare { last, spare } => StayLaw::LastAndSpare(last, spare),
        };
        StayDraw { law, max_age: settings.max_age }
    }

    /// Does it matter whether an environment is the only one?
    pub fn knows_the_last(&self) -> bool {
        matches!(self.law, StayLaw::LastAndSpare(..))
    }

    /// How long an environment that becomes idle stays.
    pub fn draw(&mut self, environment: Environment, idle_from: Time) -> Stay {
        let (spare, last) = match &mut self.law {
            StayLaw::Fixed(span) => (*span, *span),
            StayLaw::Lognormal(law, stream) => {
                let span = Span::from_secs_f64(law.sample(stream)).unwrap_or(Span::MAX);
                (span, span)
            }
            StayLaw::Halving(every, stream) => {
                // Each period is outlived by a half: as many more as heads come before the first tail.
                let periods = 1 + u64::from(stream.next_u64().trailing_zeros());
                let span = Span(every.0.saturating_mul(periods));
                (span, span)
            }
            StayLaw::LastAndSpare(last, spare) => (*spare, *last),
        };
        let within_age = |span: Span| {
            let until = idle_from + span;
            self.max_age.map_or(until, |age| until.min(environment.born + age))
        };
        Stay { spare: within_age(spare), last: within_age(last) }
    }
}

/// Draws how long initialisations take.
#[derive(Debug)]
pub(super) struct InitDraw {
    spread: InitSpread,
    init_in: InitIn,
    law: Option<LogNormal<f64>>,
    stream: Stream,
}

impl InitDraw {
    pub fn new(settings: &PoolSettings, streams: Streams) -> InitDraw {
        let law = match settings.beside.init {
            InitSpread::Lognormal(cv) => LogNormal::from_mean_cv(1.0, cv).ok(),
            InitSpread::Fixed | InitSpread::Quantiles(_) => None,
        };
        let (spread, init_in) = (settings.beside.init.clone(), settings.beside.init_in);
        InitDraw { spread, init_in, law, stream: streams.stream("initialisation") }
    }

    /// The initialisation of a new environment: all of it varies together; only what is loaded in the handler varies by
    /// itself, and the runtime before it takes its mean.
    pub fn draw(&mut self, runtime: Span, model: Span) -> Span {
        let factor = match (&self.spread, &self.law) {
            (InitSpread::Quantiles(shape), _) => shape.factor(1, self.stream.random()),
            (_, Some(law)) => law.sample(&mut self.stream),
            _ => return runtime + model,
        };
        let times = |span: Span| Span::from_secs_f64(span.as_secs_f64() * factor).unwrap_or(Span::MAX);
        match self.init_in {
            InitIn::Init => times(runtime + model),
            InitIn::Handler => runtime + times(model),
        }
    }
}
