//! Servers that batch by themselves: the setting of B and T in their own words, and how their buffers differ from ours.
//!
//! Ours sends a batch when it holds B requests or T after its first, however many batches are under way.

use std::fmt::Write as _;

use super::quoted;
use crate::scenario::Setting;

/// A server that batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// Ray Serve, Python.
    RayServe,
    /// NVIDIA Triton, config.pbtxt.
    Triton,
    /// KServe, YAML.
    KServe,
    /// Mosec, Python.
    Mosec,
    /// BentoML, Python.
    BentoMl,
    /// Modal, Python.
    Modal,
    /// TorchServe, model-config.yaml.
    TorchServe,
}

/// The setting for a server; `name` is the scenario's.
pub fn server(text: &mut String, server: Server, name: &str, setting: Setting) -> std::fmt::Result {
    match server {
        Server::RayServe => ray_serve(text, setting),
        Server::Triton => triton(text, name, setting),
        Server::KServe => kserve(text, name, setting),
        Server::Mosec => mosec(text, setting),
        Server::BentoMl => bentoml(text, setting),
        Server::Modal => modal(text, name, setting),
        Server::TorchServe => torchserve(text, name, setting),
    }
}

/// Whole milliseconds. What is cut off is said.
fn milliseconds(text: &mut String, setting: Setting) -> Result<u64, std::fmt::Error> {
    let (whole, rest) = (setting.timeout.0 / 1_000_000, setting.timeout.0 % 1_000_000);
    if rest > 0 {
        writeln!(
            text,
            "# It waits in whole milliseconds: {whole} of the {} that were planned.",
            setting.timeout
        )?;
    }
    Ok(whole)
}

/// Requests that a replica of Ray Serve may have at a time, whatever the batch.
const ONGOING: u32 = 100;

fn ray_serve(text: &mut String, setting: Setting) -> std::fmt::Result {
    let Setting { batch, timeout, .. } = setting;
    writeln!(
        text,
        "# A replica works on one batch at a time unless max_concurrent_batches says otherwise, and gets"
    )?;
    writeln!(
        text,
        "# no more requests than max_ongoing_requests (5 if left out): with fewer, a batch never fills. What is on"
    )?;
    writeln!(
        text,
        "# its way through the proxy counts, too: with little more than a batch, a burst waits for seconds outside."
    )?;
    writeln!(text, "from ray import serve\n\n")?;
    writeln!(text, "@serve.deployment(max_ongoing_requests={})", ONGOING.max(8 * batch))?;
    writeln!(text, "class Inference:")?;
    writeln!(
        text,
        "    @serve.batch(max_batch_size={batch}, batch_wait_timeout_s={})",
        timeout.as_secs_f64()
    )?;
    writeln!(text, "    async def predict(self, instances: list) -> list:")?;
    writeln!(text, "        raise NotImplementedError(\"run the model on the list\")\n")?;
    writeln!(text, "    async def __call__(self, request):")?;
    writeln!(text, "        return await self.predict(await request.json())")
}

fn triton(text: &mut String, name: &str, setting: Setting) -> std::fmt::Result {
    let Setting { batch, timeout, .. } = setting;
    let micros = timeout.0 / 1000;
    writeln!(
        text,
        "# Triton counts items: a request of several fills as many places. While every instance of the model"
    )?;
    writeln!(text, "# is busy, batches wait beyond the delay; give instance_group as many as run at once.")?;
    if timeout.0 % 1000 > 0 {
        writeln!(text, "# It waits in whole microseconds: {micros} of the {timeout} that were planned.")?;
    }
    writeln!(text, "name: {}\nmax_batch_size: {batch}", quoted(name))?;
    if batch > 1 {
        writeln!(text, "dynamic_batching {{")?;
        writeln!(text, "  preferred_batch_size: [ {batch} ]")?;
        writeln!(text, "  max_queue_delay_microseconds: {micros}\n}}")?;
    }
    Ok(())
}

fn kserve(text: &mut String, name: &str, setting: Setting) -> std::fmt::Result {
    writeln!(
        text,
        "# The batcher counts instances: a request of several fills as many places. It lies beside each replica,"
    )?;
    writeln!(text, "# so each gathers batches from its own share of the requests.")?;
    let wait = milliseconds(text, setting)?;
    writeln!(text, "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata:")?;
    writeln!(text, "  name: {}   # letters, digits and - only", quoted(&dns_name(name)))?;
    writeln!(text, "spec:\n  predictor:\n    batcher:")?;
    writeln!(text, "      maxBatchSize: {}\n      maxLatency: {wait}", setting.batch)?;
    writeln!(text, "    model:\n      modelFormat:\n        name: onnx   # set this")?;
    writeln!(text, "      storageUri: your-model   # set this")
}

fn mosec(text: &mut String, setting: Setting) -> std::fmt::Result {
    writeln!(
        text,
        "# A worker that is free takes what waits: num is how many batches run at once. With too few of them"
    )?;
    writeln!(text, "# requests wait beyond max_wait_time.")?;
    let wait = milliseconds(text, setting)?;
    writeln!(text, "from mosec import Server, Worker\n\n")?;
    writeln!(text, "class Inference(Worker):")?;
    writeln!(text, "    def forward(self, data: list) -> list:")?;
    writeln!(text, "        raise NotImplementedError(\"run the model on the list\")\n\n")?;
    writeln!(text, "if __name__ == \"__main__\":\n    server = Server()")?;
    writeln!(
        text,
        "    server.append_worker(Inference, num=1, max_batch_size={}, max_wait_time={wait})",
        setting.batch
    )?;
    writeln!(text, "    server.run()")
}

