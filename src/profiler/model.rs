//! A model file: its inputs, its weights in other files, and freeing a batch that the file fixes at 1.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto, type_proto};

use super::input::{Axis, Declared, Dtype};
use crate::error::InputError;

/// The largest model \[bytes\]: it is read as a whole, and the runtime takes as much again.
const LARGEST_MODEL: u64 = 1 << 30;

/// Reads an ONNX file.
pub fn read(path: &Path) -> Result<ModelProto, InputError> {
    let bytes = crate::bounded::read_bounded(path, LARGEST_MODEL)?;
    let file = path.display().to_string();
    not_a_pointer(&file, &bytes)?;
    let wrong = || {
        InputError::new(&file, format!("is no ONNX model{}", instead(&bytes)))
            .help("export the model to ONNX (torch.onnx.export, tf2onnx, optimum)")
    };
    let model = ModelProto::decode(bytes.as_slice()).map_err(|_| wrong())?;
    if model.graph.as_ref().is_none_or(|graph| graph.node.is_empty()) {
        return Err(wrong());
    }
    for (location, weights) in weights(path, &model) {
        if !weights.is_file() {
            return Err(InputError::new(
                &file,
                format!("keeps its weights in `{location}`, which is not beside it"),
            )
            .help(format!("copy `{location}` to {}, as it was exported", folder(path).display())));
        }
        let mut head = [0; POINTER.len()];
        let opened = std::fs::File::open(&weights).map_err(|e| InputError::io(&weights, &e))?;
        let length =
            opened.take(POINTER.len() as u64).read(&mut head).map_err(|e| InputError::io(&weights, &e))?;
        not_a_pointer(&weights.display().to_string(), &head[..length])?;
    }
    Ok(model)
}

/// How a file begins that stands in for one in Git's large file storage.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

fn not_a_pointer(file: &str, bytes: &[u8]) -> Result<(), InputError> {
    match bytes.starts_with(POINTER) {
        true => Err(InputError::new(
            file,
            "is a Git LFS pointer: the text that stands in for a large file, not the file",
        )
        .help("fetch the file itself: git lfs pull")),
        false => Ok(()),
    }
}

/// What a file that is no ONNX model seems to be.
fn instead(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => ": it is empty",
        [b'P', b'K', 3, 4, ..] => " but a zip file, as PyTorch saves",
        [_, _, _, _, _, _, _, _, b'{', b'"', ..] => " but seems to be safetensors: weights without a graph",
        [b'<', ..] => " but a page of a web site",
        [0x89, b'H', b'D', b'F', ..] => " but an HDF5 file, as Keras saves",
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => " but a TensorFlow Lite file",
        _ => "",
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The files beside the model that hold its weights: as the model names them, and where they are.
pub fn weights(path: &Path, model: &ModelProto) -> Vec<(String, PathBuf)> {
    let mut locations = Vec::new();
    if let Some(graph) = &model.graph {
        of_graph(graph, &mut locations);
    }
    locations.sort_unstable();
    locations.dedup();
    locations.into_iter().map(|location| (location.clone(), folder(path).join(location))).collect()
}

fn of_graph(graph: &GraphProto, locations: &mut Vec<String>) {
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    let constants = attributes().flat_map(|attribute| attribute.t.iter().chain(&attribute.tensors));
    for tensor in graph.initializer.iter().chain(constants) {
        let entry = tensor.external_data.iter().find(|entry| entry.key == "location");
        locations.extend(entry.map(|entry| entry.value.clone()));
    }
    for inner in attributes().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)) {
        of_graph(inner, locations);
    }
}

/// The inputs that a caller has to feed: those of the graph without an initialiser.
///
/// The batch axis is the first open one that is leading, and every other axis of the same name.
pub fn inputs(model: &ModelProto) -> Vec<Declared> {
    let Some(graph) = &model.graph else { return Vec::new() };
    let fed = |input: &&ValueInfoProto| !graph.initializer.iter().any(|t| t.name == input.name);
    let mut all: Vec<Declared> = graph.input.iter().filter(fed).map(declared).collect();
    let leading = all.iter().find_map(|d| match d.axes.first() {
        Some(Axis::Open(name)) => Some(name.clone()),
        _ => None,
    });
    for input in &mut all {
        for (at, axis) in input.axes.iter_mut().enumerate() {
            let unnamed = *axis == Axis::Open("?".into());
            let same = matches!((&leading, &*axis), (Some(batch), Axis::Open(name)) if name == batch);
            if (same && !unnamed) || (unnamed && at == 0) {
                *axis = Axis::Batch;
            }
        }
    }
    all
}

fn declared(input: &ValueInfoProto) -> Declared {
    let tensor = tensor_type(input);
    let dims = tensor.and_then(|t| t.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let axis = |dim: &tract_onnx::pb::tensor_shape_proto::Dimension| match &dim.value {
        Some(Dim::DimValue(size)) if *size > 0 => Axis::Fixed(*size as usize),
        Some(Dim::DimParam(name)) if !name.is_empty() => Axis::Open(name.clone()),
        _ => Axis::Open("?".into()),
    };
    let element = tensor.and_then(|t| DataType::try_from(t.elem_type).ok());
    let dtype = element.map_or(Err("no tensor"), dtype);
    Declared { name: input.name.clone(), axes: dims.iter().map(axis).collect(), dtype }
}

/// An element type that can be fed, else its name.
fn dtype(element: DataType) -> Result<Dtype, &'static str> {
    match element {
        DataType::Float => Ok(Dtype::F32),
        DataType::Double => Ok(Dtype::F64),
        DataType::Float16 => Ok(Dtype::F16),
        DataType::Uint8 => Ok(Dtype::U8),
        DataType::Int8 => Ok(Dtype::I8),
        DataType::Uint16 => Ok(Dtype::U16),
        DataType::Int16 => Ok(Dtype::I16),
        DataType::Int32 => Ok(Dtype::I32),
        DataType::Int64 => Ok(Dtype::I64),
        DataType::Bool => Ok(Dtype::Bool),
        DataType::Bfloat16 => Err("bf16 (bfloat16)"),
        DataType::String => Err("string"),
        DataType::Uint32 => Err("u32"),
        DataType::Uint64 => Err("u64"),
        DataType::Complex64 | DataType::Complex128 => Err("complex"),
        _ => Err("an element type that is not known"),
    }
}

