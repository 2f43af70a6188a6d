use clap::{Parser, Subcommand};

use batchsim::cli::import;
#[cfg(feature = "profiler")]
use batchsim::cli::profile;

#[derive(Parser)]
#[command(name = "sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Import(import::ImportArgs),
    #[cfg(feature = "profiler")]
    Profile(profile::ProfileArgs),
    #[cfg(feature = "profiler")]
    #[command(hide = true)]
    ProfileWorker,
}

fn main() -> std::process::ExitCode {
    let done = match Cli::parse().command {
        Command::Import(args) => import::run(&args),
        #[cfg(feature = "profiler")]
        Command::Profile(args) => profile::run(&args),
        #[cfg(feature = "profiler")]
        Command::ProfileWorker => profile::run_worker(),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
