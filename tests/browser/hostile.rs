//! Names that a browser would obey, on every page: shown, and nothing else.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::LOOKS;
use crate::devtools::{Browser, Tab};

/// Each would set `window.smuggled`, or load something, if it were obeyed.
const NAMES: [&str; 9] = [
    "<script>window.smuggled=1</script>",
    "<img src=x onerror=window.smuggled=1>",
    "\"><svg onload=window.smuggled=1>",
    "' onmouseover='window.smuggled=1",
    "</script><script>window.smuggled=1</script>",
    "</style><script>window.smuggled=1</script>",
    "]]><iframe src=http://x.invalid></iframe>",
    "&lt;script&gt;window.smuggled=1&lt;/script&gt;",
    "javascript:window.smuggled=1//${window.smuggled=1}`",
];
/// The characters of the names that are shown as they are.
const SHOWN: [&str; 3] = ["smuggled", "onerror", "x.invalid"];

/// Runs, sweeps, plans, compares, fits and looks at every page, their index included.
pub fn hostile_names(browser: &mut Browser) {
    let place = tempfile::tempdir().unwrap();
    make(place.path());
    for name in ["run", "sweep", "plan", "compare", "."] {
        let page = place.path().join("output").join(name).join("index.html");
        let mut tab = browser.open_offline(&page, LOOKS[0]);
        let shown = tab.text("document.body.innerText");
        let in_charts = tab.text("[...document.querySelectorAll('svg')].map((s) => s.textContent).join(' ')");
        if name == "run" || name == "compare" {
            for part in SHOWN {
                assert!(shown.contains(part) || in_charts.contains(part), "{name}: {part} is not shown");
            }
            point_everywhere(&mut tab);
        }
        assert_eq!(tab.value("window.smuggled ?? null"), Value::Null, "{name}");
        let strange = "document.querySelectorAll('iframe, img[onerror], [onload], [onmouseover], object, embed').length";
        assert_eq!(tab.value(strange), 0, "{name}");
        let links = tab.value("[...document.querySelectorAll('a')].map((a) => a.protocol)");
        assert!(links.as_array().unwrap().iter().all(|protocol| protocol == "file:"), "{name}: {links}");
        let asked = tab.requests();
        assert!(
            asked.iter().all(|url| url.starts_with("file:") || url.starts_with("data:")),
            "{name}: {asked:?}"
        );
        assert!(tab.complaints().is_empty(), "{name}: {:#?}", tab.complaints());
        tab.close();
    }
}

/// What the page tells of each mark is made of names too.
fn point_everywhere(tab: &mut Tab) {
    let marks = tab.value(
        "[...document.querySelectorAll('svg')].map((s) => { s.scrollIntoView({ block: 'center' }); \
         const b = s.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })",
    );
    for at in marks.as_array().unwrap() {
        let moved =
            json!({ "type": "mouseMoved", "x": at[0], "y": at[1].as_f64().unwrap().clamp(0.0, 799.0) });
        tab.call("Input.dispatchMouseEvent", moved);
    }
    let every = "document.querySelectorAll('svg *').forEach((e) => \
                 ['pointermove', 'pointerenter', 'mouseover', 'focus'].forEach((kind) => \
                 e.dispatchEvent(new Event(kind, { bubbles: true }))))";
    tab.value(every);
}

fn make(place: &Path) {
    let quoted = |name: &str| toml::Value::String(name.to_owned()).to_string();
    let mut systems = String::new();
    for (i, name) in NAMES.iter().enumerate() {
        let name = quoted(name);
        write!(
            systems,
            "[[system]]\nname = {name}\nkind = \"lambda\"\npolicy = {{ kind = \"batch\", batch = {}, timeout = \"50ms\" }}\n\
             [[published]]\nfigure = {name}\nsystem = {name}\nmetric = \"p95_s\"\nvalue = 1.0\nwhy = {name}\n",
            1 + i % 8
        )
        .unwrap();
    }
    let all = quoted(&NAMES.join(" "));
    let text = format!(
        "seed = 3\n[workload]\nkind = \"poisson\"\nrate = 50\nrequests = 3000\n[profile]\nmodel = {all}\n\
         source = {all}\nmemory_mb = [1024, 3072]\nbatch = [1, 8]\nservice_s = [[0.2, 0.9], [0.1, 0.35]]\n\
         [platform]\nkind = \"lambda\"\nbook = \"aws-2026\"\nmemory_mb = 1024\n\
         [policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"100ms\"\n[slo]\nlatency = \"1s\"\n\
         [sweep]\nmemory_mb = [1024, 3072]\nbatch = [1, 8]\ntimeout = [\"50ms\", \"1s\"]\n{systems}"
    );
    fs::write(place.join("s.toml"), text).unwrap();
    for command in ["run", "sweep", "plan", "compare"] {
        let out = format!("output/{command}");
        let words = [command, "s.toml", "--quiet", "--out", &out];
        Command::cargo_bin("sim").unwrap().current_dir(place).args(words).assert().success();
    }
}
