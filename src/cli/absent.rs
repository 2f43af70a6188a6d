//! Commands that this build does not have: each says how to build it.

use clap::Args;

use crate::error::InputError;

/// Whatever the command takes.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(super) struct AbsentArgs {
    /// What the command takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

/// Says which feature has the command, and how to build and start it.
pub(super) fn error(command: &str, feature: &str, args: &AbsentArgs) -> InputError {
    let rest = args.rest.join(" ");
    InputError::new(format!("sim {command}"), format!("this build has no feature `{feature}`"))
        .help(format!("cargo run --release --features {feature} -- {command} {rest}"))
}
