//! `[[system]]`: the systems that `sim compare` sets side by side, each a platform and a policy. `[platform]` with
//! `[policy]` is the first of them.

mod fleets;
mod functions;
mod rented;

pub use self::fleets::{EndpointSpec, ForecastSpec, HybridSpec, MarkSpec};
use self::fleets::{endpoint, hybrid, mark};
use self::functions::functions;
pub use self::functions::{FunctionSpec, MemoryChoice};
pub use self::rented::{RentalTerms, RentedSpec};
use super::platform::LambdaSpec;
use crate::document::{Section, Value};
use crate::error::InputError;
use crate::profile::Profile;

/// One system.
#[derive(Debug, Clone)]
pub struct SystemSpec {
    /// Its name in tables, charts and files.
    pub name: String,
    /// What it is.
    pub kind: SystemKind,
}

/// The systems that there are.
#[derive(Debug, Clone)]
pub enum SystemKind {
    /// Functions on a platform like the scenario's.
    Lambda(Box<FunctionSpec>),
    /// Instances behind a load balancer, with target tracking.
    Endpoint(EndpointSpec),
    /// Instances provisioned ahead of a forecast, and functions for what they cannot answer in time.
    Mark(MarkSpec),
    /// A fixed base of instances, and functions for what finds no idle worker.
    Hybrid(HybridSpec),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Lambda,
    Endpoint,
    Mark,
    Hybrid,
}

const KINDS: [(&str, Kind); 4] =
    [("lambda", Kind::Lambda), ("endpoint", Kind::Endpoint), ("mark", Kind::Mark), ("hybrid", Kind::Hybrid)];

/// Each is simulated, drawn, and compared with the first.
const MOST_SYSTEMS: usize = 1000;

impl SystemSpec {
    /// The name of the scenario's own system, `[platform]` with `[policy]`.
    pub const OWN: &str = "scenario";

    /// Reads the list of systems.
    ///
    /// # Errors
    /// No system, two of one name, or a system that profile or book do not cover.
    pub fn list(
        value: &Value<'_>,
        profile: &Profile,
        (written, platform): (&Section<'_>, &LambdaSpec),
    ) -> Result<Vec<SystemSpec>, InputError> {
        let mut systems: Vec<SystemSpec> = Vec::new();
        let list = value.list()?;
        if list.len() > MOST_SYSTEMS {
            let message = format!("has {} systems, more than {MOST_SYSTEMS}", list.len());
            return Err(value.error(message).help("compare some of them at a time"));
        }
        for entry in list {
            let section = entry.section()?;
            let name_value = section.required("name")?;
            let name = name_value.str()?.to_owned();
            if name.is_empty() {
                return Err(name_value.error("is empty").help("it names the system in tables and files"));
            }
            if name == SystemSpec::OWN {
                return Err(name_value
                    .error("is the name of [platform] with [policy], the first system")
                    .help("give it another name"));
            }
            if systems.iter().any(|system| system.name == name) {
                return Err(name_value
                    .error(format!("two systems are called `{name}`"))
                    .help("give each a name of its own: results go by it"));
            }
            let kind = match section.required("kind")?.choice(&KINDS)? {
                Kind::Lambda => {
                    SystemKind::Lambda(Box::new(functions(&section, profile, (written, platform))?))
                }
                Kind::Endpoint => SystemKind::Endpoint(endpoint(&section, platform)?),
                Kind::Mark => SystemKind::Mark(mark(&section, profile, platform)?),
                Kind::Hybrid => SystemKind::Hybrid(hybrid(&section, profile, platform)?),
            };
            section.finish()?;
            systems.push(SystemSpec { name, kind });
        }
        Ok(systems)
    }
}
