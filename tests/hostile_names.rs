//! Names that would be obeyed rather than shown: through every command and every format, checked by the formats' parsers.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use batchsim::document::Document;
use batchsim::planner::emit::{Emit, emit};
use batchsim::scenario::Scenario;
use batchsim::text::{hcl, is_live, yaml};
use batchsim::units::Span;

use crate::common::sim;

const HOSTILE: [&str; 14] = [
    "\u{1b}[31mred\u{1b}]0;title\u{7}\u{1b}[2J",
    "a\u{0}b\u{85}\u{9b}31m\u{7f}",
    "two\nlines: !Ref Live\r\n# more",
    "\u{202e}gnp.exe\u{2066}\u{feff}\u{2028}",
    "=HYPERLINK(\"http://x.invalid\",\"y\")",
    "+1+cmd",
    "-1-1",
    "@SUM(1,1)",
    "\t=1",
    "<script>alert(1)</script><b title='x'>",
    "]]> -- & ; | `x` \" ' \\",
    "${var.x} %{ if true } $${y} #{z}",
    "\"\n}\nresource \"x\" \"y\" {\n",
    "\u{fffe}\u{ffff}\u{b}\u{c}",
];

fn quoted(name: &str) -> String {
    toml::Value::String(name.to_owned()).to_string()
}

fn scenario(model: &str) -> String {
    let systems: String = HOSTILE
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let figure = format!(
                "[[published]]\nfigure = {0}\nsystem = {0}\nmetric = \"p95_s\"\nvalue = 1.0\nwhy = {0}\n",
                quoted(name)
            );
            let system = format!(
                "[[system]]\nname = {}\nkind = \"lambda\"\npolicy = {{ kind = \"batch\", batch = {}, timeout = \"50ms\" }}\n",
                quoted(name),
                1 + i % 8
            );
            system + &figure
        })
        .collect();
    format!(
        "seed = 3\n[workload]\nkind = \"poisson\"\nrate = 50\nrequests = 3000\n[profile]\nmodel = {}\nsource = {}\n\
         memory_mb = [1024, 3072]\nbatch = [1, 8]\nservice_s = [[0.2, 0.9], [0.1, 0.35]]\n\
         [platform]\nkind = \"lambda\"\nbook = \"book.toml\"\nmemory_mb = 1024\n\
         [policy]\nkind = \"batch\"\nbatch = 8\ntimeout = \"100ms\"\n[slo]\nlatency = \"1s\"\n\
         [sweep]\nmemory_mb = [1024, 3072]\nbatch = [1, 8]\ntimeout = [\"50ms\", \"1s\"]\n\
         [output]\nbatches = true\nhours = true\n{systems}",
        quoted(model),
        quoted(model)
    )
}

/// Nothing that a terminal obeys; returns what was printed.
fn shown(folder: &Path, words: &[&str]) -> String {
    let output = sim(folder, words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{words:?}: {err}");
    for said in [&out, &err] {
        let live = said.chars().find(|c| is_live(*c) && *c != '\n');
        assert_eq!(live, None, "{words:?}: {said:?}");
    }
    out
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// Every drawing is XML by itself; elsewhere on the page no name opens an element.
fn check_page(path: &Path, page: &str) {
    let mut rest = page;
    while let Some(at) = rest.find("<svg ") {
        let end = rest[at..].find("</svg>").expect("a drawing ends") + at + "</svg>".len();
        let parsed = roxmltree::Document::parse(&rest[at..end]);
        parsed.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        rest = &rest[end..];
    }
    assert!(!page.contains("<script>alert") && !page.contains("<b title"), "{}", path.display());
}

fn check_csv(path: &Path) {
    let mut reader = csv::ReaderBuilder::new().from_path(path).unwrap();
    for record in reader.records() {
        for cell in &record.unwrap_or_else(|e| panic!("{}: {e}", path.display())) {
            assert!(!cell.contains(is_live), "{}: {cell:?}", path.display());
            let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
            assert!(!formula, "{}: {cell:?}", path.display());
        }
    }
}

fn check(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let kind = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    match kind.as_str() {
        "json" => drop(serde_json::from_str::<serde_json::Value>(&text).unwrap()),
        "toml" => drop(text.parse::<toml::Table>().unwrap_or_else(|e| panic!("{}: {e}", path.display()))),
        "csv" => check_csv(path),
        "svg" => {
            let parsed = roxmltree::Document::parse(&text);
            drop(parsed.unwrap_or_else(|e| panic!("{}: {e}", path.display())));
        }
        "html" => check_page(path, &text),
        "md" => {
            // Each cell of a row stands between two bars.
            let bars = |line: &str| line.replace("\\|", "").matches('|').count();
            let first = text.lines().next().map_or(0, bars);
            assert!(text.lines().all(|line| bars(line) == first), "{text}");
        }
        other => panic!("{}: no check for .{other}", path.display()),
    }
    if kind != "json" && kind != "toml" {
        assert!(!text.contains(|c| is_live(c) && c != '\n'), "{}", path.display());
    }
}

#[test]
fn names_in_files_are_shown_and_never_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let book =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/books/aws-2026.toml")).unwrap();
    assert!(book.contains("name = \"aws-2026\""));
    for (i, name) in HOSTILE.iter().enumerate() {
        let file = format!("s{i}.toml");
        fs::write(folder.join("book.toml"), book.replace("\"aws-2026\"", &quoted(name))).unwrap();
        fs::write(folder.join(&file), scenario(name)).unwrap();
        shown(folder, &["run", &file]);
        // One of them is enough for what is made of all names at once.
        if i == 0 {
            shown(folder, &["compare", &file]);
            shown(folder, &["compare", &file, "--json", "--out", "output/json"]);
        }
        if i < 4 {
            let json = shown(folder, &["run", &file, "--json", "--out", "output/again"]);
            let json: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["settings"]["profile"]["model"], **name);
            shown(folder, &["plan", &file, "--predict-only"]);
            shown(folder, &["sweep", &file, "--predict-only"]);
            shown(folder, &["diff", "output/again", &format!("output/s{i}")]);
        }
        for shard in ["1/2", "2/2"].iter().filter(|_| i == 3) {
            shown(folder, &["sweep", &file, "--predict-only", "--out", "output/parts", "--shard", shard]);
        }
    }
    shown(folder, &["merge", "output/parts"]);
    let files = below(&folder.join("output"));
    assert!(files.len() > 100, "{}", files.len());
    files.iter().filter(|path| !path.to_string_lossy().contains("/shard-")).for_each(|path| check(path));
}

