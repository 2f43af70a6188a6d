//! The second runtime: an onnxruntime that is installed on the machine, loaded when it is asked for.

use std::path::Path;

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;

use super::input::{Dtype, Input};
use super::runtime::{Output, Runner};

/// A session with its inputs.
pub struct OnnxRuntime {
    session: Session,
    inputs: Vec<(String, SessionInputValue<'static>)>,
    version: String,
    _environment: Environment,
}

/// Loads the library at `library`, then the model.
pub fn load(
    library: &Path,
    path: &Path,
    inputs: &[Input],
    seed: u64,
    threads: usize,
) -> Result<OnnxRuntime, String> {
    let builder = ort::init_from(library).map_err(|e| format!("{}: {e}", library.display()))?;
    let environment = builder.with_telemetry(false).build().map_err(|e| e.to_string())?;
    let build = || -> Result<Session, String> {
        let builder = Session::builder(&environment).map_err(|e| e.to_string())?;
        let builder = builder.with_intra_threads(threads).map_err(|e| e.to_string())?;
        let mut builder = builder.with_inter_threads(1).map_err(|e| e.to_string())?;
        builder.commit_from_file(path).map_err(|e| e.to_string())
    };
    let session = build()?;
    let inputs = inputs.iter().map(|i| value(i, seed).map(|v| (i.name.clone(), v)));
    let inputs = inputs.collect::<Result<_, _>>().map_err(|e: ort::Error| e.to_string())?;
    Ok(OnnxRuntime { session, inputs, version: version(library), _environment: environment })
}

fn value(input: &Input, seed: u64) -> ort::Result<SessionInputValue<'static>> {
    let (dims, data) = (input.dims.clone(), input.data(seed));
    Ok(match input.dtype {
        Dtype::F32 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as f32).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::F64 => Tensor::from_array((dims, data))?.into_dyn().into(),
        Dtype::F16 => return Err(ort::Error::new("inputs of type f16 are fed to tract alone")),
        Dtype::I8 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as i8).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::U16 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as u16).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::I16 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as i16).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::U8 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as u8).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::I32 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as i32).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::I64 => {
            Tensor::from_array((dims, data.iter().map(|x| *x as i64).collect::<Vec<_>>()))?.into_dyn().into()
        }
        Dtype::Bool => {
            Tensor::from_array((dims, data.iter().map(|x| *x != 0.0).collect::<Vec<_>>()))?.into_dyn().into()
        }
    })
}

impl Runner for OnnxRuntime {
    fn run(&mut self) -> Result<(), String> {
        let inputs: Vec<(&str, SessionInputValue<'_>)> =
            self.inputs.iter().map(|(name, value)| (name.as_str(), value.view().into())).collect();
        let outputs = self.session.run(inputs).map_err(|e| e.to_string())?;
        std::hint::black_box(&outputs);
        Ok(())
    }

    fn outputs(&mut self) -> Result<Vec<Output>, String> {
        let inputs: Vec<(&str, SessionInputValue<'_>)> =
            self.inputs.iter().map(|(name, value)| (name.as_str(), value.view().into())).collect();
        let outputs = self.session.run(inputs).map_err(|e| e.to_string())?;
        let output = |value: &ort::value::DynValue| {
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(|e| e.to_string())?;
            Ok(Output { dims: shape.iter().map(|d| *d as usize).collect(), values: values.to_vec() })
        };
        outputs.values().map(|value| output(&value)).collect()
    }

    fn version(&self) -> String {
        format!("onnxruntime {}", self.version)
    }
}

/// The release, from the library's own file name (`libonnxruntime.so.1.22.0`), else the commit that it says it was
/// built from: the library tells its release only through a call that `ort` keeps to itself.
fn version(library: &Path) -> String {
    let real = std::fs::canonicalize(library).unwrap_or_else(|_| library.to_owned());
    let name = real.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let digits = name.find(|c: char| c.is_ascii_digit()).map(|at| &name[at..]);
    let release = digits.map(|rest| rest.trim_end_matches(|c: char| !c.is_ascii_digit()).to_owned());
    let commit = || ort::info().split(", ").find(|part| part.starts_with("git-commit-id")).map(str::to_owned);
    release.or_else(commit).unwrap_or_else(|| "of unknown version".into())
}
