//! The model that ships in profiles/models, made here: a multilayer perceptron 64-128-64-10 of seeded weights.
#![cfg(feature = "profiler")]

use std::path::PathBuf;

use batchsim::numeric::streams::Streams;
use prost::Message;
use rand::RngExt as _;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, attribute_proto::AttributeType, type_proto,
};

const LAYERS: [usize; 4] = [64, 128, 64, 10];
const FLOAT: i32 = 1;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("profiles/models/mlp.onnx")
}

fn value(name: &str, size: usize) -> ValueInfoProto {
    let dim = |value| Dimension { value: Some(value), ..Default::default() };
    let dim =
        vec![dim(dimension::Value::DimParam("batch".into())), dim(dimension::Value::DimValue(size as i64))];
    let tensor = type_proto::Tensor { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|&i| i.into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

/// Weights uniform in +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010), biases 0.
fn weights(name: &str, dims: &[usize], reach: f32) -> TensorProto {
    let mut stream = Streams::new(2020).stream(name);
    let count = dims.iter().product();
    let bytes = |_| (reach * stream.random_range(-1.0_f32..1.0)).to_le_bytes();
    let raw_data = (0..count).flat_map(bytes).collect();
    let dims = dims.iter().map(|d| *d as i64).collect();
    TensorProto { name: name.into(), dims, data_type: FLOAT, raw_data, ..Default::default() }
}

fn mlp() -> Vec<u8> {
    let (mut nodes, mut initializer) = (Vec::new(), Vec::new());
    let mut from = "input".to_owned();
    for (layer, sizes) in LAYERS.windows(2).enumerate() {
        let (w, b, sum) = (format!("w{layer}"), format!("b{layer}"), format!("sum{layer}"));
        initializer.push(weights(&w, sizes, (6.0 / (sizes[0] + sizes[1]) as f32).sqrt()));
        initializer.push(weights(&b, &sizes[1..], 0.0));
        nodes.push(node("Gemm", &[&from, &w, &b], &sum));
        from = sum;
        if layer + 2 < LAYERS.len() {
            let active = format!("relu{layer}");
            nodes.push(node("Relu", &[&from], &active));
            from = active;
        }
    }
    let mut softmax = node("Softmax", &[&from], "output");
    softmax.attribute.push(AttributeProto {
        name: "axis".into(),
        r#type: AttributeType::Int as i32,
        i: 1,
        ..Default::default()
    });
    nodes.push(softmax);
    let graph = GraphProto {
        name: "mlp".into(),
        node: nodes,
        initializer,
        input: vec![value("input", LAYERS[0])],
        output: vec![value("output", LAYERS[3])],
        ..Default::default()
    };
    let model = ModelProto {
        ir_version: 8,
        producer_name: "batchsim".into(),
        opset_import: vec![OperatorSetIdProto { version: 13, ..Default::default() }],
        graph: Some(graph),
        ..Default::default()
    };
    model.encode_to_vec()
}

#[test]
fn the_shipped_model_is_what_the_generator_makes() {
    let shipped =
        std::fs::read(path()).expect("profiles/models/mlp.onnx; make it with `cargo test -- --ignored`");
    assert!(
        shipped == mlp(),
        "profiles/models/mlp.onnx differs: make it again with `cargo test -- --ignored`"
    );
    assert!(shipped.len() < 100_000, "{} bytes", shipped.len());
}

#[test]
#[ignore = "writes profiles/models/mlp.onnx"]
fn make_the_shipped_model() {
    std::fs::write(path(), mlp()).unwrap();
}
