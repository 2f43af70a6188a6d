//! Which profile a function has: the template's, one of its own, or the template's at a duration that was measured.

use std::collections::BTreeMap;
use std::path::Path;

use super::decide::Choices;
use crate::error::InputError;
use crate::outcome::Model;
use crate::planner::constraint::{Constraint, Scope};
use crate::planner::plan::{grid, one_configuration};
use crate::planner::search::Space;
use crate::profile::Profile;
use crate::scenario::platform::Environments;
use crate::scenario::{Scenario, Setting};
use crate::units::Span;

/// The columns of measured durations, in milliseconds: those of the Azure Functions trace of 2019.
const AVERAGE: &str = "Average";
/// Where functions are named.
const FUNCTION: [&str; 2] = ["HashFunction", "function"];

/// What all functions have in common, and the profiles of those that have their own.
#[derive(Debug)]
pub struct Template {
    scenario: Scenario,
    constraint: Constraint,
    /// The first is the template's.
    known: Vec<Known>,
    /// Functions with a profile of their own, by its place.
    own: BTreeMap<String, usize>,
    /// Functions with a measured duration \[s\].
    measured: BTreeMap<String, f64>,
}

/// A scenario and the configurations that may be chosen.
#[derive(Debug, Clone)]
struct Known {
    scenario: Scenario,
    settings: Vec<Setting>,
}

impl Template {
    /// One profile for all.
    ///
    /// # Errors
    /// The scenario asks for nothing, or has what no function by itself can have.
    pub fn new(scenario: Scenario) -> Result<Template, InputError> {
        scenario.one_class("sim fleet")?;
        one_configuration(&scenario)?;
        let refuse = |message: &str, help: &str| Err(InputError::new(&scenario.name, message).help(help));
        let Some(constraint) = Constraint::new(&scenario.slo, Model::Exact, Scope::Mix) else {
            return refuse(
                "there is nothing to plan for",
                "give [slo] with `latency = \"500ms\"` or `budget_usd_per_million = 0.5`",
            );
        };
        if !scenario.platform.tariff.is_flat() {
            return refuse(
                "free usage and tiers are an account's, not a function's: its share of them is not defined",
                "remove free_tier and tiered_prices from [platform]",
            );
        }
        if scenario.warmup > Span::ZERO {
            return refuse("every request of a function counts", "remove `warmup`");
        }
        let known = Known::new(scenario.clone())?;
        let provisioned = |setting: &Setting| setting.provisioned > 0;
        if known.settings.iter().any(provisioned) {
            return refuse(
                "provisioned environments are planned for one function at a time",
                "remove `provisioned`, then `sim plan` the functions that matter",
            );
        }
        Ok(Template {
            scenario,
            constraint,
            known: vec![known],
            own: BTreeMap::new(),
            measured: BTreeMap::new(),
        })
    }

