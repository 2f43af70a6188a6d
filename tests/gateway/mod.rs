//! A gateway under test, a function behind it, and clients: all on loopback, all with plain sockets.

#![allow(dead_code)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// Nothing may take longer than this.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A scenario whose policy is `policy`; what else it says does not act in the gateway.
pub fn scenario(policy: &str) -> String {
    format!(
        r#"
        name = "gateway"
        [workload]
        kind = "poisson"
        rate = 100
        requests = 100
        [profile]
        memory_mb = [1024]
        batch = [1, 32]
        service_s = [[0.002, 0.004]]
        [platform]
        kind = "lambda"
        book = "aws-2026"
        memory_mb = 1024
        cold_starts = true
        runtime_init = "0s"
        keep_alive = "1h"
        retry = {{ attempts = 3, base = "20ms", cap = "50ms" }}
        [policy]
        {policy}
        "#
    )
}

/// At 40 a second, a plan has reason to leave the unbatched start: batches of up to 8 cost little more than one.
pub const ADAPTIVE: &str = r#"
name = "adaptive"
[workload]
WORKLOAD
[profile]
memory_mb = [1024]
batch = [1, 8]
service_s = [[0.02, 0.03]]
[platform]
kind = "lambda"
book = "aws-2026"
memory_mb = 1024
[policy]
kind = "adaptive"
window = "1min"
period = "1min"
forecast = "last"
[slo]
percentile = 95
latency = "200ms"
[sweep]
memory_mb = [1024]
batch = [1, 2, 4, 8]
timeout = ["0ms", "50ms", "100ms", "150ms"]
[output]
batches = true
"#;

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The first line.
    pub first: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or("")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Reads a message with a Content-Length; `None` if the connection ends.
pub fn read_message(stream: &mut BufReader<TcpStream>) -> Option<Message> {
    let mut message = Message::default();
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        match (message.first.is_empty(), text.split_once(':')) {
            (true, _) => message.first = text.to_owned(),
            (false, Some((name, value))) => message.headers.push((name.to_owned(), value.trim().to_owned())),
            (false, None) => break,
        }
    }
    let length = message.header("content-length").map_or(0, |length| length.parse().unwrap());
    message.body = vec![0; length];
    stream.read_exact(&mut message.body).ok()?;
    Some(message)
}

/// What the function behind the gateway does with a call.
type Behaviour = dyn Fn(&Message) -> (u16, String) + Send + Sync;

/// A function behind the gateway.
pub struct Function {
    pub address: SocketAddr,
    pub calls: Arc<Mutex<Vec<Message>>>,
    ended: Arc<AtomicBool>,
}

impl Function {
    /// Doubles every instance after `delay`.
    pub fn doubling(delay: Duration) -> Function {
        Function::start(move |call| {
            std::thread::sleep(delay);
            let doubled: Vec<Value> = call.json()["instances"]
                .as_array()
                .unwrap()
                .iter()
                .map(|instance| Value::from(2 * instance.as_i64().unwrap()))
                .collect();
            (200, serde_json::json!({ "predictions": doubled }).to_string())
        })
    }

    pub fn start(behaviour: impl Fn(&Message) -> (u16, String) + Send + Sync + 'static) -> Function {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, ended) = (Arc::<Mutex<Vec<Message>>>::default(), Arc::new(AtomicBool::new(false)));
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let function = Function { address, calls: calls.clone(), ended: ended.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (behaviour, calls, ended) = (behaviour.clone(), calls.clone(), ended.clone());
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let mut writer = stream.try_clone().unwrap();
                    let mut reader = BufReader::new(stream);
                    while let Some(call) = read_message(&mut reader) {
                        calls.lock().unwrap().push(call.clone());
                        let (status, body) = behaviour(&call);
                        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                        // After kill() the answer is never sent.
                        if ended.load(Ordering::SeqCst)
                            || writer.write_all((head + &body).as_bytes()).is_err()
                        {
                            return;
                        }
                    }
                });
            }
        });
        function
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// `sim serve`, as a process.
pub struct Gateway {
    pub address: SocketAddr,
    pub log: PathBuf,
    pub folder: tempfile::TempDir,
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
}

