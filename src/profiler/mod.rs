//! Measures a model's service times on this machine and turns them into a profile.
//!
//! [`profile`] is the whole: it reads the file, runs one worker process a batch size, scales the times to the memory
//! sizes (or measures them under a quota) and returns the profile with how it came about.

pub mod clock;
pub mod input;
pub mod measure;
pub mod memory;
pub mod model;
#[cfg(feature = "onnxruntime")]
pub mod onnxruntime;
pub mod quota;
pub mod runtime;
mod table;
pub mod tract;
pub mod worker;

use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;
use tract_onnx::pb::ModelProto;

use crate::error::InputError;
use crate::profile::Profile;
use crate::profile::beside::InitIn;
use crate::profile::file::Measurement;
use crate::profile::surface::sparse_design;
use input::{Given, Inputs};
use memory::{Times, share};
use quota::Quota;
use runtime::Runtime;
use worker::{Measure, Reply, Starter, Task};

/// What to measure and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The ONNX file.
    pub model: PathBuf,
    /// The runtime.
    pub runtime: Runtime,
    /// How to start a worker.
    pub starter: Starter,
    /// Batch sizes, ascending.
    pub batch: Vec<u32>,
    /// Memory sizes \[MB\], ascending.
    pub memory_mb: Vec<u32>,
    /// The most threads to measure with.
    pub threads: usize,
    /// Wanted half width of the median's 95 % interval, relative.
    pub precision: f64,
    /// The longest measurement of one batch size \[s\].
    pub limit_s: f64,
    /// Seed of the inputs' content.
    pub seed: u64,
    /// What `--input` says.
    pub inputs: Vec<Given>,
    /// What to do with a batch that the file fixes at 1.
    pub fixed_batch: FixedBatch,
    /// How memory sizes are emulated.
    pub shares: Shares,
    /// Where a function would load the model.
    pub load_in: InitIn,
    /// Which batch sizes are measured.
    pub cells: Cells,
}

/// What to do with a batch that the file fixes at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixedBatch {
    /// Say so.
    Refuse,
    /// Mend the file's copy: see [`model::free_batch`].
    Free,
}

/// How memory sizes are emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shares {
    /// By dividing CPU time by the share.
    Scaled,
    /// By a real quota.
    Enforced,
}

/// Which batch sizes are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// All.
    All,
    /// About five; the others are filled by a fitted surface.
    Sparse,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Profiled {
    /// The profile.
    pub profile: Profile,
    /// How it came about.
    pub measurement: Measurement,
    /// What the user should know before using it.
    pub warnings: Vec<String>,
    /// What was measured at each batch size, on a whole core.
    pub rows: Vec<Row>,
}

/// The measurements of one batch size.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The batch size.
    pub batch: u32,
    /// Median times.
    pub times: Times,
    /// With one thread.
    pub single: Reply,
    /// Times \[s\] under a quota, medians of windows' means, by memory size, where that was asked for.
    pub enforced_s: Vec<f64>,
}

/// How often a busy loop may miss its share before a quota is refused.
const MISSED: f64 = 0.10;
/// A window of back-to-back work under a quota lasts at least ten periods \[s\].
const STEADY_S: f64 = 1.0;

/// What to do about a model that does not run; of runtimes, only what this build has.
#[cfg(feature = "onnxruntime")]
const CANNOT_BE_RUN: &str = "check --input, or try the other runtime (--runtime onnxruntime)";
#[cfg(not(feature = "onnxruntime"))]
const CANNOT_BE_RUN: &str = "check --input; where tract lacks an operator or a type, export the model in float32 or for another opset";

/// Measures. `progress` is told what is being measured, with the number done and the number of all measurements.
pub fn profile(
    options: &Options,
    progress: &mut dyn FnMut(usize, usize, &str),
) -> Result<Profiled, InputError> {
    let file = options.model.display().to_string();
    let mut proto = model::read(&options.model)?;
    let mut notes = Vec::new();
    // The mended copy lives as long as the measurement.
    let mut copy = None;
    if options.fixed_batch == FixedBatch::Free {
        let reshapes = model::free_batch(&mut proto);
        notes.push(format!("batch axis freed in a copy of the file; {reshapes} Reshape shapes changed"));
        copy = Some(mended(&options.model, &proto)?);
    }
    let path = copy.as_ref().map_or(options.model.clone(), |folder| folder.path().join(MENDED));
    let inputs = Inputs::resolve(&file, &model::inputs(&proto), &options.inputs)?;
    let largest = options.batch.last().copied().unwrap_or(1);
    if let Some(what) = inputs.fixed().filter(|_| largest > 1) {
        return Err(fixes_the_batch(&file, &what));
    }
    let bench = Bench { options, path, inputs, file };
    if options.shares == Shares::Enforced {
        bench.calibrate()?;
    }
    let sizes = measured_sizes(options);
    let several = options.threads > 1 && options.memory_mb.iter().any(|m| share(*m) > 1.0);
    let enforced = if options.shares == Shares::Enforced { options.memory_mb.len() } else { 0 };
    let all = sizes.len() * (1 + usize::from(several) + enforced);
    let mut done = 0;
    let mut tell = |what: &str| {
        progress(done, all, what);
        done += 1;
    };
    let mut rows = Vec::new();
    for batch in sizes {
        rows.push(bench.row(batch, several, &mut tell)?);
    }
    progress(all, all, "done");
    table::build(options, &rows, notes)
}

