//! From measurements by batch size to the profile's table.

use super::memory::Times;
use super::runtime::Runtime;
use super::{Cells, Options, Profiled, Row, Shares, clock};
use crate::error::InputError;
use crate::profile::Profile;
use crate::profile::beside::{Beside, InitIn};
use crate::profile::file::{Fact, How, Measurement, Origin};
use crate::profile::import::spread;
use crate::profile::surface::{Sample, Surface};

/// The profile of `rows`, which hold batch size 1 first. Errors where no memory size can hold the model.
pub(super) fn build(options: &Options, rows: &[Row], mut notes: Vec<String>) -> Result<Profiled, InputError> {
    let mut warnings = Vec::new();
    let memory_mb = holding(options, rows, &mut warnings)?;
    let surface = filling(options, rows, &mut notes)?;
    let table: Vec<Vec<(f64, Origin)>> = memory_mb
        .iter()
        .map(|m| options.batch.iter().map(|k| cell(options, rows, surface.as_ref(), *m, *k)).collect())
        .collect();
    batches_that_lose(options, &table, &mut warnings);
    same_outputs(rows, &mut warnings);
    imprecise(options, rows, &mut warnings);
    let load = |m: &u32| {
        let (wall, cpu) = rows[0].single.load_s;
        let waited = (wall - cpu).max(0.0);
        match options.load_in {
            // Before the first call a function has whole processors, whatever its memory size.
            InitIn::Init => wall.max(cpu),
            InitIn::Handler => waited + Times { single_s: cpu, several_s: (cpu, 1) }.at(*m),
        }
    };
    let init_s = memory_mb.iter().map(load).collect();
    let beside = Beside { init_in: options.load_in, ..Beside::default() };
    notes.extend(warnings.iter().cloned());
    let name = options.model.file_stem().map_or("model".into(), |s| s.to_string_lossy().into_owned());
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let source = format!("measured with {} on {}, {date}", rows[0].single.version, clock::machine());
    let image_mb = std::fs::metadata(&options.model).ok().map(|m| m.len() as f64 / 1024.0 / 1024.0);
    let profile = Profile {
        model: name,
        source,
        service_s: table.iter().map(|row| row.iter().map(|(s, _)| *s).collect()).collect(),
        service_cv: spread(rows.iter().map(|row| &row.single.cpu_s)),
        service_quantiles: None,
        memory_mb,
        batch: options.batch.clone(),
        init_s,
        beside,
        mb_per_vcpu: None,
        by_size: None,
        image_mb: image_mb.filter(|mb| *mb > 0.0),
    };
    let cells = table.iter().map(|row| row.iter().map(|(_, origin)| *origin).collect()).collect();
    let measurement = Measurement { facts: facts(options, rows, date), cells, notes };
    Ok(Profiled { profile, measurement, warnings, rows: rows.to_vec() })
}

/// The memory sizes that hold at least single items; the others are left out and said.
fn holding(options: &Options, rows: &[Row], warnings: &mut Vec<String>) -> Result<Vec<u32>, InputError> {
    let needed = rows[0].single.peak_mb;
    let (fit, out): (Vec<u32>, Vec<u32>) = options.memory_mb.iter().partition(|m| f64::from(**m) >= needed);
    if fit.is_empty() {
        let message = format!("the model needs {needed:.0} MB, more than any memory size asked for");
        return Err(
            InputError::new("--memory", message).help("ask for larger ones, such as --memory 1769,3008")
        );
    }
    if !out.is_empty() {
        warnings.push(format!("left out {out:?} MB: the model needs {needed:.0} MB"));
    }
    for row in rows {
        let short: Vec<u32> = fit.iter().copied().filter(|m| f64::from(*m) < row.single.peak_mb).collect();
        if !short.is_empty() {
            let (batch, peak) = (row.batch, row.single.peak_mb);
            warnings.push(format!("batch {batch} needs {peak:.0} MB: taken as single items at {short:?} MB"));
        }
    }
    Ok(fit)
}

/// The surface that fills the batch sizes which were not measured.
fn filling(options: &Options, rows: &[Row], notes: &mut Vec<String>) -> Result<Option<Surface>, InputError> {
    if options.cells == Cells::All {
        return Ok(None);
    }
    let samples: Vec<Sample> = rows
        .iter()
        .flat_map(|row| {
            options.memory_mb.iter().enumerate().map(|(at, memory)| Sample {
                memory_mb: *memory,
                batch: row.batch,
                service_s: batched(options, row, at),
            })
        })
        .collect();
    let surface = Surface::fit(&samples).ok_or_else(|| {
        InputError::new("--fit", "too few batch and memory sizes to fit a surface").help("leave --fit out")
    })?;
    notes.push(surface.describe());
    Ok(Some(surface))
}

