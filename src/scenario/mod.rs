//! A scenario file as validated data: the only place where its strings become types.

mod beside;
mod book;
pub mod class;
mod class_sizes;
pub mod class_system;
mod class_tables;
pub mod decisions;
mod devices;
pub mod grid;
mod instance;
mod overrides;
pub mod platform;
pub mod policy;
pub mod process;
mod profile;
pub mod published;
mod read;
mod size_groups;
pub mod slo;
pub mod system;
mod trace;
mod trace_sizes;
pub mod workload;

use self::read::whole;

use serde_json::Value as Json;

use self::class::{Classes, Sizes};
use self::decisions::Taken;
use self::grid::Grid;
use self::platform::{Environments, LambdaSpec};
use self::policy::PolicySpec;
use self::published::Published;
use self::slo::Slo;
use self::system::{FunctionSpec, MemoryChoice, SystemKind, SystemSpec};
use self::workload::Workload;
use crate::error::InputError;
use crate::policy::batch::BatchPolicy;
use crate::profile::beside::InitIn;
use crate::profile::{Profile, ServiceTimes};
use crate::units::{MemoryMb, Span};

/// Everything a run depends on.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name, which is also the name of its output folder.
    pub name: String,
    /// The seed of all random streams.
    pub seed: u64,
    /// Where requests come from.
    pub workload: Workload,
    /// How long the model serves a batch.
    pub profile: Profile,
    /// Where it runs.
    pub platform: LambdaSpec,
    /// When batches leave.
    pub policy: PolicySpec,
    /// The plans that an adaptive policy follows in place of its own; none if it plans by itself.
    pub decisions: Vec<Taken>,
    /// What is asked of the system; nothing where classes have objectives of their own.
    pub slo: Slo,
    /// The classes that share the model, where there are several.
    pub classes: Option<Classes>,
    /// The grid of sweep and plan.
    pub sweep: Option<Grid>,
    /// The systems of `sim compare`.
    pub systems: Vec<SystemSpec>,
    /// Published figures to set beside theirs.
    pub published: Vec<Published>,
    /// Independent replications.
    pub replications: u32,
    /// Batches that start before this are simulated but not counted.
    pub warmup: Span,
    /// Which CSV files `sim run` writes.
    pub output: Output,
    /// The scenario as it was written, overrides included: what results say of their settings.
    pub written: Json,
}

/// Which CSV files `sim run` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Output {
    /// A row a batch.
    pub batches: bool,
    /// A row an hour.
    pub hours: bool,
}

/// What a configuration chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// Memory size of the function.
    pub memory: MemoryMb,
    /// Largest batch.
    pub batch: u32,
    /// Longest wait of a batch's first request.
    pub timeout: Span,
    /// Environments that are always initialised.
    pub provisioned: u32,
}

impl Setting {
    /// Without provisioned environments.
    pub fn new(memory: MemoryMb, batch: u32, timeout: Span) -> Setting {
        Setting { memory, batch, timeout, provisioned: 0 }
    }
}

impl Scenario {
    /// Refuses several classes where `what` knows only one.
    pub fn one_class(&self, what: &str) -> Result<(), InputError> {
        match &self.classes {
            None => Ok(()),
            Some(_) => Err(InputError::new(&self.name, format!("{what} knows no [[class]]"))
                .help("use `sim run` or `sim plan`, or leave the classes out")),
        }
    }

    /// `[platform]` and `[policy]`, as the first of the systems.
    pub fn system(&self) -> SystemSpec {
        let (platform, policy) = (self.platform.clone(), self.policy.clone());
        let memory = MemoryChoice::Fixed(platform.memory);
        let kind = SystemKind::Lambda(Box::new(FunctionSpec { memory, platform, policy }));
        SystemSpec { name: SystemSpec::OWN.to_owned(), kind }
    }

    /// The configuration that the scenario itself asks for.
    pub fn setting(&self) -> Setting {
        let BatchPolicy { batch, timeout } = self.policy.start();
        let provisioned = self.platform.environments.provisioned();
        Setting { memory: self.platform.memory, batch, timeout, provisioned }
    }

    /// The largest batch that may come: where the policy adapts, also the largest of the grid.
    pub fn largest_batch(&self, setting: Setting) -> u32 {
        let taken = self.decisions.iter().map(|taken| taken.decision.buffer.batch);
        match (self.policy.adaptive(), &self.sweep) {
            (Some(_), _) if !self.decisions.is_empty() => taken.fold(setting.batch, u32::max),
            (Some(_), Some(grid)) => grid.batch.iter().copied().fold(setting.batch, u32::max),
            _ => setting.batch,
        }
    }

    /// Does the platform offer every memory size of `[sweep]`?
    ///
    /// # Errors
    /// One that it does not, with those that it does.
    pub fn check_grid(&self) -> Result<(), InputError> {
        let offered = |memory: &MemoryMb| {
            platform::check_memory(*memory, &self.platform.book).map_err(|message| {
                InputError::new(&self.name, format!("[sweep] memory_mb: {message}"))
                    .help("choose sizes on offer, or another book")
            })
        };
        self.sweep.iter().flat_map(|grid| &grid.memory).try_for_each(offered)
    }

