//! The embedded runtime: tract.

use std::path::Path;
use std::sync::Arc;

use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

use super::input::{Dtype, Input};
use super::runtime::{Output, Runner};

/// The version that Cargo.toml asks for; tract itself does not tell.
pub const VERSION: &str = "tract 0.23";

/// A model made for one shape of inputs.
pub struct Tract {
    model: Arc<TypedRunnableModel>,
    inputs: TVec<TValue>,
}

/// Loads and optimises the model for these inputs.
///
/// A concrete shape for each batch size: a symbolic batch is slower and fails on some models. The shapes that the
/// exporter noted are ignored, since they hold the batch size of the export.
pub fn load(path: &Path, inputs: &[Input], seed: u64, threads: usize) -> Result<Tract, String> {
    if threads > 1 {
        set_default_executor(Executor::multithread(threads));
    }
    build(path, inputs, seed).map_err(|e| format!("{e:#}"))
}

fn build(path: &Path, inputs: &[Input], seed: u64) -> TractResult<Tract> {
    let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let mut model = onnx.model_for_path(path)?;
    let outlets = model.input_outlets()?.to_vec();
    let mut values = TVec::new();
    for (at, outlet) in outlets.iter().enumerate() {
        let name = model.node(outlet.node).name.clone();
        let input = inputs.iter().find(|i| i.name == name);
        let input = input.ok_or_else(|| TractError::msg(format!("no data for input `{name}`")))?;
        let tensor = tensor(input, seed)?;
        model.set_input_fact(at, InferenceFact::dt_shape(tensor.datum_type(), tensor.shape()))?;
        values.push(tensor.into_tvalue());
    }
    Ok(Tract { model: model.into_optimized()?.into_runnable()?, inputs: values })
}

fn tensor(input: &Input, seed: u64) -> TractResult<Tensor> {
    let (dims, data) = (&input.dims, input.data(seed));
    match input.dtype {
        Dtype::F32 => Tensor::from_shape(dims, &data.iter().map(|x| *x as f32).collect::<Vec<_>>()),
        Dtype::F64 => Tensor::from_shape(dims, &data),
        Dtype::F16 => Tensor::from_shape(dims, &data.iter().map(|x| f16::from_f64(*x)).collect::<Vec<_>>()),
        Dtype::I8 => Tensor::from_shape(dims, &data.iter().map(|x| *x as i8).collect::<Vec<_>>()),
        Dtype::U16 => Tensor::from_shape(dims, &data.iter().map(|x| *x as u16).collect::<Vec<_>>()),
        Dtype::I16 => Tensor::from_shape(dims, &data.iter().map(|x| *x as i16).collect::<Vec<_>>()),
        Dtype::U8 => Tensor::from_shape(dims, &data.iter().map(|x| *x as u8).collect::<Vec<_>>()),
        Dtype::I32 => Tensor::from_shape(dims, &data.iter().map(|x| *x as i32).collect::<Vec<_>>()),
        Dtype::I64 => Tensor::from_shape(dims, &data.iter().map(|x| *x as i64).collect::<Vec<_>>()),
        Dtype::Bool => Tensor::from_shape(dims, &data.iter().map(|x| *x != 0.0).collect::<Vec<_>>()),
    }
}

impl Runner for Tract {
    fn run(&mut self) -> Result<(), String> {
        let outputs = self.model.run(self.inputs.clone()).map_err(|e| format!("{e:#}"))?;
        std::hint::black_box(&outputs);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Output>, String> {
        let all = self.model.run(self.inputs.clone()).map_err(|e| format!("{e:#}"))?;
        let output = |value: &TValue| -> TractResult<Output> {
            let floats = value.cast_to::<f32>()?;
            let values = floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec();
            Ok(Output { dims: value.shape().to_vec(), values })
        };
        all.iter().map(|value| output(value).map_err(|e| format!("{e:#}"))).collect()
    }

    fn version(&self) -> String {
        VERSION.into()
    }
}
