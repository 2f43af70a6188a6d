//! One measurement in a process of its own, so that its peak memory is the model's and nothing else's.
//!
//! The parent starts its own program with a hidden subcommand, writes the task as JSON to its standard input and
//! reads the reply as JSON from its standard output.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::clock::{self, Scope, Stopwatch};
use super::input::Input;
use super::measure::{self, Effort};
use super::quota::Quota;
use super::runtime::{self, Runtime};

/// How to start a worker: the program and the arguments that lead it to [`serve`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What a worker is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The model file.
    pub model: PathBuf,
    /// The runtime.
    pub runtime: Runtime,
    /// Threads of the runtime, and cores of the process.
    pub threads: usize,
    /// The inputs of one batch size.
    pub inputs: Vec<Input>,
    /// Seed of the inputs' content.
    pub seed: u64,
    /// What to measure.
    pub measure: Measure,
}

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Measure {
    /// Single repetitions: precision, limit \[s\].
    Repeat(f64, f64),
    /// The mean of runs back to back for at least this long \[s\]: under a quota, single runs mislead.
    BackToBack(f64),
    /// No model: the share of a core that a busy loop of this many seconds gets.
    Spin(f64),
}

/// What a worker found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Reply {
    /// The runtime's name and version.
    pub version: String,
    /// Wall and CPU time to load and optimise the model \[s\].
    pub load_s: (f64, f64),
    /// CPU times of repetitions \[s\], ascending; for back-to-back runs their mean.
    pub cpu_s: Vec<f64>,
    /// Wall times of repetitions \[s\], ascending; for back-to-back runs their mean.
    pub wall_s: Vec<f64>,
    /// Repetitions dropped for interference.
    pub dropped: usize,
    /// Half the median's interval, relative; infinity is written as 1e9, since JSON has none.
    pub half_width: f64,
    /// Most memory held \[MB\].
    pub peak_mb: f64,
    /// The outputs' dimensions.
    pub outputs: Vec<Vec<usize>>,
    /// Whether the process could be bound to its cores.
    pub pinned: bool,
}

/// Runs a task in a new process, under `quota` where one is given. Errors in the worker's words.
pub fn run(starter: &Starter, task: &Task, quota: Option<&Quota>) -> Result<Reply, String> {
    let mut command = Command::new(&starter.program);
    command.args(&starter.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", starter.program.display()))?;
    // The worker waits for its task, so it is under the quota before it does anything.
    let joined = quota.map_or(Ok(()), |quota| quota.admit(child.id()));
    let text = serde_json::to_string(task).expect("a task is plain data");
    let mut input = child.stdin.take().expect("piped");
    let sent = joined.and_then(|()| input.write_all(text.as_bytes()).map_err(|e| e.to_string()));
    drop(input);
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    sent?;
    let reply: Result<Result<Reply, String>, _> = serde_json::from_slice(&output.stdout);
    reply.unwrap_or_else(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
        Err(format!("the measuring process ended early ({}) {last}", output.status))
    })
}

/// The worker's side: reads a task, does it, writes the reply.
pub fn serve() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let task: Task = serde_json::from_str(&text)?;
    let reply = serde_json::to_string(&perform(&task))?;
    std::io::stdout().write_all(reply.as_bytes())
}

fn perform(task: &Task) -> Result<Reply, String> {
    let pinned = clock::pin(task.threads);
    if let Measure::Spin(seconds) = task.measure {
        return Ok(spin(seconds));
    }
    let watch = Stopwatch::start(Scope::Process);
    let mut model = runtime::load(&task.runtime, &task.model, &task.inputs, task.seed, task.threads)?;
    let load = watch.lap();
    let outputs = model.outputs()?.into_iter().map(|o| o.dims).collect();
    let known = Reply {
        version: model.version(),
        load_s: (load.wall_s, load.cpu_s),
        outputs,
        pinned,
        ..Reply::default()
    };
    let reply = match task.measure {
        Measure::Repeat(precision, limit_s) => {
            let series = measure::repeat(Effort { precision, limit_s }, task.threads, || model.run())?;
            let half_width = series.half_width.min(1e9);
            let (cpu_s, wall_s, dropped) = (series.cpu_s, series.wall_s, series.dropped);
            Reply { cpu_s, wall_s, dropped, half_width, ..known }
        }
        Measure::BackToBack(seconds) => back_to_back(seconds, known, || model.run())?,
        Measure::Spin(_) => unreachable!("done above"),
    };
    Ok(Reply { peak_mb: clock::peak_mb(), ..reply })
}

fn back_to_back(
    seconds: f64,
    known: Reply,
    mut run: impl FnMut() -> Result<(), String>,
) -> Result<Reply, String> {
    // What is left of a period's quota after loading would make the first runs look fast.
    let warm = Stopwatch::start(Scope::Process);
    while warm.lap().wall_s < seconds / 4.0 {
        run()?;
    }
    let watch = Stopwatch::start(Scope::Process);
    let mut runs = 0.0;
    loop {
        run()?;
        runs += 1.0;
        let lap = watch.lap();
        if lap.wall_s >= seconds && runs >= 3.0 {
            let (cpu_s, wall_s) = (vec![lap.cpu_s / runs], vec![lap.wall_s / runs]);
            return Ok(Reply { cpu_s, wall_s, ..known });
        }
    }
}

fn spin(seconds: f64) -> Reply {
    let watch = Stopwatch::start(Scope::Thread);
    let mut x = 1.0_f64;
    loop {
        for _ in 0..10_000 {
            x = std::hint::black_box(x * 1.000_000_1);
        }
        let lap = watch.lap();
        if lap.wall_s >= seconds {
            return Reply { cpu_s: vec![lap.cpu_s], wall_s: vec![lap.wall_s], ..Reply::default() };
        }
    }
}