fn bentoml(text: &mut String, setting: Setting) -> std::fmt::Result {
    writeln!(
        text,
        "# max_latency_ms is no timeout of the buffer: it bounds waiting and running together, the dispatcher learns"
    )?;
    writeln!(
        text,
        "# how long to wait, and requests that would be late get 503. Set it to the SLO if that refuses too many."
    )?;
    let wait = milliseconds(text, setting)?;
    writeln!(text, "import bentoml\n\n\n@bentoml.service\nclass Inference:")?;
    writeln!(
        text,
        "    @bentoml.api(batchable=True, max_batch_size={}, max_latency_ms={wait})",
        setting.batch
    )?;
    writeln!(text, "    def predict(self, instances: list[float]) -> list[float]:")?;
    writeln!(text, "        raise NotImplementedError(\"run the model on the list\")")
}

fn modal(text: &mut String, name: &str, setting: Setting) -> std::fmt::Result {
    writeln!(text, "# Each container gathers batches from its own share of the inputs.")?;
    let wait = milliseconds(text, setting)?;
    writeln!(text, "import modal\n\napp = modal.App({})\n\n", quoted(name))?;
    writeln!(text, "@app.function(memory={})", setting.memory.0)?;
    writeln!(text, "@modal.batched(max_batch_size={}, wait_ms={wait})", setting.batch)?;
    writeln!(text, "async def predict(instances: list) -> list:")?;
    writeln!(text, "    raise NotImplementedError(\"run the model on the list\")")
}

fn torchserve(text: &mut String, name: &str, setting: Setting) -> std::fmt::Result {
    writeln!(
        text,
        "# model-config.yaml of {}. A worker that is free takes what waits: maxWorkers is how many",
        name
    )?;
    writeln!(text, "# batches run at once. With too few of them requests wait beyond maxBatchDelay.")?;
    let wait = milliseconds(text, setting)?;
    writeln!(text, "minWorkers: 1\nmaxWorkers: 1   # set this")?;
    writeln!(text, "batchSize: {}\nmaxBatchDelay: {wait}", setting.batch)
}

/// A name that Kubernetes takes.
fn dns_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    let start = if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "model-" };
    format!("{start}{plain}").chars().take(63).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{MemoryMb, Span};

    const ALL: [Server; 7] = [
        Server::RayServe,
        Server::Triton,
        Server::KServe,
        Server::Mosec,
        Server::BentoMl,
        Server::Modal,
        Server::TorchServe,
    ];

    fn emitted(kind: Server, name: &str, timeout: &str) -> String {
        let timeout = Span::parse(timeout).unwrap();
        let mut text = String::new();
        server(&mut text, kind, name, Setting::new(MemoryMb(1024), 8, timeout)).unwrap();
        text
    }

    #[test]
    fn every_server_gets_the_batch_and_the_timeout_in_its_own_unit() {
        let settings = [
            "max_batch_size=8, batch_wait_timeout_s=0.12",
            "max_queue_delay_microseconds: 120000",
            "maxBatchSize: 8\n      maxLatency: 120\n",
            "max_batch_size=8, max_wait_time=120",
            "max_batch_size=8, max_latency_ms=120",
            "max_batch_size=8, wait_ms=120",
            "batchSize: 8\nmaxBatchDelay: 120\n",
        ];
        for (kind, setting) in ALL.into_iter().zip(settings) {
            let text = emitted(kind, "m", "120ms");
            assert!(text.contains(setting), "{text}");
            assert!(!text.contains("whole milli"), "{text}");
        }
        assert!(emitted(Server::RayServe, "m", "1s").contains("max_ongoing_requests=100"));
    }

    #[test]
    fn what_is_cut_off_is_said() {
        let text = emitted(Server::Mosec, "m", "120.7ms");
        assert!(text.contains("max_wait_time=120)") && text.contains("120 of the 120.7 ms"), "{text}");
        let text = emitted(Server::Triton, "m", "1500ns");
        assert!(text.contains("microseconds: 1 of the 1.5 µs"), "{text}");
    }

    #[test]
    fn a_name_cannot_break_out_of_its_place() {
        assert!(emitted(Server::KServe, "9 Models.v2", "1s").contains("name: \"model-9-models-v2\""));
        assert!(emitted(Server::Triton, "a b", "1s").contains("name: \"a b\""));
    }

    #[cfg(unix)]
    #[test]
    fn python_reads_what_is_python() {
        for kind in [Server::RayServe, Server::Mosec, Server::BentoMl, Server::Modal] {
            let text = emitted(kind, "m", "120ms");
            let check = "import ast, sys; ast.parse(sys.argv[1])";
            match std::process::Command::new("python3").args(["-c", check, &text]).output() {
                Ok(output) => assert!(output.status.success(), "{text}"),
                Err(_) => eprintln!("not tried: there is no python3 here"),
            }
        }
    }
}
