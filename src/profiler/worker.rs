//! One measurement in a process of its own, so that its peak memory is the model's and nothing else's.
//!
//! The parent starts its own program with a hidden subcommand, writes the task as JSON to its standard input and
//! reads the reply as JSON from its standard output.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use super::clock::{self, Lap, Scope, Stopwatch};
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
    /// Means of runs back to back in [`WINDOWS`] windows of at least this length \[s\]: under a quota, single runs mislead.
    BackToBack(f64),
    /// No model: the share of a core that a busy loop of this many seconds gets.
    Spin(f64),
    /// No model: a busy loop for as long as the process that started it lives.
    Fill,
}

/// Windows of a back-to-back measurement; their median forgets a neighbour's burst.
pub const WINDOWS: usize = 5;

/// What a worker found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Reply {
    /// The runtime's name and version.
    pub version: String,
    /// Wall and CPU time to load and optimise the model \[s\].
    pub load_s: (f64, f64),
    /// CPU times of repetitions \[s\], ascending; for back-to-back runs the means of windows.
    pub cpu_s: Vec<f64>,
    /// Wall times of repetitions \[s\], ascending; for back-to-back runs the means of windows.
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
    let _filler = quota.map(|quota| Filler::new(starter, task, quota)).transpose()?;
    let mut child = spawn(starter)?;
    // The worker waits for its task, so it is under the quota before it does anything.
    let joined = quota.map_or(Ok(()), |quota| quota.admit(child.id()));
    let sent = joined.and_then(|()| send(&mut child, task));
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    sent?;
    let reply: Result<Result<Reply, String>, _> = serde_json::from_slice(&output.stdout);
    reply.unwrap_or_else(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("the measuring process ended early ({}) {}", output.status, last_words(&said)))
    })
}

/// Why a process ended, by what it said: the message of a panic, which stands below the line that tells the place and
/// above a backtrace, else its last line.
fn last_words(said: &str) -> &str {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut before_panic = lines.clone().skip_while(|line| !line.contains(" panicked at "));
    before_panic.nth(1).or_else(|| lines.next_back()).unwrap_or("")
}

/// Keeps the cores awake while a quota holds the measured process back. Killed when dropped.
///
/// A cloud's core has other tenants and never sleeps. One that sleeps for the rest of each period wakes slowly
/// and with cold caches: work under a quota of 0.29 cores then took 13 to 38 % more CPU time here.
struct Filler(Child);

impl Filler {
    fn new(starter: &Starter, task: &Task, quota: &Quota) -> Result<Filler, String> {
        let mut filler = Filler(spawn(starter)?);
        quota.leave_the_rest_to(filler.0.id())?;
        send(&mut filler.0, &Task { measure: Measure::Fill, ..task.clone() })?;
        Ok(filler)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(starter: &Starter) -> Result<Child, String> {
    let mut command = Command::new(&starter.program);
    command.args(&starter.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|e| format!("{}: {e}", starter.program.display()))
}

fn send(child: &mut Child, task: &Task) -> Result<(), String> {
    let text = serde_json::to_string(task).expect("a task is plain data");
    let mut input = child.stdin.take().expect("piped, and sent to once");
    input.write_all(text.as_bytes()).map_err(|e| e.to_string())
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
    match task.measure {
        Measure::Spin(seconds) => return Ok(spin(|lap| lap.wall_s >= seconds)),
        Measure::Fill => {
            let parent = parent();
            return Ok(spin(|_| self::parent() != parent));
        }
        Measure::Repeat(..) | Measure::BackToBack(_) => {}
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
        Measure::Spin(_) | Measure::Fill => unreachable!("done above"),
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
    while warm.lap().wall_s < seconds / 2.0 {
        run()?;
    }
    let windows = (0..WINDOWS).map(|_| window(seconds, &mut run)).collect::<Result<Vec<Lap>, String>>()?;
    let sorted = |time: fn(&Lap) -> f64| {
        let mut times: Vec<f64> = windows.iter().map(time).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    Ok(Reply { cpu_s: sorted(|w| w.cpu_s), wall_s: sorted(|w| w.wall_s), ..known })
}

/// The mean times of a run in one window.
fn window(seconds: f64, run: &mut impl FnMut() -> Result<(), String>) -> Result<Lap, String> {
    let watch = Stopwatch::start(Scope::Process);
    let mut runs = 0.0;
    loop {
        run()?;
        runs += 1.0;
        let lap = watch.lap();
        if lap.wall_s >= seconds && runs >= 3.0 {
            return Ok(Lap { wall_s: lap.wall_s / runs, cpu_s: lap.cpu_s / runs });
        }
    }
}

/// The process that started this one; another, once that has ended.
#[cfg(unix)]
fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// Quotas, and so fillers, are Linux's.
#[cfg(not(unix))]
fn parent() -> u32 {
    0
}

fn spin(over: impl Fn(Lap) -> bool) -> Reply {
    let watch = Stopwatch::start(Scope::Thread);
    let mut x = 1.0_f64;
    loop {
        for _ in 0..10_000 {
            x = std::hint::black_box(x * 1.000_000_1);
        }
        let lap = watch.lap();
        if over(lap) {
            return Reply { cpu_s: vec![lap.cpu_s], wall_s: vec![lap.wall_s], ..Reply::default() };
        }
    }
}
