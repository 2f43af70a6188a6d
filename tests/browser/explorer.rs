//! The explorer in a real browser, without a network: what its sliders find is what sweep.csv has, to the last digit.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use assert_cmd::Command;
use batchsim::report::format::{duration, money};
use serde_json::{Value, json};

use crate::devtools::{Browser, Look, Tab};

const SETTINGS: usize = 1000;
const CONFIGURATIONS: usize = 30_000;
/// What a frame may take.
const FRAME_MS: f64 = 16.0;
const MOST_DRAGS: usize = 10;
const WIDE: Look = Look { name: "explorer", scheme: "light", width: 1280, touch: false };
const PHONE: Look = Look { name: "explorer-narrow", scheme: "dark", width: 390, touch: true };
const SCENARIO: &str = r#"
name = "explorer"
seed = 7
workload = { kind = "map", d0 = [[-10.02, 0.02], [0.2, -100.2]], d1 = [[10.0, 0.0], [0.0, 100.0]], requests = 5000 }
profile = { memory_mb = [1024, 3072], batch = [1, 8], service_s = [[0.2, 0.9], [0.1, 0.35]] }
platform = { kind = "lambda", book = "aws-2026", memory_mb = 1792 }
policy = { kind = "batch", batch = 4, timeout = "100ms" }
slo = { percentile = 95, latency = "500ms" }
[sweep]
memory_mb = { from = 1024, to = 3016, step = 8 }
batch = [1, 2, 3, 5, 6, 8]
timeout = { from = "10ms", to = "200ms", step = "10ms" }
"#;

/// A row of sweep.csv: its text, and the figures that decide.
struct Row {
    line: String,
    memory: f64,
    batch: f64,
    timeout: f64,
    latency: f64,
    usd: f64,
    month: f64,
    meets: bool,
}

pub fn explorer(browser: &mut Browser, pictures: &Path) {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("s.toml"), SCENARIO).unwrap();
    let words = ["sweep", "s.toml", "--out", "out", "--quiet"];
    Command::cargo_bin("sim").unwrap().current_dir(place.path()).args(words).assert().success();
    let folder = place.path().join("out");
    let (head, rows) = rows(&folder.join("sweep.csv"));
    assert_eq!(rows.len(), CONFIGURATIONS);
    let page = fs::read_to_string(folder.join("index.html")).unwrap();
    let packed = page.split("id=\"explorer-grid\">").nth(1).unwrap().split("</script>").next().unwrap();
    assert!(packed.len() < 2_000_000, "the grid takes {} bytes", packed.len());
    say(&format!("explorer: {} bytes of grid in a page of {}", packed.len(), page.len()));

    let mut tab = opened(browser, &folder, WIDE);
    thousand_settings(&mut tab, &head, &rows);
    frames(&mut tab);
    dragged(&mut tab, &head, &rows);
    kept_in_the_address(&mut tab);
    pinned(&mut tab);
    fs::write(pictures.join("explorer-wide.png"), tab.whole()).unwrap();
    let asked = tab.requests();
    let is_local = |url: &String| ["file:", "data:", "blob:"].iter().any(|scheme| url.starts_with(scheme));
    assert!(!asked.is_empty() && asked.iter().all(is_local), "{asked:?}");
    assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    tab.close();

    let mut tab = opened(browser, &folder, PHONE);
    touched(&mut tab, &head, &rows);
    fs::write(pictures.join("explorer-phone.png"), tab.whole()).unwrap();
    assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    tab.close();
    without_scripts(browser, &folder);
}

fn say(line: &str) {
    let mut terminal = std::io::stderr();
    // Not eprintln, which the test harness keeps to itself.
    writeln!(terminal, "{line}").unwrap();
}

fn rows(file: &Path) -> (String, Vec<Row>) {
    let text = fs::read_to_string(file).unwrap();
    let (head, lines) = text.split_once('\n').unwrap();
    let names: Vec<&str> = head.split(',').collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| cells[names.iter().position(|known| *known == name).unwrap()];
        let figure = |name: &str| cell(name).parse().unwrap();
        Row {
            line: line.to_owned(),
            memory: figure("memory_mb"),
            batch: figure("batch"),
            timeout: figure("timeout_s"),
            latency: figure("simulated_p95_s"),
            usd: figure("simulated_cost_usd_per_million"),
            month: figure("simulated_cost_usd_per_month"),
            meets: cell("meets_slo") == "true",
        }
    };
    (head.to_owned(), lines.lines().map(row).collect())
}

fn opened<'a>(browser: &'a mut Browser, folder: &Path, look: Look) -> Tab<'a> {
    let mut tab = browser.open_offline(&folder.join("index.html"), look);
    ready(&mut tab);
    tab
}

fn ready(tab: &mut Tab) {
    let wait = "(async () => {
        while (!document.querySelector('#explorer[data-ready]')) await new Promise((go) => setTimeout(go, 20));
        return true;
    })()";
    assert_eq!(tab.value(wait), true);
}

