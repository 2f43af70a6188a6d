//! Tables: the command line's CSV, byte for byte, and the same as Arrow.

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// Columns of whole numbers.
const WHOLE: [&str; 4] = ["memory_mb", "batch", "requests", "provisioned"];
/// Columns of yes or no.
const BOOL: [&str; 2] = ["meets_slo", "on_front"];
/// Columns of text.
const TEXT: [&str; 2] = ["function", "note"];

/// A table of results.
#[pyclass(frozen, module = "batchsim._batchsim")]
pub struct Table {
    csv: String,
}

impl Table {
    pub fn new(csv: &str) -> Table {
        Table { csv: csv.to_owned() }
    }

    /// The header and the rows.
    fn cells(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut rows = self.csv.lines().map(split);
        (rows.next().unwrap_or_default(), rows.collect())
    }

    fn batch(&self) -> Result<RecordBatch, ArrowError> {
        let (names, rows) = self.cells();
        let (mut fields, mut columns): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
        for (i, name) in names.iter().enumerate() {
            let cells = rows
                .iter()
                .map(|row| row.get(i).map_or("", String::as_str))
                .map(|cell| (!cell.is_empty()).then_some(cell));
            let column: ArrayRef = match &name[..] {
                name if WHOLE.contains(&name) => {
                    Arc::new(Int64Array::from_iter(cells.map(|cell| cell.and_then(|cell| cell.parse().ok()))))
                }
                name if BOOL.contains(&name) => {
                    Arc::new(BooleanArray::from_iter(cells.map(|cell| cell.map(|cell| cell == "true"))))
                }
                name if TEXT.contains(&name) => Arc::new(StringArray::from_iter(cells)),
                _ => Arc::new(Float64Array::from_iter(
                    cells.map(|cell| cell.and_then(|cell| cell.parse().ok())),
                )),
            };
            let kind: DataType = column.data_type().clone();
            fields.push(Field::new(name, kind, true));
            columns.push(column);
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

#[pymethods]
impl Table {
    /// The text of the command line's file.
    #[getter]
    fn csv(&self) -> &str {
        &self.csv
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.cells().0
    }

    fn __len__(&self) -> usize {
        self.csv.lines().count().saturating_sub(1)
    }

    fn __repr__(&self) -> String {
        let (names, rows) = self.cells();
        format!("<batchsim.Table: {} rows of {}>", rows.len(), names.join(", "))
    }

    /// The Arrow PyCapsule protocol: what polars, pyarrow, pandas and DuckDB ask for.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol allows to leave out what cannot be given.
        let _ = requested_schema;
        let failed = |e: ArrowError| PyRuntimeError::new_err(e.to_string());
        let batch = self.batch().map_err(failed)?;
        let schema = batch.schema();
        let stream = FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema)));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

/// The cells of a line.
fn split(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => cells.push(std::mem::take(&mut cell)),
            (c, _) => cell.push(c),
        }
    }
    cells.push(cell);
    cells
}
