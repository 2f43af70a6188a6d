//! The pages in a real browser: light, dark, narrow; nothing cut off, and the values at the pointer.
//!
//! `SIM_BROWSER=chromium cargo test --test browser` asks for it; docs/results.md says more.

mod devtools;
mod explorer;
mod hostile;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use batchsim::report::format::{duration, money, percent};
use devtools::{Browser, Look, Tab};
use serde_json::{Value, json};

const LOOKS: [Look; 3] = [
    Look { name: "light", scheme: "light", width: 1100, touch: false },
    Look { name: "dark", scheme: "dark", width: 1100, touch: false },
    Look { name: "narrow", scheme: "light", width: 390, touch: true },
];
const PAGES: [&str; 7] = ["run", "sweep", "plan", "compare", "fit", "fleet", "backtest"];

#[test]
fn pages_in_a_browser() {
    let Ok(program) = std::env::var("SIM_BROWSER") else {
        // Not eprintln, which the test harness keeps to itself.
        let skipped = "skipped: SIM_BROWSER=chromium tries the pages in a browser (apt-get install chromium)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let results = tempfile::tempdir().unwrap();
    let output = make_pages(results.path());
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&pictures).unwrap();
    writeln!(std::io::stderr(), "screenshots: {}", pictures.display()).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Browser::start(&program, profile.path());
    for look in LOOKS {
        let mut backgrounds = Vec::new();
        for name in PAGES.into_iter().chain(["."]) {
            let folder = output.join(name);
            let what = format!("{}-{}", if name == "." { "index" } else { name }, look.name);
            let mut tab = browser.open(&folder.join("index.html"), look);
            fs::write(pictures.join(format!("{what}.png")), tab.whole()).unwrap();
            everything_is_there(&mut tab, &folder, &what);
            links_lead_somewhere(&mut tab, &folder, &what);
            backgrounds.push(tab.text("getComputedStyle(document.body).backgroundColor"));
            match name {
                "sweep" => sweep_tells_its_values(&mut tab, &folder, look),
                "compare" => compare_tells_its_values(&mut tab, &folder, look),
                _ => {}
            }
            if name == "sweep" || name == "compare" {
                fs::write(pictures.join(format!("{what}-hover.png")), tab.window()).unwrap();
                told_by_keys(&mut tab, look);
            }
            assert!(tab.complaints().is_empty(), "{what}: {:#?}", tab.complaints());
            tab.close();
        }
        let is_dark = |colour: &String| colour == "rgb(22, 27, 33)";
        assert!(backgrounds.iter().all(|colour| is_dark(colour) == (look.name == "dark")), "{backgrounds:?}");
    }
    explorer::explorer(&mut browser, &pictures);
    hostile::hostile_names(&mut browser);
}

/// Scenarios of the project.
const SHIPPED: [&str; 3] = ["twitter.toml", "compare-twitter.toml", "fleet.toml"];

/// One small result of each kind below an output folder, with its index.
fn make_pages(place: &Path) -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sim = |words: &str| {
        let scenario = |name: &str| project.join("scenarios").join(name).display().to_string();
        let words =
            words.split(' ').map(|word| if SHIPPED.contains(&word) { scenario(word) } else { word.into() });
        Command::cargo_bin("sim").unwrap().current_dir(place).args(words).arg("--quiet").assert().success();
    };
    let small = "--set workload.duration=40min --set sweep.memory_mb=[1536,2112,3008] --set sweep.batch=[2,4,6] \
                 --set sweep.timeout=[\"50ms\",\"400ms\"]";
    sim("run twitter.toml --set workload.duration=2h --set platform.cold_starts=true --out output/run");
    sim(&format!("sweep twitter.toml {small} --out output/sweep"));
    sim(&format!("plan twitter.toml {small} --out output/plan"));
    sim(&format!("compare compare-twitter.toml {small} --out output/compare"));
    sim("trace generate twitter.toml --set workload.duration=10min --to arrivals.csv");
    sim("fit arrivals.csv --window 5min --out output/fit");
    let call = |i: u32| format!("f{},{}.{:03}\n", i % 7 * i % 5, i * 3, i * 37 % 1000);
    let calls: String = (0..900).map(call).collect();
    fs::write(place.join("calls.csv"), format!("function,time_s\n{calls}")).unwrap();
    sim("fleet calls.csv --scenario fleet.toml --out output/fleet");
    sim(
        "run twitter.toml --set workload.duration=20min --set platform.cold_starts=true --set policy.kind=unbatched \
         --set output.batches=true --set output.hours=false --out log",
    );
    sim("backtest log/batches.csv --seeds 3 --out output/backtest");
    place.join("output")
}

/// All charts are drawn, no text is cut off or lies on another, and the page does not scroll sideways.
fn everything_is_there(tab: &mut Tab, folder: &Path, what: &str) {
    let files = fs::read_dir(folder.join("charts")).map_or(0, Iterator::count);
    let state = tab.value(include_str!("state.js"));
    assert_eq!(state["charts"], files, "{what}: charts on the page and in its folder");
    assert_eq!(state["unnamed"], 0, "{what}: charts without a label");
    assert!(state["pageWidth"].as_f64() <= state["windowWidth"].as_f64(), "{what} scrolls sideways: {state}");
    assert_eq!(state["cut"], json!([]), "{what}: texts outside their charts");
    assert_eq!(state["overlapping"], json!([]), "{what}: texts on one another");
    assert_eq!(state["language"], "en", "{what}");
}