/// The limits that a page shows, and what it found.
const SEEN: &str = "(() => {
    const slider = (key) => document.getElementById(`explorer-${key}`).dataset.limit;
    const limits = ['slo', 'budget', 'memory_mb', 'batch', 'timeout_s'].map(slider);
    const only = ['memory_mb', 'batch', 'timeout_s'].map((key) => document.getElementById(`explorer-${key}-only`).checked);
    const goal = document.querySelector('[name=explorer-goal]:checked').value;
    const text = (place) => document.querySelector(`#explorer ${place}`).textContent;
    return { limits, only, goal, file: text('pre'), answer: text('.answer') };
})()";

/// Looks through all rows, as the explorer says that it does.
fn expected<'a>(seen: &Value, rows: &'a [Row]) -> Option<&'a Row> {
    let limit = |at: usize| match seen["limits"][at].as_str().unwrap() {
        "Infinity" => f64::INFINITY,
        text => text.parse().unwrap(),
    };
    let axis = |figure: f64, at: usize| match seen["only"][at].as_bool().unwrap() {
        true => figure == limit(at + 2),
        false => figure <= limit(at + 2),
    };
    let keeps = |row: &Row| if limit(0) == 0.5 { row.meets } else { row.latency <= limit(0) };
    let within = |row: &&Row| {
        keeps(row) && row.usd <= limit(1) && axis(row.memory, 0) && axis(row.batch, 1) && axis(row.timeout, 2)
    };
    let key =
        |row: &Row| if seen["goal"] == "fastest" { (row.latency, row.usd) } else { (row.usd, row.latency) };
    rows.iter().filter(within).min_by(|a, b| {
        let ((x, y), (other_x, other_y)) = (key(a), key(b));
        x.total_cmp(&other_x).then(y.total_cmp(&other_y))
    })
}

/// Was the right row found, and is it told with the file's digits and the page's words?
fn check(seen: &Value, head: &str, rows: &[Row]) -> bool {
    let (file, answer) = (seen["file"].as_str().unwrap(), seen["answer"].as_str().unwrap());
    let Some(row) = expected(seen, rows) else {
        assert_eq!((file, answer), ("", "No configuration lies within these limits."), "{seen}");
        return false;
    };
    assert_eq!(file, format!("{head}\n{}", row.line), "{seen}");
    let (p95, cost, month) = (duration(row.latency), money(row.usd), money(row.month));
    let figures = format!(": p95 {p95}, {cost} a million, {month} a month.");
    assert!(answer.ends_with(&figures), "{answer}\n{figures}");
    true
}

fn thousand_settings(tab: &mut Tab, head: &str, rows: &[Row]) {
    // Places on the sliders from 0 to 1, and which switches are on: by a congruential generator of our own.
    let mut state = 12_345_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let settings: Vec<[f64; 9]> = (0..SETTINGS).map(|_| std::array::from_fn(|_| next())).collect();
    let drag = format!(
        "(() => {{
            const told = (element) => element.dispatchEvent(new Event('input', {{ bubbles: true }}));
            const key = (name) => document.getElementById(`explorer-${{name}}`);
            return {}.map((places) => {{
                ['slo', 'budget', 'memory_mb', 'batch', 'timeout_s'].forEach((name, at) => {{
                    const slider = key(name);
                    slider.value = Math.round(Math.sqrt(places[at]) * slider.max);
                    told(slider);
                }});
                ['memory_mb', 'batch', 'timeout_s'].forEach((name, at) => {{
                    const box = key(`${{name}}-only`);
                    box.checked = places[5 + at] < 0.2;
                    told(box);
                }});
                const goal = document.querySelectorAll('[name=explorer-goal]')[places[8] < 0.8 ? 0 : 1];
                goal.checked = true;
                told(goal);
                return {SEEN};
            }});
        }})()",
        json!(settings)
    );
    let seen = tab.value(&drag);
    let seen = seen.as_array().unwrap();
    assert_eq!(seen.len(), SETTINGS);
    let found = seen.iter().filter(|seen| check(seen, head, rows)).count();
    // Neither all nor none: limits that bind, and limits that leave something.
    assert!((SETTINGS / 2..SETTINGS).contains(&found), "{found}");
    let answers: std::collections::BTreeSet<&str> =
        seen.iter().filter_map(|seen| seen["file"].as_str()).collect();
    assert!(answers.len() > 100, "{} different answers", answers.len());
    say(&format!("explorer: {SETTINGS} settings agree with sweep.csv, {found} with a configuration"));
    tab.value("[...document.querySelectorAll('#explorer button')].at(-1).click()");
    let seen = tab.value(SEEN);
    assert_eq!(seen["limits"][0], "0.5");
    assert!(check(&seen, head, rows));
}

