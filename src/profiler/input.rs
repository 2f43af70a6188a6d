//! A model's inputs: what the file says, what `--input` adds, and the data they are fed with.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::error::{InputError, expected};
use crate::numeric::streams::Streams;

/// One axis of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// As long as the batch.
    Batch,
    /// Of this length.
    Fixed(usize),
    /// Left open by the file under this name.
    Open(String),
}

/// An input as the file declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its axes.
    pub axes: Vec<Axis>,
    /// Its element type; its name if that is one that cannot be fed.
    pub dtype: Result<Dtype, &'static str>,
}

/// Element types that inputs can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 16-bit float.
    F16,
    /// 8-bit unsigned integer.
    U8,
    /// 8-bit integer.
    I8,
    /// 16-bit unsigned integer.
    U16,
    /// 16-bit integer.
    I16,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Boolean.
    Bool,
}

/// What an input is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Fill {
    /// The same value everywhere.
    Constant(f64),
    /// Uniform in [low, high); whole numbers for integers.
    Uniform(f64, f64),
}

/// An input of known shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Its name in the file.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Its element type.
    pub dtype: Dtype,
    /// Its content.
    pub fill: Fill,
}

/// What `--input name=dims,dtype,fill` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    name: String,
    axes: Vec<Axis>,
    dtype: Option<Dtype>,
    fill: Option<Fill>,
}

const DTYPES: [(&str, Dtype); 10] = [
    ("f32", Dtype::F32),
    ("f64", Dtype::F64),
    ("f16", Dtype::F16),
    ("u8", Dtype::U8),
    ("i8", Dtype::I8),
    ("u16", Dtype::U16),
    ("i16", Dtype::I16),
    ("i32", Dtype::I32),
    ("i64", Dtype::I64),
    ("bool", Dtype::Bool),
];

const FORM: &str = "write --input name=Nx3x224x224,f32 with N for the batch (or name=scalar,i64,16000; \
                    a third part is the content: one value, or a range such as 0..30000)";

impl Dtype {
    /// Its name in `--input`.
    pub fn name(self) -> &'static str {
        DTYPES.iter().find(|(_, d)| *d == self).expect("all are listed").0
    }

    /// Floats in [0, 1); integers 0 or 1, which are valid as an index, a mask and a token of any vocabulary.
    fn fill(self) -> Fill {
        match self {
            _ if self.is_float() => Fill::Uniform(0.0, 1.0),
            _ => Fill::Uniform(0.0, 2.0),
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Dtype::F16 | Dtype::F32 | Dtype::F64)
    }
}

impl Given {
    /// Parses `name=dims,dtype,fill`; dtype and fill may be left out.
    pub fn parse(text: &str) -> Result<Given, InputError> {
        let wrong = |what: String| InputError::new("--input", what).help(FORM);
        // Names may hold `=` or commas; what follows the last `=` does not.
        let (name, rest) = text.rsplit_once('=').ok_or_else(|| wrong(format!("`{text}` has no `=`")))?;
        let mut parts = rest.split(',').map(str::trim);
        let dims = parts.next().unwrap_or("");
        let axis = |text: &str| match text {
            "N" | "n" => Ok(Axis::Batch),
            digits => match digits.parse::<usize>() {
                Ok(size) => Ok(Axis::Fixed(size)),
                Err(_) => Err(wrong(format!("`{digits}` in `{text}` is no dimension"))),
            },
        };
        let axes = match dims {
            "scalar" => Vec::new(),
            dims => dims.split('x').map(axis).collect::<Result<_, _>>()?,
        };
        let (mut dtype, mut fill) = (None, None);
        for part in parts {
            if let Some((_, known)) = DTYPES.iter().find(|(name, _)| *name == part) {
                dtype = Some(*known);
            } else {
                fill = Some(parse_fill(part).ok_or_else(|| {
                    let names: Vec<&str> = DTYPES.iter().map(|(name, _)| *name).collect();
                    wrong(format!("`{part}` is no type and no content; {}", expected(part, &names)))
                })?);
            }
        }
        Ok(Given { name: name.to_owned(), axes, dtype, fill })
    }
}