fn tensor_type(value: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

/// Frees a batch that the file fixes at 1: the leading 1 of every fed input and of the outputs becomes the open
/// axis `batch`, and the leading 1 of every Reshape's constant shape becomes 0, "as in the input". Shapes that the
/// exporter noted for the values in between are dropped. Returns how many Reshapes were changed.
pub fn free_batch(model: &mut ModelProto) -> usize {
    let Some(graph) = &mut model.graph else { return 0 };
    let known: Vec<String> = graph.initializer.iter().map(|t| t.name.clone()).collect();
    for value in graph.input.iter_mut().filter(|v| !known.contains(&v.name)).chain(&mut graph.output) {
        if let Some(type_proto::Value::TensorType(tensor)) =
            value.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            let first = tensor.shape.as_mut().and_then(|shape| shape.dim.first_mut());
            if let Some(dim) = first.filter(|dim| dim.value == Some(Dim::DimValue(1))) {
                dim.value = Some(Dim::DimParam("batch".into()));
            }
        }
    }
    graph.value_info.clear();
    let shapes = reshape_only(graph);
    let constants =
        graph.node.iter_mut().filter(|n| n.op_type == "Constant" && shapes.contains(&n.output[0]));
    let value = |a: &'_ &mut AttributeProto| a.name == "value";
    let of_nodes = constants.filter_map(|n| n.attribute.iter_mut().find(value)?.t.as_mut());
    let of_graph = graph.initializer.iter_mut().filter(|t| shapes.contains(&t.name));
    of_nodes.chain(of_graph).filter_map(free_leading).count()
}

/// The names of tensors that serve as the shape of Reshapes and as nothing else.
fn reshape_only(graph: &GraphProto) -> Vec<String> {
    let shape = |op: &str, at: usize| op == "Reshape" && at == 1;
    let uses = || {
        graph.node.iter().flat_map(|n| n.input.iter().enumerate().map(|(at, name)| (&n.op_type, at, name)))
    };
    let mut names: Vec<String> =
        uses().filter(|(op, at, _)| shape(op, *at)).map(|(_, _, name)| name.clone()).collect();
    names.retain(|name| uses().all(|(op, at, used)| used != name || shape(op, at)));
    names
}

/// Sets a leading 1 to 0; `None` if there is none.
fn free_leading(tensor: &mut TensorProto) -> Option<()> {
    if let Some(first) = tensor.int64_data.first_mut() {
        return (*first == 1).then(|| *first = 0);
    }
    let first = tensor.raw_data.get_mut(..8)?;
    (first == 1_i64.to_le_bytes()).then(|| first.fill(0))
}

/// The file's bytes.
pub fn bytes(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{NodeProto, TensorShapeProto, TypeProto, tensor_shape_proto::Dimension};

    fn value(name: &str, dims: &[Dim]) -> ValueInfoProto {
        let dim = dims.iter().map(|d| Dimension { value: Some(d.clone()), ..Default::default() }).collect();
        let tensor = type_proto::Tensor { elem_type: 1, shape: Some(TensorShapeProto { dim }) };
        let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
        ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
    }

    fn model(input: Vec<ValueInfoProto>) -> ModelProto {
        let reshape = NodeProto {
            op_type: "Reshape".into(),
            input: vec!["x".into(), "shape".into()],
            output: vec!["y".into()],
            ..Default::default()
        };
        let shape = TensorProto { name: "shape".into(), int64_data: vec![1, 6], ..Default::default() };
        let graph = GraphProto { node: vec![reshape], input, initializer: vec![shape], ..Default::default() };
        ModelProto { graph: Some(graph), ..Default::default() }
    }

    #[test]
    fn axes_of_the_batchs_name_are_batch_axes_wherever_they_stand() {
        let open = |name: &str| Dim::DimParam(name.into());
        let x = value("x", &[open("batch"), open("sequence")]);
        let state = value("state", &[Dim::DimValue(2), open("batch"), Dim::DimValue(128)]);
        let found = inputs(&model(vec![x, state]));
        assert_eq!(found[0].axes, [Axis::Batch, Axis::Open("sequence".into())]);
        assert_eq!(found[1].axes, [Axis::Fixed(2), Axis::Batch, Axis::Fixed(128)]);
    }

    #[test]
    fn freeing_the_batch_opens_the_input_and_the_reshape() {
        let mut model = model(vec![value("x", &[Dim::DimValue(1), Dim::DimValue(6)])]);
        assert_eq!(inputs(&model)[0].axes, [Axis::Fixed(1), Axis::Fixed(6)]);
        assert_eq!(free_batch(&mut model), 1);
        assert_eq!(inputs(&model)[0].axes, [Axis::Batch, Axis::Fixed(6)]);
        assert_eq!(model.graph.as_ref().unwrap().initializer[0].int64_data, [0, 6]);
        assert_eq!(free_batch(&mut model), 0);
    }
}