/// The time of a measured row's batch at the memory size of this index.
fn batched(options: &Options, row: &Row, memory_at: usize) -> f64 {
    match options.shares {
        Shares::Scaled => row.times.at(options.memory_mb[memory_at]),
        Shares::Enforced => row.enforced_s[memory_at],
    }
}

/// `min(t(N), N t(1))`, and single items too where the batch does not fit into the memory.
fn cell(
    options: &Options,
    rows: &[Row],
    surface: Option<&Surface>,
    memory: u32,
    batch: u32,
) -> (f64, Origin) {
    let at = options.memory_mb.iter().position(|m| *m == memory).expect("one of the asked sizes");
    let how = |row: &Row| match options.shares {
        Shares::Scaled if !row.times.measured_at(memory) => How::Scaled,
        _ => How::Measured,
    };
    let singles = f64::from(batch) * batched(options, &rows[0], at);
    let as_singles = (singles, Origin { how: how(&rows[0]), calls: batch });
    let row = rows.iter().find(|row| row.batch == batch);
    let (time, origin) = match (row, surface) {
        (Some(row), _) => (batched(options, row, at), Origin { how: how(row), calls: 1 }),
        (None, Some(surface)) => (surface.at(memory, batch), Origin { how: How::Fitted, calls: 1 }),
        (None, None) => unreachable!("all sizes are measured without a surface"),
    };
    let fits = row.is_none_or(|row| row.single.peak_mb <= f64::from(memory));
    let better = time <= singles && time > 0.0;
    if fits && better { (time, origin) } else { as_singles }
}

fn batches_that_lose(options: &Options, table: &[Vec<(f64, Origin)>], warnings: &mut Vec<String>) {
    let lost =
        |column: &usize| options.batch[*column] > 1 && table.iter().all(|row| row[*column].1.calls > 1);
    let sizes: Vec<u32> = (0..options.batch.len()).filter(lost).map(|c| options.batch[c]).collect();
    if !sizes.is_empty() {
        warnings.push(format!(
            "batching does not pay with this runtime: batches of {sizes:?} are faster one item after the other, \
             and the profile says so"
        ));
    }
}

/// Outputs that do not grow with the batch: the model may ignore all but its first item.
fn same_outputs(rows: &[Row], warnings: &mut Vec<String>) {
    let same = |row: &&Row| row.batch > 1 && row.single.outputs == rows[0].single.outputs;
    if let Some(row) = rows.iter().find(same) {
        let batch = row.batch;
        warnings.push(format!(
            "the outputs have the same shape at batch 1 and {batch}: is the batch axis right?"
        ));
    }
}

fn imprecise(options: &Options, rows: &[Row], warnings: &mut Vec<String>) {
    for row in rows.iter().filter(|row| row.single.half_width > options.precision) {
        let (batch, kept, dropped) = (row.batch, row.single.cpu_s.len(), row.single.dropped);
        let width = if row.single.half_width < 1.0 {
            format!("{:.1} %", 100.0 * row.single.half_width)
        } else {
            "unknown".into()
        };
        warnings.push(format!(
            "batch {batch}: the time limit came first ({kept} repetitions kept, {dropped} interfered with; \
             half width {width}); give it a longer --time-limit or a quieter machine"
        ));
    }
}

fn facts(options: &Options, rows: &[Row], date: String) -> Vec<(&'static str, Fact)> {
    let numbers = |of: &dyn Fn(&Row) -> f64| Fact::Numbers(rows.iter().map(of).collect());
    let method = match options.shares {
        Shares::Scaled => {
            "CPU time / min(1, MB / 1769); above 1769 MB Amdahl's law through the measured threads"
        }
        Shares::Enforced => "real CPU quota, work back to back",
    };
    let runtime = match &options.runtime {
        Runtime::Tract => rows[0].single.version.clone(),
        Runtime::OnnxRuntime(library) => format!("{} ({})", rows[0].single.version, library.display()),
    };
    let mut facts = vec![
        ("machine", Fact::Text(clock::machine())),
        ("runtime", Fact::Text(runtime)),
        ("date", Fact::Text(date)),
        ("memory", Fact::Text(method.into())),
        ("threads", Fact::Count(rows[0].times.several_s.1 as u64)),
        ("pinned", Fact::Text(if rows[0].single.pinned { "yes" } else { "no" }.into())),
        ("seed", Fact::Count(options.seed)),
        ("measured_batch", numbers(&|row| f64::from(row.batch))),
        ("one_thread_cpu_s", numbers(&|row| row.times.single_s)),
        ("threads_wall_s", numbers(&|row| row.times.several_s.0)),
        ("half_width", numbers(&|row| row.single.half_width.min(1.0))),
        ("repetitions", numbers(&|row| row.single.cpu_s.len() as f64)),
        ("interfered", numbers(&|row| row.single.dropped as f64)),
        ("peak_mb", numbers(&|row| row.single.peak_mb)),
    ];
    if let Some(load) = clock::load() {
        facts.push(("load_average", Fact::Numbers(vec![load])));
    }
    facts
}
