//! tract and onnxruntime give the same outputs on the same inputs.
#![cfg(feature = "onnxruntime")]

use std::path::{Path, PathBuf};

use batchsim::profiler::input::Inputs;
use batchsim::profiler::model;
use batchsim::profiler::runtime::{Runtime, load};

#[test]
fn the_shipped_model_gives_the_same_outputs_in_both_runtimes() {
    let Some(library) = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|p| p.exists()) else {
        eprintln!("skipped: set ORT_DYLIB_PATH to a libonnxruntime to compare the runtimes");
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/models/mlp.onnx");
    let declared = model::inputs(&model::read(&path).unwrap());
    let inputs = Inputs::resolve("mlp.onnx", &declared, &[]).unwrap().of_batch(4);
    let outputs = |runtime: &Runtime| load(runtime, &path, &inputs, 7, 1).unwrap().outputs().unwrap();
    let (ours, theirs) = (outputs(&Runtime::Tract), outputs(&Runtime::OnnxRuntime(library)));
    assert_eq!(ours[0].dims, [4, 10]);
    assert_eq!(ours[0].dims, theirs[0].dims);
    let pairs = ours[0].values.iter().zip(&theirs[0].values);
    let furthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    eprintln!("max abs difference {furthest:e}");
    assert!(furthest < 1e-5, "{furthest}");
    assert!(ours[0].values.iter().any(|p| *p > 0.05), "{:?}", ours[0].values);
}
