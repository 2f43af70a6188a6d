//! The binary `sim`: parses the command line, runs it, prints the error, sets the exit status.

use std::process::ExitCode;

use batchsim::cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            cli::tell(&format!("error: {error}"));
            ExitCode::from(1)
        }
    }
}