    /// The service times at a setting.
    ///
    /// # Errors
    /// The profile does not cover it; a batch would run longer than the platform lets it.
    pub fn service(&self, setting: Setting) -> Result<ServiceTimes, InputError> {
        let times = self.covered(setting)?;
        match self.over_the_limit(&times) {
            None => Ok(times),
            Some(message) => Err(InputError::new(&self.name, message)
                .help("take more memory or a smaller batch, or a book with another `longest_run`")),
        }
    }

    /// The service times at a setting by the size of a batch's largest request; of one size where requests have none.
    ///
    /// # Errors
    /// As [`Scenario::service`].
    pub fn service_by_size(&self, setting: Setting) -> Result<Vec<ServiceTimes>, InputError> {
        self.times_of(setting, self.sizes())
    }

    /// The same by the sizes that the law takes, which are fewer where a trace has very many.
    ///
    /// # Errors
    /// As [`Scenario::service`].
    pub fn service_by_size_of_law(&self, setting: Setting) -> Result<Vec<ServiceTimes>, InputError> {
        self.times_of(setting, self.sizes().map(Sizes::of_law))
    }

    fn sizes(&self) -> Option<&Sizes> {
        self.classes.as_ref().and_then(|classes| classes.sizes.as_ref())
    }

    fn times_of(&self, setting: Setting, sizes: Option<&Sizes>) -> Result<Vec<ServiceTimes>, InputError> {
        let largest = self.service(setting)?;
        let Some(sizes) = sizes else { return Ok(vec![largest]) };
        let at = |profile: Profile| profile.at(setting.memory, setting.batch);
        let times = self.profile.of_sizes(&sizes.values).map(at).collect::<Result<_, _>>();
        times.map_err(|e| InputError::new(&self.name, e.to_string()).help(e.mend()))
    }

    /// Refuses requests of different sizes where `what` knows none.
    ///
    /// # Errors
    /// The classes have sizes.
    pub fn without_sizes(&self, what: &str) -> Result<(), InputError> {
        match self.sizes() {
            None => Ok(()),
            Some(_) => Err(InputError::new(&self.name, format!("{what} knows no sizes of requests")).help(
                "use `sim run`, or leave the sizes out of the classes, of the workload and of the profile",
            )),
        }
    }

    /// The service times at a setting, whatever the platform lets run: for tables from which settings are taken that
    /// [`Scenario::runs_within_limit`] has passed.
    ///
    /// # Errors
    /// The profile does not cover it.
    pub fn covered(&self, setting: Setting) -> Result<ServiceTimes, InputError> {
        let times = self.profile.at(setting.memory, setting.batch);
        times.map_err(|e| InputError::new(&self.name, e.to_string()).help(e.mend()))
    }

    /// Does every batch that a setting allows end within the longest run that the platform lets? Else the reason.
    /// A setting that the profile does not cover has no reason here.
    pub fn runs_within_limit(&self, setting: Setting) -> Result<(), String> {
        let times = self.profile.at(setting.memory, setting.batch).ok();
        times.and_then(|times| self.over_the_limit(&times)).map_or(Ok(()), Err)
    }

    /// The largest batch that, with all smaller ones, ends within the longest run: its mean service time, and what of
    /// a long initialisation runs within the call. 0 if not even a lone request does.
    pub fn largest_within_limit(&self, times: &ServiceTimes) -> u32 {
        let left = self.platform.book.limits.longest_run.0.saturating_sub(self.init_within_call(times).0);
        times.mean.iter().take_while(|service| service.0 <= left).count() as u32
    }

    fn init_within_call(&self, times: &ServiceTimes) -> Span {
        match &self.platform.environments {
            Environments::AlwaysWarm => Span::ZERO,
            Environments::Pool(pool) => {
                let within = match times.beside.init_in {
                    InitIn::Init => {
                        self.platform.book.limits.init_within_call(pool.runtime_init + times.init)
                    }
                    InitIn::Handler => {
                        self.platform.book.limits.init_within_call(pool.runtime_init) + times.init
                    }
                };
                within + times.beside.first_call()
            }
        }
    }

    /// Why a batch would not end within the longest run.
    fn over_the_limit(&self, times: &ServiceTimes) -> Option<String> {
        let n = self.largest_within_limit(times) + 1;
        let service = times.mean.get(n as usize - 1)?;
        let (model, memory) = (&self.profile.model, times.memory);
        let after = match self.init_within_call(times) {
            Span::ZERO => String::new(),
            init => format!(" after an initialisation of {init}"),
        };
        let (book, limit) = (&self.platform.book.name, self.platform.book.limits.longest_run);
        Some(format!(
            "{model} at {memory} takes {service} for a batch of {n}{after}, but {book} ends a call after {limit}"
        ))
    }
}
