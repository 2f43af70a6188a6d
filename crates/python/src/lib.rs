//! Python's side of batchsim: arguments in, dicts, tables and charts out.
//!
//! `library/` is the only place that calls the simulator; `calls.rs` lets the interpreter go on meanwhile, `arrays.rs` takes
//! arrays in without copying, `tables.rs` hands tables out as Arrow.

mod arrays;
mod calls;
mod library;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use batchsim::error::InputError;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use self::arrays::Array;
use self::calls::{Caller, call};
use self::library::{Drawn, Options, Outcome, PaperAsked, Template, Text};
use self::tables::Table;

create_exception!(
    _batchsim,
    InputRefused,
    PyValueError,
    "Something in the input cannot be used. Has `file`, `line` (or None), `message` and `mend` (or None)."
);

/// The same message, place and mend as on the command line.
pub(crate) fn raised(py: Python<'_>, error: InputError) -> PyErr {
    let raised = InputRefused::new_err(error.to_string());
    let value = raised.value(py);
    let line = error.excerpt.as_ref().map(|excerpt| excerpt.line);
    // Attributes of an exception can always be set.
    let _ = value.setattr("file", error.file);
    let _ = value.setattr("line", line);
    let _ = value.setattr("message", error.message);
    let _ = value.setattr("mend", error.help);
    raised
}

/// What a call returns: its JSON, its tables, its charts.
#[pyclass(frozen, module = "batchsim._batchsim")]
struct Raw {
    outcome: Arc<Outcome>,
}

#[pymethods]
impl Raw {
    /// The main JSON, byte for byte the command line's file.
    #[getter]
    fn json(&self) -> &str {
        self.outcome.json()
    }

    /// The tables by name: the command line's CSV files.
    fn table(&self, name: &str) -> Option<Table> {
        self.outcome.csv(name).map(Table::new)
    }

    /// A chart as a figure of a paper: PDF or PNG; `None` if there is none of this name.
    fn figure(
        &self,
        py: Python<'_>,
        name: String,
        format: String,
        width: String,
        text: String,
    ) -> PyResult<Option<Vec<u8>>> {
        let (outcome, paper) = (Arc::clone(&self.outcome), PaperAsked { format, width, text });
        py.detach(move || outcome.figure(&name, &paper)).map_err(|e| raised(py, e))
    }

    /// The charts by name, as SVG, and the page.
    fn drawn(&self, py: Python<'_>) -> PyResult<(Vec<(String, String)>, String)> {
        let outcome = Arc::clone(&self.outcome);
        let Drawn { charts, page } = py.detach(move || outcome.drawn()).map_err(|e| raised(py, e))?;
        Ok((charts, page))
    }
}

fn raw(outcome: Outcome) -> Raw {
    Raw { outcome: Arc::new(outcome) }
}

/// A scenario as Python gives it.
#[derive(FromPyObject)]
struct Given {
    path: Option<PathBuf>,
    text: Option<String>,
    folder: Option<PathBuf>,
    set: Vec<String>,
    seed: Option<u64>,
    arrivals: Option<Py<PyAny>>,
}

impl Given {
    fn options(self, py: Python<'_>, caller: &Caller) -> PyResult<Options> {
        let arrivals = self.arrivals.map(|array| Array::new(array.bind(py), caller.stop())).transpose()?;
        let text = match (self.path, self.text) {
            (Some(path), _) => Text::File(path),
            (None, text) => Text::Toml(text.unwrap_or_default(), self.folder.unwrap_or_default()),
        };
        Ok(Options {
            text,
            set: self.set,
            seed: self.seed,
            arrivals: arrivals.map(|array| Arc::new(array) as _),
            stop: caller.stop(),
        })
    }
}

#[pyfunction]
fn run(py: Python<'_>, given: Given, model: &str, progress: Option<Py<PyAny>>) -> PyResult<Raw> {
    let (caller, model) = (Caller::new(progress), model.to_owned());
    let options = given.options(py, &caller)?;
    call(py, &caller, move |seen| library::run(options, &model, seen)).map(raw)
}

