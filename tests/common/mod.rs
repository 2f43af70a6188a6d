//! What several tests share. Each uses a part of it.

#![allow(dead_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A function without cold starts to speak of, and the book of its prices.
pub const LAMBDA: &str = "[platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n";

/// The program with these arguments, in `folder`; what it says goes into pipes.
pub fn sim(folder: &Path, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
    command.current_dir(folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A folder of its own to run the program in.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn sim(&self, arguments: &[&str]) -> Output {
        sim(self.0.path(), arguments).output().unwrap()
    }

    /// What a command that succeeds prints.
    pub fn said(&self, arguments: &[&str]) -> String {
        let output = self.sim(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.said(arguments)).unwrap()
    }

    /// Runs a scenario.
    pub fn run(&self, text: &str) -> Value {
        self.write("s.toml", text);
        self.json(&["run", "s.toml", "--json", "--no-charts"])
    }

    /// The scenario is refused for these reasons.
    pub fn refused(&self, text: &str, reasons: &[&str]) {
        self.write("s.toml", text);
        self.fails(&["run", "s.toml", "--no-charts"], reasons);
    }

    /// The command is refused for these reasons.
    pub fn fails(&self, arguments: &[&str], reasons: &[&str]) {
        let output = self.sim(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}, {reasons:?}: {told}");
        reasons.iter().for_each(|reason| assert!(told.contains(reason), "{arguments:?}, {reason}: {told}"));
    }
}

/// What became of the requests of a class.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Replayed {
    /// In seconds.
    pub latencies: Vec<f64>,
    /// By how much the sizes of requests were below the largest of their batches, in all.
    pub padding: f64,
}

/// What becomes of each class by the rule, for arrivals (time \[ns\], class, size): a batch leaves when it has `batch`
/// requests or at the earliest deadline of its members; one who comes at that time joins. It takes `service` \[ns\] of
/// the number of its requests and the largest of their sizes.
pub fn replayed(
    arrivals: &[(u64, usize, f64)],
    batch: usize,
    waits: &[u64],
    service: impl Fn(usize, f64) -> u64,
) -> Vec<Replayed> {
    let mut found = vec![Replayed::default(); waits.len()];
    let mut open: Vec<(u64, usize, f64)> = Vec::new();
    let mut leave = |open: &mut Vec<(u64, usize, f64)>, at: u64| {
        let largest = open.iter().map(|member| member.2).fold(0.0, f64::max);
        let answered = at + service(open.len(), largest);
        for (arrived, class, size) in open.drain(..) {
            found[class].latencies.push((answered - arrived) as f64 / 1e9);
            found[class].padding += largest - size;
        }
    };
    let due = |open: &[(u64, usize, f64)]| open.iter().map(|(at, class, _)| at + waits[*class]).min();
    for arrival in arrivals {
        if let Some(at) = due(&open).filter(|at| *at < arrival.0) {
            leave(&mut open, at);
        }
        open.push(*arrival);
        if open.len() == batch {
            leave(&mut open, arrival.0);
        }
    }
    if let Some(at) = due(&open) {
        leave(&mut open, at);
    }
    found
}