fn parse_fill(text: &str) -> Option<Fill> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite());
    match text.split_once("..") {
        Some((low, high)) => {
            let (low, high) = (number(low)?, number(high)?);
            (low < high).then_some(Fill::Uniform(low, high))
        }
        None => number(text).map(Fill::Constant),
    }
}

/// The inputs of a model file, resolved but for the batch size.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    list: Vec<(Declared, Dtype, Fill)>,
}

impl Inputs {
    /// Joins what the file declares with what the user gives. Errors list the model's inputs.
    pub fn resolve(file: &str, declared: &[Declared], given: &[Given]) -> Result<Inputs, InputError> {
        let listing = || format!("the model's inputs: {}; {FORM}", describe(declared));
        for one in given {
            if !declared.iter().any(|d| d.name == one.name) {
                let names: Vec<&str> = declared.iter().map(|d| d.name.as_str()).collect();
                let message = format!("the model has no input `{}`", one.name);
                let mend = format!("{}; {}", expected(&one.name, &names), listing());
                return Err(InputError::new("--input", message).help(mend));
            }
        }
        let mut list = Vec::new();
        for input in declared {
            let given = given.iter().find(|g| g.name == input.name);
            let axes = given.map_or(&input.axes, |g| &g.axes).clone();
            if axes.len() != input.axes.len() {
                let (has, was) = (input.axes.len(), axes.len());
                let message = format!("`{}` has {has} dimensions, {was} are given", input.name);
                return Err(InputError::new("--input", message).help(listing()));
            }
            if let Some(Axis::Open(name)) = axes.iter().find(|a| matches!(a, Axis::Open(_))) {
                let message = format!("input `{}` leaves its dimension `{name}` open", input.name);
                return Err(InputError::new(file, message).help(listing()));
            }
            let dtype = match (given.and_then(|g| g.dtype), input.dtype) {
                (Some(given), Ok(own)) if given != own => {
                    let message = format!("`{}` is {}, not {}", input.name, own.name(), given.name());
                    return Err(InputError::new("--input", message).help(listing()));
                }
                (_, Ok(own)) => own,
                (_, Err(name)) => return Err(cannot_be_fed(file, &input.name, name)),
            };
            let fill = given.and_then(|g| g.fill).unwrap_or(dtype.fill());
            list.push((Declared { axes, ..input.clone() }, dtype, fill));
        }
        Ok(Inputs { list })
    }

    /// The first input, if none has a batch axis: the file then holds one batch size only.
    pub fn fixed(&self) -> Option<String> {
        let free = self.list.iter().any(|(d, _, _)| d.axes.contains(&Axis::Batch));
        let (first, _, _) = self.list.first()?;
        (!free).then(|| format!("`{}` is {}", first.name, shape(&first.axes)))
    }

    /// The inputs of one batch size.
    pub fn of_batch(&self, batch: u32) -> Vec<Input> {
        let size = |axis: &Axis| match axis {
            Axis::Fixed(size) => *size,
            Axis::Batch | Axis::Open(_) => batch as usize,
        };
        let input = |(declared, dtype, fill): &(Declared, Dtype, Fill)| Input {
            name: declared.name.clone(),
            dims: declared.axes.iter().map(size).collect(),
            dtype: *dtype,
            fill: *fill,
        };
        self.list.iter().map(input).collect()
    }
}

impl Input {
    /// Its content, from the stream of its own name under `seed`.
    pub fn data(&self, seed: u64) -> Vec<f64> {
        let mut stream = Streams::new(seed).stream(&format!("input {}", self.name));
        let whole = !self.dtype.is_float();
        let value = |_| match self.fill {
            Fill::Constant(value) => value,
            Fill::Uniform(low, high) => {
                let value = stream.random_range(low..high);
                if whole { value.floor() } else { value }
            }
        };
        (0..self.dims.iter().product::<usize>()).map(value).collect()
    }
}

