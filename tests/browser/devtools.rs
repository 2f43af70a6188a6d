//! Chromium driven by its DevTools protocol: JSON messages, each ended by a zero byte, over two pipes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

/// Longer than any answer takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser without a window.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    last: u64,
    events: Vec<Value>,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub name: &'static str,
    pub scheme: &'static str,
    pub width: u32,
    pub touch: bool,
}

/// A page that has been loaded.
pub struct Tab<'a> {
    browser: &'a mut Browser,
    session: String,
}

impl Browser {
    /// Starts `program`; its profile is kept in `folder`, which should be new.
    pub fn start(program: &str, folder: &Path) -> Browser {
        // The protocol speaks on the descriptors 3 and 4, which the shell ties to our pipes. The pages are our own, and
        // Chromium's sandbox does not start in most containers.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh", program])
            .args([
                "--headless",
                "--remote-debugging-pipe",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(out).split(0) {
                let Ok(message) = message else { return };
                if send.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        Browser { child, to, from, last: 0, events: Vec::new() }
    }

    /// Loads a file as `look` says.
    pub fn open(&mut self, file: &Path, look: Look) -> Tab<'_> {
        self.open_after(file, look, &[])
    }

    /// The same without a network, of which every request is noted.
    pub fn open_offline(&mut self, file: &Path, look: Look) -> Tab<'_> {
        let nothing =
            json!({ "offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0 });
        let calls = [("Network.enable", json!({})), ("Network.emulateNetworkConditions", nothing)];
        self.open_after(file, look, &calls)
    }

    /// The same where a policy forbids scripts.
    pub fn open_without_scripts(&mut self, file: &Path, look: Look) -> Tab<'_> {
        self.open_after(file, look, &[("Emulation.setScriptExecutionDisabled", json!({ "value": true }))])
    }

    fn open_after(&mut self, file: &Path, look: Look, calls: &[(&str, Value)]) -> Tab<'_> {
        let target = self.call(None, "Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session =
            self.call(None, "Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
        let mut tab = Tab { browser: self, session };
        for domain in ["Page", "Runtime", "Log"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        let screen =
            json!({ "width": look.width, "height": 800, "deviceScaleFactor": 1, "mobile": look.touch });
        tab.call("Emulation.setDeviceMetricsOverride", screen);
        tab.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": look.touch }));
        let scheme = json!({ "name": "prefers-color-scheme", "value": look.scheme });
        tab.call("Emulation.setEmulatedMedia", json!({ "features": [scheme] }));
        for (method, parameters) in calls {
            tab.call(method, parameters.clone());
        }
        tab.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        tab.browser.wait_for("Page.loadEventFired", &tab.session);
        tab
    }

    fn call(&mut self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.next(method);
            if answer["id"] == self.last {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn wait_for(&mut self, event: &str, session: &str) {
        let is_it = |message: &Value| message["method"] == event && message["sessionId"] == session;
        while !self.events.iter().any(is_it) {
            let message = self.next(event);
            self.events.push(message);
        }
    }

    fn next(&mut self, awaited: &str) -> Value {
        self.from
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("the browser did not answer {awaited}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Either may fail if the browser has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tab<'_> {
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.browser.call(Some(&self.session), method, parameters)
    }

    /// Loads the page again.
    pub fn reload(&mut self) {
        self.browser.events.retain(|event| event["method"] != "Page.loadEventFired");
        self.call("Page.reload", json!({}));
        self.browser.wait_for("Page.loadEventFired", &self.session);
    }

    /// The addresses that the page asked for, if it was opened offline.
    pub fn requests(&self) -> Vec<String> {
        let asked = self.browser.events.iter().filter(|event| {
            event["method"] == "Network.requestWillBeSent" && event["sessionId"] == self.session.as_str()
        });
        asked.map(|event| event["params"]["request"]["url"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The value of a JavaScript expression, or of what it promises.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    pub fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// The whole page as a PNG.
    pub fn whole(&mut self) -> Vec<u8> {
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].take();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        self.picture(json!({ "captureBeyondViewport": true, "clip": clip }))
    }

    /// What is in the window as a PNG.
    pub fn window(&mut self) -> Vec<u8> {
        self.picture(json!({}))
    }

    fn picture(&mut self, asked: Value) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", asked);
        base64::prelude::BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// What went wrong on the page so far: exceptions, errors and warnings.
    pub fn complaints(&self) -> Vec<String> {
        let bad = |event: &&Value| {
            let level =
                |at: &str| matches!(event.pointer(at).and_then(Value::as_str), Some("error" | "warning"));
            event["sessionId"] == self.session.as_str()
                && match event["method"].as_str() {
                    Some("Runtime.exceptionThrown") => true,
                    Some("Runtime.consoleAPICalled") => level("/params/type"),
                    Some("Log.entryAdded") => level("/params/entry/level"),
                    _ => false,
                }
        };
        self.browser.events.iter().filter(bad).map(Value::to_string).collect()
    }

    pub fn close(mut self) {
        self.call("Page.close", json!({}));
    }
}