#[test]
fn names_of_files_are_shown_and_never_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let times: String =
        (0..600).map(|i| format!("{}\n", f64::from(i * i % 97) / 1e3 + f64::from(i))).collect();
    let log = "REPORT RequestId: 3f8e2a10-0000-4000-8000-00000000000a\tDuration: 812.50 ms\t\
        Billed Duration: 1126 ms\tMemory Size: 1792 MB\tMax Memory Used: 401 MB\n";
    for (i, name) in HOSTILE.iter().enumerate() {
        let name = name.replace(['\0', '/', '.'], "x");
        let trace = format!("{name}.csv");
        fs::write(folder.join(&trace), format!("timestamp\n{times}")).unwrap();
        let path = format!("./{trace}");
        shown(folder, &["trace", "info", &path, "--column", "timestamp"]);
        let logs = format!("./{name}.log");
        fs::write(folder.join(&logs), log).unwrap();
        let out = format!("profiles/{i}.toml");
        shown(
            folder,
            &["import", "lambda-logs", &logs, "--batch", "1", "--model", &name.replace('-', "="), "-o", &out],
        );
        if i < 6 {
            shown(folder, &["fit", &path, "--column", "timestamp", "--method", "poisson"]);
        }
        let output = sim(folder, ["run", &path]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && !said.contains(|c| is_live(c) && c != '\n'), "{said:?}");
    }
    for path in below(&folder.join("output")).iter().chain(&below(&folder.join("profiles"))) {
        check(path);
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        assert!(!name.contains(is_live), "{name:?}");
    }
}

#[test]
fn a_scenario_s_file_cannot_name_a_folder_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("inner");
    fs::create_dir(&place).unwrap();
    let text = scenario("m").split("[[system]]").next().unwrap().replace("book.toml", "aws-2026");
    for name in ["...toml", "..toml", ".toml", "a\nb.toml", "a\u{1b}[31m.toml", "\u{202e}a.toml", "a,b.toml"]
    {
        fs::write(place.join(name), &text).unwrap();
        for command in ["run", "plan", "sweep", "compare"] {
            let output = sim(&place, [command, &format!("./{name}")]).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("has no `name`") && said.contains("add a line `name = "), "{said}");
        }
        fs::write(place.join(name), format!("name = \"fine\"\n{text}")).unwrap();
        shown(&place, &["run", &format!("./{name}"), "--no-charts"]);
        fs::remove_file(place.join(name)).unwrap();
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["inner"]);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    assert_eq!(fs::read_dir(place.join("output")).unwrap().count(), 1);
}

#[test]
fn emitted_code_says_the_same_whatever_the_name() {
    let text = scenario("m").split("[[system]]").next().unwrap().replace("book.toml", "aws-2026");
    let mut scenario = Scenario::from_document(&Document::parse("s", &text).unwrap(), "plain").unwrap();
    for timeout in ["100ms", "2s"] {
        let setting =
            batchsim::scenario::Setting { timeout: Span::parse(timeout).unwrap(), ..scenario.setting() };
        let serving = Span::from_secs(1);
        scenario.name = "plain".into();
        let sam: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(&emit(Emit::Sam, &scenario, setting, serving)).unwrap();
        let terraform = hcl::parse(&emit(Emit::Terraform, &scenario, setting, serving)).unwrap();
        assert!(sam["Resources"]["Inference"]["Properties"]["MemorySize"].is_number());
        for name in HOSTILE {
            scenario.name = name.to_owned();
            let again = emit(Emit::Sam, &scenario, setting, serving);
            assert_eq!(serde_yaml_ng::from_str::<serde_yaml_ng::Value>(&again).unwrap(), sam, "{again}");
            let again = emit(Emit::Terraform, &scenario, setting, serving);
            let lines = again.lines().count();
            let found = hcl::parse(&again).unwrap_or_else(|e| panic!("{e}: {again}"));
            assert_eq!(found.blocks().count(), terraform.blocks().count(), "{again}");
            let function = found.blocks().next().unwrap().body.attributes().next().unwrap();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(
                matches!(&function.expr, hcl::Expression::String(name) if name.chars().all(plain)),
                "{again}"
            );
            scenario.name = "plain".into();
            assert_eq!(lines, emit(Emit::Terraform, &scenario, setting, serving).lines().count());
        }
    }
}

#[test]
fn strings_of_yaml_and_hcl_come_back_as_they_were() {
    for name in HOSTILE {
        let found: serde_yaml_ng::Value =
            serde_yaml_ng::from_str(&format!("name: {}\n", yaml(name))).unwrap();
        assert_eq!(found["name"], *name);
        let body: serde_json::Value = hcl::from_str(&format!("name = {}\n", hcl(name))).unwrap();
        // hcl-rs keeps the escape of a template.
        let found = body["name"].as_str().unwrap().replace("$${", "${").replace("%%{", "%{");
        assert_eq!(found, name.replace("$${", "${"));
    }
}