impl Gateway {
    /// Serves with a policy in front of `upstream`; `words` are further arguments.
    pub fn start(policy: &str, upstream: &str, words: &[&str]) -> Gateway {
        let folder = tempfile::tempdir().unwrap();
        Gateway::start_in(folder, &scenario(policy), upstream, words)
    }

    pub fn start_in(folder: tempfile::TempDir, text: &str, upstream: &str, words: &[&str]) -> Gateway {
        Gateway::start_with(folder, text, upstream, words, &[])
    }

    /// With variables of the environment.
    pub fn start_with(
        folder: tempfile::TempDir,
        text: &str,
        upstream: &str,
        words: &[&str],
        variables: &[(&str, &str)],
    ) -> Gateway {
        std::fs::write(folder.path().join("s.toml"), text).unwrap();
        let log = folder.path().join("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_sim"))
            .current_dir(folder.path())
            .args(["serve", "s.toml", "--listen", "127.0.0.1:0", "--log", "log", "--upstream", upstream])
            .args(words)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(": ").next());
        let address = address.unwrap_or_else(|| panic!("no address in: {line}")).parse().unwrap();
        Gateway { address, log, folder, child, stderr }
    }

    pub fn post(&self, path: &str, body: &str) -> Message {
        request(self.address, &format!("POST {path}"), body.as_bytes()).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Message {
        request(self.address, &format!("GET {path}"), b"").expect("an answer")
    }

    /// The value of a metric, as it is written.
    pub fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.get("/metrics").body).unwrap();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.map_or(0.0, |line| line.split(' ').nth(1).unwrap().parse().unwrap())
    }

    /// Waits until a condition holds.
    pub fn wait_for(&self, what: &str, holds: impl Fn(&Gateway) -> bool) {
        let start = std::time::Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits for the end; what was said on standard error after the first line.
    pub fn wait(mut self) -> (Ended, tempfile::TempDir) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{said}");
        (
            Ended { log: self.log.clone(), said },
            std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()),
        )
    }

    pub fn stop(self) -> (Ended, tempfile::TempDir) {
        self.terminate();
        self.wait()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway that has ended.
pub struct Ended {
    pub log: PathBuf,
    pub said: String,
}

impl Ended {
    /// The rows of a file of the log by column.
    pub fn rows(&self, name: &str) -> Vec<csv::StringRecord> {
        rows(&self.log.join(name))
    }

    /// (answered, refused, failed, left) as the gateway counted them.
    pub fn totals(&self) -> [u64; 4] {
        let line = self.said.lines().find(|line| line.contains(" requests: ")).expect("a summary");
        let before = |word: &str| {
            let at = line.find(&format!(" {word}")).unwrap();
            let number = line[..at].rsplit([' ', ':']).next().unwrap();
            number.replace(',', "").parse().unwrap()
        };
        [before("answered"), before("refused"), before("failed"), before("left")]
    }
}

pub fn rows(path: &Path) -> Vec<csv::StringRecord> {
    csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
}

/// One request on a connection of its own; `None` if the connection ends without an answer.
pub fn request(address: SocketAddr, what: &str, body: &[u8]) -> Option<Message> {
    request_with(address, what, &[], body)
}

pub fn request_with(
    address: SocketAddr,
    what: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Message> {
    let mut stream = send(address, what, headers, body)?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.flush().ok()?;
    read_message(&mut BufReader::new(stream))
}

/// Sends a request and waits for nothing.
pub fn send(address: SocketAddr, what: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).unwrap();
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head =
        format!("{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n");
    let mut all = head.into_bytes();
    all.extend_from_slice(body);
    // Who gets an answer early stops reading.
    let _ = stream.write_all(&all);
    Some(stream)
}

/// What became of the requests of several clients.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: AtomicU64,
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    pub failed: AtomicU64,
    pub silent: AtomicU64,
}

impl Tally {
    pub fn count(&self, answer: Option<&Message>) {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let counter = match answer.map(Message::status) {
            Some(200..=299) => &self.answered,
            Some(429 | 503 | 400..=499) => &self.refused,
            Some(_) => &self.failed,
            None => &self.silent,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }

    /// [sent, answered, refused, failed, silent]
    pub fn counts(&self) -> [u64; 5] {
        [&self.sent, &self.answered, &self.refused, &self.failed, &self.silent]
            .map(|counter| counter.load(Ordering::SeqCst))
    }
}
