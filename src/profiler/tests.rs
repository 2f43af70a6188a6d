//! Model files as people have them: weights beside the model, 16-bit inputs, dimensions of length 0, pointers.

use prost::Message as _;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Dim};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

use super::input::{Given, Inputs};
use super::{MENDED, mended, model, runtime, tract};

const FLOAT: i32 = 1;
const FLOAT16: i32 = 10;

fn value(name: &str, elem_type: i32, dims: &[Dim]) -> ValueInfoProto {
    let dim = dims.iter().map(|d| Dimension { value: Some(d.clone()), ..Default::default() }).collect();
    let tensor = type_proto::Tensor { elem_type, shape: Some(TensorShapeProto { dim }) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
}

fn node(op: &str, input: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        input: input.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn model_of(graph: GraphProto) -> ModelProto {
    let opset = OperatorSetIdProto { version: 13, ..Default::default() };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..Default::default() }
}

/// `y = x w` with a batch that is fixed at 1 and 3 x 2 weights in weights/w.bin.
fn with_weights_beside() -> ModelProto {
    let entry = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    let weights = TensorProto {
        name: "w".into(),
        dims: vec![3, 2],
        data_type: FLOAT,
        external_data: vec![entry("location", "weights/w.bin"), entry("offset", "0"), entry("length", "24")],
        data_location: Some(1),
        ..Default::default()
    };
    model_of(GraphProto {
        node: vec![node("MatMul", &["x", "w"], "y")],
        input: vec![value("x", FLOAT, &[Dim::DimValue(1), Dim::DimValue(3)])],
        output: vec![value("y", FLOAT, &[Dim::DimValue(1), Dim::DimValue(2)])],
        initializer: vec![weights],
        ..Default::default()
    })
}

fn outputs(path: &std::path::Path, batch: u32, given: &[&str]) -> Vec<runtime::Output> {
    let proto = model::read(path).unwrap();
    let given: Vec<Given> = given.iter().map(|text| Given::parse(text).unwrap()).collect();
    let inputs = Inputs::resolve("m.onnx", &model::inputs(&proto), &given).unwrap().of_batch(batch);
    runtime::Runner::outputs(&mut tract::load(path, &inputs, 1, 1).unwrap()).unwrap()
}

#[test]
fn weights_beside_the_model_follow_its_mended_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let mut proto = with_weights_beside();
    std::fs::write(&path, proto.encode_to_vec()).unwrap();
    let missing = model::read(&path).unwrap_err().to_string();
    assert!(missing.contains("keeps its weights in `weights/w.bin`, which is not beside it"), "{missing}");
    std::fs::create_dir(folder.path().join("weights")).unwrap();
    let bytes: Vec<u8> = [1_f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|w| w.to_le_bytes()).collect();
    std::fs::write(folder.path().join("weights/w.bin"), bytes).unwrap();
    model::free_batch(&mut proto);
    let copy = mended(&path, &proto).unwrap();
    let found = outputs(&copy.path().join(MENDED), 2, &["x=Nx3,f32,1"]);
    // By hand: 1 + 3 + 5 and 2 + 4 + 6, for both rows.
    assert_eq!((&found[0].dims[..], &found[0].values[..]), (&[2, 2][..], &[9.0, 12.0, 9.0, 12.0][..]));
}

#[test]
fn weights_outside_the_folder_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut proto = with_weights_beside();
    proto.graph.as_mut().unwrap().initializer[0].external_data[0].value = "../w.bin".into();
    let error = mended(&folder.path().join("m.onnx"), &proto).unwrap_err().to_string();
    assert!(error.contains("`../w.bin`, outside its folder"), "{error}");
}

#[test]
fn a_pointer_of_large_file_storage_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n";
    let path = folder.path().join("m.onnx");
    std::fs::write(&path, pointer).unwrap();
    let error = model::read(&path).unwrap_err().to_string();
    assert!(error.contains("m.onnx: is a Git LFS pointer") && error.contains("git lfs pull"), "{error}");
    std::fs::write(&path, with_weights_beside().encode_to_vec()).unwrap();
    std::fs::create_dir(folder.path().join("weights")).unwrap();
    std::fs::write(folder.path().join("weights/w.bin"), pointer).unwrap();
    let error = model::read(&path).unwrap_err().to_string();
    assert!(error.contains("w.bin: is a Git LFS pointer"), "{error}");
    for (bytes, what) in
        [(&b"PK\x03\x04zip"[..], "PyTorch"), (b"<html>", "page of a web site"), (b"", "empty")]
    {
        std::fs::write(&path, bytes).unwrap();
        let error = model::read(&path).unwrap_err().to_string();
        assert!(error.contains("is no ONNX model") && error.contains(what), "{error}");
    }
}

#[test]
fn sixteen_bit_floats_are_fed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let batch = || [Dim::DimParam("batch".into()), Dim::DimValue(2)];
    let proto = model_of(GraphProto {
        node: vec![node("Add", &["x", "x"], "y")],
        input: vec![value("x", FLOAT16, &batch())],
        output: vec![value("y", FLOAT16, &batch())],
        ..Default::default()
    });
    std::fs::write(&path, proto.encode_to_vec()).unwrap();
    assert_eq!(outputs(&path, 2, &["x=Nx2,f16,1.5"])[0].values, [3.0; 4]);
}

#[test]
fn a_past_of_length_zero_is_fed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    let named = |name: &str| Dim::DimParam(name.into());
    let axis = AttributeProto { name: "axis".into(), r#type: 2, i: 1, ..Default::default() };
    let proto = model_of(GraphProto {
        node: vec![NodeProto { attribute: vec![axis], ..node("Concat", &["x", "past"], "y") }],
        input: vec![
            value("x", FLOAT, &[named("batch"), Dim::DimValue(2)]),
            value("past", FLOAT, &[named("batch"), named("past_len")]),
        ],
        output: vec![value("y", FLOAT, &[named("batch"), named("total")])],
        ..Default::default()
    });
    std::fs::write(&path, proto.encode_to_vec()).unwrap();
    let found = outputs(&path, 3, &["x=Nx2,f32,4", "past=Nx0"]);
    assert_eq!((&found[0].dims[..], &found[0].values[..]), (&[3, 2][..], &[4.0; 6][..]));
}