fn links_lead_somewhere(tab: &mut Tab, folder: &Path, what: &str) {
    let links = tab.value("[...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))");
    let links: Vec<&str> = links.as_array().unwrap().iter().map(|link| link.as_str().unwrap()).collect();
    for link in &links {
        assert!(folder.join(link).is_file(), "{what}: {link} leads nowhere");
    }
    assert!(!what.starts_with("index") || links.len() == PAGES.len(), "{what}: {links:?}");
}

/// Each point of the front chart tells the configuration and figures of its row of sweep.csv.
fn sweep_tells_its_values(tab: &mut Tab, folder: &Path, look: Look) {
    let mut rows = csv::Reader::from_path(folder.join("sweep.csv")).unwrap();
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        rows.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 18);
    for row in &rows {
        let figure = |name: &str| row[name].parse::<f64>().unwrap();
        let (s, p) = (figure("simulated_p95_s"), figure("predicted_p95_s"));
        let usd = ["simulated", "predicted"].map(|kind| figure(&format!("{kind}_cost_usd_per_million")));
        let timeout = format!("{} ms", (figure("timeout_s") * 1e3).round());
        let memory = batchsim::units::MemoryMb(row["memory_mb"].parse().unwrap());
        let name = format!("{memory}, batch {}, {timeout}", row["batch"]);
        let mut expected = format!("{name}\np95: {} (predicted {})\n", duration(s), duration(p));
        expected += &format!("cost per million: {} (predicted {})", money(usd[0]), money(usd[1]));
        if row["meets_slo"] == "false" {
            expected += "\nmisses the SLO";
        }
        assert_eq!(told_at(tab, "Cost against latency", &name, look), expected, "{}", look.name);
    }
}

/// The dots, bars and lines of a comparison tell what compare.json holds.
fn compare_tells_its_values(tab: &mut Tab, folder: &Path, look: Look) {
    let text = fs::read_to_string(folder.join("compare.json")).unwrap();
    let systems: Value = serde_json::from_str(&text).unwrap();
    let name = "largest memory";
    let figure = |at: &str| systems[name]["simulated"].pointer(at).and_then(Value::as_f64).unwrap();
    let (late, cost) = (figure("/slo_violation_share"), figure("/cost_usd_per_million"));
    let p95 = duration(figure("/latency_s/p95"));
    let dot =
        format!("{name}\nover the SLO: {}\ncost per million: {}\np95: {p95}", percent(late), money(cost));
    assert_eq!(told_at(tab, "Cost and lateness", name, look), dot, "{}", look.name);
    let bar = format!("{name}\nserving: {}", money(figure("/cost_components_usd/compute")));
    assert_eq!(told_at(tab, "Cost", &bar, look), bar, "{}", look.name);
    // An unbatched system always takes the same time: its line stands upright there. That of another may lie upon it.
    let line = told_at(tab, "Latency", name, look);
    assert!(
        line.contains(name) && line.contains(&format!("\nlatency: {p95}\nshare of requests over it: ")),
        "{line}"
    );
}

/// What the page tells a little beside the shape or line whose text begins with `text`, of the chart `title`.
fn told_at(tab: &mut Tab, title: &str, text: &str, look: Look) -> String {
    let place = tab.value(&format!("({})({}, {})", include_str!("place.js"), json!(title), json!(text)));
    let (x, y) = (place[0].as_f64().expect(text) + 1.0, place[1].as_f64().unwrap() - 1.0);
    if look.touch {
        let finger = json!([{ "x": x, "y": y }]);
        tab.call("Input.dispatchTouchEvent", json!({ "type": "touchStart", "touchPoints": finger }));
        tab.call("Input.dispatchTouchEvent", json!({ "type": "touchEnd", "touchPoints": [] }));
    } else {
        tab.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
    }
    shown(tab)
}

/// The arrow keys go from the first point of a chart to the next.
fn told_by_keys(tab: &mut Tab, look: Look) {
    // As in place.js, the page must hear of the scrolling first.
    tab.value(
        "(async () => {
            [...document.querySelectorAll('svg.chart')].find((svg) => svg.clientWidth > 0).focus();
            for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
        })()",
    );
    let press = |tab: &mut Tab| {
        tab.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "ArrowRight" }));
        shown(tab)
    };
    let (first, second) = (press(tab), press(tab));
    assert!(!first.is_empty() && !second.is_empty() && first != second, "{}: {first} {second}", look.name);
    tab.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "Escape" }));
    assert_eq!(shown(tab), "", "{}: Escape hides it", look.name);
}

/// The text of the box beside the pointer; empty while it is hidden. It must lie within the window.
fn shown(tab: &mut Tab) -> String {
    let visible = "[...document.querySelectorAll('.tip')].filter((tip) => !tip.hidden)";
    let inside = "(({ left, top, right }) => left >= 0 && top >= 0 && right <= innerWidth)";
    let state = tab
        .value(&format!("{visible}.map((tip) => [tip.textContent, {inside}(tip.getBoundingClientRect())])"));
    let Some(tip) = state.get(0) else { return String::new() };
    assert_eq!(tip[1], true, "the box leaves the window: {tip}");
    tip[0].as_str().unwrap().to_owned()
}
