//! `sim schema`: JSON Schema of the files that people write, for editors.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::print;
use crate::arrivals::schedule::Schedule;
use crate::document::Document;
use crate::document::asked::Questions;
use crate::document::schema::Schema;
use crate::error::InputError;
use crate::price::Book;
use crate::profile::Profile;
use crate::profile::instance::InstanceProfile;
use crate::report::files::write_atomically;
use crate::scenario::Scenario;

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The kind of file.
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A scenario
    Scenario,
    /// A profile: service times by memory and batch size
    Profile,
    /// The profile of an instance: service times by batch size
    Instance,
    /// A schedule of arrival processes
    Schedule,
    /// A book of prices and limits
    Book,
}

pub(super) fn run(args: &SchemaArgs) -> Result<ExitCode, InputError> {
    print(schema(args.kind)?.json(args.kind.title()))?;
    Ok(ExitCode::SUCCESS)
}

macro_rules! examples {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../docs/reference/", $name)))),*]
    };
}

/// The examples that lead the readers everywhere; those of a kind begin with its name.
const EXAMPLES: [(&str, &str); 36] = examples![
    "book.toml"
    "instance.toml"
    "profile.toml"
    "profile-init.toml"
    "profile-quantiles.toml"
    "profile-sizes.toml"
    "decisions.csv"
    "arrivals-by-size.csv"
    "scenario-closed.toml"
    "scenario-decisions.toml"
    "scenario-constant.toml"
    "scenario-erlang.toml"
    "scenario-gamma.toml"
    "scenario-hyperexponential.toml"
    "scenario-lognormal.toml"
    "scenario-classes.toml"
    "scenario-classes-compare.toml"
    "scenario-classes-groups.toml"
    "scenario-classes-map.toml"
    "scenario-classes-mbs.toml"
    "scenario-classes-own.toml"
    "scenario-classes-sizes.toml"
    "scenario-classes-trace.toml"
    "scenario-classes-trace-sizes.toml"
    "scenario-map.toml"
    "scenario-mmpp.toml"
    "scenario-poisson.toml"
    "scenario-schedule.toml"
    "scenario-systems.toml"
    "scenario-trace.toml"
    "scenario-trace-azure.toml"
    "scenario-trace-files.toml"
    "scenario-trace-timestamps.toml"
    "scenario-weibull.toml"
    "scenario-weibull-shape.toml"
    "schedule.toml"
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Scenario => "scenario",
            Kind::Profile => "profile",
            Kind::Instance => "instance",
            Kind::Schedule => "schedule",
            Kind::Book => "book",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Scenario => "A scenario of batchsim",
            Kind::Profile => "A profile of batchsim: service times by memory and batch size",
            Kind::Instance => "An instance's profile of batchsim: service times by batch size",
            Kind::Schedule => "A schedule of batchsim: arrival processes over time",
            Kind::Book => "A book of prices and limits of batchsim",
        }
    }

    fn read(self, document: &Document) -> Result<(), InputError> {
        match self {
            Kind::Scenario => Scenario::from_document(document, "example").map(drop),
            Kind::Profile => Profile::from_document(document).map(drop),
            Kind::Instance => InstanceProfile::from_document(document).map(drop),
            Kind::Schedule => Schedule::from_document(document).map(drop),
            Kind::Book => Book::from_document(document).map(drop),
        }
    }
}

fn schema(kind: Kind) -> Result<Schema, InputError> {
    // Examples name one another, so they must be files.
    let folder = tempfile::tempdir().map_err(|e| InputError::io(std::env::temp_dir(), &e))?;
    for (name, text) in EXAMPLES {
        write_atomically(&folder.path().join(name), text)?;
    }
    let own = EXAMPLES.iter().filter(|(name, _)| name.starts_with(kind.name()));
    let asked =
        own.map(|(name, _)| questions(kind, &folder.path().join(name))).collect::<Result<Vec<_>, _>>()?;
    Ok(Schema::new(&asked))
}

fn questions(kind: Kind, example: &Path) -> Result<Questions, InputError> {
    let mut document = Document::read(example)?;
    document.record();
    kind.read(&document)?;
    Ok(document.asked())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_lead_the_readers_everywhere() {
        for kind in Kind::value_variants() {
            assert_eq!(schema(*kind).unwrap().gaps(), Vec::<String>::new(), "{kind:?}");
        }
    }
}
