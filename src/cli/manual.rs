//! `sim completions` and `sim man`: what a shell and `man` know of the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::print;
use crate::error::InputError;
use crate::report::files::write_atomically;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder to write sim.1, sim-run.1 and so on to.
    folder: PathBuf,
}

pub(super) fn completions(args: &CompletionsArgs, mut command: Command) -> Result<ExitCode, InputError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "sim", &mut script);
    print(script)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs, mut command: Command) -> Result<ExitCode, InputError> {
    command.build();
    pages(&command, &args.folder)?;
    Ok(ExitCode::SUCCESS)
}

/// The page of a command and those of its subcommands.
fn pages(command: &Command, folder: &Path) -> Result<(), InputError> {
    let page = Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text).map_err(|e| InputError::io(folder, &e))?;
    write_atomically(&folder.join(page.get_filename()), text)?;
    let mut shown = command.get_subcommands().filter(|sub| sub.get_name() != "help");
    shown.try_for_each(|sub| pages(sub, folder))
}