fn cannot_be_fed(file: &str, input: &str, dtype: &str) -> InputError {
    let mend = match dtype {
        "string" => "export the model without its tokenizer or preprocessing, so that it takes numbers",
        "bf16 (bfloat16)" => "export the model in float32 or float16",
        _ => "export the model with inputs of another type",
    };
    InputError::new(file, format!("input `{input}` is of type {dtype}, which cannot be fed here")).help(mend)
}

/// "`input` batch x sequence (f32), `sr` scalar (i64)".
pub fn describe(declared: &[Declared]) -> String {
    let one = |d: &Declared| {
        format!("`{}` {} ({})", d.name, shape(&d.axes), d.dtype.map_or_else(|name| name, Dtype::name))
    };
    declared.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn shape(axes: &[Axis]) -> String {
    let one = |axis: &Axis| match axis {
        Axis::Batch => "N".to_owned(),
        Axis::Fixed(size) => size.to_string(),
        Axis::Open(name) => name.clone(),
    };
    match axes.is_empty() {
        true => "scalar".into(),
        false => axes.iter().map(one).collect::<Vec<_>>().join("x"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> Vec<Declared> {
        let open = |name: &str| Axis::Open(name.into());
        vec![
            Declared {
                name: "input".into(),
                axes: vec![Axis::Batch, open("sequence")],
                dtype: Ok(Dtype::F32),
            },
            Declared { name: "sr".into(), axes: vec![], dtype: Ok(Dtype::I64) },
        ]
    }

    #[test]
    fn an_open_dimension_lists_the_inputs_and_the_mend() {
        let error = Inputs::resolve("m.onnx", &declared(), &[]).unwrap_err().to_string();
        assert!(error.contains("input `input` leaves its dimension `sequence` open"), "{error}");
        assert!(error.contains("`input` Nxsequence (f32), `sr` scalar (i64)"), "{error}");
        let unknown = [Given::parse("inptu=Nx3").unwrap()];
        let error = Inputs::resolve("m.onnx", &declared(), &unknown).unwrap_err().to_string();
        assert!(error.contains("did you mean `input`?"), "{error}");
    }

    #[test]
    fn given_inputs_are_fed_the_same_data_every_time() {
        let given = ["input=Nx4,f32,-1..1", "sr=scalar,i64,16000"].map(|t| Given::parse(t).unwrap());
        let inputs = Inputs::resolve("m.onnx", &declared(), &given).unwrap().of_batch(3);
        assert_eq!((inputs[0].dims.clone(), inputs[1].dims.clone()), (vec![3, 4], vec![]));
        assert_eq!(inputs[1].data(1), [16000.0]);
        let data = inputs[0].data(1);
        assert!(data.iter().all(|x| (-1.0..1.0).contains(x)) && data.iter().any(|x| *x < 0.0));
        assert!(data == inputs[0].data(1) && data != inputs[0].data(2));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for bad in ["input", "input=Nx-1", "input=N,f33", "input=N,f32,2..1"] {
            assert!(Given::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_that_cannot_be_fed_are_named_with_the_mend() {
        let of = |dtype| vec![Declared { name: "text".into(), axes: vec![Axis::Batch], dtype }];
        for (dtype, mend) in [("string", "without its tokenizer"), ("bf16 (bfloat16)", "in float32")] {
            let error = Inputs::resolve("m.onnx", &of(Err(dtype)), &[]).unwrap_err().to_string();
            assert!(error.contains(&format!("is of type {dtype}")) && error.contains(mend), "{error}");
        }
        let given = [Given::parse("text=N,f32").unwrap()];
        let error = Inputs::resolve("m.onnx", &of(Ok(Dtype::F16)), &given).unwrap_err().to_string();
        assert!(error.contains("`text` is f16, not f32"), "{error}");
        assert!(Inputs::resolve("m.onnx", &of(Ok(Dtype::I8)), &[]).is_ok());
    }

    #[test]
    fn a_dimension_may_be_of_length_zero() {
        let given = [Given::parse("input=Nx0").unwrap(), Given::parse("sr=scalar").unwrap()];
        let inputs = Inputs::resolve("m.onnx", &declared(), &given).unwrap().of_batch(2);
        assert_eq!((inputs[0].dims.clone(), inputs[0].data(1)), (vec![2, 0], vec![]));
    }
}