    /// With profiles by function: a CSV with a header `function,profile`, paths relative to it.
    ///
    /// # Errors
    /// It cannot be read; a profile does not cover the grid.
    pub fn with_profiles(mut self, path: &Path) -> Result<Template, InputError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for (line, [function, profile]) in table(path, [&FUNCTION, &["profile"]])? {
            let place = match places.get(&profile) {
                Some(place) => *place,
                None => {
                    let own = Profile::read(&folder.join(&profile))?;
                    if own.by_size.is_some() {
                        let message = "has times by the size of requests: `sim fleet` knows no sizes";
                        return Err(InputError::new(folder.join(&profile).display().to_string(), message)
                            .help("give the times of one size"));
                    }
                    self.known.push(Known::new(Scenario { profile: own, ..self.scenario.clone() })?);
                    places.insert(profile, self.known.len() - 1);
                    self.known.len() - 1
                }
            };
            if self.own.insert(function.clone(), place).is_some() {
                return Err(twice(path, line, &function));
            }
        }
        Ok(self)
    }

    /// With measured durations by function: a CSV with the columns HashFunction and Average \[ms\], as of Azure. The
    /// template's service times are multiplied so that a lone request at the template's memory size takes that long.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn with_durations(mut self, path: &Path) -> Result<Template, InputError> {
        for (line, [function, average]) in table(path, [&FUNCTION, &[AVERAGE]])? {
            let seconds = average.parse::<f64>().ok().map(|ms| ms / 1e3).filter(|s| *s >= 0.0 && *s <= 1e6);
            let Some(seconds) = seconds else {
                let message = format!("`{average}` is no duration in milliseconds");
                return Err(InputError::at_line(path.display().to_string(), line, &average, message)
                    .help("mend the row, or remove it"));
            };
            // A duration of 0 ms is less than the clock shows.
            self.measured.insert(function, seconds.max(LEAST_MEASURED));
        }
        Ok(self)
    }

    /// What is asked of every function.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Calls `with` with what holds for a function.
    ///
    /// # Errors
    /// Its measured duration makes a profile that cannot be; those of `with`.
    pub fn with<T>(
        &self,
        function: &str,
        with: impl FnOnce(Choices<'_>) -> Result<T, InputError>,
    ) -> Result<T, InputError> {
        let own = self.own.get(function).map_or(&self.known[0], |place| &self.known[*place]);
        let choices = |known: &Known| {
            with(Choices {
                scenario: &known.scenario,
                constraint: &self.constraint,
                settings: &known.settings,
            })
        };
        let Some(measured) = self.measured.get(function) else { return choices(own) };
        let mut scenario = own.scenario.clone();
        let alone = scenario.covered(Setting::new(scenario.platform.memory, 1, Span::ZERO))?;
        let factor = measured / alone.mean[0].as_secs_f64();
        scenario.profile.service_s.iter_mut().flatten().for_each(|seconds| *seconds *= factor);
        choices(&Known::new(scenario)?)
    }

    /// Everything that rows depend on beside the trace, as text for a fingerprint.
    pub fn told(&self) -> String {
        let profiles: Vec<&Profile> = self.known.iter().map(|known| &known.scenario.profile).collect();
        format!("{:?} {profiles:?} {:?} {:?}", self.known[0].settings, self.own, self.measured)
    }

    /// What a reader of results must know of the profiles.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.own.is_empty() {
            notes.push(format!("{} functions have a profile of their own.", self.own.len()));
        }
        if !self.measured.is_empty() {
            notes.push(format!(
                "Service times of {} functions are the profile's, multiplied to the measured average at {}.",
                self.measured.len(),
                self.scenario.platform.memory
            ));
        }
        notes
    }
}

/// What takes less is taken as this \[s\].
const LEAST_MEASURED: f64 = 0.001;

impl Known {
    fn new(scenario: Scenario) -> Result<Known, InputError> {
        let grid = grid(&scenario)?;
        let space = Space::new(&grid, &scenario.profile, &scenario.platform.tariff).map_err(|e| {
            InputError::new(&scenario.name, format!("[sweep]: {e}")).help("keep [sweep] within the profile")
        })?;
        let provisioned = match &scenario.platform.environments {
            Environments::AlwaysWarm => vec![0],
            Environments::Pool(_) => grid.provisioned,
        };
        let limits: BTreeMap<_, u32> =
            space.functions.iter().map(|function| (function.memory, function.largest(&scenario))).collect();
        let mut settings = space.settings(&provisioned);
        settings.retain(|setting| setting.batch <= limits[&setting.memory]);
        if settings.is_empty() {
            let limit = scenario.platform.book.limits.longest_run;
            let message = format!("every configuration of the grid may run for longer than {limit}");
            return Err(InputError::new(&scenario.name, message).help("take more memory, or smaller batches"));
        }
        Ok(Known { scenario, settings })
    }
}

/// The values of two columns, each with its line; a column has one of several names.
fn table(path: &Path, columns: [&[&str]; 2]) -> Result<Vec<(usize, [String; 2])>, InputError> {
    let name = path.display().to_string();
    let failed = |e: csv::Error| match e.kind() {
        csv::ErrorKind::Io(io) => InputError::io(path, io),
        _ => InputError::new(&name, e.to_string()).help("mend the row"),
    };
    let mut reader = csv::Reader::from_path(path).map_err(failed)?;
    let headers = reader.headers().map_err(failed)?.clone();
    let mut places = [0; 2];
    for (place, known) in places.iter_mut().zip(columns) {
        let found = headers.iter().position(|header| known.contains(&header.trim()));
        *place = found.ok_or_else(|| {
            let message = format!("has no column {}", known.join(" or "));
            InputError::new(&name, message)
                .help(format!("its columns: {}", headers.iter().collect::<Vec<_>>().join(", ")))
        })?;
    }
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, |place| place.line() as usize);
        Ok((line, places.map(|place| record.get(place).unwrap_or("").trim().to_owned())))
    };
    reader.records().map(row).collect()
}

fn twice(path: &Path, line: usize, function: &str) -> InputError {
    let message = format!("`{function}` has a profile already");
    InputError::at_line(path.display().to_string(), line, function, message).help("leave one of them out")
}
