//! What a runtime does, and which there are.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::input::Input;

/// A loaded model with inputs of one batch size.
pub trait Runner {
    /// Runs the model once.
    fn run(&mut self) -> Result<(), String>;
    /// Runs the model once and returns its outputs, those of other types as 32-bit floats where possible.
    fn outputs(&mut self) -> Result<Vec<Output>, String>;
    /// The runtime and its version.
    fn version(&self) -> String;
}

/// One output.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Which runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Runtime {
    /// The embedded one.
    Tract,
    /// The onnxruntime library at this path.
    OnnxRuntime(PathBuf),
}

/// Loads a model. Errors in the runtime's words.
pub fn load(
    runtime: &Runtime,
    path: &Path,
    inputs: &[Input],
    seed: u64,
    threads: usize,
) -> Result<Box<dyn Runner>, String> {
    match runtime {
        Runtime::Tract => Ok(Box::new(super::tract::load(path, inputs, seed, threads)?)),
        #[cfg(feature = "onnxruntime")]
        Runtime::OnnxRuntime(library) => {
            Ok(Box::new(super::onnxruntime::load(library, path, inputs, seed, threads)?))
        }
        #[cfg(not(feature = "onnxruntime"))]
        Runtime::OnnxRuntime(_) => Err("this build has no onnxruntime".into()),
    }
}