/// 1, and the asked sizes or a sparse choice of them.
fn measured_sizes(options: &Options) -> Vec<u32> {
    let mut sizes = match options.cells {
        Cells::All => options.batch.clone(),
        Cells::Sparse => {
            let mut sizes: Vec<u32> =
                sparse_design(&[1769], &options.batch, 16).iter().map(|(_, batch)| *batch).collect();
            sizes.extend(options.batch.first().into_iter().chain(options.batch.last()));
            sizes
        }
    };
    sizes.push(1);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// The mended model's name in its folder.
const MENDED: &str = "model.onnx";

/// A folder with the mended model and, under the names that it has for them, its weights.
fn mended(path: &Path, proto: &ModelProto) -> Result<TempDir, InputError> {
    let error = |e: std::io::Error| InputError::new("a temporary folder", e.to_string());
    let folder = TempDir::new().map_err(error)?;
    std::fs::write(folder.path().join(MENDED), model::bytes(proto)).map_err(error)?;
    for (location, weights) in model::weights(path, proto) {
        let inside = Path::new(&location).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || location == MENDED {
            let message = format!("keeps its weights in `{location}`, outside its folder");
            return Err(InputError::new(path.display().to_string(), message).help(
                "export it with its weights beside it, or with a dynamic batch axis, without --free-batch",
            ));
        }
        let to = folder.path().join(&location);
        to.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(error)?;
        let from = std::fs::canonicalize(&weights).map_err(|e| InputError::io(&weights, &e))?;
        linked(&from, &to).map_err(error)?;
    }
    Ok(folder)
}

/// Weights are large: they are linked where the file system allows it. A symbolic link would not do: the runtime takes
/// no weights from outside the model's folder.
fn linked(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(|_| ()))
}

fn fixes_the_batch(file: &str, what: &str) -> InputError {
    InputError::new(file, format!("this file fixes the batch at 1 (input {what})")).help(
        "export it again with a dynamic batch axis (torch.onnx.export: dynamic_axes), or try --free-batch, \
         which mends the common case, or measure --batch 1 alone",
    )
}

/// One model on its way through the measurements.
struct Bench<'a> {
    options: &'a Options,
    path: PathBuf,
    inputs: Inputs,
    file: String,
}

impl Bench<'_> {
    fn row(&self, batch: u32, several: bool, tell: &mut dyn FnMut(&str)) -> Result<Row, InputError> {
        let repeat = Measure::Repeat(self.options.precision, self.options.limit_s);
        tell(&format!("batch {batch}"));
        let single = self.ask(batch, 1, repeat, None)?;
        let median = |sorted: &[f64]| crate::profile::import::median(sorted);
        let single_s = median(&single.cpu_s);
        let mut several_s = (single_s, 1);
        if several {
            let threads = self.options.threads;
            tell(&format!("batch {batch}, {threads} threads"));
            several_s = (median(&self.ask(batch, threads, repeat, None)?.wall_s), threads);
        }
        let times = Times { single_s, several_s };
        let mut enforced_s = Vec::new();
        if self.options.shares == Shares::Enforced {
            for memory in &self.options.memory_mb {
                tell(&format!("batch {batch} at {memory} MB"));
                enforced_s.push(self.enforced(batch, *memory, &times)?);
            }
        }
        Ok(Row { batch, times, single, enforced_s })
    }

    fn enforced(&self, batch: u32, memory_mb: u32, times: &Times) -> Result<f64, InputError> {
        let threads =
            if share(memory_mb) > 1.0 && times.several_s.0 < times.single_s { times.several_s.1 } else { 1 };
        let quota = self.quota(share(memory_mb).min(threads as f64))?;
        let reply = self.ask(batch, threads, Measure::BackToBack(STEADY_S), Some(&quota))?;
        Ok(crate::profile::import::median(&reply.wall_s))
    }

    fn quota(&self, share: f64) -> Result<Quota, InputError> {
        Quota::new(share).map_err(|reason| {
            InputError::new("--enforce", format!("this machine allows no CPU quota: {reason}"))
                .help("leave --enforce out: times are then scaled by the CPU share; or run as root on a host with cgroups")
        })
    }

    /// A busy loop at each share must get it within 10 %.
    fn calibrate(&self) -> Result<(), InputError> {
        for memory in &self.options.memory_mb {
            let wanted = share(*memory).min(1.0);
            let reply = self.ask(1, 1, Measure::Spin(STEADY_S), Some(&self.quota(wanted)?))?;
            let got = reply.cpu_s[0] / reply.wall_s[0];
            if (got / wanted - 1.0).abs() > MISSED {
                let message = format!(
                    "a busy loop got {got:.3} of a core where the quota for {memory} MB is {wanted:.3}"
                );
                return Err(InputError::new("--enforce", message)
                    .help("the machine is too busy for a quota to mean anything: stop what else runs, or leave --enforce out"));
            }
        }
        Ok(())
    }

    fn ask(
        &self,
        batch: u32,
        threads: usize,
        measure: Measure,
        quota: Option<&Quota>,
    ) -> Result<Reply, InputError> {
        let Options { runtime, seed, starter, .. } = self.options;
        let inputs = self.inputs.of_batch(batch);
        let task = Task {
            model: self.path.clone(),
            runtime: runtime.clone(),
            threads,
            inputs,
            seed: *seed,
            measure,
        };
        worker::run(starter, &task, quota).map_err(|reason| self.failed(batch, &reason))
    }

    fn failed(&self, batch: u32, reason: &str) -> InputError {
        // The runtime's chain of causes can be pages long; its start names the node and its end the cause.
        let short: String = match reason.char_indices().nth(300) {
            Some((cut, _)) => format!("{} ...", &reason[..cut]),
            None => reason.to_owned(),
        };
        if batch > 1 {
            return fixes_the_batch(&self.file, &format!("it runs at 1 but not at {batch}: {short}"));
        }
        InputError::new(&self.file, format!("cannot be run: {short}")).help(CANNOT_BE_RUN)
    }
}

#[cfg(test)]
mod tests;
