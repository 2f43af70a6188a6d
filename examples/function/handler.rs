//! handler.py in Rust: `{"instances": [..]}` in, `{"predictions": [..]}` out, the model run once for the whole batch.
//!
//! `cargo build --release --features profiler --example handler`. As a function of Lambda (runtime `provided.al2023`) the
//! binary is named `bootstrap` and takes calls from the Runtime API; without one it serves plain HTTP:
//! `handler PORT`, 0 for any that is free, which is printed. MODEL names the file.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Error, Result as IoResult, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tract_onnx::prelude::*;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/models/mlp.onnx");

/// A model with a plan for each batch size, made when that is first asked for.
struct Model {
    path: String,
    plans: BTreeMap<usize, Arc<TypedRunnableModel>>,
}

impl Model {
    fn plan(&mut self, shape: &[usize]) -> TractResult<Arc<TypedRunnableModel>> {
        if let Some(plan) = self.plans.get(&shape[0]) {
            return Ok(plan.clone());
        }
        let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
        let mut model = onnx.model_for_path(&self.path)?;
        model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?;
        let plan = model.into_optimized()?.into_runnable()?;
        self.plans.insert(shape[0], plan.clone());
        Ok(plan)
    }

    /// The answer to an event; what is wrong with the event.
    fn handle(&mut self, event: &Value) -> Result<Value, String> {
        let instances: Vec<Vec<f32>> =
            serde_json::from_value(event["instances"].clone()).map_err(|e| format!("instances: {e}"))?;
        let width = instances.first().map_or(0, Vec::len);
        if width == 0 || instances.iter().any(|instance| instance.len() != width) {
            return Err("instances: expected lists of the same length".to_owned());
        }
        let run = |model: &mut Model| -> TractResult<Vec<Vec<f32>>> {
            let shape = [instances.len(), width];
            let input = Tensor::from_shape(&shape, &instances.concat())?;
            let outputs = model.plan(&shape)?.run(tvec!(input.into_tvalue()))?;
            let floats = outputs[0].cast_to::<f32>()?;
            let values = floats.try_as_plain_ram()?.as_slice::<f32>()?;
            Ok(values.chunks(values.len() / instances.len()).map(<[f32]>::to_vec).collect())
        };
        let predictions = run(self).map_err(|e| format!("{e:#}"))?;
        Ok(json!({ "predictions": predictions }))
    }
}

/// The first line, the headers by name in small letters, and the body of a message of HTTP; `None` at the end.
type Message = (String, BTreeMap<String, String>, Vec<u8>);

fn message(stream: &mut impl BufRead) -> IoResult<Option<Message>> {
    let (mut first, mut headers) = (String::new(), BTreeMap::new());
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some((first, headers, body)))
}

/// Takes calls from Lambda's Runtime API, one after the other.
fn run_on_lambda(api: &str, model: &mut Model) -> IoResult<()> {
    let stream = TcpStream::connect(api)?;
    stream.set_nodelay(true)?;
    let (mut writer, mut reader) = (stream.try_clone()?, BufReader::new(stream));
    let mut exchange = |request: String| -> IoResult<(BTreeMap<String, String>, Vec<u8>)> {
        writer.write_all(request.as_bytes())?;
        let answer = message(&mut reader)?.ok_or_else(|| Error::other("the Runtime API hung up"))?;
        Ok((answer.1, answer.2))
    };
    loop {
        let next = format!("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n");
        let (headers, body) = exchange(next)?;
        let id = headers.get("lambda-runtime-aws-request-id").cloned().unwrap_or_default();
        let answer =
            serde_json::from_slice(&body).map_err(|e| e.to_string()).and_then(|event| model.handle(&event));
        let (end, text) = match answer {
            Ok(answer) => ("response", answer.to_string()),
            Err(reason) => {
                ("error", json!({ "errorType": "BadRequest", "errorMessage": reason }).to_string())
            }
        };
        exchange(format!(
            "POST /2018-06-01/runtime/invocation/{id}/{end} HTTP/1.1\r\nhost: {api}\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        ))?;
    }
}

fn serve(stream: TcpStream, model: &Mutex<Model>) -> IoResult<()> {
    stream.set_nodelay(true)?;
    let (mut writer, mut reader) = (stream.try_clone()?, BufReader::new(stream));
    while let Some((_, _, body)) = message(&mut reader)? {
        let event = serde_json::from_slice(&body).map_err(|e| e.to_string());
        let mut model = model.lock().map_err(|e| Error::other(e.to_string()))?;
        let (status, answer) = match event.and_then(|event: Value| model.handle(&event)) {
            Ok(answer) => ("200 OK", answer),
            Err(reason) => ("400 Bad Request", json!({ "error": reason })),
        };
        drop(model);
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        writer.write_all((head + &text).as_bytes())?;
    }
    Ok(())
}

fn main() -> IoResult<()> {
    let mut model = Model { path: env::var("MODEL").unwrap_or(MODEL.to_owned()), plans: BTreeMap::new() };
    if let Ok(api) = env::var("AWS_LAMBDA_RUNTIME_API") {
        return run_on_lambda(&api, &mut model);
    }
    let port = env::args().nth(1).unwrap_or("0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("{}", listener.local_addr()?.port());
    let model = Arc::new(Mutex::new(model));
    for stream in listener.incoming() {
        let (stream, model) = (stream?, Arc::clone(&model));
        // A client that hangs up has nobody to be told.
        std::thread::spawn(move || serve(stream, &model).ok());
    }
    Ok(())
}