/// A hundred steps of a drag, each with everything that it changes on the page, under 16 ms.
fn frames(tab: &mut Tab) {
    let steps = "(async () => {
        const slider = document.getElementById('explorer-slo');
        const times = [];
        for (let i = 0; i < 100; i++) {
            await new Promise(requestAnimationFrame);
            const begin = performance.now();
            slider.value = Math.round((slider.max * i) / 99);
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            document.body.getBoundingClientRect();
            times.push(performance.now() - begin);
        }
        return times.sort((a, b) => a - b);
    })()";
    // The machine may be busy with something else: the best of some drags counts.
    let mut worst = Vec::new();
    while worst.len() < MOST_DRAGS && !worst.iter().any(|longest| *longest < FRAME_MS) {
        let times = tab.value(steps);
        let time = |at: usize| times[at].as_f64().unwrap();
        say(&format!("explorer: 100 frames, median {:.1} ms, longest {:.1} ms", time(50), time(99)));
        worst.push(time(99));
    }
    assert!(worst.iter().any(|longest| *longest < FRAME_MS), "{worst:?}");
}

/// Where a slider's thumb is, scrolled into view, and how wide its track is.
fn thumb(tab: &mut Tab, key: &str) -> (f64, f64, f64) {
    let place = tab.value(&format!(
        "(() => {{
            const slider = document.getElementById('explorer-{key}');
            slider.scrollIntoView({{ block: 'center' }});
            const {{ left, top, width, height }} = slider.getBoundingClientRect();
            return [left + 8 + (width - 16) * slider.value / slider.max, top + height / 2, width];
        }})()"
    ));
    let at = |index: usize| place[index].as_f64().unwrap();
    (at(0), at(1), at(2))
}

/// With the mouse, and with the keys.
fn dragged(tab: &mut Tab, head: &str, rows: &[Row]) {
    tab.value("[...document.querySelectorAll('#explorer button')].at(-1).click()");
    let before = tab.value(SEEN);
    let (x, y, width) = thumb(tab, "slo");
    let mouse = |tab: &mut Tab, kind: &str, x: f64| {
        let button = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
        tab.call("Input.dispatchMouseEvent", button);
    };
    mouse(tab, "mousePressed", x);
    for step in 1..=20 {
        mouse(tab, "mouseMoved", x - width * 0.3 * f64::from(step) / 20.0);
    }
    mouse(tab, "mouseReleased", x - width * 0.3);
    let after = tab.value(SEEN);
    assert_ne!(before["limits"][0], after["limits"][0], "the mouse moves the slider");
    check(&after, head, rows);
    tab.value("document.getElementById('explorer-slo').focus()");
    for (key, code) in [("ArrowRight", 39), ("ArrowRight", 39), ("End", 35), ("Home", 36)] {
        let before = tab.value(SEEN);
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            tab.call("Input.dispatchKeyEvent", event);
        }
        let after = tab.value(SEEN);
        assert_ne!(before["limits"][0], after["limits"][0], "{key} moves the slider");
        check(&after, head, rows);
    }
}

fn touched(tab: &mut Tab, head: &str, rows: &[Row]) {
    let before = tab.value(SEEN);
    check(&before, head, rows);
    let (x, y, width) = thumb(tab, "memory_mb");
    let touch = |tab: &mut Tab, kind: &str, x: Option<f64>| {
        let points: Vec<Value> = x.iter().map(|x| json!({ "x": x, "y": y })).collect();
        tab.call("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points }));
    };
    touch(tab, "touchStart", Some(x));
    for step in 1..=10 {
        touch(tab, "touchMove", Some(x - width * 0.05 * f64::from(step)));
    }
    touch(tab, "touchEnd", None);
    let after = tab.value(SEEN);
    assert_ne!(before["limits"][2], after["limits"][2], "a finger moves the slider");
    check(&after, head, rows);
}

fn kept_in_the_address(tab: &mut Tab) {
    let set = "(async () => {
        const set = (id, value) => {
            const element = document.getElementById(`explorer-${id}`);
            if (element.type === 'checkbox') element.checked = value;
            else element.value = value;
            element.dispatchEvent(new Event('input', { bubbles: true }));
        };
        set('slo', 30);
        set('batch', 3);
        set('batch-only', true);
        await new Promise((go) => setTimeout(go, 600));
        return location.hash;
    })()";
    let hash = tab.text(set);
    assert!(hash.contains("slo=") && hash.contains("batch=5") && hash.contains("only=batch"), "{hash}");
    let before = tab.value(SEEN);
    tab.reload();
    ready(tab);
    assert_eq!(tab.value(SEEN), before, "{hash}");
}

fn pinned(tab: &mut Tab) {
    let cells = "[...document.querySelectorAll('#explorer tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))";
    let before = tab.value(cells);
    tab.value("document.querySelector('#explorer .buttons button').click()");
    let after = tab.value(cells);
    for (before, after) in before.as_array().unwrap().iter().zip(after.as_array().unwrap()) {
        assert_eq!(before[1], after[1], "what was found stays");
        assert_eq!(after[1], after[2], "it is what is pinned");
        assert!(["", "0 %", "0 points"].contains(&after[3].as_str().unwrap()), "{after}");
    }
}

fn without_scripts(browser: &mut Browser, folder: &Path) {
    let mut tab = browser.open_without_scripts(&folder.join("index.html"), WIDE);
    let height = "document.getElementById('explorer').getBoundingClientRect().height";
    assert_eq!(tab.value(height), 0);
    assert!(tab.text("document.querySelector('main').innerText").contains("The front"));
    tab.close();
}