#[pyfunction]
fn simulate(py: Python<'_>, given: Given, progress: Option<Py<PyAny>>) -> PyResult<Raw> {
    let caller = Caller::new(progress);
    let options = given.options(py, &caller)?;
    call(py, &caller, move |seen| library::simulated(options, seen)).map(raw)
}

#[pyfunction]
fn predict(py: Python<'_>, given: Given, model: &str) -> PyResult<Raw> {
    let (caller, model) = (Caller::new(None), model.to_owned());
    let options = given.options(py, &caller)?;
    call(py, &caller, move |_| library::predict(options, &model)).map(raw)
}

#[pyfunction]
fn plan(
    py: Python<'_>,
    given: Given,
    model: &str,
    flags: (bool, bool, bool),
    progress: Option<Py<PyAny>>,
) -> PyResult<Raw> {
    let (caller, model) = (Caller::new(progress), model.to_owned());
    let options = given.options(py, &caller)?;
    call(py, &caller, move |_| library::plan(options, &model, flags)).map(raw)
}

#[pyfunction]
fn sweep(
    py: Python<'_>,
    given: Given,
    model: &str,
    predict_only: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Raw> {
    let (caller, model) = (Caller::new(progress), model.to_owned());
    let options = given.options(py, &caller)?;
    call(py, &caller, move |seen| library::sweep(options, &model, predict_only, seen)).map(raw)
}

/// Fits a trace: an array, or a file.
#[pyfunction]
fn fit(
    py: Python<'_>,
    arrivals: Option<Py<PyAny>>,
    path: Option<PathBuf>,
    method: &str,
    window: Option<&str>,
    seed: u64,
) -> PyResult<Raw> {
    let caller = Caller::new(None);
    let held = arrivals.map(|array| Array::new(array.bind(py), caller.stop())).transpose()?;
    let asked = library::FitAsked {
        held: held.map(|array| Arc::new(array) as _),
        path,
        method: method.to_owned(),
        window: window.map(str::to_owned),
        seed,
        stop: caller.stop(),
    };
    call(py, &caller, move |_| library::fit(asked)).map(raw)
}

/// Functions by name with their calls: seconds or nanoseconds.
type Named = Vec<(String, Py<PyAny>)>;

#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "one call from Python's own signature")]
fn plan_many(
    py: Python<'_>,
    given: Given,
    paths: Vec<PathBuf>,
    reading: library::Reading,
    named: Option<(Named, Option<f64>)>,
    profiles: (Option<PathBuf>, Option<PathBuf>),
    shard: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Option<Raw>, String)> {
    let caller = Caller::new(progress);
    let options = given.options(py, &caller)?;
    let traces = match named {
        None => library::Traces::Files(paths, reading),
        Some((named, length)) => {
            let nanos = |(name, array): (String, Py<PyAny>)| {
                Ok((name, Array::new(array.bind(py), caller.stop())?.nanos().map_err(|e| raised(py, e))?))
            };
            library::Traces::Held(named.into_iter().map(nanos).collect::<PyResult<_>>()?, length)
        }
    };
    let (template, exact) = (Template { options, profiles: profiles.0, durations: profiles.1 }, shard);
    let found = call(py, &caller, move |seen| library::plan_many(template, traces, exact, seen))?;
    Ok((found.0.map(raw), found.1))
}

/// Puts the texts of all shards together.
#[pyfunction]
fn merge(py: Python<'_>, shards: Vec<(String, String)>) -> PyResult<Raw> {
    library::merge(&shards).map(raw).map_err(|e| raised(py, e))
}

#[pymodule]
fn _batchsim(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("InputRefused", module.py().get_type::<InputRefused>())?;
    module.add_class::<Raw>()?;
    module.add_class::<Table>()?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(simulate, module)?)?;
    module.add_function(wrap_pyfunction!(predict, module)?)?;
    module.add_function(wrap_pyfunction!(plan, module)?)?;
    module.add_function(wrap_pyfunction!(sweep, module)?)?;
    module.add_function(wrap_pyfunction!(fit, module)?)?;
    module.add_function(wrap_pyfunction!(plan_many, module)?)?;
    module.add_function(wrap_pyfunction!(merge, module)?)?;
    Ok(())
}
