//! Commands whose feature this build lacks.

use std::process::ExitCode;

use clap::Args;

use crate::error::InputError;

/// Whatever was asked for.
#[derive(Debug, Args)]
pub(super) struct MissingArgs {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Says how to get the command.
pub(super) fn run(command: &str, feature: &str, args: &MissingArgs) -> Result<ExitCode, InputError> {
    let asked = std::iter::once(command.to_owned()).chain(args.rest.iter().cloned());
    let asked: Vec<String> = asked.collect();
    Err(InputError::new(format!("sim {command}"), format!("this build lacks the feature `{feature}`"))
        .help(format!("cargo run --release --features {feature} -- {}", asked.join(" "))))
}
